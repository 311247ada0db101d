/*
 * The supervisor. One thread, one loop: the machine's records, signals, the time limit of the boot.
 *
 * Every way in which the pod can end leads to supervisor_end(); the first one counts. Then the loop
 * stops, what is left of the pod is killed, and the terminal is as it was.
 */
#include "vmm/pod/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest-init/protocol.h"
#include "vmm/base/bytes.h"
#include "vmm/machine/vcpu.h"
#include "vmm/pod/hold.h"
#include "vmm/pod/life.h"
#include "vmm/pod/passt.h"
#include "vmm/pod/pod_pause.h"
#include "vmm/pod/report.h"
#include "vmm/pod/signals.h"
#include "vmm/pod/terminal.h"

/* How long the guest may take to end once it has killed the apps. */
enum { STOP_MARGIN_MS = 5000 };

void supervisor_end(struct supervisor *supervisor, int status)
{
	if (supervisor->has_ended)
		return;
	supervisor->has_ended = true;
	supervisor->status = status;
	loop_stop(&supervisor->loop);
}

void supervisor_fail(struct supervisor *supervisor, const char *format, ...)
{
	char text[ERROR_TEXT_MAX];
	va_list args;

	if (supervisor->has_ended)
		return;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	terminal_restore();
	report(REPORT_ERROR, "%s", text);
	supervisor_end(supervisor, RUN_STATUS_FAILURE);
}

static void fail_without_report(struct supervisor *supervisor, const char *what)
{
	supervisor_fail(supervisor, "%s%s", what,
			supervisor->options->console ? ""
						     : "; run with --console to see its messages");
}

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
	if (event->flags & EXIT_FLAG_OOM)
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
	if (app_states_on_exit(&supervisor->apps, event, supervisor->directory, &err) < 0)
		report(REPORT_WARNING, "%s", err.text);
}

/* The guest looks at the host's clock once in a while; now it should do so at once. */
static void on_clock(struct loop_timer *timer)
{
	struct supervisor *supervisor = container_of(timer, struct supervisor, boot_limit);
	const struct machine_command command = { .type = MACHINE_COMMAND_CLOCK };

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
		loop_timer_set_on_clock(&supervisor->boot_limit, on_clock);
		return;
	case MACHINE_EVENT_APP_START:
		on_first_start(supervisor);
		timeline_stamp(supervisor->timeline, TIMELINE_APP_STARTED);
		app_states_on_start(&supervisor->apps, event->app);
		hold_on_start(supervisor, event->app);
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
		fail_without_report(supervisor, fault_text(event->code));
		return;
	}
	supervisor_fail(supervisor, "the machine sent an event of type %u, which does not exist",
			event->type);
}

static void on_guest_end(struct supervisor *supervisor, uint32_t reason, uint32_t detail)
{
	switch ((enum vcpu_end)reason) {
	case VCPU_SHUTDOWN:
		fail_without_report(supervisor, "the guest kernel stopped before the pod ended "
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

static void on_machine(struct loop_fd *member, uint32_t events)
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
		return;
	case MACHINE_RECORD_FAILED:
		record.text[sizeof(record.text) - 1] = '\0';
		supervisor_fail(supervisor, "%s", record.text);
		return;
	}
	supervisor_fail(supervisor, "the machine sent a record of type %u, which does not exist",
			record.type);
}

bool supervisor_command_with_fds(struct supervisor *supervisor,
				 const struct machine_command *command, int *fds, unsigned fd_count)
{
	bool kept = machine_queue_send(&supervisor->commands, supervisor->machine.fd, command, fds,
				       fd_count);

	if (supervisor->commands.count && supervisor->machine.events)
		loop_fd_modify(&supervisor->machine, EPOLLIN | EPOLLOUT);
	return kept;
}

void supervisor_command(struct supervisor *supervisor, const struct machine_command *command)
{
	(void)supervisor_command_with_fds(supervisor, command, NULL, 0);
}

static void send_winsize(struct supervisor *supervisor)
{
	struct machine_command command = { .type = MACHINE_COMMAND_WINSIZE };

	if (terminal_size(STDIN_FILENO, &command.rows, &command.columns))
		supervisor_command(supervisor, &command);
}

static void on_forwarded_signal(struct supervisor *supervisor, uint32_t number)
{
	const struct machine_command command = { .type = MACHINE_COMMAND_SIGNAL,
						 .app = FRAME_ALL_APPS,
						 .signal = number };

	if (number == SIGWINCH && run_app_options(supervisor->options, 0)->tty) {
		send_winsize(supervisor);
		return;
	}
	/* Before there is an app, the signal means the start itself. */
	if (!supervisor->has_started && signals_is_end((int)number)) {
		supervisor_end(supervisor, 128 + (int)number);
		return;
	}
	if (supervisor->options->stop_timeout_ms && signals_is_end((int)number)) {
		supervisor_stop(supervisor, supervisor->options->stop_timeout_ms);
		return;
	}
	pod_pause_on_signal(supervisor, number);
	supervisor_command(supervisor, &command);
}

static void on_role_end(struct supervisor *supervisor, const char *role, int status)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		supervisor_fail(supervisor,
				"the %s process made a system call that it may not make", role);
	else if (WIFSIGNALED(status))
		supervisor_fail(supervisor, "the %s process was killed by signal %d", role,
				WTERMSIG(status));
	else
		supervisor_fail(supervisor,
				"the %s process ended with status %d before the pod did", role,
				WEXITSTATUS(status));
}

