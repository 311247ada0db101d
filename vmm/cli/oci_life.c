/*
 * nacelle-oci create, run, start, kill, delete, pause, resume: what changes a container. The words
 * of errors are those that podman and containerd look for.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/signal_text.h"
#include "vmm/cli/oci.h"
#include "vmm/pod/bundle.h"
#include "vmm/pod/create.h"
#include "vmm/pod/detach.h"
#include "vmm/pod/exec.h"
#include "vmm/pod/gc.h"
#include "vmm/pod/hooks.h"
#include "vmm/pod/host_view.h"
#include "vmm/pod/pod_name.h"
#include "vmm/pod/sandbox.h"
#include "vmm/pod/stdio.h"
#include "vmm/pod/stop.h"
#include "vmm/pod/uuid.h"

/* How long the end of a container that ends is awaited: a second. */
enum { END_TURNS = 100, TURN_MS = 10 };

bool oci_stdio_present[3];

void oci_started(void)
{
	stdio_reserve(oci_stdio_present);
}

int oci_check_descriptors(const struct oci_options *options, struct error *err)
{
	const char *text = options->preserve_fds;

	if (!text || (*text && !text[strspn(text, "0")]))
		return 0;
	if (!*text || text[strspn(text, "0123456789")])
		return error_set(err, 0, "--preserve-fds %s: a number is expected", text);
	return error_set(err, 0,
			 "--preserve-fds %s: open files and sockets of the host cannot be handed "
			 "to a virtual machine",
			 text);
}

static int check_options(const struct oci_options *options, const char *id, struct error *err)
{
	struct oci_container container;
	int found;

	if (oci_check_descriptors(options, err) < 0)
		return -1;
	if (pod_name_check(id, NULL) < 0)
		return error_set(err, 0, "invalid container id format: %s", id);
	found = oci_container_find(id, OCI_HELD, &container, err);
	if (found <= 0)
		return found;
	oci_container_close(&container);
	return error_set(err, 0, "container with given ID already exists: %s", id);
}

static int check_terminal(const struct oci_options *options, const struct oci_bundle *bundle,
			  struct error *err)
{
	bool terminal = bundle->numbers[OCI_TERMINAL];

	if (terminal && !options->console_socket)
		return error_set(err, 0,
				 "process.terminal needs --console-socket, to which the "
				 "terminal is sent");
	if (!terminal && options->console_socket)
		return error_set(err, 0,
				 "--console-socket is for a container with process.terminal");
	return 0;
}

int oci_write_pid(const char *path, pid_t pid, struct error *err)
{
	_cleanup_free_ char *temporary = NULL;
	_cleanup_fd_ int fd = -1;

	if (!path)
		return 0;
	if (asprintf(&temporary, "%s.%d", path, (int)getpid()) < 0) {
		temporary = NULL;
		return error_set(err, ENOMEM, "cannot write the pid file");
	}
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return error_set(err, errno, "cannot write the pid file %s", path);
	if (dprintf(fd, "%d", (int)pid) < 0 || rename(temporary, path) < 0) {
		(void)error_set(err, errno, "cannot write the pid file %s", path);
		(void)unlink(temporary);
		return -1;
	}
	return 0;
}

static int remove_ended(struct oci_container *container, const char *id, struct error *given_up,
			struct error *err)
{
	int result =
	    pod_remove(&container->pod, container->bundle.texts[OCI_CGROUP], given_up, err);

	if (result == 0)
		oci_hooks_poststop(container, id);
	return result;
}

static int remove_by_force(struct oci_container *container, const char *id, struct error *err)
{
	struct error given_up = ERROR_NONE;

	if (directory_is_held(&container->pod) && pod_stop_by_force(&container->pod, err) < 0 &&
	    directory_is_held(&container->pod))
		return -1;
	return remove_ended(container, id, &given_up, err);
}

static void undo(const char *id)
{
	struct error ignored = ERROR_NONE;
	struct oci_container container;

	if (oci_container_open(id, OCI_HELD, &container, &ignored) < 0)
		return;
	(void)remove_by_force(&container, id, &ignored);
	oci_container_close(&container);
}

/* Lives as long as the process: the supervisor goes on with it. */
static struct {
	struct oci_bundle bundle;
	struct run_options run;
	struct app_options app;
	struct keep keep;
	char uuid[UUID_TEXT_SIZE];
} made;

