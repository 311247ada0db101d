/*
 * Running hooks on the host. They are the administrator's programs and the engine's: trusted as the
 * caller is, but bounded in time and words.
 */
#include "vmm/pod/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/pod/host_view.h"
#include "vmm/pod/last_words.h"

enum { WORDS_MAX = 512, HEARD_MAX = 64 * 1024, STATUS_CANNOT = 127 };

struct run {
	const struct oci_hook *hook;
	const struct hooks_container *container;
	int input;		/* its state */
	int output, output_end; /* a pipe with what it says */
};

void hooks_put_state(struct json_writer *json, const struct oci_bundle *bundle, const char *id,
		     pid_t pid, const char *status)
{
	const struct string_list *annotations = &bundle->lists[OCI_ANNOTATIONS];
	const char *directory = bundle->texts[OCI_BUNDLE_PATH];
	const char *root = bundle->texts[OCI_ROOT_PATH];

	json_put_text(json, "ociVersion", HOOKS_SPEC_VERSION);
	json_put_text(json, "id", id);
	json_put_number(json, "pid", (uint64_t)pid);
	json_put_text(json, "status", status);
	json_put_text(json, "bundle", directory ? directory : "");
	json_put_text(json, "rootfs", root ? root : "");
	json_open(json, "annotations", '{');
	for (size_t i = 0; i + 1 < annotations->count; i += 2)
		json_put_text(json, annotations->items[i], annotations->items[i + 1]);
	json_close(json, '}');
}

char *hooks_state(enum oci_hook_kind kind, const struct hooks_container *container)
{
	static const char *const statuses[] = {
		[OCI_PRESTART] = "creating",	     [OCI_CREATE_RUNTIME] = "creating",
		[OCI_CREATE_CONTAINER] = "creating", [OCI_START_CONTAINER] = "created",
		[OCI_POSTSTART] = "running",	     [OCI_POSTSTOP] = "stopped",
	};
	struct json_writer json;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	json_begin(&json, out);
	json_open(&json, NULL, '{');
	hooks_put_state(&json, container->bundle, container->id, container->pid, statuses[kind]);
	json_close(&json, '}');
	json_end(&json);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

/* What is in the pipe yet. Who has outlived the hook may write for ever. */
static void hear_last(struct last_words *words, int fd)
{
	ssize_t heard = 0, n;

	do {
		n = last_words_hear(words, fd);
		heard += n;
	} while (n > 0 && heard < HEARD_MAX);
}

/* Says why on stderr, which is the pipe already. */
static _Noreturn void give_up(const char *what)
{
	(void)dprintf(STDERR_FILENO, "%s: %s", what, strerror(errno));
	_exit(STATUS_CANNOT);
}

/* The container's network and mounts. The root stays, so that the hook's path is the host's. */
static void enter_container(const struct hooks_container *container)
{
	struct error err = ERROR_NONE;
	char path[64];
	int fd, *sources;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)container->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || (setns(fd, CLONE_NEWNET) < 0 && errno != EPERM))
		give_up("cannot enter the container's network");
	close(fd);
	sources = host_view_open(container->app, &err);
	if (sources && host_view_mount(container->app, sources, &err) == 0)
		return;
	(void)dprintf(STDERR_FILENO, "%s", err.text);
	_exit(STATUS_CANNOT);
}

static _Noreturn void become_hook(const struct run *run)
{
	const struct oci_hook *hook = run->hook;
	const char *directory = run->container->bundle->texts[OCI_BUNDLE_PATH];
	char *path_alone[] = { hook->path, NULL }, *none[] = { NULL };
	sigset_t empty;

	(void)setsid();
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(run->input, STDIN_FILENO) < 0 || dup2(run->output_end, STDOUT_FILENO) < 0 ||
	    dup2(run->output_end, STDERR_FILENO) < 0)
		_exit(STATUS_CANNOT);
	(void)syscall(SYS_close_range, 3U, ~0U, 0U);
	if (hook->kind == OCI_CREATE_CONTAINER)
		enter_container(run->container);
	/* Where the bundle has gone, poststop is told of it all the same. */
	if (!directory || chdir(directory) < 0)
		(void)!chdir("/");
	sigemptyset(&empty);
	(void)sigprocmask(SIG_SETMASK, &empty, NULL);
	(void)execve(hook->path, hook->args.count ? hook->args.items : path_alone,
		     hook->env.count ? hook->env.items : none);
	give_up("cannot be executed");
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Returns whether it has ended in time. A child of its own may keep the pipe open. */
static bool await(int pidfd, int output, uint32_t timeout_s, struct last_words *words)
{
	int64_t end_ms = now_ms() + (int64_t)timeout_s * 1000;
	struct pollfd fds[2] = { { .fd = pidfd, .events = POLLIN },
				 { .fd = output, .events = POLLIN } };

	do {
		int64_t left_ms = timeout_s ? end_ms - now_ms() : INT32_MAX;

		if (left_ms <= 0)
			return false;
		if (poll(fds, 2, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms) < 0)
			continue;
		if (fds[1].revents && last_words_hear(words, output) == 0)
			fds[1].fd = -1;
	} while (!(fds[0].revents & POLLIN));
	return true;
}

