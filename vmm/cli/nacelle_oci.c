/*
 * nacelle-oci: argv in, exit code out. Options before the verb are every OCI runtime's, and so is
 * the form of failures: in the log, and as a line on stderr.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/cleanup.h"
#include "vmm/cli/help.h"
#include "vmm/cli/oci.h"

enum { STATUS_FAILURE = 1 };

struct oci_globals oci_globals;

#define GLOBAL(field) offsetof(struct oci_globals, field)

static const struct option_spec global_options[] = {
	{ "root", 0, OPTION_TEXT, "DIR", VALUE_DIRECTORY,
	  "where containers are kept (default /run/nacelle-oci)", GLOBAL(root) },
	{ "log", 0, OPTION_TEXT, "FILE", VALUE_FILE, "append failures and warnings to this file",
	  GLOBAL(log) },
	{ "log-format", 0, OPTION_TEXT, "FORMAT", VALUE_OTHER, "text or json (default text)",
	  GLOBAL(log_format) },
	{ "log-level", 0, OPTION_TEXT, "LEVEL", VALUE_OTHER, "for other runtimes' callers",
	  GLOBAL(log_level) },
	{ "debug", 0, OPTION_FLAG, NULL, VALUE_OTHER, "the same", GLOBAL(debug) },
	{ "systemd-cgroup", 's', OPTION_FLAG, NULL, VALUE_OTHER,
	  "the same: a cgroup's path says by its form whose it is", GLOBAL(systemd_cgroup) },
	{ "cgroup-manager", 0, OPTION_TEXT, "NAME", VALUE_OTHER, "the same",
	  GLOBAL(cgroup_manager) },
	{ "rootless", 0, OPTION_TEXT, "BOOL", VALUE_OTHER, "the same", GLOBAL(rootless) },
	{ "criu", 0, OPTION_TEXT, "FILE", VALUE_OTHER, "the same", GLOBAL(criu) },
	{ "version", 'v', OPTION_FLAG, NULL, VALUE_OTHER, "print the version", GLOBAL(version) },
};

#define FIELD(field) offsetof(struct oci_options, field)
#define OPTION_BUNDLE                                                                              \
	{                                                                                          \
		"bundle", 'b', OPTION_TEXT, "DIR", VALUE_DIRECTORY, "the bundle (default .)",      \
		    FIELD(bundle)                                                                  \
	}
/* clang-format off */
#define OPTION_CONSOLE_SOCKET \
	{ "console-socket", 0, OPTION_TEXT, "FILE", VALUE_FILE, \
	  "send the terminal's master to this socket", FIELD(console_socket) }
#define OPTION_PID_FILE \
	{ "pid-file", 0, OPTION_TEXT, "FILE", VALUE_FILE, \
	  "write the number of the container's process there", FIELD(pid_file) }
#define OPTION_PRESERVE_FDS \
	{ "preserve-fds", 0, OPTION_TEXT, "N", VALUE_OTHER, "refused, unless it is 0", \
	  FIELD(preserve_fds) }
#define CREATE_OPTIONS \
	OPTION_BUNDLE, \
	{ "config", 'f', OPTION_TEXT, "FILE", VALUE_FILE, "instead of the bundle's config.json", \
	  FIELD(config) }, \
	OPTION_CONSOLE_SOCKET, OPTION_PID_FILE, OPTION_PRESERVE_FDS, \
	{ "no-pivot", 0, OPTION_FLAG, NULL, VALUE_OTHER, "for other runtimes' callers", \
	  FIELD(no_pivot) }, \
	{ "no-new-keyring", 0, OPTION_FLAG, NULL, VALUE_OTHER, "the same", FIELD(no_new_keyring) }, \
	{ "no-subreaper", 0, OPTION_FLAG, NULL, VALUE_OTHER, "the same", FIELD(no_subreaper) }
/* clang-format on */

