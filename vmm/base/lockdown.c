/*
 * Giving up privileges. Nothing here reads a byte from outside.
 */
#include "vmm/base/lockdown.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/base/lockdown_network.h"

static int write_text(const char *path, const char *text)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -1 : io_write_all(fd, text, strlen(text));
}

/* Of an ordinary user, the one user and group that may be mapped: its own, to themselves. */
static int map_ids(uid_t uid, gid_t gid, struct error *err)
{
	char uid_map[64], gid_map[64];

	(void)snprintf(uid_map, sizeof(uid_map), "%ju %ju 1", (uintmax_t)uid, (uintmax_t)uid);
	(void)snprintf(gid_map, sizeof(gid_map), "%ju %ju 1", (uintmax_t)gid, (uintmax_t)gid);
	if (write_text("/proc/self/setgroups", "deny") < 0 ||
	    write_text("/proc/self/uid_map", uid_map) < 0 ||
	    write_text("/proc/self/gid_map", gid_map) < 0)
		return error_set(err, errno, "cannot map the user into its namespace");
	return 0;
}

/* /proc is a directory on every host; what it shows is covered here alone. */
static int cover_with_nothing(struct error *err)
{
	if (mount("none", "/proc", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY,
		  "size=4k,mode=555") < 0)
		return error_set(err, errno, "cannot mount an empty root");
	return 0;
}

/* Of another mount namespace no directory can be mounted by its descriptor, so its path is used. */
static int cover_with_directory(int directory_fd, struct error *err)
{
	char link[32], path[PATH_MAX];
	struct stat meant, found;
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", directory_fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return error_set(err, errno, "cannot find a role's directory");
	path[n] = '\0';
	if (mount(path, "/proc", NULL, MS_BIND, NULL) < 0 ||
	    mount(NULL, "/proc", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  NULL) < 0)
		return error_set(err, errno, "cannot mount %s", path);
	if (fstat(directory_fd, &meant) < 0 || stat("/proc", &found) < 0 ||
	    meant.st_dev != found.st_dev || meant.st_ino != found.st_ino)
		return error_set(err, 0, "%s has become another directory", path);
	return 0;
}

static int take_root(int directory_fd, struct error *err)
{
	_cleanup_fd_ int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (root < 0 || dup3(root, directory_fd, O_CLOEXEC) < 0)
		return error_set(err, errno, "cannot open a role's directory");
	return 0;
}

static int leave_namespaces(int directory_fd, bool *done, struct error *err)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int flags = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

	*done = false;
	if (uid != 0)
		flags |= CLONE_NEWUSER | CLONE_NEWNET;
	if ((uid == 0 && lockdown_network() < 0) || unshare(flags) < 0) {
		if (flags & CLONE_NEWUSER)
			return 0;
		return error_set(err, errno, "cannot leave the host's namespaces");
	}
	if (flags & CLONE_NEWUSER && map_ids(uid, gid, err) < 0)
		return -1;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_set(err, errno, "cannot make the mount namespace private");
	if ((directory_fd < 0 ? cover_with_nothing(err) : cover_with_directory(directory_fd, err)) <
	    0)
		return -1;
	if (chdir("/proc") < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return error_set(err, errno, "cannot change to an empty root");
	*done = true;
	return directory_fd < 0 ? 0 : take_root(directory_fd, err);
}

int lockdown_namespaces(bool *done, struct error *err)
{
	return leave_namespaces(-1, done, err);
}

int lockdown_namespaces_in(int directory_fd, bool *done, struct error *err)
{
	return leave_namespaces(directory_fd, done, err);
}

/* Of a new user and its descendants, whatever file they execute: nothing. */
static int empty_bounding_set(void)
{
	unsigned long cap = 0;

	while (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
		cap++;
	/* The kernel knows fewer than 64, and says so behind the last. */
	return errno == EINVAL && cap > CAP_CHOWN ? 0 : -1;
}

/* Effective and permitted are these, inheritable is none; ambient are none, since they need that.
 */
static int set_capabilities(uint64_t capabilities)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
		{ .effective = (uint32_t)capabilities, .permitted = (uint32_t)capabilities },
		{ .effective = (uint32_t)(capabilities >> 32),
		  .permitted = (uint32_t)(capabilities >> 32) },
	};

	return (int)syscall(SYS_capset, &header, data);
}

static bool has_capabilities(uint64_t capabilities)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data) < 0)
		return false;
	for (unsigned i = 0; i < ARRAY_SIZE(data); i++)
		if (data[i].permitted != (uint32_t)(capabilities >> 32 * i) ||
		    data[i].effective != data[i].permitted || data[i].inheritable)
			return false;
	return true;
}

/* The group of a user of this process's own, whose number is returned; -1 with errno set. */
static int change_group(pid_t pid)
{
	const int ids[] = { LOCKDOWN_UID_BASE + pid,
			    LOCKDOWN_SUBORDINATE_BASE + pid % LOCKDOWN_SUBORDINATE_COUNT };

	for (unsigned i = 0; i < ARRAY_SIZE(ids); i++) {
		gid_t id = (gid_t)ids[i];

		if (setresgid(id, id, id) == 0)
			return ids[i];
		/* Else the number is there, and what is missing is the right. */
		if (errno != EINVAL)
			break;
	}
	return -1;
}

