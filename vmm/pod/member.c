/*
 * A container in the virtual machine of another pod: its process on the host. It is made as a pod's
 * is, and serves as that of a command does (exec.c); what is the container's own is here.
 */
#include "vmm/pod/member.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/pod/client.h"
#include "vmm/pod/control_socket.h"
#include "vmm/pod/host_view.h"
#include "vmm/pod/life.h"
#include "vmm/pod/member_internal.h"
#include "vmm/pod/member_shares.h"
#include "vmm/pod/members.h"
#include "vmm/pod/pods.h"
#include "vmm/pod/proc_view.h"
#include "vmm/pod/record.h"
#include "vmm/pod/report.h"
#include "vmm/pod/sources.h"

enum { STATUS_KILLED = 128 + SIGKILL };

bool member_find_sandbox(const struct pod_directory *pod, char uuid[UUID_TEXT_SIZE])
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	if (io_read_file(pod->fd, POD_SANDBOX_NAME, UUID_TEXT_SIZE, &text, &len, NULL) < 0 ||
	    len != UUID_TEXT_SIZE)
		return false;
	memcpy(uuid, text, UUID_TEXT_SIZE - 1);
	uuid[UUID_TEXT_SIZE - 1] = '\0';
	return uuid_is_canonical(uuid);
}

struct start_names member_names(const struct member *member)
{
	return start_names_of_options(run_app_options(member->run, 0));
}

/* What is said when the container ends is said by the machine, or it was killed with that. */
static int end_app(struct member *member, const struct machine_event *event)
{
	struct error err = ERROR_NONE;

	member->was_out_of_memory = event->flags & EXIT_FLAG_OOM;
	if (member->was_out_of_memory)
		host_view_note_oom(member->engine_fd);
	if (app_states_on_exit(&member->states, event, &member->directory, &err) < 0)
		report(REPORT_WARNING, "%s", err.text);
	return 0;
}

void member_on_child(struct member *member, pid_t pid, int status)
{
	(void)proc_view_reap(member->run->proc_view, pid, status);
}

int member_on_reply(struct exec *exec, const struct pod_reply *reply, struct error *err)
{
	struct member *member = exec->member;
	const struct machine_event exit = { .kind = reply->exit_kind,
					    .code = reply->exit_code,
					    .flags = reply->flags & POD_REPLY_OOM
							 ? (uint32_t)EXIT_FLAG_OOM
							 : 0 };

	switch ((enum pod_app_state)reply->app_state) {
	case POD_APP_HELD:
		(void)app_states_on_held(&member->states, 0);
		member->is_there = true;
		detach_started(exec->detach, exec->uuid);
		return 0;
	case POD_APP_RUNNING:
		app_states_on_start(&member->states, 0);
		if (host_view_enter(run_app_options(member->run, 0), member->run->host_sources,
				    err) < 0)
			return -1;
		proc_view_begin(member->run->proc_view);
		return 0;
	case POD_APP_EXITED:
		return end_app(member, &exit);
	case POD_APP_WAITING:
		break;
	}
	return 0;
}

/* As many at a time as a request takes. */
static int send_shares(const struct exec *exec, struct volume_set *volumes, struct error *err)
{
	struct pod_request request = client_request(POD_REQUEST_SHARE);
	int fds[POD_REQUEST_FDS_MAX];
	struct pod_reply reply;

	request.app = exec->app;
	request.serial = exec->serial;
	for (unsigned first = 0; first < volumes->share_count; first += POD_REQUEST_FDS_MAX) {
		unsigned count = 0;

		request.flags = 0;
		for (; count < POD_REQUEST_FDS_MAX && first + count < volumes->share_count;
		     count++) {
			const struct volume_share *share = &volumes->shares[first + count];
			uint32_t flags = (share->read_only ? MEMBER_SHARE_READ_ONLY : 0U) |
					 (share->recursive ? MEMBER_SHARE_RECURSIVE : 0U);

			fds[count] = share->fd;
			request.flags |= flags << count * MEMBER_SHARE_BITS;
		}
		if (client_send(exec->socket, &request, fds, count, err) < 0 ||
		    client_receive(exec->socket, &reply, err) < 0)
			return -1;
	}
	return 0;
}

/* The record points to the names where they are. */
static void name_shares(struct volume_set *volumes, uint32_t id)
{
	char name[MEMBER_SHARE_NAME_MAX];

	for (unsigned i = 0; i < volumes->share_count; i++) {
		member_shares_name(name, (id - FRAME_ID_ADDED_FIRST) % FRAME_ADDED_MAX, i);
		(void)snprintf(volumes->shares[i].name, sizeof(volumes->shares[i].name), "%.15s",
			       name);
	}
}

int member_add_record(struct exec *exec, struct exec_parcel *parcel, struct error *err)
{
	const struct pod_request request = client_request(POD_REQUEST_MEMBER);
	struct assembly *assembly = exec->member->assembly;
	struct pod_app *app = assembly->apps;
	_cleanup_free_ void *record = NULL;
	struct pod_reply reply;
	size_t len;
	int fd;

	if (client_ask(exec->socket, &request, &reply, err) < 0)
		return -1;
	exec->app = reply.app;
	exec->serial = reply.serial;
	name_shares(&assembly->volumes, reply.app);
	if (send_shares(exec, &assembly->volumes, err) < 0)
		return -1;
	volume_set_close(&assembly->volumes);
	app->hold = true;
	exec_complete_process(exec, app);
	if (record_build_member(app, &record, &len, err) < 0)
		return -1;
	fd = exec_write_record(record, len, err);
	if (fd < 0)
		return -1;
	exec_add_fd(parcel, MACHINE_ADD_RECORD, fd);
	return 0;
}

