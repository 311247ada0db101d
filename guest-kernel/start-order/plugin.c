/*
 * A plug-in of QEMU's TCG that watches one kernel in the whole emulated machine: which of its
 * instructions ran, in which order and how often, and what they read and wrote of its image.
 *
 * Arguments: image=FILE (the kernel's bytes from `start` on), start=HEX (its first virtual
 * address), out=FILE, and marks=FILE (addresses, one hexadecimal number a line): then only when
 * these were reached, in instructions of the whole machine and in those of the kernel.
 *
 * The host's kernel has the same addresses as the guest's. What runs is the guest's if its bytes
 * are those of the image, but for a few that start patches.
 *
 * Written to `out` at the end, a line each, numbers of events instead of times:
 *   X ADDRESS COUNT FIRST       an instruction
 *   M ADDRESS WRITTEN FIRST     eight bytes of the image, read or written
 *   K ADDRESS MACHINE KERNEL    a mark was reached
 *
 * The declarations are those of QEMU's plug-in interface, version 1 (docs/devel/tcg-plugins.rst);
 * Debian has no package with its header. Everything that this reads is the tester's own.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;

enum { ADD_U64 = 0, NO_REGISTERS = 0, READ_AND_WRITE = 3 };

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
					   void (*translated)(uint64_t id,
							      struct qemu_plugin_tb *tb));
void qemu_plugin_register_atexit_cb(uint64_t id, void (*at_exit)(uint64_t id, void *data),
				    void *data);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int operation, void *to,
					      uint64_t value);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int operation,
						void *to, uint64_t value);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*reached)(unsigned cpu, void *data),
					    int registers, void *data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
				      void (*accessed)(unsigned cpu, uint32_t info,
						       uint64_t address, void *data),
				      int registers, int direction, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
bool qemu_plugin_mem_is_store(uint32_t info);
int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

struct instruction {
	struct instruction *next;
	uint64_t address, count, first;
};

struct word {
	uint32_t first;
	bool written;
};

static const char *out_path;
static uint64_t start, image_bytes;
static uint8_t *image;
static struct word *words; /* one for each eight bytes of the image */
static struct instruction *instructions;
static uint64_t events;

static uint64_t *marks;
static size_t mark_count;
static uint64_t machine_count, kernel_count;
static FILE *out;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void on_access(unsigned cpu, uint32_t info, uint64_t address, void *data)
{
	struct word *word;

	(void)cpu, (void)data;
	if (address < start || address - start >= image_bytes)
		return;
	word = &words[(address - start) / 8];
	if (!word->first)
		word->first = (uint32_t)++events;
	word->written |= qemu_plugin_mem_is_store(info);
}

static void on_mark(unsigned cpu, void *address)
{
	(void)cpu;
	fprintf(out, "K %lx %lu %lu\n", (uint64_t)address, machine_count, kernel_count);
}

static int compare_addresses(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

/* Short blocks must be the same, long ones nearly: alternatives and static calls are patched in. */
static bool is_kernel(const struct qemu_plugin_tb *tb, size_t count)
{
	size_t same = 0, total = 0;

	for (size_t i = 0; i < count; i++) {
		const struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		const uint8_t *bytes = qemu_plugin_insn_data(insn);
		uint64_t offset = qemu_plugin_insn_vaddr(insn) - start;
		size_t size = qemu_plugin_insn_size(insn);

		if (offset >= image_bytes || size > image_bytes - offset)
			continue;
		for (size_t k = 0; k < size; k++)
			same += bytes[k] == image[offset + k];
		total += size;
	}
	return total > 0 && (total < 12 ? same == total : same * 4 >= total * 3);
}

static void watch_mark(struct qemu_plugin_insn *insn)
{
	uint64_t address = qemu_plugin_insn_vaddr(insn);

	if (bsearch(&address, marks, mark_count, sizeof(*marks), compare_addresses))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, NO_REGISTERS,
						       (void *)address);
}

/* Each by itself: a block may be left in its middle. */
static void watch_instruction(struct qemu_plugin_insn *insn)
{
	struct instruction *entry = calloc(1, sizeof(*entry));

	if (!entry)
		die("plugin");
	entry->address = qemu_plugin_insn_vaddr(insn);
	entry->first = ++events;
	entry->next = instructions;
	instructions = entry;
	qemu_plugin_register_vcpu_insn_exec_inline(insn, ADD_U64, &entry->count, 1);
	qemu_plugin_register_vcpu_mem_cb(insn, on_access, NO_REGISTERS, READ_AND_WRITE, NULL);
}

static void on_translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb);

	(void)id;
	if (marks)
		qemu_plugin_register_vcpu_tb_exec_inline(tb, ADD_U64, &machine_count, count);
	if (!is_kernel(tb, count))
		return;
	if (marks)
		qemu_plugin_register_vcpu_tb_exec_inline(tb, ADD_U64, &kernel_count, count);
	for (size_t i = 0; i < count; i++) {
		if (marks)
			watch_mark(qemu_plugin_tb_get_insn(tb, i));
		else
			watch_instruction(qemu_plugin_tb_get_insn(tb, i));
	}
}

static void on_exit_of_machine(uint64_t id, void *data)
{
	(void)id, (void)data;
	for (const struct instruction *entry = instructions; entry; entry = entry->next) {
		if (entry->count)
			fprintf(out, "X %lx %lu %lu\n", entry->address, entry->count, entry->first);
	}
	for (uint64_t i = 0; i < image_bytes / 8; i++) {
		if (words[i].first)
			fprintf(out, "M %lx %d %u\n", start + i * 8, words[i].written,
				words[i].first);
	}
	if (fclose(out) != 0)
		die(out_path);
}

static void read_image(const char *path)
{
	FILE *file = fopen(path, "re");
	long size;

	if (!file || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 8)
		die(path);
	rewind(file);
	image_bytes = (uint64_t)size;
	image = malloc(image_bytes);
	words = calloc(image_bytes / 8 + 1, sizeof(*words));
	if (!image || !words || fread(image, 1, image_bytes, file) != image_bytes)
		die(path);
	fclose(file);
}

static void read_marks(const char *path)
{
	FILE *file = fopen(path, "re");
	uint64_t address;

	if (!file)
		die(path);
	while (fscanf(file, "%lx", &address) == 1) {
		marks = realloc(marks, (mark_count + 1) * sizeof(*marks));
		if (!marks)
			die(path);
		marks[mark_count++] = address;
	}
	fclose(file);
	qsort(marks, mark_count, sizeof(*marks), compare_addresses);
}

__attribute__((visibility("default"))) int qemu_plugin_install(uint64_t id, const void *info,
							       int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "image=", 6))
			read_image(argv[i] + 6);
		else if (!strncmp(argv[i], "start=", 6))
			start = strtoull(argv[i] + 6, NULL, 16);
		else if (!strncmp(argv[i], "marks=", 6))
			read_marks(argv[i] + 6);
		else if (!strncmp(argv[i], "out=", 4))
			out_path = strdup(argv[i] + 4);
	}
	if (!image || !start || !out_path)
		return 1;
	out = fopen(out_path, "we");
	if (!out)
		return 1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translated);
	qemu_plugin_register_atexit_cb(id, on_exit_of_machine, NULL);
	return 0;
}
