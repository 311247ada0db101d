/*
 * The role reads requests of the host's kernel and one answer of the guest's, and has no other
 * descriptor; before that answer it locks itself down.
 */
#include "vmm/pod/proc_view.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/error.h"
#include "vmm/base/lockdown.h"
#include "vmm/pod/proc_server.h"
#include "vmm/pod/question.h"
#include "vmm/pod/signals.h"

enum {
	/* Whatever ends sooner does without, since a mount costs it more than its start. */
	DELAY_MS = 20,
	/* How long a role waits for the next request, and how old what it shows may become. */
	IDLE_MS = 200,
	AGE_MAX_MS = 1000,
	OPTIONS_SIZE = 128,
};

static const struct lockdown_rule rules[] = {
	{ SYS_poll, LOCKDOWN_ANY, 0, "waits for requests, and for the guest" },
	{ SYS_ppoll, LOCKDOWN_ANY, 0, "waits for requests, and for the guest" },
	{ SYS_read, LOCKDOWN_ANY, 0, "requests, and what the guest says" },
	{ SYS_write, LOCKDOWN_ANY, 0, "answers, last words" },
	{ SYS_close, LOCKDOWN_ANY, 0, "what the guest has answered by" },
	{ SYS_clock_gettime, LOCKDOWN_ANY, 0, "its age where the vDSO has no clock" },
	{ SYS_mmap, 2, PROT_READ | PROT_WRITE, "malloc" },
	{ SYS_munmap, LOCKDOWN_ANY, 0, "malloc" },
	{ SYS_mremap, LOCKDOWN_ANY, 0, "malloc" },
	{ SYS_brk, LOCKDOWN_ANY, 0, "malloc" },
	{ SYS_rt_sigreturn, LOCKDOWN_ANY, 0, "return from a signal handler" },
	{ SYS_rt_sigprocmask, LOCKDOWN_ANY, 0, "abort()" },
	{ SYS_restart_syscall, LOCKDOWN_ANY, 0, "after SIGSTOP and SIGCONT" },
	{ SYS_gettid, LOCKDOWN_ANY, 0, "abort()" },
	{ SYS_getpid, LOCKDOWN_ANY, 0, "abort()" },
	{ SYS_tgkill, LOCKDOWN_SELF, 0, "abort()" },
	{ SYS_exit_group, LOCKDOWN_ANY, 0, "the role ends" },
};

static char request[PROC_REQUEST_MAX], answer[PROC_ANSWER_MAX];

/* Returns false when there is nothing to be read from it any more. */
static bool serve_one(int device, const struct processes *processes)
{
	ssize_t n = read(device, request, sizeof(request));
	size_t len;

	/* ENOENT: who asked has gone meanwhile. */
	if (n < 0)
		return errno == EAGAIN || errno == EINTR || errno == ENOENT;
	len = proc_server_answer(processes, request, (size_t)n, answer);
	if (len)
		(void)!write(device, answer, len);
	return true;
}

static int64_t now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* What was not read stays for the next role. Returns false if there will be no request any more. */
static bool serve(int device, const struct processes *processes)
{
	struct pollfd fd = { .fd = device, .events = POLLIN };
	int64_t end_ms = now_ms() + AGE_MAX_MS;

	while (poll(&fd, 1, IDLE_MS) > 0) {
		if (!serve_one(device, processes))
			return false;
		if (now_ms() >= end_ms)
			break;
	}
	return true;
}

/* Its standard streams but the last are the container's; there is no /dev/null to put there. */
static int lock_down(const struct proc_view *view, const struct question *question,
		     struct error *err)
{
	const int keep[] = { view->device, question->socket, question->answer };
	const struct lockdown_ids ids = { .change = geteuid() == 0, .pid = view->pid };

	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	if (lockdown_close_fds(keep, ARRAY_SIZE(keep), err) < 0 || lockdown_ids(&ids, err) < 0)
		return -1;
	return lockdown_seccomp(rules, ARRAY_SIZE(rules), err);
}

/* A guest that does not answer, as one that is paused, shows no process. */
static _Noreturn void run_role(const struct proc_view *view, int pod_fd)
{
	struct question question = { .socket = -1, .answer = -1 };
	struct processes processes = { .count = 0 };
	struct error err = ERROR_NONE;
	bool has_asked;

	signals_become_role("nacelle-proc");
	has_asked = question_ask_processes(&question, pod_fd, &err) == 0;
	if (lock_down(view, &question, &err) < 0) {
		(void)dprintf(STDERR_FILENO, "nacelle: proc: %s\n", err.text);
		_exit(1);
	}
	if (has_asked)
		(void)question_read_processes(&question, &processes, &err);
	_exit(serve(view->device, &processes) ? 0 : 1);
}

/* What it was mounted by is all that the kernel has of it: whoever looks there gets an error. */
static void give_up(struct proc_view *view)
{
	cleanup_fd(&view->timer);
	cleanup_fd(&view->device);
	view->timer = -1;
	view->device = -1;
}

void proc_view_open(struct proc_view *view)
{
	view->device = open("/dev/fuse", O_RDWR | O_NONBLOCK | O_CLOEXEC);
}

void proc_view_begin(struct proc_view *view)
{
	const struct itimerspec delay = { .it_value.tv_nsec = DELAY_MS * 1000000 };

	if (!view || view->device < 0)
		return;
	view->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (view->timer < 0 || timerfd_settime(view->timer, 0, &delay, NULL) < 0)
		give_up(view);
}

int proc_view_fd(const struct proc_view *view)
{
	if (!view || view->role)
		return -1;
	return view->is_mounted ? view->device : view->timer;
}

/* The root is the container's: a link in the place of /proc leads to no mount. */
static bool mount_device(const struct proc_view *view)
{
	_cleanup_fd_ int place = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char options[OPTIONS_SIZE];
	bool is_done;

	(void)snprintf(options, sizeof(options),
		       "fd=%d,rootmode=40000,user_id=%u,group_id=%u,allow_other", view->device,
		       geteuid(), getegid());
	/* By way of the working directory: there is no /proc/self/fd. */
	is_done = place >= 0 && fchdir(place) == 0 &&
		  mount("nacelle", ".", "fuse", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
			options) == 0;
	return chdir("/") == 0 && is_done;
}

static void mount_view(struct proc_view *view)
{
	close(view->timer);
	view->timer = -1;
	/* The kernel's first request is there by then, and none comes before it is answered. */
	if (mount_device(view) && serve_one(view->device, NULL))
		view->is_mounted = true;
	else
		give_up(view);
}

static void start_role(struct proc_view *view, int pod_fd)
{
	pid_t pid = fork();

	if (pid == 0)
		run_role(view, pod_fd);
	if (pid < 0)
		give_up(view);
	else
		view->role = pid;
}

void proc_view_step(struct proc_view *view, int pod_fd)
{
	if (view->is_mounted)
		start_role(view, pod_fd);
	else
		mount_view(view);
}

bool proc_view_reap(struct proc_view *view, pid_t pid, int status)
{
	if (!view || pid != view->role)
		return false;
	view->role = 0;
	/*
	 * It may have died over a request that would never be answered, or somebody on the host has
	 * taken the mount away: its device is ready to be read for ever then.
	 */
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		give_up(view);
	return true;
}

void proc_view_end(struct proc_view *view)
{
	if (!view)
		return;
	if (view->role) {
		(void)kill(view->role, SIGKILL);
		while (waitpid(view->role, NULL, 0) < 0 && errno == EINTR)
			;
		view->role = 0;
	}
	give_up(view);
}
