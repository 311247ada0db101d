/*
 * nacelle stats and nacelle update: what the apps of a pod use, and what they may.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "vmm/base/json_writer.h"
#include "vmm/cli/pod_verbs.h"
#include "vmm/pod/question.h"

const struct option_spec pod_stats_options[POD_STATS_OPTION_COUNT] = {
	{ "app", 0, OPTION_TEXT, "NAME", VALUE_OTHER, "only this app (default all that run)",
	  POD_FIELD(app) },
	POD_OPTION_JSON,
	{ "no-header", 0, OPTION_FLAG, NULL, VALUE_OTHER, "leave out the line of headings",
	  POD_FIELD(no_header) },
	POD_OPTION_ROOT,
	POD_OPTION_UUID_FILE,
};

#define FIELD(name) offsetof(struct pod_update_options, name)

const struct option_spec pod_update_options[POD_UPDATE_OPTION_COUNT] = {
	{ "app", 0, OPTION_TEXT, "NAME", VALUE_OTHER,
	  "the app of the pod (needed if there are several)", FIELD(app) },
	{ "cpu-shares", 0, OPTION_NUMBER, "N", VALUE_OTHER, "weight among the apps, 2 to 262144",
	  FIELD(cpu_shares) },
	{ "cpus", 'c', OPTION_DECIMAL, "N", VALUE_OTHER,
	  "CPUs, such as 1.5, no more than the pod has", FIELD(cpus) },
	{ "memory", 'm', OPTION_SIZE, "SIZE", VALUE_OTHER, "memory, no more than the pod has",
	  FIELD(memory_bytes) },
	{ "pids-limit", 0, OPTION_NUMBER, "N", VALUE_OTHER,
	  "processes and threads that the app may have", FIELD(pids) },
	OPTION_ROW_ROOT(FIELD(root)),
	{ "uuid-file", 0, OPTION_TEXT, "FILE", VALUE_FILE,
	  "take the UUID from this file; no POD is given", FIELD(uuid_file) },
};

static void put_if_known(struct json_writer *json, const char *key, uint64_t value)
{
	if (value != FIGURE_NONE)
		json_put_number(json, key, value);
}

static void put_figures(struct json_writer *json, const char *name, const struct figures *figures)
{
	const uint64_t *values = figures->values;

	json_open(json, NULL, '{');
	json_put_text(json, "name", name);
	put_if_known(json, "cpuUsec", values[FIGURE_CPU_USAGE]);
	put_if_known(json, "cpuUserUsec", values[FIGURE_CPU_USER]);
	put_if_known(json, "cpuSystemUsec", values[FIGURE_CPU_SYSTEM]);
	put_if_known(json, "throttledUsec", values[FIGURE_CPU_THROTTLED_TIME]);
	put_if_known(json, "memoryBytes", values[FIGURE_MEMORY]);
	put_if_known(json, "memoryLimitBytes", values[FIGURE_MEMORY_MAX]);
	put_if_known(json, "oomKills", values[FIGURE_OOM_KILLS]);
	put_if_known(json, "tasks", values[FIGURE_TASKS]);
	put_if_known(json, "tasksLimit", values[FIGURE_PIDS_MAX]);
	json_put_number(json, "podCpus", values[FIGURE_CPUS]);
	json_put_number(json, "podMemoryBytes", values[FIGURE_MACHINE_TOTAL]);
	put_if_known(json, "podMemoryFreeBytes", values[FIGURE_MACHINE_FREE]);
	json_open(json, "memoryStat", '{');
	for (size_t i = 0; i < figures->memory_count; i++)
		json_put_number(json, figures->memory[i].name, figures->memory[i].value);
	json_close(json, '}');
	json_close(json, '}');
}

/* In MiB, with one decimal. */
static void format_bytes(char text[24], uint64_t bytes)
{
	uint64_t tenths = bytes / (1024 * 1024) * 10 + bytes % (1024 * 1024) * 10 / (1024 * 1024);

	(void)snprintf(text, 24, "%" PRIu64 ".%" PRIu64 "M", tenths / 10, tenths % 10);
}

