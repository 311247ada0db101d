/*
 * Scalar types of appc manifests.
 */
#include "images/appc_types.h"

#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_lower_alphanumeric(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z');
}

/* Alphanumeric at both ends, with these separators inside. */
static bool is_joined(const char *text, const char *separators)
{
	size_t len = strlen(text);

	if (len == 0 || len > APPC_NAME_MAX || !is_lower_alphanumeric(text[0]) ||
	    !is_lower_alphanumeric(text[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!is_lower_alphanumeric(text[i]) && !strchr(separators, text[i]))
			return false;
	}
	return true;
}

bool appc_is_name(const char *text)
{
	return is_joined(text, "-");
}

bool appc_is_identifier(const char *text)
{
	if (!is_joined(text, "-._~/"))
		return false;
	for (const char *at = strchr(text, '/'); at; at = strchr(at + 1, '/')) {
		size_t len = strcspn(at + 1, "/");

		if (len == 0 || (len <= 2 && strspn(at + 1, ".") == len))
			return false;
	}
	return true;
}

bool appc_is_variable(const char *text)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";

	if (!text[0] || !strchr(letters, text[0]))
		return false;
	for (; *text; text++) {
		if (!strchr(letters, *text) && !is_digit(*text) && *text != '.' && *text != '-')
			return false;
	}
	return true;
}

/* Whether the text begins with this form: 0 stands for a digit, other characters for themselves. */
static bool has_form(const char *text, const char *form)
{
	for (; *form; form++, text++) {
		if (*form == '0' ? !is_digit(*text) : *text != *form)
			return false;
	}
	return true;
}

static unsigned two_digits(const char *text)
{
	return (unsigned)(text[0] - '0') * 10 + (unsigned)(text[1] - '0');
}

bool appc_is_date(const char *text)
{
	static const char form[] = "0000-00-00T00:00:00";
	const char *at = text + sizeof(form) - 1;

	if (!has_form(text, form))
		return false;
	if (*at == '.') {
		if (!is_digit(*++at))
			return false;
		at += strspn(at, "0123456789");
	}
	if (two_digits(text + 5) - 1 > 11 || two_digits(text + 8) - 1 > 30 ||
	    two_digits(text + 11) > 23 || two_digits(text + 14) > 59 || two_digits(text + 17) > 60)
		return false;
	if (!strcmp(at, "Z"))
		return true;
	return (has_form(at, "+00:00") || has_form(at, "-00:00")) && !at[6] &&
	       two_digits(at + 1) <= 23 && two_digits(at + 4) <= 59;
}

bool appc_is_url(const char *text)
{
	size_t len = strcspn(text, ":");

	return (len == 4 && !memcmp(text, "http:", 5)) || (len == 5 && !memcmp(text, "https:", 6));
}

/* A number without leading zeros; *text moves behind it. */
static bool take_number(const char **text, uint32_t *out)
{
	const char *at = *text;
	uint64_t value = 0;

	if (!is_digit(*at) || (*at == '0' && is_digit(at[1])))
		return false;
	for (; is_digit(*at); at++) {
		value = value * 10 + (uint64_t)(*at - '0');
		if (value > UINT32_MAX)
			return false;
	}
	*text = at;
	*out = (uint32_t)value;
	return true;
}

static bool take_dot(const char **text)
{
	return *(*text)++ == '.';
}

bool appc_version_parse(const char *text, struct appc_version *out)
{
	if (!take_number(&text, &out->major) || !take_dot(&text) ||
	    !take_number(&text, &out->minor) || !take_dot(&text) ||
	    !take_number(&text, &out->patch) || !(out->major || out->minor || out->patch))
		return false;
	if (*text && *text != '-' && *text != '+')
		return false;
	for (; *text; text++) {
		bool is_letter = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z');

		if (!is_letter && !is_digit(*text) && !strchr("-+.", *text))
			return false;
	}
	return true;
}

bool appc_image_id_parse(const char *text, struct digest *out)
{
	char colon[DIGEST_TEXT_SIZE];
	size_t len = strlen(text);

	if (len != DIGEST_TEXT_SIZE - 1 || strncmp(text, "sha512-", 7))
		return false;
	memcpy(colon, text, len + 1);
	colon[6] = ':';
	return digest_parse(out, colon, len, NULL) == 0;
}

/* The factor of a suffix as power of ten or of two. */
struct scale {
	int ten;
	int two;
};

static bool parse_exponent(const char *text, struct scale *out)
{
	bool is_negative = *text == '-';
	int value = 0;

	text += *text == '-' || *text == '+';
	if (!is_digit(*text))
		return false;
	for (; is_digit(*text); text++) {
		value = value * 10 + (*text - '0');
		if (value > 99)
			return false;
	}
	out->ten = is_negative ? -value : value;
	return !*text;
}

static bool parse_suffix(const char *text, struct scale *out)
{
	static const char letters[] = "kMGTPE";
	const char *found = *text ? strchr(letters, *text == 'K' ? 'k' : *text) : NULL;

	*out = (struct scale){ 0 };
	if (!*text)
		return true;
	if (!strcmp(text, "m")) {
		out->ten = -3;
		return true;
	}
	if ((text[0] == 'e' || text[0] == 'E') && text[1] && text[1] != 'i')
		return parse_exponent(text + 1, out);
	if (!found || (text[1] == 'i' ? text[2] || *text == 'k' : text[1] || *text == 'K'))
		return false;
	if (text[1] == 'i')
		out->two = 10 * (int)(found - letters + 1);
	else
		out->ten = 3 * (int)(found - letters + 1);
	return true;
}

/* value * 10^ten, rounded up; false when it is too large. */
static bool scale_by_ten(unsigned __int128 *value, int ten)
{
	for (; ten > 0 && *value; ten--) {
		if (*value > (unsigned __int128)-1 / 10)
			return false;
		*value *= 10;
	}
	for (; ten < 0 && *value; ten++)
		*value = *value / 10 + (*value % 10 != 0);
	return true;
}

bool appc_quantity_parse(const char *text, bool in_thousandths, uint64_t *out)
{
	unsigned __int128 value = 0;
	struct scale scale;
	int fraction = 0;
	bool has_digits = false, has_point = false;

	text += *text == '+';
	for (; is_digit(*text) || (*text == '.' && !has_point); text++) {
		if (*text == '.') {
			has_point = true;
			continue;
		}
		has_digits = true;
		fraction += has_point;
		value = value * 10 + (unsigned)(*text - '0');
		if (value >> 64)
			return false;
	}
	if (!has_digits || !parse_suffix(text, &scale))
		return false;
	value <<= scale.two;
	if (!scale_by_ten(&value, scale.ten - fraction + (in_thousandths ? 3 : 0)) ||
	    value > INT64_MAX)
		return false;
	*out = (uint64_t)value;
	return true;
}
