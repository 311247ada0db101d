/*
 * All pods of a user. A pod moves forward only, so a walk through the places in that order misses
 * none; one that moved meanwhile is seen twice, and the later place counts.
 */
#include "vmm/pod/pods.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/cleanup.h"
#include "vmm/pod/pod_name.h"

enum { FIND_TRIES = 8, SHOWN_MAX = 4 };

static int add_entry(struct pod_entries *entries, const char *uuid, enum pod_place place)
{
	struct pod_entry *entry;

	if (entries->count == entries->capacity) {
		size_t capacity = entries->capacity * 2 + 16;
		struct pod_entry *grown =
		    reallocarray(entries->items, capacity, sizeof(*entries->items));

		if (!grown)
			return -1;
		entries->items = grown;
		entries->capacity = capacity;
	}
	entry = &entries->items[entries->count++];
	(void)snprintf(entry->uuid, sizeof(entry->uuid), "%.*s", (int)sizeof(entry->uuid) - 1,
		       uuid);
	entry->place = place;
	return 0;
}

static int list_place(int pods_fd, enum pod_place place, struct pod_entries *entries,
		      struct error *err)
{
	int fd = openat(pods_fd, pod_place_name(place), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir && errno == ENOENT)
		return 0;
	if (!dir) {
		cleanup_fd(&fd);
		return error_set(err, errno, "cannot list the pods");
	}
	while ((entry = readdir(dir))) {
		if (uuid_is_canonical(entry->d_name) &&
		    add_entry(entries, entry->d_name, place) < 0)
			return error_set(err, ENOMEM, "cannot list the pods");
	}
	return 0;
}

static int compare_entries(const void *a, const void *b)
{
	const struct pod_entry *x = a, *y = b;
	int order = strcmp(x->uuid, y->uuid);

	return order ? order : (int)x->place - (int)y->place;
}

int pods_list(int pods_fd, struct pod_entries *out, struct error *err)
{
	size_t kept = 0;

	*out = (struct pod_entries){ 0 };
	for (int place = 0; place < POD_PLACE_COUNT; place++)
		if (list_place(pods_fd, (enum pod_place)place, out, err) < 0)
			return -1;
	if (out->count)
		qsort(out->items, out->count, sizeof(*out->items), compare_entries);
	for (size_t i = 0; i < out->count; i++) {
		if (kept && strcmp(out->items[kept - 1].uuid, out->items[i].uuid) == 0)
			kept--;
		out->items[kept++] = out->items[i];
	}
	out->count = kept;
	return 0;
}

void pod_entries_free(struct pod_entries *entries)
{
	free(entries->items);
	*entries = (struct pod_entries){ 0 };
}

int pods_open_one(int pods_fd, const char *uuid, struct pod_directory *out, struct error *err)
{
	for (int place = 0; place < POD_PLACE_COUNT; place++) {
		int opened = directory_open(pods_fd, (enum pod_place)place, uuid, out, err);

		if (opened)
			return opened;
	}
	return 0;
}

static int refuse_unknown(const char *text, struct error *err)
{
	error_set(err, 0, "there is no pod %s%s", text,
		  strlen(text) < UUID_PREFIX_MIN &&
			  strspn(text, "0123456789abcdefABCDEF") == strlen(text)
		      ? " (of a UUID, four digits are needed)"
		      : "");
	if (err)
		err->code = ENOENT;
	return -1;
}

static int refuse_ambiguous(const char *text, const struct pod_entries *entries, size_t fitting,
			    struct error *err)
{
	char shown[SHOWN_MAX * (UUID_TEXT_SIZE + 2)] = "";
	size_t used = 0, count = 0;

	for (size_t i = 0; i < entries->count && count < SHOWN_MAX; i++) {
		if (!uuid_begins(entries->items[i].uuid, text))
			continue;
		used += (size_t)snprintf(shown + used, sizeof(shown) - used, "%s%s",
					 count ? ", " : "", entries->items[i].uuid);
		count++;
	}
	return error_set(err, 0, "%zu pods begin with %s: %s%s; type more of it", fitting, text,
			 shown, fitting > count ? ", ..." : "");
}

/* Returns 1, 0 if it moved away before it was opened, or -1. */
static int find_by_prefix(int pods_fd, const char *text, struct pod_directory *out,
			  struct error *err)
{
	struct pod_entries entries;
	const struct pod_entry *found = NULL;
	size_t fitting = 0;
	int result = pods_list(pods_fd, &entries, err);

	for (size_t i = 0; result == 0 && i < entries.count; i++) {
		if (!uuid_begins(entries.items[i].uuid, text))
			continue;
		found = &entries.items[i];
		fitting++;
	}
	if (result == 0 && fitting == 0)
		result = refuse_unknown(text, err);
	else if (result == 0 && fitting > 1)
		result = refuse_ambiguous(text, &entries, fitting, err);
	else if (result == 0)
		result = directory_open(pods_fd, found->place, found->uuid, out, err);
	pod_entries_free(&entries);
	return result;
}

/* What is called so and is no more counts as never there. */
static int find_by_name(int pods_fd, const char *text, struct pod_directory *out, struct error *err)
{
	char uuid[UUID_TEXT_SIZE];

	return pod_name_find(pods_fd, text, uuid) ? pods_open_one(pods_fd, uuid, out, err) : 0;
}

int pods_find(int pods_fd, const char *text, struct pod_directory *out, struct error *err)
{
	int found = find_by_name(pods_fd, text, out, err);

	for (int i = 0; i < FIND_TRIES && found == 0 && uuid_is_prefix(text); i++)
		found = find_by_prefix(pods_fd, text, out, err);
	if (found)
		return found < 0 ? -1 : 0;
	return refuse_unknown(text, err);
}

int pods_find_below(const char *root, const char *text, struct pod_directory *out,
		    struct error *err)
{
	struct error cause = ERROR_NONE;
	int pods_fd = pods_open(root, false, &cause);

	if (pods_fd >= 0)
		return pods_find(pods_fd, text, out, err);
	if (cause.code == ENOENT)
		return refuse_unknown(text, err);
	if (err)
		*err = cause;
	return -1;
}
