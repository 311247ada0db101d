/*
 * An app's root and its surroundings.
 *
 * The initramfs cannot be pivoted away from, so the root is moved over "/" and the process changes
 * into it, as switch_root(8) does; ".." cannot climb from a mount on "/". From then on plain paths
 * resolve inside the app's root. Volumes, whose targets may lead anywhere, are in volumes.c.
 */
#include "guest-init/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "guest-init/cgroup.h"
#include "guest-init/etc.h"
#include "guest-init/mount_api.h"
#include "guest-init/platform.h"
#include "guest-init/volumes.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"

enum { PATH_TEXT_MAX = 300 };

/* Apps of a pod share their IPC, and with it /dev/shm: the largest that one asks for. */
static int mount_shm(const struct record *record, struct error *err)
{
	char options[64] = "mode=1777";
	uint64_t size = 0;

	for (size_t i = 0; i < record->app_count; i++) {
		if (record->apps[i].shm_size > size)
			size = record->apps[i].shm_size;
	}
	if (size)
		(void)snprintf(options, sizeof(options), "mode=1777,size=%" PRIu64, size);
	if (mount("shm", DIR_SHM, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options) < 0)
		return error_set(err, errno, "cannot mount the shared memory");
	return 0;
}

/* The name of the pod's disk, of which there is one at most; NULL if there is none. */
static const char *find_disk(const struct record *record)
{
	for (size_t i = 0; i < record->app_count; i++) {
		if (record->apps[i].root.upper == RECORD_UPPER_DISK)
			return record->apps[i].root.upper_device;
	}
	for (size_t i = 0; i < record->volume_count; i++) {
		if (record->volumes[i].upper_device)
			return record->volumes[i].upper_device;
	}
	return NULL;
}

static int make_directory(const char *path, mode_t mode, struct error *err)
{
	return mkdir(path, mode) < 0 && errno != EEXIST
		   ? error_set(err, errno, "cannot make the directory %s", path)
		   : 0;
}

static int mount_disk(const struct record *record, struct error *err)
{
	const char *device = find_disk(record);

	if (!device)
		return 0;
	if (make_directory(DIR_DISK, 0755, err) < 0 ||
	    platform_mount_disk(device, DIR_DISK, false, err) < 0)
		return -1;
	return make_directory(DIR_DISK_APPS, 0755, err);
}

int mounts_system(const struct record *record, struct error *err)
{
	const unsigned long plain = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	if (mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID | MS_NOEXEC, NULL) < 0)
		return error_set(err, errno, "cannot mount /dev");
	if (mount("cgroup2", DIR_CGROUP, "cgroup2", plain, NULL) < 0)
		return error_set(err, errno, "cannot mount the cgroups");
	if (mount_shm(record, err) < 0 || mount_disk(record, err) < 0 ||
	    cgroup_enable(DIR_CGROUP, record, err) < 0)
		return -1;
	return volumes_system(record, err);
}

void mounts_finish(void)
{
	(void)mount(NULL, DIR_DISK, NULL, MS_REMOUNT | MS_RDONLY, NULL);
}

/* Where the app's upper layer is kept, in the guest's memory or on the pod's disk. */
static int prepare_upper(const struct record_root *root, char base[PATH_TEXT_MAX],
			 struct error *err)
{
	char options[64] = "mode=755";

	if (root->upper == RECORD_UPPER_DISK) {
		(void)snprintf(base, PATH_TEXT_MAX, DIR_DISK_APPS "/%s", root->upper_directory);
		return make_directory(base, 0700, err);
	}
	(void)snprintf(base, PATH_TEXT_MAX, DIR_UPPER);
	if (root->upper_size_bytes)
		(void)snprintf(options, sizeof(options), "mode=755,size=%" PRIu64,
			       root->upper_size_bytes);
	if (mount("upper", DIR_UPPER, "tmpfs", 0, options) < 0)
		return error_set(err, errno, "cannot mount the upper layer");
	return 0;
}

/* The merged root takes its mode and owner from the upper layer's. */
static int make_upper_files(const char *path, const char *lower, struct error *err)
{
	struct stat st;

	if (stat(lower, &st) == 0 && mkdir(path, st.st_mode & 07777) == 0)
		return (st.st_uid || st.st_gid) && chown(path, st.st_uid, st.st_gid) < 0
			   ? error_set(err, errno, "cannot hand over the upper layer")
			   : 0;
	return errno == EEXIST ? 0 : error_set(err, errno, "cannot prepare the upper layer");
}

