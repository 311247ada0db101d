/*
 * The requests that a running pod understands: one row each.
 */
#include <errno.h>
#include <stdio.h>

#include "guest-init/protocol.h"
#include "vmm/pod/control_socket.h"
#include "vmm/pod/exec_server.h"
#include "vmm/pod/hold.h"
#include "vmm/pod/member_pause.h"
#include "vmm/pod/members.h"
#include "vmm/pod/pod_pause.h"
#include "vmm/pod/signals.h"
#include "vmm/pod/supervisor.h"

static int handle_status(struct supervisor *supervisor, struct pod_client *client,
			 const struct pod_request *request, int *fds, unsigned fd_count)
{
	struct pod_reply reply = { .magic = POD_REQUEST_MAGIC,
				   .type = request->type,
				   .flags = supervisor->reply_flags,
				   .app_count = supervisor->apps.count,
				   .app = request->app };
	const struct app_state *app;

	(void)fds;
	(void)fd_count;
	if (members_answer_status(supervisor, client, request))
		return 0;
	if (request->app >= supervisor->apps.count)
		return ENOENT;
	app = &supervisor->apps.apps[request->app];
	reply.app_state = app->state;
	reply.exit_kind = app->kind;
	reply.exit_code = app->code;
	reply.flags |= app->flags & EXIT_FLAG_OOM ? POD_REPLY_OOM : 0;
	reply.restarts = app->restarts;
	reply.started_ms = app->started_ms;
	reply.ended_ms = app->ended_ms;
	(void)snprintf(reply.text, sizeof(reply.text), "%s", app->name);
	(void)pod_client_reply(client, &reply);
	return 0;
}

static void answer(struct supervisor *supervisor, struct pod_client *client,
		   const struct pod_request *request)
{
	const struct pod_reply reply = { .magic = POD_REQUEST_MAGIC,
					 .type = request->type,
					 .flags = supervisor->reply_flags,
					 .app_count = supervisor->apps.count,
					 .app = request->app };

	(void)pod_client_reply(client, &reply);
}

static int handle_stop(struct supervisor *supervisor, struct pod_client *client,
		       const struct pod_request *request, int *fds, unsigned fd_count)
{
	(void)fds;
	(void)fd_count;
	supervisor_stop(supervisor, request->timeout_ms);
	answer(supervisor, client, request);
	return 0;
}

static int handle_kill(struct supervisor *supervisor, struct pod_client *client,
		       const struct pod_request *request, int *fds, unsigned fd_count)
{
	const struct machine_command command = { .type = MACHINE_COMMAND_SIGNAL,
						 .app = request->app == POD_ALL_APPS
							    ? FRAME_ALL_APPS
							    : request->app,
						 .signal = request->signal };

	(void)fds;
	(void)fd_count;
	if (request->signal == 0)
		return EINVAL;
	if (exec_server_kill(supervisor, client, request->signal))
		return 0;
	if (request->app != POD_ALL_APPS && request->app >= supervisor->apps.count &&
	    !members_find(supervisor, request))
		return ENOENT;
	if (!supervisor->has_started) {
		if (request->signal != SIGKILL && !signals_is_end((int)request->signal))
			return pod_client_refuse(client, request, EAGAIN,
						 "the pod is starting: it has no app yet");
		answer(supervisor, client, request);
		supervisor_end(supervisor, 128 + (int)request->signal);
		return 0;
	}
	pod_pause_on_signal(supervisor, request->signal);
	supervisor_command(supervisor, &command);
	answer(supervisor, client, request);
	return 0;
}

/* One descriptor: a SOCK_SEQPACKET socket, which the logger then has. */
static int handle_attach(struct supervisor *supervisor, struct pod_client *client,
			 const struct pod_request *request, int *fds, unsigned fd_count)
{
	struct pod_reply reply = { .magic = POD_REQUEST_MAGIC,
				   .type = request->type,
				   .app_count = supervisor->apps.count,
				   .app = request->app };
	int error;

	if (request->app >= supervisor->apps.count)
		return ENOENT;
	if (fd_count != 1)
		return EINVAL;
	error = pod_logs_attach(supervisor->logs, request->app, fds[0], &reply.flags);
	if (error == ENODATA)
		return pod_client_refuse(client, request, error,
					 "the app's output is not logged, but goes to whoever "
					 "started the pod") < 0
			   ? error
			   : 0;
	if (error)
		return error;
	(void)pod_client_reply(client, &reply);
	return 0;
}

static int handle_winsize(struct supervisor *supervisor, struct pod_client *client,
			  const struct pod_request *request, int *fds, unsigned fd_count)
{
	const struct machine_command command = { .type = MACHINE_COMMAND_WINSIZE,
						 .app = request->app,
						 .rows = request->rows,
						 .columns = request->columns };

	(void)fds;
	(void)fd_count;
	if (exec_server_winsize(supervisor, client, request->rows, request->columns))
		return 0;
	if (request->app >= supervisor->apps.count && !members_find(supervisor, request))
		return ENOENT;
	supervisor_command(supervisor, &command);
	answer(supervisor, client, request);
	return 0;
}

/* Of the pod, or of a container that was added to it. */
static int handle_pause(struct supervisor *supervisor, struct pod_client *client,
			const struct pod_request *request, int *fds, unsigned fd_count)
{
	struct exec_slot *member = members_find(supervisor, request);

	if (request->serial)
		return member ? member_pause_begin(supervisor, client, request, member) : ENOENT;
	return request->type == POD_REQUEST_PAUSE
		   ? pod_pause_begin(supervisor, client, request, fds, fd_count)
		   : pod_pause_end(supervisor, client, request, fds, fd_count);
}

const struct pod_request_row pod_request_rows[POD_REQUEST_TYPES] = {
	[POD_REQUEST_STATUS] = { handle_status }, [POD_REQUEST_STOP] = { handle_stop },
	[POD_REQUEST_KILL] = { handle_kill },	  [POD_REQUEST_PAUSE] = { handle_pause },
	[POD_REQUEST_RESUME] = { handle_pause },  [POD_REQUEST_ADD] = { exec_server_add },
	[POD_REQUEST_ATTACH] = { handle_attach }, [POD_REQUEST_WINSIZE] = { handle_winsize },
	[POD_REQUEST_START] = { hold_start },	  [POD_REQUEST_MEMBER] = { members_reserve },
	[POD_REQUEST_SHARE] = { members_share },
};
