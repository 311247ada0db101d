/*
 * The guest kernel's ELF file. kernel_image_parse() is pure and sees only bytes;
 * kernel_image_load() acts on what it returned.
 */
#include "vmm/machine/kernel_image.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/base/io.h"
#include "vmm/machine/layout.h"

enum { PAGE_BYTES = 4096, HUGE_BYTES = 2 * MIB };

static int check_header(const Elf64_Ehdr *elf, size_t len_bytes, struct error *err)
{
	if (len_bytes < sizeof(*elf) || memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0)
		return error_set(err, 0,
				 "the kernel is not an ELF file; an uncompressed vmlinux is "
				 "needed, not a bzImage");
	if (elf->e_ident[EI_CLASS] != ELFCLASS64 || elf->e_ident[EI_DATA] != ELFDATA2LSB ||
	    elf->e_machine != EM_X86_64 || elf->e_type != ET_EXEC)
		return error_set(err, 0, "the kernel is not a 64-bit x86 executable");
	if (elf->e_phentsize != sizeof(Elf64_Phdr))
		return error_set(err, 0, "the kernel's program headers have %u bytes, not %zu",
				 elf->e_phentsize, sizeof(Elf64_Phdr));
	if (elf->e_phoff > len_bytes ||
	    (len_bytes - elf->e_phoff) / sizeof(Elf64_Phdr) < elf->e_phnum)
		return error_set(err, 0,
				 "the kernel's program headers lie outside its first %d bytes",
				 KERNEL_HEADER_BYTES);
	return 0;
}

static int check_segment(const struct kernel_image *image, const Elf64_Phdr *phdr,
			 uint64_t file_bytes, uint64_t memory_end, struct error *err)
{
	if (phdr->p_offset > file_bytes || phdr->p_filesz > file_bytes - phdr->p_offset)
		return error_set(err, 0, "the kernel file is too short for its segments");
	if (phdr->p_filesz > phdr->p_memsz)
		return error_set(err, 0,
				 "a segment of the kernel is larger in the file than in memory");
	if (phdr->p_paddr < LAYOUT_HIGH_START)
		return error_set(err, 0, "the kernel wants to be loaded below 1 MiB");
	if (phdr->p_paddr >= memory_end || phdr->p_memsz > memory_end - phdr->p_paddr)
		return error_set(err, 0, "the kernel does not fit into the memory of this pod");
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct kernel_segment *other = &image->segments[i];

		if (phdr->p_paddr < other->gpa + other->memory_bytes &&
		    other->gpa < phdr->p_paddr + phdr->p_memsz)
			return error_set(err, 0, "two segments of the kernel overlap");
	}
	return 0;
}

static bool entry_is_inside(const struct kernel_image *image)
{
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct kernel_segment *segment = &image->segments[i];

		if (image->entry >= segment->gpa &&
		    image->entry - segment->gpa < segment->file_bytes)
			return true;
	}
	return false;
}

int kernel_image_parse(struct kernel_image *image, const void *header, size_t len_bytes,
		       uint64_t file_bytes, uint64_t memory_end, struct error *err)
{
	Elf64_Ehdr elf = { 0 };

	memset(image, 0, sizeof(*image));
	if (len_bytes > KERNEL_HEADER_BYTES)
		len_bytes = KERNEL_HEADER_BYTES;
	memcpy(&elf, header, len_bytes < sizeof(elf) ? len_bytes : sizeof(elf));
	if (check_header(&elf, len_bytes, err) < 0)
		return -1;
	image->entry = elf.e_entry;
	for (unsigned i = 0; i < elf.e_phnum; i++) {
		Elf64_Phdr phdr;

		memcpy(&phdr, (const char *)header + elf.e_phoff + i * sizeof(phdr), sizeof(phdr));
		if (phdr.p_type != PT_LOAD || phdr.p_memsz == 0)
			continue;
		if (image->segment_count == KERNEL_SEGMENTS_MAX)
			return error_set(err, 0, "the kernel has more than %d segments",
					 KERNEL_SEGMENTS_MAX);
		if (check_segment(image, &phdr, file_bytes, memory_end, err) < 0)
			return -1;
		image->segments[image->segment_count++] = (struct kernel_segment){
			.gpa = phdr.p_paddr,
			.file_offset = phdr.p_offset,
			.file_bytes = phdr.p_filesz,
			.memory_bytes = phdr.p_memsz,
			.writable = phdr.p_flags & PF_W,
		};
		if (image->segment_count == 1 || phdr.p_paddr < image->start)
			image->start = phdr.p_paddr;
		if (phdr.p_paddr + phdr.p_memsz > image->end)
			image->end = phdr.p_paddr + phdr.p_memsz;
	}
	if (!entry_is_inside(image))
		return error_set(err, 0, "the kernel's entry lies in none of its segments");
	return 0;
}

