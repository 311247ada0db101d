/*
 * nacelle-oci events: what runc says of a container, an object to a line, from the guest's figures.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/json_writer.h"
#include "vmm/base/number.h"
#include "vmm/cli/oci.h"
#include "vmm/pod/client.h"
#include "vmm/pod/host_view.h"
#include "vmm/pod/question.h"

enum { INTERVAL_MS = 5000, INTERVAL_MAX_MS = 86400000, NS_OF_US = 1000 };

static uint64_t in_ns(uint64_t us)
{
	return us > UINT64_MAX / NS_OF_US ? UINT64_MAX : us * NS_OF_US;
}

/* 0 where nothing is known. */
static uint64_t known(const struct figures *figures, enum figure figure)
{
	uint64_t value = figures->values[figure];

	return value == FIGURE_NONE ? 0 : value;
}

static void put_cpu(struct json_writer *json, const struct figures *figures)
{
	json_open(json, "cpu", '{');
	json_open(json, "usage", '{');
	json_put_number(json, "total", in_ns(known(figures, FIGURE_CPU_USAGE)));
	json_put_number(json, "kernel", in_ns(known(figures, FIGURE_CPU_SYSTEM)));
	json_put_number(json, "user", in_ns(known(figures, FIGURE_CPU_USER)));
	json_close(json, '}');
	json_open(json, "throttling", '{');
	json_put_number(json, "periods", known(figures, FIGURE_CPU_PERIODS));
	json_put_number(json, "throttledPeriods", known(figures, FIGURE_CPU_THROTTLED));
	json_put_number(json, "throttledTime", in_ns(known(figures, FIGURE_CPU_THROTTLED_TIME)));
	json_close(json, '}');
	json_close(json, '}');
}

/* What a virtual machine has none of. */
static void put_no_memory(struct json_writer *json, const char *key)
{
	json_open(json, key, '{');
	json_put_number(json, "limit", 0);
	json_put_number(json, "failcnt", 0);
	json_close(json, '}');
}

static void put_memory(struct json_writer *json, const struct figures *figures)
{
	json_open(json, "memory", '{');
	for (size_t i = 0; i < figures->memory_count; i++)
		if (strcmp(figures->memory[i].name, "file") == 0)
			json_put_number(json, "cache", figures->memory[i].value);
	json_open(json, "usage", '{');
	json_put_number(json, "limit", figures_memory_limit(figures));
	json_put_number(json, "usage", figures_memory(figures));
	json_put_number(json, "max", known(figures, FIGURE_MEMORY_PEAK));
	json_put_number(json, "failcnt", known(figures, FIGURE_MEMORY_MAX_EVENTS));
	json_close(json, '}');
	put_no_memory(json, "swap");
	put_no_memory(json, "kernel");
	put_no_memory(json, "kernelTCP");
	json_open(json, "raw", '{');
	for (size_t i = 0; i < figures->memory_count; i++)
		json_put_number(json, figures->memory[i].name, figures->memory[i].value);
	json_close(json, '}');
	json_close(json, '}');
}

static void put_data(struct json_writer *json, const struct figures *figures)
{
	json_open(json, "data", '{');
	put_cpu(json, figures);
	put_memory(json, figures);
	json_open(json, "pids", '{');
	json_put_number(json, "current", known(figures, FIGURE_TASKS));
	json_put_number(json, "limit", known(figures, FIGURE_PIDS_MAX));
	json_close(json, '}');
	json_open(json, "blkio", '{');
	json_close(json, '}');
	json_open(json, "hugetlb", '{');
	json_close(json, '}');
	json_close(json, '}');
}

/* No text of JSON holds a newline: each is one of the layout's, with its blanks. */
static void print_line(const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			text += strspn(text + 1, " ");
		else
			(void)putchar(*text);
	}
	(void)putchar('\n');
}