/* What the machine said before it, or the files role with it, ended comes first. */
static void read_last_records(struct supervisor *supervisor)
{
	while (!supervisor->has_ended && supervisor->machine.events)
		on_machine(&supervisor->machine, EPOLLIN);
}

static void on_passt_end(struct supervisor *supervisor)
{
	char words[PASST_WORDS_MAX];

	passt_last_words(supervisor->roles.passt_words, words);
	supervisor_fail(supervisor, "passt, the pod's network, ended before the pod%s%s",
			words[0] ? ": " : "", words);
}

/* Reads what the machine has said so far. Returns whether it can say more. */
static bool read_records(struct supervisor *supervisor)
{
	char byte;
	ssize_t n;

	do {
		n = recv(supervisor->machine.fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT);
		if (n > 0)
			on_machine(&supervisor->machine, EPOLLIN);
	} while (!supervisor->has_ended && (n > 0 || (n < 0 && errno == ECONNRESET)));
	return n < 0;
}

static void on_child(struct supervisor *supervisor)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == supervisor->roles.machine_pid) {
			supervisor->roles.machine_pid = 0;
			read_last_records(supervisor);
			on_role_end(supervisor, "machine", status);
		} else if (pid == supervisor->roles.files_pid) {
			supervisor->roles.files_pid = 0;
			/* With 0 it ends because the machine has gone, which will be seen next. */
			if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
				on_role_end(supervisor, "files", status);
		} else if (pid == supervisor->roles.logger_pid) {
			supervisor->roles.logger_pid = 0;
			on_role_end(supervisor, "logger", status);
		} else if (pid == supervisor->roles.passt_pid) {
			supervisor->roles.passt_pid = 0;
			/* With 0 it ends because the machine has gone, or because of a SIGTERM. */
			if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 ||
			    read_records(supervisor))
				on_passt_end(supervisor);
		}
	}
}

