/*
 * Options and image configuration in, one struct pod out.
 *
 * The image's strings come from outside. They become arguments and environment in the guest and
 * nothing else: none reaches the kernel command line, a path of the host, or an option of ours.
 */
#include "vmm/pod/assemble.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/number.h"
#include "vmm/pod/seccomp_profile.h"

#define CAP(name) ((uint64_t)1 << (CAP_##name))

/* What container engines grant by default. */
#define CAPABILITIES_DEFAULT                                                                       \
	(CAP(CHOWN) | CAP(DAC_OVERRIDE) | CAP(FSETID) | CAP(FOWNER) | CAP(MKNOD) | CAP(NET_RAW) |  \
	 CAP(SETGID) | CAP(SETUID) | CAP(SETFCAP) | CAP(SETPCAP) | CAP(NET_BIND_SERVICE) |         \
	 CAP(SYS_CHROOT) | CAP(KILL) | CAP(AUDIT_WRITE))

static const char *masked_paths[] = {
	"/proc/acpi",
	"/proc/asound",
	"/proc/kcore",
	"/proc/keys",
	"/proc/latency_stats",
	"/proc/sched_debug",
	"/proc/scsi",
	"/proc/timer_list",
	"/proc/timer_stats",
	"/sys/firmware",
	"/sys/devices/virtual/powercap",
	NULL,
};

static const char *read_only_paths[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", NULL,
};

static const char *const no_strings[] = { NULL };

/* Hands an allocation to the assembly. */
static void *keep(struct assembly *assembly, void *allocation, struct error *err)
{
	if (!allocation || assembly->string_count == ASSEMBLY_STRINGS_MAX) {
		free(allocation);
		error_set(err, allocation ? E2BIG : ENOMEM, "cannot hold the pod's description");
		return NULL;
	}
	assembly->strings[assembly->string_count++] = allocation;
	return allocation;
}

static unsigned count_strings(const char *const *strings)
{
	unsigned count = 0;

	while (strings[count])
		count++;
	return count;
}

/* The strings of two lists, borrowed, in a fresh array that the assembly owns. */
static const char **join(struct assembly *assembly, const char *const *first,
			 const char *const *second, struct error *err)
{
	unsigned a = count_strings(first), b = count_strings(second);
	const char **joined = keep(assembly, calloc(a + b + 1, sizeof(*joined)), err);

	if (!joined)
		return NULL;
	memcpy(joined, first, a * sizeof(*joined));
	memcpy(joined + a, second, b * sizeof(*joined));
	return joined;
}

static const char *const *borrow(char **strings)
{
	return (const char *const *)strings;
}

/* COMMAND replaces the image's Cmd; --entrypoint replaces its Entrypoint and drops its Cmd. */
static int set_argv(struct assembly *assembly, const struct app_options *options,
		    const struct store_image *image, struct error *err)
{
	const char *entrypoint[] = { options->entrypoint, NULL };
	const char *const *first = image ? borrow(image->entrypoint) : no_strings;
	const char *const *second = image ? borrow(image->cmd) : no_strings;

	if (options->entrypoint) {
		first = options->entrypoint[0] ? entrypoint : no_strings;
		second = no_strings;
	}
	if (options->command[0])
		second = options->command;
	assembly->app.argv = join(assembly, first, second, err);
	if (!assembly->app.argv)
		return -1;
	if (!assembly->app.argv[0])
		return error_set(err, 0, "nothing to run: %s names no command; give one after --",
				 image ? "the image" : "a root directory");
	return 0;
}

static size_t name_length(const char *variable)
{
	return strcspn(variable, "=");
}

/* Sets or replaces one variable. The array has room. */
static void set_variable(const char **env, const char *variable)
{
	size_t length = name_length(variable);
	unsigned i;

	for (i = 0; env[i]; i++)
		if (name_length(env[i]) == length && strncmp(env[i], variable, length) == 0)
			break;
	env[i] = variable;
}

