/*
 * Limits as files. The kernel judges the values; what it refuses ends the start in a sentence.
 */
#include "guest-init/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

enum {
	PATH_TEXT_MAX = 128,
	CPU_PERIOD_US = 100000,
	CPU_QUOTA_MIN_US = 1000, /* the kernel takes no less */
	LIMIT_TEXT_MAX = 64,
	STATE_TEXT_MAX = 128,	 /* cgroup.events has two short lines */
	EVENTS_TEXT_MAX = 16384, /* /proc/vmstat has about half of it */
	REMOVE_TURNS = 4096,	 /* two for each cgroup at most */
};

static int write_text(const char *path, const char *text, struct error *err)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return error_set(err, errno, "cannot write \"%s\" to %s", text, path);
	return 0;
}

static int enable(const char *base, const struct record_app *apps, size_t count, struct error *err)
{
	bool memory = false, cpu = false, pids = false;
	char path[PATH_TEXT_MAX], text[32];

	for (size_t i = 0; i < count; i++) {
		const struct record_app *app = &apps[i];

		memory |= app->memory_limit != 0;
		cpu |= app->cpu_limit || app->cpu_weight;
		pids |= app->pids_limit != 0;
	}
	if (!memory && !cpu && !pids)
		return 0;
	(void)snprintf(path, sizeof(path), "%s/cgroup.subtree_control", base);
	(void)snprintf(text, sizeof(text), "%s%s%s", memory ? "+memory " : "", cpu ? "+cpu " : "",
		       pids ? "+pids" : "");
	return write_text(path, text, err);
}

int cgroup_enable(const char *base, const struct record *record, struct error *err)
{
	return enable(base, record->apps, record->app_count, err);
}

int cgroup_enable_app(const char *base, const struct record_app *app, struct error *err)
{
	return enable(base, app, 1, err);
}

static int set_limit(const char *base, uint32_t app, const char *file, const char *text,
		     struct error *err)
{
	char path[PATH_TEXT_MAX];

	(void)snprintf(path, sizeof(path), "%s/app%u/%s", base, app, file);
	return write_text(path, text, err);
}

static int set_number(const char *base, uint32_t app, const char *file, uint64_t value,
		      struct error *err)
{
	char text[32];

	if (!value)
		return 0;
	(void)snprintf(text, sizeof(text), "%" PRIu64, value);
	return set_limit(base, app, file, text, err);
}

/* One that may be all bits set, which is no limit. */
static int set_most(const char *base, uint32_t app, const char *file, uint64_t value, uint64_t none,
		    struct error *err)
{
	return value == none ? set_limit(base, app, file, "max", err)
			     : set_number(base, app, file, value, err);
}

/* Thousandths of a CPU, as time in each period. */
static int set_cpu_limit(const char *base, uint32_t app, uint32_t limit, struct error *err)
{
	uint64_t quota_us = (uint64_t)limit * (CPU_PERIOD_US / 1000);
	char text[48];

	if (!limit)
		return 0;
	if (limit == UINT32_MAX)
		return set_limit(base, app, "cpu.max", "max", err);
	if (quota_us < CPU_QUOTA_MIN_US)
		quota_us = CPU_QUOTA_MIN_US;
	(void)snprintf(text, sizeof(text), "%" PRIu64 " %d", quota_us, CPU_PERIOD_US);
	return set_limit(base, app, "cpu.max", text, err);
}

static int set_limits(const char *base, uint32_t app, const struct record_app *config,
		      struct error *err)
{
	/* An app out of memory dies as a whole: half of one would be of no use. */
	if (config->memory_limit &&
	    (set_most(base, app, "memory.max", config->memory_limit, UINT64_MAX, err) < 0 ||
	     set_limit(base, app, "memory.oom.group", "1", err) < 0))
		return -1;
	if (set_cpu_limit(base, app, config->cpu_limit, err) < 0 ||
	    set_number(base, app, "cpu.weight", config->cpu_weight, err) < 0)
		return -1;
	return set_most(base, app, "pids.max", config->pids_limit, UINT32_MAX, err);
}

int cgroup_make(const char *base, uint32_t app, const struct record_app *config, struct error *err)
{
	char path[PATH_TEXT_MAX];

	(void)snprintf(path, sizeof(path), "%s/app%u", base, app);
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return error_set(err, errno, "cannot make a cgroup");
	return set_limits(base, app, config, err);
}

/* What set_limits() may write, in no order: each stands for itself. */
static const char *const limit_files[] = { "memory.max", "memory.oom.group", "cpu.max",
					   "cpu.weight", "pids.max" };

struct limit_texts {
	char texts[ARRAY_SIZE(limit_files)][LIMIT_TEXT_MAX]; /* "": there is no such file */
};

