/*
 * nacelle exec, enter, pause, resume.
 */
#include "vmm/cli/exec_verbs.h"

#include <string.h>
#include <unistd.h>

#include "vmm/cli/pod_verbs.h"
#include "vmm/pod/exec.h"

#define FIELD(name) offsetof(struct exec_options, name)

const struct option_spec exec_options_table[EXEC_OPTION_COUNT] = {
	{ "app", 0, OPTION_TEXT, "NAME", VALUE_OTHER,
	  "the app of the pod (needed if there are several)", FIELD(app) },
	{ "detach", 'd', OPTION_FLAG, NULL, VALUE_OTHER,
	  "start it, without streams, and do not wait", FIELD(detach) },
	{ "env", 'e', OPTION_LIST, "NAME[=VALUE]", VALUE_OTHER,
	  "set a variable, or pass on the caller's (repeatable)", FIELD(env) },
	{ "interactive", 'i', OPTION_FLAG, NULL, VALUE_OTHER,
	  "connect stdin (without it the command's stdin is /dev/null)", FIELD(interactive) },
	OPTION_ROW_ROOT(FIELD(root)),
	{ "tty", 't', OPTION_FLAG, NULL, VALUE_OTHER, "give the command a terminal", FIELD(tty) },
	{ "user", 'u', OPTION_TEXT, "USER[:GROUP]", VALUE_OTHER,
	  "run as this user, by name or number (default the app's)", FIELD(user) },
	{ "uuid-file", 0, OPTION_TEXT, "FILE", VALUE_FILE,
	  "take the UUID from this file; no POD is given", FIELD(uuid_file) },
	{ "workdir", 'w', OPTION_TEXT, "DIR", VALUE_OTHER, "working directory (default the app's)",
	  FIELD(workdir) },
};

const struct option_spec pause_options_table[PAUSE_OPTION_COUNT] = {
	POD_OPTION_ROOT,
	POD_OPTION_UUID_FILE,
};

static int run_command(const struct exec_options *given, const struct pod_directory *pod, int argc,
		       char **argv, struct error *err)
{
	struct exec_options options = *given;
	const char *shell[] = { "/bin/sh", NULL };
	union {
		char **given;
		const char **argv;
	} command = { argv };

	if (argc > 0 && strcmp(argv[0], "--") == 0)
		command.given++;
	if (*command.argv)
		return exec_run(&options, pod, command.argv, err);
	if (options.detach)
		return error_set(err, 0, "which command? --detach has no use for a shell");
	options.interactive = true;
	options.tty = options.tty || isatty(STDIN_FILENO);
	return exec_run(&options, pod, shell, err);
}

int cli_exec(const void *given, int argc, char **argv, struct error *err)
{
	const struct exec_options *options = given;
	struct pod_directory pod;
	int status;

	if (cli_one_pod(options->root, options->uuid_file, &argc, &argv, &pod, err) < 0)
		return -1;
	status = run_command(options, &pod, argc, argv, err);
	directory_close(&pod);
	return status;
}

static int pause_one(const struct pod_verb_options *options, struct pod_directory *pod,
		     struct error *err)
{
	(void)options;
	return exec_pause(pod, true, EXEC_PAUSE_LIMIT_S, err);
}

static int resume_one(const struct pod_verb_options *options, struct pod_directory *pod,
		      struct error *err)
{
	(void)options;
	return exec_pause(pod, false, EXEC_PAUSE_LIMIT_S, err);
}

int cli_pause(const void *options, int argc, char **argv, struct error *err)
{
	return cli_each_pod(options, argc, argv, pause_one, err);
}

int cli_resume(const void *options, int argc, char **argv, struct error *err)
{
	return cli_each_pod(options, argc, argv, resume_one, err);
}
