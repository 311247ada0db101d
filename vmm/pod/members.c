/*
 * Containers that are added to a running pod, the supervisor's side.
 */
#include "vmm/pod/members.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/pod/member_pause.h"
#include "vmm/pod/report.h"
#include "vmm/pod/start_failure.h"
#include "vmm/pod/supervisor.h"

static int refuse(struct pod_client *client, const struct pod_request *request, int error,
		  const char *text)
{
	(void)pod_client_refuse(client, request, error, text);
	return 0;
}

/* Also one whose end is known and has not been told. */
static struct exec_slot *find(struct supervisor *supervisor, const struct pod_request *request)
{
	struct exec_slot *slot = exec_server_find(supervisor, request->app);

	return slot && request->serial && slot->member.serial == request->serial ? slot : NULL;
}

struct exec_slot *members_find(struct supervisor *supervisor, const struct pod_request *request)
{
	struct exec_slot *slot = find(supervisor, request);

	return slot && slot->member.state != POD_APP_EXITED ? slot : NULL;
}

static uint32_t slot_number(const struct supervisor *supervisor, const struct exec_slot *slot)
{
	return exec_server_id(supervisor, slot) - FRAME_ID_ADDED_FIRST;
}

int members_reserve(struct supervisor *supervisor, struct pod_client *client,
		    const struct pod_request *request, int *fds, unsigned fd_count)
{
	struct exec_slot *slot = exec_server_free_slot(supervisor);
	struct pod_reply reply = { .magic = POD_REQUEST_MAGIC, .type = request->type };

	(void)fds;
	(void)fd_count;
	if (client->on_end)
		return EINVAL;
	if (!supervisor->has_started)
		return refuse(client, request, EAGAIN, "the sandbox has not been started");
	if (app_states_all_ended(&supervisor->apps))
		return refuse(client, request, ESRCH,
			      "the sandbox's program has ended, and only containers that run are "
			      "left there");
	if (supervisor->reply_flags & POD_REPLY_STOPPING)
		return refuse(client, request, ESRCH, "the sandbox is being stopped");
	if (supervisor->reply_flags & POD_REPLY_PAUSED)
		return refuse(client, request, EAGAIN, "the sandbox is paused; resume it first");
	if (!slot)
		return refuse(client, request, EAGAIN,
			      "the sandbox has as many containers and commands as it can");
	if (++supervisor->exec.last_serial == 0)
		supervisor->exec.last_serial = 1;
	*slot = (struct exec_slot){ .used = true,
				    .leashed = true,
				    .member.serial = supervisor->exec.last_serial };
	exec_server_bind(slot, client);
	reply.app = exec_server_id(supervisor, slot);
	reply.serial = slot->member.serial;
	(void)pod_client_reply(client, &reply);
	return 0;
}

/* The place that a connection has, and has put no record into yet; or NULL. */
static struct exec_slot *slot_of(struct supervisor *supervisor, const struct pod_client *client,
				 const struct pod_request *request)
{
	struct exec_slot *slot = members_find(supervisor, request);

	return slot && slot->client == client && !slot->member.state ? slot : NULL;
}

/* The files role says nothing of one too many. */
static bool has_room(const struct supervisor *supervisor, unsigned count)
{
	count += supervisor->roles.member_shares.own_count;
	for (unsigned i = 0; i < FRAME_ADDED_MAX; i++)
		count += supervisor->exec.slots[i].member.share_count;
	return count <= P9_SHARES_MAX;
}

int members_share(struct supervisor *supervisor, struct pod_client *client,
		  const struct pod_request *request, int *fds, unsigned fd_count)
{
	const struct pod_reply reply = { .magic = POD_REQUEST_MAGIC, .type = request->type };
	struct exec_slot *slot = slot_of(supervisor, client, request);
	uint32_t number = slot ? slot_number(supervisor, slot) : 0;
	struct error err = ERROR_NONE;

	if (!slot || !fd_count)
		return EINVAL;
	if (!has_room(supervisor, fd_count))
		return refuse(client, request, EAGAIN,
			      "the sandbox's containers have as many directories and files of the "
			      "host as they can");
	for (unsigned i = 0; i < fd_count; i++) {
		uint32_t flags = request->flags >> i * MEMBER_SHARE_BITS;

		if (member_shares_add(&supervisor->roles.member_shares, number,
				      slot->member.share_count++, steal_fd(&fds[i]),
				      flags & MEMBER_SHARE_READ_ONLY,
				      flags & MEMBER_SHARE_RECURSIVE, &err) < 0)
			return refuse(client, request, err.code ? err.code : EINVAL, err.text);
	}
	(void)pod_client_reply(client, &reply);
	return 0;
}

