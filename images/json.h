/*
 * JSON of image documents, read strictly: RFC 8259 in strict UTF-8, at most IMAGE_DOCUMENT_MAX
 * bytes, 64 levels and 100,000 values, no key twice in an object, no NUL in a string, nothing after
 * the value. What passes is handed to cJSON; json.c and json_make.c alone include it.
 *
 * Readers of images disagree about the case of keys, so a key that differs from one that is asked
 * for in case only makes a document unreadable. A null counts as missing.
 */
#ifndef NACELLE_IMAGES_JSON_H
#define NACELLE_IMAGES_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/error.h"

struct cJSON;

/* Parses a document. Returns 0 with *out to be released by json_free(), or -1 with err filled. */
int json_parse(struct cJSON **out, const char *text, size_t len, struct error *err);
void json_free(struct cJSON *json);

/* Overwrites all strings of a document that holds secrets; json_free() must follow. */
void json_wipe(struct cJSON *json);

/* Checks the grammar alone. Returns 0, or -1 with err filled. */
int json_scan(const char *text, size_t len, struct error *err);

/*
 * Members of an object. Return 1 with *out set, 0 when there is none, -1 with err filled when it
 * has another type or stands there in another case. What they lend lives as long as the document.
 */
int json_object(const struct cJSON *object, const char *key, const struct cJSON **out,
		struct error *err);
int json_array(const struct cJSON *object, const char *key, const struct cJSON **out,
	       struct error *err);
int json_string(const struct cJSON *object, const char *key, const char **out, struct error *err);
int json_uint(const struct cJSON *object, const char *key, uint64_t max, uint64_t *out,
	      struct error *err);
int json_bool(const struct cJSON *object, const char *key, bool *out, struct error *err);
/* A member of any type but null. */
int json_member(const struct cJSON *object, const char *key, const struct cJSON **out,
		struct error *err);

/* The first value in an array or object and the one after a value; NULL at the end. */
const struct cJSON *json_first(const struct cJSON *json);
const struct cJSON *json_next(const struct cJSON *json);

/* Whether the value is a number; then *out is the double that is nearest to it. */
bool json_number(const struct cJSON *json, double *out);

/* The key of an object's member; the text of a string or NULL; whether it is an object. */
const char *json_key(const struct cJSON *json);
const char *json_text(const struct cJSON *json);
bool json_is_object(const struct cJSON *json);
bool json_is_array(const struct cJSON *json);

/*
 * Making documents. Whatever is made belongs to the caller until json_set() or json_append() takes
 * it over, which they do also when they fail (-1: no memory, or a value that is NULL itself).
 * json_set() replaces a member of that key.
 */
struct cJSON *json_make_object(void);
struct cJSON *json_make_array(void);
struct cJSON *json_make_text(const char *text);
struct cJSON *json_make_number(uint64_t number);
/* JSON that stands in the document as it is, which json_scan() has let through. */
struct cJSON *json_make_raw(const char *text);
struct cJSON *json_copy(const struct cJSON *json);
int json_set(struct cJSON *object, const char *key, struct cJSON *value);
int json_append(struct cJSON *array, struct cJSON *value);
/* The document as text in one line, to be freed; NULL: no memory. */
char *json_print(const struct cJSON *json);

#endif
