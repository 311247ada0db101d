/*
 * The client that attaches. Requests go to the supervisor, the app's bytes come from the logger by
 * a socket of their own; neither waits for this process, which may stall as it likes.
 */
#include "vmm/pod/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/pod/attach_packet.h"
#include "vmm/pod/client.h"
#include "vmm/pod/detach_keys.h"
#include "vmm/pod/life.h"
#include "vmm/pod/pod_info.h"
#include "vmm/pod/terminal.h"

enum { EXIT_WAIT_MS = 2000, EXIT_STEP_MS = 20 };

enum attach_end { ATTACH_GOES_ON, ATTACH_APP_ENDED, ATTACH_DETACHED, ATTACH_SIGNAL };

struct attachment {
	int control; /* to the supervisor */
	int socket;  /* to the logger */
	int signals;
	uint32_t app;
	char name[POD_REPLY_TEXT_MAX];
	bool is_terminal; /* of the app, and our stdin is one too */
	bool reads_stdin;
	struct detach_keys keys;
	size_t input_bytes; /* that wait */
	struct attach_packet input;
	struct attach_packet output;
	int signal;
};

static void send_winsize(struct attachment *attachment)
{
	struct pod_request request = client_request(POD_REQUEST_WINSIZE);
	struct pod_reply reply;

	request.app = attachment->app;
	if (attachment->is_terminal && terminal_size(STDIN_FILENO, &request.rows, &request.columns))
		(void)client_ask(attachment->control, &request, &reply, NULL);
}

static int connect_streams(struct attachment *attachment, struct pod_reply *reply,
			   struct error *err)
{
	struct pod_request request = client_request(POD_REQUEST_ATTACH);
	int pair[2], status;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(err, errno, "cannot make a socket pair");
	attachment->socket = pair[0];
	request.app = attachment->app;
	status = client_send(attachment->control, &request, &pair[1], 1, err);
	close(pair[1]);
	return status < 0 ? -1 : client_receive(attachment->control, reply, err);
}

static int watch_signals(struct attachment *attachment, struct error *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	attachment->signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (attachment->signals < 0)
		return error_set(err, errno, "cannot watch signals");
	return 0;
}

static enum attach_end take_signal(struct attachment *attachment)
{
	struct signalfd_siginfo info;

