/*
 * Pods that are made now and run later.
 */
#include "vmm/pod/prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/pins.h"
#include "images/store_lock.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/pod/manifest_json.h"
#include "vmm/pod/pod_name.h"
#include "vmm/pod/sources.h"
#include "vmm/pod/upper.h"

enum { FILE_NAME_MAX = 32, KEPT_FILE_MAX = 8 << 20 };

/* The context of a walk through all options that name a file whose contents count. */
struct files {
	struct launch_record *kept;	   /* prepare: what is kept is noted there */
	const struct launch_record *given; /* restore */
	const struct pod_directory *pod;
};

typedef int file_fn(const struct files *files, const char **path, struct error *err);

static int each_file_of_app(struct app_options *app, const struct files *files, file_fn *fn,
			    struct error *err)
{
	for (unsigned i = 0; i < app->env_files.count; i++)
		if (fn(files, &app->env_files.items[i], err) < 0)
			return -1;
	if (!app->seccomp || strcmp(app->seccomp, "default") == 0 ||
	    strcmp(app->seccomp, "none") == 0 || strncmp(app->seccomp, "mode=", 5) == 0)
		return 0;
	return fn(files, &app->seccomp, err);
}

static int each_file(struct run_options *options, struct app_options *apps,
		     const struct files *files, file_fn *fn, struct error *err)
{
	if (options->pod_file && fn(files, &options->pod_file, err) < 0)
		return -1;
	for (unsigned i = 0; i < options->app_count; i++)
		if (each_file_of_app(&apps[i], files, fn, err) < 0)
			return -1;
	return options->app_count ? 0 : each_file_of_app(&options->common, files, fn, err);
}

/* The path of a copy, for this process and its children; lives as long as the process. */
static const char *path_of_copy(const struct pod_directory *pod, size_t number)
{
	char link[DIRECTORY_LINK_MAX], directory[PATH_MAX];
	char *path;
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", pod->fd);
	n = readlink(link, directory, sizeof(directory) - 1);
	if (n < 0)
		return NULL;
	return asprintf(&path, "%.*s/file-%zu", (int)n, directory, number) < 0 ? NULL : path;
}

static bool find(const struct string_list *list, const char *text, size_t *at)
{
	for (*at = 0; *at < list->count; (*at)++)
		if (strcmp(list->items[*at], text) == 0)
			return true;
	return false;
}

static int use_copy(const struct files *files, size_t number, const char **path, struct error *err)
{
	const char *copy = path_of_copy(files->pod, number);

	if (!copy)
		return error_set(err, errno, "cannot find the pod's copy of %s", *path);
	*path = copy;
	return 0;
}