int members_add(struct supervisor *supervisor, struct pod_client *client,
		const struct pod_request *request, int *fds, unsigned fd_count)
{
	const uint32_t ours = POD_ADD_MEMBER | POD_ADD_LEASHED;
	struct exec_slot *slot = slot_of(supervisor, client, request);
	struct machine_command command = { .type = MACHINE_COMMAND_ADD,
					   .app = FRAME_ALL_APPS,
					   .id = request->app,
					   .flags = request->flags & ~ours };
	int taken[MACHINE_ADD_FDS_MAX];

	if (!slot || !exec_server_check_flags(request->flags, ours, fd_count))
		return EINVAL;
	for (unsigned i = 0; i < fd_count; i++)
		taken[i] = steal_fd(&fds[i]);
	if (!supervisor_command_with_fds(supervisor, &command, taken, fd_count))
		return refuse(client, request, EAGAIN,
			      "the sandbox does not listen; try again later");
	slot->member.state = POD_APP_WAITING;
	return 0;
}

bool members_answer_status(struct supervisor *supervisor, struct pod_client *client,
			   const struct pod_request *request)
{
	const struct exec_slot *slot = find(supervisor, request);
	struct pod_reply reply = { .magic = POD_REQUEST_MAGIC,
				   .type = request->type,
				   .flags = supervisor->reply_flags,
				   .app_count = 1,
				   .app = request->app };

	if (!slot)
		return false;
	reply.app_state = slot->member.state;
	reply.exit_kind = slot->member.exit.kind;
	reply.exit_code = slot->member.exit.code;
	reply.flags |= slot->member.exit.flags & EXIT_FLAG_OOM ? POD_REPLY_OOM : 0;
	reply.flags |= slot->member.is_paused ? POD_REPLY_PAUSED : 0;
	reply.serial = slot->member.serial;
	reply.started_ms = slot->member.started_ms;
	reply.ended_ms = slot->member.ended_ms;
	(void)pod_client_reply(client, &reply);
	return true;
}

static void on_starter_end(struct pod_client *client)
{
	struct exec_slot *slot = client->context;

	slot->member.starter = NULL;
}

void members_start(struct supervisor *supervisor, struct pod_client *client,
		   const struct pod_request *request, struct exec_slot *slot)
{
	const struct machine_command command = { .type = MACHINE_COMMAND_START,
						 .app = request->app };

	if (slot->member.state != POD_APP_HELD)
		(void)refuse(client, request, EALREADY, "the app does not wait for its start");
	else if (slot->member.starter || client->on_end)
		(void)refuse(client, request, EALREADY, "the app is being started");
	else if (supervisor->reply_flags & POD_REPLY_PAUSED)
		(void)refuse(client, request, EAGAIN, "the pod is paused; resume it first");
	else {
		slot->member.starter = client;
		client->context = slot;
		client->on_end = on_starter_end;
		supervisor_command(supervisor, &command);
	}
}

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static struct pod_client *take_starter(struct exec_slot *slot)
{
	struct pod_client *client = slot->member.starter;

	slot->member.starter = NULL;
	if (client)
		exec_server_unbind(client);
	return client;
}

/* The container's own process hears of its start first: it has something to do then. */
static void tell_starter(struct supervisor *supervisor, struct exec_slot *slot,
			 const struct machine_event *event)
{
	const struct pod_reply failed = start_failure_reply(event);
	const struct pod_reply reply = { .magic = POD_REQUEST_MAGIC,
					 .type = POD_REQUEST_START,
					 .flags = supervisor->reply_flags,
					 .app_count = 1,
					 .app = event->app,
					 .app_state = POD_APP_RUNNING };
	struct pod_client *client = take_starter(slot);

	if (!client)
		return;
	(void)pod_client_reply(client, event->type == MACHINE_EVENT_APP_START ? &reply : &failed);
}