static int change_user(pid_t pid, struct error *err)
{
	uid_t uids[3], id;
	gid_t gids[3];
	int own;

	if (empty_bounding_set() < 0)
		return error_set(err, errno, "cannot drop the capability bounding set");
	own = setgroups(0, NULL) < 0 ? -1 : change_group(pid ? pid : getpid());
	if (own < 0 && errno == EINVAL)
		return error_set(err, 0,
				 "this user namespace has too few users for a process's own one; "
				 "rootless engines take 65,536 from /etc/subuid and /etc/subgid");
	id = (uid_t)own;
	if (own < 0 || prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setresuid(id, id, id) < 0 ||
	    prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
		return error_set(err, errno, "cannot change the user");
	if (getresuid(&uids[0], &uids[1], &uids[2]) < 0 ||
	    getresgid(&gids[0], &gids[1], &gids[2]) < 0)
		return error_set(err, errno, "cannot look at the user");
	for (unsigned i = 0; i < ARRAY_SIZE(uids); i++)
		if (uids[i] != id || gids[i] != id)
			return error_set(err, 0, "the user did not change to %ju", (uintmax_t)id);
	return 0;
}

/* The change of user leaves what is permitted, so that what is to be kept still can be. */
static int drop_capabilities(const struct lockdown_ids *ids, struct error *err)
{
	if (ids->change && change_user(ids->pid, err) < 0)
		return -1;
	if (set_capabilities(ids->capabilities) < 0)
		return error_set(err, errno, "cannot drop capabilities");
	if (!has_capabilities(ids->capabilities))
		return error_set(err, 0, "capabilities are left after all were dropped");
	return 0;
}

int lockdown_ids(const struct lockdown_ids *ids, struct error *err)
{
	const struct rlimit no_core = { 0, 0 };
	pid_t parent = getppid();

	if (drop_capabilities(ids, err) < 0)
		return -1;
	if (setrlimit(RLIMIT_CORE, &no_core) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		return error_set(err, errno, "cannot turn core dumps off");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_set(err, errno, "cannot set no_new_privs");
	/* Cleared by the change of user, so it comes last; the parent may be gone already. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return error_set(err, errno, "cannot tie this process to its parent");
	if (getppid() != parent)
		return error_set(err, 0, "the parent process has gone");
	return 0;
}

/* All that the first version of landlock can forbid. */
static const uint64_t landlock_all = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;

/* Returns a descriptor; -1 with err filled, or without where the kernel has no landlock. */
static int make_ruleset(bool *without, struct error *err)
{
	const struct landlock_ruleset_attr attributes = { .handled_access_fs = landlock_all };
	int fd = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0);

	*without = fd < 0 && (errno == ENOSYS || errno == EOPNOTSUPP);
	if (fd < 0 && !*without)
		return error_set(err, errno, "cannot restrict access to files");
	return fd;
}

static int apply_ruleset(int ruleset_fd, struct error *err)
{
	if (syscall(SYS_landlock_restrict_self, ruleset_fd, 0) < 0)
		return error_set(err, errno, "cannot restrict access to files");
	return 0;
}

static int allow_reading(int ruleset_fd, const char *path)
{
	_cleanup_fd_ int fd = open(path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr beneath = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE,
		.parent_fd = fd,
	};
	struct stat st;

	if (fd < 0)
		return 0;
	if (fstat(fd, &st) < 0)
		return -1;
	if (S_ISDIR(st.st_mode))
		beneath.allowed_access |= LANDLOCK_ACCESS_FS_READ_DIR;
	return (int)syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &beneath,
			    0);
}

int lockdown_paths(const char *const *paths, struct error *err)
{
	bool without;
	_cleanup_fd_ int fd = make_ruleset(&without, err);

	if (fd < 0)
		return without ? 0 : -1;
	for (; *paths; paths++) {
		if (allow_reading(fd, *paths) < 0)
			return error_set(err, errno, "cannot restrict access to %s", *paths);
	}
	return apply_ruleset(fd, err);
}

int lockdown_beneath(int directory_fd, struct error *err)
{
	const struct landlock_path_beneath_attr beneath = {
		.allowed_access = landlock_all,
		.parent_fd = directory_fd,
	};
	bool without;
	_cleanup_fd_ int fd = make_ruleset(&without, err);

	if (fd < 0)
		return without ? 0 : -1;
	if (syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0)
		return error_set(err, errno, "cannot restrict access to a directory");
	return apply_ruleset(fd, err);
}

static int compare_fds(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Where this process's cgroup allows no device, another process may have opened it as stdin. */
static int open_null(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), failure = errno;
	struct stat st;

	if (null < 0 && failure == EPERM && fstat(STDIN_FILENO, &st) == 0 && S_ISCHR(st.st_mode) &&
	    st.st_rdev == makedev(1, 3))
		null = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	else
		errno = failure;
	return null;
}

int lockdown_silence(int fd, struct error *err)
{
	int null = open_null();

	if (null < 0 || (null != fd && dup2(null, fd) < 0))
		return error_set(err, errno, "cannot open /dev/null");
	if (null != fd)
		close(null);
	return 0;
}

int lockdown_close_fds(const int *keep, size_t count, struct error *err)
{
	enum { KEEP_MAX = 512 };
	int sorted[KEEP_MAX];
	unsigned next = 3;

	assert(count <= KEEP_MAX);
	for (size_t i = 0; i < count; i++)
		sorted[i] = keep[i];
	qsort(sorted, count, sizeof(sorted[0]), compare_fds);
	for (size_t i = 0; i < count; i++) {
		if (sorted[i] < (int)next)
			continue;
		if ((unsigned)sorted[i] > next &&
		    syscall(SYS_close_range, next, sorted[i] - 1, 0) < 0)
			return error_set(err, errno, "cannot close inherited descriptors");
		next = (unsigned)sorted[i] + 1;
	}
	if (syscall(SYS_close_range, next, ~0u, 0) < 0)
		return error_set(err, errno, "cannot close inherited descriptors");
	return 0;
}
