/*
 * What a start asks of its host, timed. Times are the shortest of several tries, for whatever else
 * runs here only adds; but the way into a cgroup is taken once, for the first one waits longest.
 */
#include "vmm/pod/host_cost.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

enum {
	TRIES = 5,
	SMALL_PAGE = 4096,
	HUGE_PAGE = 2 * 1024 * 1024,
	CLOCK_READS = 1000,
	WORK = 200000, /* rounds of a loop: some tenths of a millisecond */
	WARM_UP_NS = 20 * 1000 * 1000,
	SLEEP_NS = 30 * 1000 * 1000,
	SLEEPS = 3,
};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void keep_shortest(int64_t *shortest_ns, int64_t took_ns)
{
	if (*shortest_ns < 0 || took_ns < *shortest_ns)
		*shortest_ns = took_ns;
}

/* How long the first touch of 2 MiB takes; -1 if there is no memory. */
static int64_t time_memory(int advice)
{
	uint8_t *area = mmap(NULL, (size_t)HUGE_PAGE * (TRIES + 1), PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile uint8_t *aligned;
	int64_t shortest_ns = -1;

	if (area == MAP_FAILED)
		return -1;
	aligned = area + (HUGE_PAGE - (uintptr_t)area % HUGE_PAGE) % HUGE_PAGE;
	(void)madvise(area, (size_t)HUGE_PAGE * (TRIES + 1), advice);
	for (int i = 0; i < TRIES; i++) {
		int64_t began_ns = now_ns();

		for (size_t at = 0; at < HUGE_PAGE; at += SMALL_PAGE)
			aligned[(size_t)i * HUGE_PAGE + at] = 1;
		keep_shortest(&shortest_ns, now_ns() - began_ns);
	}
	(void)munmap(area, (size_t)HUGE_PAGE * (TRIES + 1));
	return shortest_ns;
}

static int64_t time_clock(void)
{
	int64_t shortest_ns = -1;

	for (int i = 0; i < TRIES; i++) {
		int64_t began_ns = now_ns();

		for (int j = 0; j < CLOCK_READS; j++)
			(void)now_ns();
		keep_shortest(&shortest_ns, (now_ns() - began_ns) / CLOCK_READS);
	}
	return shortest_ns;
}

static int64_t time_work(void)
{
	int64_t began_ns = now_ns();

	for (volatile unsigned i = 0; i < WORK; i++)
		;
	return now_ns() - began_ns;
}

/* The same work when the processor has been busy, and when it has not. */
static void time_waking(struct host_costs *costs)
{
	const struct timespec sleep = { .tv_nsec = SLEEP_NS };
	int64_t began_ns = now_ns();

	costs->awake_ns = costs->asleep_ns = -1;
	do {
		keep_shortest(&costs->awake_ns, time_work());
	} while (now_ns() - began_ns < WARM_UP_NS);
	for (int i = 0; i < SLEEPS; i++) {
		(void)nanosleep(&sleep, NULL);
		keep_shortest(&costs->asleep_ns, time_work());
	}
}

static bool exists(const char *directory, const char *name)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), "%s/%s", directory, name) < (int)sizeof(path) &&
	       access(path, F_OK) == 0;
}

/* This process goes into a cgroup. Returns how long it took, or -1. */
static int64_t enter(const char *cgroup)
{
	char path[PATH_MAX];
	_cleanup_fd_ int fd = -1;
	int64_t began_ns;

	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	began_ns = now_ns();
	return fd >= 0 && write(fd, "0", 1) == 1 ? now_ns() - began_ns : -1;
}

/* In a process of its own: times[0] the way into the cgroup, times[1] what a page costs more there.
 */
static void visit(const char *root, const char *cgroup, int64_t times_ns[2])
{
	int64_t outside_ns, inside_ns;

	times_ns[0] = times_ns[1] = -1;
	/* The root is the one where memory is not charged. */
	if (enter(root) < 0)
		return;
	outside_ns = time_memory(MADV_NOHUGEPAGE);
	times_ns[0] = enter(cgroup);
	if (times_ns[0] < 0 || !exists(cgroup, "memory.current"))
		return;
	inside_ns = time_memory(MADV_NOHUGEPAGE);
	if (outside_ns >= 0 && inside_ns >= 0)
		times_ns[1] = inside_ns > outside_ns
				  ? (inside_ns - outside_ns) / (HUGE_PAGE / SMALL_PAGE)
				  : 0;
}

/* Starts visit(); its times come from the descriptor. Returns that, or -1. */
static int send_visitor(const char *root, const char *cgroup, pid_t *pid)
{
	int64_t times_ns[2];
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	*pid = fork();
	if (*pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		visit(root, cgroup, times_ns);
		_exit(io_write_all(ends[1], times_ns, sizeof(times_ns)) < 0);
	}
	close(ends[1]);
	if (*pid > 0)
		return ends[0];
	close(ends[0]);
	return -1;
}

static void time_cgroup(const char *root, struct host_costs *costs)
{
	int64_t times_ns[2];
	char cgroup[PATH_MAX / 2];
	_cleanup_fd_ int fd = -1;
	pid_t pid;

	if (geteuid() != 0 || !exists(root, "cgroup.controllers") ||
	    snprintf(cgroup, sizeof(cgroup), "%s/nacelle-check-%d", root, (int)getpid()) >=
		(int)sizeof(cgroup) ||
	    mkdir(cgroup, 0755) < 0)
		return;
	fd = send_visitor(root, cgroup, &pid);
	if (fd >= 0) {
		if (io_read_full(fd, times_ns, sizeof(times_ns)) == sizeof(times_ns)) {
			costs->enter_ns = times_ns[0];
			costs->charge_ns = times_ns[1];
		}
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	(void)rmdir(cgroup);
}

void host_cost_measure(int kvm_fd, const char *cgroups, struct host_costs *costs)
{
	*costs = (struct host_costs){ .kvm = { -1, -1, -1, -1 }, .enter_ns = -1, .charge_ns = -1 };
	if (kvm_fd >= 0)
		kvm_measure(kvm_fd, &costs->kvm);
	costs->small_ns = time_memory(MADV_NOHUGEPAGE);
	costs->huge_ns = time_memory(MADV_HUGEPAGE);
	costs->clock_ns = time_clock();
	time_waking(costs);
	time_cgroup(cgroups, costs);
}
