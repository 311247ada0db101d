/*
 * nacelle exec. The bytes of the command go between the caller's descriptors and the machine, which
 * gets these descriptors; this process has the terminal, the signals, and the exit status.
 *
 * One stream goes through this process: a terminal's input. Whoever reads a terminal is subject to
 * its job control, and the machine belongs to no job of this one.
 */
#include "vmm/pod/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/machine/machine.h"
#include "vmm/pod/app_states.h"
#include "vmm/pod/client.h"
#include "vmm/pod/exec_internal.h"
#include "vmm/pod/exec_server.h"
#include "vmm/pod/member_internal.h"
#include "vmm/pod/report.h"
#include "vmm/pod/signals.h"
#include "vmm/pod/terminal.h"

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* What the machine has now is its alone: a command that closes its stdout closes the user's pipe.
 */
static void let_go(const struct exec *exec, struct exec_parcel *parcel)
{
	_cleanup_fd_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (unsigned i = 0; i < parcel->count; i++)
		close_fd(&parcel->fds[i]);
	if (exec->options->tty || null < 0)
		return;
	if (!exec->pumps)
		(void)dup2(null, STDIN_FILENO);
	(void)dup2(null, STDOUT_FILENO);
}

static int ask(struct exec *exec, const char **argv, struct error *err)
{
	struct pod_request request = client_request(POD_REQUEST_ADD);
	struct exec_parcel parcel = { .count = 0 };
	int result;

	result = exec->member ? member_add_record(exec, &parcel, err)
			      : exec_add_record(exec, &parcel, argv, err);
	if (result == 0)
		result = exec_add_streams(exec, &parcel, err);
	request.app = exec->app;
	request.serial = exec->serial;
	request.flags = parcel.flags | (exec->member ? POD_ADD_MEMBER : 0) |
			(exec->options->detach ? POD_ADD_DETACHED : 0) |
			(exec->detach ? POD_ADD_LEASHED : 0) |
			(exec->options->ignore_paused ? POD_ADD_IGNORE_PAUSED : 0);
	if (result == 0)
		result = client_send(exec->socket, &request, parcel.fds, parcel.count, err);
	let_go(exec, &parcel);
	return result;
}

static void send_winsize(const struct exec *exec)
{
	struct pod_request request = client_request(POD_REQUEST_WINSIZE);

	if (exec->options->tty && (terminal_size(exec->stdio[0], &request.rows, &request.columns) ||
				   terminal_size(exec->stdio[1], &request.rows, &request.columns)))
		(void)client_send(exec->socket, &request, NULL, 0, NULL);
}

static int explain_failure(uint32_t code, struct error *err)
{
	switch (code) {
	case ESRCH:
		return error_set(err, 0, "the app has ended");
	case ESHUTDOWN:
		return error_set(err, 0, "the pod is ending");
	default:
		return error_set(err, (int)code, "the guest cannot start the command");
	}
}

/* In the guest it has been said on the command's stderr; here for who waits for an orphan. */
static void report_failure(const struct exec *exec, const struct pod_reply *reply)
{
	const struct failed_start failure = start_failure_of_reply(reply);
	struct error err = ERROR_NONE;

	(void)start_failure_explain(&failure, &exec->names, &err);
	report(REPORT_ERROR, "%s", err.text);
}

/* Whoever made this process hears that the command runs, and may go. */
static void leave_maker(const struct exec *exec)
{
	_cleanup_fd_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	detach_started(exec->detach, exec->uuid);
	if (null >= 0)
		(void)dup2(null, STDERR_FILENO);
}

/* Returns the exit status when it is known, -1 with err filled, or -2: not yet. */
enum { GOES_ON = -2 };

static int on_reply(struct exec *exec, struct error *err)
{
	struct pod_reply reply;

	if (client_receive(exec->socket, &reply, err) < 0) {
		if (err->code == ECONNRESET && exec->started && exec->options->lost_status)
			return exec->options->lost_status;
		if (err->code == ECONNRESET)
			return error_set(err, 0, "the pod has ended before the command did");
		return -1;
	}
	if (reply.type != POD_REQUEST_ADD)
		return GOES_ON;
	if (exec->member && member_on_reply(exec, &reply, err) < 0)
		return -1;
	if (reply.app_state == POD_APP_HELD)
		return GOES_ON;
	if (reply.app_state == POD_APP_RUNNING) {
		exec->started = true;
		send_winsize(exec);
		if (exec->detach && !exec->member)
			leave_maker(exec);
		return exec->options->detach ? 0 : GOES_ON;
	}
	if (reply.exit_kind == EXIT_KIND_INIT_FAILURE)
		return explain_failure(reply.exit_code, err);
	if (reply.exit_kind == EXIT_KIND_NOT_STARTED && exec->detach)
		report_failure(exec, &reply);
	return app_states_status(reply.exit_kind, reply.exit_code);
}

/*
 * One that has a namespace of processes is its first, and engines enter that: what they leave there
 * is its child. Of its own it has those of a container alone.
 */
static void reap_children(struct exec *exec)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (exec->member)
			member_on_child(exec->member, pid, status);
}