/* --env NAME takes the caller's value, and is ignored where there is none. */
static int inherit_variable(struct assembly *assembly, const char **env, const char *name,
			    struct error *err)
{
	const char *value = getenv(name);
	char *variable;

	if (!value)
		return 0;
	if (asprintf(&variable, "%s=%s", name, value) < 0)
		variable = NULL;
	if (!keep(assembly, variable, err))
		return -1;
	set_variable(env, variable);
	return 0;
}

static int set_env(struct assembly *assembly, const struct app_options *options,
		   const struct store_image *image, struct error *err)
{
	const char *const *base = image ? borrow(image->env) : no_strings;
	const char **env =
	    keep(assembly, calloc(count_strings(base) + options->env.count + 1, sizeof(*env)), err);

	if (!env)
		return -1;
	assembly->app.env = env;
	for (unsigned i = 0; base[i]; i++)
		set_variable(env, base[i]);
	for (unsigned i = 0; i < options->env.count; i++) {
		const char *variable = options->env.items[i];

		if (name_length(variable) == 0)
			return error_set(err, 0, "--env %s: a variable needs a name", variable);
		if (variable[name_length(variable)] == '=')
			set_variable(env, variable);
		else if (inherit_variable(assembly, env, variable, err) < 0)
			return -1;
	}
	return 0;
}

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

static int set_root(struct assembly *assembly, const struct run_options *options,
		    const struct pod_image *image, struct error *err)
{
	struct pod_root *root = &assembly->app.root;
	bool none = options->upper && strcmp(options->upper, "none") == 0;

	if (options->upper && !none && strcmp(options->upper, "tmpfs") != 0 &&
	    (strncmp(options->upper, "tmpfs:", 6) != 0 ||
	     number_parse_size(options->upper + 6, &root->upper_size_bytes) < 0 ||
	     root->upper_size_bytes == 0))
		return error_set(err, 0, "--upper %s: tmpfs, tmpfs:SIZE or none is expected",
				 options->upper);
	root->upper = none ? POD_UPPER_NONE : POD_UPPER_TMPFS;
	root->read_only = run_app_options(options, 0)->read_only;
	if (image->is_directory) {
		int fd = fcntl(image->directory_fd, F_DUPFD_CLOEXEC, 3);

		if (fd < 0)
			return error_set(err, errno, "cannot duplicate the root directory");
		root->type = POD_ROOT_9P;
		/* Only without an upper layer do the app's changes reach the host's directory. */
		root->source =
		    volume_set_adopt(&assembly->volumes, "root", fd, !none || root->read_only, err);
		if (!root->source)
			return -1;
	} else {
		root->type = POD_ROOT_EROFS;
		root->source = "vda";
		if (none)
			root->read_only = true;
	}
	return 0;
}

static int set_volumes(struct assembly *assembly, const struct run_options *options,
		       const struct store_image *image, struct error *err)
{
	const struct app_options *app = run_app_options(options, 0);
	const struct volume_wishes wishes = {
		.app = assembly->app.name,
		.volumes = &app->volumes,
		.mounts = &app->mounts,
		.tmpfs = &app->tmpfs,
		.declared = image ? borrow(image->volumes) : NULL,
	};

	assembly->app.mounts = assembly->mounts;
	if (volume_options_read(&assembly->volume_options, &options->volumes, err) < 0 ||
	    volume_options_mount(&assembly->volume_options, &wishes, &assembly->volumes,
				 assembly->mounts, &assembly->app.mount_count, err) < 0 ||
	    volume_set_open(&assembly->volumes, err) < 0)
		return -1;
	assembly->pod.volumes = assembly->volumes.volumes;
	assembly->pod.volume_count = assembly->volumes.volume_count;
	return 0;
}

