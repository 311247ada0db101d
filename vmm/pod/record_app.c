/*
 * The node of one app in the pod record.
 */
#include <libfdt.h>
#include <string.h>

#include "guest-init/protocol.h"
#include "vmm/pod/record_writer.h"

static void put_environment(struct record_writer *w, const char *const *env)
{
	for (size_t i = 0; env && env[i]; i++) {
		if (!strchr(env[i], '=') || env[i][0] == '=')
			writer_fail(w, env[i], "is not NAME=VALUE");
	}
	writer_list(w, RECORD_ENV, env);
}

static void put_rlimits(struct record_writer *w, const struct pod_rlimit *limits, size_t count)
{
	fdt32_t cells[RECORD_RLIMITS_MAX * 5];

	if (count > RECORD_RLIMITS_MAX)
		writer_fail(w, RECORD_RLIMITS, "are too many");
	if (!count || w->bad)
		return;
	for (size_t i = 0; i < count; i++) {
		cells[i * 5] = cpu_to_fdt32(limits[i].resource);
		cells[i * 5 + 1] = cpu_to_fdt32((uint32_t)(limits[i].soft >> 32));
		cells[i * 5 + 2] = cpu_to_fdt32((uint32_t)limits[i].soft);
		cells[i * 5 + 3] = cpu_to_fdt32((uint32_t)(limits[i].hard >> 32));
		cells[i * 5 + 4] = cpu_to_fdt32((uint32_t)limits[i].hard);
	}
	writer_put(w, RECORD_RLIMITS, cells, count * 5 * sizeof(*cells));
}

static void put_root(struct record_writer *w, const struct pod_root *root)
{
	static const char *const uppers[] = {
		[POD_UPPER_TMPFS] = "tmpfs",
		[POD_UPPER_NONE] = "none",
		[POD_UPPER_DISK] = "disk",
	};

	writer_begin(w, RECORD_ROOT);
	writer_string(w, RECORD_TYPE, root->type == POD_ROOT_9P ? "9p" : "erofs");
	writer_component(w, RECORD_SOURCE, root->source);
	writer_string(w, RECORD_UPPER, uppers[root->upper]);
	if (root->upper == POD_UPPER_TMPFS)
		writer_u64_unless_0(w, RECORD_UPPER_SIZE, root->upper_size_bytes);
	if (root->upper == POD_UPPER_DISK) {
		writer_component(w, RECORD_UPPER_DEVICE, root->upper_device);
		writer_component(w, RECORD_UPPER_DIRECTORY, root->upper_directory);
	}
	writer_flag(w, RECORD_READ_ONLY, root->read_only);
	writer_flag(w, RECORD_MAKE_FILES, root->make_files);
	writer_end(w);
}

/* What only some types of mounts have. */
static void put_mount_type(struct record_writer *w, const struct pod_mount *mount)
{
	static const char *const caches[] = {
		[POD_CACHE_MMAP] = "mmap",
		[POD_CACHE_NONE] = "none",
		[POD_CACHE_LOOSE] = "loose",
	};

	switch (mount->type) {
	case POD_MOUNT_TMPFS:
		writer_string(w, RECORD_TYPE, "tmpfs");
		writer_u32_unless_0(w, RECORD_MODE, mount->mode);
		writer_u32_unless_0(w, RECORD_UID, mount->uid);
		writer_u32_unless_0(w, RECORD_GID, mount->gid);
		writer_u64_unless_0(w, RECORD_SIZE, mount->size_bytes);
		return;
	case POD_MOUNT_SHARE:
		writer_string(w, RECORD_TYPE, "share");
		if (mount->cache != POD_CACHE_MMAP)
			writer_string(w, RECORD_CACHE, caches[mount->cache]);
		break;
	case POD_MOUNT_VOLUME:
		writer_string(w, RECORD_TYPE, "volume");
		break;
	case POD_MOUNT_BLOCK:
		writer_string(w, RECORD_TYPE, "block");
		if (mount->file_system)
			writer_component(w, RECORD_FILE_SYSTEM, mount->file_system);
		break;
	}
	writer_component(w, RECORD_SOURCE, mount->source);
}

