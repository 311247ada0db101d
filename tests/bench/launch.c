/*
 * Starts a command several times and says how long it took: from before the start of its process to
 * the first byte of its output, and to waitpid's return. On the counting host CLOCK_MONOTONIC is
 * the number of instructions.
 *
 * launch NAME RUNS COUNT -- COMMAND [ARG...]
 *
 * A "@" in an argument is replaced by the number of the run. One JSON object a line on stdout for
 * each run. With COUNT 1 a further run is made under the kernel's tracing, which adds what it
 * counts: system calls, VM exits and the guest's page faults of the command and all its children,
 * and the peak memory of the largest of them. Its times mean nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "program.h"

#define TRACING	      "/sys/kernel/tracing/"
#define ARGUMENTS_MAX 128

extern char **environ;

struct timing {
	long first_byte_ns; /* -1: it ended without output */
	long end_ns;
	int status;
	long peak_kib;
};

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

static char **number_arguments(char *const arguments[], int run)
{
	static char *numbered[ARGUMENTS_MAX + 1];
	int count = 0;

	for (; arguments[count] && count < ARGUMENTS_MAX; count++) {
		const char *at = strchr(arguments[count], '@');

		free(numbered[count]);
		if (!at)
			numbered[count] = strdup(arguments[count]);
		else if (asprintf(&numbered[count], "%.*s%d%s", (int)(at - arguments[count]),
				  arguments[count], run, at + 1) < 0)
			numbered[count] = NULL;
		if (!numbered[count])
			die("arguments");
	}
	numbered[count] = NULL;
	return numbered;
}

/* The process, with OUTPUT_FD as its output; when it is traced it adds itself to those that are. */
static pid_t start(char **arguments, int output_fd, int traced)
{
	posix_spawn_file_actions_t actions;
	char text[16];
	pid_t child;

	if (traced) {
		child = fork();
		if (child != 0)
			return child;
		dup2(output_fd, 1);
		snprintf(text, sizeof(text), "%d", getpid());
		write_file(TRACING "set_event_pid", text);
		execv(arguments[0], arguments);
		_exit(127);
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, output_fd, 1);
	errno = posix_spawn(&child, arguments[0], &actions, NULL, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	return errno ? -1 : child;
}

/*
 * What a run has left behind, as the memory of a virtual machine, the kernel takes apart behind
 * waitpid's return. It is over within 100 ms, and no part of the next run.
 */
static void rest(void)
{
	struct timespec time = { .tv_nsec = 100 * 1000000 };

	while (nanosleep(&time, &time) < 0 && errno == EINTR)
		;
}

static struct timing time_one(char **arguments, int traced)
{
	struct timing timing = { .first_byte_ns = -1 };
	struct rusage usage;
	long started_ns;
	int ends[2];
	char bytes[4096];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		die("pipe");
	started_ns = now_ns();
	child = start(arguments, ends[1], traced);
	if (child < 0)
		die(arguments[0]);
	close(ends[1]);
	if (read(ends[0], bytes, sizeof(bytes)) > 0)
		timing.first_byte_ns = now_ns() - started_ns;
	if (wait4(child, &timing.status, 0, &usage) < 0)
		die("wait4");
	timing.end_ns = now_ns() - started_ns;
	timing.peak_kib = usage.ru_maxrss;
	close(ends[0]);
	rest();
	return timing;
}

/* The beginning of a run's JSON object. */
static void print_timing(const char *name, const struct timing *timing)
{
	printf("{\"name\": \"%s\", \"status\": %d, \"first_byte_ns\": %ld, \"end_ns\": %ld", name,
	       timing->status, timing->first_byte_ns, timing->end_ns);
}

static const char *const events[] = { "raw_syscalls/sys_enter", "kvm/kvm_exit",
				      "kvm/kvm_page_fault" };
static const char *const keys[] = { "common_pid", "exit_reason", "common_pid" };

static void arm(int on)
{
	char path[128], trigger[64];

	write_file(TRACING "options/event-fork", on ? "1" : "0");
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		snprintf(path, sizeof(path), TRACING "events/%s/trigger", events[i]);
		snprintf(trigger, sizeof(trigger), "%shist:keys=%s", on ? "" : "!", keys[i]);
		write_file(path, trigger);
	}
}

static FILE *open_histogram(const char *event)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), TRACING "events/%s/hist", event);
	file = fopen(path, "re");
	if (!file)
		die(path);
	return file;
}

/* A line of a histogram, "{ NAME: KEY } hitcount: N"; whether it is one. */
static int parse_hits(const char *line, unsigned long *key, long *count)
{
	const char *at = strstr(line, "hitcount:");

	return at && line[0] == '{' && sscanf(line, "{ %*[^:]: %lu }", key) == 1 &&
	       sscanf(at, "hitcount: %ld", count) == 1;
}

static long sum_hits(const char *event)
{
	FILE *file = open_histogram(event);
	unsigned long key;
	char line[4096];
	long sum = 0, count;

	while (fgets(line, sizeof(line), file))
		sum += parse_hits(line, &key, &count) ? count : 0;
	fclose(file);
	return sum;
}

static void print_exit_reasons(void)
{
	FILE *file = open_histogram("kvm/kvm_exit");
	const char *separator = "";
	unsigned long key;
	char line[4096];
	long count;

	printf(", \"exits\": {");
	while (fgets(line, sizeof(line), file)) {
		if (!parse_hits(line, &key, &count))
			continue;
		printf("%s\"%lu\": %ld", separator, key, count);
		separator = ", ";
	}
	printf("}");
	fclose(file);
}

static void count_one(const char *name, char **arguments)
{
	struct timing timing;

	arm(1);
	timing = time_one(arguments, 1);
	print_timing(name, &timing);
	printf(", \"counted\": true, \"system_calls\": %ld, \"vm_exits\": %ld, ",
	       sum_hits(events[0]), sum_hits(events[1]));
	printf("\"guest_page_faults\": %ld, \"peak_kib\": %ld", sum_hits(events[2]),
	       timing.peak_kib);
	print_exit_reasons();
	printf("}\n");
	arm(0);
	write_file(TRACING "set_event_pid", "");
}

int main(int argc, char *argv[])
{
	int runs;

	if (argc < 6 || strcmp(argv[4], "--") != 0) {
		fprintf(stderr, "usage: launch NAME RUNS COUNT -- COMMAND [ARG...]\n");
		return 125;
	}
	runs = atoi(argv[2]);
	for (int run = 0; run < runs; run++) {
		struct timing timing = time_one(number_arguments(argv + 5, run), 0);

		print_timing(argv[1], &timing);
		printf("}\n");
	}
	if (atoi(argv[3]))
		count_one(argv[1], number_arguments(argv + 5, runs));
	return 0;
}
