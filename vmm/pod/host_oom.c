/*
 * Running out of memory, where engines look for it: the number of kills in a cgroup on the host.
 * The kernel counts its own kills alone, and it was the guest's that killed. So once the machine is
 * gone a process takes its place, and asks for more memory than the cgroup may have: the next kill
 * is the host's, is counted, and wakes who waits for it.
 *
 * What it reads is the host kernel's own.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/pod/host_view.h"

/*
 * The kernel tells of kills at most every 10 ms, and containerd's watcher goes when it finds the
 * cgroup empty after it has read: the last process there stays until it will have looked.
 */
enum { VALUE_MAX = 64, TURN_MS = 10, TURNS = 100, NOTICE_MS = 100 };
#define MARGIN_BYTES (8 * MIB)

static bool read_value(int cgroup, const char *file, char value[VALUE_MAX])
{
	_cleanup_fd_ int fd = openat(cgroup, file, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, value, VALUE_MAX - 1);

	if (len <= 0)
		return false;
	value[len] = '\0';
	return true;
}

static bool write_value(int cgroup, const char *file, const char *value)
{
	_cleanup_fd_ int fd = openat(cgroup, file, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value);
}

/* The kernel would choose among all that are there. Processes of the pod may be ending still. */
static bool is_alone(int cgroup)
{
	char own[VALUE_MAX], found[VALUE_MAX];

	(void)snprintf(own, sizeof(own), "%d\n", (int)getpid());
	for (int turn = 0; turn < TURNS; turn++) {
		if (!read_value(cgroup, "cgroup.procs", found))
			return false;
		if (strcmp(own, found) == 0)
			return true;
		(void)poll(NULL, 0, TURN_MS);
	}
	return false;
}

/* All that is there would be killed with the one. */
static bool is_killed_as_one(int cgroup)
{
	char value[VALUE_MAX];

	return read_value(cgroup, "memory.oom.group", value) && value[0] == '1';
}

/* It has nothing of its own that would be lost. */
static void be_killed(size_t demand_bytes)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)prctl(PR_SET_NAME, "nacelle-oom");
		(void)mmap(NULL, demand_bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		_exit(0);
	}
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
}

void host_cgroup_note_oom(int cgroup)
{
	char used[VALUE_MAX], limit[VALUE_MAX], swap[VALUE_MAX], tight[VALUE_MAX];
	uint64_t tight_bytes;
	bool has_swap;

	if (cgroup < 0 || !read_value(cgroup, "memory.max", limit) || is_killed_as_one(cgroup) ||
	    !is_alone(cgroup) || !read_value(cgroup, "memory.current", used))
		return;
	/* Files that the kernel need not keep; not every kernel can be asked. */
	(void)write_value(cgroup, "memory.reclaim", used);
	if (!read_value(cgroup, "memory.current", used))
		return;
	tight_bytes = strtoumax(used, NULL, 10) + MARGIN_BYTES;
	(void)snprintf(tight, sizeof(tight), "%ju", (uintmax_t)tight_bytes);
	has_swap = read_value(cgroup, "memory.swap.max", swap) &&
		   write_value(cgroup, "memory.swap.max", "0");
	if (write_value(cgroup, "memory.max", tight))
		be_killed(tight_bytes + MARGIN_BYTES);
	(void)write_value(cgroup, "memory.max", limit);
	if (has_swap)
		(void)write_value(cgroup, "memory.swap.max", swap);
	(void)poll(NULL, 0, NOTICE_MS);
}