/*
 * The next container in the slot would get what is left of this one. Returns a descriptor as
 * member_shares_remove() gives it.
 */
static int remove_shares(struct supervisor *supervisor, const struct exec_slot *slot)
{
	struct error err = ERROR_NONE;
	int gone;

	if (member_shares_remove(&supervisor->roles.member_shares, slot_number(supervisor, slot),
				 &gone, &err) < 0)
		supervisor_fail(supervisor, "%s", err.text);
	return gone;
}

/* Nobody is there to be told, and packets to the files role keep their order. */
void members_give_up(struct supervisor *supervisor, struct exec_slot *slot)
{
	_cleanup_fd_ int gone = remove_shares(supervisor, slot);

	*slot = (struct exec_slot){ .used = false };
}

static void tell_exit(struct supervisor *supervisor, struct exec_slot *slot)
{
	const struct machine_event exit = slot->member.exit;
	struct pod_client *client = slot->client;

	if (slot->member.gone.loop) {
		loop_fd_remove(&slot->member.gone);
		close(slot->member.gone.fd);
	}
	loop_timer_remove(&slot->member.limit);
	if (client)
		exec_server_unbind(client);
	slot->client = NULL;
	/* The container's own process passes the refusal on, and ends with what comes then. */
	tell_starter(supervisor, slot, &exit);
	exec_server_tell(supervisor, client, &exit);
	*slot = (struct exec_slot){ .used = false };
}

static void on_gone(struct loop_fd *member, uint32_t events)
{
	struct exec_slot *slot = container_of(member, struct exec_slot, member.gone);

	(void)events;
	tell_exit(slot->member.supervisor, slot);
}

static void on_shares_limit(struct loop_timer *timer)
{
	struct exec_slot *slot = container_of(timer, struct exec_slot, member.limit);

	report(REPORT_WARNING, "the directories of a container that has ended may be in use");
	tell_exit(slot->member.supervisor, slot);
}

/* Who hears of the end unmounts the root: it must not be busy any more. */
static void on_exit_event(struct supervisor *supervisor, struct exec_slot *slot,
			  const struct machine_event *event)
{
	struct member_slot *member = &slot->member;
	_cleanup_fd_ int gone = -1;

	member_pause_on_exit(slot);
	member->state = POD_APP_EXITED;
	member->ended_ms = now_ms();
	member->exit = *event;
	member->supervisor = supervisor;
	gone = remove_shares(supervisor, slot);
	if (gone < 0 ||
	    loop_timer_add(&supervisor->loop, &member->limit, on_shares_limit, NULL) < 0 ||
	    loop_fd_add(&supervisor->loop, &member->gone, gone, EPOLLHUP, on_gone, NULL) < 0) {
		tell_exit(supervisor, slot);
		return;
	}
	(void)steal_fd(&gone);
	loop_timer_set(&member->limit, MEMBER_SHARES_LIMIT_MS);
}

void members_end(struct supervisor *supervisor)
{
	for (unsigned i = 0; i < FRAME_ADDED_MAX; i++) {
		struct exec_slot *slot = &supervisor->exec.slots[i];

		if (slot->used && slot->member.serial && slot->member.state == POD_APP_EXITED)
			tell_exit(supervisor, slot);
	}
}

void members_on_event(struct supervisor *supervisor, struct exec_slot *slot,
		      const struct machine_event *event)
{
	/* Its end is known, whatever the machine says now. */
	if (slot->member.state == POD_APP_EXITED)
		return;
	switch ((enum machine_event_type)event->type) {
	case MACHINE_EVENT_APP_HELD:
		slot->member.state = POD_APP_HELD;
		exec_server_tell(supervisor, slot->client, event);
		return;
	case MACHINE_EVENT_APP_START:
		slot->member.state = POD_APP_RUNNING;
		slot->member.started_ms = now_ms();
		exec_server_tell(supervisor, slot->client, event);
		tell_starter(supervisor, slot, event);
		return;
	case MACHINE_EVENT_APP_EXIT:
		on_exit_event(supervisor, slot, event);
		return;
	case MACHINE_EVENT_HELLO:
	case MACHINE_EVENT_APP_RESTART:
	case MACHINE_EVENT_POD_EXIT:
	case MACHINE_EVENT_PROTOCOL_ERROR:
		return;
	}
}
