/*
 * Settings of the host that cost a start time. Each has been seen to: facts of KVM and of cgroups,
 * not taste. Times are the shortest of several tries, for whatever else runs here only adds.
 */
#include "vmm/pod/host_speed.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/machine/kvm.h"

enum {
	TRIES = 5,
	PINS = 4,
	SLOW_VM_US = 2000, /* a grace period of RCU, which some hosts wait for, is longer */
	SMALL_PAGE = 4096,
	HUGE_PAGE = 2 * 1024 * 1024,
};

static void tell(host_speed_say *say, void *context, bool is_slow, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void tell(host_speed_say *say, void *context, bool is_slow, const char *format, ...)
{
	struct host_speed found = { .is_slow = is_slow };
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(found.text, sizeof(found.text), format, arguments);
	va_end(arguments);
	say(context, &found);
}

/* The first bytes of a file; "" where there is none. Files of /proc and /sys say no size. */
static void read_text(const char *root, const char *name, char *text, size_t size)
{
	char path[PATH_MAX];
	_cleanup_fd_ int fd = -1;
	ssize_t n = -1;

	if (snprintf(path, sizeof(path), "%s%s", root, name) < (int)sizeof(path))
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		n = io_read_full(fd, text, size - 1);
	text[n > 0 ? n : 0] = '\0';
}

static void look_at_huge_pages(const char *root, host_speed_say *say, void *context)
{
	char text[128];

	read_text(root, "/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof(text));
	if (strstr(text, "[never]"))
		tell(say, context, true,
		     "transparent huge pages are off, so a pod's memory is mapped 4 KiB at a time: "
		     "echo madvise >/sys/kernel/mm/transparent_hugepage/enabled");
	else if (text[0])
		tell(say, context, false, "pods' memory is in huge pages");
}

static void look_at_kvm(const char *root, host_speed_say *say, void *context)
{
	char text[64];

	read_text(root, "/sys/module/kvm/parameters/nx_huge_pages", text, sizeof(text));
	if (text[0] == 'Y')
		tell(say, context, true,
		     "KVM guards against iTLB multihit and splits huge pages that guests execute: "
		     "where the processor is not affected, load kvm with nx_huge_pages=never");
	else if (text[0])
		tell(say, context, false, "KVM keeps huge pages that guests execute");
}

/* The options of the line whose type is cgroup2. */
static void look_at_cgroups(const char *root, host_speed_say *say, void *context)
{
	char text[65536];
	char *rest = text;
	const char *line;

	read_text(root, "/proc/self/mounts", text, sizeof(text));
	while ((line = strsep(&rest, "\n"))) {
		if (!strstr(line, " cgroup2 "))
			continue;
		if (strstr(line, "favordynmods"))
			tell(say, context, false, "cgroups are mounted for quick changes");
		else
			tell(say, context, true,
			     "cgroups are not mounted for quick changes, so that a process which "
			     "enters one may wait for RCU: mount -o remount,favordynmods "
			     "/sys/fs/cgroup");
		return;
	}
}

static void look_at_clock(const char *root, host_speed_say *say, void *context)
{
	char text[64];

	read_text(root, "/sys/devices/system/clocksource/clocksource0/current_clocksource", text,
		  sizeof(text));
	text[strcspn(text, "\n")] = '\0';
	if (strcmp(text, "tsc") == 0 || strcmp(text, "kvm-clock") == 0)
		tell(say, context, false, "the clock is read without a system call (%s)", text);
	else if (text[0])
		tell(say, context, true,
		     "the clock source %s is slow to read, for the guests' clock too", text);
}

static void look_at_processors(const char *root, host_speed_say *say, void *context)
{
	char text[65536];

	read_text(root, "/proc/cpuinfo", text, sizeof(text));
	if (strstr(text, " hypervisor"))
		tell(say, context, true,
		     "this host is a virtual machine itself: each exit of a pod is one of this "
		     "host too, and costs several times as much as on a machine of its own");
	read_text(root, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", text,
		  sizeof(text));
	text[strcspn(text, "\n")] = '\0';
	if (strcmp(text, "performance") == 0)
		tell(say, context, false, "processors run at their full speed");
	else if (text[0])
		tell(say, context, true,
		     "the governor %s lets processors become slow while there is nothing to do, "
		     "and a start begins slowly: cpupower frequency-set -g performance",
		     text);
}

void host_speed_look(const char *root, host_speed_say *say, void *context)
{
	look_at_processors(root, say, context);
	look_at_kvm(root, say, context);
	look_at_huge_pages(root, say, context);
	look_at_cgroups(root, say, context);
	look_at_clock(root, say, context);
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* How long a VM takes to make; -1 if there is none. */
static int64_t time_vm(int kvm_fd)
{
	const struct gmem none = { .count = 0 };
	int64_t shortest_us = -1;

	for (int i = 0; i < TRIES; i++) {
		uint64_t began_us = now_us();
		int64_t took_us;
		struct kvm_vm vm;

		if (kvm_vm_create(&vm, kvm_fd, &none, PINS, NULL) < 0)
			return -1;
		took_us = (int64_t)(now_us() - began_us);
		close(vm.fd);
		if (shortest_us < 0 || took_us < shortest_us)
			shortest_us = took_us;
	}
	return shortest_us;
}

/* How long the first touch of 2 MiB takes; -1 if there is no memory. */
static int64_t time_memory(int advice)
{
	uint8_t *area = mmap(NULL, (size_t)HUGE_PAGE * (TRIES + 1), PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile uint8_t *aligned;
	int64_t shortest_us = -1;

	if (area == MAP_FAILED)
		return -1;
	aligned = area + (HUGE_PAGE - (uintptr_t)area % HUGE_PAGE) % HUGE_PAGE;
	(void)madvise(area, (size_t)HUGE_PAGE * (TRIES + 1), advice);
	for (int i = 0; i < TRIES; i++) {
		uint64_t began_us = now_us();
		int64_t took_us;

		for (size_t at = 0; at < HUGE_PAGE; at += SMALL_PAGE)
			aligned[(size_t)i * HUGE_PAGE + at] = 1;
		took_us = (int64_t)(now_us() - began_us);
		if (shortest_us < 0 || took_us < shortest_us)
			shortest_us = took_us;
	}
	(void)munmap(area, (size_t)HUGE_PAGE * (TRIES + 1));
	return shortest_us;
}

void host_speed_measure(int kvm_fd, host_speed_say *say, void *context)
{
	int64_t vm_us = time_vm(kvm_fd);
	int64_t small_us = time_memory(MADV_NOHUGEPAGE), huge_us = time_memory(MADV_HUGEPAGE);

	if (vm_us >= 0)
		tell(say, context, vm_us > SLOW_VM_US, "KVM makes a VM in %.2f ms%s",
		     (double)vm_us / 1000,
		     vm_us > SLOW_VM_US ? ", most of which is waiting for RCU: cgroups, "
					  "nx_huge_pages and other users of KVM are to blame"
					: "");
	if (small_us >= 0 && huge_us >= 0)
		tell(
		    say, context, huge_us > small_us,
		    "2 MiB of memory are there in %.2f ms as a huge page, in %.2f ms as small ones",
		    (double)huge_us / 1000, (double)small_us / 1000);
}
