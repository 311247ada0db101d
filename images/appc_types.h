/*
 * The scalar types of appc manifests (appc spec, types.md). Where the reference implementation
 * takes more than the text says and images in the world rely on it, that is taken too.
 */
#ifndef NACELLE_IMAGES_APPC_TYPES_H
#define NACELLE_IMAGES_APPC_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/digest.h"

enum { APPC_NAME_MAX = 255 };

/* AC Name: lower-case letters, digits and inner hyphens. */
bool appc_is_name(const char *text);

/*
 * AC Identifier: the same with inner "-._~/". No component between slashes is empty, "." or "..",
 * so that prefixes of names mean what they seem to.
 */
bool appc_is_identifier(const char *text);

/* Name of an environment variable: a letter or underscore, then also digits, "." and "-". */
bool appc_is_variable(const char *text);

/* A date of RFC 3339, section 5.6, with the "T". */
bool appc_is_date(const char *text);

/* An address whose scheme is http or https. */
bool appc_is_url(const char *text);

/* A version of semver.org 2.0.0, other than 0.0.0; build metadata is not kept. */
struct appc_version {
	uint32_t major;
	uint32_t minor;
	uint32_t patch;
};
bool appc_version_parse(const char *text, struct appc_version *out);

/* An image id, "sha512-" and 128 lower-case hexadecimal digits. */
bool appc_image_id_parse(const char *text, struct digest *out);

/*
 * A quantity (ace.md, "Resource Isolators"): a decimal number with one of m, k, M, G, T, P, E, Ki,
 * Mi, Gi, Ti, Pi, Ei, or an exponent. *out counts thousandths if in_thousandths is set and is
 * rounded up. False if it is none, negative, or larger than INT64_MAX.
 */
bool appc_quantity_parse(const char *text, bool in_thousandths, uint64_t *out);

#endif
