/*
 * The header WWW-Authenticate (RFC 9110, section 11.6.1): what a registry asks a client to prove,
 * and where tokens are handed out (distribution's token authentication). The registry's bytes;
 * read in the process that fetches.
 */
#ifndef NACELLE_IMAGES_CHALLENGE_H
#define NACELLE_IMAGES_CHALLENGE_H

#include <stddef.h>

#include "vmm/base/error.h"

enum challenge_scheme {
	CHALLENGE_NONE = 0, /* nothing that is understood was asked for */
	CHALLENGE_BASIC,
	CHALLENGE_BEARER,
};

enum {
	CHALLENGE_HEADER_MAX = 8192,
	CHALLENGE_REALM_SIZE = 2048,
	CHALLENGE_TEXT_SIZE = 1024,
};

/* Of Bearer: where to ask and for what; "" for what was not said. Without control characters. */
struct challenge {
	enum challenge_scheme scheme;
	char realm[CHALLENGE_REALM_SIZE];
	char service[CHALLENGE_TEXT_SIZE];
	char scope[CHALLENGE_TEXT_SIZE];
};

/*
 * Reads the value of one header and keeps the strongest of what it and those before it ask for:
 * Bearer rather than Basic, the first of two Bearers. Begin with an empty struct. Schemes that are
 * not understood are passed over. Returns 0, or -1 with err filled when the header is malformed or
 * too long; then *out is unchanged.
 */
int challenge_read(struct challenge *out, const char *value, size_t len, struct error *err);

#endif
