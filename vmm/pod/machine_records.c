/*
 * What the machine says, and what follows from it. Records are of one fixed size; whatever the
 * guest had a part in is a number here, and checked.
 */
#include "vmm/pod/machine_records.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "guest-init/protocol.h"
#include "vmm/base/bytes.h"
#include "vmm/machine/vcpu.h"
#include "vmm/pod/hold.h"
#include "vmm/pod/host_view.h"
#include "vmm/pod/member_pause.h"
#include "vmm/pod/pod_pause.h"
#include "vmm/pod/report.h"
#include "vmm/pod/supervisor.h"

static void on_pod_exit(struct supervisor *supervisor, const struct machine_event *event)
{
	switch ((enum exit_kind)event->kind) {
	case EXIT_KIND_CODE:
	case EXIT_KIND_NOT_STARTED:
		supervisor_end(supervisor, (int)(event->code & 0xff));
		return;
	case EXIT_KIND_SIGNAL:
		supervisor_end(supervisor, (int)(128 + (event->code & 0x7f)));
		return;
	case EXIT_KIND_INIT_FAILURE:
		errno = (int)event->code;
		supervisor_fail(
		    supervisor, "the guest could not be set up: %s%s", strerror(errno),
		    supervisor->options->console ? "" : "; run with --console to see its messages");
		return;
	}
	supervisor_fail(supervisor,
			"the guest ended with a status of kind %u, which does not exist",
			event->kind);
}

static const char *fault_text(uint32_t fault)
{
	switch ((enum control_fault)fault) {
	case CONTROL_FAULT_CLOSED:
		return "the guest closed the control connection before the pod ended";
	case CONTROL_FAULT_VERSION:
		return "guest-init speaks another version of the protocol; nacelle and its "
		       "initramfs are not from one build";
	case CONTROL_FAULT_NO_HELLO:
	case CONTROL_FAULT_FRAME:
	case CONTROL_FAULT_CONTENT:
	case CONTROL_FAULT_ORDER:
		return "the guest broke the rules of the control connection";
	}
	return "the control connection failed";
}

/* Nobody could tell from status 137 alone. */
static void warn_of_oom(struct supervisor *supervisor, const struct machine_event *event)
{
	if (!(event->flags & EXIT_FLAG_OOM))
		return;
	host_view_note_oom(supervisor->engine_fd);
	report(REPORT_WARNING, "%sapp %s was out of memory and has been killed",
	       event->kind == EXIT_KIND_SIGNAL ? "" : "a process of ",
	       app_states_name(&supervisor->apps, event->app));
}

static void on_app_restart(struct supervisor *supervisor, const struct machine_event *event)
{
	warn_of_oom(supervisor, event);
	report(REPORT_INFO, "app %u ended: %s %u; it starts again (%u)", event->app,
	       event->kind == EXIT_KIND_SIGNAL ? "signal" : "status", event->code, event->count);
	app_states_on_restart(&supervisor->apps, event);
}

/* The disk may be full: the pod goes on, and its own exit status stays right. */
static void on_app_exit(struct supervisor *supervisor, const struct machine_event *event)
{
	struct error err = ERROR_NONE;

	hold_on_exit(supervisor, event);

	report(REPORT_INFO, "app %u ended: %s %u%s%s", event->app,
	       event->kind == EXIT_KIND_SIGNAL ? "signal" : "status", event->code,
	       event->flags & EXIT_FLAG_CORE ? ", core dumped" : "",
	       event->flags & EXIT_FLAG_OOM ? ", out of memory" : "");
	warn_of_oom(supervisor, event);
	supervisor->was_out_of_memory |= event->flags & EXIT_FLAG_OOM;
	if (app_states_on_exit(&supervisor->apps, event, supervisor->directory, &err) < 0)
		report(REPORT_WARNING, "%s", err.text);
}

