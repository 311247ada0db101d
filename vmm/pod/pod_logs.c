/*
 * The logger's pipes and socket. The supervisor holds its ends only until the roles are started.
 */
#include "vmm/pod/pod_logs.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/descriptors.h"
#include "vmm/pod/request.h"
#include "vmm/pod/signals.h"

static int begin(struct pod_logs *logs, int pod_directory, struct error *err)
{
	int pair[2];

	if (logs->socket >= 0)
		return 0;
	if (mkdirat(pod_directory, POD_LOGS_NAME, 0700) < 0 && errno != EEXIST)
		return error_set(err, errno, "cannot make the directory of the pod's logs");
	logs->request.directory =
	    openat(pod_directory, POD_LOGS_NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (logs->request.directory < 0)
		return error_set(err, errno, "cannot open the directory of the pod's logs");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(err, errno, "cannot make a socket pair");
	logs->socket = pair[0];
	logs->request.socket = pair[1];
	return 0;
}

static int make_pipe(int *reader, int *writer, struct error *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return error_set(err, errno, "cannot make a pipe for an app's log");
	*reader = ends[0];
	*writer = ends[1];
	return 0;
}

int pod_logs_add(struct pod_logs *logs, int pod_directory, unsigned index, const char *app,
		 struct app_streams *streams, struct error *err)
{
	struct logger_request *request = &logs->request;
	struct logger_app *ends = &request->apps[index];
	bool err_is_used = streams->err == APP_STDIO_LOG && !streams->terminal;

	*ends = (struct logger_app){ .name = app, .in = -1, .out = -1, .err = -1 };
	request->app_count = index + 1;
	if (streams->out != APP_STDIO_LOG && !err_is_used)
		return 0;
	if (begin(logs, pod_directory, err) < 0 ||
	    (streams->in == APP_STDIO_LOG && make_pipe(&streams->log_in, &ends->in, err) < 0) ||
	    (streams->out == APP_STDIO_LOG && make_pipe(&ends->out, &streams->log_out, err) < 0) ||
	    (err_is_used && make_pipe(&ends->err, &streams->log_err, err) < 0))
		return -1;
	logs->is_logged[index] = true;
	logs->flags[index] =
	    (ends->in >= 0 ? POD_REPLY_STDIN : 0U) | (streams->terminal ? POD_REPLY_TERMINAL : 0U);
	return 0;
}

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(steal_fd(fd));
}

pid_t pod_logs_start(struct pod_logs *logs, struct error *err)
{
	struct logger_request *request = &logs->request;
	pid_t pid;

	if (logs->socket < 0)
		return 0;
	pid = fork();
	if (pid < 0)
		return error_set(err, errno, "cannot start the logger");
	if (pid == 0) {
		signals_become_role("nacelle-log");
		logger_run(request);
	}
	close_end(&request->directory);
	close_end(&request->socket);
	for (unsigned i = 0; i < request->app_count; i++) {
		close_end(&request->apps[i].in);
		close_end(&request->apps[i].out);
		close_end(&request->apps[i].err);
	}
	return pid;
}

int pod_logs_attach(const struct pod_logs *logs, uint32_t app, int socket, uint32_t *flags)
{
	const struct logger_command command = { .app = app };

	if (!logs->is_logged[app])
		return ENODATA;
	if (descriptors_send(logs->socket, &command, sizeof(command), &socket, 1) < 0)
		return errno;
	*flags |= logs->flags[app];
	return 0;
}

void pod_logs_end(struct pod_logs *logs)
{
	close_end(&logs->socket);
}