static void on_signal(struct loop_fd *member, uint32_t events)
{
	struct supervisor *supervisor = container_of(member, struct supervisor, signals);
	struct signalfd_siginfo info;

	(void)events;
	if (read(member->fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGCHLD)
		on_child(supervisor);
	else if (info.ssi_signo == SIGCONT)
		terminal_resume();
	else
		on_forwarded_signal(supervisor, info.ssi_signo);
}

static void on_boot_limit(struct loop_timer *timer)
{
	struct supervisor *supervisor = container_of(timer, struct supervisor, boot_limit);
	char text[128];

	(void)snprintf(text, sizeof(text), "the guest did not report within %ju seconds",
		       (uintmax_t)supervisor->options->boot_timeout_s);
	fail_without_report(supervisor, text);
}

/* The guest should have killed its apps by now, and ended. */
static void on_stop_limit(struct loop_timer *timer)
{
	struct supervisor *supervisor = container_of(timer, struct supervisor, stop_limit);
	struct error err = ERROR_NONE;

	if (app_states_kill(&supervisor->apps, supervisor->directory, &err) < 0)
		report(REPORT_WARNING, "%s", err.text);
	supervisor_end(supervisor, 128 + SIGKILL);
}

void supervisor_stop(struct supervisor *supervisor, uint32_t timeout_ms)
{
	const struct machine_command command = { .type = MACHINE_COMMAND_STOP,
						 .timeout_ms = timeout_ms };
	struct error err = ERROR_NONE;

	pod_pause_on_signal(supervisor, SIGTERM);
	supervisor->reply_flags |= POD_REPLY_STOPPING;
	if (!supervisor->has_started) {
		supervisor_end(supervisor, 128 + SIGTERM);
		return;
	}
	supervisor_command(supervisor, &command);
	if (timeout_ms == POD_PATIENT)
		return;
	if (!supervisor->stop_limit.member.loop &&
	    loop_timer_add(&supervisor->loop, &supervisor->stop_limit, on_stop_limit, &err) < 0)
		report(REPORT_WARNING, "%s", err.text);
	else
		loop_timer_set_earlier(&supervisor->stop_limit,
				       (uint64_t)timeout_ms + STOP_MARGIN_MS);
}

static int watch(struct supervisor *supervisor, const struct launch *launch, struct error *err)
{
	uint64_t limit_s = supervisor->options->boot_timeout_s;
	sigset_t set;
	int fd;

	signals_fill(&set);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return error_set(err, errno, "cannot watch signals");
	if (loop_fd_add(&supervisor->loop, &supervisor->signals, fd, EPOLLIN, on_signal, err) < 0 ||
	    loop_fd_add(&supervisor->loop, &supervisor->machine, launch->supervisor_socket, EPOLLIN,
			on_machine, err) < 0 ||
	    loop_timer_add(&supervisor->loop, &supervisor->boot_limit, on_boot_limit, err) < 0)
		return -1;
	loop_timer_set(&supervisor->boot_limit, limit_s * 1000);
	return 0;
}

static int start(struct supervisor *supervisor, struct launch *launch, struct assembly *assembly,
		 struct error *err)
{
	if (roles_start(&supervisor->roles, launch, assembly, supervisor->options, err) < 0)
		return -1;
	timeline_stamp(supervisor->timeline, TIMELINE_FORKED);
	return 0;
}

/* Beside the boot of the guest: what others need to find the pod and to speak to it. */
static int appear(struct supervisor *supervisor, const struct launch *launch, struct error *err)
{
	const struct run_options *options = supervisor->options;
	const struct run_listener *listener = options->listener;

	if (listener && listener->on_networks(listener->context,
					      &launch->described->assembly->networks, err) < 0)
		return -1;
	if (life_make_statuses(supervisor->directory, err) < 0 ||
	    life_write_launch(supervisor->directory, options, &supervisor->apps,
			      launch->described->images, err) < 0 ||
	    life_write_networks(supervisor->directory, &launch->described->assembly->networks,
				err) < 0 ||
	    life_write_pid(supervisor->directory, err) < 0 ||
	    manifest_json_write(launch->described, supervisor->directory->fd, err) < 0 ||
	    control_socket_open(&supervisor->control, supervisor, &supervisor->loop,
				launch->control_fd, err) < 0)
		return -1;
	if (options->bundle &&
	    directory_write(supervisor->directory->fd, POD_BUNDLE_NAME, options->bundle,
			    options->bundle_bytes, false, err) < 0)
		return -1;
	return options->uuid_file
		   ? life_write_uuid_file(options->uuid_file, supervisor->directory->uuid, err)
		   : 0;
}

int supervisor_run(struct launch *launch, struct assembly *assembly,
		   const struct run_options *options, struct timeline *timeline)
{
	struct supervisor supervisor = { .options = options,
					 .timeline = timeline,
					 .directory = launch->directory,
					 .detach = launch->detach,
					 .logs = &launch->logs,
					 .vsock = &launch->vsock,
					 .roles = ROLES_NONE,
					 .status = RUN_STATUS_FAILURE };
	struct error err = ERROR_NONE;

	app_states_begin(&supervisor.apps, &assembly->pod);
	supervisor.apps.listener = options->listener;
	if (start(&supervisor, launch, assembly, &err) < 0 ||
	    loop_init(&supervisor.loop, &err) < 0 || watch(&supervisor, launch, &err) < 0 ||
	    appear(&supervisor, launch, &err) < 0 ||
	    (run_app_options(options, 0)->tty && run_app_options(options, 0)->interactive &&
	     isatty(STDIN_FILENO) && terminal_make_raw(STDIN_FILENO, &err) < 0) ||
	    loop_run(&supervisor.loop, &err) < 0)
		report(REPORT_ERROR, "%s", err.text);
	else if (app_states_finish(&supervisor.apps, supervisor.directory, &err) < 0)
		report(REPORT_WARNING, "%s", err.text);
	terminal_restore();
	roles_end(&supervisor.roles, launch);
	vsock_path_remove(&launch->vsock);
	control_socket_close(&supervisor.control);
	timeline_stamp(timeline, TIMELINE_EXITED);
	return supervisor.status;
}
