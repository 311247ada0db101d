/*
 * The header block of tar: checksum, flavour, numbers.
 */
#include "images/tar_header.h"

#include <string.h>

#include "vmm/base/bytes.h"

bool tar_block_is_zero(const void *block)
{
	static const uint8_t zero[TAR_BLOCK];

	return !memcmp(block, zero, TAR_BLOCK);
}

static enum tar_flavour flavour_of(const struct tar_header *header)
{
	if (!memcmp(header->magic, "ustar  ", 8))
		return TAR_GNU;
	if (memcmp(header->magic, "ustar", 6))
		return TAR_V7;
	return memcmp(&header->pad[8], "tar", 4) ? TAR_USTAR : TAR_STAR;
}

int tar_header_check(const struct tar_header *header, enum tar_flavour *flavour, struct error *err)
{
	const uint8_t *bytes = (const uint8_t *)header;
	uint64_t stored;
	uint64_t sum = 0;

	for (size_t i = 0; i < TAR_BLOCK; i++) {
		bool in_field = i >= offsetof(struct tar_header, checksum) &&
				i < offsetof(struct tar_header, type);

		sum += in_field ? ' ' : bytes[i];
	}
	if (tar_number(header->checksum, sizeof(header->checksum), "checksum", UINT32_MAX, &stored,
		       NULL) < 0 ||
	    stored != sum)
		return error_set(err, 0,
				 "the layer is not a tar archive, or is damaged (a header's "
				 "checksum is wrong)");
	*flavour = flavour_of(header);
	return 0;
}

bool tar_field_is_blank(const char *field, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (field[i] != ' ' && field[i] != '\0')
			return false;
	}
	return true;
}

/* Digits, after spaces, until the first space or NUL; only such may follow. */
static int read_octal(const char *field, size_t len, uint64_t *out)
{
	uint64_t value = 0;
	size_t i = 0;

	while (i < len && field[i] == ' ')
		i++;
	for (; i < len && field[i] >= '0' && field[i] <= '7'; i++) {
		if (value >> 60)
			return -1;
		value = value << 3 | (uint64_t)(field[i] - '0');
	}
	if (!tar_field_is_blank(field + i, len - i))
		return -1;
	*out = value;
	return 0;
}

/* Two's complement, big endian, with the topmost bit as the mark: 1 in range, 0 not. */
static bool read_base256(const char *field, size_t len, int64_t *out)
{
	const uint8_t *bytes = (const uint8_t *)field;
	bool negative = bytes[0] & 0x40;
	uint64_t value = negative ? UINT64_MAX : 0;

	for (size_t i = 0; i < len; i++) {
		uint8_t byte = bytes[i];

		if (i == 0)
			byte = negative ? byte : byte & 0x7f;
		if ((value >> 55) != (negative ? 0x1ff : 0))
			return false;
		value = value << 8 | byte;
	}
	*out = (int64_t)value;
	return negative == (*out < 0);
}

int tar_number(const char *field, size_t len, const char *what, uint64_t max, uint64_t *out,
	       struct error *err)
{
	uint64_t value = 0;
	int64_t wide;

	if (field[0] & 0x80) {
		if (!read_base256(field, len, &wide) || wide < 0)
			return error_set(err, 0, "an entry's %s is out of range", what);
		value = (uint64_t)wide;
	} else if (read_octal(field, len, &value) < 0) {
		return error_set(err, 0, "an entry's %s is not a number", what);
	}
	if (value > max)
		return error_set(err, 0, "an entry's %s is out of range", what);
	*out = value;
	return 0;
}

int64_t tar_time(const char *field, size_t len)
{
	uint64_t value;
	int64_t wide;

	if (field[0] & 0x80)
		return read_base256(field, len, &wide) ? wide : 0;
	return read_octal(field, len, &value) < 0 || value > INT64_MAX ? 0 : (int64_t)value;
}