static int mount_overlay(const struct record_root *root, const char *lower, struct error *err)
{
	char base[PATH_TEXT_MAX], files[PATH_TEXT_MAX + 8], work[PATH_TEXT_MAX + 8];
	char options[4 * PATH_TEXT_MAX];

	if (prepare_upper(root, base, err) < 0)
		return -1;
	(void)snprintf(files, sizeof(files), "%s/files", base);
	(void)snprintf(work, sizeof(work), "%s/work", base);
	if (make_upper_files(files, lower, err) < 0 || make_directory(work, 0700, err) < 0)
		return -1;
	(void)snprintf(options, sizeof(options),
		       "lowerdir=%s,upperdir=%s,workdir=%s,redirect_dir=nofollow,metacopy=off,"
		       "index=off,xino=off",
		       lower, files, work);
	if (mount("overlay", DIR_ROOT, "overlay", MS_NODEV, options) < 0)
		return error_set(err, errno, "cannot mount the root");
	return 0;
}

/* Mounts the app's root on DIR_ROOT. */
static int mount_root(const struct record_root *root, struct error *err)
{
	char share[PATH_TEXT_MAX];

	(void)snprintf(share, sizeof(share), "%s/%s", volumes_root_directory(root), root->source);
	if (!root->p9 &&
	    platform_mount_image(root->source,
				 root->upper != RECORD_UPPER_NONE ? DIR_LOWER : DIR_ROOT, err) < 0)
		return -1;
	if (root->upper != RECORD_UPPER_NONE)
		return mount_overlay(root, root->p9 ? share : DIR_LOWER, err);
	if (root->p9 && mount(share, DIR_ROOT, NULL, MS_BIND, NULL) < 0)
		return error_set(err, errno, "cannot mount the root from share %s", root->source);
	return 0;
}

static int move_into_root(struct error *err)
{
	if (chdir(DIR_ROOT) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0)
		return error_set(err, errno, "cannot enter the root");
	return 0;
}

/* A mount of the specification, on a directory that is made if the image does not have it. */
static int mount_default(const char *type, const char *on, unsigned long flags, const char *options,
			 struct error *err)
{
	if (mount(type, on, type, flags, options) == 0)
		return 0;
	if (errno == ENOENT && mkdir(on, 0755) < 0)
		return error_set(err, errno, "the image has no directory %s and it cannot be made",
				 on);
	if (mount(type, on, type, flags, options) < 0)
		return error_set(err, errno, "cannot mount %s", on);
	return 0;
}

/*
 * Each node is a mount of its own, and /dev as a whole without devices, like the root: a node that
 * an app with CAP_MKNOD makes cannot be opened, so that it does not reach the disks of other apps.
 */
static int make_devices(struct error *err)
{
	static const struct {
		const char *path;
		unsigned major, minor;
	} nodes[] = {
		{ "/dev/null", 1, 3 },	 { "/dev/zero", 1, 5 },	   { "/dev/full", 1, 7 },
		{ "/dev/random", 1, 8 }, { "/dev/urandom", 1, 9 }, { "/dev/tty", 5, 0 },
	};
	static const struct {
		const char *path, *target;
	} links[] = {
		{ "/dev/fd", "/proc/self/fd" },	      { "/dev/stdin", "/proc/self/fd/0" },
		{ "/dev/stdout", "/proc/self/fd/1" }, { "/dev/stderr", "/proc/self/fd/2" },
		{ "/dev/ptmx", "pts/ptmx" },
	};
	static const char *const directories[] = { "/dev/pts", "/dev/shm", "/dev/mqueue" };

	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		if (mknod(nodes[i].path, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)) <
			0 ||
		    mount(nodes[i].path, nodes[i].path, NULL, MS_BIND, NULL) < 0)
			return error_set(err, errno, "cannot make %s", nodes[i].path);
	}
	if (mount_without_devices("/dev") < 0)
		return error_set(err, errno, "cannot forbid other devices");
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		if (symlink(links[i].target, links[i].path) < 0)
			return error_set(err, errno, "cannot make %s", links[i].path);
	}
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		if (mkdir(directories[i], 0755) < 0)
			return error_set(err, errno, "cannot make %s", directories[i]);
	}
	return 0;
}

