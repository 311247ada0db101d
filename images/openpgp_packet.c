/*
 * Armor and packets of OpenPGP. Signatures are read in a confined process, keys where they are:
 * those are the administrator's.
 */
#include "images/openpgp_packet.h"

#include <stdio.h>
#include <string.h>

#include "images/base64.h"

enum {
	TAG_SIGNATURE = 2,
	TAG_SECRET_KEY = 5,
	TAG_PUBLIC_KEY = 6,
	TAG_SECRET_SUBKEY = 7,
	TAG_TRUST = 12,
	TAG_USER_ID = 13,
	TAG_PUBLIC_SUBKEY = 14,
	TAG_USER_ATTRIBUTE = 17,
	RSA_BITS_MIN = 2048,
	LINE_MAX_BYTES = 128,
};

struct reader {
	const uint8_t *at;
	size_t left;
};

static bool take(struct reader *r, size_t len, const uint8_t **out)
{
	if (r->left < len)
		return false;
	*out = r->at;
	r->at += len;
	r->left -= len;
	return true;
}

static bool take_number(struct reader *r, size_t len, uint32_t *out)
{
	const uint8_t *bytes;

	if (!take(r, len, &bytes))
		return false;
	*out = 0;
	for (size_t i = 0; i < len; i++)
		*out = *out << 8 | bytes[i];
	return true;
}

/* The next line without its end, which "\n" or "\r\n" is: false at the end of the text. */
static bool next_line(const char **at, const char *end, const char **line, size_t *len)
{
	const char *newline;

	if (*at == end)
		return false;
	newline = memchr(*at, '\n', (size_t)(end - *at));
	*line = *at;
	*len = (size_t)((newline ? newline : end) - *at);
	*at = newline ? newline + 1 : end;
	if (*len && (*line)[*len - 1] == '\r')
		--*len;
	return true;
}

static bool line_is(const char *line, size_t len, const char *before, const char *type)
{
	char wanted[64];

	(void)snprintf(wanted, sizeof(wanted), "-----%s PGP %s-----", before, type);
	return len == strlen(wanted) && !memcmp(line, wanted, len);
}

static uint32_t crc24(const uint8_t *data, size_t len)
{
	uint32_t crc = 0xb704ce;

	for (size_t i = 0; i < len; i++) {
		crc ^= (uint32_t)data[i] << 16;
		for (int bit = 0; bit < 8; bit++) {
			crc <<= 1;
			if (crc & 0x1000000)
				crc ^= 0x1864cfb;
		}
	}
	return crc & 0xffffff;
}

static bool check_crc(const char *line, size_t len, const uint8_t *data, size_t data_len)
{
	uint8_t crc[3];

	return len == 5 && base64_decode(crc, sizeof(crc), line + 1, 4) == 3 &&
	       ((uint32_t)crc[0] << 16 | (uint32_t)crc[1] << 8 | crc[2]) == crc24(data, data_len);
}

/* The lines "Version: ..." and the like, up to the empty one. */
static bool skip_headers(const char **at, const char *end)
{
	const char *line;
	size_t len;

	while (next_line(at, end, &line, &len)) {
		if (len == 0)
			return true;
		if (!memmem(line, len, ": ", 2))
			return false;
	}
	return false;
}

/* Lines of base64 and the checksum, up to the last line. */
static bool read_body(const char **at, const char *end, const char *type, uint8_t *out,
		      size_t *out_len)
{
	bool checked = false;
	const char *line;
	size_t len, room = (size_t)(end - *at);

	*out_len = 0;
	while (next_line(at, end, &line, &len)) {
		ssize_t n;

		if (line_is(line, len, "END", type))
			return *out_len > 0;
		if (checked || len == 0 || len > LINE_MAX_BYTES)
			return false;
		if (line[0] == '=') {
			checked = check_crc(line, len, out, *out_len);
			if (!checked)
				return false;
			continue;
		}
		n = base64_decode(out + *out_len, room - *out_len, line, len);
		if (n <= 0)
			return false;
		*out_len += (size_t)n;
	}
	return false;
}

