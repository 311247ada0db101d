/*
 * The tar reader: entries, their names and their data. The bytes come from an image author.
 *
 * Invariant: between two calls the source stands at the first byte that was not lent of the current
 * entry's data, and data_left + padding_left bytes lie before the next header.
 */
#include "images/tar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/tar_internal.h"
#include "vmm/base/cleanup.h"

int tar_open(struct tar **out, struct stream *source, struct error *err)
{
	struct tar *tar = calloc(1, sizeof(*tar));

	if (!tar)
		return error_set(err, ENOMEM, "cannot read a layer");
	tar->source = source;
	*out = tar;
	return 0;
}

static void reset_extensions(struct tar *tar)
{
	tar_pax_reset(tar);
	free(tar->long_name.text);
	free(tar->long_link.text);
	tar->long_name.text = NULL;
	tar->long_link.text = NULL;
	tar->is_sparse = false;
	tar->piece_count = 0;
	tar->piece_at = 0;
	tar->piece_done = 0;
}

void tar_close(struct tar *tar)
{
	if (!tar)
		return;
	reset_extensions(tar);
	free(tar->xattrs);
	free(tar->pieces);
	free(tar);
}

/* Reads a whole block: 1, 0 if the source ended exactly before it, -1 with err filled. */
static int read_block_or_end(struct tar *tar, void *block, struct error *err)
{
	size_t got;

	if (stream_read(tar->source, block, TAR_BLOCK, &got, err) < 0)
		return -1;
	if (got == TAR_BLOCK)
		return 1;
	return got ? error_set(err, 0, "the layer is truncated") : 0;
}

int tar_read_block(struct tar *tar, void *block, struct error *err)
{
	int result = read_block_or_end(tar, block, err);

	if (result == 0)
		return error_set(err, 0, "the layer is truncated");
	return result < 0 ? -1 : 0;
}

static int skip_bytes(struct tar *tar, uint64_t len, struct error *err)
{
	while (len) {
		int more = stream_fill(tar->source, err);
		size_t take;

		if (more < 0)
			return -1;
		if (more == 0)
			return error_set(err, 0, "the layer is truncated");
		take = tar->source->left < len ? tar->source->left : (size_t)len;
		stream_consume(tar->source, take);
		len -= take;
	}
	return 0;
}

/*
 * Leaves the source at the next header. An archive may end with the last byte of data: umoci writes
 * layers so, without padding and end blocks. One that ends within the padding was cut.
 */
static int skip_data(struct tar *tar, struct error *err)
{
	uint64_t data = tar->data_left;
	uint64_t padding = tar->padding_left;
	int more;

	tar->data_left = 0;
	tar->padding_left = 0;
	if (skip_bytes(tar, data, err) < 0)
		return -1;
	more = padding ? stream_fill(tar->source, err) : 0;
	return more > 0 ? skip_bytes(tar, padding, err) : more;
}

/* After the first zero block: nothing but zeros may follow. */
static int check_end(struct tar *tar, struct error *err)
{
	char block[TAR_BLOCK];
	int more;

	tar->ended = true;
	while ((more = stream_fill(tar->source, err)) > 0) {
		size_t take = tar->source->left < TAR_BLOCK ? tar->source->left : TAR_BLOCK;

		memset(block, 0, sizeof(block));
		memcpy(block, tar->source->at, take);
		if (!tar_block_is_zero(block))
			return error_set(err, 0, "the layer goes on after its end");
		stream_consume(tar->source, take);
	}
	return more;
}

static void set_data(struct tar *tar, uint64_t len)
{
	tar->data_left = len;
	tar->padding_left = (uint32_t)(-len & (TAR_BLOCK - 1));
}

