/*
 * nacelle list.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/json_writer.h"
#include "vmm/base/text.h"
#include "vmm/cli/pod_verbs.h"
#include "vmm/pod/pods.h"

const struct option_spec pod_list_options[POD_LIST_OPTION_COUNT] = {
	POD_OPTION_JSON,
	{ "no-header", 0, OPTION_FLAG, NULL, VALUE_OTHER, "print no names of columns",
	  POD_FIELD(no_header) },
	{ "quiet", 'q', OPTION_FLAG, NULL, VALUE_OTHER, "print UUIDs only", POD_FIELD(quiet) },
	POD_OPTION_ROOT,
	{ "state", 0, OPTION_LIST, "STATE", VALUE_OTHER,
	  "only pods in this state: running, paused, exited, prepared, ... (repeatable)",
	  POD_FIELD(states) },
};

enum { COLUMNS = 9, SHORT_UUID = 8, TIME_SHOWN = 19 };

static const char *const headers[COLUMNS] = { "UUID", "NAME",	 "APPS",    "IMAGES",  "STATE",
					      "EXIT", "CREATED", "STARTED", "NETWORKS" };

struct row {
	char *cells[COLUMNS];
};

struct listing {
	struct pod_info *infos;
	size_t count;
};

static bool is_wanted(const struct pod_verb_options *options, const char *state)
{
	for (unsigned i = 0; i < options->states.count; i++)
		if (strcmp(options->states.items[i], state) == 0)
			return true;
	return options->states.count == 0;
}

static int check_states(const struct pod_verb_options *options, struct error *err)
{
	for (unsigned i = 0; i < options->states.count; i++) {
		bool is_known = strcmp(options->states.items[i], "paused") == 0;

		for (int place = 0; place < POD_PLACE_COUNT * 2; place++)
			is_known |=
			    strcmp(options->states.items[i],
				   pod_state_name((enum pod_place)(place / 2), place % 2)) == 0;
		if (!is_known)
			return error_set(err, 0,
					 "--state %s: preparing, aborted, prepared, starting, "
					 "running, paused, exited, deleting or garbage is expected",
					 options->states.items[i]);
	}
	return 0;
}

/* A pod that goes while it is looked at is not there. */
static void look(const struct pod_verb_options *options, int pods_fd, const struct pod_entry *entry,
		 struct listing *out)
{
	struct pod_info *info = &out->infos[out->count];
	struct pod_directory pod;
	bool is_shown = false;

	if (directory_open(pods_fd, entry->place, entry->uuid, &pod, NULL) <= 0)
		return;
	if (pod_info_read(&pod, info, NULL) == 0) {
		pod_info_ask(&pod, info);
		is_shown = is_wanted(options, pod_info_state(info));
	}
	if (is_shown)
		out->count++;
	else
		pod_info_free(info);
	directory_close(&pod);
}

static int compare_infos(const void *a, const void *b)
{
	const struct pod_info *x = a, *y = b;

	if (x->created_ns != y->created_ns)
		return x->created_ns < y->created_ns ? -1 : 1;
	return strcmp(x->uuid, y->uuid);
}

static int read_listing(const struct pod_verb_options *options, int pods_fd, struct listing *out,
			struct error *err)
{
	struct pod_entries entries;
	int result = pods_list(pods_fd, &entries, err);

	out->infos = calloc(entries.count + 1, sizeof(*out->infos));
	if (result == 0 && !out->infos)
		result = error_set(err, ENOMEM, "cannot list the pods");
	for (size_t i = 0; result == 0 && i < entries.count; i++)
		look(options, pods_fd, &entries.items[i], out);
	pod_entries_free(&entries);
	if (out->count)
		qsort(out->infos, out->count, sizeof(*out->infos), compare_infos);
	return result;
}

static char *join(const struct string_list *list)
{
	size_t size = 1;
	char *text, *end;

	for (size_t i = 0; i < list->count; i++)
		size += strlen(list->items[i]) + 1;
	text = malloc(size);
	if (!text)
		return NULL;
	end = text;
	*end = '\0';
	for (size_t i = 0; i < list->count; i++) {
		if (i > 0 && strcmp(list->items[i], list->items[i - 1]) == 0)
			continue;
		end += sprintf(end, "%s%s", end == text ? "" : ",", list->items[i]);
	}
	text_clean(text);
	return text;
}

