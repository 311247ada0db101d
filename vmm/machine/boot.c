/*
 * The x86-64 boot protocol. Everything is written below 1 MiB, before the guest runs.
 */
#include "vmm/machine/boot.h"

#include <asm/bootparam.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "vmm/base/bytes.h"
#include "vmm/machine/layout.h"
#include "vmm/machine/plan.h"

enum {
	LOADER_UNDEFINED = 0xff, /* type_of_loader: must not be 0, or the initramfs is ignored */
	PROTOCOL_VERSION = 0x020f,
	SEED_BYTES = 64,
	SETUP_DATA_DTB = 2,
	SETUP_DATA_RNG_SEED = 9,

	PAGE_PRESENT = 1 << 0,
	PAGE_WRITABLE = 1 << 1,
	PAGE_LARGE = 1 << 7,
	TABLE_ENTRIES = 512,
	TABLE_BYTES = 4096,
};

static_assert(sizeof(struct boot_params) == 4096, "zero page");
static_assert(offsetof(struct boot_params, e820_table) == 0x2d0, "memory map in the zero page");

struct mp_stub {
	char signature[4];
	le32 physptr;
	uint8_t length, specification, checksum, feature1;
	uint8_t feature[4];
};
static_assert(sizeof(struct mp_stub) == 16, "MP floating pointer, MP specification 1.4, 4.1");

/*
 * An MP floating pointer that says "default configuration 5, no table": Linux would otherwise map
 * and search the first MiB 16 bytes at a time before it looks at the device tree.
 */
static void write_mp_stub(uint8_t *low)
{
	struct mp_stub stub = {
		.signature = "_MP_", .length = 1, .specification = 4, .feature1 = 5
	};
	uint8_t sum = 0;

	for (size_t i = 0; i < sizeof(stub); i++)
		sum = (uint8_t)(sum + ((const uint8_t *)&stub)[i]);
	stub.checksum = (uint8_t)-sum;
	memcpy(low + LAYOUT_MP_STUB, &stub, sizeof(stub));
}

static void write_page_tables(uint8_t *low)
{
	uint64_t *pml4 = (uint64_t *)(void *)(low + LAYOUT_PAGE_TABLES);
	uint64_t *pdpt = pml4 + TABLE_ENTRIES;
	uint64_t *pd = pdpt + TABLE_ENTRIES;

	pml4[0] = (LAYOUT_PAGE_TABLES + TABLE_BYTES) | PAGE_PRESENT | PAGE_WRITABLE;
	pdpt[0] = (LAYOUT_PAGE_TABLES + 2 * TABLE_BYTES) | PAGE_PRESENT | PAGE_WRITABLE;
	for (uint64_t i = 0; i < TABLE_ENTRIES; i++)
		pd[i] = i * 2 * MIB | PAGE_PRESENT | PAGE_WRITABLE | PAGE_LARGE;
}

static void add_memory(struct boot_params *params, uint64_t start, uint64_t end)
{
	struct boot_e820_entry *entry = &params->e820_table[params->e820_entries++];

	entry->addr = start;
	entry->size = end - start;
	entry->type = 1; /* RAM */
}

static void write_boot_params(uint8_t *low, const struct gmem *memory,
			      const struct boot_request *request)
{
	struct boot_params *params = (struct boot_params *)(void *)(low + LAYOUT_BOOT_PARAMS);

	memset(params, 0, sizeof(*params));
	params->hdr.version = PROTOCOL_VERSION;
	params->hdr.type_of_loader = LOADER_UNDEFINED;
	params->hdr.cmd_line_ptr = LAYOUT_COMMAND_LINE;
	params->hdr.cmdline_size = (uint32_t)strlen(request->command_line);
	params->hdr.setup_data = LAYOUT_RNG_SEED;
	params->hdr.ramdisk_image = (uint32_t)request->initramfs_gpa;
	params->ext_ramdisk_image = (uint32_t)(request->initramfs_gpa >> 32);
	params->hdr.ramdisk_size = (uint32_t)request->initramfs_bytes;
	params->ext_ramdisk_size = (uint32_t)(request->initramfs_bytes >> 32);
	/* All of it is RAM. Linux takes a table of one entry for none. */
	add_memory(params, 0, LAYOUT_LOW_END);
	add_memory(params, LAYOUT_LOW_END, memory->regions[0].len);
	for (unsigned i = 1; i < memory->count; i++)
		add_memory(params, memory->regions[i].gpa,
			   memory->regions[i].gpa + memory->regions[i].len);
}

static void write_setup_data(uint8_t *low, uint32_t gpa, uint64_t next, uint32_t type,
			     const void *data, size_t bytes)
{
	struct setup_data head = { .next = next, .type = type, .len = (uint32_t)bytes };

	memcpy(low + gpa, &head, sizeof(head));
	memcpy(low + gpa + sizeof(head), data, bytes);
}

int boot_write(const struct gmem *memory, const struct boot_request *request, struct error *err)
{
	size_t command_line_bytes = strlen(request->command_line) + 1;
	uint8_t *low = gmem_slice(memory, 0, LAYOUT_LOW_END);
	uint8_t seed[SEED_BYTES];

	if (!low)
		return error_set(err, 0, "the guest has no memory below 640 KiB");
	if (command_line_bytes > LAYOUT_RNG_SEED - LAYOUT_COMMAND_LINE ||
	    command_line_bytes > PLAN_COMMAND_LINE_MAX)
		return error_set(err, 0, "the kernel command line has %zu bytes, the limit is %d",
				 command_line_bytes, PLAN_COMMAND_LINE_MAX);
	if (request->device_tree_bytes > LAYOUT_DEVICE_TREE_MAX - sizeof(struct setup_data))
		return error_set(err, 0, "the device tree has %zu bytes, which is too many",
				 request->device_tree_bytes);
	if (getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		return error_set(err, errno, "no random bytes for the guest's seed");
	write_mp_stub(low);
	write_page_tables(low);
	write_boot_params(low, memory, request);
	memcpy(low + LAYOUT_COMMAND_LINE, request->command_line, command_line_bytes);
	write_setup_data(low, LAYOUT_RNG_SEED, LAYOUT_DEVICE_TREE, SETUP_DATA_RNG_SEED, seed,
			 sizeof(seed));
	write_setup_data(low, LAYOUT_DEVICE_TREE, 0, SETUP_DATA_DTB, request->device_tree,
			 request->device_tree_bytes);
	explicit_bzero(seed, sizeof(seed));
	return 0;
}
