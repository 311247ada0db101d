/*
 * Strict JSON over cJSON: with json_make.c the only file that includes it. cJSON's numbers are
 * doubles, its lookups ignore case and its objects keep keys twice; nothing of that gets out of
 * here.
 */
#include "images/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>

#include "vmm/base/cleanup.h"

/* Integers up to here are exact in a double. */
#define EXACT_MAX ((uint64_t)1 << 53)

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int check_keys(const cJSON *object, struct error *err)
{
	_cleanup_free_ const char **keys = NULL;
	size_t count = 0, i = 0;

	for (const cJSON *member = object->child; member; member = member->next)
		count++;
	if (count < 2)
		return 0;
	keys = calloc(count, sizeof(*keys));
	if (!keys)
		return error_set(err, ENOMEM, "cannot read a document");
	for (const cJSON *member = object->child; member; member = member->next)
		keys[i++] = member->string;
	qsort(keys, count, sizeof(*keys), compare_keys);
	for (i = 1; i < count; i++) {
		if (!strcmp(keys[i - 1], keys[i]))
			return error_set(err, 0, "a document has the key \"%.100s\" twice",
					 keys[i]);
	}
	return 0;
}

/* Visits every object. The depth is bounded by the scan, so the stack is an array. */
static int check_all_keys(const cJSON *root, struct error *err)
{
	const cJSON *stack[70];
	size_t depth = 0;

	stack[depth++] = root;
	while (depth) {
		const cJSON *json = stack[--depth];

		if (cJSON_IsObject(json) && check_keys(json, err) < 0)
			return -1;
		if (json->next && json != root)
			stack[depth++] = json->next;
		if (json->child)
			stack[depth++] = json->child;
	}
	return 0;
}

int json_parse(struct cJSON **out, const char *text, size_t len, struct error *err)
{
	cJSON *root;

	if (json_scan(text, len, err) < 0)
		return -1;
	root = cJSON_ParseWithLengthOpts(text, len, NULL, 0);
	if (!root)
		return error_set(err, 0, "a document cannot be parsed");
	if (check_all_keys(root, err) < 0) {
		cJSON_Delete(root);
		return -1;
	}
	*out = root;
	return 0;
}

void json_wipe(struct cJSON *json)
{
	cJSON *stack[70];
	size_t depth = 0;

	stack[depth++] = json;
	while (depth) {
		cJSON *one = stack[--depth];

		if (one->valuestring)
			explicit_bzero(one->valuestring, strlen(one->valuestring));
		if (one->next && one != json)
			stack[depth++] = one->next;
		if (one->child)
			stack[depth++] = one->child;
	}
}

void json_free(struct cJSON *json)
{
	cJSON_Delete(json);
}

/* The member with this key: 1, 0, or -1 if only its case differs. */
static int find(const cJSON *object, const char *key, const cJSON **out, struct error *err)
{
	*out = NULL;
	if (!cJSON_IsObject(object)) /* what is in an array has no keys */
		return 0;
	for (const cJSON *member = object->child; member; member = member->next) {
		if (strcasecmp(member->string, key))
			continue;
		if (strcmp(member->string, key))
			return error_set(err, 0, "a document has \"%.100s\" where \"%s\" is known",
					 member->string, key);
		if (!cJSON_IsNull(member))
			*out = member;
	}
	return *out ? 1 : 0;
}

static int wrong_type(const char *key, const char *type, struct error *err)
{
	return error_set(err, 0, "\"%s\" in a document is not %s", key, type);
}

int json_object(const struct cJSON *object, const char *key, const struct cJSON **out,
		struct error *err)
{
	int found = find(object, key, out, err);

	return found > 0 && !cJSON_IsObject(*out) ? wrong_type(key, "an object", err) : found;
}

int json_array(const struct cJSON *object, const char *key, const struct cJSON **out,
	       struct error *err)
{
	int found = find(object, key, out, err);

	return found > 0 && !cJSON_IsArray(*out) ? wrong_type(key, "an array", err) : found;
}

int json_string(const struct cJSON *object, const char *key, const char **out, struct error *err)
{
	const cJSON *member;
	int found = find(object, key, &member, err);

	if (found > 0 && !cJSON_IsString(member))
		return wrong_type(key, "a string", err);
	*out = found > 0 ? member->valuestring : NULL;
	return found;
}

int json_uint(const struct cJSON *object, const char *key, uint64_t max, uint64_t *out,
	      struct error *err)
{
	const cJSON *member;
	int found = find(object, key, &member, err);
	uint64_t value;

	if (found <= 0)
		return found;
	if (!cJSON_IsNumber(member) || !(member->valuedouble >= 0) ||
	    member->valuedouble > (double)EXACT_MAX)
		return wrong_type(key, "a number in range", err);
	value = (uint64_t)member->valuedouble;
	if ((double)value < member->valuedouble || value > max)
		return wrong_type(key, "a number in range", err);
	*out = value;
	return 1;
}

int json_bool(const struct cJSON *object, const char *key, bool *out, struct error *err)
{
	const cJSON *member;
	int found = find(object, key, &member, err);

	if (found > 0 && !cJSON_IsBool(member))
		return wrong_type(key, "true or false", err);
	if (found > 0)
		*out = cJSON_IsTrue(member);
	return found;
}

int json_member(const struct cJSON *object, const char *key, const struct cJSON **out,
		struct error *err)
{
	return find(object, key, out, err);
}

bool json_number(const struct cJSON *json, double *out)
{
	if (!cJSON_IsNumber(json))
		return false;
	*out = json->valuedouble;
	return true;
}

const struct cJSON *json_first(const struct cJSON *json)
{
	return json->child;
}

const struct cJSON *json_next(const struct cJSON *json)
{
	return json->next;
}

const char *json_key(const struct cJSON *json)
{
	return json->string;
}

const char *json_text(const struct cJSON *json)
{
	return cJSON_IsString(json) ? json->valuestring : NULL;
}

bool json_is_object(const struct cJSON *json)
{
	return cJSON_IsObject(json);
}

bool json_is_array(const struct cJSON *json)
{
	return cJSON_IsArray(json);
}
