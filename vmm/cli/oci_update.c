/*
 * nacelle-oci update: other limits, by options or as engines write them. What a virtual machine has
 * not is named in a warning, as create does it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/number.h"
#include "vmm/cli/oci.h"
#include "vmm/pod/bundle.h"
#include "vmm/pod/question.h"

/* A number of a kind; "-1" is no limit, and "0" says nothing. */
static int read_limit(const char *option, const char *text,
		      int (*parse)(const char *text, uint64_t *value), uint64_t *out,
		      struct error *err)
{
	if (!text || !*text)
		return 0;
	if (strcmp(text, "-1") == 0)
		*out = LIMITS_NONE;
	else if (parse(text, out) < 0)
		return error_set(err, 0, "--%s %s: a number is expected", option, text);
	return 0;
}

static void warn_unused(const struct oci_options *options)
{
	const struct {
		const char *name, *value;
	} unused[] = {
		{ "blkio-weight", options->blkio_weight },
		{ "cpu-burst", options->cpu_burst },
		{ "cpu-idle", options->cpu_idle },
		{ "cpuset-cpus", options->cpuset_cpus },
		{ "cpuset-mems", options->cpuset_mems },
		{ "kernel-memory", options->kernel_memory },
		{ "kernel-memory-tcp", options->kernel_memory_tcp },
		{ "memory-reservation", options->memory_reservation },
		{ "memory-swap", options->memory_swap },
	};

	for (size_t i = 0; i < sizeof(unused) / sizeof(unused[0]); i++) {
		const char *value = unused[i].value;

		char text[64];

		/* 0 is what callers say who mean nothing, unless it is a processor. */
		if (!value || !*value ||
		    (strcmp(value, "0") == 0 && strncmp(unused[i].name, "cpuset", 6) != 0))
			continue;
		(void)snprintf(text, sizeof(text), "--%s is not applied", unused[i].name);
		oci_warn(text);
	}
}

static int refuse_unknown(const struct oci_options *options, struct error *err)
{
	const char *option = options->cpu_rt_period	? "cpu-rt-period"
			     : options->cpu_rt_runtime	? "cpu-rt-runtime"
			     : options->l3_cache_schema ? "l3-cache-schema"
			     : options->mem_bw_schema	? "mem-bw-schema"
							: NULL;

	return option ? error_set(err, 0, "--%s: it is not supported", option) : 0;
}

static int read_options(const struct oci_options *options, struct limits *limits, struct error *err)
{
	if (refuse_unknown(options, err) < 0 ||
	    read_limit("memory", options->memory, number_parse_size, &limits->memory_bytes, err) <
		0 ||
	    read_limit("cpu-quota", options->cpu_quota, number_parse, &limits->cpu_quota, err) <
		0 ||
	    read_limit("cpu-period", options->cpu_period, number_parse, &limits->cpu_period, err) <
		0 ||
	    read_limit("cpu-share", options->cpu_share, number_parse, &limits->cpu_shares, err) <
		0 ||
	    read_limit("pids-limit", options->pids_limit, number_parse, &limits->pids, err) < 0)
		return -1;
	if (limits->cpu_period == LIMITS_NONE || limits->cpu_shares == LIMITS_NONE)
		return error_set(err, 0, "--cpu-period and --cpu-share: no number below 0");
	warn_unused(options);
	return 0;
}

static int read_resources(const char *path, struct limits *limits, struct error *err)
{
	_cleanup_fd_ int fd = strcmp(path, "-") == 0
				  ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
				  : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct oci_bundle resources;

	if (fd < 0)
		return error_set(err, errno, "cannot open %s", path);
	if (bundle_load_resources(&resources, fd, err) < 0)
		return -1;
	bundle_settle_limits(&resources, limits);
	for (size_t i = 0; i < resources.lists[OCI_WARNINGS].count; i++)
		oci_warn(resources.lists[OCI_WARNINGS].items[i]);
	oci_bundle_free(&resources);
	return 0;
}

int oci_update(const void *given, int argc, char **argv, struct error *err)
{
	const struct oci_options *options = given;
	struct limits limits = { .memory_bytes = 0 };
	struct oci_container container;
	int result;

	(void)argc;
	if ((options->resources ? read_resources(options->resources, &limits, err)
				: read_options(options, &limits, err)) < 0 ||
	    oci_container_open(argv[0], OCI_ASK_PATIENTLY, &container, err) < 0)
		return -1;
	if (strcmp(container.status, "stopped") == 0)
		result = error_set(err, 0, "container not running");
	else
		result = question_limits(&container.pod, NULL, &limits, err);
	oci_container_close(&container);
	return result;
}
