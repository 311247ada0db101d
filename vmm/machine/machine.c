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
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/base/descriptors.h"
#include "vmm/base/io.h"
#include "vmm/machine/added.h"
#include "vmm/machine/boot.h"
#include "vmm/machine/control.h"
#include "vmm/machine/device_tree.h"
#include "vmm/machine/devices.h"
#include "vmm/machine/kernel_image.h"
#include "vmm/machine/kvm.h"
#include "vmm/machine/layout.h"
#include "vmm/base/lockdown.h"
#include "vmm/machine/machine_rules.h"
#include "vmm/machine/pause.h"
#include "vmm/machine/plan_fds.h"
#include "vmm/machine/vsock_bridge.h"
#include "vmm/machine/ram.h"
#include "vmm/machine/streams.h"
#include "vmm/machine/vcpu.h"

enum {
	INITRAMFS_ALIGN = 4096,
	CPIO_ALIGN = 4, /* of each archive in an initramfs; zeroes in between are skipped */
	VCPU_STACK_BYTES = 256 * 1024,
	ADDED_DRAIN_MS = 5000, /* a stalled reader of what was added holds up the end this long */
};

struct machine {
	const struct plan *plan;
	struct gmem memory;
	struct kvm_vm vm;
	struct vcpu vcpus[PLAN_CPUS_MAX];
	struct devices devices;
	struct control control;
	struct streams *streams;
	struct vsock_bridge *bridge; /* NULL: none was asked for */
	struct added added;
	struct pause pause;

	struct loop loop;
	struct loop_fd supervisor;
	struct loop_event ended;

	sem_t arrived;	      /* posted by each vCPU thread that stands at the gate */
	pthread_mutex_t gate; /* held until the lock-down is complete */

	bool draining; /* the loop's thread alone looks at it */

	/* What ended the pod; set once, under end_lock, by whichever thread sees it first. */
	pthread_mutex_t end_lock;
	bool has_ended;
	struct machine_record end;
};

struct vcpu_thread {
	struct machine *machine;
	struct vcpu *vcpu;
};

static void send_record(const struct machine *machine, const struct machine_record *record)
{
	/* Without a supervisor there is nobody to tell; its end of the socket says so to the loop.
	 */
	(void)send(machine->plan->supervisor_socket, record, sizeof(*record), MSG_NOSIGNAL);
}

static void stamp_past(const struct machine *machine, uint32_t stage, uint64_t ago_ns)
{
	struct machine_record record = { .type = MACHINE_RECORD_STAGE };
	struct timespec now;

	if (!machine->plan->trace)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	record.stage.stage = stage;
	record.stage.time_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec - ago_ns;
	send_record(machine, &record);
}

static void stamp(const struct machine *machine, uint32_t stage)
{
	stamp_past(machine, stage, 0);
}

/* The first reason to end counts; the loop's thread acts on it. */
static void end_with(struct machine *machine, const struct machine_record *record)
{
	pthread_mutex_lock(&machine->end_lock);
	if (!machine->has_ended) {
		machine->has_ended = true;
		machine->end = *record;
		loop_event_raise(&machine->ended);
	}
	pthread_mutex_unlock(&machine->end_lock);
}

static void on_control_event(void *context, const struct machine_event *event)
{
	struct machine *machine = context;
	struct machine_record record = { .type = MACHINE_RECORD_EVENT, .event = *event };

	if (event->type == MACHINE_EVENT_POD_EXIT || event->type == MACHINE_EVENT_PROTOCOL_ERROR)
		end_with(machine, &record);
	else if (!added_hold(&machine->added, event))
		send_record(machine, &record);
}

static void send_event(void *context, const struct machine_event *event)
{
	struct machine_record record = { .type = MACHINE_RECORD_EVENT, .event = *event };

	send_record(context, &record);
}

static void on_paused(void *context)
{
	const struct machine_record record = { .type = MACHINE_RECORD_PAUSED };

	send_record(context, &record);
}

