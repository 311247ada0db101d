/*
 * One run of one CNI plug-in. What it prints is foreign; it is bounded here and parsed elsewhere.
 */
#include "vmm/pod/cni_plugin.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/pod/cni_reader.h"

/* Plug-ins run iptables and the like. */
#define PLUGIN_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

enum { VARIABLES_MAX = 7, HIGH_FD = 16 };

int cni_plugin_find(const struct text_list *directories, const char *type, char *path, size_t size,
		    struct error *err)
{
	for (unsigned i = 0; i < directories->count; i++) {
		struct stat st;

		if (snprintf(path, size, "%s/%s", directories->items[i], type) < (int)size &&
		    stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0)
			return 0;
	}
	return error_set(err, 0,
			 "there is no plug-in %s in %s%s%s; Debian's package "
			 "containernetworking-plugins has the usual ones",
			 type, directories->count ? directories->items[0] : "no directory",
			 directories->count > 1 ? " or " : "",
			 directories->count > 1 ? directories->items[1] : "");
}

/* NAME=value */
static int add_variable(char *variables[VARIABLES_MAX + 1], unsigned *count, const char *name,
			const char *value)
{
	if (asprintf(&variables[*count], "%s=%s", name, value) < 0) {
		variables[*count] = NULL;
		return -1;
	}
	(*count)++;
	return 0;
}

static int make_environment(char *variables[VARIABLES_MAX + 1], const struct cni_call *call,
			    const char *command)
{
	_cleanup_free_ char *path = NULL;
	size_t len;
	FILE *out = open_memstream(&path, &len);
	unsigned count = 0;

	if (!out)
		return -1;
	for (unsigned i = 0; i < call->directories.count; i++)
		(void)fprintf(out, "%s%s", i ? ":" : "", call->directories.items[i]);
	if (fclose(out) != 0)
		return -1;
	variables[count] = strdup(PLUGIN_PATH);
	if (!variables[count++] || add_variable(variables, &count, "CNI_COMMAND", command) < 0 ||
	    add_variable(variables, &count, "CNI_CONTAINERID", call->container_id) < 0 ||
	    add_variable(variables, &count, "CNI_NETNS", call->netns) < 0 ||
	    add_variable(variables, &count, "CNI_IFNAME", call->interface) < 0 ||
	    add_variable(variables, &count, "CNI_ARGS", call->arguments) < 0)
		return -1;
	return add_variable(variables, &count, "CNI_PATH", path);
}

/* A file in memory with the configuration, to be read from its start. */
static int make_input(const char *configuration)
{
	_cleanup_fd_ int fd = memfd_create("configuration", MFD_CLOEXEC);

	if (fd < 0 || io_write_all(fd, configuration, strlen(configuration)) < 0 ||
	    lseek(fd, 0, SEEK_SET) != 0)
		return -1;
	return steal_fd(&fd);
}

static _Noreturn void become_plugin(const char *path, char *variables[], const int fds[3])
{
	char *argv[] = { strdup(path), NULL };
	sigset_t none;
	int high[3];

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < 3; i++)
		high[i] = fcntl(fds[i], F_DUPFD, HIGH_FD);
	if (setpgid(0, 0) == 0 && dup2(high[0], 0) >= 0 && dup2(high[1], 1) >= 0 &&
	    dup2(high[2], 2) >= 0 && syscall(SYS_close_range, 3, ~0U, 0) == 0 && chdir("/") == 0)
		execve(path, argv, variables);
	(void)dprintf(2, "cannot be executed: %s\n", strerror(errno));
	_exit(127);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What comes out of one descriptor, up to a limit; what is beyond is dropped. */
struct output {
	int fd; /* -1 at its end */
	char *data;
	size_t len, max;
	bool overflown;
};

static void read_some(struct output *output)
{
	char rest[4096];
	size_t room = output->max - output->len;
	ssize_t n = room ? read(output->fd, output->data + output->len, room)
			 : read(output->fd, rest, sizeof(rest));

	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0) {
		close(steal_fd(&output->fd));
		return;
	}
	if (room)
		output->len += (size_t)n;
	else
		output->overflown = true;
}

