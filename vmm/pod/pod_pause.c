/*
 * Pausing and resuming the pod, the supervisor's side. The guest has no part in it.
 */
#include "vmm/pod/pod_pause.h"

#include <errno.h>
#include <signal.h>

#include "vmm/pod/signals.h"
#include "vmm/pod/supervisor.h"

static void answer(const struct supervisor *supervisor, struct pod_client *client,
		   enum pod_request_type type)
{
	const struct pod_reply reply = { .magic = POD_REQUEST_MAGIC,
					 .type = type,
					 .flags = supervisor->reply_flags,
					 .app_count = supervisor->apps.count };

	(void)pod_client_reply(client, &reply);
}

static void on_client_end(struct pod_client *client)
{
	client->server->supervisor->pausing = NULL;
}

int pod_pause_begin(struct supervisor *supervisor, struct pod_client *client,
		    const struct pod_request *request, int *fds, unsigned fd_count)
{
	const struct machine_command command = { .type = MACHINE_COMMAND_PAUSE };

	(void)fds;
	(void)fd_count;
	if (client->on_end)
		return EINVAL;
	if (supervisor->reply_flags & POD_REPLY_PAUSED) {
		(void)pod_client_refuse(client, request, EALREADY, "the pod is paused already");
		return 0;
	}
	if (!supervisor->has_started) {
		(void)pod_client_refuse(client, request, EAGAIN, "the pod has yet to start");
		return 0;
	}
	supervisor->reply_flags |= POD_REPLY_PAUSED;
	supervisor->pausing = client;
	client->on_end = on_client_end;
	supervisor_command(supervisor, &command);
	return 0;
}

void pod_pause_done(struct supervisor *supervisor)
{
	struct pod_client *client = supervisor->pausing;

	if (!client)
		return;
	supervisor->pausing = NULL;
	client->on_end = NULL;
	answer(supervisor, client, POD_REQUEST_PAUSE);
}

static void resume(struct supervisor *supervisor)
{
	const struct machine_command command = { .type = MACHINE_COMMAND_RESUME };

	supervisor->reply_flags &= ~(uint32_t)POD_REPLY_PAUSED;
	/* Whoever waits for the pause learns that it has not lasted. */
	pod_pause_done(supervisor);
	supervisor_command(supervisor, &command);
}

int pod_pause_end(struct supervisor *supervisor, struct pod_client *client,
		  const struct pod_request *request, int *fds, unsigned fd_count)
{
	(void)fds;
	(void)fd_count;
	if (!(supervisor->reply_flags & POD_REPLY_PAUSED)) {
		(void)pod_client_refuse(client, request, EALREADY, "the pod is not paused");
		return 0;
	}
	resume(supervisor);
	answer(supervisor, client, POD_REQUEST_RESUME);
	return 0;
}

void pod_pause_on_signal(struct supervisor *supervisor, uint32_t signal)
{
	if (supervisor->reply_flags & POD_REPLY_PAUSED &&
	    (signal == SIGKILL || signals_is_end((int)signal)))
		resume(supervisor);
}
