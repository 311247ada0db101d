/*
 * A writer of tar archives. Trusts its caller to hand over exactly the bytes that an entry has.
 */
#include "guest-init/tar.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/tar_format.h"

enum { TYPE_EXTENDED = 'x', NUMBER_TEXT_MAX = 24 };

static int send_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EAGAIN) {
			struct pollfd ready = { .fd = fd, .events = POLLOUT };

			if (poll(&ready, 1, -1) < 0 && errno != EINTR)
				return -1;
			continue;
		}
		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int flush(struct tar *tar)
{
	size_t len = tar->buffer_bytes;

	tar->buffer_bytes = 0;
	return send_all(tar->fd, tar->buffer, len);
}

/* NULL for data: zeroes. */
static int put(struct tar *tar, const char *data, size_t len)
{
	tar->bytes += len;
	while (len) {
		size_t part = sizeof(tar->buffer) - tar->buffer_bytes;

		if (part > len)
			part = len;
		if (data) {
			memcpy(tar->buffer + tar->buffer_bytes, data, part);
			data += part;
		} else {
			memset(tar->buffer + tar->buffer_bytes, 0, part);
		}
		tar->buffer_bytes += part;
		len -= part;
		if (tar->buffer_bytes == sizeof(tar->buffer) && flush(tar) < 0)
			return -1;
	}
	return 0;
}

/* Zeroes up to the next block. */
static int pad(struct tar *tar)
{
	return put(tar, NULL, -tar->bytes % TAR_BLOCK);
}

static bool fits(uint64_t value, size_t field_bytes)
{
	return value >> (3 * (field_bytes - 1)) == 0;
}

/* What does not fit is in the extended header; readers of that do not look here. */
static void put_octal(char *field, size_t field_bytes, uint64_t value)
{
	uint64_t rest = fits(value, field_bytes) ? value : 0;

	field[field_bytes - 1] = '\0';
	for (size_t i = field_bytes - 1; i-- > 0; rest /= 8)
		field[i] = (char)('0' + rest % 8);
}

/* As much as there is room for; a name that fills the field has no NUL. */
static void put_text(char *field, size_t field_bytes, const char *text)
{
	size_t len = strnlen(text, field_bytes);

	memcpy(field, text, len);
}

static void put_checksum(struct tar_header *header)
{
	const unsigned char *bytes = (const unsigned char *)header;
	uint32_t sum = 0;

	memset(header->checksum, ' ', sizeof(header->checksum));
	for (size_t i = 0; i < sizeof(*header); i++)
		sum += bytes[i];
	put_octal(header->checksum, sizeof(header->checksum) - 1, sum);
}

static int put_header(struct tar *tar, struct tar_header *header, char type)
{
	header->type = type;
	memcpy(header->magic, USTAR_MAGIC, sizeof(header->magic));
	put_checksum(header);
	return put(tar, (const char *)header, sizeof(*header));
}

static size_t count_digits(size_t value)
{
	size_t digits = 1;

	for (; value > 9; value /= 10)
		digits++;
	return digits;
}

/*
 * "LENGTH KEY=VALUE\n", where LENGTH counts itself. The key is in two parts.
 */
static int add_record(struct tar *tar, const char *prefix, const char *name, const void *value,
		      size_t len)
{
	size_t rest = strlen(prefix) + strlen(name) + len + 3;
	size_t total = rest + count_digits(rest);
	char *at = tar->records + tar->records_bytes;

	if (count_digits(total) != count_digits(rest))
		total++;
	/* The NUL that snprintf() writes behind the key has room where the value's newline goes. */
	if (total > sizeof(tar->records) - tar->records_bytes) {
		errno = E2BIG;
		return -1;
	}
	at += snprintf(at, total, "%zu %s%s=", total, prefix, name);
	memcpy(at, value, len);
	at[len] = '\n';
	tar->records_bytes += total;
	return 0;
}

static int add_text(struct tar *tar, const char *key, const char *text)
{
	return add_record(tar, key, "", text, strlen(text));
}

static int add_number(struct tar *tar, const char *key, uint64_t value)
{
	char text[NUMBER_TEXT_MAX];

	(void)snprintf(text, sizeof(text), "%" PRIu64, value);
	return add_text(tar, key, text);
}