/* Reads both to their ends. Returns whether these came in time. */
static bool read_outputs(struct output outputs[2], unsigned limit_ms)
{
	int64_t end_ms = now_ms() + limit_ms;

	while (outputs[0].fd >= 0 || outputs[1].fd >= 0) {
		struct pollfd fds[2] = { { .fd = outputs[0].fd, .events = POLLIN },
					 { .fd = outputs[1].fd, .events = POLLIN } };
		int64_t left_ms = end_ms - now_ms();

		if (left_ms <= 0)
			return false;
		if (poll(fds, 2, (int)left_ms) < 0 && errno != EINTR)
			return false;
		for (unsigned i = 0; i < 2; i++)
			if (outputs[i].fd >= 0 && fds[i].revents)
				read_some(&outputs[i]);
	}
	return true;
}

static int start(const char *path, char *variables[], const char *configuration, int ends[2],
		 pid_t *pid)
{
	_cleanup_fd_ int in = make_input(configuration);
	_cleanup_fd_ int out = -1, words = -1;
	int pipes[2][2] = { { -1, -1 }, { -1, -1 } };
	bool made = in >= 0 && pipe2(pipes[0], O_CLOEXEC) == 0 && pipe2(pipes[1], O_CLOEXEC) == 0;

	out = pipes[0][1];
	words = pipes[1][1];
	ends[0] = pipes[0][0];
	ends[1] = pipes[1][0];
	if (!made)
		return -1;
	*pid = fork();
	if (*pid == 0)
		become_plugin(path, variables, (const int[]){ in, out, words });
	return *pid < 0 ? -1 : 0;
}

static int finish(pid_t pid, bool in_time, const char *type, const struct output outputs[2],
		  struct error *err)
{
	int status;

	/* Its group, for what it has started itself; what ended in time has nobody left there. */
	if (!in_time)
		(void)kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR) {
			error_set(err, errno, "cannot wait for the plug-in %s", type);
			return CNI_PLUGIN_CUT_OFF;
		}
	if (!in_time)
		error_set(err, 0, "the plug-in %s was not done in time", type);
	else if (outputs[0].overflown)
		error_set(err, 0, "the plug-in %s prints more than %zu bytes", type,
			  outputs[0].max);
	else if (WIFSIGNALED(status))
		error_set(err, 0, "the plug-in %s was killed by signal %d", type, WTERMSIG(status));
	else if (WEXITSTATUS(status) == 0)
		return 0;
	else {
		cni_error_read(outputs[0].data, outputs[0].len, outputs[1].data, err);
		return error_prefix(err, "the plug-in %s failed", type);
	}
	return CNI_PLUGIN_CUT_OFF;
}

int cni_plugin_run(const struct cni_call *call, const char *type, const char *command,
		   const char *configuration, char **output, size_t *len, struct error *err)
{
	char *variables[VARIABLES_MAX + 1] = { NULL };
	_cleanup_free_ char *data = calloc(1, CNI_OUTPUT_MAX + 1);
	char words[CNI_WORDS_MAX + 1] = "";
	struct output outputs[2] = { { -1, data, 0, CNI_OUTPUT_MAX, false },
				     { -1, words, 0, CNI_WORDS_MAX, false } };
	unsigned limit_ms = call->limit_ms ? call->limit_ms : CNI_PLUGIN_LIMIT_MS;
	char path[PATH_MAX];
	int ends[2] = { -1, -1 };
	int result = CNI_PLUGIN_REFUSED;
	pid_t pid;

	if (cni_plugin_find(&call->directories, type, path, sizeof(path), err) < 0)
		return CNI_PLUGIN_REFUSED;
	if (!data || make_environment(variables, call, command) < 0)
		error_set(err, ENOMEM, "cannot start the plug-in %s", type);
	else if (start(path, variables, configuration, ends, &pid) < 0)
		error_set(err, errno, "cannot start the plug-in %s", type);
	else {
		outputs[0].fd = steal_fd(&ends[0]);
		outputs[1].fd = steal_fd(&ends[1]);
		result = finish(pid, read_outputs(outputs, limit_ms), type, outputs, err);
	}
	for (unsigned i = 0; i < VARIABLES_MAX; i++)
		free(variables[i]);
	for (unsigned i = 0; i < 2; i++) {
		cleanup_fd(&ends[i]);
		cleanup_fd(&outputs[i].fd);
	}
	if (result < 0)
		return result;
	*len = outputs[0].len;
	*output = steal_ptr(data);
	return 0;
}
