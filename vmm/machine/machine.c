/*
 * The machine role: builds the VM from the plan, locks itself down, runs the vCPUs.
 *
 * Threads: this one runs the loop (streams, commands, back ends); one more for each vCPU runs guest
 * code and the devices that it kicks. The vCPU threads are started before the lock-down, so that
 * thread creation need not be allowed, and wait at a gate until it is complete.
 */
#include "vmm/machine/machine.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/base/lockdown.h"
#include "vmm/machine/boot.h"
#include "vmm/machine/cpuid.h"
#include "vmm/machine/device_tree.h"
#include "vmm/machine/kernel_image.h"
#include "vmm/machine/layout.h"
#include "vmm/machine/machine_rules.h"
#include "vmm/machine/machine_state.h"
#include "vmm/machine/plan_fds.h"
#include "vmm/machine/ram.h"

enum {
	INITRAMFS_ALIGN = 4096,
	CPIO_ALIGN = 4, /* of each archive in an initramfs; zeroes in between are skipped */
	VCPU_STACK_BYTES = 256 * 1024,
	ADDED_DRAIN_MS = 5000, /* a stalled reader of what was added holds up the end this long */
};

struct vcpu_thread {
	struct machine *machine;
	struct vcpu *vcpu;
};

static void *vcpu_main(void *argument)
{
	struct vcpu_thread *thread = argument;
	struct machine *machine = thread->machine;
	const struct vcpu_bus bus = machine_bus(machine);
	struct machine_record record = { .type = MACHINE_RECORD_GUEST_END };

	if (atomic_fetch_sub(&machine->arriving, 1) == 1)
		sem_post(&machine->arrived);
	pthread_rwlock_rdlock(&machine->gate);
	pthread_rwlock_unlock(&machine->gate);
	record.end.reason = vcpu_run(thread->vcpu, &bus, &record.end.detail);
	machine_end(machine, &record);
	return NULL;
}

/*
 * Puts the base archive and the one with the pod record below the kernel, beside what the guest
 * finds in the first MiB: a huge page less than behind the kernel, where they go if they are too
 * large.
 */
static int load_initramfs(struct machine *machine, const struct kernel_image *kernel,
			  const void *archive, size_t archive_bytes, struct boot_request *boot,
			  struct error *err)
{
	struct stat st;
	uint64_t base_bytes, total;
	uint8_t *at;

	if (fstat(machine->plan->initramfs_fd, &st) < 0)
		return error_set(err, errno, "cannot stat the initramfs");
	base_bytes = align_up((uint64_t)st.st_size, CPIO_ALIGN);
	total = base_bytes + archive_bytes;
	boot->initramfs_gpa = total <= kernel->start - LAYOUT_HIGH_START
				  ? LAYOUT_HIGH_START
				  : align_up(kernel->end, INITRAMFS_ALIGN);
	boot->initramfs_bytes = total;
	at = gmem_slice(&machine->memory, boot->initramfs_gpa, total);
	if (!at)
		return error_set(err, 0,
				 "%ju MiB of memory are too few for the guest kernel and its "
				 "initramfs",
				 (uintmax_t)(machine->plan->memory_bytes / MIB));
	if (io_pread_full(machine->plan->initramfs_fd, at, (size_t)st.st_size, 0) != st.st_size)
		return error_set(err, errno, "cannot read the initramfs");
	memcpy(at + base_bytes, archive, archive_bytes);
	return 0;
}

static void stamp_segment(void *context, unsigned segment)
{
	if (segment < MACHINE_STAGE_SEGMENTS_END - MACHINE_STAGE_SEGMENTS)
		machine_stamp(context, MACHINE_STAGE_SEGMENTS + segment);
}

static int build_memory(struct machine *machine, const void *archive, size_t archive_bytes,
			struct boot_request *boot, uint64_t *entry, struct error *err)
{
	struct kernel_image kernel;

	if (ram_create(&machine->memory, machine->plan->memory_bytes, err) < 0)
		return -1;
	machine_stamp(machine, MACHINE_STAGE_RAM);
	if (kernel_image_load(&kernel, machine->plan->kernel_fd, &machine->memory, stamp_segment,
			      machine, err) < 0)
		return -1;
	machine_stamp(machine, MACHINE_STAGE_KERNEL);
	*entry = kernel.entry;
	return load_initramfs(machine, &kernel, archive, archive_bytes, boot, err);
}

/* What the guest is told of the machine, of which the devices are there by now. */
static int describe(struct machine *machine, struct boot_request boot, struct error *err)
{
	const struct device_tree_request tree = {
		.cpus = machine->plan->cpus,
		.slots = machine->devices.slot_count,
		.windows = machine->devices.slots,
	};
	uint8_t buffer[DEVICE_TREE_BYTES_MAX];

	if (device_tree_build(&tree, buffer, &boot.device_tree_bytes, err) < 0)
		return -1;
	boot.device_tree = buffer;
	return boot_write(&machine->memory, &boot, err);
}

static int build_vm(struct machine *machine, uint64_t entry, struct error *err)
{
	const struct plan *plan = machine->plan;
	_cleanup_free_ struct kvm_cpuid2 *cpuid = NULL;

	if (kvm_vm_create(&machine->vm, plan->kvm_fd, &machine->memory, devices_count(plan) + 1,
			  err) < 0)
		return -1;
	machine_stamp(machine, MACHINE_STAGE_VM);
	cpuid = cpuid_supported(plan->kvm_fd, err);
	if (!cpuid)
		return -1;
	for (unsigned i = 0; i < plan->cpus; i++)
		if (vcpu_create(&machine->vcpus[i], &machine->vm, cpuid, i, plan->cpus, entry,
				err) < 0)
			return -1;
	return 0;
}

