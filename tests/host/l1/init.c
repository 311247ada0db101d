/*
 * PID 1 of an emulated host: set up, run the command, report, power off.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "l1.h"

static _Noreturn void power_off(void)
{
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

void die(const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	/* The level of an error, so that it reaches a quiet console. */
	FILE *log = fopen("/dev/kmsg", "we");
	if (log) {
		fprintf(log, "<3>init: %s\n", text);
		fclose(log);
	}
	power_off();
}

void write_all(int fd, const void *data, size_t len_bytes)
{
	const char *at = data;

	while (len_bytes > 0) {
		ssize_t written = write(fd, at, len_bytes);

		/* A reader that went away ends the stream; the writer is not told to stop. */
		if (written < 0 && errno != EINTR)
			return;
		if (written > 0) {
			at += written;
			len_bytes -= (size_t)written;
		}
	}
}

void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd >= 0)
		write_all(fd, text, strlen(text));
	close(fd);
}

static _Noreturn void run_command(const struct settings *settings)
{
	int error;

	setsid();
	signal(SIGPIPE, SIG_DFL);
	if (chdir(settings->directory) < 0 && chdir("/") < 0)
		_exit(126);
	clearenv();
	for (char *const *variable = settings->variables; *variable; variable++)
		putenv(*variable);
	execvp(settings->arguments[0], settings->arguments);
	error = errno;
	dprintf(2, "%s: %s\n", settings->arguments[0], strerror(error));
	_exit(error == ENOENT ? 127 : 126);
}

static pid_t start_command(const struct settings *settings)
{
	int input[2], output[2], errors[2];
	pid_t child;

	if (pipe2(input, O_CLOEXEC) < 0 || pipe2(output, O_CLOEXEC) < 0 ||
	    pipe2(errors, O_CLOEXEC) < 0)
		die("cannot make pipes: %s", strerror(errno));
	streams_begin();
	child = fork();
	if (child < 0)
		die("cannot start the command: %s", strerror(errno));
	if (child == 0) {
		dup2(input[0], 0);
		dup2(output[1], 1);
		dup2(errors[1], 2);
		run_command(settings);
	}
	close(input[0]);
	close(output[1]);
	close(errors[1]);
	streams_relay(input[1], output[0], errors[0]);
	return child;
}

/* Reaps whatever ends, until the command does. */
static int wait_for(pid_t command)
{
	int status = 0;
	pid_t ended;

	do {
		ended = wait(&status);
	} while (ended != command && (ended > 0 || errno == EINTR));
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(void)
{
	struct settings settings = { .modules = "", .directory = "/" };
	int status;

	/* The kernel opened its console as our standard streams; descriptors below 3 stay taken. */
	umask(022);
	signal(SIGPIPE, SIG_IGN);
	mkdir("/dev", 0755);
	mount("dev", "/dev", "devtmpfs", 0, "");
	settings_read(&settings, "/l1/settings");
	root_enter(&settings);
	streams_open(&settings);
	status = wait_for(start_command(&settings));
	/* Nothing that it left behind may keep its outputs open. */
	kill(-1, SIGKILL);
	streams_finish(status);
	power_off();
}