static const struct option_spec create_options[] = { CREATE_OPTIONS };
static const struct option_spec run_options[] = {
	CREATE_OPTIONS,
	{ "detach", 'd', OPTION_FLAG, NULL, VALUE_OTHER, "do not wait for its end", FIELD(detach) },
	{ "keep", 0, OPTION_FLAG, NULL, VALUE_OTHER, "do not delete it at its end", FIELD(keep) },
};
static const struct option_spec kill_options[] = {
	{ "all", 'a', OPTION_FLAG, NULL, VALUE_OTHER, "no failure if it has stopped", FIELD(all) },
};
static const struct option_spec delete_options[] = {
	{ "force", 'f', OPTION_FLAG, NULL, VALUE_OTHER, "kill it first if it runs", FIELD(force) },
};
static const struct option_spec exec_options[] = {
	{ "process", 'p', OPTION_TEXT, "FILE", VALUE_FILE, "the process as JSON, not a command",
	  FIELD(process) },
	{ "detach", 'd', OPTION_FLAG, NULL, VALUE_OTHER, "do not wait for its end", FIELD(detach) },
	{ "tty", 't', OPTION_FLAG, NULL, VALUE_OTHER, "give it a terminal", FIELD(tty) },
	OPTION_CONSOLE_SOCKET,
	OPTION_PID_FILE,
	OPTION_PRESERVE_FDS,
	{ "cwd", 0, OPTION_TEXT, "DIR", VALUE_OTHER, "working directory (default the container's)",
	  FIELD(cwd) },
	{ "env", 'e', OPTION_LIST, "NAME=VALUE", VALUE_OTHER, "set a variable (repeatable)",
	  FIELD(env) },
	{ "user", 'u', OPTION_TEXT, "UID[:GID]", VALUE_OTHER,
	  "run as this user (default the container's)", FIELD(user) },
	{ "additional-gids", 'g', OPTION_LIST, "GID", VALUE_OTHER, "one more group (repeatable)",
	  FIELD(additional_gids) },
	{ "cap", 'c', OPTION_LIST, "NAME", VALUE_OTHER, "one more capability (repeatable)",
	  FIELD(capabilities) },
	{ "no-new-privs", 0, OPTION_FLAG, NULL, VALUE_OTHER, "execve() grants nothing",
	  FIELD(no_new_privileges) },
	{ "ignore-paused", 0, OPTION_FLAG, NULL, VALUE_OTHER,
	  "in a paused container: it starts when that goes on", FIELD(ignore_paused) },
	{ "process-label", 0, OPTION_TEXT, "LABEL", VALUE_OTHER, "for other runtimes' callers",
	  FIELD(process_label) },
	{ "apparmor", 0, OPTION_TEXT, "PROFILE", VALUE_OTHER, "the same", FIELD(apparmor) },
	{ "cgroup", 0, OPTION_TEXT, "PATH", VALUE_OTHER, "the same", FIELD(cgroup) },
};
static const struct option_spec list_options[] = {
	{ "format", 'f', OPTION_TEXT, "FORMAT", VALUE_OTHER, "table or json (default table)",
	  FIELD(format) },
	{ "quiet", 'q', OPTION_FLAG, NULL, VALUE_OTHER, "print ids only", FIELD(quiet) },
};
static const struct option_spec spec_options[] = { OPTION_BUNDLE };

static const struct option_spec events_options[] = {
	{ "stats", 0, OPTION_FLAG, NULL, VALUE_OTHER, "print the figures once, and end",
	  FIELD(stats) },
	{ "interval", 0, OPTION_TEXT, "TIME", VALUE_OTHER, "between two prints (default 5s)",
	  FIELD(interval) },
};
/* clang-format off */
#define LIMIT(name, argument, help, field) \
	{ name, 0, OPTION_TEXT, argument, VALUE_OTHER, help, FIELD(field) }