/* What others need to find the container. */
static int appear(struct member *member, const struct pod_images *images, struct error *err)
{
	const struct run_options *run = member->run;
	char sandbox[UUID_TEXT_SIZE + 1];
	int fd = member->directory.fd;

	(void)snprintf(sandbox, sizeof(sandbox), "%s\n", member->sandbox->uuid);
	if (life_make_statuses(&member->directory, err) < 0 ||
	    directory_write(fd, POD_SANDBOX_NAME, sandbox, UUID_TEXT_SIZE, false, err) < 0 ||
	    directory_write(fd, POD_BUNDLE_NAME, run->bundle, run->bundle_bytes, false, err) < 0 ||
	    (run->unfinished && directory_write(fd, POD_CREATING_NAME, "", 0, false, err) < 0) ||
	    life_write_launch(&member->directory, run, &member->states, images, err) < 0 ||
	    life_write_pid(&member->directory, member->exec->detach->pid, err) < 0)
		return -1;
	for (unsigned i = 0; i < run->warnings.count; i++)
		report(REPORT_WARNING, "%s", run->warnings.items[i]);
	if (run->engine_directory)
		member->engine_fd = open(run->engine_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return 0;
}

/* Returns the connection to the sandbox's supervisor. */
static int open_sandbox(struct member *member, const char *uuid, struct error *err)
{
	struct pod_directory sandbox;
	int found = pods_open_one(member->directory.pods_fd, uuid, &sandbox, err);

	if (found <= 0)
		return found < 0 ? -1 : error_set(err, 0, "the sandbox has gone");
	member->sandbox_fd = sandbox.fd;
	return client_connect_pod(&sandbox, err);
}

/* Returns as exec_serve(). */
static int serve(struct member *member, struct detach *detach, struct error *err)
{
	static struct sources sources;
	static struct assembly assembly;
	const struct app_options *app = run_app_options(member->run, 0);
	const struct exec_options exec_options = { .interactive = true,
						   .tty = app->tty,
						   .lost_status = STATUS_KILLED };
	static struct exec exec;

	exec = (struct exec){ .options = &exec_options,
			      .detach = detach,
			      .member = member,
			      .uuid = member->directory.uuid,
			      .socket = -1,
			      .signals = -1,
			      .input = -1 };
	memcpy(exec.stdio, detach->stdio, sizeof(exec.stdio));
	member->exec = &exec;
	member->assembly = &assembly;
	if (sources_read(&sources, member->run, err) < 0 ||
	    sources_assemble(&sources, &assembly, err) < 0)
		return -1;
	assembly.apps[0].own_ipc = member->sandbox->has_own_ipc;
	if (member->sandbox->has_own_uts)
		assembly.apps[0].hostname = member->run->hostname;
	app_states_begin(&member->states, &assembly.pod);
	if (detach_keep_messages(detach, member->directory.fd, err) < 0 ||
	    appear(member, &sources.images, err) < 0)
		return -1;
	pod_images_let_go(&sources.images);
	exec.socket = open_sandbox(member, member->sandbox->uuid, err);
	if (exec.socket < 0 || host_cgroup_enter(member->run->host_cgroup, err) < 0)
		return -1;
	if (member->run->host_cgroup)
		member->cgroup_fd = host_cgroup_open(member->run->host_cgroup);
	return exec_serve(&exec, assembly.apps[0].argv, err);
}

/* Of one whose machine has gone nobody says more. */
static int settle_status(struct member *member, int status)
{
	const struct machine_event killed = { .kind = EXIT_KIND_SIGNAL, .code = SIGKILL };
	struct error err = ERROR_NONE;

	if (member->is_there && status < 0)
		status = STATUS_KILLED;
	if (status == STATUS_KILLED && member->states.apps[0].state == POD_APP_RUNNING)
		(void)end_app(member, &killed);
	if (member->is_there && app_states_finish(&member->states, &member->directory, &err) < 0)
		report(REPORT_WARNING, "%s", err.text);
	return status;
}

int member_run(const struct run_options *run, const struct sandbox *sandbox, struct detach *detach,
	       struct error *err)
{
	static struct member member;
	struct error cause = ERROR_NONE;
	int pods_fd = pods_open(run->store_root, true, err), status = -1;

	member = (struct member){ .run = run,
				  .sandbox = sandbox,
				  .sandbox_fd = -1,
				  .engine_fd = -1,
				  .cgroup_fd = -1,
				  .control_fd = -1 };
	member_begin_links(&member);
	if (pods_fd < 0 ||
	    directory_create_as(pods_fd, POD_PLACE_RUN, run->uuid, &member.directory, err) < 0)
		return -1;
	if (run_take_name(run, pods_fd, member.directory.uuid, err) == 0)
		member.control_fd = control_socket_bind(member.directory.fd, err);
	if (member.control_fd >= 0)
		status = settle_status(&member, serve(&member, detach, err));
	proc_view_end(run->proc_view);
	if (member.was_out_of_memory)
		host_cgroup_note_oom(member.cgroup_fd);
	detach_ended(detach, member.directory.fd);
	if (!member.is_there)
		(void)directory_remove(&member.directory, NULL);
	else if (life_write_end(&member.directory, status, &cause) < 0)
		report(REPORT_WARNING, "%s", cause.text);
	return status;
}
