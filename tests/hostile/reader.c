/*
 * Reads archives or documents from standard input, each after its length (32 bits, little endian),
 * and says on standard output what our readers see: for the comparison with other readers
 * (tests/hostile/differential). After each input comes a line "ok" or "no REASON".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/json.h"
#include "images/stream.h"
#include "images/tar.h"
#include "vmm/base/bytes.h"

enum {
	INPUT_MAX = 8 * 1024 * 1024,
	SHOWN_MAX = 65536, /* larger files' contents are not shown */
};

static void print_hex(const void *data, size_t len)
{
	const uint8_t *bytes = data;

	if (len == 0)
		(void)putchar('-');
	for (size_t i = 0; i < len; i++)
		(void)printf("%02x", bytes[i]);
}

/* The contents, with their holes, if they are small. Returns as tar_data(). */
static int print_data(struct tar *tar, const struct tar_entry *entry, struct error *err)
{
	static uint8_t whole[SHOWN_MAX];
	uint64_t offset;
	const uint8_t *data;
	size_t len;
	int more;

	if (entry->size_bytes > SHOWN_MAX) {
		(void)putchar('?');
		return 0;
	}
	memset(whole, 0, sizeof(whole));
	while ((more = tar_data(tar, &data, &len, &offset, err)) > 0)
		memcpy(whole + offset, data, len);
	print_hex(whole, (size_t)entry->size_bytes);
	return more;
}

static int read_tar(const void *data, size_t len, struct error *err)
{
	struct memory_stream stream;
	struct tar_entry entry;
	struct tar *tar;
	int more;

	memory_stream_init(&stream, data, len);
	if (tar_open(&tar, &stream.stream, err) < 0)
		return -1;
	while ((more = tar_next(tar, &entry, err)) > 0) {
		(void)printf("%d ", entry.type);
		print_hex(entry.name, strlen(entry.name));
		(void)putchar(' ');
		print_hex(entry.link, strlen(entry.link));
		(void)printf(" %o %u %u %ju %jd %u %u %u ", entry.mode, entry.uid, entry.gid,
			     (uintmax_t)entry.size_bytes, (intmax_t)entry.mtime_s, entry.mtime_ns,
			     entry.dev_major, entry.dev_minor);
		more = print_data(tar, &entry, err);
		(void)putchar('\n');
		if (more < 0)
			break;
	}
	tar_close(tar);
	return more;
}

static int read_json(const char *text, size_t len, struct error *err)
{
	struct cJSON *json;

	if (json_parse(&json, text, len, err) < 0)
		return -1;
	json_free(json);
	return 0;
}

int main(int argc, char **argv)
{
	bool is_tar = argc == 2 && !strcmp(argv[1], "tar");
	le32 header;

	while (fread(&header, sizeof(header), 1, stdin) == 1) {
		struct error err = ERROR_NONE;
		size_t len = le32_get(header);
		char *data = len <= INPUT_MAX ? malloc(len + 1) : NULL;
		int result;

		if (!data || fread(data, 1, len, stdin) != len)
			return 1;
		result = is_tar ? read_tar(data, len, &err) : read_json(data, len, &err);
		free(data);
		(void)printf(result < 0 ? "no %s\n" : "ok\n", err.text);
		(void)fflush(stdout);
	}
	return 0;
}