#define UNUSED(name, field) LIMIT(name, "VALUE", "not applied, with a warning", field)
#define REFUSED(name, field) LIMIT(name, "VALUE", "refused", field)
static const struct option_spec update_options[] = {
	{ "resources", 'r', OPTION_TEXT, "FILE", VALUE_FILE,
	  "the limits as JSON, in place of options; - is stdin", FIELD(resources) },
	LIMIT("memory", "BYTES", "memory, no more than the machine's; -1: all of it", memory),
	LIMIT("cpu-quota", "US", "CPU time in each period; -1: no limit", cpu_quota),
	LIMIT("cpu-period", "US", "the period (default 100000)", cpu_period),
	LIMIT("cpu-share", "N", "weight among the machine's containers, 2 to 262144", cpu_share),
	LIMIT("pids-limit", "N", "processes and threads; -1: no limit", pids_limit),
	UNUSED("blkio-weight", blkio_weight), UNUSED("cpu-burst", cpu_burst),
	UNUSED("cpu-idle", cpu_idle), UNUSED("cpuset-cpus", cpuset_cpus),
	UNUSED("cpuset-mems", cpuset_mems), UNUSED("kernel-memory", kernel_memory),
	UNUSED("kernel-memory-tcp", kernel_memory_tcp),
	UNUSED("memory-reservation", memory_reservation), UNUSED("memory-swap", memory_swap),
	REFUSED("cpu-rt-period", cpu_rt_period), REFUSED("cpu-rt-runtime", cpu_rt_runtime),
	REFUSED("l3-cache-schema", l3_cache_schema), REFUSED("mem-bw-schema", mem_bw_schema),
};
/* clang-format on */

#define VERB_OFFERED(word, arguments, about, table, fewest, most, offered, function)               \
	{                                                                                          \
		.name = word, .usage = arguments, .help = about, .options = table,                 \
		.option_count = sizeof(table) / sizeof(*(table)),                                  \
		.options_size = sizeof(struct oci_options), .arguments_min = fewest,               \
		.arguments_max = most, .complete = offered, .run = function                        \
	}
#define VERB(word, arguments, about, table, fewest, most, function)                                \
	VERB_OFFERED(word, arguments, about, table, fewest, most,                                  \
		     (most) ? COMPLETE_CONTAINERS : COMPLETE_NOTHING, function)
#define PLAIN_VERB(word, arguments, about, count, function)                                        \
	{                                                                                          \
		.name = word, .usage = arguments, .help = about,                                   \
		.options_size = sizeof(struct oci_options), .arguments_min = count,                \
		.arguments_max = count,                                                            \
		.complete = (count) ? COMPLETE_CONTAINERS : COMPLETE_NOTHING, .run = function      \
	}

static int print_completion(const void *options, int argc, char **argv, struct error *err)
{
	(void)options;
	(void)argc;
	(void)argv;
	(void)err;
	help_print_completion(&oci_program);
	return 0;
}

