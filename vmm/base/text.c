/*
 * Characters of foreign texts.
 */
#include "vmm/base/text.h"

#include <stdbool.h>

size_t text_decode(const char *text, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *at = (const unsigned char *)text;
	size_t len = 1;

	if (at[0] >= 0x80)
		len = at[0] >= 0xc0 && at[0] < 0xf8 ? 2U + (at[0] >= 0xe0) + (at[0] >= 0xf0) : 0;
	*code = len < 2 ? at[0] : at[0] & (0x7fU >> len);
	for (size_t i = 1; i < len; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (at[i] & 0x3f);
	}
	if (len && (*code < least[len] || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000)))
		return 0;
	return len;
}

/* Controls of both sets, line ends, and what makes a line read in another order. */
static bool is_printable(uint32_t code)
{
	return code >= 0x20 && (code < 0x7f || code >= 0xa0) && code != 0x61c && code != 0x200e &&
	       code != 0x200f && (code < 0x2028 || code > 0x202e) &&
	       (code < 0x2066 || code > 0x2069) && code != 0xfeff;
}

void text_clean(char *text)
{
	while (*text) {
		uint32_t code;
		size_t len = text_decode(text, &code);

		if (len && is_printable(code)) {
			text += len;
			continue;
		}
		for (size_t i = 0; i < (len ? len : 1); i++)
			*text++ = '?';
	}
}
