/*
 * nacelle export: finds the pod, its disk and its image, and has a machine make the archive.
 */
#include "vmm/pod/export.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "guest-init/protocol.h"
#include "vmm/base/cleanup.h"
#include "vmm/pod/disk_name.h"
#include "vmm/pod/export_copy.h"
#include "vmm/pod/export_image.h"
#include "vmm/pod/export_machine.h"
#include "vmm/pod/export_output.h"
#include "vmm/pod/image.h"
#include "vmm/pod/initramfs.h"
#include "vmm/pod/launch_record.h"
#include "vmm/pod/record.h"
#include "vmm/pod/upper.h"
#include "vmm/pod/volume_set.h"

struct export
{
	const struct export_options *options;
	enum pod_export what;
	bool as_image;			 /* the layer, over its image */
	char target[EXPORT_TARGET_SIZE]; /* of the image */
	const struct pod_directory *pod;
	struct launch_record launch;
	size_t app; /* index in launch */
	int disk_fd;
	bool disk_read_only;
	struct pod_image image; /* what the app's files are over, if has_image */
	bool has_image;
};

static int read_format(struct export *export, struct error *err)
{
	const char *text = export->options->format;

	if (!text || strcmp(text, "tar") == 0)
		export->what = POD_EXPORT_ROOT;
	else if (strcmp(text, "oci-layer") == 0 || strcmp(text, "oci-image") == 0)
		export->what = POD_EXPORT_LAYER;
	else
		return error_set(err, 0, "--format %s: tar, oci-layer or oci-image is expected",
				 text);
	export->as_image = text && strcmp(text, "oci-image") == 0;
	return export->as_image ? export_image_check(export->options->output, export->target, err)
				: export_output_check(export->options->output, err);
}

/* Nothing runs in a pod that has ended again, so that no lock is needed from here on. */
static int check_ended(const struct pod_directory *pod, struct error *err)
{
	if (pod->place == POD_PLACE_PREPARED)
		return error_set(err, 0, "the pod %s has not run yet: there is nothing to export",
				 pod->uuid);
	if (pod->place != POD_PLACE_RUN && pod->place != POD_PLACE_EXITED_GARBAGE)
		return error_set(err, 0, "the pod %s is being made or removed", pod->uuid);
	if (directory_is_held(pod))
		return error_set(err, 0, "the pod %s is running: stop it first", pod->uuid);
	return 0;
}

static int find_app(struct export *export, struct error *err)
{
	const struct string_list *apps = &export->launch.apps;
	const char *wanted = export->options->app;

	if (!wanted && apps->count != 1)
		return error_set(err, 0, "the pod has %zu apps: say which with --app", apps->count);
	for (export->app = 0; export->app < apps->count; export->app++)
		if (!wanted || strcmp(apps->items[export->app], wanted) == 0)
			return 0;
	return error_set(err, 0, "the pod has no app %s", wanted);
}

