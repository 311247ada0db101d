/*
 * nacelle logs and nacelle attach: what the apps of a pod write, afterwards and while they run.
 */
#include "vmm/cli/logs_verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/base/number.h"
#include "vmm/base/time_text.h"
#include "vmm/cli/pod_verbs.h"
#include "vmm/pod/attach.h"
#include "vmm/pod/life.h"
#include "vmm/pod/log_record.h"
#include "vmm/pod/logs.h"
#include "vmm/pod/pod_logs.h"

enum { STARTS_POLL_MS = 10 };

#define LOGS(name)   offsetof(struct logs_options, name)
#define ATTACH(name) offsetof(struct attach_options, name)

const struct option_spec logs_options_table[LOGS_OPTION_COUNT] = {
	{ "app", 0, OPTION_TEXT, "NAME", VALUE_OTHER, "of this app alone", LOGS(app) },
	{ "follow", 'f', OPTION_FLAG, NULL, VALUE_OTHER,
	  "go on with what comes, until the pod ends", LOGS(follow) },
	{ "root", 0, OPTION_TEXT, "DIR", VALUE_DIRECTORY,
	  "where pods are (default /var/lib/nacelle for root)", LOGS(root) },
	{ "since", 0, OPTION_TEXT, "TIME", VALUE_OTHER,
	  "not what is older: 2026-11-22T06:00:00Z, or 10m, 1h30m", LOGS(since) },
	{ "stream", 0, OPTION_TEXT, "STREAM", VALUE_OTHER, "only stdout, or only stderr",
	  LOGS(stream) },
	{ "tail", 'n', OPTION_TEXT, "N", VALUE_OTHER, "only the last N lines of each app",
	  LOGS(tail) },
	{ "timestamps", 't', OPTION_FLAG, NULL, VALUE_OTHER, "begin each line with its time",
	  LOGS(timestamps) },
	{ "uuid-file", 0, OPTION_TEXT, "FILE", VALUE_FILE,
	  "take the UUID from this file; no POD is given", LOGS(uuid_file) },
};

const struct option_spec attach_options_table[ATTACH_OPTION_COUNT] = {
	{ "app", 0, OPTION_TEXT, "NAME", VALUE_OTHER, "to this app, if there are several",
	  ATTACH(app) },
	{ "no-stdin", 0, OPTION_FLAG, NULL, VALUE_OTHER, "only watch", ATTACH(without_stdin) },
	{ "root", 0, OPTION_TEXT, "DIR", VALUE_DIRECTORY,
	  "where pods are (default /var/lib/nacelle for root)", ATTACH(root) },
	{ "uuid-file", 0, OPTION_TEXT, "FILE", VALUE_FILE,
	  "take the UUID from this file; no POD is given", ATTACH(uuid_file) },
};

static int read_since(const char *text, uint64_t *since_ns, struct error *err)
{
	struct timespec now;
	uint64_t length;

	if (time_text_read(text, strlen(text), since_ns) == 0)
		return 0;
	if (time_text_read_duration(text, &length) < 0)
		return error_set(err, 0,
				 "--since %s: a time such as 2026-11-22T06:00:00Z or a length of "
				 "time such as 10m is expected",
				 text);
	clock_gettime(CLOCK_REALTIME, &now);
	*since_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	*since_ns -= length < *since_ns ? length : *since_ns;
	return 0;
}

static int read_options(const struct logs_options *options, struct logs_request *request,
			struct error *err)
{
	*request = (struct logs_request){ .app = options->app,
					  .stream = LOGS_BOTH_STREAMS,
					  .timestamps = options->timestamps,
					  .follow_fd = -1 };
	if (options->stream && strcmp(options->stream, "stdout") == 0)
		request->stream = LOG_STDOUT;
	else if (options->stream && strcmp(options->stream, "stderr") == 0)
		request->stream = LOG_STDERR;
	else if (options->stream)
		return error_set(err, 0, "--stream %s: stdout or stderr is expected",
				 options->stream);
	request->has_tail = options->tail && strcmp(options->tail, "all") != 0;
	if (request->has_tail && number_parse(options->tail, &request->tail) < 0)
		return error_set(err, 0, "--tail %s: a number of lines, or all, is expected",
				 options->tail);
	return options->since ? read_since(options->since, &request->since_ns, err) : 0;
}

/* A descriptor that is readable once the supervisor has ended; -1 if it has. */
static int open_supervisor(const struct pod_directory *directory)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_fd_ int fd = -1;
	size_t len;

	/* One that starts has its lock before it has a number. */
	while (io_read_file(directory->fd, POD_PID_NAME, 32, &text, &len, NULL) < 0) {
		if (!directory_is_held(directory))
			return -1;
		(void)poll(NULL, 0, STARTS_POLL_MS);
	}
	fd = (int)syscall(SYS_pidfd_open, (pid_t)strtol(text, NULL, 10), 0);
	/* The number may be another's by now; while the lock is held, it is the supervisor's. */
	return fd >= 0 && directory_is_held(directory) ? steal_fd(&fd) : -1;
}

int cli_logs(const void *given, int argc, char **argv, struct error *err)
{
	const struct logs_options *options = given;
	struct pod_directory directory;
	struct logs_request request;
	_cleanup_fd_ int logs = -1;
	int status;

	if (read_options(options, &request, err) < 0 ||
	    cli_only_pod(options->root, options->uuid_file, argc, argv, &directory, err) < 0)
		return -1;
	logs = openat(directory.fd, POD_LOGS_NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (logs < 0 && errno == ENOENT)
		return error_set(err, 0,
				 "the pod keeps no logs: what its apps write goes to "
				 "whoever started it");
	if (logs < 0)
		return error_set(err, errno, "cannot open the pod's logs");
	if (options->follow)
		request.follow_fd = open_supervisor(&directory);
	status = logs_print(logs, &request, err);
	cleanup_fd(&request.follow_fd);
	directory_close(&directory);
	return status;
}

int cli_attach(const void *given, int argc, char **argv, struct error *err)
{
	const struct attach_options *options = given;
	struct pod_directory directory;
	int status;

	if (cli_only_pod(options->root, options->uuid_file, argc, argv, &directory, err) < 0)
		return -1;
	status = attach_run(&directory, options->app, options->without_stdin, err);
	directory_close(&directory);
	return status;
}