static char *short_time(uint64_t time_ns)
{
	char text[POD_TIME_SIZE];

	cli_pod_time(text, time_ns);
	text[TIME_SHOWN] = '\0';
	return strdup(text);
}

static char *exit_status(const struct pod_info *info)
{
	char text[16] = "";

	if (info->status != POD_STATUS_UNKNOWN)
		(void)snprintf(text, sizeof(text), "%d", info->status);
	return strdup(text);
}

/* "NAME=ADDRESS,...", with the first address of each; what has none is a name alone. */
static char *short_networks(const struct pod_info *info)
{
	_cleanup_free_ char *lines = strdup(info->networks);
	char *at = lines, *interface, *network, *addresses;
	char *text = lines ? malloc(strlen(lines) + 1) : NULL;
	char *end = text;

	if (!text)
		return NULL;
	*end = '\0';
	while (at && cli_next_network(&at, &interface, &network, &addresses)) {
		size_t len = strcspn(addresses, "/ ");

		end += sprintf(end, "%s%s%s%.*s", end == text ? "" : ",", network, len ? "=" : "",
			       (int)len, addresses);
	}
	text_clean(text);
	return text;
}

static void fill_row(struct row *row, const struct pod_info *info)
{
	row->cells[0] = strndup(info->uuid, SHORT_UUID);
	row->cells[1] = strdup(info->launch.name ? info->launch.name : "");
	row->cells[2] = join(&info->launch.apps);
	row->cells[3] = join(&info->launch.images);
	row->cells[4] = strdup(pod_info_state(info));
	row->cells[5] = exit_status(info);
	row->cells[6] = short_time(info->created_ns);
	row->cells[7] = short_time(info->started_ns);
	row->cells[8] = short_networks(info);
}

static void print_row(const char *const *cells, const size_t widths[COLUMNS])
{
	for (int i = 0; i < COLUMNS - 1; i++)
		printf("%-*s  ", (int)widths[i], cells[i]);
	printf("%s\n", cells[COLUMNS - 1]);
}

static int print_table(const struct pod_verb_options *options, const struct listing *listing,
		       struct error *err)
{
	struct row *rows = calloc(listing->count + 1, sizeof(*rows));
	size_t widths[COLUMNS];
	int result = rows ? 0 : error_set(err, ENOMEM, "cannot list the pods");

	for (int c = 0; c < COLUMNS; c++)
		widths[c] = strlen(headers[c]);
	for (size_t i = 0; rows && i < listing->count; i++) {
		fill_row(&rows[i], &listing->infos[i]);
		for (int c = 0; c < COLUMNS; c++) {
			if (!rows[i].cells[c])
				result = error_set(err, ENOMEM, "cannot list the pods");
			else if (strlen(rows[i].cells[c]) > widths[c])
				widths[c] = strlen(rows[i].cells[c]);
		}
	}
	if (result == 0 && !options->no_header && listing->count)
		print_row(headers, widths);
	for (size_t i = 0; rows && i < listing->count; i++) {
		if (result == 0)
			print_row((const char *const *)rows[i].cells, widths);
		for (int c = 0; c < COLUMNS; c++)
			free(rows[i].cells[c]);
	}
	free(rows);
	return result;
}

static void print_json(const struct listing *listing)
{
	struct json_writer json;

	json_begin(&json, stdout);
	json_open(&json, NULL, '[');
	for (size_t i = 0; i < listing->count; i++)
		cli_put_pod(&json, &listing->infos[i]);
	json_close(&json, ']');
	json_end(&json);
}

int cli_pod_list(const void *given, int argc, char **argv, struct error *err)
{
	const struct pod_verb_options *options = given;
	struct listing listing = { 0 };
	_cleanup_fd_ int pods_fd = -1;
	int result = 0;

	(void)argc;
	(void)argv;
	if (check_states(options, err) < 0)
		return -1;
	pods_fd = pods_open(options->root, false, err);
	/* Where there was never a pod, there is none to list. */
	if (pods_fd < 0 && err->code != ENOENT)
		return -1;
	if (pods_fd >= 0)
		result = read_listing(options, pods_fd, &listing, err);
	if (result == 0 && options->json)
		print_json(&listing);
	else if (result == 0 && options->quiet)
		for (size_t i = 0; i < listing.count; i++)
			printf("%s\n", listing.infos[i].uuid);
	else if (result == 0)
		result = print_table(options, &listing, err);
	for (size_t i = 0; i < listing.count; i++)
		pod_info_free(&listing.infos[i]);
	free(listing.infos);
	return result;
}