int tar_read_extension(struct tar *tar, char **data, size_t *len, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t want = (size_t)tar->data_left;
	size_t got;

	if (tar->data_left > IMAGE_HEADER_MAX)
		return error_set(err, 0, "an entry's extension header is larger than %d bytes",
				 IMAGE_HEADER_MAX);
	text = malloc(want + 1);
	if (!text)
		return error_set(err, ENOMEM, "cannot read an extension header");
	if (stream_read(tar->source, text, want, &got, err) < 0)
		return -1;
	if (got != want)
		return error_set(err, 0, "the layer is truncated");
	text[want] = '\0';
	tar->data_left = 0;
	*data = steal_ptr(text);
	*len = want;
	return skip_data(tar, err);
}

/* GNU's 'L' and 'K': the data is the name, with or without a NUL at its end. */
static int read_long(struct tar *tar, struct tar_long *out, struct error *err)
{
	size_t len;

	if (tar->has_pax || out->text)
		return error_set(err, 0, "an entry has more than one extension header of a kind");
	if (tar_read_extension(tar, &out->text, &len, err) < 0)
		return -1;
	for (size_t i = strlen(out->text); i < len; i++) {
		if (out->text[i])
			return error_set(err, 0, "an entry's name has a NUL in it");
	}
	return 0;
}

static int read_pax(struct tar *tar, bool global, struct error *err)
{
	_cleanup_free_ char *data = NULL;
	size_t len;

	if (!global && (tar->has_pax || tar->long_name.text || tar->long_link.text))
		return error_set(err, 0, "an entry has more than one extension header of a kind");
	if (tar_read_extension(tar, &data, &len, err) < 0)
		return -1;
	if (tar_pax_parse(tar, data, len, global, err) < 0)
		return -1;
	if (!global) {
		tar->pax_data = steal_ptr(data);
		tar->has_pax = true;
	}
	return 0;
}

/* Reads one header and, if it describes another entry, its contents. Returns as next_header(). */
static int read_header(struct tar *tar, struct error *err)
{
	uint64_t size_bytes;
	int more = read_block_or_end(tar, &tar->header, err);

	if (more <= 0)
		return more;
	if (tar_block_is_zero(&tar->header))
		return check_end(tar, err) < 0 ? -1 : 0;
	if (tar_header_check(&tar->header, &tar->flavour, err) < 0)
		return -1;
	if (!strchr("xgLK", tar->header.type) || !tar->header.type)
		return 1;
	if (tar_field_is_blank(tar->header.size, 12) ||
	    tar_number(tar->header.size, 12, "size", INT64_MAX, &size_bytes, err) < 0)
		return error_set(err, 0, "an extension header's size is not a number");
	set_data(tar, size_bytes);
	if (tar->header.type == 'L')
		return read_long(tar, &tar->long_name, err) < 0 ? -1 : 2;
	if (tar->header.type == 'K')
		return read_long(tar, &tar->long_link, err) < 0 ? -1 : 2;
	return read_pax(tar, tar->header.type == 'g', err) < 0 ? -1 : 2;
}

/* The header of the next entry, past its extensions: 1, 0 at the end, -1 with err filled. */
static int next_header(struct tar *tar, struct error *err)
{
	unsigned globals = 0;
	int result;

	while ((result = read_header(tar, err)) == 2) {
		if (tar->header.type == 'g' && ++globals > 16)
			return error_set(err, 0, "too many global extended headers in a row");
	}
	if (result == 0 && (tar->has_pax || tar->long_name.text || tar->long_link.text))
		return error_set(err, 0, "the layer ends after an extension header");
	return result;
}

/* Joins a prefix and a name, neither of which need end with a NUL. */
static void join(char *out, const char *prefix, size_t prefix_max, const char *name,
		 size_t name_max)
{
	size_t prefix_len = strnlen(prefix, prefix_max);
	size_t name_len = strnlen(name, name_max);

	if (prefix_len) {
		memcpy(out, prefix, prefix_len);
		out[prefix_len++] = '/';
	}
	memcpy(out + prefix_len, name, name_len);
	out[prefix_len + name_len] = '\0';
}

static int copy_name(char *out, const char *text, struct error *err)
{
	if (strlen(text) > IMAGE_PATH_MAX)
		return error_set(err, 0, "an entry's name is longer than %d bytes", IMAGE_PATH_MAX);
	memcpy(out, text, strlen(text) + 1);
	return 0;
}

