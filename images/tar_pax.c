/*
 * The records of pax extended headers: "LENGTH KEY=VALUE\n", values of any bytes.
 *
 * A key that names, sizes or owns the entry may come once; a global header may not carry one at
 * all, because readers differ in how long it lasts. A time that is no time says nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/tar_internal.h"
#include "vmm/base/bytes.h"

#define XATTR_PREFIX "SCHILY.xattr."

static int refuse(const char *why, struct error *err)
{
	return error_set(err, 0, "an entry's extended header is damaged: %s", why);
}

static int parse_decimal(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;

	if (!*text)
		return -1;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || value > UINT64_MAX / 10 - 1)
			return -1;
		value = value * 10 + (uint64_t)(*text - '0');
	}
	if (value > max)
		return -1;
	*out = value;
	return 0;
}

/* POSIX: an empty value deletes what the header block says. Nobody writes one; readers differ. */
static int refuse_empty(const char *key, struct error *err)
{
	static const char *const needed[] = { "path", "linkpath", "size", "uid", "gid" };

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		if (!strcmp(key, needed[i]))
			return error_set(err, 0, "an entry's extended header has an empty %s", key);
	}
	return 0;
}

static int take_number(const char *key, const char *text, uint64_t max, bool *has, uint64_t *out,
		       struct error *err)
{
	if (*has)
		return error_set(err, 0, "an entry's extended header says %s twice", key);
	if (parse_decimal(text, max, out) < 0)
		return error_set(err, 0, "an entry's extended header has a bad %s", key);
	*has = true;
	return 0;
}

static int take_text(const char *key, const char *text, size_t len, const char **out,
		     struct error *err)
{
	if (*out)
		return error_set(err, 0, "an entry's extended header says %s twice", key);
	if (memchr(text, '\0', len))
		return error_set(err, 0, "an entry's extended header has a NUL in %s", key);
	*out = text;
	return 0;
}

/* [-]SECONDS[.FRACTION]; a malformed time leaves the header block's. */
static void take_mtime(struct tar_pax *pax, const char *text)
{
	bool negative = *text == '-';
	const char *point = strchr(text, '.');
	char seconds[24] = "";
	uint32_t ns = 0, unit = 100000000;
	uint64_t value;
	size_t len;

	text += negative;
	len = point ? (size_t)(point - text) : strlen(text);
	if (len >= sizeof(seconds))
		return;
	memcpy(seconds, text, len);
	if (parse_decimal(seconds, INT64_MAX - 1, &value) < 0)
		return;
	for (const char *at = point ? point + 1 : ""; *at; at++) {
		if (*at < '0' || *at > '9')
			return;
		ns += unit * (uint32_t)(*at - '0');
		unit /= 10;
	}
	pax->mtime_s = negative ? -(int64_t)value : (int64_t)value;
	if (negative && ns) {
		pax->mtime_s--;
		ns = 1000000000 - ns;
	}
	pax->mtime_ns = ns;
	pax->has_mtime = true;
}

static int take_xattr(struct tar *tar, const char *name, const char *value, size_t value_len,
		      struct error *err)
{
	if (tar->xattr_count == tar->xattr_capacity) {
		size_t capacity = tar->xattr_capacity ? tar->xattr_capacity * 2 : 8;
		struct tar_xattr *grown = reallocarray(tar->xattrs, capacity, sizeof(*grown));

		if (!grown)
			return error_set(err, ENOMEM, "cannot read an extended header");
		tar->xattrs = grown;
		tar->xattr_capacity = capacity;
	}
	tar->xattrs[tar->xattr_count++] =
	    (struct tar_xattr){ name, strlen(name), (const uint8_t *)value, value_len };
	return 0;
}

static int take_sparse(struct tar_pax *pax, const char *key, const char *value, size_t len,
		       struct error *err)
{
	uint64_t version;

