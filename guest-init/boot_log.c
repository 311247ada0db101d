/*
 * The kernel's log as a timeline. Its time is not the host's: a line of our own says what its time
 * was some microseconds after a stage that the host has the time of.
 */
#include "guest-init/boot_log.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <time.h>
#include <unistd.h>

#include "guest-init/platform.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"

enum { LOG_BYTES_MAX = 256 * 1024, READ_ALL = 3 /* syslog(2) */ };

/* Without its end the kernel would wait for more, and not show it. */
static const char now_line[] = "guest-init: the boot is told\n";

/* By CLOCK_MONOTONIC. */
static uint64_t began_us, marked_us;

/* What a line begins with once the kernel has come so far. */
static const struct {
	enum trace_stage stage;
	const char *text;
} lines[] = {
	{ TRACE_KERNEL_CLOCK, "kvm-clock: using sched offset" },
	{ TRACE_KERNEL_MAPPING, "Using GB pages for direct mapping" },
	{ TRACE_KERNEL_ZONES, "Zone ranges:" },
	{ TRACE_KERNEL_PAGES, "IMCR and PIC compatibility mode" },
	{ TRACE_KERNEL_SETUP, "Booting paravirtualized kernel" },
	{ TRACE_KERNEL_PERCPU, "Kernel command line:" },
	{ TRACE_KERNEL_ALLOCATORS, "rcu: Hierarchical RCU" },
	{ TRACE_KERNEL_INTERRUPTS, "NR_IRQS:" },
	{ TRACE_KERNEL_TIMERS, "Calibrating delay loop" },
	{ TRACE_KERNEL_PROCESSOR, "Freeing SMP alternatives" },
	{ TRACE_KERNEL_CPUS, "smp: Brought up" },
	{ TRACE_KERNEL_DEVTMPFS, "devtmpfs: initialized" },
	{ TRACE_KERNEL_NETLINK, "NET: Registered PF_NETLINK" },
	{ TRACE_KERNEL_CLOCKSOURCE, "clocksource: Switched to" },
	{ TRACE_KERNEL_INET, "UDP-Lite hash table" },
	{ TRACE_KERNEL_INITRAMFS, "Freeing initrd memory" },
	{ TRACE_KERNEL_FILES, "9p: Installing" },
	{ TRACE_KERNEL_DISK, "virtio_blk " },
	{ TRACE_KERNEL_INET6, "NET: Registered PF_INET6" },
	{ TRACE_KERNEL_VSOCK, "NET: Registered PF_VSOCK" },
	{ TRACE_KERNEL_FREED, "Freeing unused kernel image" },
	{ TRACE_KERNEL_EXEC, "Run /init as init process" },
};

/* The time and the text of a line. False for one that continues another. */
static bool split(const char *line, uint64_t *at_us, const char **text)
{
	const char *bracket = strchr(line, '[');
	char *end;

	if (line[0] != '<' || !bracket || bracket - line > 5)
		return false;
	*at_us = strtoull(bracket + 1, &end, 10) * 1000000;
	if (*end != '.')
		return false;
	*at_us += strtoull(end + 1, &end, 10);
	if (end[0] != ']' || end[1] != ' ')
		return false;
	*text = end + 2;
	return true;
}

static void add(struct boot_log *log, enum trace_stage stage, uint64_t at_us)
{
	for (unsigned i = 0; i < log->count; i++)
		if (log->marks[i].stage == stage)
			return;
	log->marks[log->count].stage = stage;
	log->marks[log->count++].at_us = at_us;
}

int boot_log_read(const char *text, struct boot_log *log)
{
	bool is_whole = false;

	*log = (struct boot_log){ .count = 0 };
	for (const char *line = text; line; line = strchr(line, '\n')) {
		const char *said;
		uint64_t at_us;

		line += *line == '\n';
		if (!split(line, &at_us, &said))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
			if (strncmp(said, lines[i].text, strlen(lines[i].text)) == 0)
				add(log, lines[i].stage, at_us);
		if (strncmp(said, now_line, strlen(now_line)) == 0) {
			log->marked_us = at_us;
			is_whole = true;
		}
	}
	return is_whole ? 0 : -1;
}

static uint64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void boot_log_begin(void)
{
	began_us = now_us();
}

void boot_log_mark(void)
{
	_cleanup_fd_ int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	marked_us = now_us();
	if (fd >= 0)
		(void)!write(fd, now_line, strlen(now_line));
}

void boot_log_send(const struct boot_log *log, uint64_t since_us)
{
	for (unsigned i = 0; i < log->count; i++) {
		uint64_t until_us = log->marks[i].at_us + since_us, before_us;

		if (until_us > log->marked_us)
			continue;
		before_us = log->marked_us - until_us;
		/* 0 would be a stage of now. */
		if (before_us == 0)
			before_us = 1;
		if (before_us > NACELLE_TRACE_BEFORE_MAX)
			before_us = NACELLE_TRACE_BEFORE_MAX;
		platform_trace_before(log->marks[i].stage, (uint32_t)before_us);
	}
}

void boot_log_tell(void)
{
	_cleanup_free_ char *text = calloc(1, LOG_BYTES_MAX);
	struct boot_log log;

	if (text && klogctl(READ_ALL, text, LOG_BYTES_MAX - 1) >= 0 &&
	    boot_log_read(text, &log) == 0)
		boot_log_send(&log, marked_us - began_us);
}