/* `shm` is the pod's shared memory, detached. */
static int mount_defaults(int shm, struct error *err)
{
	const unsigned long plain = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	_cleanup_fd_ int shm_target = -1;

	if (mount_default("proc", "/proc", plain, NULL, err) < 0 ||
	    mount_default("sysfs", "/sys", plain | MS_RDONLY, NULL, err) < 0 ||
	    mount_default("cgroup2", "/sys/fs/cgroup", plain | MS_RDONLY, NULL, err) < 0 ||
	    mount_default("tmpfs", "/dev", MS_NOSUID | MS_STRICTATIME, "mode=755,size=64m", err) <
		0 ||
	    make_devices(err) < 0 ||
	    mount_default("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC,
			  "newinstance,ptmxmode=0666,mode=0620,gid=5", err) < 0 ||
	    mount_default("mqueue", "/dev/mqueue", plain, NULL, err) < 0)
		return -1;
	shm_target = open("/dev/shm", O_PATH | O_CLOEXEC);
	if (shm_target < 0 || mount_attach(shm, shm_target) < 0)
		return error_set(err, errno, "cannot mount /dev/shm");
	return 0;
}

static int enter_root(const struct record_app *app, int shm, const int *volumes, struct error *err)
{
	int etc[ETC_FILES];

	etc_open(etc);
	if (mount_root(&app->root, err) < 0 || move_into_root(err) < 0 ||
	    mount_defaults(shm, err) < 0 ||
	    etc_mount(etc, app->root.upper != RECORD_UPPER_NONE || app->root.make_files,
		      app->root.read_only, err) < 0)
		return -1;
	return app->mount_count ? volumes_attach(app, volumes, err) : 0;
}

/* A container that has its own IPC shares no memory with the pod. */
static int new_shm(const struct record_app *app)
{
	const struct mount_owner owner = { .mode = 01777, .size_bytes = app->shm_size };
	const struct mount_flags flags = { .nodev = true, .nosuid = true, .noexec = true };
	_cleanup_fd_ int shm = mount_new_tmpfs(&owner);

	return shm < 0 || mount_forbid(shm, &flags) < 0 ? -1 : steal_fd(&shm);
}

int mounts_enter_root(const struct record_app *app, struct error *err)
{
	_cleanup_fd_ int shm = app->own_ipc ? new_shm(app) : mount_clone(AT_FDCWD, DIR_SHM);
	int *volumes = NULL;
	int r;

	if (shm < 0)
		return error_set(err, errno, "cannot open the shared memory");
	if (app->mount_count && !(volumes = volumes_open(app, err)))
		return -1;
	r = enter_root(app, shm, volumes, err);
	volumes_close(volumes, app->mount_count);
	return r;
}

static bool is_below_proc(const char *path)
{
	return !strncmp(path, "/proc/", 6);
}

/* A file becomes /dev/null, a directory an empty one; what is not there needs no mask. */
static int mask_path(const char *path, struct error *err)
{
	if (mount("/dev/null", path, NULL, MS_BIND, NULL) == 0 || errno == ENOENT)
		return 0;
	if (errno == ENOTDIR && mount("tmpfs", path, "tmpfs", MS_RDONLY, "size=4k") == 0)
		return 0;
	return errno == ENOTDIR ? 0 : error_set(err, errno, "cannot mask %s", path);
}

static int make_path_read_only(const char *path, struct error *err)
{
	if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0)
		return errno == ENOENT || errno == ENOTDIR
			   ? 0
			   : error_set(err, errno, "cannot mount %s on itself", path);
	if (mount_read_only(AT_FDCWD, path, true) < 0)
		return error_set(err, errno, "cannot make %s read-only", path);
	return 0;
}

int mounts_return(int mounts, const struct record_app *app, struct error *err)
{
	const unsigned long plain = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	if (setns(mounts, CLONE_NEWNS) < 0)
		return error_set(err, errno, "cannot enter the app's mount namespace");
	if (umount2("/proc", MNT_DETACH | UMOUNT_NOFOLLOW) < 0 ||
	    mount("proc", "/proc", "proc", plain, NULL) < 0)
		return error_set(err, errno, "cannot mount /proc anew");
	for (const char **path = app->read_only_paths; *path; path++) {
		if (is_below_proc(*path) && make_path_read_only(*path, err) < 0)
			return -1;
	}
	for (const char **path = app->masked_paths; *path; path++) {
		if (is_below_proc(*path) && mask_path(*path, err) < 0)
			return -1;
	}
	return 0;
}

int mounts_restrict(const struct record_app *app, struct error *err)
{
	for (const char **path = app->read_only_paths; *path; path++) {
		if (make_path_read_only(*path, err) < 0)
			return -1;
	}
	for (const char **path = app->masked_paths; *path; path++) {
		if (mask_path(*path, err) < 0)
			return -1;
	}
	if (app->root.read_only && mount_read_only(AT_FDCWD, "/", false) < 0)
		return error_set(err, errno, "cannot make the root read-only");
	return 0;
}
