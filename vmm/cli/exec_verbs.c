/*
 * nacelle exec, enter, pause, resume.
 */
#include "vmm/cli/exec_verbs.h"

#include <string.h>
#include <unistd.h>

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
	{ "root", 0, OPTION_TEXT, "DIR", VALUE_DIRECTORY,
	  "where images and pods are (default /var/lib/nacelle for root)", FIELD(root) },
	{ "tty", 't', OPTION_FLAG, NULL, VALUE_OTHER, "give the command a terminal", FIELD(tty) },
	{ "user", 'u', OPTION_TEXT, "USER[:GROUP]", VALUE_OTHER,
	  "run as this user, by name or number (default the app's)", FIELD(user) },
	{ "workdir", 'w', OPTION_TEXT, "DIR", VALUE_OTHER, "working directory (default the app's)",
	  FIELD(workdir) },
};

const struct option_spec pause_options_table[PAUSE_OPTION_COUNT] = {
	{ "root", 0, OPTION_TEXT, "DIR", VALUE_DIRECTORY,
	  "where images and pods are (default /var/lib/nacelle for root)",
	  offsetof(struct pause_options, root) },
};

int cli_exec(const void *given, int argc, char **argv, struct error *err)
{
	struct exec_options options = *(const struct exec_options *)given;
	const char *shell[] = { "/bin/sh", NULL };
	union {
		char **given;
		const char **argv;
	} command = { argv + 1 };

	if (argc == 0)
		return error_set(err, 0, "which pod? its UUID, the beginning of it, or its name");
	if (argc > 1 && strcmp(argv[1], "--") == 0)
		command.given++;
	if (*command.argv)
		return exec_run(&options, argv[0], command.argv, err);
	if (options.detach)
		return error_set(err, 0, "which command? --detach has no use for a shell");
	options.interactive = true;
	options.tty = options.tty || isatty(STDIN_FILENO);
	return exec_run(&options, argv[0], shell, err);
}

static int pause_or_resume(const void *given, char **argv, bool pause, struct error *err)
{
	const struct pause_options *options = given;

	for (; *argv; argv++)
		if (exec_pause(options->root, *argv, pause, err) < 0)
			return -1;
	return 0;
}

int cli_pause(const void *options, int argc, char **argv, struct error *err)
{
	(void)argc;
	return pause_or_resume(options, argv, true, err);
}

int cli_resume(const void *options, int argc, char **argv, struct error *err)
{
	(void)argc;
	return pause_or_resume(options, argv, false, err);
}