static int read_names(struct tar *tar, struct error *err)
{
	const struct tar_header *h = &tar->header;
	const char *name = tar->pax.sparse_name ? tar->pax.sparse_name : tar->pax.path;
	size_t prefix_max = tar->flavour == TAR_USTAR ? 155 : tar->flavour == TAR_STAR ? 131 : 0;

	if (tar->flavour == TAR_V7 && h->tail.prefix[0])
		return error_set(err, 0, "the archive's format has no prefixes of names");
	if (!name)
		name = tar->long_name.text;
	if (!name)
		join(tar->name, h->tail.prefix, prefix_max, h->name, sizeof(h->name));
	else if (copy_name(tar->name, name, err) < 0)
		return -1;
	if (tar->pax.link || tar->long_link.text)
		return copy_name(tar->link, tar->pax.link ? tar->pax.link : tar->long_link.text,
				 err);
	join(tar->link, "", 0, h->link, sizeof(h->link));
	return 0;
}

static int read_type(const struct tar *tar, enum tar_type *out, struct error *err)
{
	size_t name_len = strlen(tar->name);
	bool slash = name_len && tar->name[name_len - 1] == '/';

	switch (tar->header.type) {
	case '\0':
		*out = slash ? TAR_DIRECTORY : TAR_FILE;
		return 0;
	case '0':
	case '7':
	case 'S':
		if (slash)
			return error_set(err, 0, "the file %.256s has a directory's name",
					 tar->name);
		*out = TAR_FILE;
		return 0;
	case '1':
	case '2':
	case '3':
	case '4':
	case '5':
	case '6':
		*out = (enum tar_type)(TAR_HARDLINK + (tar->header.type - '1'));
		return 0;
	default:
		return error_set(err, 0, "%.256s has type '%c', which no layer may have", tar->name,
				 tar->header.type);
	}
}

/*
 * A number of the header block, which an extended header may overrule (has): then it may be any, as
 * writers differ in what they leave there, but it must be one.
 */
static int read_number(const char *field, size_t len, const char *what, uint64_t max, bool has,
		       uint64_t *out, struct error *err)
{
	uint64_t unused;

	if (!has)
		return tar_number(field, len, what, max, out, err);
	if (field[0] & 0x80)
		return 0;
	return tar_number(field, len, what, UINT64_MAX, &unused, err);
}

static int read_owner(const struct tar *tar, struct tar_entry *entry, struct error *err)
{
	const struct tar_header *h = &tar->header;
	uint64_t mode, uid = tar->pax.uid, gid = tar->pax.gid;

	if (tar_number(h->mode, sizeof(h->mode), "mode", UINT32_MAX, &mode, err) < 0)
		return -1;
	if (read_number(h->uid, sizeof(h->uid), "user id", IMAGE_ID_MAX, tar->pax.has_uid, &uid,
			err) < 0 ||
	    read_number(h->gid, sizeof(h->gid), "group id", IMAGE_ID_MAX, tar->pax.has_gid, &gid,
			err) < 0)
		return -1;
	entry->mode = (uint32_t)mode & 07777;
	entry->uid = (uint32_t)uid;
	entry->gid = (uint32_t)gid;
	entry->mtime_s =
	    tar->pax.has_mtime ? tar->pax.mtime_s : tar_time(h->mtime, sizeof(h->mtime));
	entry->mtime_ns = tar->pax.mtime_ns;
	return 0;
}

/* What may be numbered by 12 and 20 bits: the form in which Linux keeps a device number. */
static int read_device(const struct tar *tar, struct tar_entry *entry, struct error *err)
{
	const struct tar_header *h = &tar->header;
	uint64_t dev_major, dev_minor;

	if (tar->flavour == TAR_V7)
		return error_set(err, 0, "the archive's format has no devices");
	if (tar_number(h->dev_major, 8, "device number", 0xfff, &dev_major, err) < 0 ||
	    tar_number(h->dev_minor, 8, "device number", 0xfffff, &dev_minor, err) < 0)
		return -1;
	entry->dev_major = (uint32_t)dev_major;
	entry->dev_minor = (uint32_t)dev_minor;
	return 0;
}

