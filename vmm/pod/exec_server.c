/*
 * The supervisor's side of added processes. Events come from the machine, which has checked the
 * guest's part in them; ids are checked again.
 */
#include "vmm/pod/exec_server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/machine/machine.h"
#include "vmm/pod/members.h"
#include "vmm/pod/supervisor.h"

enum {
	STREAM_FLAGS =
	    MACHINE_ADD_RECORD | MACHINE_ADD_STDIN | MACHINE_ADD_STDOUT | MACHINE_ADD_STDERR,
	KNOWN_FLAGS = STREAM_FLAGS | MACHINE_ADD_TERMINAL | MACHINE_ADD_STDIN_PRIVATE |
		      MACHINE_ADD_STDOUT_PRIVATE | MACHINE_ADD_STDERR_PRIVATE |
		      MACHINE_ADD_STDIN_SOCKET | MACHINE_ADD_STDOUT_SOCKET |
		      MACHINE_ADD_STDERR_SOCKET,
	OUR_FLAGS = POD_ADD_DETACHED | POD_ADD_LEASHED | POD_ADD_IGNORE_PAUSED,
};

uint32_t exec_server_id(const struct supervisor *supervisor, const struct exec_slot *slot)
{
	return FRAME_ID_ADDED_FIRST + (uint32_t)(slot - supervisor->exec.slots);
}

struct exec_slot *exec_server_find(struct supervisor *supervisor, uint32_t id)
{
	uint32_t index = id - FRAME_ID_ADDED_FIRST;

	if (index >= FRAME_ADDED_MAX || !supervisor->exec.slots[index].used)
		return NULL;
	return &supervisor->exec.slots[index];
}

/* The client has gone: what it asked for gets to know that. */
static void on_client_end(struct pod_client *client)
{
	struct supervisor *supervisor = client->server->supervisor;
	struct exec_slot *slot = client->context;
	const struct machine_command command = { .type = MACHINE_COMMAND_HANG_UP,
						 .id = exec_server_id(supervisor, slot) };
	const struct machine_command kill = { .type = MACHINE_COMMAND_SIGNAL,
					      .app = exec_server_id(supervisor, slot),
					      .signal = SIGKILL };

	slot->client = NULL;
	if (slot->member.serial && !slot->member.state) {
		members_give_up(supervisor, slot);
		return;
	}
	if (slot->member.state == POD_APP_EXITED)
		return;
	if (!slot->detached)
		supervisor_command(supervisor, &command);
	if (slot->leashed)
		supervisor_command(supervisor, &kill);
}

struct exec_slot *exec_server_free_slot(struct supervisor *supervisor)
{
	for (unsigned i = 0; i < FRAME_ADDED_MAX; i++)
		if (!supervisor->exec.slots[i].used)
			return &supervisor->exec.slots[i];
	return NULL;
}

void exec_server_bind(struct exec_slot *slot, struct pod_client *client)
{
	slot->client = client;
	client->context = slot;
	client->on_end = on_client_end;
	client->has_added = true;
}

void exec_server_unbind(struct pod_client *client)
{
	client->on_end = NULL;
	client->context = NULL;
}

/* The slot of a connection, or NULL if it has none. */
static struct exec_slot *slot_of(const struct pod_client *client)
{
	return client->on_end == on_client_end ? client->context : NULL;
}

static int refuse(struct pod_client *client, const struct pod_request *request, int error,
		  const char *text)
{
	(void)pod_client_refuse(client, request, error, text);
	return 0;
}

bool exec_server_check_flags(uint32_t flags, uint32_t ours, unsigned fd_count)
{
	return !(flags & ~((uint32_t)KNOWN_FLAGS | ours)) && flags & MACHINE_ADD_RECORD &&
	       (unsigned)__builtin_popcount(flags & STREAM_FLAGS) == fd_count;
}

/* An app, or a container that was added. */
static bool exists(struct supervisor *supervisor, const struct pod_request *request)
{
	return request->app < supervisor->apps.count || members_find(supervisor, request);
}