/* Somebody else may have the id by now: it is the UUID that counts. */
static void clear_up(const char *id)
{
	_cleanup_fd_ int pods_fd = pods_open(oci_root(), false, NULL);

	if (pods_fd >= 0)
		pod_clear_up(pods_fd, made.uuid, id, made.run.host_cgroup);
}

static bool has_create_hooks(void)
{
	return oci_bundle_has_hooks(&made.bundle, OCI_PRESTART, OCI_CREATE_CONTAINER);
}

/* What comes once the machine is there. */
static int finish(const struct oci_options *options, const char *id, pid_t pid, struct error *err)
{
	struct oci_container container;
	int result = 0;

	if ((made.run.unfinished || oci_globals.log) &&
	    oci_container_open(id, OCI_HELD, &container, err) < 0)
		return -1;
	if (made.run.unfinished)
		result = oci_hooks_create(&container, id, &made.app, err);
	if (result == 0)
		result = oci_write_pid(options->pid_file, pid, err);
	if (result == 0 && oci_globals.log)
		oci_log_messages(&container.pod, 0);
	if (made.run.unfinished || oci_globals.log)
		oci_container_close(&container);
	return result;
}

/* In a machine of its own, or in that of its sandbox. */
static int make(const struct orphan_options *orphan, pid_t *pid, struct error *err)
{
	struct create_options create = { .run = &made.run, .orphan = *orphan };
	struct sandbox sandbox;
	int found = sandbox_find(made.run.store_root, &made.bundle, &sandbox, err);

	if (found > 0)
		create.sandbox = &sandbox;
	return found < 0 ? -1 : pod_create(&create, pid, err);
}

static int create(const struct oci_options *options, const char *id, pid_t *pid, struct error *err)
{
	struct orphan_options orphan = { .console_socket = options->console_socket };
	const char *directory = options->bundle ? options->bundle : ".";
	/* In the guest, which its hooks see, the container's process is the first. */
	const struct hooks_container first = { .bundle = &made.bundle, .id = id, .pid = 1 };

	memcpy(orphan.stdio_present, oci_stdio_present, sizeof(oci_stdio_present));
	if (check_options(options, id, err) < 0 ||
	    bundle_load(&made.bundle, directory, options->config, err) < 0 ||
	    check_terminal(options, &made.bundle, err) < 0 ||
	    bundle_settle(&made.bundle, &made.run, &made.app, &made.keep, err) < 0 ||
	    uuid_make(made.uuid, err) < 0)
		return -1;
	made.run.uuid = made.uuid;
	made.run.unfinished = has_create_hooks();
	made.app.start_state = hooks_state(OCI_START_CONTAINER, &first);
	if (!made.app.start_state)
		return error_set(err, ENOMEM, "cannot tell hooks of the container");
	made.run.name = id;
	made.run.store_root = oci_root();
	made.run.boot_timeout_s = RUN_BOOT_TIMEOUT_OCI_S;
	orphan.rows = (uint16_t)made.bundle.numbers[OCI_ROWS];
	orphan.columns = (uint16_t)made.bundle.numbers[OCI_COLUMNS];
	if (make(&orphan, pid, err) < 0) {
		clear_up(id);
		return -1;
	}
	if (finish(options, id, *pid, err) == 0)
		return 0;
	undo(id);
	return -1;
}

int oci_create(const void *options, int argc, char **argv, struct error *err)
{
	pid_t pid;

	(void)argc;
	return create(options, argv[0], &pid, err);
}

static int start_made(const struct oci_container *container, const char *id, struct error *err)
{
	size_t said = oci_messages_size(&container->pod);
	struct error ignored = ERROR_NONE;

	if (pod_start(&container->pod, err) < 0)
		return -1;
	if (oci_hooks_poststart(container, id, err) < 0) {
		(void)pod_stop_by_force(&container->pod, &ignored);
		return -1;
	}
	oci_log_messages(&container->pod, said);
	return 0;
}

static int start(const char *id, struct error *err)
{
	struct oci_container container;
	int result;

	/* The supervisor may be busy with what create has just begun. */
	if (oci_container_open(id, OCI_ASK_PATIENTLY, &container, err) < 0)
		return -1;
	if (strcmp(container.status, "stopped") == 0)
		result = error_set(err, 0, "cannot start a container that has stopped");
	else if (strcmp(container.status, "creating") == 0)
		result = error_set(err, 0, "cannot start a container that is being created");
	else if (strcmp(container.status, "created") != 0)
		result = error_set(err, 0, "cannot start an already running container");
	else
		result = start_made(&container, id, err);
	oci_container_close(&container);
	return result;
}