static int keep_file(const struct files *files, const char **path, struct error *err)
{
	_cleanup_free_ char *data = malloc(KEPT_FILE_MAX + 1);
	_cleanup_fd_ int fd = -1;
	char name[FILE_NAME_MAX];
	size_t number;
	ssize_t n;

	if (find(&files->kept->files, *path, &number))
		return use_copy(files, number, path, err);
	fd = open(*path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 || !data ? -1 : io_read_full(fd, data, KEPT_FILE_MAX + 1);
	if (n < 0)
		return error_set(err, errno, "cannot read %s", *path);
	if (n > KEPT_FILE_MAX)
		return error_set(err, EFBIG, "cannot keep %s", *path);
	(void)snprintf(name, sizeof(name), "file-%zu", number);
	if (directory_write(files->pod->fd, name, data, (size_t)n, true, err) < 0)
		return -1;
	if (string_list_add(&files->kept->files, *path, strlen(*path)) < 0)
		return error_set(err, ENOMEM, "cannot keep %s", *path);
	return use_copy(files, number, path, err);
}

static int restore_file(const struct files *files, const char **path, struct error *err)
{
	size_t number;

	return find(&files->given->files, *path, &number) ? use_copy(files, number, path, err) : 0;
}

/* NAME alone takes the value that the caller of prepare has, or none. */
static int keep_variables(struct launch_record *record, const struct app_options *app)
{
	for (unsigned i = 0; i < app->env.count; i++) {
		const char *name = app->env.items[i], *value = getenv(name);
		_cleanup_free_ char *text = NULL;

		if (strchr(name, '='))
			continue;
		if (asprintf(&text, "%s%s%s", name, value ? "=" : "", value ? value : "") < 0) {
			text = NULL;
			return -1;
		}
		if (string_list_add(&record->variables, text, strlen(text)) < 0)
			return -1;
	}
	return 0;
}

static int keep_surroundings(struct launch_record *record, const struct run_options *options,
			     struct error *err)
{
	int result = keep_variables(record, &options->common);

	for (unsigned i = 0; i < options->app_count && result == 0; i++)
		result = keep_variables(record, &options->apps[i]);
	record->directory = getcwd(NULL, 0);
	if (result == 0 && options->name) {
		record->name = strdup(options->name);
		result = record->name ? 0 : -1;
	}
	if (result < 0 || !record->directory)
		return error_set(err, errno, "cannot keep the pod's description");
	return 0;
}

static int add(struct string_list *list, const char *text)
{
	return string_list_add(list, text, strlen(text));
}

static int pin(struct launch_record *record, const struct pod_directory *pod, const char *reference,
	       const struct store_image *image, struct error *err)
{
	char name[DIGEST_TEXT_SIZE], path[DIGEST_TEXT_SIZE + sizeof(PINS_DIR) + 1];
	struct digest manifest;
	size_t at;

	if (find(&record->references, reference, &at))
		return 0;
	if (digest_parse(&manifest, image->manifest_digest, strlen(image->manifest_digest), err) <
	    0)
		return -1;
	if (mkdirat(pod->fd, PINS_DIR, 0700) < 0 && errno != EEXIST)
		return error_set(err, errno, "cannot pin the image %s", reference);
	pin_name(name, &manifest);
	(void)snprintf(path, sizeof(path), PINS_DIR "/%s", name);
	if (directory_write(pod->fd, path, "", 0, true, err) < 0)
		return -1;
	if (add(&record->references, reference) < 0 ||
	    add(&record->digests, image->manifest_digest) < 0 ||
	    add(&record->names, image->name) < 0)
		return error_set(err, ENOMEM, "cannot pin the image %s", reference);
	return 0;
}

static int sync_pins(const struct pod_directory *pod, struct error *err)
{
	_cleanup_fd_ int fd = openat(pod->fd, PINS_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return 0;
	return fd < 0 || fsync(fd) < 0 ? error_set(err, errno, "cannot pin the pod's images") : 0;
}

static int note_apps(struct launch_record *record, const struct sources *sources,
		     const struct assembly *assembly, const struct pod_directory *pod,
		     struct error *err)
{
	for (unsigned i = 0; i < sources->options.app_count; i++) {
		const char *reference = run_app_options(&sources->options, i)->reference;
		const struct pod_image *image = pod_images_of_app(&sources->images, i);

		if (add(&record->apps, assembly->pod.apps[i].name) < 0 ||
		    add(&record->images, image->is_directory ? image->directory : reference) < 0)
			return error_set(err, ENOMEM, "cannot keep the pod's description");
		if (!image->is_directory && pin(record, pod, reference, &image->image, err) < 0)
			return -1;
	}
	return sync_pins(pod, err);
}

/* Reads and settles all as a run would. */
static int settle(const struct run_options *options, struct launch_record *record,
		  const struct pod_directory *pod, struct error *err)
{
	static struct sources sources;
	static struct assembly assembly;
	const struct manifest_json described = { .assembly = &assembly,
						 .options = &sources.options,
						 .manifest =
						     options->pod_file ? &sources.manifest : NULL,
						 .images = &sources.images };

	if (sources_read(&sources, options, err) < 0 ||
	    sources_assemble(&sources, &assembly, err) < 0 ||
	    manifest_json_write(&described, pod->fd, err) < 0 ||
	    upper_prepare_disk(pod->fd, assembly.apps, assembly.pod.app_count, err) < 0)
		return -1;
	return note_apps(record, &sources, &assembly, pod, err);
}

/* Nothing is collected from the store between an image's opening and its pin. */
static int lock_store(const char *root, int *lock_fd, struct error *err)
{
	struct store *store;
	int locked;

	if (store_open(&store, root, err) < 0)
		return -1;
	locked = store_lock(store, STORE_LOCK_SHARED, true, lock_fd, err);
	store_close(store);
	return locked < 0 ? -1 : 0;
}

static int fill(struct run_options *options, struct app_options *apps, struct launch_record *record,
		const struct pod_directory *pod, struct error *err)
{
	const struct files files = { .kept = record, .pod = pod };
	_cleanup_fd_ int lock_fd = -1;

	if (keep_surroundings(record, options, err) < 0 ||
	    each_file(options, apps, &files, keep_file, err) < 0 ||
	    lock_store(options->store_root, &lock_fd, err) < 0 ||
	    settle(options, record, pod, err) < 0)
		return -1;
	return launch_record_write(record, pod->fd, true, err);
}

int prepare_pod(struct run_options *options, struct app_options apps[RUN_APPS_MAX],
		struct launch_record *record, char uuid[UUID_TEXT_SIZE], struct error *err)
{
	_cleanup_fd_ int pods_fd = pods_open(options->store_root, true, err);
	struct pod_directory pod;
	int result;

	if (pods_fd < 0 || directory_create(pods_fd, POD_PLACE_PREPARE, &pod, err) < 0)
		return -1;
	result = fill(options, apps, record, &pod, err);
	if (result == 0 && options->name)
		result = pod_name_take(pods_fd, options->name, pod.uuid, err);
	if (result == 0)
		result = directory_move(&pod, POD_PLACE_PREPARED, true, err);
	if (result < 0) {
		(void)directory_remove(&pod, NULL);
		pod_names_sweep(pods_fd);
	}
	memcpy(uuid, pod.uuid, UUID_TEXT_SIZE);
	directory_close(&pod);
	return result;
}

int prepare_restore(struct run_options *options, struct app_options apps[RUN_APPS_MAX],
		    const struct launch_record *record, const struct pod_directory *pod,
		    struct error *err)
{
	const struct files files = { .given = record, .pod = pod };

	if (!record->directory)
		return error_set(err, 0, "the pod %s was not prepared", pod->uuid);
	/* Whoever names nothing below it does not need it. */
	if (chdir(record->directory) < 0 && chdir("/") < 0)
		return error_set(err, errno, "cannot go to %s", record->directory);
	for (size_t i = 0; i < record->variables.count; i++) {
		char *variable = record->variables.items[i];

		if (strchr(variable, '=') ? putenv(variable) : unsetenv(variable))
			return error_set(err, errno, "cannot set the variables of the pod");
	}
	return each_file(options, apps, &files, restore_file, err);
}