	pax->is_sparse = true;
	if (len && !strcmp(key, "GNU.sparse.name"))
		return take_text(key, value, len, &pax->sparse_name, err);
	if (!strcmp(key, "GNU.sparse.realsize"))
		return take_number(key, value, IMAGE_FILE_MAX, &pax->has_sparse_size,
				   &pax->sparse_size_bytes, err);
	if (!strcmp(key, "GNU.sparse.major") && !parse_decimal(value, 1, &version) && version)
		pax->has_sparse_major = true;
	else if (!strcmp(key, "GNU.sparse.minor") && !parse_decimal(value, 0, &version))
		pax->has_sparse_minor = true;
	else
		return error_set(err, 0,
				 "a sparse file has a form that is not supported (%s); "
				 "of pax forms only GNU sparse format 1.0 is",
				 key);
	return 0;
}

static int take_record(struct tar *tar, const char *key, const char *value, size_t len,
		       struct error *err)
{
	struct tar_pax *pax = &tar->pax;

	if (!strncmp(key, XATTR_PREFIX, strlen(XATTR_PREFIX)))
		return take_xattr(tar, key + strlen(XATTR_PREFIX), value, len, err);
	if (!strncmp(key, "GNU.sparse.", 11))
		return take_sparse(pax, key, value, len, err);
	if (len == 0)
		return refuse_empty(key, err);
	if (!strcmp(key, "path"))
		return take_text(key, value, len, &pax->path, err);
	if (!strcmp(key, "linkpath"))
		return take_text(key, value, len, &pax->link, err);
	if (!strcmp(key, "size"))
		return take_number(key, value, INT64_MAX, &pax->has_size, &pax->size_bytes, err);
	if (!strcmp(key, "uid"))
		return take_number(key, value, IMAGE_ID_MAX, &pax->has_uid, &pax->uid, err);
	if (!strcmp(key, "gid"))
		return take_number(key, value, IMAGE_ID_MAX, &pax->has_gid, &pax->gid, err);
	if (!strcmp(key, "mtime"))
		take_mtime(pax, value);
	return 0;
}

static int check_global(const char *key, struct error *err)
{
	static const char *const meaningful[] = {
		"path", "linkpath", "size", "uid", "gid", "mtime"
	};
	bool bad =
	    !strncmp(key, XATTR_PREFIX, strlen(XATTR_PREFIX)) || !strncmp(key, "GNU.sparse.", 11);

	for (size_t i = 0; i < ARRAY_SIZE(meaningful); i++)
		bad = bad || !strcmp(key, meaningful[i]);
	if (bad)
		return error_set(err, 0, "a global extended header sets %s", key);
	return 0;
}

/* Splits the record at data, of at most left bytes. Returns its length, or 0 if it is damaged. */
static size_t split_record(char *data, size_t left, char **key, char **value, size_t *value_len)
{
	size_t len = 0, digits = 0;
	char *equals;

	while (digits < left && digits < 8 && data[digits] >= '0' && data[digits] <= '9')
		len = len * 10 + (size_t)(data[digits++] - '0');
	if (!digits || data[0] == '0' || digits == left || data[digits] != ' ' || len > left ||
	    len < digits + 2 || data[len - 1] != '\n')
		return 0;
	*key = data + digits + 1;
	equals = memchr(*key, '=', len - digits - 2);
	if (!equals || equals == *key || memchr(*key, '\0', (size_t)(equals - *key)))
		return 0;
	*equals = '\0';
	data[len - 1] = '\0';
	*value = equals + 1;
	*value_len = (size_t)(data + len - 1 - *value);
	return len;
}

int tar_pax_parse(struct tar *tar, char *data, size_t len, bool global, struct error *err)
{
	while (len) {
		size_t value_len = 0;
		char *key, *value;
		size_t used = split_record(data, len, &key, &value, &value_len);

		if (!used)
			return refuse("a record is malformed", err);
		if (global ? check_global(key, err) < 0
			   : take_record(tar, key, value, value_len, err) < 0)
			return -1;
		data += used;
		len -= used;
	}
	return 0;
}

void tar_pax_reset(struct tar *tar)
{
	free(tar->pax_data);
	tar->pax_data = NULL;
	tar->has_pax = false;
	tar->pax = (struct tar_pax){ 0 };
	tar->xattr_count = 0;
}
