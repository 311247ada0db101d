/*
 * nacelle-image as a child. Its first line on stderr becomes the error. A signal that came to end
 * this process, which has it blocked, ends the child: whatever it does can be cut off.
 */
#include "vmm/pod/image_program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/environment.h"
#include "vmm/pod/paths.h"

enum { HIGH_FD = 16, READ_FIRST = 65536 };

/* What nacelle-image writes; both ends close themselves when it starts. */
struct pipes {
	int out[2];
	int error[2];
};

struct child {
	pid_t pid;
	struct pipes pipes;
	int signals; /* readable when one came that ends the child; or -1 */
	int input;   /* borrowed: its standard input; -1: nothing */
};

#define CHILD_NONE                                                                                 \
	{                                                                                          \
		.pipes = { { -1, -1 }, { -1, -1 } }, .signals = -1, .input = -1                    \
	}

/* Of the signals that would end this process had it not blocked them; they stay pending. */
static int open_signals(void)
{
	static const int ends[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
	sigset_t blocked, set;

	sigemptyset(&set);
	if (sigprocmask(SIG_SETMASK, NULL, &blocked) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (sigismember(&blocked, ends[i]))
			sigaddset(&set, ends[i]);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Reads until len bytes are there or the child has ended, whom a signal tells to. */
static ssize_t read_full(struct child *child, int fd, char *data, size_t len)
{
	size_t used = 0;
	ssize_t n = 1;

	while (used < len && n != 0) {
		struct pollfd fds[2] = { { .fd = fd, .events = POLLIN },
					 { .fd = child->signals, .events = POLLIN } };

		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents) {
			(void)kill(child->pid, SIGTERM);
			close(steal_fd(&child->signals));
		}
		n = fds[0].revents ? read(fd, data + used, len - used) : -1;
		if (n < 0 && fds[0].revents && errno != EINTR)
			return -1;
		used += n > 0 ? (size_t)n : 0;
	}
	return (ssize_t)used;
}

/* A pipe whose descriptors are none that a child gets by number. */
static int make_pipe(int ends[2])
{
	int low[2];

	if (pipe2(low, O_CLOEXEC) < 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		ends[i] = fcntl(low[i], F_DUPFD_CLOEXEC, HIGH_FD);
		close(low[i]);
	}
	return ends[0] < 0 || ends[1] < 0 ? -1 : 0;
}

/*
 * An installation may bring its C library along, for hosts that have another one: then its dynamic
 * linker is beside its programs, and is what is executed. Returns the command line, to be freed,
 * with the program to execute in *program; NULL when there is no memory.
 */
static const char **add_loader(char program[PATH_MAX], char loader[PATH_MAX],
			       char directory[PATH_MAX], const char *const *arguments,
			       const char **execute)
{
	static const char *const words[] = {
		"ld.so", "--library-path", NULL, "--argv0", NULL, NULL
	};
	size_t count = 0, first = 0;
	const char **line;

	while (arguments[count])
		count++;
	line = calloc(count + ARRAY_SIZE(words) + 1, sizeof(*line));
	if (!line)
		return NULL;
	*execute = program;
	if (paths_find(loader, "ld.so", NULL) == 0 && access(loader, X_OK) == 0) {
		(void)snprintf(directory, PATH_MAX, "%.*s", (int)(strrchr(loader, '/') - loader),
			       loader);
		memcpy(line, words, sizeof(words));
		line[2] = directory;
		line[4] = arguments[0];
		line[5] = program;
		*execute = loader;
		arguments++;
		count--;
		first = ARRAY_SIZE(words);
	}
	memcpy(line + first, arguments, count * sizeof(*line));
	return line;
}

static int spawn(const char *program, const char *const *arguments, char **environment,
		 struct child *child)
{
	const struct pipes *pipes = &child->pipes;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	int spawned;

	posix_spawn_file_actions_init(&actions);
	if (child->input >= 0)
		posix_spawn_file_actions_adddup2(&actions, child->input, STDIN_FILENO);
	else
		posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (isatty(STDERR_FILENO))
		posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, IMAGE_PROGRAM_TERMINAL);
	posix_spawn_file_actions_adddup2(&actions, pipes->out[1], STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, pipes->error[1], STDERR_FILENO);
	/* Ctrl-C ends it; this process, which has it blocked, looks at it afterwards. */
	sigemptyset(&none);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	/* posix_spawn() does not change the strings; its type is from before const. */
	spawned = posix_spawn(&child->pid, program, &actions, &attributes,
			      (char **)(uintptr_t)arguments, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return spawned;
}

static int start(const char *const *arguments, struct child *child, bool patiently,
		 struct error *err)
{
	struct pipes *pipes = &child->pipes;
	_cleanup_free_ char **environment = environment_clean();
	_cleanup_free_ const char **line = NULL;
	char program[PATH_MAX], loader[PATH_MAX], directory[PATH_MAX];
	const char *execute;
	int spawned;

	if (paths_find(program, "nacelle-image", err) < 0)
		return -1;
	line = add_loader(program, loader, directory, arguments, &execute);
	if (!environment || !line)
		return error_set(err, ENOMEM, "cannot start %s", program);
	if (make_pipe(pipes->out) < 0 || make_pipe(pipes->error) < 0)
		return error_set(err, errno, "cannot make a pipe");
	if (!patiently)
		child->signals = open_signals();
	spawned = spawn(execute, line, environment, child);
	if (spawned)
		return error_set(err, spawned, "cannot start %s", program);
	close(steal_fd(&pipes->out[1]));
	close(steal_fd(&pipes->error[1]));
	return 0;
}

/* The first line that comes; the rest is read too, for a writer that is not read would wait. */
static void read_line(struct child *child, int fd, char *line, size_t size)
{
	ssize_t n = read_full(child, fd, line, size - 1);
	char rest[256];

	line[n > 0 ? n : 0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	while (read_full(child, fd, rest, sizeof(rest)) > 0)
		;
}

static int wait_for(pid_t pid, const char *const *arguments, const char *reason, struct error *err)
{
	static const char prefix[] = "nacelle-image: ";
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_set(err, errno, "cannot wait for %s", arguments[0]);
	if (WIFSIGNALED(status))
		return error_set(err, 0, "%s %s was killed by signal %d", arguments[0],
				 arguments[1], WTERMSIG(status));
	if (WEXITSTATUS(status) == 0)
		return 0;
	if (strncmp(reason, prefix, strlen(prefix)) == 0)
		reason += strlen(prefix);
	return error_set(err, 0, "%s", reason[0] ? reason : "nacelle-image failed");
}

static void close_all(struct child *child)
{
	for (int i = 0; i < 2; i++) {
		cleanup_fd(&child->pipes.out[i]);
		cleanup_fd(&child->pipes.error[i]);
	}
	cleanup_fd(&child->signals);
}

static int run(const char *const *arguments, int input, bool patiently,
	       char line[IMAGE_PROGRAM_LINE_MAX], struct error *err)
{
	struct child child = CHILD_NONE;
	char reason[ERROR_TEXT_MAX];
	int result;

	child.input = input;
	result = start(arguments, &child, patiently, err);
	if (result == 0) {
		read_line(&child, child.pipes.error[0], reason, sizeof(reason));
		read_line(&child, child.pipes.out[0], line, IMAGE_PROGRAM_LINE_MAX);
		result = wait_for(child.pid, arguments, reason, err);
	}
	close_all(&child);
	return result;
}

int image_program_run(const char *const *arguments, char line[IMAGE_PROGRAM_LINE_MAX],
		      struct error *err)
{
	return run(arguments, -1, false, line, err);
}

int image_program_feed(const char *const *arguments, int input, char line[IMAGE_PROGRAM_LINE_MAX],
		       struct error *err)
{
	if (lseek(input, 0, SEEK_SET) < 0)
		return error_set(err, errno, "cannot hand a file to %s", arguments[0]);
	return run(arguments, input, false, line, err);
}

int image_program_run_patiently(const char *const *arguments, char line[IMAGE_PROGRAM_LINE_MAX],
				struct error *err)
{
	return run(arguments, -1, true, line, err);
}

/* All that comes from fd, in a buffer that grows; one byte more than max says that it is more. */
static int read_all(struct child *child, size_t max, void **data, size_t *len, struct error *err)
{
	int fd = child->pipes.out[0];
	size_t size = READ_FIRST;
	char *buffer = NULL;
	ssize_t n = 0;

	*len = 0;
	do {
		char *grown = realloc(buffer, size);

		if (!grown) {
			free(buffer);
			return error_set(err, ENOMEM, "cannot read what nacelle-image says");
		}
		buffer = grown;
		n = read_full(child, fd, buffer + *len, size - *len);
		*len += n > 0 ? (size_t)n : 0;
		size *= 2;
	} while (n > 0 && *len == size / 2 && *len <= max);
	if (n < 0 || *len > max) {
		free(buffer);
		return error_set(err, n < 0 ? errno : E2BIG, "cannot read what nacelle-image says");
	}
	*data = buffer;
	return 0;
}

static int read_program(const char *const *arguments, int input, size_t max, void **data,
			size_t *len, char notice[ERROR_TEXT_MAX], struct error *err)
{
	struct child child = CHILD_NONE;
	char reason[ERROR_TEXT_MAX] = "";
	int result;

	child.input = input;
	result = start(arguments, &child, false, err);
	*data = NULL;
	if (result == 0) {
		int got = read_all(&child, max, data, len, err);

		close(steal_fd(&child.pipes.out[0]));
		read_line(&child, child.pipes.error[0], reason, sizeof(reason));
		result = wait_for(child.pid, arguments, reason, got < 0 ? NULL : err);
		if (got < 0)
			result = -1;
	}
	close_all(&child);
	if (notice)
		memcpy(notice, reason, sizeof(reason));
	if (result < 0) {
		free(*data);
		*data = NULL;
	}
	return result;
}

int image_program_read(const char *const *arguments, size_t max, void **data, size_t *len,
		       char notice[ERROR_TEXT_MAX], struct error *err)
{
	return read_program(arguments, -1, max, data, len, notice, err);
}

int image_program_convert(const char *const *arguments, int input, size_t max, void **data,
			  size_t *len, struct error *err)
{
	if (lseek(input, 0, SEEK_SET) < 0)
		return error_set(err, errno, "cannot hand a file to %s", arguments[0]);
	return read_program(arguments, input, max, data, len, NULL, err);
}