static void put_mounts(struct record_writer *w, const struct pod_app *app)
{
	if (app->mount_count > RECORD_MOUNTS_MAX)
		writer_fail(w, RECORD_MOUNTS, "are too many");
	if (!app->mount_count || w->bad)
		return;
	writer_begin(w, RECORD_MOUNTS);
	for (size_t i = 0; i < app->mount_count; i++) {
		const struct pod_mount *mount = &app->mounts[i];

		writer_begin_indexed(w, "mount", i);
		put_mount_type(w, mount);
		writer_path(w, RECORD_TARGET, mount->target);
		writer_flag(w, RECORD_READ_ONLY, mount->read_only);
		writer_flag(w, RECORD_RECURSIVE, mount->recursive);
		writer_flag(w, RECORD_PREFILL, mount->prefill);
		writer_flag(w, RECORD_NODEV, mount->nodev);
		writer_flag(w, RECORD_NOSUID, mount->nosuid);
		writer_flag(w, RECORD_NOEXEC, mount->noexec);
		writer_end(w);
	}
	writer_end(w);
}

static void put_groups(struct record_writer *w, const struct pod_app *app)
{
	fdt32_t cells[RECORD_GROUPS_MAX];

	if (app->supplementary_gid_count > RECORD_GROUPS_MAX)
		writer_fail(w, RECORD_GROUPS, "are too many");
	if (!app->supplementary_gid_count || w->bad)
		return;
	for (size_t i = 0; i < app->supplementary_gid_count; i++)
		cells[i] = cpu_to_fdt32(app->supplementary_gids[i]);
	writer_put(w, RECORD_GROUPS, cells, app->supplementary_gid_count * sizeof(*cells));
}

static void check_oom_score(struct record_writer *w, const struct pod_app *app)
{
	if (app->oom_score_adj < -RECORD_OOM_SCORE_MAX || app->oom_score_adj > RECORD_OOM_SCORE_MAX)
		writer_fail(w, RECORD_OOM_SCORE_ADJ, "is out of range");
}

void record_write_limits(struct record_writer *w, const struct pod_app *app)
{
	writer_u64_unless_0(w, RECORD_MEMORY_LIMIT, app->memory_limit);
	writer_u32_unless_0(w, RECORD_CPU_LIMIT, app->cpu_limit);
	if (app->cpu_weight > RECORD_CPU_WEIGHT_MAX)
		writer_fail(w, RECORD_CPU_WEIGHT, "is out of range");
	writer_u32_unless_0(w, RECORD_CPU_WEIGHT, app->cpu_weight);
	writer_u32_unless_0(w, RECORD_PIDS_LIMIT, app->pids_limit);
}

static void put_limits(struct record_writer *w, const struct pod_app *app)
{
	writer_u64(w, RECORD_CAPABILITIES, app->capabilities);
	writer_flag(w, RECORD_NO_NEW_PRIVS, app->no_new_privileges);
	if (app->seccomp_count > RECORD_SECCOMP_MAX)
		writer_fail(w, "the seccomp program", "is too long");
	if (app->seccomp_count)
		writer_put(w, RECORD_SECCOMP, app->seccomp,
			   app->seccomp_count * sizeof(*app->seccomp));
	put_rlimits(w, app->rlimits, app->rlimit_count);
	check_oom_score(w, app);
	writer_u32_unless_0(w, RECORD_OOM_SCORE_ADJ, (uint32_t)app->oom_score_adj);
	record_write_limits(w, app);
	writer_u64_unless_0(w, RECORD_SHM_SIZE, app->shm_size);
}

static void put_handler(struct record_writer *w, const char *name, const char *const *argv)
{
	if (argv && argv[0] && !argv[0][0])
		writer_fail(w, name, "names no program");
	writer_list(w, name, argv);
}

static void put_life(struct record_writer *w, const struct pod_app *app)
{
	writer_flag(w, RECORD_INIT, app->init);
	writer_flag(w, RECORD_HOLD, app->hold);
	put_handler(w, RECORD_PRE_START, app->pre_start);
	put_handler(w, RECORD_POST_STOP, app->post_stop);
	if (app->restart != POD_RESTART_NO)
		writer_string(w, RECORD_RESTART,
			      app->restart == POD_RESTART_ALWAYS ? "always" : "on-failure");
	if (app->stop_signal > RECORD_SIGNAL_MAX)
		writer_fail(w, RECORD_STOP_SIGNAL, "is no signal");
	writer_u32_unless_0(w, RECORD_STOP_SIGNAL, app->stop_signal);
}

