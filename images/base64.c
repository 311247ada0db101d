/*
 * Base64.
 */
#include "images/base64.h"

#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(char *text, const void *data, size_t len)
{
	const uint8_t *in = data;

	for (size_t i = 0; i < len; i += 3) {
		size_t have = len - i < 3 ? len - i : 3;
		uint32_t bits = (uint32_t)in[i] << 16;

		if (have > 1)
			bits |= (uint32_t)in[i + 1] << 8;
		if (have > 2)
			bits |= in[i + 2];
		for (size_t k = 0; k < 4; k++)
			*text++ = k <= have ? digits[bits >> (18 - 6 * k) & 63] : '=';
	}
	*text = '\0';
}

ssize_t base64_decode(void *data, size_t size, const char *text, size_t len)
{
	uint8_t *out = data;
	size_t done = 0, padding = 0;

	if (len % 4)
		return -1;
	while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
		padding++;
	for (size_t i = 0; i < len; i += 4) {
		size_t have = i + 4 == len ? 4 - padding : 4;
		uint32_t bits = 0;

		for (size_t k = 0; k < 4; k++) {
			const char *digit = text[i + k] ? strchr(digits, text[i + k]) : NULL;

			if (k < have && !digit)
				return -1;
			bits = bits << 6 | (k < have ? (uint32_t)(digit - digits) : 0);
		}
		if ((have == 2 && bits & 0xffff) || (have == 3 && bits & 0xff) ||
		    done + have - 1 > size)
			return -1;
		for (size_t k = 0; k + 1 < have; k++)
			out[done++] = (uint8_t)(bits >> (16 - 8 * k));
	}
	return (ssize_t)done;
}