/*
 * The part of a segment that can be mapped, as [*start, *end) of guest memory: whole blocks of a
 * huge page in both the file and guest memory, since a block that is mapped in part costs a fault
 * for each page of either.
 */
static void find_mapped(const struct kernel_segment *segment, uint64_t *start, uint64_t *end)
{
	uint64_t file_end = segment->gpa + segment->file_bytes;
	uint64_t first = align_up(segment->gpa, HUGE_BYTES);
	uint64_t last = file_end / HUGE_BYTES * HUGE_BYTES;

	if (segment->writable || (segment->gpa ^ segment->file_offset) % PAGE_BYTES != 0 ||
	    first >= last)
		first = last = file_end;
	*start = first;
	*end = last;
}

static int read_part(const struct kernel_segment *segment, int fd, uint8_t *low, uint64_t start,
		     uint64_t end, struct error *err)
{
	if (start >= end)
		return 0;
	if (io_pread_full(fd, low + start, end - start,
			  segment->file_offset + (start - segment->gpa)) != (ssize_t)(end - start))
		return error_set(err, errno, "cannot read the kernel");
	return 0;
}

static int map_part(const struct kernel_segment *segment, int fd, uint8_t *low, uint64_t start,
		    uint64_t end, struct error *err)
{
	if (start < end &&
	    mmap(low + start, end - start, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd,
		 (off_t)(segment->file_offset + (start - segment->gpa))) == MAP_FAILED)
		return error_set(err, errno, "cannot map the kernel");
	return 0;
}

/*
 * What is not mapped is read, and so is the block with the entry, wherever in the segment it is:
 * its code is what starts the kernel, and what it patches.
 */
static int load_segment(const struct kernel_image *image, const struct kernel_segment *segment,
			int fd, uint8_t *low, struct error *err)
{
	uint64_t file_end = segment->gpa + segment->file_bytes;
	uint64_t block = image->entry / HUGE_BYTES * HUGE_BYTES;
	uint64_t start, end;

	find_mapped(segment, &start, &end);
	if (block < start || block >= end)
		block = end;
	if (map_part(segment, fd, low, start, block, err) < 0 ||
	    map_part(segment, fd, low, block + HUGE_BYTES, end, err) < 0 ||
	    read_part(segment, fd, low, segment->gpa, start, err) < 0 ||
	    (block < end && read_part(segment, fd, low, block, block + HUGE_BYTES, err) < 0))
		return -1;
	return read_part(segment, fd, low, end, file_end, err);
}

int kernel_image_load(struct kernel_image *image, int fd, const struct gmem *memory,
		      void (*loaded)(void *context, unsigned segment), void *context,
		      struct error *err)
{
	const struct gmem_region *low = &memory->regions[0];
	uint8_t header[KERNEL_HEADER_BYTES];
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0)
		return error_set(err, errno, "cannot stat the kernel");
	n = io_pread_full(fd, header, sizeof(header), 0);
	if (n < 0)
		return error_set(err, errno, "cannot read the kernel");
	if (kernel_image_parse(image, header, (size_t)n, (uint64_t)st.st_size, low->len, err) < 0)
		return -1;
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct kernel_segment *segment = &image->segments[i];

		if (load_segment(image, segment, fd, low->host, err) < 0)
			return -1;
		if (loaded)
			loaded(context, i);
	}
	return 0;
}