static void read_limits(const char *base, uint32_t app, struct limit_texts *limits)
{
	for (size_t i = 0; i < ARRAY_SIZE(limit_files); i++) {
		char path[PATH_TEXT_MAX];
		_cleanup_fd_ int fd = -1;
		ssize_t len;

		(void)snprintf(path, sizeof(path), "%s/app%u/%s", base, app, limit_files[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		len = fd < 0 ? -1 : io_pread_full(fd, limits->texts[i], LIMIT_TEXT_MAX - 1, 0);
		limits->texts[i][len > 0 ? len : 0] = '\0';
	}
}

static void put_limits_back(const char *base, uint32_t app, const struct limit_texts *limits)
{
	struct error ignored = ERROR_NONE;

	for (size_t i = 0; i < ARRAY_SIZE(limit_files); i++)
		if (limits->texts[i][0])
			(void)set_limit(base, app, limit_files[i], limits->texts[i], &ignored);
}

int cgroup_change(const char *base, uint32_t app, const struct record_app *limits,
		  struct error *err)
{
	struct limit_texts before;

	if (enable(base, limits, 1, err) < 0)
		return -1;
	read_limits(base, app, &before);
	if (set_limits(base, app, limits, err) < 0) {
		put_limits_back(base, app, &before);
		return -1;
	}
	return 0;
}

void cgroup_note_change(struct record_app *config, const struct record_app *limits)
{
	if (limits->memory_limit)
		config->memory_limit = limits->memory_limit;
	if (limits->cpu_limit)
		config->cpu_limit = limits->cpu_limit;
	if (limits->cpu_weight)
		config->cpu_weight = limits->cpu_weight;
	if (limits->pids_limit)
		config->pids_limit = limits->pids_limit;
}

static bool find_child(int dir, char name[NAME_MAX + 1])
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *list = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!list)
		cleanup_fd(&fd);
	while (list && (entry = readdir(list))) {
		if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		(void)snprintf(name, NAME_MAX + 1, "%s", entry->d_name);
		return true;
	}
	return false;
}

/*
 * Removes what an app that may do so has made below its own cgroup, the deepest first. It chose how
 * much that is, and nobody waits for it longer than for so many turns.
 */
static void remove_children(const char *path)
{
	_cleanup_fd_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool is_refused = false; /* what dir is has just not been removed */
	char name[NAME_MAX + 1];
	unsigned depth = 0;

	for (int turn = 0; dir >= 0 && turn < REMOVE_TURNS; turn++) {
		bool found = find_child(dir, name);
		int next;

		if (found && unlinkat(dir, name, AT_REMOVEDIR) == 0) {
			is_refused = false;
			continue;
		}
		if (!found && (depth == 0 || is_refused))
			return;
		next = openat(dir, found ? name : "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		depth = found ? depth + 1 : depth - 1;
		is_refused = found;
		close(dir);
		dir = next;
	}
}

int cgroup_freeze(const char *base, uint32_t app, bool freeze, struct error *err)
{
	return set_limit(base, app, "cgroup.freeze", freeze ? "1" : "0", err);
}

int cgroup_watch(const char *base, uint32_t app, struct error *err)
{
	char path[PATH_TEXT_MAX];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/app%u/cgroup.events", base, app);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? error_set(err, errno, "cannot watch a cgroup") : fd;
}

bool cgroup_is_frozen(int watch_fd)
{
	char text[STATE_TEXT_MAX];
	ssize_t len = io_pread_full(watch_fd, text, sizeof(text) - 1, 0);

	text[len > 0 ? len : 0] = '\0';
	return strstr(text, "frozen 1");
}

void cgroup_remove(const char *base, uint32_t app)
{
	char path[PATH_TEXT_MAX];

	(void)snprintf(path, sizeof(path), "%s/app%u", base, app);
	if (rmdir(path) == 0 || errno == ENOENT)
		return;
	remove_children(path);
	(void)rmdir(path);
}

int cgroup_open(const char *base, uint32_t app, struct error *err)
{
	char path[PATH_TEXT_MAX];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/app%u", base, app);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "cannot open the cgroup");
	return fd;
}

/* The number behind "oom_kill " at the beginning of a line; 0 if there is none. */
static uint64_t find_oom_kills(const char *text)
{
	static const char key[] = "oom_kill ";

	while (text && strncmp(text, key, sizeof(key) - 1) != 0) {
		text = strchr(text, '\n');
		if (text)
			text++;
	}
	return text ? strtoull(text + sizeof(key) - 1, NULL, 10) : 0;
}

uint64_t cgroup_oom_kills(const char *base, uint32_t app, const char *vmstat, bool *of_guest)
{
	static char text[EVENTS_TEXT_MAX];
	char path[PATH_TEXT_MAX];
	_cleanup_fd_ int fd = -1;
	ssize_t len;

	(void)snprintf(path, sizeof(path), "%s/app%u/memory.events", base, app);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	*of_guest = fd < 0;
	if (fd < 0)
		fd = open(vmstat, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? -1 : io_pread_full(fd, text, sizeof(text) - 1, 0);
	text[len > 0 ? len : 0] = '\0';
	return find_oom_kills(text);
}

bool cgroup_take_oom_kill(const char *base, uint32_t app, const char *vmstat, uint64_t *seen)
{
	static uint64_t seen_of_guest;
	bool of_guest;
	uint64_t kills = cgroup_oom_kills(base, app, vmstat, &of_guest), before;

	if (of_guest)
		seen = &seen_of_guest;
	before = *seen;
	*seen = kills;
	return kills > before;
}
