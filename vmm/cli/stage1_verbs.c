/*
 * The entry points as verbs; and enter, stop and gc, which are a translation each.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/cli/help.h"
#include "vmm/cli/program.h"
#include "vmm/cli/stage1.h"
#include "vmm/pod/exec.h"
#include "vmm/pod/gc.h"
#include "vmm/pod/pods.h"
#include "vmm/pod/report.h"
#include "vmm/pod/stop.h"

struct enter_options {
	const char *app;
	const char *pid; /* rkt's way to find the pod; ours is the working directory */
};

struct stop_options {
	bool force;
};

struct gc_entry_options {
	bool debug;
	const char *local_config;
};

static const struct option_spec enter_options[] = {
	{ "appname", 0, OPTION_TEXT, "APP", VALUE_OTHER, "the app of the pod",
	  offsetof(struct enter_options, app) },
	{ "pid", 0, OPTION_TEXT, "PID", VALUE_OTHER, "not looked at: the working directory counts",
	  offsetof(struct enter_options, pid) },
};

static const struct option_spec stop_options[] = {
	{ "force", 0, OPTION_FLAG, NULL, VALUE_OTHER, "kill it at once",
	  offsetof(struct stop_options, force) },
};

static const struct option_spec gc_options[] = {
	{ "debug", 0, OPTION_FLAG, NULL, VALUE_OTHER, "say what is removed",
	  offsetof(struct gc_entry_options, debug) },
	{ "local-config", 0, OPTION_TEXT, "DIR", VALUE_DIRECTORY,
	  "not looked at: what networks need was noted at the start",
	  offsetof(struct gc_entry_options, local_config) },
};

/* The pod in the working directory, whatever rkt has renamed that to. */
static int find_pod(struct pod_directory *out, struct error *err)
{
	struct stage1_pod pod;

	if (stage1_pod_open(&pod, err) < 0)
		return -1;
	return pods_find_below(pod.root, stage1_pod_uuid(&pod), out, err);
}

/*
 * As rkt has it: user and group 0, / as working directory, the caller's TERM. Confined as the app
 * is: with its capabilities, system calls and limits (unlike rkt's own, CVE-2019-10144 and others).
 */
static int run_enter(const void *given, int argc, char **argv, struct error *err)
{
	const struct enter_options *options = given;
	const char *env[] = { "TERM", NULL };
	const struct exec_options exec = {
		.app = options->app,
		.user = "0:0",
		.workdir = "/",
		.env = { env, 1 },
		.interactive = true,
		.tty = isatty(STDIN_FILENO),
	};
	const char *shell[] = { "/bin/sh", NULL };
	union {
		char **given;
		const char **argv;
	} command = { argv };
	struct pod_directory pod;
	int status;

	(void)argc;
	if (argv[0] && strcmp(argv[0], "--") == 0)
		command.given++;
	if (find_pod(&pod, err) < 0)
		return -1;
	status = exec_run(&exec, &pod, *command.argv ? command.argv : shell, err);
	directory_close(&pod);
	return status;
}

/* rkt asks and goes: it does not wait for the end. */
static int run_stop(const void *given, int argc, char **argv, struct error *err)
{
	const struct stop_options *options = given;
	struct pod_directory pod;
	int status;

	(void)argc;
	(void)argv;
	if (find_pod(&pod, err) < 0)
		return -1;
	status = options->force ? pod_stop_by_force(&pod, err)
				: pod_stop_begin(&pod, STAGE1_STOP_TIMEOUT_MS, err);
	directory_close(&pod);
	return status;
}

static void say(const char *uuid, const char *what)
{
	report(REPORT_INFO, "pod %s: %s", uuid, what);
}

/* What is left beside the directory, which rkt removes. A pod that never came to run has nothing.
 */
static int run_gc(const void *given, int argc, char **argv, struct error *err)
{
	const struct gc_options options = { .say = say };
	struct stage1_pod pod;
	_cleanup_fd_ int pods_fd = -1;

	(void)given;
	(void)argc;
	(void)argv;
	if (stage1_pod_open(&pod, err) < 0)
		return -1;
	pods_fd = pods_open(pod.root, false, err);
	if (pods_fd < 0)
		return err->code == ENOENT ? 0 : -1;
	return pods_collect(pods_fd, &options, err);
}

static int run_completion(const void *given, int argc, char **argv, struct error *err)
{
	(void)given;
	(void)argc;
	(void)argv;
	(void)err;
	help_print_completion(&stage1_program);
	return 0;
}

static const struct verb verbs[] = {
	{ .name = "run",
	  .usage = "[OPTIONS] UUID",
	  .help = "Run the pod in the working directory to its end",
	  .options = stage1_run_options,
	  .option_count = STAGE1_RUN_OPTION_COUNT,
	  .options_size = sizeof(struct stage1_options),
	  .arguments_min = 1,
	  .arguments_max = 1,
	  .run = stage1_run },
	{ .name = "enter",
	  .usage = "[OPTIONS] [-- COMMAND...]",
	  .help = "Run a command in an app of it",
	  .options = enter_options,
	  .option_count = sizeof(enter_options) / sizeof(*enter_options),
	  .options_size = sizeof(struct enter_options),
	  .options_first = true,
	  .arguments_max = ~0U,
	  .run = run_enter },
	{ .name = "stop",
	  .usage = "[OPTIONS] UUID",
	  .help = "Ask it to end",
	  .options = stop_options,
	  .option_count = sizeof(stop_options) / sizeof(*stop_options),
	  .options_size = sizeof(struct stop_options),
	  .arguments_min = 1,
	  .arguments_max = 1,
	  .run = run_stop },
	{ .name = "gc",
	  .usage = "[OPTIONS] UUID",
	  .help = "Remove what it has left on the host beside its directory",
	  .options = gc_options,
	  .option_count = sizeof(gc_options) / sizeof(*gc_options),
	  .options_size = sizeof(struct gc_entry_options),
	  .arguments_min = 1,
	  .arguments_max = 1,
	  .run = run_gc },
	{ .name = "completion",
	  .usage = "",
	  .help = "Print the completion of these verbs for bash",
	  .run = run_completion },
	{ .name = NULL },
};

const struct program stage1_program = {
	.name = "nacelle-stage1",
	.command = "nacelle-stage1",
	.about = "Runs a pod of rkt in a virtual machine; rkt's stage0 calls this",
	.manual = "nacelle-stage1(7)",
	.verbs = verbs,
	.failure_status = STAGE1_STATUS_FAILURE,
};
