/*
 * The supervisor. One thread, one loop: the machine's records (machine_records.c), signals, the
 * time limit of the boot.
 *
 * Every way in which the pod can end leads to supervisor_end(); the first one counts. Then the loop
 * stops, what is left of the pod is killed, and the terminal is as it was.
 */
#include "vmm/pod/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest-init/protocol.h"
#include "vmm/base/bytes.h"
#include "vmm/pod/host_view.h"
#include "vmm/pod/life.h"
#include "vmm/pod/machine_records.h"
#include "vmm/pod/members.h"
#include "vmm/pod/passt.h"
#include "vmm/pod/pod_pause.h"
#include "vmm/pod/proc_view.h"
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

void supervisor_fail_unseen(struct supervisor *supervisor, const char *what)
{
	supervisor_fail(supervisor, "%s%s", what,
			supervisor->options->console ? ""
						     : "; run with --console to see its messages");
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

static void on_passt_end(struct supervisor *supervisor)
{
	char words[PASST_WORDS_MAX];

	passt_last_words(supervisor->roles.passt_words, words);
	supervisor_fail(supervisor, "passt, the pod's network, ended before the pod%s%s",
			words[0] ? ": " : "", words);
}

static void on_view(struct loop_fd *member, uint32_t events);

/* It is another descriptor after each step, or none for a while. */
static void watch_view(struct supervisor *supervisor)
{
	int fd = proc_view_fd(supervisor->options->proc_view);
	struct error err = ERROR_NONE;

	loop_fd_remove(&supervisor->view);
	if (fd >= 0 &&
	    loop_fd_add(&supervisor->loop, &supervisor->view, fd, EPOLLIN, on_view, &err) < 0)
		report(REPORT_WARNING, "%s", err.text);
}

static void on_view(struct loop_fd *member, uint32_t events)
{
	struct supervisor *supervisor = container_of(member, struct supervisor, view);

	(void)events;
	loop_fd_remove(&supervisor->view);
	proc_view_step(supervisor->options->proc_view, supervisor->directory->fd);
	watch_view(supervisor);
}

void supervisor_show_processes(struct supervisor *supervisor)
{
	proc_view_begin(supervisor->options->proc_view);
	watch_view(supervisor);
}

static void on_child(struct supervisor *supervisor)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == supervisor->roles.machine_pid) {
			supervisor->roles.machine_pid = 0;
			machine_records_read_last(supervisor);
			on_role_end(supervisor, "machine", status);
		} else if (pid == supervisor->roles.files_pid) {
			supervisor->roles.files_pid = 0;
			/* With 0 it ends because the machine has gone, which will be seen next. */
			if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
				on_role_end(supervisor, "files", status);
		} else if (pid == supervisor->roles.logger_pid) {
			supervisor->roles.logger_pid = 0;
			on_role_end(supervisor, "logger", status);
		} else if (proc_view_reap(supervisor->options->proc_view, pid, status)) {
			watch_view(supervisor);
		} else if (pid == supervisor->roles.passt_pid) {
			supervisor->roles.passt_pid = 0;
			/* With 0 it ends because the machine has gone, or because of a SIGTERM. */
			if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 ||
			    machine_records_read(supervisor))
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
	supervisor_fail_unseen(supervisor, text);
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
			machine_records_on_socket, err) < 0 ||
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
	    life_write_pid(supervisor->directory, launch->detach->pid, err) < 0 ||
	    manifest_json_write(launch->described, supervisor->directory->fd, err) < 0 ||
	    control_socket_open(&supervisor->control, supervisor, &supervisor->loop,
				launch->control_fd, err) < 0)
		return -1;
	if (options->engine_directory)
		supervisor->engine_fd =
		    open(options->engine_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (options->host_cgroup)
		supervisor->cgroup_fd = host_cgroup_open(options->host_cgroup);
	if (options->host_cgroup && run_app_options(options, 0)->memory_bytes &&
	    host_cgroup_limit(options->host_cgroup, launch->plan.memory_bytes, err) < 0)
		return -1;
	if (options->unfinished &&
	    directory_write(supervisor->directory->fd, POD_CREATING_NAME, "", 0, false, err) < 0)
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
					 .engine_fd = -1,
					 .cgroup_fd = -1,
					 .status = RUN_STATUS_FAILURE };
	struct error err = ERROR_NONE;

	app_states_begin(&supervisor.apps, &assembly->pod);
	supervisor.apps.listener = options->listener;
	supervisor.network.namespace.taps = options->netns ? launch->plan.net_count : 0;
	supervisor.network.namespace.has_near = launch->detach->pid != 0;
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
	roles_end(&supervisor.roles, launch,
		  supervisor.was_out_of_memory && supervisor.cgroup_fd >= 0);
	proc_view_end(options->proc_view);
	members_end(&supervisor);
	net_start_end(&supervisor);
	vsock_path_remove(&launch->vsock);
	control_socket_close(&supervisor.control);
	if (supervisor.was_out_of_memory)
		host_cgroup_note_oom(supervisor.cgroup_fd);
	timeline_stamp(timeline, TIMELINE_EXITED);
	return supervisor.status;
}