static int read_size(struct tar *tar, struct tar_entry *entry, struct error *err)
{
	const struct tar_header *h = &tar->header;
	uint64_t size_bytes = tar->pax.size_bytes;

	if ((!tar->pax.has_size && entry->type == TAR_FILE &&
	     tar_field_is_blank(h->size, sizeof(h->size))) ||
	    read_number(h->size, sizeof(h->size), "size", INT64_MAX, tar->pax.has_size, &size_bytes,
			err) < 0)
		return error_set(err, 0, "the size of %.256s is not a number", tar->name);
	if (entry->type != TAR_FILE) {
		if (tar->pax.is_sparse)
			return error_set(err, 0, "%.256s is not a file, but sparse", tar->name);
		if (size_bytes)
			return error_set(err, 0, "%.256s is not a file, but has data", tar->name);
		set_data(tar, 0);
		return 0;
	}
	if (size_bytes > IMAGE_FILE_MAX)
		return error_set(err, 0, "%.256s is larger than %ju bytes", tar->name,
				 (uintmax_t)IMAGE_FILE_MAX);
	set_data(tar, size_bytes);
	entry->size_bytes = size_bytes;
	tar->is_sparse = h->type == 'S' || tar->pax.is_sparse;
	if (h->type == 'S')
		return tar_sparse_read_old(tar, &entry->size_bytes, err);
	return tar->is_sparse ? tar_sparse_read_pax(tar, &entry->size_bytes, err) : 0;
}

int tar_next(struct tar *tar, struct tar_entry *entry, struct error *err)
{
	int more;

	*entry = (struct tar_entry){ 0 };
	if (tar->ended)
		return 0;
	if (skip_data(tar, err) < 0)
		return -1;
	reset_extensions(tar);
	more = next_header(tar, err);
	if (more <= 0)
		return more;
	if (read_names(tar, err) < 0)
		return -1;
	if (!tar->name[0])
		return error_set(err, 0, "an entry of the layer has no name");
	if (read_type(tar, &entry->type, err) < 0 || read_owner(tar, entry, err) < 0 ||
	    read_size(tar, entry, err) < 0)
		return error_prefix(err, "%.256s", tar->name);
	if ((entry->type == TAR_CHAR_DEVICE || entry->type == TAR_BLOCK_DEVICE) &&
	    read_device(tar, entry, err) < 0)
		return error_prefix(err, "%.256s", tar->name);
	entry->name = tar->name;
	entry->link = entry->type == TAR_HARDLINK || entry->type == TAR_SYMLINK ? tar->link : "";
	entry->xattrs = tar->xattrs;
	entry->xattr_count = tar->xattr_count;
	return 1;
}

/* Bytes that may be lent before the next piece begins. */
static uint64_t piece_rest(struct tar *tar)
{
	if (!tar->is_sparse)
		return tar->data_left;
	while (tar->piece_done == tar->pieces[tar->piece_at].len) {
		tar->piece_at++;
		tar->piece_done = 0;
	}
	return tar->pieces[tar->piece_at].len - tar->piece_done;
}

int tar_data(struct tar *tar, const uint8_t **data, size_t *len, uint64_t *offset,
	     struct error *err)
{
	uint64_t take;
	int more;

	if (tar->data_left == 0)
		return 0;
	take = piece_rest(tar);
	more = stream_fill(tar->source, err);
	if (more < 0)
		return -1;
	if (more == 0)
		return error_set(err, 0, "the layer is truncated");
	if (take > tar->source->left)
		take = tar->source->left;
	*data = tar->source->at;
	*len = (size_t)take;
	*offset = tar->piece_done + (tar->is_sparse ? tar->pieces[tar->piece_at].offset : 0);
	stream_consume(tar->source, (size_t)take);
	tar->piece_done += take;
	tar->data_left -= take;
	return 1;
}