/* The lock is the machine's of the pod, if that was killed a moment ago. */
static int open_disk(struct export *export, struct error *err)
{
	export->disk_fd =
	    openat(export->pod->fd, UPPER_FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	export->disk_read_only = true;
	if (export->disk_fd < 0 && errno == ENOENT)
		return error_set(err, 0,
				 "the pod %s has no disk: what its apps changed was in its memory, "
				 "and is gone; pods that are run with --upper disk can be exported",
				 export->pod->uuid);
	if (export->disk_fd < 0)
		return error_set(err, errno, "cannot open the pod's disk");
	while (flock(export->disk_fd, LOCK_SH) < 0)
		if (errno != EINTR)
			return error_set(err, errno, "cannot lock the pod's disk");
	return 0;
}

/* As it is now: what was there at the time is nowhere else. */
static int open_directory(struct export *export, const char *reference, struct error *err)
{
	static const char prefix[] = "rootfs:/";

	if (strncmp(reference, prefix, strlen(prefix)) != 0)
		return error_set(err, 0,
				 "it is not known what the root of the app %s was; --format "
				 "oci-layer has what the app changed",
				 export->launch.apps.items[export->app]);
	if (pod_image_open(&export->image, reference, IMAGE_LINKS_NONE, export->options->root,
			   err) < 0)
		return -1;
	volume_isolate(&export->image.directory_fd, true, false);
	export->has_image = true;
	return 0;
}

/* What a layer may lie on. */
static int check_base(const struct export *export, struct error *err)
{
	if (!export->as_image || (!export->image.is_directory && !export->image.image.is_aci))
		return 0;
	return error_set(err, 0,
			 "the root of the app %s was %s: no OCI image can be made of it; "
			 "--format tar has all of it",
			 export->launch.apps.items[export->app],
			 export->image.is_directory ? "a directory" : "an ACI");
}

/* Of a whole root, what the app has not changed comes from its image, or its directory. */
static int open_image(struct export *export, struct error *err)
{
	const struct launch_record *launch = &export->launch;
	const char *reference = launch->images.items[export->app];

	if (export->what != POD_EXPORT_ROOT && !export->as_image)
		return 0;
	for (size_t i = 0; i < launch->references.count; i++) {
		if (strcmp(launch->references.items[i], reference) != 0)
			continue;
		if (pod_image_open_pinned(&export->image, launch->digests.items[i],
					  launch->names.items[i], export->options->root, err) < 0)
			return -1;
		export->has_image = true;
		return 0;
	}
	return open_directory(export, reference, err);
}

static int find(struct export *export, struct error *err)
{
	if (read_format(export, err) < 0 || check_ended(export->pod, err) < 0 ||
	    launch_record_read(&export->launch, export->pod->fd, err) < 0 ||
	    find_app(export, err) < 0 || open_disk(export, err) < 0)
		return -1;
	return open_image(export, err) < 0 ? -1 : check_base(export, err);
}

static bool is_over_directory(const struct export *export)
{
	return export->what == POD_EXPORT_ROOT && export->image.is_directory;
}

static int build_archive(const struct export *export, const char *image_disk, const char *disk,
			 struct export_request *request, struct error *err)
{
	const char *argv[] = { "export", NULL };
	const char *name = export->launch.apps.items[export->app];
	bool directory = is_over_directory(export);
	const struct pod_app app = {
		.name = name,
		.argv = argv,
		.workdir = "/",
		.stdout_port = EXPORT_PORT_TAR,
		.stderr_port = EXPORT_PORT_SUMMARY,
		.root = { .type = directory ? POD_ROOT_9P : POD_ROOT_EROFS,
			  .source = directory ? EXPORT_SHARE_NAME : image_disk,
			  .upper = POD_UPPER_DISK,
			  .upper_device = disk,
			  .upper_directory = name,
			  .read_only = true },
	};
	const struct pod pod = { .export = export->what, .cpus = 1, .apps = &app, .app_count = 1 };
	_cleanup_free_ void *record = NULL;
	size_t record_bytes;

	if (record_build(&pod, &record, &record_bytes, err) < 0)
		return -1;
	return initramfs_build(
	    &(struct initramfs_file){ .name = "pod.dtb", .data = record, .len = record_bytes }, 1,
	    &request->archive, &request->archive_bytes, err);
}

/* One machine, from its start to its end. */
static int run(const struct export *export, int output, enum export_status *status,
	       struct error *err)
{
	char image_disk[DISK_NAME_SIZE] = "none", disk[DISK_NAME_SIZE];
	off_t size = lseek(export->disk_fd, 0, SEEK_END);
	struct export_request request = { .directory_fd = -1,
					  .output = output,
					  .boot_timeout_s = export->options->boot_timeout_s };
	int result;

	if (size < 0)
		return error_set(err, errno, "cannot read the pod's disk");
	if (is_over_directory(export)) {
		request.directory_fd = export->image.directory_fd;
	} else if (export->what == POD_EXPORT_ROOT) {
		disk_name(image_disk, request.disk_count);
		request.disks[request.disk_count++] =
		    (struct plan_disk){ .fd = export->image.image.fd,
					.read_only = true,
					.size_bytes = export->image.image.size_bytes };
	}
	disk_name(disk, request.disk_count);
	request.disks[request.disk_count++] =
	    (struct plan_disk){ .fd = export->disk_fd,
				.read_only = export->disk_read_only,
				.size_bytes = (uint64_t)size };
	if (build_archive(export, image_disk, disk, &request, err) < 0)
		return -1;
	result = export_machine_run(&request, status, err);
	free(request.archive);
	return result;
}

static int explain(const struct export *export, enum export_status status, struct error *err)
{
	const char *app = export->launch.apps.items[export->app];

	switch (status) {
	case EXPORT_DONE:
		return 0;
	case EXPORT_UNCLEAN:
	case EXPORT_UNREADABLE:
		if (is_over_directory(export))
			return error_set(err, 0,
					 "a file of the pod's disk, or of %s, cannot be read: the "
					 "disk's file system is damaged, or this user may not, or "
					 "the directory has changed meanwhile",
					 export->launch.images.items[export->app]);
		return error_set(err, 0,
				 "the pod's disk cannot be read: its file system is damaged");
	case EXPORT_NOTHING:
		return error_set(err, 0, "the app %s has never been started", app);
	case EXPORT_RESERVED_NAME:
		return error_set(
		    err, 0,
		    "the app %s has a file whose name begins with .wh., which no layer "
		    "can hold; --format tar can",
		    app);
	case EXPORT_TOO_LARGE:
		return error_set(
		    err, 0,
		    "the files of the app %s go beyond a limit: 1000 directories in "
		    "each other, paths of 4095 bytes, 256 KiB of attributes of a file, "
		    "524288 files with several names",
		    app);
	case EXPORT_HOST_GONE:
		break;
	}
	return error_set(err, 0, "the archive has not come whole");
}

/*
 * A disk that was left in the middle of something is put right before it is read; not the pod's,
 * which stays what it is, but a copy.
 */
static int write_archive(struct export *export, int output, struct error *err)
{
	enum export_status status;
	int copy;

	if (run(export, output, &status, err) < 0)
		return -1;
	if (status != EXPORT_UNCLEAN)
		return explain(export, status, err);
	copy = export_copy_disk(export->pod->fd, export->disk_fd, err);
	if (copy < 0)
		return -1;
	close(export->disk_fd);
	export->disk_fd = copy;
	export->disk_read_only = false;
	if (run(export, output, &status, err) < 0)
		return -1;
	return explain(export, status, err);
}

static int write_output(struct export *export, struct error *err)
{
	struct export_output output;
	int result;

	if (export_output_open(&output, export->options->output, err) < 0)
		return -1;
	result = write_archive(export, output.fd, err);
	return export_output_close(&output, result == 0, err);
}

/* The layer has to be there whole before anything says what is in it. */
static int write_image(struct export *export, struct error *err)
{
	_cleanup_fd_ int layer = export_make_unnamed(export->pod->fd);

	if (layer < 0)
		return error_set(err, errno, "cannot make a file for the layer");
	if (write_archive(export, layer, err) < 0)
		return -1;
	return export_image_write(export->options->root, export->image.image.manifest_digest, layer,
				  export->target, err);
}

int export_pod(const struct export_options *options, const struct pod_directory *pod,
	       struct error *err)
{
	struct export export = { .options = options, .pod = pod, .disk_fd = -1 };
	int result = find(&export, err);

	if (result == 0)
		result = export.as_image ? write_image(&export, err) : write_output(&export, err);
	cleanup_fd(&export.disk_fd);
	if (export.has_image)
		pod_image_close(&export.image);
	launch_record_free(&export.launch);
	return result;
}