/* figures NULL: an event without any. */
static int print_event(const char *type, const char *id, const struct figures *figures,
		       struct error *err)
{
	_cleanup_free_ char *text = NULL;
	struct json_writer json;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return error_set(err, ENOMEM, "cannot print an event");
	json_begin(&json, out);
	json_open(&json, NULL, '{');
	json_put_text(&json, "type", type);
	json_put_text(&json, "id", id);
	if (figures)
		put_data(&json, figures);
	json_close(&json, '}');
	json_end(&json);
	if (fclose(out) != 0)
		return error_set(err, ENOMEM, "cannot print an event");
	print_line(text);
	return fflush(stdout) == 0 ? 0 : error_set(err, errno, "cannot write to standard output");
}

/* "5s", "500ms", "1m", or seconds. */
static int read_interval(const char *text, int *interval_ms, struct error *err)
{
	static const struct {
		const char *name;
		unsigned ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "", 1000 } };
	size_t digits = text ? strspn(text, "0123456789") : 0;
	char number[16];
	uint64_t value;

	*interval_ms = INTERVAL_MS;
	if (!text)
		return 0;
	(void)snprintf(number, sizeof(number), "%.*s", (int)digits, text);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (digits >= sizeof(number) || strcmp(text + digits, units[i].name) != 0 ||
		    number_parse(number, &value) < 0 || value == 0 ||
		    value > INTERVAL_MAX_MS / units[i].ms)
			continue;
		*interval_ms = (int)(value * units[i].ms);
		return 0;
	}
	return error_set(err, 0, "--interval %s: a time such as 5s is expected", text);
}

static bool has_run_out(const struct oci_container *container)
{
	const char *bundle = container->bundle.texts[OCI_BUNDLE_PATH];
	_cleanup_fd_ int fd = bundle ? open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	return fd >= 0 && faccessat(fd, HOST_VIEW_OOM_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Waits for the next turn, or the end of who serves the connection. Returns whether it has. */
static bool has_ended(int connection, int interval_ms)
{
	struct pollfd fd = { .fd = connection, .events = POLLIN };

	return poll(&fd, 1, interval_ms) > 0;
}

/* One that is paused has nothing to say, and one that ends will not say it. */
static bool is_silent(const struct error *cause)
{
	return cause->code == EAGAIN || cause->code == ESRCH || cause->code == ECONNRESET;
}

/* Until the container has stopped. */
static int follow(const struct oci_container *container, const char *id, int interval_ms,
		  struct error *err)
{
	_cleanup_fd_ int connection = client_connect_pod(&container->pod, err);
	uint64_t kills = 0, seen = 0;
	struct figures figures;

	if (connection < 0)
		return -1;
	do {
		struct error cause = ERROR_NONE;

		if (question_figures(&container->pod, NULL, &figures, &cause) < 0) {
			if (is_silent(&cause) || has_ended(connection, 0))
				continue;
			*err = cause;
			return -1;
		}
		kills = known(&figures, FIGURE_OOM_KILLS);
		if (print_event("stats", id, &figures, err) < 0 ||
		    (kills > seen && print_event("oom", id, NULL, err) < 0))
			return -1;
		seen = kills > seen ? kills : seen;
	} while (!has_ended(connection, interval_ms));
	return !seen && has_run_out(container) ? print_event("oom", id, NULL, err) : 0;
}

int oci_events(const void *given, int argc, char **argv, struct error *err)
{
	const struct oci_options *options = given;
	struct oci_container container;
	struct figures figures;
	int interval_ms, result;

	(void)argc;
	if (read_interval(options->interval, &interval_ms, err) < 0 ||
	    oci_container_open(argv[0], OCI_ASK_PATIENTLY, &container, err) < 0)
		return -1;
	if (strcmp(container.status, "stopped") == 0)
		result = error_set(err, 0, "container with id %s is not running", argv[0]);
	else if (!options->stats)
		result = follow(&container, argv[0], interval_ms, err);
	else if (question_figures(&container.pod, NULL, &figures, err) < 0)
		result = -1;
	else
		result = print_event("stats", argv[0], &figures, err);
	oci_container_close(&container);
	return result;
}