int oci_start(const void *options, int argc, char **argv, struct error *err)
{
	(void)options;
	(void)argc;
	return start(argv[0], err);
}

int oci_run(const void *given, int argc, char **argv, struct error *err)
{
	const struct oci_options *options = given;
	const char *id = argv[0];
	int status;
	pid_t pid;

	(void)argc;
	if (create(options, id, &pid, err) < 0)
		return -1;
	if (start(id, err) < 0) {
		undo(id);
		return -1;
	}
	if (options->detach)
		return 0;
	status = detach_exit_status(pid);
	if (!options->keep)
		undo(id);
	return status < 0 ? error_set(err, ECHILD, "cannot wait for the container") : status;
}

static int read_signal(const char *text, uint32_t *number, struct error *err)
{
	int found = signal_text_number(text);

	if (!found)
		return error_set(err, 0, "unknown signal \"%s\"", text);
	*number = (uint32_t)found;
	return 0;
}

/* Whether the container has ended, or does so just now, if that is what its supervisor's silence
 * says.
 */
static bool is_gone(const struct pod_directory *pod, const struct error *cause)
{
	bool is_ending =
	    cause->code == ECONNRESET || cause->code == ECONNREFUSED || cause->code == ENOENT;

	for (int turn = 0; is_ending && turn < END_TURNS && directory_is_held(pod); turn++)
		(void)poll(NULL, 0, TURN_MS);
	return is_ending || !directory_is_held(pod);
}

int oci_kill(const void *given, int argc, char **argv, struct error *err)
{
	const struct oci_options *options = given;
	uint32_t number = SIGTERM;
	struct error cause = ERROR_NONE;
	struct oci_container container;
	int result = 0;
	bool gone;

	if (argc > 1 && read_signal(argv[1], &number, err) < 0)
		return -1;
	if (oci_container_open(argv[0], OCI_HELD, &container, err) < 0)
		return -1;
	/* Somebody may hold one that has stopped: who deletes it. */
	gone = strcmp(container.status, "stopped") == 0;
	if (!gone) {
		result = pod_kill(&container.pod, NULL, number, &cause);
		gone = result < 0 && is_gone(&container.pod, &cause);
	}
	if (gone)
		result = options->all ? 0 : error_set(err, 0, "container not running");
	else if (result < 0)
		*err = cause;
	oci_container_close(&container);
	return result;
}

int oci_delete(const void *given, int argc, char **argv, struct error *err)
{
	const struct oci_options *options = given;
	struct oci_container container;
	int result = oci_container_find(argv[0], options->force ? OCI_HELD : OCI_ASK_PATIENTLY,
					&container, err);

	(void)argc;
	if (result == 0 && !options->force)
		return error_set(err, 0, "container \"%s\" does not exist", argv[0]);
	if (result <= 0)
		return result;
	if (options->force || strcmp(container.status, "created") == 0)
		result = remove_by_force(&container, argv[0], err);
	else if (strcmp(container.status, "stopped") != 0)
		result = error_set(err, 0, "cannot delete container %s that is not stopped: %s",
				   argv[0], container.status);
	else
		result = remove_ended(&container, argv[0], NULL, err);
	oci_container_close(&container);
	return result;
}

static int set_pause(const char *id, bool pause, struct error *err)
{
	const char *wanted = pause ? "running" : "paused";
	struct error cause = ERROR_NONE;
	struct oci_container container;
	bool runs;
	int result = -1;

	if (oci_container_open(id, OCI_ASK_PATIENTLY, &container, err) < 0)
		return -1;
	/* One that is paused with its sandbox may be paused by itself as well. */
	runs = strcmp(container.status, "running") == 0 || strcmp(container.status, "paused") == 0;
	if (runs)
		result = exec_pause(&container.pod, pause, EXEC_PAUSE_LIMIT_S, &cause);
	if (!runs || (result < 0 && cause.code == EALREADY))
		error_set(err, 0, "container not %s: it is %s", wanted, container.status);
	else if (result < 0)
		*err = cause;
	oci_container_close(&container);
	return result;
}

int oci_pause(const void *options, int argc, char **argv, struct error *err)
{
	(void)options;
	(void)argc;
	return set_pause(argv[0], true, err);
}

int oci_resume(const void *options, int argc, char **argv, struct error *err)
{
	(void)options;
	(void)argc;
	return set_pause(argv[0], false, err);
}
