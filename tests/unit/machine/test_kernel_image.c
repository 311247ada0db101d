#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/base/bytes.h"
#include "vmm/machine/kernel_image.h"

#define MEMORY_END (32 * MIB)

struct file {
	Elf64_Ehdr elf;
	Elf64_Phdr phdr[KERNEL_SEGMENTS_MAX + 1];
};

static const struct file good = {
	.elf = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_entry = 16 * MIB + 0x10,
		.e_phoff = offsetof(struct file, phdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 3,
	},
	.phdr = {
		{ .p_type = PT_NOTE, .p_offset = UINT64_MAX, .p_filesz = UINT64_MAX },
		{ .p_type = PT_LOAD, .p_offset = 0x1000, .p_paddr = 16 * MIB, .p_filesz = 0x2800,
		  .p_memsz = 0x2800 },
		{ .p_type = PT_LOAD, .p_offset = 0x4000, .p_paddr = 18 * MIB + 0x123,
		  .p_filesz = 0x100, .p_memsz = 0x10000 },
	},
};
enum { FILE_BYTES = 0x5000 };

static int parse(const struct file *file, struct kernel_image *image, struct error *err)
{
	return kernel_image_parse(image, file, sizeof(*file), FILE_BYTES, MEMORY_END, err);
}

static void refuse(const struct file *file, const char *reason)
{
	struct kernel_image image;
	struct error err = ERROR_NONE;

	assert_int_equal(parse(file, &image, &err), -1);
	if (!strstr(err.text, reason))
		fail_msg("'%s' does not say '%s'", err.text, reason);
}

static void test_good(void **state)
{
	struct kernel_image image;
	struct error err = ERROR_NONE;

	(void)state;
	assert_int_equal(parse(&good, &image, &err), 0);
	assert_int_equal(image.segment_count, 2);
	assert_int_equal(image.entry, 16 * MIB + 0x10);
	assert_int_equal(image.end, 18 * MIB + 0x123 + 0x10000);
	assert_int_equal(image.segments[1].memory_bytes, 0x10000);
}

static void test_wrong_kind(void **state)
{
	struct file file = good;

	(void)state;
	memcpy(file.elf.e_ident, "MZ", 2);
	refuse(&file, "not an ELF file");
	file = good;
	file.elf.e_ident[EI_CLASS] = ELFCLASS32;
	refuse(&file, "not a 64-bit x86 executable");
	file = good;
	file.elf.e_machine = EM_AARCH64;
	refuse(&file, "not a 64-bit x86 executable");
	file = good;
	file.elf.e_type = ET_DYN;
	refuse(&file, "not a 64-bit x86 executable");
}

static void test_lying_headers(void **state)
{
	struct file file = good;

	(void)state;
	file.elf.e_phentsize = 12;
	refuse(&file, "program headers have 12 bytes");
	file = good;
	file.elf.e_phoff = UINT64_MAX - 8;
	refuse(&file, "lie outside");
	file = good;
	file.elf.e_phnum = UINT16_MAX;
	refuse(&file, "lie outside");
	file = good;
	file.elf.e_entry = 17 * MIB;
	refuse(&file, "entry lies in none");
	file = good;
	file.elf.e_entry = 18 * MIB + 0x123 + 0x100; /* memory, but not in the file */
	refuse(&file, "entry lies in none");
	file = good;
	file.elf.e_phnum = KERNEL_SEGMENTS_MAX + 1;
	for (unsigned i = 0; i < file.elf.e_phnum; i++)
		file.phdr[i] =
		    (Elf64_Phdr){ .p_type = PT_LOAD, .p_paddr = MIB + i * 0x1000ull, .p_memsz = 1 };
	refuse(&file, "more than 16 segments");
}

static void test_lying_segments(void **state)
{
	struct file file = good;

	(void)state;
	file.phdr[1].p_offset = FILE_BYTES - 1;
	refuse(&file, "too short");
	file = good;
	file.phdr[1].p_filesz = UINT64_MAX;
	refuse(&file, "too short");
	file = good;
	file.phdr[1].p_memsz = 1;
	refuse(&file, "larger in the file");
	file = good;
	file.phdr[1].p_paddr = 0x9000;
	refuse(&file, "below 1 MiB");
	file = good;
	file.phdr[2].p_memsz = UINT64_MAX;
	refuse(&file, "does not fit");
	file = good;
	file.phdr[2].p_paddr = UINT64_MAX;
	refuse(&file, "does not fit");
	file = good;
	file.phdr[2].p_paddr = 16 * MIB + 0x27ff;
	refuse(&file, "overlap");
}

