/*
 * The node of one app in the pod record.
 */
#include <libfdt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "guest-init/protocol.h"
#include "guest-init/record_reader.h"
#include "vmm/base/bytes.h"

enum { MODE_MAX = 07777, UMASK_MAX = 0777 };

static void read_root(struct record_reader *app, struct record_root *root)
{
	static const char *const types[] = { "erofs", "9p", NULL };
	static const char *const uppers[] = { "tmpfs", "none", "disk", NULL };
	struct record_reader r = *app;

	r.node = fdt_subnode_offset(r.dtb, app->node, RECORD_ROOT);
	r.where = RECORD_ROOT;
	if (r.node < 0) {
		reader_fail(app, RECORD_ROOT, "is missing");
		return;
	}
	root->p9 = reader_choice(&r, RECORD_TYPE, types) == 1;
	root->source = reader_need_component(&r, RECORD_SOURCE);
	root->upper = (enum record_upper)reader_choice(&r, RECORD_UPPER, uppers);
	root->upper_size_bytes = reader_u64(&r, RECORD_UPPER_SIZE, 0);
	if (root->upper == RECORD_UPPER_DISK) {
		root->upper_device = reader_need_component(&r, RECORD_UPPER_DEVICE);
		root->upper_directory = reader_need_component(&r, RECORD_UPPER_DIRECTORY);
	}
	root->read_only = reader_flag(&r, RECORD_READ_ONLY);
	root->make_files = reader_flag(&r, RECORD_MAKE_FILES);
	app->bad |= r.bad;
}

static void read_mount(struct record_reader *r, struct record_mount *mount)
{
	static const char *const types[] = { "share", "tmpfs", "volume", "block", NULL };
	static const char *const caches[] = { "mmap", "none", "loose", NULL };

	mount->type = (enum record_mount_type)reader_choice(r, RECORD_TYPE, types);
	mount->target = reader_need_path(r, RECORD_TARGET);
	mount->read_only = reader_flag(r, RECORD_READ_ONLY);
	mount->nodev = reader_flag(r, RECORD_NODEV);
	mount->nosuid = reader_flag(r, RECORD_NOSUID);
	mount->noexec = reader_flag(r, RECORD_NOEXEC);
	if (mount->type == RECORD_MOUNT_TMPFS) {
		mount->mode = reader_number(r, RECORD_MODE, 01777, MODE_MAX);
		mount->uid = reader_u32(r, RECORD_UID, 0);
		mount->gid = reader_u32(r, RECORD_GID, 0);
		mount->size_bytes = reader_u64(r, RECORD_SIZE, 0);
		return;
	}
	mount->source = reader_need_component(r, RECORD_SOURCE);
	mount->recursive = reader_flag(r, RECORD_RECURSIVE);
	mount->prefill = reader_flag(r, RECORD_PREFILL);
	if (mount->type == RECORD_MOUNT_BLOCK)
		mount->file_system = reader_component(r, RECORD_FILE_SYSTEM);
	if (mount->type == RECORD_MOUNT_SHARE && reader_flag(r, RECORD_CACHE))
		mount->cache = (enum record_cache)reader_choice(r, RECORD_CACHE, caches);
}

static void read_mounts(struct record_reader *app, struct record_app *out)
{
	int mounts = fdt_subnode_offset(app->dtb, app->node, RECORD_MOUNTS);
	struct record_reader r = *app;
	size_t count;

	if (mounts < 0)
		return;
	count = reader_count_children(app, mounts, "mount", RECORD_MOUNTS_MAX);
	if (!count)
		return;
	out->mounts = reader_allocate(app, RECORD_MOUNTS, count, sizeof(*out->mounts));
	if (!out->mounts)
		return;
	fdt_for_each_subnode(r.node, r.dtb, mounts)
	{
		r.where = fdt_get_name(r.dtb, r.node, NULL);
		read_mount(&r, &out->mounts[out->mount_count++]);
	}
	app->bad |= r.bad;
}

