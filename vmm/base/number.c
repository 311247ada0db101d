/*
 * Numbers that people type.
 */
#include "vmm/base/number.h"

#include <ctype.h>
#include <string.h>

/* Reads digits; *end is set behind them. */
static int parse_digits(const char *text, uint64_t *value, const char **end)
{
	uint64_t result = 0;

	if (!isdigit((unsigned char)*text))
		return -1;
	for (; isdigit((unsigned char)*text); text++)
		if (__builtin_mul_overflow(result, (uint64_t)10, &result) ||
		    __builtin_add_overflow(result, (uint64_t)(*text - '0'), &result))
			return -1;
	*value = result;
	*end = text;
	return 0;
}

int number_parse(const char *text, uint64_t *value)
{
	const char *end;

	return parse_digits(text, value, &end) < 0 || *end ? -1 : 0;
}

int number_parse_size(const char *text, uint64_t *bytes)
{
	static const char suffixes[] = "kmgt";
	const char *end, *suffix;
	uint64_t value;
	unsigned shift;

	if (parse_digits(text, &value, &end) < 0)
		return -1;
	if (!*end) {
		*bytes = value;
		return 0;
	}
	suffix = strchr(suffixes, tolower((unsigned char)*end));
	if (!suffix || (end[1] && strcmp(end + 1, "iB") != 0 && strcmp(end + 1, "B") != 0))
		return -1;
	shift = 10 * (unsigned)(suffix - suffixes + 1);
	if (value >> (64 - shift))
		return -1;
	*bytes = value << shift;
	return 0;
}

int number_parse_thousandths(const char *text, uint64_t *thousandths)
{
	const char *end;
	uint64_t value, scale = 1000;

	if (parse_digits(text, &value, &end) < 0 || __builtin_mul_overflow(value, scale, &value))
		return -1;
	if (*end == '.') {
		for (end++; isdigit((unsigned char)*end) && scale > 1; end++) {
			scale /= 10;
			if (__builtin_add_overflow(value, (uint64_t)(*end - '0') * scale, &value))
				return -1;
		}
		if (scale == 1000)
			return -1;
	}
	*thousandths = value;
	return *end ? -1 : 0;
}
