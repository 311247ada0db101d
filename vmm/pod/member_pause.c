#include "vmm/pod/member_pause.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/base/cleanup.h"
#include "vmm/pod/exec_internal.h"
#include "vmm/pod/record.h"
#include "vmm/pod/report.h"
#include "vmm/pod/supervisor.h"

static int refuse(struct pod_client *client, const struct pod_request *request, int error,
		  const char *text)
{
	(void)pod_client_refuse(client, request, error, text);
	return 0;
}

static void on_client_end(struct pod_client *client)
{
	struct exec_slot *slot = client->context;

	slot->member.pausing = NULL;
}

/* Tells who waits, if anybody does. error: 0, or an errno value and what it says. */
static void answer(struct exec_slot *slot, int error, const char *text)
{
	struct pod_client *client = slot->member.pausing;
	struct pod_reply reply = { .magic = POD_REQUEST_MAGIC,
				   .type = slot->member.is_paused ? POD_REQUEST_PAUSE
								  : POD_REQUEST_RESUME,
				   .error = error };

	if (!client)
		return;
	slot->member.pausing = NULL;
	exec_server_unbind(client);
	(void)snprintf(reply.text, sizeof(reply.text), "%s", text);
	(void)pod_client_reply(client, &reply);
}

static struct exec_slot *find_asked(struct supervisor *supervisor, uint32_t id)
{
	for (unsigned i = 0; i < FRAME_ADDED_MAX; i++) {
		struct exec_slot *slot = &supervisor->exec.slots[i];

		if (slot->used && slot->member.serial && slot->member.asked_to_pause == id)
			return slot;
	}
	return NULL;
}

static void on_done(struct supervisor *supervisor, const struct machine_event *exit)
{
	struct exec_slot *slot = find_asked(supervisor, exit->app);
	int error;

	/* It has ended, or has been asked for something else since. */
	if (!slot)
		return;
	slot->member.asked_to_pause = 0;
	if (exit->kind == EXIT_KIND_CODE && exit->code == 0) {
		answer(slot, 0, "");
		return;
	}
	error = exit->kind == EXIT_KIND_INIT_FAILURE && exit->code ? (int)exit->code : EPROTO;
	/* Nobody waits any more, and it may have been said that this is done. */
	if (!slot->member.pausing)
		report(REPORT_WARNING, "a container is %s after all: %s",
		       slot->member.is_paused ? "not paused" : "paused", strerror(error));
	answer(slot, error, "the guest cannot stop the container, or let it go on");
	slot->member.is_paused = !slot->member.is_paused;
}

/* Returns the id of the question, or 0 with err filled. */
static uint32_t ask(struct supervisor *supervisor, const struct exec_slot *slot, bool pause,
		    struct error *err)
{
	_cleanup_free_ void *record = NULL;
	uint32_t id = 0;
	size_t len;
	int fd;

	if (record_build_freeze(pause, &record, &len, err) < 0)
		return 0;
	fd = exec_write_record(record, len, err);
	if (fd < 0)
		return 0;
	id = exec_server_add_own(supervisor, exec_server_id(supervisor, slot), fd, on_done);
	if (!id)
		error_set(err, EAGAIN, "the sandbox does not listen; try again later");
	return id;
}

static int check(const struct supervisor *supervisor, struct pod_client *client,
		 const struct pod_request *request, const struct exec_slot *slot)
{
	bool pause = request->type == POD_REQUEST_PAUSE;

	if (slot->member.state != POD_APP_RUNNING)
		return pod_client_refuse(client, request, EAGAIN, "the container does not run");
	/* A pause may never come about, and can be taken back. */
	if (slot->member.pausing && (pause || !slot->member.is_paused))
		return pod_client_refuse(client, request, EAGAIN,
					 "the container is being paused or resumed");
	if (slot->member.is_paused && pause)
		return pod_client_refuse(client, request, EALREADY,
					 "the container is paused already");
	if (!slot->member.is_paused && !pause)
		return supervisor->reply_flags & POD_REPLY_PAUSED
			   ? pod_client_refuse(client, request, EBUSY,
					       "its sandbox is paused; resume that")
			   : pod_client_refuse(client, request, EALREADY,
					       "the container is not paused");
	return 1;
}

int member_pause_begin(struct supervisor *supervisor, struct pod_client *client,
		       const struct pod_request *request, struct exec_slot *slot)
{
	bool pause = request->type == POD_REQUEST_PAUSE;
	struct error err = ERROR_NONE;
	uint32_t id;

	if (client->on_end)
		return EINVAL;
	if (check(supervisor, client, request, slot) <= 0)
		return 0;
	id = ask(supervisor, slot, pause, &err);
	if (!id)
		return refuse(client, request, err.code ? err.code : EINVAL, err.text);
	answer(slot, ECANCELED, "the container is resumed meanwhile");
	slot->member.is_paused = pause;
	slot->member.asked_to_pause = id;
	slot->member.pausing = client;
	client->context = slot;
	client->on_end = on_client_end;
	if (supervisor->reply_flags & POD_REPLY_PAUSED)
		answer(slot, 0, "");
	return 0;
}

void member_pause_on_pod_paused(struct supervisor *supervisor)
{
	for (unsigned i = 0; i < FRAME_ADDED_MAX; i++)
		answer(&supervisor->exec.slots[i], 0, "");
}

void member_pause_on_exit(struct exec_slot *slot)
{
	answer(slot, ESRCH, "the container has ended");
	slot->member.is_paused = false;
	slot->member.asked_to_pause = 0;
}