static int set_size(struct assembly *assembly, const struct run_options *options, struct error *err)
{
	uint64_t pages = (uint64_t)sysconf(_SC_PHYS_PAGES);
	uint64_t host_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t bytes = options->memory_bytes ? options->memory_bytes : RUN_MEMORY_DEFAULT_BYTES;
	uint64_t cpus = options->cpus ? options->cpus : RUN_CPUS_DEFAULT;

	if (bytes < PLAN_MEMORY_MIN_BYTES)
		return error_set(err, 0, "--memory: %ju MiB are the least that Linux boots with",
				 (uintmax_t)(PLAN_MEMORY_MIN_BYTES / MIB));
	if (bytes > host_bytes)
		return error_set(err, 0, "--memory: this host has %ju MiB",
				 (uintmax_t)(host_bytes / MIB));
	if (cpus > PLAN_CPUS_MAX)
		return error_set(err, 0, "--cpus: 1 to %d are possible", PLAN_CPUS_MAX);
	assembly->memory_bytes = align_up(bytes, 2 * MIB);
	assembly->pod.cpus = (unsigned)cpus;
	return 0;
}

static void set_identity(struct assembly *assembly, const struct app_options *options,
			 const struct store_image *image)
{
	struct pod_app *app = &assembly->app;

	app->name = options->name;
	app->user = options->user;
	if (!app->user && image && image->user && image->user[0])
		app->user = image->user;
	app->workdir = options->workdir;
	if (!app->workdir && image && image->working_dir && image->working_dir[0])
		app->workdir = image->working_dir;
	if (!app->workdir)
		app->workdir = "/";
	app->capabilities = CAPABILITIES_DEFAULT;
	app->init = options->init;
	app->masked_paths = masked_paths;
	app->read_only_paths = read_only_paths;
}

/* After the capabilities. */
static int set_seccomp(struct assembly *assembly, const struct run_options *options,
		       const char *profile, struct error *err)
{
	struct pod_app *app = &assembly->app;
	const struct seccomp_setting setting = {
		.capabilities = app->capabilities,
		.own_kernel = options->kernel || options->kernel_args,
	};
	struct seccomp_filter filter;

	if (seccomp_filter_make(&filter, profile, &setting, err) < 0 ||
	    (filter.allocation && !keep(assembly, filter.allocation, err)))
		return -1;
	app->seccomp = filter.code;
	app->seccomp_count = filter.count;
	return 0;
}

int assemble(struct assembly *assembly, const struct run_options *options,
	     const struct pod_image *image, struct error *err)
{
	const struct app_options *app = run_app_options(options, 0);
	const struct store_image *config = image->is_directory ? NULL : &image->image;

	memset(assembly, 0, sizeof(*assembly));
	volume_set_init(&assembly->volumes, image->is_directory ? 0 : 1);
	if (options->app_count != 1)
		return error_set(err, 0, "only a pod of one image can be run yet");
	if (app->workdir && app->workdir[0] != '/')
		return error_set(err, 0, "--workdir %s: an absolute path is expected",
				 app->workdir);
	set_identity(assembly, app, config);
	if (!assembly->app.name)
		assembly->app.name = options->name ? options->name : "app";
	if (set_size(assembly, options, err) < 0 || set_argv(assembly, app, config, err) < 0 ||
	    set_env(assembly, app, config, err) < 0 || set_hostname(assembly, options, err) < 0 ||
	    networks_settle(&assembly->networks, options, err) < 0 ||
	    set_root(assembly, options, image, err) < 0 ||
	    set_volumes(assembly, options, config, err) < 0 ||
	    set_seccomp(assembly, options, app->seccomp, err) < 0) {
		assembly_free(assembly);
		return -1;
	}
	assembly->pod.trace = options->trace != NULL;
	assembly->pod.apps = &assembly->app;
	assembly->pod.app_count = 1;
	return 0;
}

void assembly_free(struct assembly *assembly)
{
	volume_set_close(&assembly->volumes);
	volume_options_free(&assembly->volume_options);
	for (unsigned i = 0; i < assembly->string_count; i++)
		free(assembly->strings[i]);
	assembly->string_count = 0;
}
