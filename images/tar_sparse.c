/*
 * The maps of sparse files: GNU tar's old form (type 'S') and its pax form 1.0. The pieces must be
 * in order, apart from each other, inside the file, and must add up to the data in the archive.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/tar_internal.h"
#include "vmm/base/bytes.h"

static int refuse(const char *why, struct error *err)
{
	return error_set(err, 0, "a sparse file's map is damaged: %s", why);
}

static int add_piece(struct tar *tar, uint64_t offset, uint64_t len, struct error *err)
{
	if (tar->piece_count == IMAGE_SPARSE_MAX)
		return refuse("it has too many pieces", err);
	if (tar->piece_count == tar->piece_capacity) {
		size_t capacity = tar->piece_capacity ? tar->piece_capacity * 2 : 16;
		struct tar_piece *grown = reallocarray(tar->pieces, capacity, sizeof(*grown));

		if (!grown)
			return error_set(err, ENOMEM, "cannot read a sparse file's map");
		tar->pieces = grown;
		tar->piece_capacity = capacity;
	}
	tar->pieces[tar->piece_count++] = (struct tar_piece){ offset, len };
	return 0;
}

static int check_pieces(const struct tar *tar, uint64_t file_size_bytes, struct error *err)
{
	uint64_t end = 0, sum = 0;

	for (size_t i = 0; i < tar->piece_count; i++) {
		const struct tar_piece *piece = &tar->pieces[i];

		if (piece->offset < end || piece->offset > file_size_bytes ||
		    piece->len > file_size_bytes - piece->offset)
			return refuse("a piece is out of place", err);
		end = piece->offset + piece->len;
		sum += piece->len;
	}
	if (sum != tar->data_left)
		return refuse("its pieces do not add up to the data", err);
	return 0;
}

/* Old pieces: a blank one ends the map. Returns 1 to go on, 0 at the end, -1 with err filled. */
static int add_old_piece(struct tar *tar, const char *field, struct error *err)
{
	uint64_t offset, len;

	if (tar_field_is_blank(field, 12))
		return 0;
	if (tar_number(field, 12, "sparse map", IMAGE_FILE_MAX, &offset, err) < 0 ||
	    tar_number(field + 12, 12, "sparse map", IMAGE_FILE_MAX, &len, err) < 0 ||
	    add_piece(tar, offset, len, err) < 0)
		return -1;
	return 1;
}

int tar_sparse_read_old(struct tar *tar, uint64_t *file_size_bytes, struct error *err)
{
	char block[TAR_BLOCK];
	const char *fields = tar->header.tail.gnu.sparse[0].offset;
	size_t count = ARRAY_SIZE(tar->header.tail.gnu.sparse);
	bool more = tar->header.tail.gnu.is_extended;

	if (tar->flavour != TAR_GNU || tar->has_pax)
		return refuse("it is of the old form, in an archive of another", err);
	if (tar_number(tar->header.tail.gnu.real_size, 12, "size", IMAGE_FILE_MAX, file_size_bytes,
		       err) < 0)
		return -1;
	for (;;) {
		int result = 1;

		for (size_t i = 0; i < count && result > 0; i++)
			result = add_old_piece(tar, fields + 24 * i, err);
		if (result < 0)
			return -1;
		if (!more)
			return check_pieces(tar, *file_size_bytes, err);
		if (tar_read_block(tar, block, err) < 0)
			return -1;
		fields = block;
		count = 21;
		more = block[504];
		if (result == 0)
			return refuse("it goes on after its end", err);
	}
}

/* The decimal lines at the front of the data, which are padded to whole blocks. */
struct map_lines {
	char block[TAR_BLOCK];
	size_t at;
};

static int next_line_number(struct tar *tar, struct map_lines *lines, uint64_t *out,
			    struct error *err)
{
	uint64_t value = 0;
	unsigned digits = 0;

	for (;;) {
		char c;

		if (lines->at == TAR_BLOCK) {
			if (tar->data_left < TAR_BLOCK)
				return refuse("it is longer than the data", err);
			if (tar_read_block(tar, lines->block, err) < 0)
				return -1;
			tar->data_left -= TAR_BLOCK;
			lines->at = 0;
		}
		c = lines->block[lines->at++];
		if (c == '\n' && digits)
			break;
		if (c < '0' || c > '9' || ++digits > 18)
			return refuse("a number is malformed", err);
		value = value * 10 + (uint64_t)(c - '0');
	}
	*out = value;
	return 0;
}

int tar_sparse_read_pax(struct tar *tar, uint64_t *file_size_bytes, struct error *err)
{
	struct map_lines lines = { .at = TAR_BLOCK };
	uint64_t count, offset, len;

	if (!tar->pax.has_sparse_major || !tar->pax.has_sparse_minor || !tar->pax.has_sparse_size ||
	    !tar->pax.sparse_name)
		return refuse("its version, size or name is missing", err);
	*file_size_bytes = tar->pax.sparse_size_bytes;
	if (next_line_number(tar, &lines, &count, err) < 0)
		return -1;
	if (count > IMAGE_SPARSE_MAX)
		return refuse("it has too many pieces", err);
	for (uint64_t i = 0; i < count; i++) {
		if (next_line_number(tar, &lines, &offset, err) < 0 ||
		    next_line_number(tar, &lines, &len, err) < 0 ||
		    add_piece(tar, offset, len, err) < 0)
			return -1;
	}
	return check_pieces(tar, *file_size_bytes, err);
}
