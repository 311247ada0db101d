/*
 * The traces of a pod that runs, in its directory.
 */
#include "vmm/pod/life.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/pod/app_states.h"
#include "vmm/pod/control_socket.h"
#include "vmm/pod/image.h"
#include "vmm/pod/launch_record.h"
#include "vmm/pod/networks.h"
#include "vmm/pod/run.h"

enum { NUMBER_TEXT_MAX = 24, STATUS_PATH_MAX = 512 };

/*
 * A status shall not be lost because the disk is full. A link to the number needs no block, and
 * those who read it follow none.
 */
static int write_status(int dir_fd, const char *name, const char *text, bool durable,
			struct error *err)
{
	struct error why = ERROR_NONE;
	char line[NUMBER_TEXT_MAX];
	int n = snprintf(line, sizeof(line), "%s\n", text);

	if (directory_write(dir_fd, name, line, (size_t)n, durable, &why) == 0)
		return 0;
	if ((why.code == ENOSPC || why.code == EDQUOT) && symlinkat(text, dir_fd, name) == 0)
		return 0;
	if (err)
		*err = why;
	return -1;
}

int life_write_pid(const struct pod_directory *directory, pid_t pid, struct error *err)
{
	char text[NUMBER_TEXT_MAX];
	int n = snprintf(text, sizeof(text), "%d\n", (int)(pid ? pid : getpid()));

	return directory_write(directory->fd, POD_PID_NAME, text, (size_t)n, false, err);
}

bool life_is_starting(const struct pod_directory *directory)
{
	enum pod_place place = directory->place;

	return (place == POD_PLACE_PREPARED || place == POD_PLACE_RUN) &&
	       directory_is_held(directory) &&
	       faccessat(directory->fd, POD_PID_NAME, F_OK, AT_SYMLINK_NOFOLLOW) < 0;
}

static int add(struct string_list *list, const char *text)
{
	return string_list_add(list, text, strlen(text));
}

/* Where this was called is forgotten, and a directory noted by its path. */
static int note_image(struct launch_record *record, const char *reference,
		      const struct pod_image *image)
{
	if (image->is_directory)
		return add(&record->images, image->directory);
	return add(&record->images, reference) < 0 || add(&record->references, reference) < 0 ||
		       add(&record->digests, image->image.manifest_digest) < 0 ||
		       add(&record->names, image->image.name) < 0
		   ? -1
		   : 0;
}

static int fill_launch(struct launch_record *record, const struct run_options *options,
		       const struct app_states *apps, const struct pod_images *images)
{
	record->name = options->name ? strdup(options->name) : NULL;
	if (options->name && !record->name)
		return -1;
	for (uint32_t i = 0; i < apps->count; i++) {
		const char *name = apps->apps[i].name;

		if (add(&record->apps, name) < 0 ||
		    (i >= options->app_count ? add(&record->images, "")
					     : note_image(record, options->apps[i].reference,
							  pod_images_of_app(images, i))) < 0)
			return -1;
	}
	return 0;
}

int life_write_launch(const struct pod_directory *directory, const struct run_options *options,
		      const struct app_states *apps, const struct pod_images *images,
		      struct error *err)
{
	struct launch_record record = { 0 };
	int result;

	if (options->prepared_uuid)
		return 0;
	result = fill_launch(&record, options, apps, images);
	if (result < 0)
		result = error_set(err, ENOMEM, "cannot keep the pod's description");
	else
		result = launch_record_write(&record, directory->fd, false, err);
	launch_record_free(&record);
	return result;
}

static void print_network(FILE *out, unsigned number, const struct pod_net *net,
			  const struct pod_interface *interface)
{
	fprintf(out, "eth%u %s", number, net->kind == NET_PASST ? "passt" : net->name);
	for (size_t i = 0; i < interface->address_count; i++) {
		const struct pod_address *address = &interface->addresses[i];
		char text[INET6_ADDRSTRLEN];

		if (inet_ntop(address->family == 6 ? AF_INET6 : AF_INET, address->bytes, text,
			      sizeof(text)))
			fprintf(out, " %s/%u", text, address->prefix);
	}
	(void)fputc('\n', out);
}