static void put_streams(struct record_writer *w, const struct pod_app *app)
{
	if (app->terminal) {
		fdt32_t size[2] = { cpu_to_fdt32(app->rows), cpu_to_fdt32(app->columns) };

		writer_put(w, RECORD_TERMINAL, size, sizeof(size));
	}
	if (app->stdin_port != POD_NO_PORT)
		writer_u32(w, RECORD_STDIN_PORT, app->stdin_port);
	if (app->stdout_port != POD_NO_PORT)
		writer_u32(w, RECORD_STDOUT_PORT, app->stdout_port);
	if (app->stderr_port != POD_NO_PORT)
		writer_u32(w, RECORD_STDERR_PORT, app->stderr_port);
}

void record_write_process(struct record_writer *w, const struct pod_app *app)
{
	if (!app->argv || !app->argv[0] || !app->argv[0][0])
		writer_fail(w, "the command", "names no program");
	writer_list(w, RECORD_ARGV, app->argv);
	put_environment(w, app->env);
	if (app->has_umask)
		writer_u32(w, RECORD_UMASK, app->umask);
	put_streams(w, app);
}

/* A list that is its own and empty is there, without a value. */
void record_write_own(struct record_writer *w, const struct pod_app *process)
{
	writer_flag(w, RECORD_ENV_ALONE, process->own & POD_OWN_ENVIRONMENT);
	writer_flag(w, RECORD_NO_NEW_PRIVS, process->no_new_privileges);
	if (process->own & POD_OWN_GROUPS && process->supplementary_gid_count)
		put_groups(w, process);
	else
		writer_flag(w, RECORD_GROUPS, process->own & POD_OWN_GROUPS);
	if (process->own & POD_OWN_CAPABILITIES)
		writer_u64(w, RECORD_CAPABILITIES, process->capabilities);
	if (process->own & POD_OWN_RLIMITS && process->rlimit_count)
		put_rlimits(w, process->rlimits, process->rlimit_count);
	else
		writer_flag(w, RECORD_RLIMITS, process->own & POD_OWN_RLIMITS);
	check_oom_score(w, process);
	if (process->own & POD_OWN_OOM_SCORE)
		writer_u32(w, RECORD_OOM_SCORE_ADJ, (uint32_t)process->oom_score_adj);
}

void record_write_app(struct record_writer *w, const struct pod_app *app)
{
	if (!app->name)
		writer_fail(w, RECORD_NAME, "is missing");
	writer_string(w, RECORD_NAME, app->name);
	record_write_process(w, app);
	writer_string(w, RECORD_USER, app->user ? app->user : "0:0");
	put_groups(w, app);
	writer_path(w, RECORD_WORKDIR, app->workdir ? app->workdir : "/");
	put_limits(w, app);
	put_life(w, app);
	record_write_hooks(w, app);
	writer_paths(w, RECORD_MASKED, app->masked_paths);
	writer_paths(w, RECORD_READ_ONLY_PATHS, app->read_only_paths);
	put_root(w, &app->root);
	put_mounts(w, app);
}

/* What the guest would refuse of a member is refused here. */
static void check_member(struct record_writer *w, const struct pod_app *app)
{
	if (app->root.type != POD_ROOT_9P || app->root.upper == POD_UPPER_DISK)
		writer_fail(w, RECORD_ROOT, "is none of a container that is added to a pod");
	if (app->restart != POD_RESTART_NO || (app->post_stop && app->post_stop[0]))
		writer_fail(w, RECORD_RESTART, "is none of a container that is added to a pod");
	for (size_t i = 0; i < app->mount_count; i++)
		if (app->mounts[i].type != POD_MOUNT_SHARE &&
		    app->mounts[i].type != POD_MOUNT_TMPFS)
			writer_fail(w, app->mounts[i].target,
				    "cannot be mounted in a container that is added to a pod");
}

void record_write_member(struct record_writer *w, const struct pod_app *app)
{
	check_member(w, app);
	writer_flag(w, RECORD_OWN_IPC, app->own_ipc);
	writer_string(w, RECORD_HOSTNAME, app->hostname);
	record_write_app(w, app);
}
