/*
 * What the verbs about pods share.
 */
#include "vmm/cli/pod_verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/base/json_writer.h"
#include "vmm/base/text.h"
#include "vmm/base/time_text.h"
#include "vmm/pod/pods.h"

int cli_read_uuid_file(const char *path, char uuid[UUID_TEXT_SIZE], struct error *err)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : io_read_full(fd, uuid, UUID_TEXT_SIZE);

	if (n < 0)
		return error_set(err, errno, "--uuid-file: cannot read %s", path);
	if (n == UUID_TEXT_SIZE && uuid[n - 1] == '\n')
		n--;
	uuid[n < UUID_TEXT_SIZE ? n : 0] = '\0';
	if (!uuid_is_canonical(uuid))
		return error_set(err, 0, "--uuid-file: %s holds no UUID", path);
	return 0;
}

static int refuse_none(struct error *err)
{
	return error_set(err, 0,
			 "which pod? its UUID, the beginning of it, its name, or --uuid-file");
}

static int with_pod(const struct pod_verb_options *options, int pods_fd, const char *text,
		    int (*fn)(const struct pod_verb_options *options, struct pod_directory *pod,
			      struct error *err),
		    struct error *err)
{
	struct pod_directory pod;
	int result;

	if (pods_find(pods_fd, text, &pod, err) < 0)
		return -1;
	result = fn(options, &pod, err);
	directory_close(&pod);
	return result;
}

int cli_each_pod(const struct pod_verb_options *options, int argc, char **argv,
		 int (*fn)(const struct pod_verb_options *options, struct pod_directory *pod,
			   struct error *err),
		 struct error *err)
{
	char uuid[UUID_TEXT_SIZE];
	_cleanup_fd_ int pods_fd = -1;
	int result = 0;

	if (argc == 0 && !options->uuid_file)
		return refuse_none(err);
	if (options->uuid_file && cli_read_uuid_file(options->uuid_file, uuid, err) < 0)
		return -1;
	pods_fd = pods_open(options->root, false, err);
	if (pods_fd < 0 && err->code == ENOENT)
		return error_set(err, 0, "there is no pod %s", argc ? argv[0] : uuid);
	if (pods_fd < 0)
		return -1;
	for (int i = options->uuid_file ? -1 : 0; i < argc; i++) {
		struct error why = ERROR_NONE;

		if (with_pod(options, pods_fd, i < 0 ? uuid : argv[i], fn, &why) == 0)
			continue;
		/* The last one is said by whoever called. */
		if (result < 0)
			(void)fprintf(stderr, "nacelle: %s\n", err->text);
		*err = why;
		result = -1;
	}
	return result;
}

int cli_one_pod(const char *root, const char *uuid_file, int *argc, char ***argv,
		struct pod_directory *pod, struct error *err)
{
	char uuid[UUID_TEXT_SIZE];

	if (uuid_file)
		return cli_read_uuid_file(uuid_file, uuid, err) < 0
			   ? -1
			   : pods_find_below(root, uuid, pod, err);
	if (*argc == 0)
		return refuse_none(err);
	(*argc)--;
	return pods_find_below(root, *(*argv)++, pod, err);
}

int cli_only_pod(const char *root, const char *uuid_file, int argc, char **argv,
		 struct pod_directory *pod, struct error *err)
{
	if (uuid_file && argc)
		return error_set(err, 0, "--uuid-file names the pod already: %s is too much",
				 argv[0]);
	return cli_one_pod(root, uuid_file, &argc, &argv, pod, err);
}

void cli_pod_time(char text[POD_TIME_SIZE], uint64_t time_ns)
{
	enum { MILLISECONDS = 23 };
	char whole[TIME_TEXT_BYTES];

	text[0] = '\0';
	if (!time_ns)
		return;
	time_text_write(whole, time_ns);
	(void)snprintf(text, POD_TIME_SIZE, "%.*sZ", MILLISECONDS, whole);
}

static void put_time(struct json_writer *json, const char *key, uint64_t time_ns)
{
	char text[POD_TIME_SIZE];

	cli_pod_time(text, time_ns);
	if (time_ns)
		json_put_text(json, key, text);
	else
		json_put_null(json, key);
}

static void put_status(struct json_writer *json, int status)
{
	if (status < 0)
		json_put_null(json, "exitStatus");
	else
		json_put_number(json, "exitStatus", (uint64_t)status);
}

const char *cli_app_state(const struct pod_info *info, const struct pod_info_app *app)
{
	if (app->is_live && app->state == POD_APP_WAITING)
		return "waiting";
	if (app->is_live && app->state == POD_APP_RUNNING)
		return "running";
	if (app->status == POD_STATUS_NOT_STARTED)
		return POD_NOT_STARTED;
	if (app->is_live || app->status != POD_STATUS_UNKNOWN ||
	    (info->started_ns && !info->is_held))
		return "exited";
	return info->started_ns ? "unknown" : "waiting";
}

static void put_app(struct json_writer *json, const struct pod_info *info,
		    const struct pod_info_app *app)
{
	enum { NS_OF_MS = 1000000 };

	json_open(json, NULL, '{');
	json_put_text(json, "name", app->name);
	json_put_text(json, "image", app->image);
	json_put_text(json, "state", cli_app_state(info, app));
	put_status(json, app->status);
	put_time(json, "started", app->times.started_ms * NS_OF_MS);
	put_time(json, "ended", app->times.ended_ms * NS_OF_MS);
	if (app->has_times) {
		json_put_number(json, "restarts", app->times.restarts);
		json_put_bool(json, "outOfMemory", app->times.out_of_memory);
	} else {
		json_put_null(json, "restarts");
		json_put_null(json, "outOfMemory");
	}
	json_close(json, '}');
}

bool cli_next_network(char **at, char **interface, char **network, char **addresses)
{
	char *line = strsep(at, "\n");

	*interface = strsep(&line, " ");
	*network = strsep(&line, " ");
	*addresses = line ? line : *network;
	if (!*network || !**network)
		return false;
	text_clean(*network);
	if (*addresses == *network)
		*addresses = *network + strlen(*network);
	return true;
}

static void put_networks(struct json_writer *json, const struct pod_info *info)
{
	_cleanup_free_ char *text = strdup(info->networks);
	char *at = text, *interface, *network, *addresses, *address;

	json_open(json, "networks", '[');
	while (at && cli_next_network(&at, &interface, &network, &addresses)) {
		json_open(json, NULL, '{');
		json_put_text(json, "interface", interface);
		json_put_text(json, "name", network);
		json_open(json, "addresses", '[');
		while ((address = strsep(&addresses, " ")))
			if (*address)
				json_put_text(json, NULL, address);
		json_close(json, ']');
		json_close(json, '}');
	}
	json_close(json, ']');
}

void cli_put_pod(struct json_writer *json, const struct pod_info *info)
{
	json_open(json, NULL, '{');
	json_put_text(json, "uuid", info->uuid);
	if (info->launch.name)
		json_put_text(json, "name", info->launch.name);
	else
		json_put_null(json, "name");
	json_put_text(json, "state", pod_info_state(info));
	put_time(json, "created", info->created_ns);
	put_time(json, "started", info->started_ns);
	put_time(json, "ended", info->ended_ns);
	if (info->pid)
		json_put_number(json, "pid", (uint64_t)info->pid);
	else
		json_put_null(json, "pid");
	put_status(json, info->status);
	put_networks(json, info);
	json_open(json, "apps", '[');
	for (size_t i = 0; i < info->launch.apps.count; i++)
		put_app(json, info, &info->apps[i]);
	json_close(json, ']');
	json_close(json, '}');
}