/* Seconds with a fraction; the nanoseconds of a time before 1970 count forwards, as in timespec. */
static int add_time(struct tar *tar, const char *key, int64_t seconds, uint32_t ns)
{
	char text[2 * NUMBER_TEXT_MAX];
	bool negative = seconds < 0;
	uint64_t whole = negative ? -(uint64_t)seconds : (uint64_t)seconds;

	if (negative && ns) {
		whole--;
		ns = 1000000000 - ns;
	}
	(void)snprintf(text, sizeof(text), ns ? "%s%" PRIu64 ".%09" PRIu32 : "%s%" PRIu64,
		       negative ? "-" : "", whole, ns);
	return add_text(tar, key, text);
}

static int add_records(struct tar *tar, const struct tar_entry *entry,
		       const struct tar_header *header)
{
	if (strlen(entry->path) > sizeof(header->name) && add_text(tar, "path", entry->path) < 0)
		return -1;
	if (entry->link && strlen(entry->link) > sizeof(header->link) &&
	    add_text(tar, "linkpath", entry->link) < 0)
		return -1;
	if (!fits(entry->size_bytes, sizeof(header->size)) &&
	    add_number(tar, "size", entry->size_bytes) < 0)
		return -1;
	if (!fits(entry->uid, sizeof(header->uid)) && add_number(tar, "uid", entry->uid) < 0)
		return -1;
	if (!fits(entry->gid, sizeof(header->gid)) && add_number(tar, "gid", entry->gid) < 0)
		return -1;
	if ((entry->mtime_ns || entry->mtime_s < 0 ||
	     !fits((uint64_t)entry->mtime_s, sizeof(header->mtime))) &&
	    add_time(tar, "mtime", entry->mtime_s, entry->mtime_ns) < 0)
		return -1;
	return 0;
}

static int put_records(struct tar *tar)
{
	struct tar_header header = { 0 };
	size_t len = tar->records_bytes;

	if (!len)
		return 0;
	tar->records_bytes = 0;
	put_text(header.name, sizeof(header.name), "PaxHeaders/0");
	put_octal(header.mode, sizeof(header.mode), 0644);
	put_octal(header.uid, sizeof(header.uid), 0);
	put_octal(header.gid, sizeof(header.gid), 0);
	put_octal(header.size, sizeof(header.size), len);
	put_octal(header.mtime, sizeof(header.mtime), 0);
	return put_header(tar, &header, TYPE_EXTENDED) < 0 || put(tar, tar->records, len) < 0
		   ? -1
		   : pad(tar);
}

void tar_begin(struct tar *tar, int fd)
{
	tar->fd = fd;
	tar->bytes = tar->left_bytes = tar->entries = 0;
	tar->records_bytes = tar->buffer_bytes = 0;
}

int tar_attribute(struct tar *tar, const char *name, const void *value, size_t len)
{
	/* A key ends at its first '='. */
	if (strchr(name, '=')) {
		errno = EINVAL;
		return -1;
	}
	return add_record(tar, "SCHILY.xattr.", name, value, len);
}

int tar_entry(struct tar *tar, const struct tar_entry *entry)
{
	struct tar_header header = { 0 };

	assert(!tar->left_bytes && (entry->type == TAR_FILE || !entry->size_bytes));
	if (add_records(tar, entry, &header) < 0 || put_records(tar) < 0)
		return -1;
	put_text(header.name, sizeof(header.name), entry->path);
	put_octal(header.mode, sizeof(header.mode), entry->mode);
	put_octal(header.uid, sizeof(header.uid), entry->uid);
	put_octal(header.gid, sizeof(header.gid), entry->gid);
	put_octal(header.size, sizeof(header.size), entry->size_bytes);
	put_octal(header.mtime, sizeof(header.mtime),
		  entry->mtime_s < 0 ? 0 : (uint64_t)entry->mtime_s);
	if (entry->link)
		put_text(header.link, sizeof(header.link), entry->link);
	if (entry->type == TAR_CHARACTER_DEVICE || entry->type == TAR_BLOCK_DEVICE) {
		put_octal(header.dev_major, sizeof(header.dev_major), entry->major);
		put_octal(header.dev_minor, sizeof(header.dev_minor), entry->minor);
	}
	tar->entries++;
	tar->left_bytes = entry->size_bytes;
	return put_header(tar, &header, (char)entry->type);
}

int tar_data(struct tar *tar, const void *data, size_t len)
{
	assert(len <= tar->left_bytes);
	tar->left_bytes -= len;
	if (put(tar, data, len) < 0)
		return -1;
	return tar->left_bytes ? 0 : pad(tar);
}

int tar_end(struct tar *tar)
{
	assert(!tar->left_bytes);
	return put(tar, NULL, (size_t)2 * TAR_BLOCK) < 0 ? -1 : flush(tar);
}