static bool on_accept(void *context, uint32_t port, struct vsock_conn *conn,
		      struct vsock_accept *accept)
{
	struct machine *machine = context;

	if (port == NACELLE_PORT_CONTROL)
		return control_accept(&machine->control, port, conn, accept);
	if (streams_accept(machine->streams, port, conn, accept))
		return true;
	return machine->bridge && port < NACELLE_PORT_CONTROL &&
	       vsock_bridge_accept(machine->bridge, port, conn, accept);
}

static void on_dial(void *context, uint32_t port, uint32_t ticket)
{
	const struct machine_record record = { .type = MACHINE_RECORD_DIAL,
					       .dial = { port, ticket } };

	send_record(context, &record);
}

/* The supervisor's answer to on_dial(). */
static void on_dialed(struct machine *machine, uint32_t ticket, const int *fds, unsigned fd_count)
{
	for (unsigned i = machine->bridge ? 1 : 0; i < fd_count; i++)
		close(fds[i]);
	if (machine->bridge)
		vsock_bridge_answer(machine->bridge, ticket, fd_count ? fds[0] : -1);
}

static void on_ended(struct loop_event *event)
{
	struct machine *machine = container_of(event, struct machine, ended);

	loop_stop(&machine->loop);
}

static void run_command(struct machine *machine, const struct machine_command *command,
			const int *fds, unsigned fd_count)
{
	switch ((enum machine_command_type)command->type) {
	case MACHINE_COMMAND_SIGNAL:
		/* The pod is over; what waits is a reader of its output, and the user does not. */
		if (machine->draining)
			loop_stop(&machine->loop);
		control_signal(&machine->control, command->app, command->signal);
		break;
	case MACHINE_COMMAND_WINSIZE:
		control_winsize(&machine->control, command->app, command->rows, command->columns);
		break;
	case MACHINE_COMMAND_STOP:
		control_stop(&machine->control, command->timeout_ms);
		break;
	case MACHINE_COMMAND_ADD:
		added_start(&machine->added, command, fds, fd_count);
		break;
	case MACHINE_COMMAND_HANG_UP:
		added_hang_up(&machine->added, command);
		break;
	case MACHINE_COMMAND_PAUSE:
		/* In this order: what a vCPU's thread leaves undone it finds in bus_interrupted().
		 */
		devices_pause(&machine->devices);
		pause_begin(&machine->pause);
		break;
	case MACHINE_COMMAND_RESUME:
		devices_resume(&machine->devices);
		pause_end(&machine->pause);
		break;
	case MACHINE_COMMAND_CLOCK:
		control_clock(&machine->control);
		break;
	case MACHINE_COMMAND_START:
		control_start(&machine->control, command->app);
		break;
	case MACHINE_COMMAND_DIALED:
		on_dialed(machine, command->id, fds, fd_count);
		break;
	}
}

static void on_supervisor(struct loop_fd *member, uint32_t events)
{
	struct machine *machine = container_of(member, struct machine, supervisor);
	struct machine_command command;
	int fds[MACHINE_ADD_FDS_MAX];
	unsigned fd_count;
	ssize_t n = descriptors_receive(member->fd, &command, sizeof(command), fds,
					MACHINE_ADD_FDS_MAX, &fd_count);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != (ssize_t)sizeof(command))
		_exit(0); /* the supervisor has gone: so has the pod */
	run_command(machine, &command, fds, fd_count);
}

static void bus_read(void *context, uint64_t gpa, void *data, unsigned len_bytes)
{
	struct machine *machine = context;

	devices_read(&machine->devices, gpa, data, len_bytes);
}

/* A driver that is ready for its device says so by a write that it makes anyway. */
static void stamp_driver(struct machine *machine, unsigned device_id)
{
	if (machine->plan->trace && device_id)
		stamp(machine, MACHINE_STAGE_DRIVERS + device_id);
}

static void bus_write(void *context, uint64_t gpa, const void *data, unsigned len_bytes)
{
	struct machine *machine = context;

	stamp_driver(machine, devices_write(&machine->devices, gpa, data, len_bytes));
}

