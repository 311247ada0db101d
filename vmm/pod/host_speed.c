/*
 * Settings of the host that cost a start time. Each has been seen to: facts of KVM and of cgroups,
 * not taste.
 */
#include "vmm/pod/host_speed.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

enum {
	SLOW_VM_NS = 2000000, /* a grace period of RCU, which some hosts wait for, is longer */
	SLOW_EXIT_NS = 20000, /* one to three microseconds are usual */
	SLOW_CHARGE_NS = 250, /* a millisecond for 16 MiB in small pages */
	SMALL_PAGES = 16 * 1024 / 4, /* of 16 MiB */
};

/* Who is told, and of what host. */
struct look {
	const char *root;
	const struct host_costs *costs;
	host_speed_say *say;
	void *context;
};

static void tell(const struct look *look, const char *name, bool is_slow, int64_t cost_ns,
		 const char *format, ...) __attribute__((format(printf, 5, 6)));

static void tell(const struct look *look, const char *name, bool is_slow, int64_t cost_ns,
		 const char *format, ...)
{
	struct host_speed found = { .name = name, .is_slow = is_slow, .cost_ns = cost_ns };
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(found.text, sizeof(found.text), format, arguments);
	va_end(arguments);
	look->say(look->context, &found);
}

enum { COST_TEXT_MAX = 96 };

/* "; WHAT 0.12 ms", or nothing if that was not measured. */
static const char *cost_text(char text[COST_TEXT_MAX], const char *what, int64_t cost_ns)
{
	text[0] = '\0';
	if (cost_ns >= 0)
		(void)snprintf(text, COST_TEXT_MAX, "; %s %.2f ms", what, (double)cost_ns / 1e6);
	return text;
}

/* The first bytes of a file; "" where there is none. Files of /proc and /sys say no size. */
static void read_text(const struct look *look, const char *name, char *text, size_t size)
{
	char path[PATH_MAX];
	_cleanup_fd_ int fd = -1;
	ssize_t n = -1;

	if (snprintf(path, sizeof(path), "%s%s", look->root, name) < (int)sizeof(path))
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		n = io_read_full(fd, text, size - 1);
	text[n > 0 ? n : 0] = '\0';
}

static void look_at_processors(const struct look *look)
{
	const int64_t exit_ns = look->costs->kvm.exit_ns;
	const int64_t awake_ns = look->costs->awake_ns, asleep_ns = look->costs->asleep_ns;
	char text[65536], cost[COST_TEXT_MAX];

	read_text(look, "/proc/cpuinfo", text, sizeof(text));
	if (strstr(text, " hypervisor"))
		tell(look, "nested", true, -1,
		     "this host is a virtual machine itself: each exit of a pod is one of this "
		     "host too, and costs several times as much as on a machine of its own");
	if (exit_ns >= 0)
		tell(look, "exits", exit_ns > SLOW_EXIT_NS, exit_ns,
		     "a guest's exit to nacelle and back takes %.1f microseconds",
		     (double)exit_ns / 1e3);
	read_text(look, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", text,
		  sizeof(text));
	text[strcspn(text, "\n")] = '\0';
	cost[0] = '\0';
	if (awake_ns > 0 && asleep_ns >= 0)
		(void)snprintf(cost, sizeof(cost),
			       "; after a sleep, work took %.2f times as long as without",
			       (double)asleep_ns / (double)awake_ns);
	if (strcmp(text, "performance") == 0)
		tell(look, "governor", false, -1, "processors run at their full speed%s", cost);
	else if (text[0])
		tell(look, "governor", true, -1,
		     "the governor %.32s lets processors become slow while there is nothing to do, "
		     "and a start begins slowly: cpupower frequency-set -g performance%s",
		     text, cost);
}