int life_write_networks(const struct pod_directory *directory, const struct networks *networks,
			struct error *err)
{
	char text[POD_NETWORKS_MAX];
	_cleanup_file_ FILE *out = NULL;
	long length;

	if (networks->count == 0)
		return 0;
	out = fmemopen(text, sizeof(text), "w");
	if (!out)
		return error_set(err, ENOMEM, "cannot keep the pod's networks");
	for (unsigned i = 0; i < networks->count; i++)
		print_network(out, i, &networks->nets[i], &networks->interfaces[i]);
	length = fflush(out) == 0 ? ftell(out) : -1;
	if (length < 0)
		return error_set(err, E2BIG, "cannot keep the pod's networks");
	return directory_write(directory->fd, POD_NETWORKS_NAME, text, (size_t)length, false, err);
}

int life_write_uuid_file(const char *path, const char *uuid, struct error *err)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	char line[UUID_TEXT_SIZE + 1];
	int n = snprintf(line, sizeof(line), "%s\n", uuid);

	if (fd < 0 || write(fd, line, (size_t)n) != n)
		return error_set(err, errno, "--uuid-file: cannot write %s", path);
	return 0;
}

int life_make_statuses(const struct pod_directory *directory, struct error *err)
{
	if (mkdirat(directory->fd, POD_STATUS_NAME, 0700) < 0)
		return error_set(err, errno, "cannot make the pod's directory " POD_STATUS_NAME);
	return 0;
}

static int write_app(const struct pod_directory *directory, const char *app, const char *text,
		     struct error *err)
{
	char path[STATUS_PATH_MAX];

	if (snprintf(path, sizeof(path), POD_STATUS_NAME "/%s", app) >= (int)sizeof(path))
		return error_set(err, ENAMETOOLONG, "the status of the app %s", app);
	return write_status(directory->fd, path, text, false, err);
}

int life_write_app_status(const struct pod_directory *directory, const char *app, int status,
			  struct error *err)
{
	char text[NUMBER_TEXT_MAX];

	(void)snprintf(text, sizeof(text), "%d", status);
	return write_app(directory, app, text, err);
}

int life_write_app_not_started(const struct pod_directory *directory, const char *app,
			       struct error *err)
{
	return write_app(directory, app, POD_NOT_STARTED, err);
}

void life_note_times(const struct pod_directory *directory, const char *app,
		     const struct life_app_times *times)
{
	_cleanup_fd_ int fd = openat(directory->fd, POD_TIMES_NAME,
				     O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd >= 0)
		(void)dprintf(fd, "%s %" PRIu64 " %" PRIu64 " %u %d\n", app, times->started_ms,
			      times->ended_ms, times->restarts, times->out_of_memory);
}

/* Each app's status is a file of its own, of which some may have been written long ago. */
static int sync_statuses(int dir_fd)
{
	int fd = openat(dir_fd, POD_STATUS_NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		cleanup_fd(&fd);
		return errno == ENOENT ? 0 : -1;
	}
	while ((entry = readdir(dir))) {
		_cleanup_fd_ int file = -1;

		if (entry->d_name[0] == '.')
			continue;
		file = openat(fd, entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (file < 0 ? errno != ELOOP : fsync(file) < 0)
			return -1;
	}
	return fsync(fd);
}

int life_write_end(const struct pod_directory *directory, int status, struct error *err)
{
	char text[NUMBER_TEXT_MAX];
	int fd = directory->fd;

	(void)unlinkat(fd, POD_CONTROL_NAME, 0);
	(void)snprintf(text, sizeof(text), "%d", status);
	if (write_status(fd, POD_EXIT_NAME, text, true, err) < 0)
		return -1;
	if (sync_statuses(fd) < 0 || fsync(fd) < 0 ||
	    directory_sync(directory->pods_fd, directory->place) < 0)
		return error_set(err, errno, "cannot make the pod's exit status durable");
	return 0;
}
