/*
 * The first role to need the namespace makes it and mounts it on a file, as a network of CNI is;
 * those that follow enter it. Making one costs sixty times as much, some 200 KiB of the host's
 * memory for as long as the pod lives, and the work to take it apart.
 *
 * Trust: /run is root's. What is not another network namespace is not entered, and whatever goes
 * wrong with the file costs the time for a namespace of one's own, and nothing else.
 */
#include "vmm/base/lockdown_network.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"

#define DIRECTORY "/run/nacelle"
#define PLACE	  DIRECTORY "/no-network"
#define OWN	  "/proc/self/ns/net"

static bool enter_kept(void)
{
	_cleanup_fd_ int fd = open(PLACE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat own, kept;

	/* setns() refuses what is no network namespace. */
	return fd >= 0 && stat(OWN, &own) == 0 && fstat(fd, &kept) == 0 &&
	       (own.st_dev != kept.st_dev || own.st_ino != kept.st_ino) &&
	       setns(fd, CLONE_NEWNET) == 0;
}

/* Two at once mount one over the other, and the upper one is found: both are empty. */
static void keep(void)
{
	_cleanup_fd_ int fd = -1;

	(void)mkdir(DIRECTORY, 0755);
	fd = open(PLACE, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0400);
	if (fd >= 0)
		(void)mount(OWN, PLACE, NULL, MS_BIND, NULL);
}

int lockdown_network(void)
{
	if (enter_kept())
		return 0;
	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	keep();
	return 0;
}