/* The guest can write what it likes as often as it likes: without a trace it goes nowhere. */
static void bus_port_write(void *context, uint16_t port, const void *data, unsigned len_bytes)
{
	struct machine *machine = context;
	uint32_t value = 0, stage;

	memcpy(&value, data, len_bytes <= sizeof(value) ? len_bytes : sizeof(value));
	stage = value & NACELLE_TRACE_STAGE;
	if (port != NACELLE_TRACE_PORT)
		stamp_driver(machine, devices_port_write(&machine->devices, port, data, len_bytes));
	else if (stage > 0 && stage < TRACE_GUEST_STAGES)
		stamp_past(machine, stage, (uint64_t)(value >> NACELLE_TRACE_AGO_SHIFT) * 1000);
}

static void bus_port_read(void *context, uint16_t port, void *data, unsigned len_bytes)
{
	struct machine *machine = context;

	devices_port_read(&machine->devices, port, data, len_bytes);
}

static void send_interrupt(void *context, uint32_t address, uint32_t data)
{
	struct machine *machine = context;

	kvm_vm_signal_msi(&machine->vm, address, data);
}

static void bus_interrupted(void *context, struct vcpu *vcpu)
{
	struct machine *machine = context;

	if (pause_wait(&machine->pause, vcpu))
		devices_catch_up(&machine->devices);
}

static void *vcpu_main(void *argument)
{
	struct vcpu_thread *thread = argument;
	struct machine *machine = thread->machine;
	const struct vcpu_bus bus = {
		.mmio_read = bus_read,
		.mmio_write = bus_write,
		.port_read = bus_port_read,
		.port_write = bus_port_write,
		.interrupted = bus_interrupted,
		.context = machine,
	};
	struct machine_record record = { .type = MACHINE_RECORD_GUEST_END };

	sem_post(&machine->arrived);
	pthread_mutex_lock(&machine->gate);
	pthread_mutex_unlock(&machine->gate);
	record.end.reason = vcpu_run(thread->vcpu, &bus, &record.end.detail);
	end_with(machine, &record);
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

static int build_memory(struct machine *machine, const void *archive, size_t archive_bytes,
			uint64_t *entry, struct error *err)
{
	const struct device_tree_request tree = {
		.cpus = machine->plan->cpus,
		.slots = devices_count(machine->plan),
	};
	struct boot_request boot = { .command_line = machine->plan->command_line };
	uint8_t buffer[DEVICE_TREE_BYTES_MAX];
	struct kernel_image kernel;

	if (ram_create(&machine->memory, machine->plan->memory_bytes, err) < 0 ||
	    kernel_image_load(&kernel, machine->plan->kernel_fd, &machine->memory, err) < 0)
		return -1;
	stamp(machine, MACHINE_STAGE_KERNEL);
	if (load_initramfs(machine, &kernel, archive, archive_bytes, &boot, err) < 0 ||
	    device_tree_build(&tree, buffer, &boot.device_tree_bytes, err) < 0)
		return -1;
	boot.device_tree = buffer;
	*entry = kernel.entry;
	return boot_write(&machine->memory, &boot, err);
}

static int build_vm(struct machine *machine, uint64_t entry, struct error *err)
{
	const struct plan *plan = machine->plan;

	if (kvm_vm_create(&machine->vm, plan->kvm_fd, &machine->memory, devices_count(plan) + 1,
			  err) < 0)
		return -1;
	stamp(machine, MACHINE_STAGE_VM);
	for (unsigned i = 0; i < plan->cpus; i++)
		if (vcpu_create(&machine->vcpus[i], &machine->vm, i, plan->cpus, entry, err) < 0)
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
	added_init(&machine->added, &machine->control, machine->streams, send_event, machine);
	return 0;
}

static int build_devices(struct machine *machine, uint32_t app_count, struct error *err)
{
	if (loop_init(&machine->loop, err) < 0 ||
	    loop_event_add(&machine->loop, &machine->ended, on_ended, err) < 0 ||
	    loop_fd_add(&machine->loop, &machine->supervisor, machine->plan->supervisor_socket,
			EPOLLIN, on_supervisor, err) < 0 ||
	    devices_init(&machine->devices, machine->plan, &machine->memory, &machine->loop,
			 on_accept, machine, send_interrupt, machine, err) < 0)
		return -1;
	control_init(&machine->control, machine->devices.vsock, app_count, on_control_event,
		     machine);
	if (machine->plan->vsock_listener >= 0 &&
	    vsock_bridge_init(&machine->bridge, machine->plan->vsock_listener,
			      machine->devices.vsock, &machine->loop, on_dial, machine, err) < 0)
		return -1;
	return build_streams(machine, err);
}

static int start_threads(struct machine *machine, struct error *err)
{
	static struct vcpu_thread threads[PLAN_CPUS_MAX];
	pthread_attr_t attributes;

	pause_init(&machine->pause, machine->vcpus, machine->plan->cpus, on_paused, machine);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, VCPU_STACK_BYTES);
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
	for (unsigned i = 0; i < machine->plan->cpus; i++)
		while (sem_wait(&machine->arrived) < 0 && errno == EINTR)
			;
	return 0;
}