static int on_signal(struct exec *exec)
{
	struct pod_request request = client_request(POD_REQUEST_KILL);
	struct signalfd_siginfo info;

	if (read(exec->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return GOES_ON;
	if (info.ssi_signo == SIGCHLD) {
		reap_children(exec);
		return GOES_ON;
	}
	if (info.ssi_signo == SIGCONT)
		terminal_resume();
	if (info.ssi_signo == SIGCONT || (info.ssi_signo == SIGWINCH && exec->options->tty)) {
		if (exec->started)
			send_winsize(exec);
		return GOES_ON;
	}
	/* The end of this connection hangs up on the command. */
	if ((info.ssi_signo == SIGHUP && !exec->detach) ||
	    (!exec->started && signals_is_end((int)info.ssi_signo)))
		return 128 + (int)info.ssi_signo;
	request.signal = info.ssi_signo;
	if (exec->started)
		(void)client_send(exec->socket, &request, NULL, 0, NULL);
	return GOES_ON;
}

/* Moves a terminal's input on. */
static void pump(struct exec *exec, short input_events, short output_events)
{
	ssize_t n;

	if (exec->from == exec->to && input_events) {
		n = read(STDIN_FILENO, exec->bytes, sizeof(exec->bytes));
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			return;
		exec->from = 0;
		exec->to = n > 0 ? (size_t)n : 0;
		if (n <= 0) {
			close_fd(&exec->input);
			return;
		}
		output_events = POLLOUT;
	}
	if (exec->from == exec->to || !output_events)
		return;
	n = write(exec->input, exec->bytes + exec->from, exec->to - exec->from);
	if (n > 0)
		exec->from += (size_t)n;
	else if (errno != EAGAIN && errno != EINTR)
		close_fd(&exec->input);
}

enum { FDS = 4 };

static int serve(struct exec *exec, struct error *err)
{
	int status = GOES_ON;

	while (status == GOES_ON) {
		bool empty = exec->from == exec->to;
		struct pollfd fds[FDS + MEMBER_FDS_MAX] = {
			{ .fd = exec->socket, .events = POLLIN },
			{ .fd = exec->signals, .events = POLLIN },
			{ .fd = exec->input >= 0 && empty ? STDIN_FILENO : -1, .events = POLLIN },
			{ .fd = exec->input, .events = empty ? 0 : POLLOUT },
		};

		unsigned more = exec->member ? member_fill_poll(exec->member, fds + FDS) : 0;

		if (poll(fds, FDS + more, -1) < 0) {
			if (errno != EINTR)
				return error_set(err, errno, "cannot wait for the command");
			continue;
		}
		/* First, since a signal is for a command that has started. */
		if (fds[0].revents)
			status = on_reply(exec, err);
		if (status == GOES_ON && more)
			member_on_poll(exec->member, fds + FDS, more);
		if (status == GOES_ON && fds[1].revents)
			status = on_signal(exec);
		if (exec->input >= 0 && fds[3].revents & (POLLERR | POLLHUP))
			close_fd(&exec->input);
		if (status == GOES_ON && exec->input >= 0)
			pump(exec, fds[2].revents, fds[3].revents);
	}
	return status;
}

static int watch_signals(struct exec *exec, struct error *err)
{
	sigset_t set;

	signals_block();
	signals_fill(&set);
	exec->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return exec->signals < 0 ? error_set(err, errno, "cannot watch signals") : 0;
}

static void set_names(struct exec *exec, const char **argv)
{
	exec->names = (struct start_names){ .program = argv[0],
					    .user = exec->options->user,
					    .workdir = exec->options->workdir };
	if (exec->member)
		exec->names = member_names(exec->member);
}

int exec_serve(struct exec *exec, const char **argv, struct error *err)
{
	const struct exec_options *options = exec->options;
	bool is_raw = options->tty && options->interactive && isatty(exec->stdio[0]);
	int status = -1;

	set_names(exec, argv);
	if ((exec->member || client_find_app(exec->socket, options->app, &exec->app, err) == 0) &&
	    watch_signals(exec, err) == 0 &&
	    !(is_raw && terminal_make_raw(exec->stdio[0], err) < 0) && ask(exec, argv, err) == 0)
		status = serve(exec, err);
	if (exec->member)
		member_end_links(exec->member);
	terminal_restore();
	close_fd(&exec->input);
	close_fd(&exec->signals);
	close_fd(&exec->socket);
	return status;
}

int exec_run(const struct exec_options *options, const struct pod_directory *pod, const char **argv,
	     struct error *err)
{
	struct exec exec = { .options = options,
			     .stdio = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO },
			     .socket = -1,
			     .signals = -1,
			     .input = -1 };

	if (options->detach && (options->tty || options->interactive))
		return error_set(err, 0, "--detach leaves no terminal and no stdin");
	/* The end of a pipe could not be told to what reads a terminal: it would wait for ever. */
	if (options->tty && options->interactive && !isatty(STDIN_FILENO))
		return error_set(err, 0, "stdin is no terminal: leave --tty or --interactive out");
	exec.socket = client_connect_pod(pod, err);
	return exec.socket < 0 ? -1 : exec_serve(&exec, argv, err);
}

int exec_pause(const struct pod_directory *pod, bool pause, int limit_s, struct error *err)
{
	struct pod_request request = client_request(pause ? POD_REQUEST_PAUSE : POD_REQUEST_RESUME);
	int fd = client_connect_pod(pod, err);
	struct pollfd answer = { .fd = fd, .events = POLLIN };
	struct pod_reply reply;
	int result, is_there = 1;

	if (fd < 0)
		return -1;
	result = client_send(fd, &request, NULL, 0, err);
	while (result == 0 && (is_there = poll(&answer, 1, limit_s * 1000)) < 0 && errno == EINTR)
		;
	if (result == 0 && is_there)
		result = client_receive(fd, &reply, err);
	close(fd);
	if (!is_there && pause)
		(void)exec_pause(pod, false, limit_s, NULL);
	if (!is_there)
		return error_set(err, 0, "the pod %s does not %s within %d seconds", pod->uuid,
				 pause ? "stand still" : "go on", limit_s);
	return result < 0 ? error_prefix(err, "the pod %s", pod->uuid) : 0;
}