static int explain(const struct oci_hook *hook, int status, bool in_time, struct last_words *words,
		   struct error *err)
{
	const char *kind = oci_hook_name(hook->kind);
	const char *colon;

	last_words_trim(words);
	colon = words->len ? ": " : "";
	if (!in_time)
		return error_set(err, 0,
				 "the %s hook %s did not end within %u seconds and was killed%s%s",
				 kind, hook->path, hook->timeout_s, colon, words->text);
	if (WIFSIGNALED(status))
		return error_set(err, 0, "the %s hook %s was killed by signal %d%s%s", kind,
				 hook->path, WTERMSIG(status), colon, words->text);
	return error_set(err, 0, "the %s hook %s ended with status %d%s%s", kind, hook->path,
			 WEXITSTATUS(status), colon, words->text);
}

static int supervise(const struct run *run, pid_t pid, struct error *err)
{
	_cleanup_fd_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	char text[WORDS_MAX] = "";
	struct last_words words = { .text = text, .size = sizeof(text) };
	bool in_time = pidfd >= 0 && await(pidfd, run->output, run->hook->timeout_s, &words);
	siginfo_t info = { .si_status = 0 };
	int status = 0;

	/* Its children as well, while its number is not another's yet. */
	if (in_time)
		(void)waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	if (!in_time || info.si_status)
		(void)kill(-pid, SIGKILL);
	if (!in_time)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pidfd < 0)
		return error_set(err, ENOSYS, "cannot wait for hooks");
	if (in_time && status == 0)
		return 0;
	hear_last(&words, run->output);
	return explain(run->hook, status, in_time, &words, err);
}

/* In a file, so that a hook need not read it; of its own, since a hook might write to it. */
static int open_state(enum oci_hook_kind kind, const struct hooks_container *container,
		      struct error *err)
{
	_cleanup_free_ char *state = hooks_state(kind, container);
	_cleanup_fd_ int fd = memfd_create("state", MFD_CLOEXEC);

	if (!state)
		return error_set(err, ENOMEM, "cannot tell hooks of the container");
	if (fd < 0 || io_write_all(fd, state, strlen(state)) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return error_set(err, errno, "cannot tell hooks of the container");
	return steal_fd(&fd);
}

static int run_one(const struct oci_hook *hook, const struct hooks_container *container,
		   struct error *err)
{
	_cleanup_fd_ int input = open_state(hook->kind, container, err);
	_cleanup_fd_ int output = -1, output_end = -1;
	struct run run = { .hook = hook, .container = container, .input = input };
	int ends[2];
	pid_t pid;

	if (input < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, errno, "cannot make a pipe");
	run.output = output = ends[0];
	run.output_end = output_end = ends[1];
	if (fcntl(output, F_SETFL, O_NONBLOCK) < 0)
		return error_set(err, errno, "cannot make a pipe");
	pid = fork();
	if (pid == 0)
		become_hook(&run);
	if (pid < 0)
		return error_set(err, errno, "cannot make a process for a hook");
	close(steal_fd(&output_end));
	return supervise(&run, pid, err);
}

int hooks_run(enum oci_hook_kind kind, const struct hooks_container *container, hooks_warn_fn *warn,
	      struct error *err)
{
	const struct oci_bundle *bundle = container->bundle;

	for (size_t i = 0; i < bundle->hook_count; i++) {
		struct error why = ERROR_NONE;

		if (bundle->hooks[i].kind != kind ||
		    run_one(&bundle->hooks[i], container, &why) == 0)
			continue;
		if (!warn) {
			*err = why;
			return -1;
		}
		warn(why.text);
	}
	return 0;
}
