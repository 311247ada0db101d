/*
 * From a bundle to options. What it says is checked where options are.
 */
#include "vmm/pod/bundle.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "images/fields.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/base/number.h"
#include "vmm/machine/plan.h"
#include "vmm/pod/capabilities.h"
#include "vmm/pod/image_program.h"
#include "vmm/pod/life.h"
#include "vmm/pod/size.h"
#include "vmm/pod/volume.h"

/* Makes a path of the bundle's absolute. */
static int settle_path(char **path, const char *directory, struct error *err)
{
	char *absolute;

	if ((*path)[0] == '/')
		return 0;
	if (asprintf(&absolute, "%s/%s", directory, *path) < 0)
		return error_set(err, ENOMEM, "cannot read a bundle");
	free(*path);
	*path = absolute;
	return 0;
}

static int set_text(struct oci_bundle *bundle, enum oci_text which, const char *text,
		    struct error *err)
{
	free(bundle->texts[which]);
	bundle->texts[which] = strdup(text);
	return bundle->texts[which] ? 0 : error_set(err, ENOMEM, "cannot read a bundle");
}

static int settle_paths(struct oci_bundle *bundle, const char *directory, const char *config,
			struct error *err)
{
	if (set_text(bundle, OCI_BUNDLE_PATH, directory, err) < 0 ||
	    set_text(bundle, OCI_CONFIG_PATH, config, err) < 0)
		return -1;
	if (settle_path(&bundle->texts[OCI_ROOT_PATH], directory, err) < 0 ||
	    (bundle->texts[OCI_KERNEL] &&
	     settle_path(&bundle->texts[OCI_KERNEL], directory, err) < 0))
		return -1;
	for (size_t i = 0; i < bundle->mount_count; i++)
		if (bundle->mounts[i].source &&
		    settle_path(&bundle->mounts[i].source, directory, err) < 0)
			return -1;
	return 0;
}

int bundle_load(struct oci_bundle *bundle, const char *directory, const char *config,
		struct error *err)
{
	const char *arguments[] = { "nacelle-image", "bundle", "--", config, NULL };
	_cleanup_free_ char *path = realpath(directory, NULL);
	_cleanup_free_ char *inside = NULL;
	_cleanup_free_ void *data = NULL;
	size_t len;

	*bundle = (struct oci_bundle){ 0 };
	if (!path)
		return error_set(err, errno, "the bundle %s", directory);
	if (asprintf(&inside, "%s/config.json", path) < 0) {
		inside = NULL;
		return error_set(err, ENOMEM, "cannot read a bundle");
	}
	if (!config)
		arguments[3] = inside;
	if (image_program_read(arguments, FIELDS_SIZE_MAX, &data, &len, NULL, err) < 0 ||
	    oci_bundle_decode(bundle, data, len, err) < 0)
		return -1;
	if (settle_paths(bundle, path, arguments[3], err) == 0)
		return 0;
	oci_bundle_free(bundle);
	return -1;
}

int bundle_load_process(struct oci_bundle *process, const char *path, struct error *err)
{
	const char *arguments[] = { "nacelle-image", "process", "--", path, NULL };
	_cleanup_free_ void *data = NULL;
	size_t len;

	*process = (struct oci_bundle){ 0 };
	if (image_program_read(arguments, FIELDS_SIZE_MAX, &data, &len, NULL, err) < 0)
		return -1;
	return oci_process_decode(process, data, len, err);
}

static struct text_list lend(const struct string_list *list)
{
	union {
		char **theirs;
		const char **ours;
	} items = { list->items };

	return (struct text_list){ items.ours, (unsigned)list->count };
}

/* A NULL-terminated list that is never NULL: an empty one means none, and not the usual ones. */
static const char **lend_paths(const struct string_list *list)
{
	static const char *none[] = { NULL };

	return list->count ? lend(list).items : none;
}

/* As other runtimes do, names that nobody knows are left out. */
static int settle_capabilities(const struct oci_bundle *bundle, struct app_options *app,
			       struct keep *keep, struct error *err)
{
	static const char *all[] = { "ALL", NULL };
	const struct string_list *names = &bundle->lists[OCI_CAPABILITIES];
	const char **known = keep_array(keep, names->count + 1, sizeof(*known), err);
	unsigned count = 0;

	if (!known)
		return -1;
	for (size_t i = 0; i < names->count; i++)
		if (capability_is_known(names->items[i]))
			known[count++] = names->items[i];
	app->cap_drop = (struct text_list){ all, 1 };
	app->cap_add = (struct text_list){ known, count };
	return 0;
}

static struct volume make_volume(const struct oci_mount *mount)
{
	return (struct volume){
		.kind = VOLUME_HOST,
		.text = mount->target,
		.source = mount->source,
		.target = mount->target,
		.read_only = mount->flags & OCI_MOUNT_READ_ONLY ? VOLUME_YES : VOLUME_NO,
		.recursive = mount->flags & OCI_MOUNT_RECURSIVE ? VOLUME_YES : VOLUME_NO,
		.has_cache = true,
		.cache = POD_CACHE_MMAP,
		.nosuid = mount->flags & OCI_MOUNT_NOSUID,
		.noexec = mount->flags & OCI_MOUNT_NOEXEC,
	};
}

