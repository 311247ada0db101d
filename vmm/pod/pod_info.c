/*
 * What can be said of a pod.
 */
#include "vmm/pod/pod_info.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/base/number.h"
#include "vmm/pod/client.h"
#include "vmm/pod/life.h"

enum { NUMBER_TEXT_MAX = 24, STATUS_PATH_MAX = 512, ANSWER_S = 1, NS_OF_MS = 1000000 };

/* The line in a small file, or what a link says in its place. Returns false if there is none. */
static bool read_small_file(int dir_fd, const char *path, char text[NUMBER_TEXT_MAX])
{
	_cleanup_fd_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n = -1;

	if (fd < 0 && errno == ELOOP) {
		n = readlinkat(dir_fd, path, text, NUMBER_TEXT_MAX - 1);
		text[n > 0 ? n : 0] = '\0';
		return n > 0;
	}
	if (fd >= 0)
		n = read(fd, text, NUMBER_TEXT_MAX - 1);
	if (n <= 0 || text[n - 1] != '\n')
		return false;
	text[n - 1] = '\0';
	return true;
}

long pod_info_number(int dir_fd, const char *path, long fallback)
{
	char text[NUMBER_TEXT_MAX];
	uint64_t number;

	if (!read_small_file(dir_fd, path, text))
		return fallback;
	return number_parse(text, &number) < 0 || number > INT_MAX ? fallback : (long)number;
}

/* When a file of the pod was written; 0 if it is not there. */
static uint64_t written_ns(int dir_fd, const char *name)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_mtim.tv_sec < 0)
		return 0;
	return (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec;
}

static void read_networks(const struct pod_directory *pod, struct pod_info *info)
{
	_cleanup_fd_ int fd =
	    openat(pod->fd, POD_NETWORKS_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n = fd < 0 ? 0 : io_read_full(fd, info->networks, sizeof(info->networks) - 1);

	info->networks[n > 0 ? n : 0] = '\0';
}

static int read_app_status(int dir_fd, const char *path)
{
	char text[NUMBER_TEXT_MAX];

	if (read_small_file(dir_fd, path, text) && strcmp(text, POD_NOT_STARTED) == 0)
		return POD_STATUS_NOT_STARTED;
	return (int)pod_info_number(dir_fd, path, POD_STATUS_UNKNOWN);
}

static int read_apps(const struct pod_directory *pod, struct pod_info *info, struct error *err)
{
	info->apps = calloc(info->launch.apps.count + 1, sizeof(*info->apps));
	if (!info->apps)
		return error_set(err, ENOMEM, "cannot look at the pod %s", pod->uuid);
	for (size_t i = 0; i < info->launch.apps.count; i++) {
		struct pod_info_app *app = &info->apps[i];
		char path[STATUS_PATH_MAX];

		app->name = info->launch.apps.items[i];
		app->image = info->launch.images.items[i];
		app->status = POD_STATUS_UNKNOWN;
		if (strchr(app->name, '/') || snprintf(path, sizeof(path), POD_STATUS_NAME "/%s",
						       app->name) >= (int)sizeof(path))
			continue;
		app->status = read_app_status(pod->fd, path);
	}
	return 0;
}

static struct pod_info_app *find_app(struct pod_info *info, const char *name)
{
	for (size_t i = 0; i < info->launch.apps.count; i++)
		if (strcmp(info->apps[i].name, name) == 0)
			return &info->apps[i];
	return NULL;
}

/* One line, which is taken to pieces; one that is cut off says nothing. */
static void read_line(struct pod_info *info, char *line)
{
	struct pod_info_app *app = find_app(info, strsep(&line, " "));
	uint64_t numbers[4];

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		const char *word = strsep(&line, " ");

		if (!word || number_parse(word, &numbers[i]) < 0 ||
		    numbers[i] > INT64_MAX / NS_OF_MS)
			return;
	}
	if (!app || line)
		return;
	app->has_times = true;
	app->times =
	    (struct life_app_times){ numbers[0], numbers[1], (uint32_t)numbers[2], numbers[3] };
}

static void read_times(const struct pod_directory *pod, struct pod_info *info)
{
	_cleanup_free_ char *text = NULL;
	char *at, *line;
	size_t len;

	if (io_read_file(pod->fd, POD_TIMES_NAME, POD_TIMES_MAX, &text, &len, NULL) < 0)
		return;
	at = text;
	while ((line = strsep(&at, "\n")) && at)
		read_line(info, line);
}

int pod_info_read(const struct pod_directory *pod, struct pod_info *out, struct error *err)
{
	*out = (struct pod_info){ .place = pod->place, .is_held = directory_is_held(pod) };
	(void)snprintf(out->uuid, sizeof(out->uuid), "%s", pod->uuid);
	/* One that has just been made, or whose host died, has none. */
	if (launch_record_read(&out->launch, pod->fd, NULL) < 0)
		launch_record_free(&out->launch);
	out->created_ns = written_ns(pod->fd, POD_LAUNCH_NAME);
	out->started_ns = written_ns(pod->fd, POD_PID_NAME);
	out->ended_ns = written_ns(pod->fd, POD_EXIT_NAME);
	out->status = (int)pod_info_number(pod->fd, POD_EXIT_NAME, POD_STATUS_UNKNOWN);
	if (out->is_held && pod->place == POD_PLACE_RUN)
		out->pid = (pid_t)pod_info_number(pod->fd, POD_PID_NAME, 0);
	read_networks(pod, out);
	if (read_apps(pod, out, err) < 0)
		return -1;
	read_times(pod, out);
	return 0;
}

void pod_info_ask(const struct pod_directory *pod, struct pod_info *info)
{
	const struct timeval limit = { .tv_sec = ANSWER_S };
	_cleanup_fd_ int fd = -1;

	/* One that starts does not answer yet. */
	if (pod->place != POD_PLACE_RUN || !info->is_held || !info->started_ns)
		return;
	fd = client_connect(pod->fd, NULL);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
		return;
	for (size_t i = 0; i < info->launch.apps.count; i++) {
		struct pod_request request = client_request(POD_REQUEST_STATUS);
		struct pod_info_app *app = &info->apps[i];
		struct pod_reply reply;

		request.app = (uint32_t)i;
		if (client_ask(fd, &request, &reply, NULL) < 0)
			return;
		app->is_live = app->has_times = true;
		app->is_member = reply.serial != 0;
		app->state = (enum pod_app_state)reply.app_state;
		app->times = (struct life_app_times){ reply.started_ms, reply.ended_ms,
						      reply.restarts, reply.flags & POD_REPLY_OOM };
		info->is_paused = reply.flags & POD_REPLY_PAUSED;
	}
}

void pod_info_free(struct pod_info *info)
{
	launch_record_free(&info->launch);
	free(info->apps);
	info->apps = NULL;
}

const char *pod_info_state(const struct pod_info *info)
{
	if (info->is_paused)
		return "paused";
	if (info->place == POD_PLACE_RUN && info->is_held && !info->started_ns)
		return "starting";
	return pod_state_name(info->place, info->is_held);
}
