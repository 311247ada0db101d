/*
 * Volumes. Each mount is made detached while PID 1's root is still there, and attached once the
 * process is inside the app's root, where targets go through inside.h: the image's links, and those
 * in volumes, choose where they lead, but never out.
 */
#include "guest-init/volumes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-init/copy_tree.h"
#include "guest-init/inside.h"
#include "guest-init/mount_api.h"
#include "guest-init/mounts.h"
#include "guest-init/platform.h"
#include "vmm/base/cleanup.h"

enum { PATH_TEXT_MAX = 300, MODE_TMPFS = 01777, MODE_VOLUME = 0755 };

/* Which of the two devices the record uses. */
struct devices {
	bool changing, cached;
};

static bool root_is_cached(const struct record_root *root)
{
	return !root->uncached && (root->upper != RECORD_UPPER_NONE || root->read_only);
}

const char *volumes_root_directory(const struct record_root *root)
{
	return root_is_cached(root) ? DIR_CACHED : DIR_SHARES;
}

static void count_device(struct devices *devices, bool cached)
{
	if (cached)
		devices->cached = true;
	else
		devices->changing = true;
}

static struct devices devices_of(const struct record *record)
{
	struct devices devices = { 0 };

	for (size_t i = 0; i < record->volume_count; i++) {
		if (record->volumes[i].share)
			devices.changing = true;
	}
	for (size_t i = 0; i < record->app_count; i++) {
		const struct record_app *app = &record->apps[i];

		if (app->root.p9)
			count_device(&devices, root_is_cached(&app->root));
		for (size_t m = 0; m < app->mount_count; m++) {
			if (app->mounts[m].type == RECORD_MOUNT_SHARE)
				count_device(&devices, app->mounts[m].cache == RECORD_CACHE_LOOSE);
		}
	}
	return devices;
}

static int make_directory(const char *path, struct error *err)
{
	return mkdir(path, 0755) < 0 && errno != EEXIST
		   ? error_set(err, errno, "cannot make %s", path)
		   : 0;
}

/* A directory of the pod's disk; one that is there has its mode, its owner and what is in it. */
static int make_on_disk(const struct record_volume *volume, const char *path, struct error *err)
{
	if (make_directory(DIR_DISK_VOLUMES, err) < 0)
		return -1;
	if (mkdir(path, 0700) < 0)
		return errno == EEXIST ? 0 : error_set(err, errno, "cannot make %s", path);
	if (chown(path, volume->uid, volume->gid) < 0 || chmod(path, volume->mode) < 0)
		return error_set(err, errno, "cannot hand over %s", path);
	return 0;
}

/* Its mount point is empty until an app that uses the volume has it filled. */
static int make_volume(const struct record_volume *volume, struct error *err)
{
	const struct mount_owner owner = {
		.mode = volume->mode ? volume->mode : MODE_VOLUME,
		.uid = volume->uid,
		.gid = volume->gid,
		.size_bytes = volume->size_bytes,
	};
	char path[PATH_TEXT_MAX], source[PATH_TEXT_MAX] = "";
	_cleanup_fd_ int tree = -1, target = -1;

	(void)snprintf(path, sizeof(path), DIR_VOLUMES "/%s", volume->name);
	if (volume->share)
		(void)snprintf(source, sizeof(source), DIR_SHARES "/%s", volume->share);
	else if (volume->upper_device)
		(void)snprintf(source, sizeof(source), DIR_DISK_VOLUMES "/%s", volume->name);
	if (make_directory(path, err) < 0 ||
	    (!volume->share && volume->upper_device && make_on_disk(volume, source, err) < 0))
		return -1;
	tree = source[0] ? mount_clone(AT_FDCWD, source) : mount_new_tmpfs(&owner);
	target = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (tree < 0 || target < 0 || mount_attach(tree, target) < 0)
		return error_set(err, errno, "cannot make the volume %s", volume->name);
	return 0;
}

int volumes_shares(struct error *err)
{
	static bool are_mounted;

	if (are_mounted)
		return 0;
	if (make_directory(DIR_SHARES, err) < 0 ||
	    platform_mount_shares(RECORD_P9_TAG, DIR_SHARES, "mmap", err) < 0)
		return -1;
	are_mounted = true;
	return 0;
}

int volumes_system(const struct record *record, struct error *err)
{
	struct devices devices = devices_of(record);

	if (devices.changing && volumes_shares(err) < 0)
		return -1;
	if (devices.cached &&
	    (make_directory(DIR_CACHED, err) < 0 ||
	     platform_mount_shares(RECORD_P9_TAG_CACHED, DIR_CACHED, "loose", err) < 0))
		return -1;
	if (record->volume_count && make_directory(DIR_VOLUMES, err) < 0)
		return -1;
	for (size_t i = 0; i < record->volume_count; i++) {
		if (make_volume(&record->volumes[i], err) < 0)
			return -1;
	}
	return 0;
}

