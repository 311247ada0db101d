/*
 * Starting what is held, the supervisor's side.
 */
#include "vmm/pod/hold.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "guest-init/protocol.h"
#include "vmm/pod/host_view.h"
#include "vmm/pod/members.h"
#include "vmm/pod/report.h"
#include "vmm/pod/start_failure.h"
#include "vmm/pod/supervisor.h"

static void on_client_end(struct pod_client *client)
{
	client->server->supervisor->starting = NULL;
}

static int refuse(struct pod_client *client, const struct pod_request *request, int error,
		  const char *text)
{
	(void)pod_client_refuse(client, request, error, text);
	return 0;
}

static void let_go(struct supervisor *supervisor)
{
	const struct machine_command command = { .type = MACHINE_COMMAND_START,
						 .app = supervisor->starting_app };

	supervisor_command(supervisor, &command);
}

int hold_start(struct supervisor *supervisor, struct pod_client *client,
	       const struct pod_request *request, int *fds, unsigned fd_count)
{
	struct exec_slot *member = members_find(supervisor, request);
	struct error err = ERROR_NONE;
	int networks;

	(void)fds;
	(void)fd_count;
	if (member) {
		members_start(supervisor, client, request, member);
		return 0;
	}
	if (request->app >= supervisor->apps.count)
		return ENOENT;
	if (client->on_end)
		return EINVAL;
	if (supervisor->apps.apps[request->app].state != POD_APP_HELD)
		return refuse(client, request, EALREADY, "the app does not wait for its start");
	if (supervisor->starting)
		return refuse(client, request, EALREADY, "the app is being started");
	if (supervisor->reply_flags & POD_REPLY_PAUSED)
		return refuse(client, request, EAGAIN, "the pod is paused; resume it first");
	networks = net_start_begin(supervisor, &err);
	if (networks < 0)
		return refuse(client, request, err.code ? err.code : EINVAL, err.text);
	supervisor->starting = client;
	supervisor->starting_app = request->app;
	client->on_end = on_client_end;
	if (networks == 0)
		let_go(supervisor);
	return 0;
}

static struct pod_client *take_client(struct supervisor *supervisor, uint32_t app)
{
	struct pod_client *client = supervisor->starting;

	if (!client || supervisor->starting_app != app)
		return NULL;
	supervisor->starting = NULL;
	client->on_end = NULL;
	return client;
}

void hold_on_networks(struct supervisor *supervisor, int error)
{
	const struct pod_request request = { .type = POD_REQUEST_START,
					     .app = supervisor->starting_app };
	struct pod_client *client;
	char text[POD_REPLY_TEXT_MAX];

	/* Who has asked has gone meanwhile: the next one who does finds the networks there. */
	if (!supervisor->starting)
		return;
	if (!error) {
		let_go(supervisor);
		return;
	}
	client = take_client(supervisor, supervisor->starting_app);
	(void)snprintf(text, sizeof(text), "the guest could not take over the networks: %s",
		       strerror(error));
	(void)pod_client_refuse(client, &request, error, text);
}

void hold_on_held(struct supervisor *supervisor, uint32_t app)
{
	if (!supervisor->options->hold || !app_states_on_held(&supervisor->apps, app))
		return;
	report(REPORT_INFO, "app %u waits for its start", app);
	detach_started(supervisor->detach, supervisor->directory->uuid);
}

void hold_on_start(struct supervisor *supervisor, uint32_t app)
{
	const struct pod_reply reply = { .magic = POD_REQUEST_MAGIC,
					 .type = POD_REQUEST_START,
					 .flags = supervisor->reply_flags,
					 .app_count = supervisor->apps.count,
					 .app = app,
					 .app_state = POD_APP_RUNNING };
	const struct pod_request request = { .type = POD_REQUEST_START, .app = app };
	struct pod_client *client = take_client(supervisor, app);
	struct error err = ERROR_NONE;

	/* Now the guest has made the places of all mounts. Others may look from here on, once. */
	if (supervisor->options->engine_directory && !supervisor->has_view) {
		supervisor->has_view = true;
		if (host_view_enter(run_app_options(supervisor->options, app),
				    supervisor->options->host_sources, &err) < 0) {
			if (client)
				(void)pod_client_refuse(client, &request, err.code, err.text);
			supervisor_fail(supervisor, "%s", err.text);
			return;
		}
		supervisor_show_processes(supervisor);
	}
	if (client)
		(void)pod_client_reply(client, &reply);
}

/* Without a start before it: it has been killed, or its program has failed to become what runs. */
void hold_on_exit(struct supervisor *supervisor, const struct machine_event *event)
{
	const struct start_names names =
	    start_names_of_options(run_app_options(supervisor->options, event->app));
	const struct failed_start failure = start_failure_of_event(event);
	struct pod_reply reply = start_failure_reply(event);
	struct error err = ERROR_NONE;
	struct pod_client *client;

	if (!supervisor->options->hold)
		return;
	client = take_client(supervisor, event->app);
	if (client) {
		start_failure_complete(&reply, &names);
		(void)pod_client_reply(client, &reply);
	} else if (event->kind == EXIT_KIND_NOT_STARTED) {
		(void)start_failure_explain(&failure, &names, &err);
		report(REPORT_ERROR, "%s", err.text);
	}
}