static void read_rlimits(struct record_reader *r, struct record_app *out)
{
	size_t count;
	const uint8_t *cells = reader_cells(r, RECORD_RLIMITS, 5, RECORD_RLIMITS_MAX, &count);

	if (!cells)
		return;
	out->rlimits = reader_allocate(r, RECORD_RLIMITS, count, sizeof(*out->rlimits));
	if (!out->rlimits)
		return;
	out->rlimit_count = count;
	for (size_t i = 0; i < count; i++)
		out->rlimits[i] = (struct record_rlimit){
			.resource = reader_cell(cells, i * 5),
			.soft = reader_cell64(cells, i * 5 + 1),
			.hard = reader_cell64(cells, i * 5 + 3),
		};
}

static void read_groups(struct record_reader *r, struct record_app *out)
{
	size_t count;
	const uint8_t *cells = reader_cells(r, RECORD_GROUPS, 1, RECORD_GROUPS_MAX, &count);

	if (!cells)
		return;
	out->supplementary_gids = reader_allocate(r, RECORD_GROUPS, count, sizeof(uint32_t));
	if (!out->supplementary_gids)
		return;
	out->supplementary_gid_count = count;
	for (size_t i = 0; i < count; i++)
		out->supplementary_gids[i] = reader_cell(cells, i);
}

static void read_terminal(struct record_reader *r, struct record_app *out)
{
	size_t count;
	const uint8_t *cells = reader_cells(r, RECORD_TERMINAL, 2, 1, &count);

	if (!cells)
		return;
	if (reader_cell(cells, 0) > UINT16_MAX || reader_cell(cells, 1) > UINT16_MAX) {
		reader_fail(r, RECORD_TERMINAL, "is not one window size");
		return;
	}
	out->terminal = true;
	out->rows = (uint16_t)reader_cell(cells, 0);
	out->columns = (uint16_t)reader_cell(cells, 1);
}

/* Copied, since the kernel's struct wants an alignment that the bytes need not have. */
static void read_seccomp(struct record_reader *r, struct record_app *out)
{
	size_t len;
	const void *bytes = reader_property(r, RECORD_SECCOMP, &len);

	if (!bytes)
		return;
	if (!len || len % sizeof(*out->seccomp) ||
	    len / sizeof(*out->seccomp) > RECORD_SECCOMP_MAX) {
		reader_fail(r, RECORD_SECCOMP, "is not a program of a length that is allowed");
		return;
	}
	out->seccomp = reader_allocate(r, RECORD_SECCOMP, 1, len);
	if (!out->seccomp)
		return;
	memcpy(out->seccomp, bytes, len);
	out->seccomp_count = len / sizeof(*out->seccomp);
}

static void read_oom_score(struct record_reader *r, struct record_app *app)
{
	app->oom_score_adj = (int32_t)reader_u32(r, RECORD_OOM_SCORE_ADJ, 0);
	if (app->oom_score_adj < -RECORD_OOM_SCORE_MAX || app->oom_score_adj > RECORD_OOM_SCORE_MAX)
		reader_fail(r, RECORD_OOM_SCORE_ADJ, "is out of range");
}

/* What the app may use, and how much of it. */
void record_read_limits(struct record_reader *r, struct record_app *app)
{
	app->memory_limit = reader_u64(r, RECORD_MEMORY_LIMIT, 0);
	app->cpu_limit = reader_u32(r, RECORD_CPU_LIMIT, 0);
	app->cpu_weight = reader_number(r, RECORD_CPU_WEIGHT, 0, RECORD_CPU_WEIGHT_MAX);
	app->pids_limit = reader_u32(r, RECORD_PIDS_LIMIT, 0);
}

static void read_limits(struct record_reader *r, struct record_app *app)
{
	app->capabilities = reader_u64(r, RECORD_CAPABILITIES, 0);
	app->no_new_privileges = reader_flag(r, RECORD_NO_NEW_PRIVS);
	read_seccomp(r, app);
	read_rlimits(r, app);
	read_oom_score(r, app);
	record_read_limits(r, app);
	app->shm_size = reader_u64(r, RECORD_SHM_SIZE, 0);
}

/* A list that is there names a program. */
static const char **read_command(struct record_reader *r, const char *name)
{
	size_t count;
	const char **argv = reader_list(r, name, 0, &count);

	if (count && !argv[0][0])
		reader_fail(r, name, "names no program");
	return argv;
}

