/*
 * One start of a command, with a stopwatch. What the command writes is thrown away; what it says on
 * stderr ends up, cleaned, in an error message.
 */
#include "vmm/bench/measure.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

enum {
	RUN_TIMEOUT_MS = 60000,
	READY_TIMEOUT_MS = 900000, /* an image may come from a registry first */
	STOP_TIMEOUT_MS = 10000,
	ERROR_BYTES_MAX = 65536,
};

extern char **environ;

static volatile sig_atomic_t interrupted; /* ends everything */
static volatile sig_atomic_t caught;	  /* has come at any time */

/* A process that was started, and how long it may take. */
struct running {
	pid_t pid;
	int pid_fd;
	int output_fd;
	uint64_t deadline_ns;
};

static void note_signal(int number)
{
	interrupted = number;
	caught = number;
}

void measure_catch_signals(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = note_signal }, old;

	/* What was ignored (nohup) stays so. */
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			(void)sigaction(numbers[i], &action, NULL);
}

int measure_interrupted(void)
{
	return caught;
}

void measure_clean_up(void)
{
	interrupted = 0;
}

uint64_t measure_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int spawn(char *const argv[], int output_fd, const char *error_path, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t defaults;
	int spawned;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, output_fd, STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, error_path,
					 O_WRONLY | O_CREAT | O_TRUNC, 0600);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	spawned = posix_spawnp(pid, argv[0], &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return spawned;
}

static int begin(char *const argv[], const char *error_path, unsigned timeout_ms,
		 struct running *running, struct error *err)
{
	int ends[2], spawned;

	if (interrupted)
		return error_set(err, EINTR, "%s", argv[0]);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, errno, "cannot make a pipe");
	running->deadline_ns = measure_now_ns() + timeout_ms * UINT64_C(1000000);
	spawned = spawn(argv, ends[1], error_path, &running->pid);
	close(ends[1]);
	if (spawned) {
		close(ends[0]);
		return error_set(err, spawned, "cannot start %s", argv[0]);
	}
	running->output_fd = ends[0];
	running->pid_fd = pidfd_open(running->pid, 0);
	return 0;
}

/* Waits until the output or the process's end can be looked at, or it has taken too long. */
static int wait_for(struct running *running, struct pollfd *watched, nfds_t count)
{
	uint64_t now_ns = measure_now_ns();
	int left_ms = now_ns < running->deadline_ns
			  ? (int)((running->deadline_ns - now_ns) / 1000000) + 1
			  : 0;
	int ready = interrupted ? -1 : poll(watched, count, left_ms);

	if (ready < 0)
		return interrupted ? -EINTR : 0;
	return ready == 0 ? -ETIMEDOUT : 0;
}

/*
 * Reads until the output ends or, with is_first_only, begins. Returns how many bytes came, or a
 * negative errno.
 */
static ssize_t follow(struct running *running, bool is_first_only, uint64_t *first_byte_ns)
{
	struct pollfd watched[2] = { { .fd = running->output_fd, .events = POLLIN },
				     { .fd = running->pid_fd, .events = POLLIN } };
	ssize_t total = 0;
	char bytes[65536];

	for (;;) {
		int waited = wait_for(running, watched, 2);

		if (waited < 0)
			return waited;
		if (watched[0].revents) {
			ssize_t n = read(running->output_fd, bytes, sizeof(bytes));

			if (n > 0 && total == 0)
				*first_byte_ns = measure_now_ns();
			total += n > 0 ? n : 0;
			if (n <= 0)
				watched[0].fd = -1;
			else if (is_first_only)
				return total;
		} else if (watched[1].revents) {
			return total; /* a pipe that somebody else keeps open */
		}
	}
}

static void kill_and_reap(struct running *running)
{
	if (running->pid < 0)
		return;
	(void)kill(running->pid, SIGKILL);
	while (waitpid(running->pid, NULL, 0) < 0 && errno == EINTR)
		;
	running->pid = -1;
}