int openpgp_dearmor(const char *text, size_t len, const char *type, uint8_t *out, size_t *out_len,
		    struct error *err)
{
	const char *at = text, *end = text + len, *line;
	size_t line_len;

	if (!next_line(&at, end, &line, &line_len) || !line_is(line, line_len, "BEGIN", type))
		return error_set(err, 0, "it does not begin with \"-----BEGIN PGP %s-----\"", type);
	if (!skip_headers(&at, end) || !read_body(&at, end, type, out, out_len))
		return error_set(err, 0, "its armor is broken");
	if (at != end)
		return error_set(err, 0, "something follows its armor");
	return 0;
}

static bool take_new_length(struct reader *r, uint32_t *len)
{
	uint32_t first, second;

	if (!take_number(r, 1, &first))
		return false;
	if (first < 192) {
		*len = first;
		return true;
	}
	if (first == 255)
		return take_number(r, 4, len);
	/* 224 to 254 are partial lengths, which neither keys nor signatures may have. */
	if (first >= 224 || !take_number(r, 1, &second))
		return false;
	*len = (first - 192) * 256 + second + 192;
	return true;
}

/* One packet: 1, 0 at the end, -1 if it is malformed or of indeterminate length. */
static int take_packet(struct reader *r, uint32_t *tag, struct reader *body)
{
	uint32_t head, len;

	if (r->left == 0)
		return 0;
	if (!take_number(r, 1, &head) || !(head & 0x80))
		return -1;
	if (head & 0x40) {
		*tag = head & 0x3f;
		if (!take_new_length(r, &len))
			return -1;
	} else {
		*tag = head >> 2 & 0xf;
		if ((head & 3) == 3 || !take_number(r, (size_t)1 << (head & 3), &len))
			return -1;
	}
	body->left = len;
	return take(r, len, &body->at) ? 1 : -1;
}

int openpgp_check_signature(const uint8_t *data, size_t len, struct error *err)
{
	struct reader r = { data, len }, body;
	uint32_t tag, version, type;

	if (take_packet(&r, &tag, &body) <= 0)
		return error_set(err, 0, "it is not an OpenPGP packet");
	if (tag != TAG_SIGNATURE || r.left)
		return error_set(err, 0, "it is not one signature alone");
	if (!take_number(&body, 1, &version) || version != 4)
		return error_set(err, 0, "it is not a signature of version 4");
	if (!take_number(&body, 1, &type) || type != 0)
		return error_set(err, 0, "it is not a signature of a binary file");
	return 0;
}

static bool is_curve(const uint8_t *oid, size_t len)
{
	static const struct {
		uint8_t len, bytes[10];
	} curves[] = {
		{ 9, { 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01 } }, /* Ed25519 */
		{ 8, { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 } },	 /* P-256 */
		{ 5, { 0x2b, 0x81, 0x04, 0x00, 0x22 } },			 /* P-384 */
	};

	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
		if (len == curves[i].len && !memcmp(oid, curves[i].bytes, len))
			return true;
	}
	return false;
}

static int check_algorithm(struct reader body, struct error *err)
{
	uint32_t version, created, algorithm, bits, oid_len;
	const uint8_t *oid;

	if (!take_number(&body, 1, &version) || version != 4 || !take_number(&body, 4, &created) ||
	    !take_number(&body, 1, &algorithm))
		return error_set(err, 0, "it is not an OpenPGP key of version 4");
	switch (algorithm) {
	case 1: /* RSA */
	case 3: /* RSA to sign */
		if (!take_number(&body, 2, &bits) || bits < RSA_BITS_MIN)
			return error_set(err, 0, "it has an RSA key of less than %d bits",
					 RSA_BITS_MIN);
		return 0;
	case 2:	 /* RSA to encrypt */
	case 16: /* Elgamal */
	case 18: /* ECDH */
		return 0;
	case 19: /* ECDSA */
	case 22: /* EdDSA */
		if (!take_number(&body, 1, &oid_len) || !take(&body, oid_len, &oid) ||
		    !is_curve(oid, oid_len))
			return error_set(err, 0,
					 "it has a curve other than Ed25519, P-256 and P-384");
		return 0;
	default:
		return error_set(err, 0,
				 "it has a key of algorithm %u, which is not RSA, ECDSA "
				 "or EdDSA",
				 algorithm);
	}
}

