/*
 * nacelle status.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/json_writer.h"
#include "vmm/cli/pod_verbs.h"
#include "vmm/pod/pods.h"

const struct option_spec pod_status_options[POD_STATUS_OPTION_COUNT] = {
	POD_OPTION_JSON,
	POD_OPTION_ROOT,
	{ "timeout", 't', OPTION_NUMBER, "SECONDS", VALUE_OTHER,
	  "with --wait: fail if it has not ended by then", POD_FIELD(timeout_s) },
	POD_OPTION_UUID_FILE,
	{ "wait", 'w', OPTION_FLAG, NULL, VALUE_OTHER, "wait until the pod has ended",
	  POD_FIELD(wait) },
};

enum { PREPARED_POLL_MS = 100, POLL_MS = 20, NS_OF_MS = 1000000, TIMEOUT_MAX_S = 1000000 };

static void print_time(const char *key, uint64_t time_ns)
{
	char text[POD_TIME_SIZE];

	cli_pod_time(text, time_ns);
	if (time_ns)
		printf("%s=%s\n", key, text);
}

/* No app's name has a dot, so that these keys are nobody's else. */
static void print_app_time(const char *app, const char *key, uint64_t time_ms)
{
	char text[POD_TIME_SIZE];

	cli_pod_time(text, time_ms * NS_OF_MS);
	if (time_ms)
		printf("app-%s.%s=%s\n", app, key, text);
}

/* One that has ended without anybody noting its status has none. */
static void print_app(const struct pod_info *info, const struct pod_info_app *app)
{
	const char *state = cli_app_state(info, app);

	if (app->status >= 0)
		printf("app-%s=%d\n", app->name, app->status);
	else
		printf("app-%s=%s\n", app->name, strcmp(state, "exited") == 0 ? "unknown" : state);
	print_app_time(app->name, "started", app->times.started_ms);
	print_app_time(app->name, "ended", app->times.ended_ms);
	if (app->times.restarts)
		printf("app-%s.restarts=%u\n", app->name, app->times.restarts);
	if (app->times.out_of_memory)
		printf("app-%s.out-of-memory=true\n", app->name);
}

static void print_networks(const struct pod_info *info)
{
	_cleanup_free_ char *text = strdup(info->networks);
	char *at = text, *interface, *network, *addresses;

	while (at && cli_next_network(&at, &interface, &network, &addresses))
		printf("network-%s=%s%s%s\n", interface, network, *addresses ? " " : "", addresses);
}

/* Lines of KEY=VALUE, as scripts of rkt's users read them. */
static void print_lines(const struct pod_info *info)
{
	printf("state=%s\nuuid=%s\n", pod_info_state(info), info->uuid);
	if (info->launch.name)
		printf("name=%s\n", info->launch.name);
	print_time("created", info->created_ns);
	print_time("started", info->started_ns);
	print_time("ended", info->ended_ns);
	if (info->pid)
		printf("pid=%d\n", info->pid);
	printf("exited=%s\n", info->place >= POD_PLACE_RUN && !info->is_held ? "true" : "false");
	if (info->status != POD_STATUS_UNKNOWN)
		printf("exit-status=%d\n", info->status);
	print_networks(info);
	for (size_t i = 0; i < info->launch.apps.count; i++)
		print_app(info, &info->apps[i]);
}

static int print_status(const struct pod_verb_options *options, const struct pod_directory *pod,
			struct error *err)
{
	struct pod_info info;
	struct json_writer json;
	int result = pod_info_read(pod, &info, err);

	if (result == 0) {
		pod_info_ask(pod, &info);
		if (options->json) {
			json_begin(&json, stdout);
			cli_put_pod(&json, &info);
			json_end(&json);
		} else {
			print_lines(&info);
		}
	}
	pod_info_free(&info);
	return result;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / NS_OF_MS;
}

static int refuse_late(const char *uuid, uint64_t timeout_s, struct error *err)
{
	return error_set(err, 0, "the pod %s has not ended within %ju seconds", uuid,
			 (uintmax_t)timeout_s);
}

/* Somebody has to run it first; then its lock says the rest. */
static int wait_for_run(struct pod_directory *pod, uint64_t timeout_s, uint64_t end_ms,
			struct error *err)
{
	char uuid[UUID_TEXT_SIZE];
	int pods_fd = pod->pods_fd;

	memcpy(uuid, pod->uuid, sizeof(uuid));
	while (pod->place <= POD_PLACE_PREPARED) {
		int opened;

		if (now_ms() >= end_ms)
			return refuse_late(uuid, timeout_s, err);
		(void)poll(NULL, 0, PREPARED_POLL_MS);
		directory_close(pod);
		opened = pods_open_one(pods_fd, uuid, pod, err);
		if (opened < 0)
			return -1;
		if (opened == 0)
			return error_set(err, 0, "the pod %s has been removed", uuid);
	}
	return 0;
}

static int wait_for_end(struct pod_directory *pod, uint64_t timeout_s, struct error *err)
{
	uint64_t end_ms = timeout_s ? now_ms() + timeout_s * 1000 : UINT64_MAX;

	if (wait_for_run(pod, timeout_s, end_ms, err) < 0)
		return -1;
	if (!timeout_s)
		return directory_wait(pod, err);
	while (directory_is_held(pod)) {
		if (now_ms() >= end_ms)
			return refuse_late(pod->uuid, timeout_s, err);
		(void)poll(NULL, 0, POLL_MS);
	}
	return 0;
}

static int show(const struct pod_verb_options *options, struct pod_directory *pod,
		struct error *err)
{
	if (options->wait && wait_for_end(pod, options->timeout_s, err) < 0)
		return -1;
	return print_status(options, pod, err);
}

int cli_pod_status(const void *given, int argc, char **argv, struct error *err)
{
	const struct pod_verb_options *options = given;

	if (options->timeout_s && !options->wait)
		return error_set(err, 0, "--timeout goes with --wait");
	if (options->timeout_s > TIMEOUT_MAX_S)
		return error_set(err, 0, "--timeout: at most %d seconds", TIMEOUT_MAX_S);
	return cli_each_pod(options, argc, argv, show, err);
}
