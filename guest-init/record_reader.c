/*
 * Properties of one node, over libfdt. is_whole() in record.c has walked the tree before: offsets
 * and lengths lie within the bytes, but for lengths that are negative.
 */
#include "guest-init/record_reader.h"

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest-init/protocol.h"

void reader_fail(struct record_reader *r, const char *name, const char *why)
{
	if (!r->bad)
		error_set(r->err, EINVAL, "pod record: %s: %s %s", r->where, name, why);
	r->bad = true;
}

/* listed_count is above its limit where there are more. */
static void list_properties(struct record_reader *r)
{
	int property;

	r->listed_node = r->node;
	r->listed_count = 0;
	fdt_for_each_property_offset(property, r->dtb, r->node)
	{
		struct reader_listed *entry = &r->listed[r->listed_count];

		if (r->listed_count++ == READER_LISTED_MAX)
			return;
		entry->data = fdt_getprop_by_offset(r->dtb, property, &entry->name, &entry->len);
	}
}

static const void *find_property(struct record_reader *r, const char *name, int *len)
{
	if (r->listed_node != r->node)
		list_properties(r);
	if (r->listed_count > READER_LISTED_MAX)
		return fdt_getprop(r->dtb, r->node, name, len);
	for (size_t i = 0; i < r->listed_count; i++) {
		const struct reader_listed *entry = &r->listed[i];

		if (entry->data && !strcmp(entry->name, name)) {
			*len = entry->len;
			return entry->data;
		}
	}
	return NULL;
}

const void *reader_property(struct record_reader *r, const char *name, size_t *len)
{
	int signed_len;
	const void *data = find_property(r, name, &signed_len);

	*len = 0;
	if (!data)
		return NULL;
	if (signed_len < 0) {
		reader_fail(r, name, "has a negative length");
		return NULL;
	}
	*len = (size_t)signed_len;
	return data;
}

const uint8_t *reader_cells(struct record_reader *r, const char *name, size_t group, size_t max,
			    size_t *groups)
{
	size_t len;
	const uint8_t *cells = reader_property(r, name, &len);

	*groups = len / (group * sizeof(fdt32_t));
	if (len % (group * sizeof(fdt32_t)) != 0)
		reader_fail(r, name, "has a wrong size");
	else if (*groups > max)
		reader_fail(r, name, "are too many");
	else if (*groups)
		return cells;
	*groups = 0;
	return NULL;
}

uint32_t reader_cell(const uint8_t *cells, size_t index)
{
	fdt32_t raw;

	memcpy(&raw, cells + index * sizeof(raw), sizeof(raw));
	return fdt32_to_cpu(raw);
}

uint64_t reader_cell64(const uint8_t *cells, size_t index)
{
	return (uint64_t)reader_cell(cells, index) << 32 | reader_cell(cells, index + 1);
}

/* One number of `cells` cells; NULL, and an error unless it is absent, if it is not that. */
static const uint8_t *one_number(struct record_reader *r, const char *name, size_t cells)
{
	size_t len;
	const uint8_t *data = reader_property(r, name, &len);

	if (!data || len == cells * sizeof(fdt32_t))
		return data;
	if (len % (cells * sizeof(fdt32_t)) != 0)
		reader_fail(r, name, "has a wrong size");
	else
		reader_fail(r, name, cells == 1 ? "is not one number" : "is not one 64-bit number");
	return NULL;
}

uint32_t reader_u32(struct record_reader *r, const char *name, uint32_t otherwise)
{
	const uint8_t *cells = one_number(r, name, 1);

	return cells ? reader_cell(cells, 0) : otherwise;
}

uint32_t reader_number(struct record_reader *r, const char *name, uint32_t otherwise, uint32_t max)
{
	uint32_t value = reader_u32(r, name, otherwise);

	if (value <= max)
		return value;
	reader_fail(r, name, "is too large");
	return otherwise;
}

uint64_t reader_u64(struct record_reader *r, const char *name, uint64_t otherwise)
{
	const uint8_t *cells = one_number(r, name, 2);

	return cells ? reader_cell64(cells, 0) : otherwise;
}

bool reader_flag(struct record_reader *r, const char *name)
{
	size_t len;

	return reader_property(r, name, &len) != NULL;
}

const char *reader_string(struct record_reader *r, const char *name)
{
	size_t len;
	const char *text = reader_property(r, name, &len);

	if (!text)
		return NULL;
	if (len < 2 || memchr(text, '\0', len) != text + len - 1) {
		reader_fail(r, name, "is not one string");
		return NULL;
	}
	return text;
}

const char *reader_component(struct record_reader *r, const char *name)
{
	const char *text = reader_string(r, name);

	if (text && (strchr(text, '/') || !strcmp(text, ".") || !strcmp(text, "..")))
		reader_fail(r, name, "is not a plain name");
	return text;
}

static const char *need(struct record_reader *r, const char *name, const char *text)
{
	if (!text)
		reader_fail(r, name, "is missing");
	return text;
}

const char *reader_need_string(struct record_reader *r, const char *name)
{
	return need(r, name, reader_string(r, name));
}

const char *reader_need_path(struct record_reader *r, const char *name)
{
	const char *text = reader_need_string(r, name);

	if (text && text[0] != '/')
		reader_fail(r, name, "is not an absolute path");
	return text;
}

const char *reader_need_component(struct record_reader *r, const char *name)
{
	return need(r, name, reader_component(r, name));
}

unsigned reader_choice(struct record_reader *r, const char *name, const char *const *names)
{
	const char *text = reader_need_string(r, name);

	for (unsigned i = 0; text && names[i]; i++) {
		if (!strcmp(text, names[i]))
			return i;
	}
	reader_fail(r, name, "has an unknown value");
	return 0;
}

void *reader_allocate(struct record_reader *r, const char *name, size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (!memory)
		reader_fail(r, name, "need more memory than there is");
	return memory;
}

const char **reader_list(struct record_reader *r, const char *name, size_t spare, size_t *count)
{
	size_t len, strings = 0;
	const char *text = reader_property(r, name, &len);
	const char **list;

	*count = 0;
	if (len && text[len - 1] != '\0') {
		reader_fail(r, name, "is not a list of strings");
		len = 0;
	}
	for (size_t i = 0; i < len; i++)
		strings += text[i] == '\0';
	if (strings > RECORD_STRINGS_MAX) {
		reader_fail(r, name, "has too many strings");
		strings = 0;
	}
	list = reader_allocate(r, name, strings + 1 + spare, sizeof(*list));
	if (!list)
		return NULL;
	for (const char *at = text; *count < strings; at += strlen(at) + 1)
		list[(*count)++] = at;
	return list;
}

const char **reader_paths(struct record_reader *r, const char *name)
{
	size_t count;
	const char **list = reader_list(r, name, 0, &count);

	for (size_t i = 0; i < count; i++) {
		if (list[i][0] != '/')
			reader_fail(r, name, "holds a path that is not absolute");
	}
	return list;
}

size_t reader_count_children(struct record_reader *r, int node, const char *prefix, size_t max)
{
	size_t count = 0;
	int child;

	fdt_for_each_subnode(child, r->dtb, node)
	{
		char expected[32];
		const char *name = fdt_get_name(r->dtb, child, NULL);

		(void)snprintf(expected, sizeof(expected), "%s@%zu", prefix, count);
		if (count == max || !name || strcmp(name, expected) != 0) {
			reader_fail(r, prefix, "has a child too many or out of order");
			return 0;
		}
		count++;
	}
	return count;
}
