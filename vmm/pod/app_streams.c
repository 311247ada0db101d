/*
 * The apps' streams in the plan and in the pod record. Nothing is read or written here.
 */
#include "vmm/pod/app_streams.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "guest-init/protocol.h"
#include "vmm/pod/stdio.h"
#include "vmm/pod/terminal.h"

static_assert(PLAN_STREAMS_MAX >= 3 * RECORD_APPS_MAX, "three streams for each app");

static int read_mode(enum app_stdio *mode, const char *option, const char *word, bool is_output,
		     enum app_stdio by_default, struct error *err)
{
	if (!word)
		*mode = by_default;
	else if (strcmp(word, "null") == 0)
		*mode = APP_STDIO_NULL;
	else if (strcmp(word, "inherit") == 0)
		*mode = APP_STDIO_INHERIT;
	else if (is_output && strcmp(word, "log") == 0)
		*mode = APP_STDIO_LOG;
	else
		return error_set(err, 0, "--%s %s: %s is expected", option, word,
				 is_output ? "inherit, null or log" : "inherit or null");
	return 0;
}

int app_streams_choose(struct app_streams *streams, const struct app_options *options,
		       enum app_stdio by_default, struct error *err)
{
	enum app_stdio in = options->interactive ? APP_STDIO_INHERIT : APP_STDIO_NULL;

	*streams = (struct app_streams){
		.terminal = options->tty, .log_in = -1, .log_out = -1, .log_err = -1
	};
	if (read_mode(&streams->in, "stdin", options->stdin_mode, false, in, err) < 0 ||
	    read_mode(&streams->out, "stdout", options->stdout_mode, true, by_default, err) < 0 ||
	    read_mode(&streams->err, "stderr", options->stderr_mode, true, by_default, err) < 0)
		return -1;
	if (options->tty && streams->out == APP_STDIO_NULL)
		return error_set(err, 0, "--tty goes with no --stdout null");
	if (by_default == APP_STDIO_LOG &&
	    (streams->out == APP_STDIO_INHERIT || streams->err == APP_STDIO_INHERIT))
		return error_set(err, 0, "a pod in the background has no output to inherit");
	/* What those type who attach. */
	if (streams->in == APP_STDIO_INHERIT &&
	    (by_default == APP_STDIO_LOG || (options->tty && streams->out == APP_STDIO_LOG)))
		streams->in = APP_STDIO_LOG;
	return 0;
}

enum { ROWS_DEFAULT = 24, COLUMNS_DEFAULT = 80 };

struct target {
	enum app_stdio mode;
	int standard; /* which of the caller's descriptors with APP_STDIO_INHERIT */
	int log_fd;   /* the one with APP_STDIO_LOG */
};

/* Whether there is a descriptor; *fd is it, or -1 for one that was closed when we started. */
static bool open_target(const struct target *target, const int stdio[3], int *fd,
			bool *private_nonblocking)
{
	*fd = -1;
	switch (target->mode) {
	case APP_STDIO_NULL:
		return false;
	case APP_STDIO_INHERIT:
		if (stdio[target->standard] >= 0)
			*fd = stdio_hand_over(stdio[target->standard], private_nonblocking);
		return true;
	case APP_STDIO_LOG:
		*fd = target->log_fd;
		*private_nonblocking = true;
		return true;
	}
	return false;
}

/* Returns the stream's port, or POD_NO_PORT if neither direction leads anywhere. */
static uint32_t add_stream(struct plan *plan, const struct target *in, const struct target *out,
			   const int stdio[3])
{
	struct plan_stream *stream = &plan->streams[plan->stream_count];
	unsigned kind = 0;

	*stream = (struct plan_stream){ .fd_in = -1, .fd_out = -1 };
	if (in && open_target(in, stdio, &stream->fd_in, &stream->private_in))
		kind |= PLAN_STREAM_IN;
	if (out && open_target(out, stdio, &stream->fd_out, &stream->private_out))
		kind |= PLAN_STREAM_OUT;
	if (!kind)
		return POD_NO_PORT;
	stream->kind = kind;
	stream->port = NACELLE_PORT_STREAM_FIRST + plan->stream_count++;
	return stream->port;
}

static void set_terminal(struct pod_app *app, const struct app_streams *streams, const int stdio[3])
{
	app->terminal = true;
	app->rows = ROWS_DEFAULT;
	app->columns = COLUMNS_DEFAULT;
	if (streams->out == APP_STDIO_INHERIT)
		(void)terminal_size(stdio[STDIN_FILENO], &app->rows, &app->columns);
}

void app_streams_set(struct plan *plan, struct pod_app *apps, const struct app_streams *streams,
		     size_t count, const int stdio[3])
{
	assert(count <= RECORD_APPS_MAX);
	for (size_t i = 0; i < count; i++) {
		const struct app_streams *own = &streams[i];
		const struct target in = { own->in, STDIN_FILENO, own->log_in };
		const struct target out = { own->out, STDOUT_FILENO, own->log_out };
		const struct target err = { own->err, STDERR_FILENO, own->log_err };

		if (own->terminal) {
			set_terminal(&apps[i], own, stdio);
			apps[i].stdin_port = add_stream(plan, &in, &out, stdio);
			continue;
		}
		apps[i].stdin_port = add_stream(plan, &in, NULL, stdio);
		apps[i].stdout_port = add_stream(plan, NULL, &out, stdio);
		apps[i].stderr_port = add_stream(plan, NULL, &err, stdio);
	}
}