static struct pod_mount make_tmpfs(const struct oci_mount *mount)
{
	return (struct pod_mount){
		.type = POD_MOUNT_TMPFS,
		.target = mount->target,
		.read_only = mount->flags & OCI_MOUNT_READ_ONLY,
		.nodev = true,
		.nosuid = mount->flags & OCI_MOUNT_NOSUID,
		.noexec = mount->flags & OCI_MOUNT_NOEXEC,
		.mode = mount->mode,
		.uid = mount->uid,
		.gid = mount->gid,
		.size_bytes = mount->size_bytes,
	};
}

/* What rootless engines bind, having no right to make a node. */
static bool is_device(const struct oci_mount *mount)
{
	struct stat st;

	return mount->flags & OCI_MOUNT_BIND && strncmp(mount->source, "/dev/", 5) == 0 &&
	       stat(mount->source, &st) == 0 && (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode));
}

static bool is_privileged(const struct oci_bundle *bundle)
{
	const char *value = oci_bundle_annotation(bundle, OCI_PRIVILEGED);

	return value && strcmp(value, "TRUE") == 0;
}

/* Returns 1, 0 if it is left out, -1. */
static int check_device(const struct oci_bundle *bundle, const struct oci_mount *mount,
			struct error *err)
{
	if (!is_device(mount))
		return 1;
	if (is_privileged(bundle))
		return 0;
	return error_set(err, 0,
			 "mounts: %s is a device of the host, which a virtual machine cannot have; "
			 "the container can only be made without it (--device, --volume)",
			 mount->source);
}

/* Of two mounts on one path the later one is seen. */
static int settle_mounts(const struct oci_bundle *bundle, struct app_options *app,
			 struct keep *keep, struct error *err)
{
	size_t count = bundle->mount_count;
	struct volume *volumes = keep_array(keep, count + 1, sizeof(*volumes), err);
	struct pod_mount *tmpfs = keep_array(keep, count + 1, sizeof(*tmpfs), err);

	if (!volumes || !tmpfs)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const struct oci_mount *mount = &bundle->mounts[i];
		bool is_hidden = false;
		int taken;

		for (size_t j = i + 1; j < count && !is_hidden; j++)
			is_hidden = strcmp(mount->target, bundle->mounts[j].target) == 0;
		taken = is_hidden ? 0 : check_device(bundle, mount, err);
		if (taken < 0)
			return -1;
		if (!taken)
			continue;
		if (mount->flags & OCI_MOUNT_BIND)
			volumes[app->host_mount_count++] = make_volume(mount);
		else
			tmpfs[app->tmpfs_mount_count++] = make_tmpfs(mount);
	}
	app->host_mounts = volumes;
	app->tmpfs_mounts = tmpfs;
	return 0;
}

/* Those of the guest; who knows the container's name fills start_state. */
static int settle_hooks(const struct oci_bundle *bundle, struct app_options *app, struct keep *keep,
			struct error *err)
{
	struct pod_hook *hooks = keep_array(keep, bundle->hook_count + 1, sizeof(*hooks), err);

	if (!hooks)
		return -1;
	for (size_t i = 0; i < bundle->hook_count; i++) {
		const struct oci_hook *hook = &bundle->hooks[i];
		const char **alone = keep_array(keep, 2, sizeof(*alone), err);

		if (!alone)
			return -1;
		alone[0] = hook->path;
		if (hook->kind == OCI_START_CONTAINER)
			hooks[app->start_hook_count++] = (struct pod_hook){
				.path = hook->path,
				.argv = hook->args.count ? lend(&hook->args).items : alone,
				.env = lend(&hook->env).items,
				.timeout_s = hook->timeout_s,
			};
	}
	app->start_hooks = hooks;
	return 0;
}

/* Engines make /dev/shm themselves, of the size that is wanted, and bind it. 0: not said. */
static uint64_t shm_bytes(const struct oci_bundle *bundle)
{
	struct statfs fs;

	if (bundle->numbers[OCI_SHM_SIZE] || !bundle->texts[OCI_SHM] ||
	    statfs(bundle->texts[OCI_SHM], &fs) < 0 || fs.f_type != TMPFS_MAGIC)
		return bundle->numbers[OCI_SHM_SIZE];
	return (uint64_t)fs.f_blocks * (uint64_t)fs.f_bsize;
}

static int settle_app(const struct oci_bundle *bundle, struct app_options *app, struct keep *keep,
		      struct error *err)
{
	const uint64_t *numbers = bundle->numbers;

