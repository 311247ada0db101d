/*
 * Failures of a start, in words.
 */
#include "vmm/pod/start_failure.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "guest-init/protocol.h"

enum { STATUS_NOT_FOUND = 127 };

struct failed_start start_failure_of_event(const struct machine_event *event)
{
	return (struct failed_start){ event->code, event->step, event->hook, event->error };
}

struct failed_start start_failure_of_reply(const struct pod_reply *reply)
{
	return (struct failed_start){ reply->exit_code, reply->step, reply->hook,
				      reply->start_error };
}

struct start_names start_names_of_options(const struct app_options *options)
{
	return (struct start_names){ .program = options->command[0],
				     .user = options->user,
				     .workdir = options->workdir,
				     .hooks = options->start_hooks,
				     .hook_count = options->start_hook_count };
}

/* As Go, in which runc is written, says it. */
static const char *error_text(int error)
{
	switch (error) {
	case EACCES:
		return "permission denied";
	case ENOENT:
		return "no such file or directory";
	case ENOEXEC:
		return "exec format error";
	case ENOTDIR:
		return "not a directory";
	case EPERM:
		return "operation not permitted";
	default:
		return strerror(error);
	}
}

static int explain_program(const struct failed_start *failure, const char *program,
			   struct error *err)
{
	if (failure->code == STATUS_NOT_FOUND && strchr(program, '/'))
		return error_set(err, 0, "exec: \"%.200s\": stat %.200s: no such file or directory",
				 program, program);
	if (failure->code == STATUS_NOT_FOUND)
		return error_set(err, 0, "exec: \"%.200s\": executable file not found in $PATH",
				 program);
	if (failure->error == EACCES)
		return error_set(err, 0, "exec: \"%.200s\": permission denied", program);
	return error_set(err, 0, "exec %.200s: %s", program, error_text(failure->error));
}

static int explain_hook(const struct failed_start *failure, const struct start_names *names,
			struct error *err)
{
	const struct pod_hook *hook =
	    failure->hook < names->hook_count ? &names->hooks[failure->hook] : NULL;
	const char *path = hook ? hook->path : "?";
	int status = failure->error;

	if (failure->step == START_STEP_HOOK_LATE)
		return error_set(err, 0,
				 "error running hook #%u: the startContainer hook %.200s did not "
				 "end within %u seconds and was killed",
				 failure->hook, path, hook ? hook->timeout_s : 0);
	return error_set(err, 0, "error running hook #%u: the startContainer hook %.200s: %s %d",
			 failure->hook, path, WIFSIGNALED(status) ? "signal" : "exit status",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static int explain_user(const struct failed_start *failure, const char *user, struct error *err)
{
	if (failure->error)
		return error_set(err, 0, "unable to find user %.200s: %s", user,
				 error_text(failure->error));
	return error_set(err, 0,
			 "unable to find user %.200s: no matching entries in passwd or group file",
			 user);
}

int start_failure_explain(const struct failed_start *failure, const struct start_names *names,
			  struct error *err)
{
	switch ((enum start_step)failure->step) {
	case START_STEP_USER:
		return explain_user(failure, names->user ? names->user : "?", err);
	case START_STEP_CREDENTIALS:
		return error_set(err, 0, "unable to set user, groups, capabilities and limits: %s",
				 error_text(failure->error));
	case START_STEP_WORKDIR:
		return names->workdir
			   ? error_set(err, 0,
				       "chdir to cwd (\"%.200s\") set in config.json failed: %s",
				       names->workdir, error_text(failure->error))
			   : error_set(err, 0, "chdir to the container's cwd failed: %s",
				       error_text(failure->error));
	case START_STEP_PROGRAM:
		return explain_program(failure, names->program ? names->program : "?", err);
	case START_STEP_HOOK:
	case START_STEP_HOOK_LATE:
		return explain_hook(failure, names, err);
	case START_STEP_OTHER:
	case START_STEPS:
		break;
	}
	return error_set(err, 0, "the process could not be started; its stderr says why");
}

struct pod_reply start_failure_reply(const struct machine_event *exit)
{
	bool was_killed = exit->kind == EXIT_KIND_SIGNAL;
	struct pod_reply reply = {
		.magic = POD_REQUEST_MAGIC,
		.type = POD_REQUEST_START,
		.error = was_killed			  ? ESRCH
			 : exit->code == STATUS_NOT_FOUND ? ENOENT
							  : EACCES,
		.app = exit->app,
		.exit_kind = exit->kind,
		.exit_code = exit->code,
		.step = exit->step,
		.hook = exit->hook,
		.start_error = exit->error,
	};

	(void)snprintf(reply.text, sizeof(reply.text), "%s",
		       was_killed ? "the app was killed before its start"
				  : "the app could not be started");
	return reply;
}

void start_failure_complete(struct pod_reply *reply, const struct start_names *names)
{
	const struct failed_start failure = start_failure_of_reply(reply);
	struct error err = ERROR_NONE;

	if (reply->type != POD_REQUEST_START || !reply->error ||
	    reply->exit_kind != EXIT_KIND_NOT_STARTED)
		return;
	(void)start_failure_explain(&failure, names, &err);
	(void)snprintf(reply->text, sizeof(reply->text), "%.*s", POD_REPLY_TEXT_MAX - 1, err.text);
}
