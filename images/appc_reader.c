/*
 * Values of appc manifests and their places.
 */
#include "images/appc_reader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { WAY_DEPTH_MAX = 16, WAY_SIZE = 256 };

/* Writes the way to a node, cut off where it becomes too long. */
static void format_way(const struct appc_node *node, const char *member, char way[WAY_SIZE])
{
	const struct appc_node *nodes[WAY_DEPTH_MAX];
	size_t depth = 0, len = 0;

	way[0] = '\0';
	for (; node && node->parent && depth < WAY_DEPTH_MAX; node = node->parent)
		nodes[depth++] = node;
	while (depth--) {
		node = nodes[depth];
		if (node->key)
			(void)snprintf(way + len, WAY_SIZE - len, "%s%.64s", len ? "." : "",
				       node->key);
		else
			(void)snprintf(way + len, WAY_SIZE - len, "[%zu]", node->index);
		len += strlen(way + len);
	}
	if (member)
		(void)snprintf(way + len, WAY_SIZE - len, "%s%.64s", len ? "." : "", member);
}

int appc_refuse(const struct appc_node *node, const char *member, struct error *err,
		const char *format, ...)
{
	char way[WAY_SIZE], why[ERROR_TEXT_MAX];
	va_list arguments;

	format_way(node, member, way);
	va_start(arguments, format);
	(void)vsnprintf(why, sizeof(why), format, arguments);
	va_end(arguments);
	return error_set(err, 0, "%s%s%s", way, way[0] ? ": " : "", why);
}

/* Puts the place of an object before what a reader of its member said. */
static int located(const struct appc_node *object, int result, struct error *err)
{
	char way[WAY_SIZE];

	format_way(object, NULL, way);
	return result < 0 && way[0] ? error_prefix(err, "%s", way) : result;
}

int appc_string(const struct appc_node *object, const char *key, const char **out,
		struct error *err)
{
	int found = json_string(object->json, key, out, err);

	if (found < 0)
		return located(object, -1, err);
	if (found == 0)
		*out = "";
	return **out ? 1 : 0;
}

int appc_uint(const struct appc_node *object, const char *key, uint64_t max, uint64_t *out,
	      struct error *err)
{
	return located(object, json_uint(object->json, key, max, out, err), err);
}

int appc_bool(const struct appc_node *object, const char *key, bool *out, struct error *err)
{
	return located(object, json_bool(object->json, key, out, err), err);
}

int appc_object(const struct appc_node *object, const char *key, struct appc_node *out,
		struct error *err)
{
	*out = (struct appc_node){ .parent = object, .key = key };
	return located(object, json_object(object->json, key, &out->json, err), err);
}

int appc_list(const struct appc_node *object, const char *key, struct appc_node *out,
	      struct error *err)
{
	size_t count = 0;

	*out = (struct appc_node){ .parent = object, .key = key };
	if (json_array(object->json, key, &out->json, err) < 0)
		return located(object, -1, err);
	for (const struct cJSON *item = out->json ? json_first(out->json) : NULL; item;
	     item = json_next(item)) {
		if (++count > APPC_ITEMS_MAX)
			return appc_refuse(object, key, err, "it has more than %d items",
					   APPC_ITEMS_MAX);
	}
	return 0;
}

int appc_need_string(const struct appc_node *object, const char *key, const char **out,
		     struct error *err)
{
	int found = appc_string(object, key, out, err);

	return found ? (found < 0 ? -1 : 0) : appc_refuse(object, key, err, "it is missing");
}

bool appc_next(const struct appc_node *list, struct appc_node *item)
{
	const struct cJSON *next = NULL;
	size_t index = item->json ? item->index + 1 : 0;

	if (item->json)
		next = json_next(item->json);
	else if (list->json)
		next = json_first(list->json);
	*item = (struct appc_node){ .json = next, .parent = list, .index = index };
	return next != NULL;
}

int appc_next_object(const struct appc_node *list, struct appc_node *item, struct error *err)
{
	if (!appc_next(list, item))
		return 0;
	return json_is_object(item->json) ? 1 : appc_refuse(item, NULL, err, "it is no object");
}

int appc_add(const struct appc_node *at, const char *member, struct string_list *list,
	     const char *text, struct error *err)
{
	size_t len = strlen(text);

	if (len > APPC_STRING_MAX)
		return appc_refuse(at, member, err, "it is longer than %d bytes", APPC_STRING_MAX);
	if (string_list_add(list, text, len) < 0)
		return error_set(err, ENOMEM, "cannot read a manifest");
	return 0;
}

int appc_strings(const struct appc_node *object, const char *key, struct string_list *out,
		 struct error *err)
{
	struct appc_node list, item = { 0 };
	size_t total_len = 0;

	if (appc_list(object, key, &list, err) < 0)
		return -1;
	while (appc_next(&list, &item)) {
		const char *text = json_text(item.json);

		if (!text)
			return appc_refuse(&item, NULL, err, "it is no string");
		total_len += strlen(text) + 1;
		if (total_len > APPC_STRINGS_MAX)
			return appc_refuse(&list, NULL, err, "it has more than %d bytes",
					   APPC_STRINGS_MAX);
		if (appc_add(&item, NULL, out, text, err) < 0)
			return -1;
	}
	return 0;
}
