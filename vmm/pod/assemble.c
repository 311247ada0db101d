/*
 * What the merge cannot do, since it takes the host: opening volumes, a random name, the memory
 * that there is.
 */
#include "vmm/pod/assemble.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "vmm/pod/merge.h"
#include "vmm/pod/seccomp_profile.h"

static int set_hostname(struct assembly *assembly, const struct run_options *options,
			struct error *err)
{
	const char *chosen = options->hostname ? options->hostname : options->name;
	uint32_t random;

	if (chosen) {
		size_t length = strlen(chosen);

		if (length == 0 || length > ASSEMBLY_HOSTNAME_MAX ||
		    strspn(chosen, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   ".-_") != length)
			return error_set(err, 0,
					 "%s %s: 1 to %d letters, digits, dots, dashes and "
					 "underscores are allowed",
					 options->hostname ? "--hostname" : "--name", chosen,
					 ASSEMBLY_HOSTNAME_MAX);
		(void)snprintf(assembly->hostname, sizeof(assembly->hostname), "%s", chosen);
	} else {
		if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
			return error_set(err, errno, "no random bytes for a host name");
		(void)snprintf(assembly->hostname, sizeof(assembly->hostname), "pod-%08x", random);
	}
	assembly->pod.hostname = assembly->hostname;
	return 0;
}

static int set_networks(struct assembly *assembly, const struct run_options *options,
			struct error *err)
{
	struct run_options published = *options;

	published.publish = assembly->publish;
	return networks_settle(&assembly->networks, &published, err);
}

/* The merge has given a share to each root that is a directory. */
static int open_root(struct assembly *assembly, const struct pod_app *app,
		     const struct pod_image *image, struct error *err)
{
	for (unsigned i = 0; i < assembly->volumes.share_count; i++) {
		struct volume_share *share = &assembly->volumes.shares[i];

		if (share->name != app->root.source)
			continue;
		share->fd = fcntl(image->directory_fd, F_DUPFD_CLOEXEC, 3);
		if (share->fd < 0)
			return error_set(err, errno, "cannot duplicate the root directory");
		volume_isolate(&share->fd, share->read_only, share->recursive);
	}
	return 0;
}

static int open_volumes(struct assembly *assembly, const struct pod_images *images,
			struct error *err)
{
	for (unsigned i = 0; i < assembly->pod.app_count; i++) {
		const struct pod_image *image = pod_images_of_app(images, i);

		if (image->is_directory && open_root(assembly, &assembly->apps[i], image, err) < 0)
			return -1;
	}
	return volume_set_open(&assembly->volumes, err);
}

/* The kernel that is installed runs no 32-bit program unless an argument says so. */
static bool may_run_ia32(const struct run_options *options)
{
	return options->kernel || (options->kernel_args && strstr(options->kernel_args, "ia32"));
}

/* After the capabilities. What the user gives as a file is read here. */
static int make_filters(struct assembly *assembly, const struct run_options *options,
			struct error *err)
{
	for (unsigned i = 0; i < assembly->pod.app_count; i++) {
		struct pod_app *app = &assembly->apps[i];
		const struct seccomp_setting setting = {
			.capabilities = app->capabilities,
			.vsock = options->vsock != NULL,
			.own_kernel = may_run_ia32(options),
		};
		struct seccomp_filter filter;

		if (seccomp_filter_make(&filter, assembly->seccomp[i], &setting, err) < 0 ||
		    (filter.allocation && !keep(&assembly->keep, filter.allocation, err)) ||
		    (filter.notice && !keep(&assembly->keep, filter.notice, err)))
			return -1;
		if (filter.notice && assembly->warning_count < ASSEMBLY_WARNINGS_MAX)
			assembly->warnings[assembly->warning_count++] = filter.notice;
		app->seccomp = filter.code;
		app->seccomp_count = filter.count;
	}
	return 0;
}

int assemble(struct assembly *assembly, const struct run_options *options,
	     const struct pod_manifest *manifest, const struct pod_images *images,
	     struct error *err)
{
	struct merge_input input = {
		.manifest = manifest, .images = images, .options = options, .host = size_host_read()
	};

	if (options->host_cgroup)
		input.host.cgroup_bound = NULL;
	memset(assembly, 0, sizeof(*assembly));
	if (pod_merge(assembly, &input, err) < 0 || set_hostname(assembly, options, err) < 0 ||
	    set_networks(assembly, options, err) < 0 || make_filters(assembly, options, err) < 0 ||
	    open_volumes(assembly, images, err) < 0) {
		assembly_free(assembly);
		return -1;
	}
	return 0;
}

void assembly_free(struct assembly *assembly)
{
	volume_set_close(&assembly->volumes);
	volume_options_free(&assembly->volume_options);
	metadata_free(&assembly->metadata);
	keep_free(&assembly->keep);
}
