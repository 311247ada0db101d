/*
 * A machine that makes one archive, and what supervises it: the archive's bytes are moved and
 * counted, not looked at; from the machine come records of a fixed size, and at the end one struct
 * export_summary, which says how many bytes there should be.
 */
#include "vmm/pod/export_machine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/machine/files.h"
#include "vmm/machine/machine.h"
#include "vmm/pod/launch.h"
#include "vmm/pod/run.h"
#include "vmm/pod/signals.h"

enum {
	MEMORY_BYTES = 256 << 20,
	PIECE_BYTES = 1 << 18,
};

struct export_machine {
	const struct export_request *request;
	struct plan plan;
	pid_t pid, files_pid; /* 0: none */
	int files_server;
	int socket;
	int tar, summary; /* where the streams are read */
	uint64_t bytes;	  /* that have been moved */
	char *piece;	  /* of PIECE_BYTES, through which they go */
	bool is_there;	  /* guest-init has said hello */
	bool has_ended;	  /* with status */
	enum export_status status;
	struct error *err;
};

static int make_stream(struct plan *plan, uint32_t port, int *end, struct error *err)
{
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) < 0 || fcntl(pair[1], F_SETFL, O_NONBLOCK) < 0)
		return error_set(err, errno, "cannot make a pipe");
	/* As much as one piece, if that is allowed. */
	(void)fcntl(pair[0], F_SETPIPE_SZ, PIECE_BYTES);
	plan->streams[plan->stream_count++] = (struct plan_stream){
		.port = port,
		.kind = PLAN_STREAM_OUT,
		.fd_in = -1,
		.fd_out = pair[1],
		.private_out = true,
	};
	*end = pair[0];
	return 0;
}

static int make_share(struct export_machine *machine, struct error *err)
{
	struct p9_channel_fds fds;

	if (machine->request->directory_fd < 0)
		return 0;
	if (p9_channel_create(&fds, err) < 0)
		return -1;
	machine->plan.files[PLAN_FILES_CACHED] =
	    (struct plan_files){ fds.device_socket, fds.memory_fd };
	machine->files_server = fds.server_socket;
	return 0;
}

static int make_plan(struct export_machine *machine, struct error *err)
{
	static const struct run_options none;
	const struct export_request *request = machine->request;
	struct plan *plan = &machine->plan;
	int pair[2];

	if (launch_begin_plan(plan, &none, err) < 0)
		return -1;
	plan->cpus = 1;
	plan->memory_bytes = MEMORY_BYTES;
	memcpy(plan->disks, request->disks, sizeof(request->disks));
	plan->disk_count = request->disk_count;
	if (make_stream(plan, EXPORT_PORT_TAR, &machine->tar, err) < 0 ||
	    make_stream(plan, EXPORT_PORT_SUMMARY, &machine->summary, err) < 0 ||
	    make_share(machine, err) < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(err, errno, "cannot make a socket pair");
	machine->socket = pair[0];
	plan->supervisor_socket = pair[1];
	return 0;
}

/* The others' ends of everything, once they have them or never will. */
static void close_plan(struct export_machine *machine)
{
	struct plan *plan = &machine->plan;

	cleanup_fd(&machine->files_server);
	cleanup_fd(&plan->files[PLAN_FILES_CACHED].socket);
	cleanup_fd(&plan->files[PLAN_FILES_CACHED].memory);
	cleanup_fd(&plan->kvm_fd);
	cleanup_fd(&plan->kernel_fd);
	cleanup_fd(&plan->initramfs_fd);
	cleanup_fd(&plan->supervisor_socket);
	for (unsigned i = 0; i < plan->stream_count; i++)
		cleanup_fd(&plan->streams[i].fd_out);
}

/* Sockets say that too, but not to one that has not come so far. */
static void end_with(pid_t parent)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
}

static int start_files(struct export_machine *machine, struct error *err)
{
	static struct files_request request;
	pid_t parent = getpid();

	if (machine->files_server < 0)
		return 0;
	machine->files_pid = fork();
	if (machine->files_pid < 0)
		return error_set(err, errno, "cannot start the files process");
	if (machine->files_pid > 0)
		return 0;
	signals_become_role("nacelle-files");
	end_with(parent);
	request =
	    (struct files_request){ .change_ids = machine->plan.change_ids, .channel_count = 1 };
	request.channels[0] = (struct files_channel){
		.socket = machine->files_server,
		.memory = machine->plan.files[PLAN_FILES_CACHED].memory,
		.share_count = 1,
		.shares = { { .name = EXPORT_SHARE_NAME,
			      .fd = machine->request->directory_fd,
			      .read_only = true } },
	};
	files_run(&request);
}

static int start(struct export_machine *machine, struct error *err)
{
	pid_t parent = getpid();

	if (start_files(machine, err) < 0)
		return -1;
	machine->pid = fork();
	if (machine->pid < 0)
		return error_set(err, errno, "cannot start the machine process");
	if (machine->pid > 0)
		return 0;
	signals_become_role("nacelle-vm");
	end_with(parent);
	machine_run(&machine->plan, 1, machine->request->archive, machine->request->archive_bytes);
}

static int fail(const struct export_machine *machine, const char *why)
{
	return error_set(machine->err, 0, "the export has failed: %s", why);
}

static int on_pod_exit(struct export_machine *machine, const struct machine_event *event)
{
	machine->has_ended = true;
	if (event->kind == EXIT_KIND_INIT_FAILURE)
		return error_set(machine->err, (int)event->code,
				 "the export has failed: the guest could not be set up");
	if (event->kind != EXIT_KIND_CODE || event->code > EXPORT_HOST_GONE)
		return fail(machine, "the guest ended with a status that does not exist");
	machine->status = (enum export_status)event->code;
	return 0;
}