static int build_streams(struct machine *machine, struct error *err)
{
	const struct plan *plan = machine->plan;
	struct stream_config configs[PLAN_STREAMS_MAX];

	for (unsigned i = 0; i < plan->stream_count; i++) {
		const struct plan_stream *stream = &plan->streams[i];

		configs[i] = (struct stream_config){
			.port = stream->port,
			.directions = (unsigned)stream->kind,
			.in = { .fd = stream->fd_in, .private_nonblocking = stream->private_in },
			.out = { .fd = stream->fd_out, .private_nonblocking = stream->private_out },
		};
	}
	if (streams_init(&machine->streams, configs, plan->stream_count, machine->devices.vsock,
			 &machine->loop, err) < 0)
		return -1;
	added_init(&machine->added, &machine->control, machine->streams, machine_send_event,
		   machine);
	return 0;
}

static int build_devices(struct machine *machine, uint32_t app_count, struct error *err)
{
	if (loop_init(&machine->loop, err) < 0 ||
	    loop_event_add(&machine->loop, &machine->ended, machine_on_ended, err) < 0 ||
	    loop_fd_add(&machine->loop, &machine->supervisor, machine->plan->supervisor_socket,
			EPOLLIN, machine_on_supervisor, err) < 0 ||
	    devices_init(&machine->devices, machine->plan, &machine->memory, &machine->loop,
			 machine_on_accept, machine, machine_send_interrupt, machine, err) < 0)
		return -1;
	control_init(&machine->control, machine->devices.vsock, app_count, machine_on_control_event,
		     machine);
	if (machine->plan->vsock_listener >= 0 &&
	    vsock_bridge_init(&machine->bridge, machine->plan->vsock_listener,
			      machine->devices.vsock, &machine->loop, machine_on_dial, machine,
			      err) < 0)
		return -1;
	return build_streams(machine, err);
}

static int start_threads(struct machine *machine, struct error *err)
{
	static struct vcpu_thread threads[PLAN_CPUS_MAX];
	pthread_attr_t attributes;

	pause_init(&machine->pause, machine->vcpus, machine->plan->cpus, machine_on_paused,
		   machine);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, VCPU_STACK_BYTES);
	machine->arriving = machine->plan->cpus;
	for (unsigned i = 0; i < machine->plan->cpus; i++) {
		int status;

		threads[i] = (struct vcpu_thread){ machine, &machine->vcpus[i] };
		status =
		    pthread_create(&machine->pause.threads[i], &attributes, vcpu_main, &threads[i]);
		if (status)
			return error_set(err, status, "cannot start a thread for CPU %u", i);
	}
	pthread_attr_destroy(&attributes);
	/* The C library's part of a thread's start makes system calls that the list does not know.
	 */
	while (sem_wait(&machine->arrived) < 0 && errno == EINTR)
		;
	return 0;
}

static int build(struct machine *machine, uint32_t app_count, const void *archive,
		 size_t archive_bytes, struct error *err)
{
	const struct plan *plan = machine->plan;
	const struct lockdown_ids ids = { .change = plan->change_ids, .pid = plan->pid };
	struct boot_request boot = { .command_line = plan->command_line };
	bool namespaces;
	uint64_t entry;

	if (plan_fds_close_others(plan, err) < 0 || lockdown_namespaces(&namespaces, err) < 0)
		return -1;
	if (lockdown_ids(&ids, err) < 0)
		return -1;
	machine_stamp(machine, MACHINE_STAGE_ALONE);
	if (build_memory(machine, archive, archive_bytes, &boot, &entry, err) < 0)
		return -1;
	machine_stamp(machine, MACHINE_STAGE_MEMORY);
	if (build_vm(machine, entry, err) < 0)
		return -1;
	machine_stamp(machine, MACHINE_STAGE_VCPUS);
	if (build_devices(machine, app_count, err) < 0 || describe(machine, boot, err) < 0)
		return -1;
	plan_fds_close_built(plan);
	machine_stamp(machine, MACHINE_STAGE_KVM);
	if (start_threads(machine, err) < 0)
		return -1;
	machine_stamp(machine, MACHINE_STAGE_THREADS);
	return machine_rules_apply(err);
}

/* All output first, then the news: who waits for the pod may then rely on both. */
static void finish(struct machine *machine)
{
	struct error err = ERROR_NONE;

	machine->draining = true;
	(void)streams_drain(machine->streams, ADDED_DRAIN_MS, &err);
	added_flush(&machine->added);
	machine_stamp(machine, MACHINE_STAGE_DRAINED);
	machine_send_record(machine, &machine->end);
}

void machine_run(const struct plan *plan, uint32_t app_count, const void *archive,
		 size_t archive_bytes)
{
	static struct machine machine; /* vCPU threads use it until the process ends */
	struct error err = ERROR_NONE;

	machine.plan = plan;
	sem_init(&machine.arrived, 0, 0);
	pthread_rwlock_init(&machine.gate, NULL);
	pthread_mutex_init(&machine.end_lock, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	machine_stamp(&machine, MACHINE_STAGE_ENTERED);
	pthread_rwlock_wrlock(&machine.gate);
	if (build(&machine, app_count, archive, archive_bytes, &err) < 0) {
		struct machine_record record = { .type = MACHINE_RECORD_FAILED };

		(void)snprintf(record.text, sizeof(record.text), "%.*s",
			       (int)sizeof(record.text) - 1, err.text);
		machine_send_record(&machine, &record);
		_exit(1);
	}
	machine_stamp(&machine, MACHINE_STAGE_LOCKED);
	pthread_rwlock_unlock(&machine.gate);
	if (loop_run(&machine.loop, &err) == 0 && machine.has_ended)
		finish(&machine);
	_exit(0);
}
