/*
 * rkt's pod directory: where things are in it, and what rkt reads there. The directory is root's
 * own; its layout is rkt's (Documentation/devel/pod-lifecycle.md and stage1-implementors-guide.md).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/base/json_writer.h"
#include "vmm/cli/stage1.h"
#include "vmm/pod/networks.h"

enum { FILE_MODE = 0644, NUMBER_TEXT_MAX = 24, FILE_NAME_MAX = 300 };

static int join(char out[PATH_MAX], const char *path, const char *name, struct error *err)
{
	if (snprintf(out, PATH_MAX, "%s/%s", path, name) >= PATH_MAX)
		return error_set(err, ENAMETOOLONG, "the pod's directory %.200s...", path);
	return 0;
}

int stage1_pod_open(struct stage1_pod *pod, struct error *err)
{
	*pod = (struct stage1_pod){ .status_fd = -1 };
	pod->fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (pod->fd < 0 || !getcwd(pod->path, sizeof(pod->path)))
		return error_set(err, errno, "cannot open the working directory");
	if (faccessat(pod->fd, "pod", F_OK, 0) < 0)
		return error_set(err, errno, "%.200s is no pod of rkt: its file pod", pod->path);
	return join(pod->root, pod->path, STAGE1_ROOT, err) < 0 ||
		       join(pod->apps, pod->path, STAGE1_APPS, err) < 0
		   ? -1
		   : 0;
}

int stage1_pod_open_status(struct stage1_pod *pod, struct error *err)
{
	pod->status_fd = openat(pod->fd, STAGE1_STATUS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return pod->status_fd < 0 ? error_set(err, errno, "cannot open " STAGE1_STATUS) : 0;
}

const char *stage1_pod_uuid(const struct stage1_pod *pod)
{
	const char *slash = strrchr(pod->path, '/');

	return slash ? slash + 1 : pod->path;
}

/* In one piece: rkt looks at any time. */
static int put_file(int dir_fd, const char *name, const char *text, size_t len, struct error *err)
{
	char temporary[FILE_NAME_MAX];
	_cleanup_fd_ int fd = -1;

	if (snprintf(temporary, sizeof(temporary), ".%s.new", name) >= (int)sizeof(temporary))
		return error_set(err, ENAMETOOLONG, "the pod's file %s", name);
	fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		    FILE_MODE);
	if (fd < 0 || fchmod(fd, FILE_MODE) < 0 || io_write_all(fd, text, len) < 0 ||
	    fsync(fd) < 0 || renameat(dir_fd, temporary, dir_fd, name) < 0) {
		error_set(err, errno, "cannot write rkt's file %s", name);
		(void)unlinkat(dir_fd, temporary, 0);
		return -1;
	}
	return 0;
}

static int put_number(int dir_fd, const char *name, long number, struct error *err)
{
	char text[NUMBER_TEXT_MAX];
	int n = snprintf(text, sizeof(text), "%ld\n", number);

	return put_file(dir_fd, name, text, (size_t)n, err);
}

/* The first IPv4 address, as rkt's fields have room for one. */
static const struct pod_address *find_address(const struct pod_interface *interface)
{
	for (size_t i = 0; i < interface->address_count; i++)
		if (interface->addresses[i].family == 4)
			return &interface->addresses[i];
	return NULL;
}

static void put_address(struct json_writer *json, const struct pod_address *address)
{
	struct in_addr mask = { .s_addr = 0 };
	char text[INET_ADDRSTRLEN];

	if (!address)
		return;
	if (inet_ntop(AF_INET, address->bytes, text, sizeof(text)))
		json_put_text(json, "ip", text);
	if (address->prefix)
		mask.s_addr = htonl(~0U << (32 - address->prefix));
	if (inet_ntop(AF_INET, &mask, text, sizeof(text)))
		json_put_text(json, "mask", text);
}

static void put_network(struct json_writer *json, const struct networks *networks, unsigned i)
{
	const struct pod_net *net = &networks->nets[i];
	char interface[16];

	(void)snprintf(interface, sizeof(interface), "eth%u", i);
	json_open(json, NULL, '{');
	json_put_text(json, "netName", net->kind == NET_PASST ? "passt" : net->name);
	json_put_text(json, "netConf", net->file ? net->file : "");
	json_put_text(json, "pluginPath", net->plugin ? net->plugin : "");
	json_put_text(json, "ifName", interface);
	put_address(json, find_address(&networks->interfaces[i]));
	json_put_text(json, "args", net->arguments ? net->arguments : "");
	json_close(json, '}');
}

static int on_networks(void *context, const struct networks *networks, struct error *err)
{
	const struct stage1_pod *pod = context;
	_cleanup_free_ char *text = NULL; /* complete once out is closed */
	struct json_writer json;
	size_t len;
	FILE *out;

	if (!networks->count)
		return 0;
	out = open_memstream(&text, &len);
	if (!out)
		return error_set(err, errno, "cannot note the pod's networks");
	json_begin(&json, out);
	json_open(&json, NULL, '[');
	for (unsigned i = 0; i < networks->count; i++)
		put_network(&json, networks, i);
	json_close(&json, ']');
	json_end(&json);
	if (fclose(out) != 0)
		return error_set(err, errno, "cannot note the pod's networks");
	return put_file(pod->fd, "net-info.json", text, len, err);
}

/* Last of all: whoever waits for the pod waits for this file, and then asks for something. */
static int on_start(void *context, struct error *err)
{
	const struct stage1_pod *pod = context;

	return put_number(pod->fd, "pid", getpid(), err);
}

static int on_app_end(void *context, const char *app, int status, struct error *err)
{
	struct stage1_pod *pod = context;

	pod->app_said_failure |= status == RUN_STATUS_FAILURE;
	return put_number(pod->status_fd, app, status, err);
}

struct run_listener stage1_pod_listener(struct stage1_pod *pod)
{
	return (struct run_listener){ .on_networks = on_networks,
				      .on_start = on_start,
				      .on_app_end = on_app_end,
				      .context = pod };
}