static void look_at_kvm(const struct look *look)
{
	const struct kvm_costs *costs = &look->costs->kvm;
	char text[64], cost[COST_TEXT_MAX];

	if (costs->vm_ns >= 0)
		tell(look, "vm", costs->vm_ns > SLOW_VM_NS, costs->vm_ns,
		     "KVM makes a VM in %.2f ms%s", (double)costs->vm_ns / 1e6,
		     costs->vm_ns > SLOW_VM_NS ? ", most of which is waiting for RCU: cgroups, "
						 "nx_huge_pages and other users of KVM are to blame"
					       : "");
	if (costs->slot_ns >= 0)
		tell(look, "memory-slots", costs->slot_ns > SLOW_VM_NS, costs->slot_ns,
		     "KVM changes a VM's memory in %.2f ms, for which it waits for SRCU",
		     (double)costs->slot_ns / 1e6);
	read_text(look, "/sys/module/kvm/parameters/nx_huge_pages", text, sizeof(text));
	(void)cost_text(cost, "1 MiB of new guest code takes", costs->code_ns);
	if (text[0] == 'Y')
		tell(look, "nx-huge-pages", true, costs->code_ns,
		     "KVM guards against iTLB multihit and splits huge pages that guests execute: "
		     "where the processor is not affected, load kvm with nx_huge_pages=never%s",
		     cost);
	else if (text[0])
		tell(look, "nx-huge-pages", false, costs->code_ns,
		     "KVM keeps huge pages that guests execute%s", cost);
}

static void look_at_memory(const struct look *look)
{
	const int64_t small_ns = look->costs->small_ns, huge_ns = look->costs->huge_ns;
	char text[128];

	read_text(look, "/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof(text));
	if (strstr(text, "[never]"))
		tell(look, "huge-pages", true, -1,
		     "transparent huge pages are off, so a pod's memory is mapped 4 KiB at a time: "
		     "echo madvise >/sys/kernel/mm/transparent_hugepage/enabled");
	else if (text[0])
		tell(look, "huge-pages", false, -1, "pods' memory is in huge pages");
	if (small_ns >= 0 && huge_ns >= 0)
		tell(
		    look, "memory", huge_ns > small_ns, huge_ns,
		    "2 MiB of memory are there in %.2f ms as a huge page, in %.2f ms as small ones",
		    (double)huge_ns / 1e6, (double)small_ns / 1e6);
}

/* The options of the line whose type is cgroup2. */
static void look_at_cgroups(const struct look *look)
{
	const int64_t enter_ns = look->costs->enter_ns, charge_ns = look->costs->charge_ns;
	char text[65536], cost[COST_TEXT_MAX];
	char *rest = text;
	const char *line;

	read_text(look, "/proc/self/mounts", text, sizeof(text));
	(void)cost_text(cost, "that took", enter_ns);
	while ((line = strsep(&rest, "\n")))
		if (strstr(line, " cgroup2 "))
			break;
	if (line && strstr(line, "favordynmods"))
		tell(look, "cgroups", false, enter_ns,
		     "cgroups are mounted for quick changes: a process enters one soon%s", cost);
	else if (line)
		tell(look, "cgroups", true, enter_ns,
		     "cgroups are not mounted for quick changes, so that a process which enters "
		     "one may wait for RCU: mount -o remount,favordynmods /sys/fs/cgroup%s",
		     cost);
	if (charge_ns >= 0)
		tell(look, "memory-cgroup", charge_ns > SLOW_CHARGE_NS, charge_ns,
		     "a memory cgroup charges each page for %.0f ns more, 16 MiB in small pages "
		     "for %.2f ms",
		     (double)charge_ns, (double)charge_ns * SMALL_PAGES / 1e6);
}

static void look_at_clock(const struct look *look)
{
	const int64_t clock_ns = look->costs->clock_ns;
	char text[64], cost[COST_TEXT_MAX] = "";

	read_text(look, "/sys/devices/system/clocksource/clocksource0/current_clocksource", text,
		  sizeof(text));
	text[strcspn(text, "\n")] = '\0';
	if (clock_ns >= 0)
		(void)snprintf(cost, sizeof(cost), "; a look at it takes %.0f ns",
			       (double)clock_ns);
	if (strcmp(text, "tsc") == 0 || strcmp(text, "kvm-clock") == 0)
		tell(look, "clock", false, clock_ns,
		     "the clock is read without a system call (%s)%s", text, cost);
	else if (text[0])
		tell(look, "clock", true, clock_ns,
		     "the clock source %s is slow to read, for the guests' clock too%s", text,
		     cost);
}

void host_speed_look(const char *root, const struct host_costs *costs, host_speed_say *say,
		     void *context)
{
	const struct look look = { root, costs, say, context };

	look_at_processors(&look);
	look_at_kvm(&look);
	look_at_memory(&look);
	look_at_cgroups(&look);
	look_at_clock(&look);
}