static const struct verb verbs[] = {
	VERB_OFFERED("create", "[OPTIONS] ID", "Make a container, which then waits for its start",
		     create_options, 1, 1, COMPLETE_NOTHING, oci_create),
	PLAIN_VERB("start", "ID", "Start a container that was made", 1, oci_start),
	VERB_OFFERED("run", "[OPTIONS] ID", "Make and start a container", run_options, 1, 1,
		     COMPLETE_NOTHING, oci_run),
	PLAIN_VERB("state", "ID", "Print a container's state as JSON", 1, oci_state),
	{ .name = "exec",
	  .usage = "[OPTIONS] ID [COMMAND ...]",
	  .help = "Run a command in a container",
	  .options = exec_options,
	  .option_count = sizeof(exec_options) / sizeof(*exec_options),
	  .options_size = sizeof(struct oci_options),
	  .options_first = true,
	  .arguments_min = 1,
	  .arguments_max = INT_MAX,
	  .complete = COMPLETE_CONTAINERS,
	  .run = oci_exec },
	VERB("kill", "[OPTIONS] ID [SIGNAL]", "Send a signal to a container (TERM)", kill_options,
	     1, 2, oci_kill),
	VERB("delete", "[OPTIONS] ID", "Remove a container that has stopped", delete_options, 1, 1,
	     oci_delete),
	PLAIN_VERB("pause", "ID", "Stop a container's processors", 1, oci_pause),
	PLAIN_VERB("resume", "ID", "Let them go on", 1, oci_resume),
	VERB("list", "[OPTIONS]", "List containers", list_options, 0, 0, oci_list),
	VERB("ps", "[OPTIONS] ID", "Print the number of a container's process", list_options, 1, 1,
	     oci_ps),
	VERB("events", "[OPTIONS] ID", "Print a container's figures, and what befalls it",
	     events_options, 1, 1, oci_events),
	VERB("update", "[OPTIONS] ID", "Change a container's limits", update_options, 1, 1,
	     oci_update),
	PLAIN_VERB("features", "", "Print what this runtime knows, as JSON", 0, oci_features),
	VERB("spec", "[OPTIONS]", "Write a config.json to begin with", spec_options, 0, 0,
	     oci_spec),
	PLAIN_VERB("completion", "", "Print the completion for bash", 0, print_completion),
	{ .name = NULL },
};

static const struct verb global_verb = {
	.name = "",
	.usage = "[OPTIONS] VERB ...",
	.help = "",
	.options = global_options,
	.option_count = sizeof(global_options) / sizeof(*global_options),
	.options_size = sizeof(struct oci_globals),
	.options_first = true,
};

const struct program oci_program = {
	.name = "nacelle-oci",
	.command = "nacelle-oci",
	.about = "Runs OCI containers, each in a virtual machine of its own",
	.manual = "nacelle-oci(8)",
	.globals = &global_verb,
	.verbs = verbs,
};

static int run_verb(const struct verb *verb, int argc, char **argv, struct error *err)
{
	struct oci_options options = { 0 };
	bool help = false;
	int status = options_parse(&oci_program, verb, &argc, argv, &options, &help, err);
	unsigned count = (unsigned)argc - 1;

	if (status == 0 && help)
		help_print_verb(&oci_program, verb);
	else if (status == 0 && (count < verb->arguments_min || count > verb->arguments_max))
		status = error_set(err, 0, "usage: nacelle-oci %s %s", verb->name, verb->usage);
	else if (status == 0)
		status = verb->run(&options, (int)count, argv + 1, err);
	options_free(verb, &options);
	return status;
}

static int check_log(struct error *err)
{
	const char *format = oci_globals.log_format;

	if (format && strcmp(format, "json") != 0 && strcmp(format, "text") != 0)
		return error_set(err, 0, "--log-format %s: text or json is expected", format);
	return 0;
}

static int run(int argc, char **argv, struct error *err)
{
	const struct verb *verb;
	bool help = false;

	if (options_parse(&oci_program, &global_verb, &argc, argv, &oci_globals, &help, err) < 0 ||
	    check_log(err) < 0)
		return -1;
	if (oci_globals.version) {
		printf("nacelle-oci version " NACELLE_VERSION "\nspec: " OCI_SPEC_VERSION "\n");
		return 0;
	}
	if (help || argc < 2) {
		help_print_verbs(&oci_program);
		return help ? 0 : STATUS_FAILURE;
	}
	verb = verb_find(&oci_program, argv[1]);
	if (!verb)
		return error_set(err, 0, "there is no verb %s; nacelle-oci --help lists them",
				 argv[1]);
	return run_verb(verb, argc - 1, argv + 1, err);
}

int main(int argc, char **argv)
{
	struct error err = ERROR_NONE;
	int status;

	oci_started();
	status = run(argc, argv, &err);
	if (status < 0)
		return oci_fail(&err);
	if (fflush(stdout) != 0 && status == 0) {
		error_set(&err, errno, "cannot write to standard output");
		return oci_fail(&err);
	}
	return status;
}
