/*
 * The tar reader alone, with two sizes of windows: it must see the same archive in both.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "images/tar.h"
#include "tests/unit/images/make_tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct summary {
	int end;
	unsigned entries;
	uint64_t hash;
};

static void mix(struct summary *s, const void *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		s->hash = (s->hash ^ ((const uint8_t *)data)[i]) * 0x100000001b3;
}

static int read_data(struct tar *tar, const struct tar_entry *entry, struct summary *s)
{
	uint64_t offset, end = 0;
	const uint8_t *data;
	size_t len;
	int more;

	while ((more = tar_data(tar, &data, &len, &offset, NULL)) > 0) {
		assert(len && offset >= end && offset + len <= entry->size_bytes);
		end = offset + len;
		mix(s, data, len);
	}
	return more;
}

static void check_entry(const struct tar_entry *entry)
{
	assert(entry->type >= TAR_FILE && entry->type <= TAR_FIFO);
	assert(entry->name[0] && strlen(entry->name) <= 4095 && strlen(entry->link) <= 4095);
	assert(entry->mode <= 07777 && entry->uid <= INT32_MAX && entry->gid <= INT32_MAX);
	assert(entry->mtime_ns < 1000000000);
	assert(entry->type == TAR_FILE || entry->size_bytes == 0);
}

static struct summary read_archive(const uint8_t *data, size_t size, size_t step, unsigned skip)
{
	struct stepping_stream stream;
	struct summary s = { 0 };
	struct tar_entry entry;
	struct tar *tar;

	stepping_stream_init(&stream, data, size, step);
	if (tar_open(&tar, &stream.stream, NULL) < 0)
		abort();
	while ((s.end = tar_next(tar, &entry, NULL)) > 0) {
		check_entry(&entry);
		s.entries++;
		mix(&s, entry.name, strlen(entry.name));
		mix(&s, entry.link, strlen(entry.link));
		for (size_t i = 0; i < entry.xattr_count; i++)
			mix(&s, entry.xattrs[i].value, entry.xattrs[i].value_len);
		if (s.entries % 3 != skip && read_data(tar, &entry, &s) < 0) {
			s.end = -1;
			break;
		}
	}
	tar_close(tar);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct summary whole = read_archive(data, size, size + 1, 1);
	struct summary parts = read_archive(data, size, 1 + size % 700, 1);

	assert(whole.end == parts.end && whole.entries == parts.entries);
	assert(whole.hash == parts.hash);
	return 0;
}