static int64_t clock_ns(clockid_t id)
{
	struct timespec now = { 0 };

	(void)clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void on_clock(struct loop_timer *timer);

static bool watch_clock(struct supervisor *supervisor)
{
	loop_timer_set_on_clock(&supervisor->boot_limit, CLOCK_WATCH_PERIOD_MS, on_clock);
	return clock_watch_look(&supervisor->clock, clock_ns(CLOCK_REALTIME),
				clock_ns(CLOCK_MONOTONIC_RAW));
}

/* The guest looks at the host's clock once in a while; now it should do so at once. */
static void on_clock(struct loop_timer *timer)
{
	struct supervisor *supervisor = container_of(timer, struct supervisor, boot_limit);
	const struct machine_command command = { .type = MACHINE_COMMAND_CLOCK };

	if (watch_clock(supervisor))
		supervisor_command(supervisor, &command);
}

static void on_first_start(struct supervisor *supervisor)
{
	const struct run_listener *listener = supervisor->options->listener;
	struct error err = ERROR_NONE;

	if (!supervisor->has_started && listener && listener->on_start(listener->context, &err) < 0)
		supervisor_fail(supervisor, "%s", err.text);
	supervisor->has_started = true;
}

static void on_event(struct supervisor *supervisor, const struct machine_event *event)
{
	if (event->app >= FRAME_ID_ADDED_FIRST) {
		exec_server_on_event(supervisor, event);
		return;
	}
	switch ((enum machine_event_type)event->type) {
	case MACHINE_EVENT_HELLO:
		(void)watch_clock(supervisor);
		return;
	case MACHINE_EVENT_APP_START:
		on_first_start(supervisor);
		timeline_stamp(supervisor->timeline, TIMELINE_APP_STARTED);
		app_states_on_start(&supervisor->apps, event->app);
		hold_on_start(supervisor, event->app);
		if (supervisor->has_ended)
			return;
		if (app_states_all_started(&supervisor->apps))
			detach_started(supervisor->detach, supervisor->directory->uuid);
		report(REPORT_INFO, "app %u started", event->app);
		return;
	case MACHINE_EVENT_APP_HELD:
		hold_on_held(supervisor, event->app);
		return;
	case MACHINE_EVENT_APP_EXIT:
		on_app_exit(supervisor, event);
		return;
	case MACHINE_EVENT_APP_RESTART:
		on_app_restart(supervisor, event);
		return;
	case MACHINE_EVENT_POD_EXIT:
		on_pod_exit(supervisor, event);
		return;
	case MACHINE_EVENT_PROTOCOL_ERROR:
		supervisor_fail_unseen(supervisor, fault_text(event->code));
		return;
	}
	supervisor_fail(supervisor, "the machine sent an event of type %u, which does not exist",
			event->type);
}

static void on_guest_end(struct supervisor *supervisor, uint32_t reason, uint32_t detail)
{
	switch ((enum vcpu_end)reason) {
	case VCPU_SHUTDOWN:
		supervisor_fail_unseen(supervisor, "the guest kernel stopped before the pod ended "
						   "(a panic, or a reboot from inside)");
		return;
	case VCPU_INTERNAL_ERROR:
		supervisor_fail(supervisor, "KVM could not go on running the guest (error %u)",
				detail);
		return;
	case VCPU_UNKNOWN_EXIT:
		break;
	}
	supervisor_fail(supervisor, "the guest left KVM for a reason that is not expected (%u)",
			detail);
}

/* The guest connects to a program of the user's. */
static void on_dial(struct supervisor *supervisor, uint32_t port, uint32_t ticket)
{
	const struct machine_command command = { .type = MACHINE_COMMAND_DIALED, .id = ticket };
	int fd = vsock_path_dial(supervisor->vsock, port);

	(void)supervisor_command_with_fds(supervisor, &command, &fd, fd >= 0);
}

void machine_records_on_socket(struct loop_fd *member, uint32_t events)
{
	struct supervisor *supervisor = container_of(member, struct supervisor, machine);
	struct machine_record record;
	ssize_t n;

	if (events & EPOLLOUT && !machine_queue_flush(&supervisor->commands, member->fd))
		loop_fd_modify(member, EPOLLIN);
	n = recv(member->fd, &record, sizeof(record), MSG_DONTWAIT);
	/* ECONNRESET says that it ended without reading a command; its last words are behind that.
	 */
	if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNRESET))
		return;
	if (n != (ssize_t)sizeof(record)) {
		/* Its last words have been read; how it died is known when it has been reaped. */
		loop_fd_modify(member, 0);
		return;
	}
	switch ((enum machine_record_type)record.type) {
	case MACHINE_RECORD_EVENT:
		on_event(supervisor, &record.event);
		return;
	case MACHINE_RECORD_STAGE:
		timeline_add(supervisor->timeline, record.stage.stage, record.stage.time_ns);
		return;
	case MACHINE_RECORD_GUEST_END:
		on_guest_end(supervisor, record.end.reason, record.end.detail);
		return;
	case MACHINE_RECORD_DIAL:
		on_dial(supervisor, record.dial.port, record.dial.ticket);
		return;
	case MACHINE_RECORD_PAUSED:
		pod_pause_done(supervisor);
		member_pause_on_pod_paused(supervisor);
		return;
	case MACHINE_RECORD_FAILED:
		record.text[sizeof(record.text) - 1] = '\0';
		supervisor_fail(supervisor, "%s", record.text);
		return;
	}
	supervisor_fail(supervisor, "the machine sent a record of type %u, which does not exist",
			record.type);
}

void machine_records_read_last(struct supervisor *supervisor)
{
	while (!supervisor->has_ended && supervisor->machine.events)
		machine_records_on_socket(&supervisor->machine, EPOLLIN);
}

bool machine_records_read(struct supervisor *supervisor)
{
	char byte;
	ssize_t n;

	do {
		n = recv(supervisor->machine.fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT);
		if (n > 0)
			machine_records_on_socket(&supervisor->machine, EPOLLIN);
	} while (!supervisor->has_ended && (n > 0 || (n < 0 && errno == ECONNRESET)));
	return n < 0;
}