static int check_key_packet(uint32_t tag, const struct reader *body, struct openpgp_key *out,
			    struct error *err)
{
	switch (tag) {
	case TAG_SECRET_KEY:
	case TAG_SECRET_SUBKEY:
		return error_set(err, 0,
				 "this is a private key: keep it secret, and give its "
				 "public one (gpg --armor --export)");
	case TAG_PUBLIC_KEY:
		if (out->body)
			return error_set(err, 0, "there are several keys: give one a file");
		*out = (struct openpgp_key){ body->at, body->left };
		return check_algorithm(*body, err);
	case TAG_PUBLIC_SUBKEY:
		return check_algorithm(*body, err);
	case TAG_SIGNATURE:
	case TAG_TRUST:
	case TAG_USER_ID:
	case TAG_USER_ATTRIBUTE:
		return 0;
	default:
		return error_set(err, 0, "it holds an unknown packet (%u)", tag);
	}
}

int openpgp_check_key(const uint8_t *data, size_t len, struct openpgp_key *out, struct error *err)
{
	struct reader r = { data, len }, body;
	uint32_t tag;
	int more;

	*out = (struct openpgp_key){ 0 };
	while ((more = take_packet(&r, &tag, &body)) > 0) {
		if (check_key_packet(tag, &body, out, err) < 0)
			return -1;
		if (!out->body)
			return error_set(err, 0, "it does not begin with a public key");
	}
	if (more < 0 || !out->body)
		return error_set(err, 0, "it is not an OpenPGP key");
	return 0;
}

struct times {
	uint64_t now_s;
	uint64_t first_s; /* the first expiry after now, or 0 */
};

static void note(struct times *times, uint64_t from_s, uint32_t after_s)
{
	uint64_t moment_s = from_s + after_s;

	if (after_s && moment_s > times->now_s && (!times->first_s || moment_s < times->first_s))
		times->first_s = moment_s;
}

/* The hashed subpackets of a signature about a key made at created_s. */
static void note_subpackets(struct times *times, struct reader area, uint32_t created_s)
{
	uint32_t signed_s = 0, key_lasts_s = 0, lasts_s = 0, len, type;

	while (area.left) {
		struct reader body;

		if (!take_new_length(&area, &len) || !take(&area, len, &body.at))
			break;
		body.left = len;
		if (!take_number(&body, 1, &type))
			break;
		type &= 0x7f;
		if (body.left == 4 && type == 2)
			(void)take_number(&body, 4, &signed_s);
		else if (body.left == 4 && type == 3)
			(void)take_number(&body, 4, &lasts_s);
		else if (body.left == 4 && type == 9)
			(void)take_number(&body, 4, &key_lasts_s);
	}
	note(times, signed_s, lasts_s);
	note(times, created_s, key_lasts_s);
}

uint64_t openpgp_next_expiry(const uint8_t *data, size_t len, uint64_t now_s)
{
	struct reader r = { data, len }, body;
	struct times times = { .now_s = now_s };
	uint32_t tag, version, rest, created_s = 0, area_len;

	while (take_packet(&r, &tag, &body) > 0) {
		struct reader area;

		if (!take_number(&body, 1, &version) || version != 4)
			continue;
		if (tag == TAG_PUBLIC_KEY || tag == TAG_PUBLIC_SUBKEY)
			(void)take_number(&body, 4, &created_s);
		if (tag != TAG_SIGNATURE || !take_number(&body, 3, &rest) ||
		    !take_number(&body, 2, &area_len) || !take(&body, area_len, &area.at))
			continue;
		area.left = area_len;
		note_subpackets(&times, area, created_s);
	}
	return times.first_s;
}