static void release(struct running *running)
{
	kill_and_reap(running);
	if (running->pid_fd >= 0)
		close(running->pid_fd);
	if (running->output_fd >= 0)
		close(running->output_fd);
}

/* The last line that it has said. */
static int describe(const char *name, const char *what, const char *error_path, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	char *last;
	size_t len;

	if (io_read_file(AT_FDCWD, error_path, ERROR_BYTES_MAX, &text, &len, NULL) < 0 || len == 0)
		return error_set(err, 0, "%s %s", name, what);
	while (len > 0 && text[len - 1] == '\n')
		text[--len] = '\0';
	last = strrchr(text, '\n');
	return error_set(err, 0, "%s %s: %s", name, what, last ? last + 1 : text);
}

static int judge(const char *name, int status, const char *error_path, struct error *err)
{
	char what[64];

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status))
		(void)snprintf(what, sizeof(what), "was killed by signal %d", WTERMSIG(status));
	else
		(void)snprintf(what, sizeof(what), "ended with status %d", WEXITSTATUS(status));
	return describe(name, what, error_path, err);
}

/* Its end, after its output's. */
static int reap(struct running *running, const char *name, const char *error_path,
		uint64_t *ended_ns, struct error *err)
{
	int status;

	while (waitpid(running->pid, &status, 0) < 0)
		if (errno != EINTR || interrupted)
			return error_set(err, errno, "cannot wait for %s", name);
	*ended_ns = measure_now_ns();
	running->pid = -1;
	return judge(name, status, error_path, err);
}

static int run(char *const argv[], const char *error_path, unsigned timeout_ms,
	       struct measurement *measured, ssize_t *output_bytes, struct error *err)
{
	_cleanup_(release) struct running running = { -1, -1, -1, 0 };

	measured->started_ns = measure_now_ns();
	if (begin(argv, error_path, timeout_ms, &running, err) < 0)
		return -1;
	*output_bytes = follow(&running, false, &measured->first_byte_ns);
	if (*output_bytes == -ETIMEDOUT)
		return describe(argv[0],
				timeout_ms == RUN_TIMEOUT_MS
				    ? "took longer than a minute"
				    : "took longer than a quarter of an hour",
				error_path, err);
	if (*output_bytes < 0)
		return error_set(err, (int)-*output_bytes, "%s", argv[0]);
	return reap(&running, argv[0], error_path, &measured->ended_ns, err);
}

int measure_start(char *const argv[], const char *error_path, struct measurement *measured,
		  struct error *err)
{
	ssize_t output_bytes;

	if (run(argv, error_path, RUN_TIMEOUT_MS, measured, &output_bytes, err) < 0)
		return -1;
	if (output_bytes == 0)
		return describe(argv[0], "printed nothing, so that there is no first byte",
				error_path, err);
	return 0;
}

int measure_run(char *const argv[], const char *error_path, struct error *err)
{
	struct measurement unused;
	ssize_t output_bytes;

	return run(argv, error_path, READY_TIMEOUT_MS, &unused, &output_bytes, err);
}

int measure_begin(char *const argv[], const char *error_path, pid_t *pid, int *output_fd,
		  struct error *err)
{
	_cleanup_(release) struct running running = { -1, -1, -1, 0 };
	uint64_t first_byte_ns;
	ssize_t n;

	if (begin(argv, error_path, READY_TIMEOUT_MS, &running, err) < 0)
		return -1;
	n = follow(&running, true, &first_byte_ns);
	if (n < 0)
		return error_set(err, (int)-n, "%s", argv[0]);
	if (n == 0)
		return describe(argv[0], "ended without a word", error_path, err);
	*pid = running.pid;
	running.pid = -1;
	*output_fd = steal_fd(&running.output_fd);
	return 0;
}

void measure_end(pid_t pid, int output_fd)
{
	struct pollfd ended = { .fd = pidfd_open(pid, 0), .events = POLLIN };

	(void)kill(pid, SIGTERM);
	if (poll(&ended, 1, STOP_TIMEOUT_MS) != 1)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (ended.fd >= 0)
		close(ended.fd);
	close(output_fd);
}