static void test_every_prefix(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(good.elf) + 3 * sizeof(Elf64_Phdr); len++) {
		struct kernel_image image;
		struct error err = ERROR_NONE;
		uint8_t *copy = malloc(len ? len : 1); /* so that ASan sees a read behind it */

		memcpy(copy, &good, len);
		assert_int_equal(
		    kernel_image_parse(&image, copy, len, FILE_BYTES, MEMORY_END, &err), -1);
		free(copy);
	}
}

static void count_segment(void *context, unsigned segment)
{
	assert_int_equal(segment, *(unsigned *)context);
	++*(unsigned *)context;
}

static void test_load(void **state)
{
	struct kernel_image image;
	struct gmem memory = { .count = 0 };
	struct error err = ERROR_NONE;
	uint8_t content[FILE_BYTES];
	uint8_t *ram =
	    mmap(NULL, MEMORY_END, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned loaded = 0;
	int fd = memfd_create("kernel", MFD_CLOEXEC);

	(void)state;
	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)(i * 7 + i / 256);
	memcpy(content, &good, sizeof(good));
	assert_int_equal(write(fd, content, sizeof(content)), sizeof(content));
	assert_int_equal(gmem_add(&memory, 0, MEMORY_END, ram), 0);
	assert_int_equal(kernel_image_load(&image, fd, &memory, count_segment, &loaded, &err), 0);
	assert_int_equal(loaded, image.segment_count);
	assert_memory_equal(ram + 16 * MIB, content + 0x1000, 0x2800);
	assert_memory_equal(ram + 18 * MIB + 0x123, content + 0x4000, 0x100);
	/* Nothing of the file may show behind a segment. */
	for (size_t i = 0x2800; i < 0x4000; i++)
		assert_int_equal(ram[16 * MIB + i], 0);
	for (size_t i = 0x100; i < 0x10000; i++)
		assert_int_equal(ram[18 * MIB + 0x123 + i], 0);
	/* The mapping is private. */
	ram[16 * MIB] ^= 0xff;
	assert_int_equal(pread(fd, content, 1, 0x1000), 1);
	assert_int_not_equal(content[0], ram[16 * MIB]);
	munmap(ram, MEMORY_END);
	close(fd);
}

/* Whether a byte of the file that is written after loading shows in memory: it is mapped there. */
static bool follows_file(int fd, uint64_t file_offset, const uint8_t *ram)
{
	uint8_t changed = (uint8_t)(*ram ^ 0x55);

	assert_int_equal(pwrite(fd, &changed, 1, (off_t)file_offset), 1);
	return *(const volatile uint8_t *)ram == changed;
}

/* A block that lies in the file as a whole is mapped; the one with the entry is read. */
static void test_load_blocks(void **state)
{
	const struct file file = {
		.elf = good.elf,
		.phdr = {
			{ .p_type = PT_LOAD, .p_offset = 2 * MIB, .p_paddr = 16 * MIB,
			  .p_filesz = 5 * MIB, .p_memsz = 5 * MIB },
			{ .p_type = PT_LOAD, .p_offset = 8 * MIB, .p_paddr = 22 * MIB,
			  .p_filesz = 4 * MIB, .p_memsz = 4 * MIB, .p_flags = PF_W },
		},
	};
	static uint8_t content[12 * MIB];
	struct kernel_image image;
	struct gmem memory = { .count = 0 };
	struct error err = ERROR_NONE;
	uint8_t *ram =
	    mmap(NULL, MEMORY_END, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = memfd_create("kernel", MFD_CLOEXEC);

	(void)state;
	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)(i * 7 + i / 256);
	memcpy(content, &file, sizeof(file));
	assert_int_equal(write(fd, content, sizeof(content)), sizeof(content));
	assert_int_equal(gmem_add(&memory, 0, MEMORY_END, ram), 0);
	assert_int_equal(kernel_image_load(&image, fd, &memory, NULL, NULL, &err), 0);
	assert_memory_equal(ram + 16 * MIB, content + 2 * MIB, 5 * MIB);
	assert_memory_equal(ram + 22 * MIB, content + 8 * MIB, 4 * MIB);
	assert_false(follows_file(fd, 4 * MIB - 1, ram + 18 * MIB - 1));
	assert_true(follows_file(fd, 4 * MIB, ram + 18 * MIB));
	assert_true(follows_file(fd, 6 * MIB - 1, ram + 20 * MIB - 1));
	assert_false(follows_file(fd, 6 * MIB, ram + 20 * MIB));
	assert_false(follows_file(fd, 9 * MIB, ram + 23 * MIB));
	munmap(ram, MEMORY_END);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),	      cmocka_unit_test(test_wrong_kind),
		cmocka_unit_test(test_lying_headers), cmocka_unit_test(test_lying_segments),
		cmocka_unit_test(test_every_prefix),  cmocka_unit_test(test_load),
		cmocka_unit_test(test_load_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