/* How the app begins and ends. */
static void read_life(struct record_reader *r, struct record_app *app)
{
	static const char *const restarts[] = { "no", "on-failure", "always", NULL };

	app->init = reader_flag(r, RECORD_INIT);
	app->hold = reader_flag(r, RECORD_HOLD);
	app->pre_start = read_command(r, RECORD_PRE_START);
	app->post_stop = read_command(r, RECORD_POST_STOP);
	if (reader_flag(r, RECORD_RESTART))
		app->restart = (enum record_restart)reader_choice(r, RECORD_RESTART, restarts);
	/* What starts again has nobody who would let it go on. */
	if (app->hold && app->restart != RECORD_RESTART_NO)
		reader_fail(r, RECORD_HOLD, "does not go with a restart");
	app->stop_signal = reader_number(r, RECORD_STOP_SIGNAL, SIGTERM, RECORD_SIGNAL_MAX);
	if (!app->stop_signal)
		reader_fail(r, RECORD_STOP_SIGNAL, "is no signal");
}

void record_read_process(struct record_reader *r, struct record_app *app, bool is_added)
{
	size_t len;

	app->argv = read_command(r, RECORD_ARGV);
	if (app->argv && !app->argv[0])
		reader_fail(r, RECORD_ARGV, "names no program");
	app->env = reader_list(r, RECORD_ENV, RECORD_ENV_SPARE, &app->env_count);
	for (size_t i = 0; i < app->env_count; i++) {
		if (!strchr(app->env[i], '=') || app->env[i][0] == '=')
			reader_fail(r, RECORD_ENV, "holds an entry that is not NAME=value");
	}
	app->user = reader_string(r, RECORD_USER);
	if (!is_added || reader_property(r, RECORD_WORKDIR, &len))
		app->workdir = reader_need_path(r, RECORD_WORKDIR);
	read_terminal(r, app);
	app->umask = reader_number(r, RECORD_UMASK, RECORD_UMASK_DEFAULT, UMASK_MAX);
	app->ports[0] = reader_u32(r, RECORD_STDIN_PORT, 0);
	app->ports[1] = reader_u32(r, RECORD_STDOUT_PORT, 0);
	app->ports[2] = reader_u32(r, RECORD_STDERR_PORT, 0);
}

void record_read_own(struct record_reader *r, struct record_app *process)
{
	static const struct {
		const char *name;
		enum record_own own;
	} properties[] = {
		{ RECORD_ENV_ALONE, RECORD_OWN_ENVIRONMENT },
		{ RECORD_UMASK, RECORD_OWN_UMASK },
		{ RECORD_GROUPS, RECORD_OWN_GROUPS },
		{ RECORD_CAPABILITIES, RECORD_OWN_CAPABILITIES },
		{ RECORD_RLIMITS, RECORD_OWN_RLIMITS },
		{ RECORD_OOM_SCORE_ADJ, RECORD_OWN_OOM_SCORE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(properties); i++)
		if (reader_flag(r, properties[i].name))
			process->own |= (uint32_t)properties[i].own;
	read_groups(r, process);
	process->capabilities = reader_u64(r, RECORD_CAPABILITIES, 0);
	process->no_new_privileges = reader_flag(r, RECORD_NO_NEW_PRIVS);
	read_rlimits(r, process);
	read_oom_score(r, process);
}

void record_read_app(struct record_reader *r, struct record_app *app)
{
	app->name = reader_need_string(r, RECORD_NAME);
	record_read_process(r, app, false);
	read_groups(r, app);
	read_limits(r, app);
	read_life(r, app);
	record_read_hooks(r, app);
	app->masked_paths = reader_paths(r, RECORD_MASKED);
	app->read_only_paths = reader_paths(r, RECORD_READ_ONLY_PATHS);
	read_root(r, &app->root);
	read_mounts(r, app);
}

void record_free_app(struct record_app *app)
{
	free(app->argv);
	free(app->env);
	free(app->supplementary_gids);
	free(app->seccomp);
	free(app->pre_start);
	free(app->post_stop);
	record_free_hooks(app);
	free(app->masked_paths);
	free(app->read_only_paths);
	free(app->rlimits);
	free(app->mounts);
	*app = (struct record_app){ .name = NULL };
}
