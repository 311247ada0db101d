/*
 * An archive of an app's root for the host.
 *
 * The disk was written by apps, and its file system may be made to attack this kernel. There is
 * nothing else in this machine: no network, no other pod's disk, no app; and of the host at most
 * the directory that was the app's root, read-only, as the app had it.
 */
#include "guest-init/export.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-init/export_tree.h"
#include "guest-init/mounts.h"
#include "guest-init/platform.h"
#include "guest-init/volumes.h"
#include "vmm/base/cleanup.h"

enum { PATH_TEXT_MAX = 300, STREAM_TAR = 1, STREAM_SUMMARY = 2 };

static int prepare(struct error *err)
{
	struct rlimit files;

	(void)signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	if (mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID | MS_NOEXEC, NULL) < 0 ||
	    (mkdir(DIR_DISK, 0755) < 0 && errno != EEXIST))
		return error_set(err, errno, "cannot prepare the export");
	return 0;
}

/* What the app's files are over: an image, or a directory that the host shares. */
static int mount_lower(const struct record *record, char lower[PATH_TEXT_MAX])
{
	const struct record_root *root = &record->apps[0].root;
	struct error ignored = ERROR_NONE;

	if (!root->p9) {
		(void)snprintf(lower, PATH_TEXT_MAX, DIR_LOWER);
		return platform_mount_image(root->source, DIR_LOWER, &ignored);
	}
	(void)snprintf(lower, PATH_TEXT_MAX, "%s/%s", volumes_root_directory(root), root->source);
	return volumes_system(record, &ignored);
}

/* The app's files on the disk are a layer of the overlay like the image's own. */
static int mount_merged(const struct record *record, const char *files)
{
	char options[3 * PATH_TEXT_MAX], lower[PATH_TEXT_MAX];

	if (mount_lower(record, lower) < 0)
		return -1;
	(void)snprintf(options, sizeof(options),
		       "lowerdir=%s:%s,redirect_dir=nofollow,metacopy=off,index=off,xino=off",
		       files, lower);
	return mount("overlay", DIR_ROOT, "overlay", MS_RDONLY | MS_NODEV, options);
}

/* Makes what is exported the working directory. */
static enum export_status enter(const struct record *record)
{
	const struct record_root *root = &record->apps[0].root;
	struct error why = ERROR_NONE;
	char files[PATH_TEXT_MAX];

	/* A journal cannot be replayed on a disk that may not be written to. */
	if (platform_mount_disk(root->upper_device, DIR_DISK, true, &why) < 0)
		return why.code == EROFS ? EXPORT_UNCLEAN : EXPORT_UNREADABLE;
	(void)snprintf(files, sizeof(files), DIR_DISK_APPS "/%s/files", root->upper_directory);
	if (chdir(files) < 0)
		return errno == ENOENT ? EXPORT_NOTHING : EXPORT_UNREADABLE;
	if (record->export == RECORD_EXPORT_LAYER)
		return EXPORT_DONE;
	return mount_merged(record, files) < 0 || chdir(DIR_ROOT) < 0 ? EXPORT_UNREADABLE
								      : EXPORT_DONE;
}

static int connect_stream(const struct record *record, unsigned stream, struct error *err)
{
	_cleanup_fd_ int fd = platform_connect(record->apps[0].ports[stream], err);
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	int code = 0;
	socklen_t len = sizeof(code);

	if (fd < 0)
		return -1;
	while (poll(&ready, 1, -1) < 0)
		if (errno != EINTR)
			return error_set(err, errno, "cannot wait for the host");
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0 || code)
		return error_set(err, code ? code : errno, "cannot connect to the host");
	return steal_fd(&fd);
}

/* With this the host knows that it has all of it. */
static enum export_status summarize(const struct record *record, const struct tar *tar)
{
	const struct export_summary summary = { le64_make(tar->bytes), le64_make(tar->entries) };
	struct error ignored = ERROR_NONE;
	_cleanup_fd_ int fd = connect_stream(record, STREAM_SUMMARY, &ignored);

	return fd < 0 || send(fd, &summary, sizeof(summary), 0) != (ssize_t)sizeof(summary)
		   ? EXPORT_HOST_GONE
		   : EXPORT_DONE;
}

static enum export_status stream(const struct record *record)
{
	struct error ignored = ERROR_NONE;
	_cleanup_free_ struct export_tree *tree = calloc(1, sizeof(*tree));
	_cleanup_fd_ int fd = -1;
	enum export_status status;

	if (!tree)
		return EXPORT_TOO_LARGE;
	fd = connect_stream(record, STREAM_TAR, &ignored);
	if (fd < 0)
		return EXPORT_HOST_GONE;
	tree->layer = record->export == RECORD_EXPORT_LAYER;
	status = export_tree_write(tree, fd);
	return status ? status : summarize(record, &tree->tar);
}

int export_run(const struct record *record, struct control *control, struct frame_pod_exit *exit,
	       struct error *err)
{
	const struct record_app *app = &record->apps[0];
	enum export_status status;

	if (app->root.upper != RECORD_UPPER_DISK || !app->ports[STREAM_TAR] ||
	    !app->ports[STREAM_SUMMARY])
		return error_set(err, EINVAL, "the record lacks a disk or a stream");
	if (prepare(err) < 0 || control_flush(control, err) < 0)
		return -1;
	status = enter(record);
	if (!status)
		status = stream(record);
	*exit = (struct frame_pod_exit){ le32_make(EXIT_KIND_CODE), le32_make(status) };
	return 0;
}
