/*
 * An image's configuration with one layer more. What it says otherwise stays, whatever it is.
 */
#include <errno.h>

#include "images/append.h"
#include "images/json.h"

#define CREATED_BY "nacelle export"

/* A copy of a member in its place, which may be changed; NULL: no memory. */
static struct cJSON *replace(struct cJSON *object, const char *key, const struct cJSON *value)
{
	struct cJSON *copy = json_copy(value);

	return json_set(object, key, copy) < 0 ? NULL : copy;
}

static int add_diff_id(struct cJSON *config, const char *diff_id, struct error *err)
{
	const struct cJSON *found;
	struct cJSON *rootfs = NULL;

	if (json_object(config, "rootfs", &found, err) == 1)
		rootfs = replace(config, "rootfs", found);
	if (!rootfs || json_array(rootfs, "diff_ids", &found, err) != 1)
		return error_set(err, 0, "the configuration has no rootfs.diff_ids");
	return json_append(replace(rootfs, "diff_ids", found), json_make_text(diff_id));
}

/* One entry for each layer, or none at all: a history that was left out is not begun. */
static int add_history(struct cJSON *config, const char *created, struct error *err)
{
	const struct cJSON *found;
	struct cJSON *step;
	int has_history = json_array(config, "history", &found, err);

	if (has_history <= 0)
		return has_history;
	step = json_make_object();
	return json_append(replace(config, "history", found), step) < 0 ||
		       json_set(step, "created", json_make_text(created)) < 0 ||
		       json_set(step, "created_by", json_make_text(CREATED_BY)) < 0
		   ? -1
		   : 0;
}

int append_config(const char *config, size_t len, const struct append_entry *entry, char **out,
		  struct error *err)
{
	struct cJSON *json;

	*out = NULL;
	if (json_parse(&json, config, len, err) < 0)
		return -1;
	/* Whatever fails without a word fails for this reason. */
	(void)error_set(err, ENOMEM, "cannot make a configuration");
	if (add_diff_id(json, entry->diff_id, err) == 0 &&
	    add_history(json, entry->created, err) == 0 &&
	    json_set(json, "created", json_make_text(entry->created)) == 0)
		*out = json_print(json);
	json_free(json);
	return *out ? 0 : -1;
}
