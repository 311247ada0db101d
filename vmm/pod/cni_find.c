/*
 * Configuration lists by their network's name, in a directory of the administrator's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/pod/cni_config.h"

enum { FILES_MAX = 1024 };

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len > end_len && strcmp(text + len - end_len, end) == 0;
}

/* Lists come first, as other runtimes have it; then by name. */
static int compare(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;
	bool x_list = ends_with(x, ".conflist"), y_list = ends_with(y, ".conflist");

	return x_list != y_list ? y_list - x_list : strcmp(x, y);
}

static int list_files(DIR *dir, char *names[FILES_MAX], unsigned *count, struct error *err)
{
	struct dirent *entry;

	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.' ||
		    (!ends_with(entry->d_name, ".conflist") && !ends_with(entry->d_name, ".conf") &&
		     !ends_with(entry->d_name, ".json")))
			continue;
		if (*count == FILES_MAX)
			return error_set(err, 0, "more than %d files", FILES_MAX);
		names[*count] = strdup(entry->d_name);
		if (!names[*count])
			return error_set(err, ENOMEM, "cannot list the files");
		(*count)++;
	}
	qsort(names, *count, sizeof(*names), compare);
	return 0;
}

static int load(struct cni_list *list, int dir_fd, const char *file, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	list->document = NULL;
	return io_read_file(dir_fd, file, CNI_DOCUMENT_MAX, &text, &len, err) < 0
		   ? -1
		   : cni_list_parse(list, text, len, err);
}

int cni_list_each(const char *directory,
		  void (*fn)(void *ctx, const char *file, struct cni_list *list,
			     const struct error *why),
		  void *ctx, struct error *err)
{
	_cleanup_dir_ DIR *dir = opendir(directory);
	char *names[FILES_MAX];
	unsigned count = 0;
	int result;

	if (!dir)
		return errno == ENOENT ? 0 : error_set(err, errno, "cannot open %s", directory);
	result = list_files(dir, names, &count, err);
	if (result < 0)
		error_prefix(err, "%s", directory);
	for (unsigned i = 0; i < count; i++) {
		struct error why = ERROR_NONE;
		struct cni_list list;
		bool good = load(&list, dirfd(dir), names[i], &why) == 0;

		if (result == 0)
			fn(ctx, names[i], good ? &list : NULL, &why);
		if (good)
			cni_list_free(&list);
		free(names[i]);
	}
	return result;
}

/* What a search for one network has found. */
struct search {
	const char *name, *directory;
	struct cni_list *list;
	bool found;
	struct error broken; /* the first file that could not be read */
};

static void search_file(void *ctx, const char *file, struct cni_list *list, const struct error *why)
{
	struct search *search = ctx;

	if (!list && !search->broken.text[0])
		error_set(&search->broken, 0, "%s: %s", file, why->text);
	if (!list || search->found || strcmp(list->name, search->name) != 0)
		return;
	*search->list = *list;
	list->document = NULL;
	if (asprintf(&search->list->file, "%s/%s", search->directory, file) < 0)
		search->list->file = NULL;
	search->found = true;
}

int cni_list_find(struct cni_list *list, const char *const *directories, const char *name,
		  struct error *err)
{
	struct search search = { .name = name, .list = list };

	for (unsigned i = 0; directories[i] && !search.found; i++) {
		search.directory = directories[i];
		if (cni_list_each(directories[i], search_file, &search, err) < 0)
			return -1;
	}
	if (search.found)
		return 0;
	return error_set(err, 0, "no network %s in %s%s%s", name, directories[0],
			 search.broken.text[0] ? "; one file there cannot be read: " : "",
			 search.broken.text);
}