	if (read(attachment->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return ATTACH_GOES_ON;
	if (info.ssi_signo == SIGWINCH) {
		send_winsize(attachment);
		return ATTACH_GOES_ON;
	}
	attachment->signal = (int)info.ssi_signo;
	return ATTACH_SIGNAL;
}

static enum attach_end take_output(struct attachment *attachment)
{
	struct attach_packet *packet = &attachment->output;
	ssize_t n = recv(attachment->socket, packet, sizeof(*packet), MSG_DONTWAIT);
	size_t len = n > ATTACH_HEADER_BYTES ? (size_t)n - ATTACH_HEADER_BYTES : 0;
	uint64_t lost;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return ATTACH_GOES_ON;
	if (n < ATTACH_HEADER_BYTES)
		return ATTACH_APP_ENDED;
	if (packet->kind == ATTACH_LOST && len == sizeof(lost)) {
		memcpy(&lost, packet->data, sizeof(lost));
		(void)dprintf(STDERR_FILENO,
			      "nacelle: %" PRIu64 " bytes of output are not shown: they came "
			      "faster than they were taken\r\n",
			      lost);
		return ATTACH_GOES_ON;
	}
	if (io_write_all(packet->kind == ATTACH_STDERR ? STDERR_FILENO : STDOUT_FILENO,
			 packet->data, len) < 0)
		return ATTACH_DETACHED;
	return ATTACH_GOES_ON;
}

/* Returns false if the detach keys have been typed. */
static bool take_input(struct attachment *attachment)
{
	struct attach_packet *packet = &attachment->input;
	/* What was held back of the keys may come out in front. */
	ssize_t n = read(STDIN_FILENO, packet->data, sizeof(packet->data) - DETACH_KEYS_HELD_MAX);
	bool goes_on = true;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0) {
		attachment->reads_stdin = false;
		return true;
	}
	attachment->input_bytes = (size_t)n;
	if (attachment->is_terminal)
		goes_on =
		    detach_keys_filter(&attachment->keys, packet->data, &attachment->input_bytes);
	return goes_on;
}

/* Returns false if nobody is there to take it. */
static bool send_input(struct attachment *attachment)
{
	attachment->input.kind = ATTACH_STDIN;
	attachment->input.zero = 0;
	if (send(attachment->socket, &attachment->input,
		 ATTACH_HEADER_BYTES + attachment->input_bytes, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return errno == EAGAIN || errno == EINTR || errno == ENOBUFS;
	attachment->input_bytes = 0;
	return true;
}

static enum attach_end step(struct attachment *attachment)
{
	bool waits = attachment->input_bytes > 0;
	struct pollfd fds[3] = {
		{ .fd = attachment->socket, .events = (short)(POLLIN | (waits ? POLLOUT : 0)) },
		{ .fd = attachment->signals, .events = POLLIN },
		{ .fd = attachment->reads_stdin && !waits ? STDIN_FILENO : -1, .events = POLLIN },
	};
	enum attach_end end = ATTACH_GOES_ON;

	if (poll(fds, 3, -1) < 0)
		return ATTACH_GOES_ON;
	if (fds[1].revents)
		end = take_signal(attachment);
	if (end == ATTACH_GOES_ON && fds[2].revents && !take_input(attachment))
		end = ATTACH_DETACHED;
	if (end == ATTACH_GOES_ON && attachment->input_bytes && !send_input(attachment))
		attachment->input_bytes = 0;
	if (end == ATTACH_GOES_ON && fds[0].revents & (POLLIN | POLLHUP | POLLERR))
		end = take_output(attachment);
	return end;
}

/* The status that the app left in the pod's directory, or -1. */
static int read_status(const struct pod_directory *directory, const char *app)
{
	_cleanup_fd_ int statuses =
	    openat(directory->fd, POD_STATUS_NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return statuses < 0 ? -1 : (int)pod_info_number(statuses, app, -1);
}

/*
 * The streams end a little before the supervisor knows how the app has ended; of an app that has
 * only closed them, nothing can be known.
 */
static int exit_status(const struct attachment *attachment, const struct pod_directory *directory)
{
	struct pod_request request = client_request(POD_REQUEST_STATUS);
	struct pod_reply reply;

	request.app = attachment->app;
	for (int waited = 0; waited < EXIT_WAIT_MS; waited += EXIT_STEP_MS) {
		if (client_ask(attachment->control, &request, &reply, NULL) < 0 ||
		    reply.app_state == POD_APP_EXITED) {
			int status = read_status(directory, attachment->name);

			return status < 0 ? 0 : status;
		}
		(void)poll(NULL, 0, EXIT_STEP_MS);
	}
	return 0;
}

static int find(struct attachment *attachment, const char *app, struct error *err)
{
	struct pod_request request = client_request(POD_REQUEST_STATUS);
	struct pod_reply reply;

	if (client_find_app(attachment->control, app, &attachment->app, err) < 0)
		return -1;
	request.app = attachment->app;
	if (client_ask(attachment->control, &request, &reply, err) < 0)
		return -1;
	(void)snprintf(attachment->name, sizeof(attachment->name), "%s", reply.text);
	return 0;
}

static int converse(struct attachment *attachment, const struct pod_directory *directory,
		    const char *app, bool without_stdin, struct error *err)
{
	enum attach_end end = ATTACH_GOES_ON;
	struct pod_reply reply;

	attachment->control = client_connect_pod(directory, err);
	if (attachment->control < 0 || find(attachment, app, err) < 0 ||
	    watch_signals(attachment, err) < 0 || connect_streams(attachment, &reply, err) < 0)
		return -1;
	attachment->reads_stdin = !without_stdin && reply.flags & POD_REPLY_STDIN;
	attachment->is_terminal =
	    attachment->reads_stdin && reply.flags & POD_REPLY_TERMINAL && isatty(STDIN_FILENO);
	if (attachment->is_terminal && terminal_make_raw(STDIN_FILENO, err) < 0)
		return -1;
	send_winsize(attachment);
	while (end == ATTACH_GOES_ON)
		end = step(attachment);
	terminal_restore();
	if (end == ATTACH_SIGNAL)
		return 128 + attachment->signal;
	return end == ATTACH_APP_ENDED ? exit_status(attachment, directory) : 0;
}

int attach_run(const struct pod_directory *directory, const char *app, bool without_stdin,
	       struct error *err)
{
	static struct attachment attachment = { .control = -1, .socket = -1, .signals = -1 };
	int status = converse(&attachment, directory, app, without_stdin, err);

	cleanup_fd(&attachment.control);
	cleanup_fd(&attachment.socket);
	cleanup_fd(&attachment.signals);
	return status;
}