static int on_event(struct export_machine *machine, const struct machine_event *event)
{
	if (event->type == MACHINE_EVENT_POD_EXIT)
		return on_pod_exit(machine, event);
	if (event->type != MACHINE_EVENT_HELLO)
		return fail(machine, "the guest broke the rules of the control connection");
	machine->is_there = true;
	return 0;
}

static int on_record(struct export_machine *machine)
{
	struct machine_record record;
	ssize_t n = recv(machine->socket, &record, sizeof(record), 0);

	/* ECONNRESET says that it has not read a command; its last words are behind that. */
	if (n < 0 && (errno == EINTR || errno == ECONNRESET))
		return 0;
	if (n != (ssize_t)sizeof(record))
		return machine->has_ended ? 0 : fail(machine, "the machine process has died");
	switch ((enum machine_record_type)record.type) {
	case MACHINE_RECORD_EVENT:
		return on_event(machine, &record.event);
	case MACHINE_RECORD_FAILED:
		record.text[sizeof(record.text) - 1] = '\0';
		return fail(machine, record.text);
	case MACHINE_RECORD_GUEST_END:
		return fail(machine, "the guest kernel has stopped; the disk may be damaged");
	case MACHINE_RECORD_STAGE:
	case MACHINE_RECORD_DIAL:
	case MACHINE_RECORD_PAUSED:
		break;
	}
	return fail(machine, "the machine process has said what it may not say");
}

/* Returns 1, 0 at the end, or -1. */
static int move_piece(struct export_machine *machine)
{
	ssize_t n = read(machine->tar, machine->piece, PIECE_BYTES);

	if (n < 0 && errno == EINTR)
		return 1;
	if (n < 0)
		return error_set(machine->err, errno, "cannot read what the machine exports");
	machine->bytes += (uint64_t)n;
	if (n > 0 && io_write_all(machine->request->output, machine->piece, (size_t)n) < 0)
		return error_set(machine->err, errno, "cannot write the archive");
	return n > 0;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Milliseconds that guest-init still has to say hello; -1 if it has. */
static int time_left(const struct export_machine *machine, uint64_t limit_ms)
{
	uint64_t now = now_ms();

	if (machine->is_there)
		return -1;
	return now < limit_ms ? (int)((limit_ms - now) % INT_MAX) : 0;
}

/* Until the status is known and all that was under way has been moved. */
static int serve(struct export_machine *machine)
{
	const uint64_t limit_s = machine->request->boot_timeout_s;
	const uint64_t limit_ms =
	    now_ms() + (limit_s ? limit_s : (uint64_t)RUN_BOOT_TIMEOUT_DEFAULT_S) * 1000;
	struct pollfd fds[] = { { .fd = machine->socket, .events = POLLIN },
				{ .fd = machine->tar, .events = POLLIN } };

	while (!machine->has_ended || fds[1].fd >= 0) {
		int n = poll(fds, 2, time_left(machine, limit_ms));

		if (n < 0 && errno != EINTR)
			return error_set(machine->err, errno, "cannot poll");
		if (n < 0)
			continue;
		if (n == 0)
			return fail(machine, "the guest did not report in time");
		if (fds[1].revents) {
			int moved = move_piece(machine);

			if (moved < 0)
				return -1;
			if (moved == 0)
				fds[1].fd = -1;
		}
		if (fds[0].revents && on_record(machine) < 0)
			return -1;
		if (machine->has_ended)
			fds[0].fd = -1;
	}
	return 0;
}

/* Nothing that was cut off passes as whole. */
static int check(struct export_machine *machine)
{
	struct export_summary summary;

	/* Another machine will write to the same place. */
	if (machine->status == EXPORT_UNCLEAN && machine->bytes)
		return fail(machine, "the guest wrote an archive of a disk that it could not read");
	if (machine->status != EXPORT_DONE)
		return 0;
	if (io_read_full(machine->summary, &summary, sizeof(summary)) != (ssize_t)sizeof(summary) ||
	    le64_get(summary.bytes) != machine->bytes || le64_get(summary.entries) == 0)
		return fail(machine, "the archive has not come whole");
	return 0;
}

static void end(pid_t pid)
{
	if (pid <= 0)
		return;
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

int export_machine_run(const struct export_request *request, enum export_status *status,
		       struct error *err)
{
	struct export_machine machine = { .request = request,
					  .files_server = -1,
					  .socket = -1,
					  .tar = -1,
					  .summary = -1,
					  .piece = malloc(PIECE_BYTES),
					  .plan = { .files[PLAN_FILES_CACHED] = { -1, -1 },
						    .kvm_fd = -1,
						    .kernel_fd = -1,
						    .initramfs_fd = -1,
						    .supervisor_socket = -1 },
					  .err = err };
	int result =
	    machine.piece ? make_plan(&machine, err) : error_set(err, ENOMEM, "cannot export");

	if (result == 0)
		result = start(&machine, err);
	close_plan(&machine);
	if (result == 0)
		result = serve(&machine);
	if (result == 0)
		result = check(&machine);
	end(machine.pid);
	end(machine.files_pid);
	cleanup_fd(&machine.socket);
	cleanup_fd(&machine.tar);
	cleanup_fd(&machine.summary);
	free(machine.piece);
	*status = machine.status;
	return result;
}
