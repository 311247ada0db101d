/*
 * Reading appc manifests (appc spec 0.8.11): JSON values that know where they stand, so that every
 * refusal names the place, as in "app.environment[2].name: ...".
 *
 * Unknown members are tolerated, as the specification asks; null counts as missing, because Go's
 * encoder writes it for empty lists; a known member in another case is refused (images/json.h).
 */
#ifndef NACELLE_IMAGES_APPC_READER_H
#define NACELLE_IMAGES_APPC_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/json.h"
#include "images/string_list.h"
#include "vmm/base/error.h"

enum {
	APPC_STRING_MAX = 128 * 1024 - 1,   /* what Linux lets one argument or variable have */
	APPC_ITEMS_MAX = 4096,		    /* in one list */
	APPC_STRINGS_MAX = 2 * 1024 * 1024, /* bytes of all strings of one list */
};

/* A value and the way to it. A child refers to its parent, which has to live as long. */
struct appc_node {
	const struct cJSON *json;
	const struct appc_node *parent; /* NULL: the document */
	const char *key;		/* NULL: an item of a list */
	size_t index;			/* of an item */
};

/* Fills err with the way to the node, to its member if that is not NULL, and why. Returns -1. */
int appc_refuse(const struct appc_node *node, const char *member, struct error *err,
		const char *format, ...) __attribute__((format(printf, 4, 5)));

/*
 * Members of an object: 1 with *out filled, 0 when there is none, -1 with err filled. Strings live
 * as long as the document; an empty one counts as missing and is lent as "".
 */
int appc_string(const struct appc_node *object, const char *key, const char **out,
		struct error *err);
int appc_uint(const struct appc_node *object, const char *key, uint64_t max, uint64_t *out,
	      struct error *err);
int appc_bool(const struct appc_node *object, const char *key, bool *out, struct error *err);
int appc_object(const struct appc_node *object, const char *key, struct appc_node *out,
		struct error *err);

/* A list of at most APPC_ITEMS_MAX values; *out is empty when there is none. Returns 0 or -1. */
int appc_list(const struct appc_node *object, const char *key, struct appc_node *out,
	      struct error *err);

/* The string must be there and not be empty. Returns 0 or -1. */
int appc_need_string(const struct appc_node *object, const char *key, const char **out,
		     struct error *err);

/*
 * Goes through a list: the first value when *item is zeroed, else the next. Returns whether there
 * is one. A list that is missing has none.
 */
bool appc_next(const struct appc_node *list, struct appc_node *item);

/* The same for a list whose values must be objects: 1, 0, -1 with err filled. */
int appc_next_object(const struct appc_node *list, struct appc_node *item, struct error *err);

/* A list of strings, each at most APPC_STRING_MAX bytes. Returns 0 or -1. */
int appc_strings(const struct appc_node *object, const char *key, struct string_list *out,
		 struct error *err);

/* Adds a copy to a list that is bounded as above. Returns 0 or -1. */
int appc_add(const struct appc_node *at, const char *member, struct string_list *list,
	     const char *text, struct error *err);

#endif
