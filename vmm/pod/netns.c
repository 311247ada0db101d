/*
 * Network namespaces of pods.
 */
#include "vmm/pod/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"

#define RUN_DIRECTORY	"/run/nacelle"
#define NETNS_DIRECTORY RUN_DIRECTORY "/netns"

void netns_path(char path[NETNS_PATH_MAX], const char *uuid)
{
	(void)snprintf(path, NETNS_PATH_MAX, NETNS_DIRECTORY "/%.64s", uuid);
}

static int make_directory(const char *path, struct error *err)
{
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return error_set(err, errno, "cannot make %s", path);
	return 0;
}

static int raise_loopback(struct error *err)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return error_set(err, errno, "cannot bring up the pod's loopback interface");
	return 0;
}

/* In a namespace that nothing else is in yet. */
static int fill(const char *path, struct error *err)
{
	if (unshare(CLONE_NEWNET) < 0)
		return error_set(err, errno, "cannot make a network namespace");
	if (mount("/proc/self/ns/net", path, NULL, MS_BIND, NULL) < 0)
		return error_set(err, errno, "cannot mount %s", path);
	return raise_loopback(err);
}

int netns_create(const char *path, struct error *err)
{
	_cleanup_fd_ int file = -1;
	int own, status;

	if (make_directory(RUN_DIRECTORY, err) < 0 || make_directory(NETNS_DIRECTORY, err) < 0)
		return -1;
	file = open(path, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (file < 0)
		return error_set(err, errno, "cannot make %s", path);
	own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (own < 0)
		return error_set(err, errno, "cannot open this process's network namespace");
	status = fill(path, err);
	return netns_leave(own, status < 0 ? NULL : err) < 0 ? -1 : status;
}

int netns_remove(const char *path, struct error *err)
{
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != ENOENT && errno != EINVAL)
		return error_set(err, errno, "cannot unmount %s", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return error_set(err, errno, "cannot remove %s", path);
	return 0;
}

int netns_enter(const char *path, struct error *err)
{
	_cleanup_fd_ int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	_cleanup_fd_ int other = open(path, O_RDONLY | O_CLOEXEC);

	if (own < 0 || other < 0 || setns(other, CLONE_NEWNET) < 0)
		return error_set(err, errno, "cannot enter the network namespace %s", path);
	return steal_fd(&own);
}

static int become_own(struct error *err)
{
	if (unshare(CLONE_NEWNET) < 0)
		return errno == EPERM ? 1
				      : error_set(err, errno, "cannot make a network namespace");
	return raise_loopback(err);
}

/* Whose interfaces are not to be taken from it. What cannot be told apart is taken for it. */
static bool is_own(int fd)
{
	struct stat other, own;

	return fstat(fd, &other) < 0 || stat("/proc/self/ns/net", &own) < 0 ||
	       (other.st_dev == own.st_dev && other.st_ino == own.st_ino);
}

int netns_become(const char *path, struct error *err)
{
	_cleanup_fd_ int fd = -1;

	if (!*path)
		return become_own(err);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return error_set(err, errno, "cannot open the network namespace %s", path);
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		return error_set(err, 0, "%s is no network namespace", path);
	if (is_own(fd))
		return error_set(
		    err, 0, "%s is the host's own network, which a virtual machine cannot have",
		    path);
	if (setns(fd, CLONE_NEWNET) < 0)
		return error_set(err, errno, "cannot enter the network namespace %s", path);
	return 0;
}

int netns_join(const char *path, struct error *err)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || (!is_own(fd) && setns(fd, CLONE_NEWNET) < 0))
		return error_set(err, errno, "cannot enter the network namespace %s", path);
	return 0;
}

int netns_leave(int fd, struct error *err)
{
	int status = setns(fd, CLONE_NEWNET);

	if (status < 0)
		error_set(err, errno, "cannot go back to the host's network");
	close(fd);
	return status;
}