int exec_server_add(struct supervisor *supervisor, struct pod_client *client,
		    const struct pod_request *request, int *fds, unsigned fd_count)
{
	struct machine_command command = { .type = MACHINE_COMMAND_ADD,
					   .app = request->app,
					   .flags = request->flags & (uint32_t)KNOWN_FLAGS };
	struct exec_slot *slot = exec_server_free_slot(supervisor);
	int taken[MACHINE_ADD_FDS_MAX];

	if (request->flags & POD_ADD_MEMBER)
		return members_add(supervisor, client, request, fds, fd_count);
	if (!exists(supervisor, request))
		return ENOENT;
	if (!exec_server_check_flags(request->flags, OUR_FLAGS, fd_count) || client->on_end)
		return EINVAL;
	if (request->app < supervisor->apps.count &&
	    supervisor->apps.apps[request->app].state == POD_APP_EXITED)
		return refuse(client, request, ESRCH, "the app has ended");
	if (supervisor->reply_flags & POD_REPLY_PAUSED && !(request->flags & POD_ADD_IGNORE_PAUSED))
		return refuse(client, request, EAGAIN, "the pod is paused; resume it first");
	if (!slot)
		return refuse(client, request, EAGAIN,
			      "the pod runs as many commands as it can; wait for one to end");
	*slot = (struct exec_slot){ .used = true,
				    .detached = request->flags & POD_ADD_DETACHED,
				    .leashed = request->flags & POD_ADD_LEASHED };
	exec_server_bind(slot, client);
	command.id = exec_server_id(supervisor, slot);
	for (unsigned i = 0; i < fd_count; i++)
		taken[i] = steal_fd(&fds[i]);
	if (supervisor_command_with_fds(supervisor, &command, taken, fd_count))
		return 0;
	exec_server_unbind(client);
	*slot = (struct exec_slot){ .used = false };
	return refuse(client, request, EAGAIN, "the pod does not listen; try again later");
}

uint32_t exec_server_add_own(struct supervisor *supervisor, uint32_t app, int record_fd,
			     void (*done)(struct supervisor *supervisor,
					  const struct machine_event *exit))
{
	struct machine_command command = { .type = MACHINE_COMMAND_ADD,
					   .app = app,
					   .flags = MACHINE_ADD_RECORD };
	struct exec_slot *slot = exec_server_free_slot(supervisor);

	if (!slot) {
		close(record_fd);
		return 0;
	}
	*slot = (struct exec_slot){ .used = true, .detached = true, .done = done };
	command.id = exec_server_id(supervisor, slot);
	if (supervisor_command_with_fds(supervisor, &command, &record_fd, 1))
		return command.id;
	*slot = (struct exec_slot){ .used = false };
	return 0;
}

bool exec_server_winsize(struct supervisor *supervisor, const struct pod_client *client,
			 uint16_t rows, uint16_t columns)
{
	const struct exec_slot *slot = slot_of(client);
	struct machine_command command = { .type = MACHINE_COMMAND_WINSIZE,
					   .rows = rows,
					   .columns = columns };

	if (!slot)
		return client->has_added;
	command.app = exec_server_id(supervisor, slot);
	supervisor_command(supervisor, &command);
	return true;
}

bool exec_server_kill(struct supervisor *supervisor, const struct pod_client *client,
		      uint32_t signal)
{
	const struct exec_slot *slot = slot_of(client);
	struct machine_command command = { .type = MACHINE_COMMAND_SIGNAL, .signal = signal };

	if (!slot)
		return client->has_added;
	command.app = exec_server_id(supervisor, slot);
	supervisor_command(supervisor, &command);
	return true;
}

void exec_server_tell(struct supervisor *supervisor, struct pod_client *client,
		      const struct machine_event *event)
{
	struct pod_reply reply = { .magic = POD_REQUEST_MAGIC,
				   .type = POD_REQUEST_ADD,
				   .app_count = supervisor->apps.count,
				   .app = event->app,
				   .app_state = POD_APP_RUNNING };

	if (event->type == MACHINE_EVENT_APP_HELD)
		reply.app_state = POD_APP_HELD;
	if (event->type == MACHINE_EVENT_APP_EXIT) {
		reply.app_state = POD_APP_EXITED;
		reply.exit_kind = event->kind;
		reply.exit_code = event->code;
		reply.step = event->step;
		reply.hook = event->hook;
		reply.start_error = event->error;
		reply.flags = event->flags & EXIT_FLAG_OOM ? POD_REPLY_OOM : 0;
	}
	if (client)
		(void)pod_client_reply(client, &reply);
}

void exec_server_on_event(struct supervisor *supervisor, const struct machine_event *event)
{
	struct exec_slot *slot = exec_server_find(supervisor, event->app);
	void (*done)(struct supervisor *, const struct machine_event *);
	struct pod_client *client;

	if (!slot)
		return;
	if (slot->member.serial) {
		members_on_event(supervisor, slot, event);
		return;
	}
	client = slot->client;
	done = slot->done;
	if (event->type == MACHINE_EVENT_APP_EXIT) {
		if (client)
			exec_server_unbind(client);
		*slot = (struct exec_slot){ .used = false };
		if (done)
			done(supervisor, event);
	}
	exec_server_tell(supervisor, client, event);
}
