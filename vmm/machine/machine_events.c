/*
 * What happens while the machine runs: records to the supervisor and commands of its, what the
 * guest says on the control connection, vsock connections, and the guest's accesses on their way to
 * the devices. Commands come from the supervisor, which is trusted; all else comes from the guest.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/base/descriptors.h"
#include "vmm/machine/machine_state.h"

void machine_send_record(const struct machine *machine, const struct machine_record *record)
{
	/* Without a supervisor there is nobody to tell; its end of the socket says so to the loop.
	 */
	(void)send(machine->plan->supervisor_socket, record, sizeof(*record), MSG_NOSIGNAL);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void stamp_at(const struct machine *machine, uint32_t stage, uint64_t time_ns)
{
	struct machine_record record = { .type = MACHINE_RECORD_STAGE };

	record.stage.stage = stage;
	record.stage.time_ns = time_ns;
	machine_send_record(machine, &record);
}

void machine_stamp(const struct machine *machine, uint32_t stage)
{
	if (machine->plan->trace)
		stamp_at(machine, stage, now_ns());
}

/* One of the guest's; before_us is 0, or how long before its init began. */
static void stamp_guest(struct machine *machine, uint32_t stage, uint64_t before_us)
{
	const uint64_t init_ns = machine->guest_init_ns;

	if (before_us == 0) {
		const uint64_t time_ns = now_ns();

		if (stage == TRACE_GUEST_INIT)
			machine->guest_init_ns = time_ns;
		stamp_at(machine, stage, time_ns);
	} else if (init_ns > before_us * 1000) {
		stamp_at(machine, stage, init_ns - before_us * 1000);
	}
}

/* The first reason to end counts; the loop's thread acts on it. */
void machine_end(struct machine *machine, const struct machine_record *record)
{
	pthread_mutex_lock(&machine->end_lock);
	if (!machine->has_ended) {
		machine->has_ended = true;
		machine->end = *record;
		loop_event_raise(&machine->ended);
	}
	pthread_mutex_unlock(&machine->end_lock);
}

void machine_on_control_event(void *context, const struct machine_event *event)
{
	struct machine *machine = context;
	struct machine_record record = { .type = MACHINE_RECORD_EVENT, .event = *event };

	if (event->type == MACHINE_EVENT_POD_EXIT || event->type == MACHINE_EVENT_PROTOCOL_ERROR)
		machine_end(machine, &record);
	else if (!added_hold(&machine->added, event))
		machine_send_record(machine, &record);
}

void machine_send_event(void *context, const struct machine_event *event)
{
	struct machine_record record = { .type = MACHINE_RECORD_EVENT, .event = *event };

	machine_send_record(context, &record);
}

void machine_on_paused(void *context)
{
	const struct machine_record record = { .type = MACHINE_RECORD_PAUSED };

	machine_send_record(context, &record);
}

bool machine_on_accept(void *context, uint32_t port, struct vsock_conn *conn,
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

void machine_on_dial(void *context, uint32_t port, uint32_t ticket)
{
	const struct machine_record record = { .type = MACHINE_RECORD_DIAL,
					       .dial = { port, ticket } };

	machine_send_record(context, &record);
}

/* The supervisor's answer to machine_on_dial(). */
static void on_dialed(struct machine *machine, uint32_t ticket, const int *fds, unsigned fd_count)
{
	for (unsigned i = machine->bridge ? 1 : 0; i < fd_count; i++)
		close(fds[i]);
	if (machine->bridge)
		vsock_bridge_answer(machine->bridge, ticket, fd_count ? fds[0] : -1);
}

void machine_on_ended(struct loop_event *event)
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
	case MACHINE_COMMAND_LINK:
		devices_set_link(&machine->devices, command->app, command->mac, command->mtu);
		break;
	case MACHINE_COMMAND_DIALED:
		on_dialed(machine, command->id, fds, fd_count);
		break;
	}
}

void machine_on_supervisor(struct loop_fd *member, uint32_t events)
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
		machine_stamp(machine, MACHINE_STAGE_DRIVERS + device_id);
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
	else if (machine->plan->trace && stage > 0 && stage < TRACE_GUEST_STAGES)
		stamp_guest(machine, stage, value >> NACELLE_TRACE_BEFORE_SHIFT);
}

static void bus_port_read(void *context, uint16_t port, void *data, unsigned len_bytes)
{
	struct machine *machine = context;

	devices_port_read(&machine->devices, port, data, len_bytes);
}

void machine_send_interrupt(void *context, uint32_t address, uint32_t data)
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

struct vcpu_bus machine_bus(struct machine *machine)
{
	return (struct vcpu_bus){
		.mmio_read = bus_read,
		.mmio_write = bus_write,
		.port_read = bus_port_read,
		.port_write = bus_port_write,
		.interrupted = bus_interrupted,
		.context = machine,
	};
}
