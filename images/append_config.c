/*
 * An image's configuration with one layer more. What it says otherwise stays, whatever it is.
 */
#include <errno.h>
#include <stdlib.h>

#include "images/append.h"
#include "images/json.h"

#define CREATED_BY "nacelle export"

/* Puts a copy of the array, with the value at its end, in its place; the value is taken over. */
static int append_to(struct cJSON *object, const char *key, const struct cJSON *array,
		     struct cJSON *value)
{
	struct cJSON *copy = json_copy(array);

	if (!copy) {
		json_free(value);
		return -1;
	}
	if (json_append(copy, value) == 0)
		return json_set(object, key, copy);
	json_free(copy);
	return -1;
}

static int set_diff_ids(struct cJSON *config, const struct cJSON *rootfs, const struct cJSON *ids,
			const char *diff_id)
{
	struct cJSON *copy = json_copy(rootfs);

	if (copy && append_to(copy, "diff_ids", ids, json_make_text(diff_id)) == 0)
		return json_set(config, "rootfs", copy);
	json_free(copy);
	return -1;
}

static int extend_history(struct cJSON *config, const struct cJSON *history, const char *created)
{
	struct cJSON *step = json_make_object();

	if (step && json_set(step, "created", json_make_text(created)) == 0 &&
	    json_set(step, "created_by", json_make_text(CREATED_BY)) == 0)
		return append_to(config, "history", history, step);
	json_free(step);
	return -1;
}

/* Of the history, one entry for each layer, or none at all: one that was left out is not begun. */
static int change(struct cJSON *config, const struct append_entry *entry, struct error *err)
{
	const struct cJSON *rootfs, *ids, *history;
	int has_history = json_array(config, "history", &history, err);

	if (has_history < 0)
		return -1;
	if (json_object(config, "rootfs", &rootfs, err) != 1 ||
	    json_array(rootfs, "diff_ids", &ids, err) != 1)
		return error_set(err, 0, "the configuration has no rootfs.diff_ids");
	if (set_diff_ids(config, rootfs, ids, entry->diff_id) < 0 ||
	    (has_history && extend_history(config, history, entry->created) < 0) ||
	    json_set(config, "created", json_make_text(entry->created)) < 0)
		return error_set(err, ENOMEM, "cannot make a configuration");
	return 0;
}

int append_config(const char *config, size_t len, const struct append_entry *entry, char **out,
		  struct error *err)
{
	struct cJSON *json;
	int result;

	if (json_parse(&json, config, len, err) < 0)
		return -1;
	result = change(json, entry, err);
	if (result == 0) {
		*out = json_print(json);
		result = *out ? 0 : error_set(err, ENOMEM, "cannot make a configuration");
	}
	json_free(json);
	return result;
}