static int new_tmpfs(const struct record_mount *mount)
{
	const struct mount_owner owner = {
		.mode = mount->mode ? mount->mode : MODE_TMPFS,
		.uid = mount->uid,
		.gid = mount->gid,
		.size_bytes = mount->size_bytes,
	};

	return mount_new_tmpfs(&owner);
}

/* The detached mount of one entry, or -1 with errno. */
static int open_source(const struct record_mount *mount)
{
	const char *directory = NULL;
	char path[PATH_TEXT_MAX];

	switch (mount->type) {
	case RECORD_MOUNT_TMPFS:
		return new_tmpfs(mount);
	case RECORD_MOUNT_VOLUME:
		directory = DIR_VOLUMES;
		break;
	case RECORD_MOUNT_BLOCK:
		directory = "/dev";
		break;
	case RECORD_MOUNT_SHARE:
		directory = mount->cache == RECORD_CACHE_LOOSE ? DIR_CACHED : DIR_SHARES;
		break;
	}
	(void)snprintf(path, sizeof(path), "%s/%s", directory, mount->source);
	if (mount->type == RECORD_MOUNT_BLOCK && mount->file_system)
		return mount_new_disk(mount->file_system, path, mount->read_only);
	return mount_clone(AT_FDCWD, path);
}

int *volumes_open(const struct record_app *app, struct error *err)
{
	int *trees = malloc((app->mount_count + 1) * sizeof(*trees));
	size_t i = 0;

	if (!trees) {
		(void)error_set(err, ENOMEM, "cannot prepare the volumes");
		return NULL;
	}
	for (; i < app->mount_count; i++) {
		const struct record_mount *mount = &app->mounts[i];

		trees[i] = open_source(mount);
		if (trees[i] < 0) {
			(void)error_set(err, errno, "cannot prepare the mount for %s%s%s",
					mount->target, mount->file_system ? " as " : "",
					mount->file_system ? mount->file_system : "");
			volumes_close(trees, i);
			return NULL;
		}
	}
	return trees;
}

void volumes_close(int *trees, size_t count)
{
	for (size_t i = 0; trees && i < count; i++)
		close(trees[i]);
	free(trees);
}

/* Where the target is one of our mounts already, that one would be hidden. */
static bool is_covered(const uint64_t *mounted, size_t count, int target)
{
	uint64_t mount = mount_of_root(target);

	for (size_t i = 0; mount && i < count; i++) {
		if (mounted[i] == mount)
			return true;
	}
	return false;
}

static int forbid(const struct record_mount *mount, int tree, struct error *err)
{
	/* A device node that is given to the app is there to be opened. */
	bool node = mount->type == RECORD_MOUNT_BLOCK && !mount->file_system;
	const struct mount_flags flags = {
		.read_only = mount->read_only && !node,
		.nodev = mount->nodev && !node,
		.nosuid = mount->nosuid,
		.noexec = mount->noexec,
	};

	return mount_forbid(tree, &flags) < 0
		   ? error_set(err, errno, "cannot set the options of the mount for %s",
			       mount->target)
		   : 0;
}

static int attach_one(int root, const struct record_mount *mount, int tree, uint64_t *mounted,
		      size_t count, struct error *err)
{
	_cleanup_fd_ int target = -1;
	struct stat st;

	if (fstat(tree, &st) < 0)
		return error_set(err, errno, "cannot prepare the mount for %s", mount->target);
	target = inside_make(root, mount->target, S_ISDIR(st.st_mode), err);
	if (target < 0)
		return -1;
	if (is_covered(mounted, count, target))
		return error_set(err, EBUSY, "two volumes are to be mounted on %s", mount->target);
	if (mount->prefill && copy_tree_if_empty(target, tree, err) < 0)
		return -1;
	if (forbid(mount, tree, err) < 0)
		return -1;
	if (mount_attach(tree, target) < 0)
		return error_set(err, errno, "cannot mount %s", mount->target);
	mounted[count] = mount_of_root(tree);
	return 0;
}

int volumes_attach(const struct record_app *app, const int *trees, struct error *err)
{
	_cleanup_free_ uint64_t *mounted = calloc(app->mount_count + 1, sizeof(*mounted));
	_cleanup_fd_ int root = -1;

	if (!app->mount_count)
		return 0;
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || !mounted)
		return error_set(err, errno, "cannot open the root");
	for (size_t i = 0; i < app->mount_count; i++) {
		if (attach_one(root, &app->mounts[i], trees[i], mounted, i, err) < 0)
			return -1;
	}
	return 0;
}
