/*
 * The verbs of the nacelle command, in the order of its help.
 */
#include "vmm/cli/verbs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/cli/cat_manifest.h"
#include "vmm/cli/check.h"
#include "vmm/cli/exec_verbs.h"
#include "vmm/cli/forward.h"
#include "vmm/cli/help.h"
#include "vmm/cli/logs_verbs.h"
#include "vmm/cli/pod_export_verb.h"
#include "vmm/cli/pod_verbs.h"
#include "vmm/cli/prepare_verbs.h"
#include "vmm/cli/run.h"
#include "vmm/pod/run.h"

static int verb_version(const void *options, int argc, char **argv, struct error *err)
{
	(void)options;
	(void)argc;
	(void)argv;
	(void)err;
	printf("nacelle %s\n", NACELLE_VERSION);
	return 0;
}

/* The tables of the other programs' verbs are theirs, so each prints its own part. */
static int print_completion_of(char *group, int (*forward)(char **argv, struct error *err),
			       struct error *err)
{
	char nacelle[] = "nacelle", completion[] = "completion";
	char *words[] = { nacelle, group, completion, NULL };
	int status;
	pid_t child = fork();

	if (child == 0) {
		(void)forward(words, NULL);
		_exit(1);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return error_set(err, errno, "cannot ask for the completion of %s", group);
	return status == 0 ? 0 : error_set(err, 0, "nacelle-%s has no completion", group);
}

static int verb_completion(const void *options, int argc, char **argv, struct error *err)
{
	char image[] = "image", bench[] = "bench";

	(void)options;
	(void)argc;
	(void)argv;
	help_print_completion(&nacelle_program);
	if (fflush(stdout) != 0)
		return error_set(err, 0, "cannot write to standard output");
	if (print_completion_of(image, cli_forward_image, err) < 0)
		return -1;
	return print_completion_of(bench, cli_forward_bench, err);
}

static const struct option_spec check_options[] = {
	OPTION_ROW_JSON(offsetof(struct check_options, json)),
};

static const struct verb verbs[] = {
	{ .name = "run",
	  .usage = "[OPTIONS] IMAGE [OPTIONS] [-- COMMAND [ARG...]] [--- IMAGE ...]",
	  .help = "Run an image in a virtual machine of its own",
	  .options = run_options_table,
	  .option_count = RUN_OPTION_COUNT,
	  .more = &app_options_group,
	  .options_size = sizeof(struct run_options),
	  .options_first = true,
	  .arguments_max = INT_MAX,
	  .complete = COMPLETE_REFERENCE,
	  .run = cli_run },
	{ .name = "prepare",
	  .usage = "[OPTIONS] IMAGE [OPTIONS] [-- COMMAND [ARG...]] [--- IMAGE ...]",
	  .help = "Make a pod that is run later",
	  .options = run_options_table,
	  .option_count = RUN_OPTION_COUNT,
	  .more = &app_options_group,
	  .options_size = sizeof(struct run_options),
	  .options_first = true,
	  .arguments_max = INT_MAX,
	  .complete = COMPLETE_REFERENCE,
	  .run = cli_prepare },
	{ .name = "run-prepared",
	  .usage = "[OPTIONS] POD",
	  .help = "Run a pod that was prepared",
	  .options = run_prepared_options,
	  .option_count = RUN_PREPARED_OPTION_COUNT,
	  .options_size = sizeof(struct run_options),
	  .arguments_max = 1,
	  .complete = COMPLETE_PODS,
	  .run = cli_run_prepared },
	{ .name = "list",
	  .usage = "[OPTIONS]",
	  .help = "List the pods",
	  .options = pod_list_options,
	  .option_count = POD_LIST_OPTION_COUNT,
	  .options_size = sizeof(struct pod_verb_options),
	  .arguments_max = 0,
	  .complete = COMPLETE_NOTHING,
	  .run = cli_pod_list },
	{ .name = "status",
	  .usage = "[OPTIONS] POD...",
	  .help = "Say what a pod does, and how its apps ended",
	  .options = pod_status_options,
	  .option_count = POD_STATUS_OPTION_COUNT,
	  .options_size = sizeof(struct pod_verb_options),
	  .arguments_max = INT_MAX,
	  .complete = COMPLETE_PODS,
	  .run = cli_pod_status },
	{ .name = "cat-manifest",
	  .usage = "[OPTIONS] POD...",
	  .help = "Print what a pod runs, as a pod manifest",
	  .options = cat_manifest_options,
	  .option_count = CAT_MANIFEST_OPTION_COUNT,
	  .options_size = sizeof(struct pod_verb_options),
	  .arguments_max = INT_MAX,
	  .complete = COMPLETE_PODS,
	  .run = cli_cat_manifest },
	{ .name = "stop",
	  .usage = "[OPTIONS] POD...",
	  .help = "Ask a pod to end, and wait for that",
	  .options = pod_stop_options,
	  .option_count = POD_STOP_OPTION_COUNT,
	  .options_size = sizeof(struct pod_verb_options),
	  .arguments_max = INT_MAX,
	  .complete = COMPLETE_PODS,
	  .run = cli_pod_stop },
	{ .name = "kill",
	  .usage = "[OPTIONS] POD...",
	  .help = "Send a signal to the apps of a pod",
	  .options = pod_kill_options,
	  .option_count = POD_KILL_OPTION_COUNT,
	  .options_size = sizeof(struct pod_verb_options),
	  .arguments_max = INT_MAX,
	  .complete = COMPLETE_PODS,
	  .run = cli_pod_kill },
	{ .name = "rm",
	  .usage = "[OPTIONS] POD...",
	  .help = "Remove pods that have ended",
	  .options = pod_remove_options,
	  .option_count = POD_REMOVE_OPTION_COUNT,
	  .options_size = sizeof(struct pod_verb_options),
	  .arguments_max = INT_MAX,
	  .complete = COMPLETE_PODS,
	  .run = cli_pod_remove },
	{ .name = "gc",
	  .usage = "[OPTIONS]",
	  .help = "Remove all pods that have ended a while ago",
	  .options = pod_collect_options,
	  .option_count = POD_COLLECT_OPTION_COUNT,
	  .options_size = sizeof(struct pod_verb_options),
	  .arguments_max = 0,
	  .complete = COMPLETE_NOTHING,
	  .run = cli_pod_collect },
	{ .name = "exec",
	  .usage = "[OPTIONS] POD [--] [COMMAND [ARG...]]",
	  .help = "Run a command in a running pod, by default a shell",
	  .options = exec_options_table,
	  .option_count = EXEC_OPTION_COUNT,
	  .options_size = sizeof(struct exec_options),
	  .options_first = true,
	  .arguments_max = INT_MAX,
	  .complete = COMPLETE_PODS,
	  .run = cli_exec },
	{ .name = "enter",
	  .usage = "[OPTIONS] POD [--] [COMMAND [ARG...]]",
	  .help = "The same as exec",
	  .options = exec_options_table,
	  .option_count = EXEC_OPTION_COUNT,
	  .options_size = sizeof(struct exec_options),
	  .options_first = true,
	  .arguments_max = INT_MAX,
	  .complete = COMPLETE_PODS,
	  .run = cli_exec },
	{ .name = "pause",
	  .usage = "[OPTIONS] POD...",
	  .help = "Stop the processors of a pod",
	  .options = pause_options_table,
	  .option_count = PAUSE_OPTION_COUNT,
	  .options_size = sizeof(struct pod_verb_options),
	  .arguments_max = INT_MAX,
	  .complete = COMPLETE_PODS,
	  .run = cli_pause },
	{ .name = "resume",
	  .usage = "[OPTIONS] POD...",
	  .help = "Let the processors of a pod go on",
	  .options = pause_options_table,
	  .option_count = PAUSE_OPTION_COUNT,
	  .options_size = sizeof(struct pod_verb_options),
	  .arguments_max = INT_MAX,
	  .complete = COMPLETE_PODS,
	  .run = cli_resume },
	{ .name = "stats",
	  .usage = "[OPTIONS] POD",
	  .help = "Print what the apps of a pod use, and may use",
	  .options = pod_stats_options,
	  .option_count = POD_STATS_OPTION_COUNT,
	  .options_size = sizeof(struct pod_verb_options),
	  .arguments_max = 1,
	  .complete = COMPLETE_PODS,
	  .run = cli_pod_stats },
	{ .name = "update",
	  .usage = "[OPTIONS] POD",
	  .help = "Change the limits of an app that runs",
	  .options = pod_update_options,
	  .option_count = POD_UPDATE_OPTION_COUNT,
	  .options_size = sizeof(struct pod_update_options),
	  .arguments_max = 1,
	  .complete = COMPLETE_PODS,
	  .run = cli_pod_update },
	{ .name = "logs",
	  .usage = "[OPTIONS] POD",
	  .help = "Print what the apps of a pod have written",
	  .options = logs_options_table,
	  .option_count = LOGS_OPTION_COUNT,
	  .options_size = sizeof(struct logs_options),
	  .arguments_max = 1,
	  .complete = COMPLETE_PODS,
	  .run = cli_logs },
	{ .name = "attach",
	  .usage = "[OPTIONS] POD",
	  .help = "Watch an app of a pod in the background, and type to it",
	  .options = attach_options_table,
	  .option_count = ATTACH_OPTION_COUNT,
	  .options_size = sizeof(struct attach_options),
	  .arguments_max = 1,
	  .complete = COMPLETE_PODS,
	  .run = cli_attach },
	{ .name = "export",
	  .usage = "[OPTIONS] POD",
	  .help = "Write the root of an app of a pod that has ended as an archive",
	  .options = pod_export_options,
	  .option_count = POD_EXPORT_OPTION_COUNT,
	  .options_size = sizeof(struct export_options),
	  .arguments_max = 1,
	  .complete = COMPLETE_PODS,
	  .run = cli_pod_export },
	{ .name = "image",
	  .usage = "VERB [OPTIONS] ...",
	  .help = "Import, list, export and remove images",
	  .complete = COMPLETE_VERBS,
	  .forward = cli_forward_image },
	{ .name = "bench",
	  .usage = "VERB ...",
	  .help = "Measure what pods cost on this machine",
	  .complete = COMPLETE_VERBS,
	  .forward = cli_forward_bench },
	{ .name = "trust",
	  .usage = "VERB [OPTIONS] ...",
	  .help = "Say which images may run, by their names and signatures",
	  .complete = COMPLETE_VERBS,
	  .forward = cli_forward_trust },
	{ .name = "check",
	  .usage = "[OPTIONS]",
	  .help = "Say what this host can do, and what is missing",
	  .options = check_options,
	  .option_count = sizeof(check_options) / sizeof(check_options[0]),
	  .options_size = sizeof(struct check_options),
	  .run = cli_check },
	{ .name = "completion",
	  .usage = "",
	  .help = "Print the completion for bash",
	  .run = verb_completion },
	{ .name = "version", .usage = "", .help = "Print the version", .run = verb_version },
	{ .name = NULL },
};

const struct program nacelle_program = {
	.name = "nacelle",
	.command = "nacelle",
	.about = "Runs container pods, each in a virtual machine of its own",
	.manual = "nacelle(1)",
	.verbs = verbs,
};
