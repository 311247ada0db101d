/*
 * The timeline of a start.
 */
#include "vmm/pod/timeline.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/virtio_ids.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "guest-init/protocol.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/machine/machine.h"

struct stage_name {
	uint32_t stage;
	const char *side;
	const char *name;
};

static const struct stage_name names[] = {
	{ TIMELINE_STARTED, "host", "supervisor-started" },
	{ TIMELINE_IMAGE, "host", "image-found" },
	{ TIMELINE_ASSEMBLED, "host", "pod-assembled" },
	{ TIMELINE_FORKED, "host", "processes-started" },
	{ MACHINE_STAGE_ENTERED, "host", "machine-entered" },
	{ MACHINE_STAGE_ALONE, "host", "machine-alone" },
	{ MACHINE_STAGE_RAM, "host", "memory-mapped" },
	{ MACHINE_STAGE_SEGMENTS, "host", "kernel-part-1" },
	{ MACHINE_STAGE_SEGMENTS + 1, "host", "kernel-part-2" },
	{ MACHINE_STAGE_SEGMENTS + 2, "host", "kernel-part-3" },
	{ MACHINE_STAGE_SEGMENTS + 3, "host", "kernel-part-4" },
	{ MACHINE_STAGE_KERNEL, "host", "kernel-mapped" },
	{ MACHINE_STAGE_MEMORY, "host", "memory-ready" },
	{ MACHINE_STAGE_VM, "host", "vm-made" },
	{ MACHINE_STAGE_VCPUS, "host", "cpus-made" },
	{ MACHINE_STAGE_KVM, "host", "vm-ready" },
	{ MACHINE_STAGE_THREADS, "host", "threads-started" },
	{ MACHINE_STAGE_LOCKED, "host", "locked-down" },
	{ TRACE_KERNEL_CLOCK, "guest", "kernel-clock" },
	{ TRACE_KERNEL_MAPPING, "guest", "kernel-processor-known" },
	{ TRACE_KERNEL_ZONES, "guest", "kernel-memory-known" },
	{ TRACE_KERNEL_PAGES, "guest", "kernel-page-structs" },
	{ TRACE_KERNEL_SETUP, "guest", "kernel-setup-arch" },
	{ TRACE_KERNEL_PERCPU, "guest", "kernel-per-cpu" },
	{ TRACE_KERNEL_ALLOCATORS, "guest", "kernel-allocators" },
	{ TRACE_KERNEL_INTERRUPTS, "guest", "kernel-interrupts" },
	{ TRACE_KERNEL_TIMERS, "guest", "kernel-timers" },
	{ TRACE_KERNEL_PROCESSOR, "guest", "kernel-alternatives" },
	{ TRACE_KERNEL_CPUS, "guest", "kernel-cpus" },
	{ TRACE_KERNEL_DEVTMPFS, "guest", "kernel-devtmpfs" },
	{ TRACE_KERNEL_NETLINK, "guest", "kernel-netlink" },
	{ TRACE_KERNEL_CLOCKSOURCE, "guest", "kernel-clocksource" },
	{ TRACE_KERNEL_INET, "guest", "kernel-inet" },
	{ TRACE_KERNEL_INITRAMFS, "guest", "kernel-initramfs" },
	{ TRACE_KERNEL_FILES, "guest", "kernel-file-systems" },
	{ MACHINE_STAGE_DRIVERS + VIRTIO_ID_VSOCK, "guest", "driver-vsock" },
	{ MACHINE_STAGE_DRIVERS + VIRTIO_ID_RNG, "guest", "driver-rng" },
	{ MACHINE_STAGE_DRIVERS + VIRTIO_ID_BLOCK, "guest", "driver-blk" },
	{ MACHINE_STAGE_DRIVERS + VIRTIO_ID_CONSOLE, "guest", "driver-console" },
	{ MACHINE_STAGE_DRIVERS + VIRTIO_ID_9P, "guest", "driver-9p" },
	{ MACHINE_STAGE_DRIVERS + VIRTIO_ID_NET, "guest", "driver-net" },
	{ TRACE_KERNEL_DISK, "guest", "kernel-disk" },
	{ TRACE_KERNEL_INET6, "guest", "kernel-inet6" },
	{ TRACE_KERNEL_VSOCK, "guest", "kernel-vsock" },
	{ TRACE_KERNEL_FREED, "guest", "kernel-freed" },
	{ TRACE_KERNEL_EXEC, "guest", "kernel-done" },
	{ TRACE_GUEST_INIT, "guest", "init-started" },
	{ TRACE_GUEST_RECORD, "guest", "record-read" },
	{ TRACE_GUEST_MOUNTS, "guest", "roots-mounted" },
	{ TRACE_GUEST_CONTROL, "guest", "connected" },
	{ TRACE_GUEST_EXEC, "guest", "app-exec" },
	{ TIMELINE_APP_STARTED, "host", "app-start-reported" },
	{ TRACE_GUEST_APP_EXIT, "guest", "app-exited" },
	{ TRACE_GUEST_POD_EXIT, "guest", "pod-exit-sent" },
	{ MACHINE_STAGE_DRAINED, "host", "output-drained" },
	{ TIMELINE_EXITED, "host", "status-known" },
};

void timeline_add(struct timeline *timeline, uint32_t stage, uint64_t time_ns)
{
	if (timeline->count == TIMELINE_MAX)
		return;
	timeline->entries[timeline->count].stage = stage;
	timeline->entries[timeline->count].time_ns = time_ns;
	timeline->count++;
}

void timeline_stamp(struct timeline *timeline, uint32_t stage)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	timeline_add(timeline, stage, (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
}

static const struct stage_name *find_name(uint32_t stage)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].stage == stage)
			return &names[i];
	return NULL;
}

/* Records arrive in order from each process, but the processes are not in step: insertion sort. */
static void sort(struct timeline *timeline)
{
	for (size_t i = 1; i < timeline->count; i++)
		for (size_t j = i;
		     j > 0 && timeline->entries[j].time_ns < timeline->entries[j - 1].time_ns;
		     j--) {
			__typeof__(timeline->entries[0]) swap = timeline->entries[j];

			timeline->entries[j] = timeline->entries[j - 1];
			timeline->entries[j - 1] = swap;
		}
}

int timeline_write(struct timeline *timeline, const char *path, struct error *err)
{
	FILE *file = fopen(path, "we");
	uint64_t first, previous;

	if (!file)
		return error_set(err, errno, "cannot write the trace to %s", path);
	sort(timeline);
	first = previous = timeline->count ? timeline->entries[0].time_ns : 0;
	fprintf(file, "# %11s %12s %-6s %s\n", "at_us", "delta_us", "side", "stage");
	fprintf(file, "# 0 is %" PRIu64 " ns of CLOCK_MONOTONIC\n", first);
	for (size_t i = 0; i < timeline->count; i++) {
		const struct stage_name *name = find_name(timeline->entries[i].stage);
		uint64_t time_ns = timeline->entries[i].time_ns;

		if (!name)
			continue;
		fprintf(file, "%13.1f %12.1f %-6s %s\n", (double)(time_ns - first) / 1000,
			(double)(time_ns - previous) / 1000, name->side, name->name);
		previous = time_ns;
	}
	if (ferror(file) | fclose(file))
		return error_set(err, errno, "cannot write the trace to %s", path);
	return 0;
}