static int build(struct machine *machine, uint32_t app_count, const void *archive,
		 size_t archive_bytes, struct error *err)
{
	const struct plan *plan = machine->plan;
	const struct lockdown_ids ids = { .change = plan->change_ids };
	bool namespaces;
	uint64_t entry;

	if (plan_fds_close_others(plan, err) < 0 || lockdown_namespaces(&namespaces, err) < 0)
		return -1;
	if (lockdown_ids(&ids, err) < 0)
		return -1;
	stamp(machine, MACHINE_STAGE_ALONE);
	if (build_memory(machine, archive, archive_bytes, &entry, err) < 0)
		return -1;
	stamp(machine, MACHINE_STAGE_MEMORY);
	if (build_vm(machine, entry, err) < 0)
		return -1;
	stamp(machine, MACHINE_STAGE_VCPUS);
	if (build_devices(machine, app_count, err) < 0)
		return -1;
	plan_fds_close_built(plan);
	stamp(machine, MACHINE_STAGE_KVM);
	if (start_threads(machine, err) < 0)
		return -1;
	stamp(machine, MACHINE_STAGE_THREADS);
	return machine_rules_apply(err);
}

/* All output first, then the news: who waits for the pod may then rely on both. */
static void finish(struct machine *machine)
{
	struct error err = ERROR_NONE;

	machine->draining = true;
	(void)streams_drain(machine->streams, ADDED_DRAIN_MS, &err);
	added_flush(&machine->added);
	stamp(machine, MACHINE_STAGE_DRAINED);
	send_record(machine, &machine->end);
}

void machine_run(const struct plan *plan, uint32_t app_count, const void *archive,
		 size_t archive_bytes)
{
	static struct machine machine; /* vCPU threads use it until the process ends */
	struct error err = ERROR_NONE;

	machine.plan = plan;
	sem_init(&machine.arrived, 0, 0);
	pthread_mutex_init(&machine.gate, NULL);
	pthread_mutex_init(&machine.end_lock, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	stamp(&machine, MACHINE_STAGE_ENTERED);
	pthread_mutex_lock(&machine.gate);
	if (build(&machine, app_count, archive, archive_bytes, &err) < 0) {
		struct machine_record record = { .type = MACHINE_RECORD_FAILED };

		(void)snprintf(record.text, sizeof(record.text), "%.*s",
			       (int)sizeof(record.text) - 1, err.text);
		send_record(&machine, &record);
		_exit(1);
	}
	stamp(&machine, MACHINE_STAGE_LOCKED);
	pthread_mutex_unlock(&machine.gate);
	if (loop_run(&machine.loop, &err) == 0 && machine.has_ended)
		finish(&machine);
	_exit(0);
}