	*app = (struct app_options){
		.reference = keep_text(keep, err, "bundle:%s", bundle->texts[OCI_BUNDLE_PATH]),
		.root_directory = bundle->texts[OCI_ROOT_PATH],
		.command = lend(&bundle->lists[OCI_ARGS]).items,
		.env = lend(&bundle->lists[OCI_ENV]),
		.user = bundle->texts[OCI_USER],
		.supplementary_gids = lend(&bundle->lists[OCI_GIDS]),
		.workdir = bundle->texts[OCI_CWD],
		.read_only = numbers[OCI_ROOT_READ_ONLY],
		.memory_bytes = numbers[OCI_MEMORY],
		.cpu_limit = numbers[OCI_CPU],
		.cpu_shares = numbers[OCI_CPU_SHARES],
		.pids_limit = numbers[OCI_PIDS],
		.no_new_privileges = numbers[OCI_NO_NEW_PRIVILEGES],
		.seccomp = numbers[OCI_SECCOMP]
			       ? keep_text(keep, err, "bundle=%s", bundle->texts[OCI_CONFIG_PATH])
			       : "none",
		.ulimits = lend(&bundle->lists[OCI_ULIMITS]),
		.oom_score_adj = bundle->texts[OCI_OOM_SCORE],
		.interactive = true,
		.tty = numbers[OCI_TERMINAL],
		.has_umask = numbers[OCI_HAS_UMASK],
		.umask = (uint32_t)numbers[OCI_UMASK],
		.shm_bytes = shm_bytes(bundle),
		.masked_paths = lend_paths(&bundle->lists[OCI_MASKED]),
		.read_only_paths = lend_paths(&bundle->lists[OCI_READ_ONLY_PATHS]),
	};
	if (!app->reference || !app->seccomp || settle_capabilities(bundle, app, keep, err) < 0 ||
	    settle_hooks(bundle, app, keep, err) < 0)
		return -1;
	return settle_mounts(bundle, app, keep, err);
}

static uint64_t read_annotation(const struct oci_bundle *bundle, const char *name)
{
	const char *text = oci_bundle_annotation(bundle, name);
	uint64_t value;

	return text && number_parse(text, &value) == 0 ? value : 0;
}

/* What the containers of a sandbox may use together, where containerd's CRI says it. */
static void settle_size(const struct oci_bundle *bundle, struct run_options *options)
{
	uint64_t memory = read_annotation(bundle, "io.kubernetes.cri.sandbox-memory");
	uint64_t quota = read_annotation(bundle, "io.kubernetes.cri.sandbox-cpu-quota");
	uint64_t period = read_annotation(bundle, "io.kubernetes.cri.sandbox-cpu-period");
	struct size_host host = size_host_read();

	/* The pod has a cgroup of its own, whose limit follows the machine. */
	if (bundle->texts[OCI_CGROUP])
		host.cgroup_bound = NULL;
	options->cpus = bundle->numbers[OCI_VM_CPUS];
	options->memory_bytes = bundle->numbers[OCI_VM_MEMORY];
	if (!options->cpus && quota && period && quota / period < PLAN_CPUS_MAX)
		options->cpus = (quota + period - 1) / period;
	if (!options->memory_bytes && memory && memory > pod_size_default(&host) &&
	    memory < INT64_MAX / 2)
		options->memory_bytes = pod_size_with_overhead(memory, 1);
}

int bundle_settle(const struct oci_bundle *bundle, struct run_options *options,
		  struct app_options *app, struct keep *kept, struct error *err)
{
	static const char *no_network[] = { "none", NULL };
	void *fields;

	if (settle_app(bundle, app, kept, err) < 0)
		return -1;
	options->apps = app;
	options->app_count = 1;
	options->nets = (struct text_list){ no_network, 1 };
	options->netns = bundle->texts[OCI_NETWORK];
	options->upper = "none";
	settle_size(bundle, options);
	options->hostname = bundle->texts[OCI_HOSTNAME];
	options->kernel = bundle->texts[OCI_KERNEL];
	options->kernel_args = bundle->texts[OCI_KERNEL_PARAMETERS];
	options->sysctls = lend(&bundle->lists[OCI_SYSCTLS]);
	options->warnings = lend(&bundle->lists[OCI_WARNINGS]);
	options->hold = true;
	options->members = true;
	options->host_cgroup = bundle->texts[OCI_CGROUP];
	options->engine_directory = bundle->texts[OCI_BUNDLE_PATH];
	if (oci_bundle_encode(bundle, &fields, &options->bundle_bytes) < 0)
		return error_set(err, ENOMEM, "cannot keep a bundle");
	options->bundle = keep(kept, fields, err);
	return options->bundle ? 0 : -1;
}

int bundle_of_pod(const struct pod_directory *pod, struct oci_bundle *bundle, struct error *err)
{
	_cleanup_free_ char *data = NULL;
	size_t len;

	*bundle = (struct oci_bundle){ 0 };
	if (io_read_file(pod->fd, POD_BUNDLE_NAME, FIELDS_SIZE_MAX, &data, &len, err) < 0)
		return -1;
	return oci_bundle_decode(bundle, data, len, err);
}