static void print_figures(const char *name, const struct figures *figures)
{
	const uint64_t *values = figures->values;
	uint64_t ms = values[FIGURE_CPU_USAGE] == FIGURE_NONE ? 0 : values[FIGURE_CPU_USAGE] / 1000;
	char memory[24], limit[24], most[24] = "-";

	format_bytes(memory, figures_memory(figures));
	format_bytes(limit, figures_memory_limit(figures));
	if (values[FIGURE_PIDS_MAX] != FIGURE_NONE)
		(void)snprintf(most, sizeof(most), "%" PRIu64, values[FIGURE_PIDS_MAX]);
	printf("%-20s %9" PRIu64 ".%03" PRIu64 " %10s %10s %7" PRIu64 " %7s\n", name, ms / 1000,
	       ms % 1000, memory, limit, values[FIGURE_TASKS], most);
}

static int show_apps(const struct pod_verb_options *options, const struct pod_directory *pod,
		     const struct pod_info *info, struct json_writer *json, struct error *err)
{
	bool found = false;

	for (size_t i = 0; i < info->launch.apps.count; i++) {
		const struct pod_info_app *app = &info->apps[i];
		struct figures figures;

		if (options->app && strcmp(options->app, app->name) != 0)
			continue;
		found = true;
		if (!options->app && !(app->is_live && app->state == POD_APP_RUNNING))
			continue;
		if (question_figures(pod, app->name, &figures, err) < 0)
			return -1;
		if (options->json)
			put_figures(json, app->name, &figures);
		else
			print_figures(app->name, &figures);
	}
	return found || !options->app ? 0
				      : error_set(err, 0, "the pod has no app %s", options->app);
}

int cli_pod_stats(const void *given, int argc, char **argv, struct error *err)
{
	const struct pod_verb_options *options = given;
	struct pod_directory pod;
	struct json_writer json;
	struct pod_info info;
	int result;

	if (cli_only_pod(options->root, options->uuid_file, argc, argv, &pod, err) < 0)
		return -1;
	if (pod_info_read(&pod, &info, err) < 0) {
		directory_close(&pod);
		return -1;
	}
	pod_info_ask(&pod, &info);
	if (!info.is_held || info.place != POD_PLACE_RUN) {
		result = error_set(err, 0, "the pod %s does not run: it is %s", pod.uuid,
				   pod_info_state(&info));
	} else {
		if (options->json) {
			json_begin(&json, stdout);
			json_open(&json, NULL, '[');
		} else if (!options->no_header) {
			printf("%-20s %13s %10s %10s %7s %7s\n", "APP", "CPU-SECONDS", "MEMORY",
			       "OF", "TASKS", "OF");
		}
		result = show_apps(options, &pod, &info, &json, err);
		if (options->json) {
			json_close(&json, ']');
			json_end(&json);
		}
	}
	pod_info_free(&info);
	directory_close(&pod);
	return result;
}

int cli_pod_update(const void *given, int argc, char **argv, struct error *err)
{
	const struct pod_update_options *options = given;
	const struct limits limits = { .memory_bytes = options->memory_bytes,
				       .cpu = options->cpus,
				       .cpu_shares = options->cpu_shares,
				       .pids = options->pids };
	struct pod_directory pod;
	int result;

	if (cli_only_pod(options->root, options->uuid_file, argc, argv, &pod, err) < 0)
		return -1;
	if (!limits.memory_bytes && !limits.cpu && !limits.cpu_shares && !limits.pids)
		result = error_set(err, 0,
				   "which limit? --memory, --cpus, --cpu-shares or "
				   "--pids-limit is expected");
	else
		result = question_limits(&pod, options->app, &limits, err);
	directory_close(&pod);
	return result;
}
