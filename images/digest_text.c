/*
 * The text form of digests. The text comes from image authors: nothing but the exact grammar
 * passes.
 */
#include "images/digest.h"

#include <errno.h>
#include <string.h>

static const struct {
	enum digest_algorithm algorithm;
	const char *name;
	size_t len;
} algorithms[] = {
	{ DIGEST_SHA256, "sha256", 32 },
	{ DIGEST_SHA512, "sha512", 64 },
};

size_t digest_len(enum digest_algorithm algorithm)
{
	return algorithm == DIGEST_SHA512 ? 64 : 32;
}

const char *digest_algorithm_name(enum digest_algorithm algorithm)
{
	return algorithm == DIGEST_SHA512 ? "sha512" : "sha256";
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

static int refuse(const char *text, size_t len, struct error *err)
{
	return error_set(err, 0, "\"%.*s\" is not a digest (sha256: and 64 lower-case hex digits)",
			 len > 80 ? 80 : (int)len, text);
}

int digest_parse(struct digest *out, const char *text, size_t len, struct error *err)
{
	struct digest digest = { 0 };
	const char *hex = NULL;

	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		size_t name_len = strlen(algorithms[i].name);

		if (len == name_len + 1 + 2 * algorithms[i].len &&
		    !memcmp(text, algorithms[i].name, name_len) && text[name_len] == ':') {
			digest.algorithm = algorithms[i].algorithm;
			hex = text + name_len + 1;
		}
	}
	if (!hex)
		return refuse(text, len, err);
	for (size_t i = 0; i < digest_len(digest.algorithm); i++) {
		int high = hex_value(hex[2 * i]);
		int low = hex_value(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return refuse(text, len, err);
		digest.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*out = digest;
	return 0;
}

void digest_format_with(const struct digest *digest, char separator, char text[DIGEST_TEXT_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	const char *name = digest_algorithm_name(digest->algorithm);
	char *at = text;

	memcpy(at, name, strlen(name));
	at += strlen(name);
	*at++ = separator;
	for (size_t i = 0; i < digest_len(digest->algorithm); i++) {
		*at++ = digits[digest->bytes[i] >> 4];
		*at++ = digits[digest->bytes[i] & 15];
	}
	*at = '\0';
}

void digest_format(const struct digest *digest, char text[DIGEST_TEXT_SIZE])
{
	digest_format_with(digest, ':', text);
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return a->algorithm == b->algorithm && !memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}
