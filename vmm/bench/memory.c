/*
 * MemAvailable is what counts: it has the guest's pages, page tables, the kernel's own objects for
 * processes and VMs, and counts once what pods share. RSS and PSS stand beside it because other
 * projects publish those.
 */
#include "vmm/bench/memory.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vmm/base/cleanup.h"
#include "vmm/bench/child.h"
#include "vmm/bench/measure.h"

enum {
	PROCESSES_MAX = 65536,
	SETTLE_MS = 500,
	GUEST_BYTES_MIN = 8 << 20, /* no other mapping of anonymous memory is so large */
};

static const char *const part_fields[MEMORY_PARTS] = {
	[MEMORY_PAGE_TABLES] = "PageTables", [MEMORY_GUEST_PAGE_TABLES] = "SecPageTables",
	[MEMORY_STACKS] = "KernelStack",     [MEMORY_SLABS] = "Slab",
	[MEMORY_PER_CPU] = "Percpu",	     [MEMORY_TMPFS] = "Shmem",
};

const char *memory_part_field(enum memory_part part)
{
	return part_fields[part];
}

int64_t memory_rest_kib(const struct memory *memory)
{
	int64_t rest = (int64_t)(memory->available_kib - memory->private_kib);

	for (int part = 0; part < MEMORY_PARTS; part++)
		rest -= (int64_t)memory->parts_kib[part];
	return rest;
}

struct pods {
	struct child items[MEMORY_PODS_MAX + 1];
	unsigned count;
};

struct process {
	pid_t pid;
	pid_t parent;
	bool is_ours;
};

/* Whether an error says that the process is no longer there. */
static bool is_gone(int status)
{
	return status == -ENOENT || status == -ESRCH;
}

/* A line "NAME:   N kB" of a file in /proc. Returns 0, or a negative errno. */
static int read_kib(const char *path, const char *name, uint64_t *kib)
{
	_cleanup_file_ FILE *file = fopen(path, "re");
	char line[256];

	if (!file)
		return -errno;
	errno = 0;
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':') {
			*kib = strtoull(line + strlen(name) + 1, NULL, 10);
			return 0;
		}
	return ferror(file) && errno ? -errno : -ENODATA;
}

/* What the host has left, and what its kernel has taken for itself. */
struct look {
	uint64_t available_kib;
	uint64_t parts_kib[MEMORY_PARTS];
	bool is_part_known[MEMORY_PARTS];
};

static int look(struct look *look, struct error *err)
{
	const struct timespec settle = { .tv_nsec = SETTLE_MS * 1000000L };
	int status;

	(void)nanosleep(&settle, NULL);
	for (int part = 0; part < MEMORY_PARTS; part++)
		look->is_part_known[part] =
		    read_kib("/proc/meminfo", part_fields[part], &look->parts_kib[part]) == 0;
	status = read_kib("/proc/meminfo", "MemAvailable", &look->available_kib);
	if (status < 0)
		return error_set(err, -status, "cannot read MemAvailable in /proc/meminfo");
	return 0;
}

/* The parent of a process: the second field behind the name, which is in parentheses. */
static pid_t read_parent(pid_t pid)
{
	char path[64], line[512];
	_cleanup_file_ FILE *file = NULL;
	const char *behind;
	int parent = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file || !fgets(line, sizeof(line), file))
		return 0;
	behind = strrchr(line, ')');
	return behind && sscanf(behind, ") %*c %d", &parent) == 1 ? parent : 0;
}

static size_t list_processes(struct process *processes)
{
	_cleanup_dir_ DIR *directory = opendir("/proc");
	const struct dirent *entry;
	size_t count = 0;

	while (directory && count < PROCESSES_MAX && (entry = readdir(directory))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		processes[count].pid = (pid_t)strtol(entry->d_name, NULL, 10);
		processes[count].parent = read_parent(processes[count].pid);
		processes[count].is_ours = false;
		count++;
	}
	return count;
}

static bool is_pod(const struct pods *pods, pid_t pid)
{
	for (unsigned i = 0; i < pods->count; i++)
		if (pods->items[i].pid == pid)
			return true;
	return false;
}

/* Marks the pods' processes and all that come from them. */
static void mark(const struct pods *pods, struct process *processes, size_t count)
{
	bool has_changed = true;

	while (has_changed) {
		has_changed = false;
		for (size_t i = 0; i < count; i++) {
			bool is_ours = is_pod(pods, processes[i].pid);

			for (size_t j = 0; !is_ours && j < count; j++)
				is_ours =
				    processes[j].is_ours && processes[j].pid == processes[i].parent;
			has_changed |= is_ours && !processes[i].is_ours;
			processes[i].is_ours |= is_ours;
		}
	}
}

/* What a mapping is, by its line in smaps: "from-to rw-p offset device inode path". */
enum mapping { MAPPING_OWN, MAPPING_GUEST, MAPPING_IMAGE };

static enum mapping classify(uint64_t from, uint64_t to, const char *rights, const char *path,
			     uint64_t image_end)
{
	const char *name = strrchr(path, '/');

	if (name && strncmp(name, "/vmlinux", strlen("/vmlinux")) == 0 && rights[1] == 'w')
		return MAPPING_IMAGE;
	/* Its first part ends where the kernel's image begins, others begin where a part of it
	 * ends. */
	return path[0] == '\0' && rights[0] == 'r' &&
		       (to - from >= GUEST_BYTES_MIN || from == image_end)
		   ? MAPPING_GUEST
		   : MAPPING_OWN;
}

/* Adds up a process's mappings. Returns 0, or a negative errno. */
static int sum_mappings(struct memory *memory, const char *smaps)
{
	_cleanup_file_ FILE *file = fopen(smaps, "re");
	enum mapping mapping = MAPPING_OWN;
	char line[4352], rights[5], path[4096];
	uint64_t from, to, kib, image_end = 0;

	if (!file)
		return -errno;
	errno = 0;
	while (fgets(line, sizeof(line), file)) {
		path[0] = '\0';
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*s %*s %*s %4095s", &from, &to,
			   rights, path) >= 3) {
			mapping = classify(from, to, rights, path, image_end);
			if (mapping == MAPPING_IMAGE)
				image_end = to;
		} else if (sscanf(line, "Private_Clean: %" SCNu64, &kib) == 1 ||
			   sscanf(line, "Private_Dirty: %" SCNu64, &kib) == 1) {
			memory->private_kib += kib;
			memory->guest_kib += mapping == MAPPING_GUEST ? kib : 0;
			memory->image_kib += mapping == MAPPING_IMAGE ? kib : 0;
			memory->own_kib += mapping == MAPPING_OWN ? kib : 0;
		} else if (sscanf(line, "AnonHugePages: %" SCNu64, &kib) == 1) {
			memory->huge_kib += mapping == MAPPING_GUEST ? kib : 0;
		}
	}
	return ferror(file) && errno ? -errno : 0;
}

void memory_add_process(struct memory *memory, const char *directory)
{
	char path[PATH_MAX];
	uint64_t rss_kib = 0, pss_kib = 0;
	int status = -ENAMETOOLONG;

	if (snprintf(path, sizeof(path), "%s/smaps_rollup", directory) < (int)sizeof(path))
		status = read_kib(path, "Rss", &rss_kib);
	if (status == 0)
		status = read_kib(path, "Pss", &pss_kib);
	if (status == 0) {
		(void)snprintf(path, sizeof(path), "%s/smaps", directory);
		status = sum_mappings(memory, path);
	}
	if (is_gone(status))
		return;
	memory->processes++;
	memory->unreadable += status < 0;
	memory->rss_kib += rss_kib;
	memory->pss_kib += pss_kib;
}

static int sum_processes(struct memory *memory, const struct pods *pods, struct error *err)
{
	_cleanup_free_ struct process *processes = calloc(PROCESSES_MAX, sizeof(*processes));
	size_t count;

	if (!processes)
		return error_set(err, ENOMEM, "the list of processes");
	count = list_processes(processes);
	mark(pods, processes, count);
	for (size_t i = 0; i < count; i++) {
		char path[64];

		if (!processes[i].is_ours)
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%d", (int)processes[i].pid);
		memory_add_process(memory, path);
	}
	return 0;
}

static int start_pod(struct pods *pods, struct bench_task *task, struct subject *subject,
		     struct error *err)
{
	struct argument_list list;

	if (subject_arguments(subject, task, &list, err) < 0 ||
	    measure_begin(list.items, task->error_path, &pods->items[pods->count], err) < 0)
		return error_prefix(err, "pod %u", pods->count + 1);
	pods->count++;
	return 0;
}

/* By how much each figure has changed. */
static void compare(struct memory *memory, const struct look *before, const struct look *after)
{
	memory->available_kib = before->available_kib > after->available_kib
				    ? before->available_kib - after->available_kib
				    : 0;
	for (int part = 0; part < MEMORY_PARTS; part++) {
		memory->is_part_known[part] =
		    before->is_part_known[part] && after->is_part_known[part];
		memory->parts_kib[part] =
		    memory->is_part_known[part] && after->parts_kib[part] > before->parts_kib[part]
			? after->parts_kib[part] - before->parts_kib[part]
			: 0;
	}
}

static int measure(struct memory *memory, struct pods *pods, struct bench_task *task,
		   FILE *progress, struct error *err)
{
	struct subject subject;
	struct look before, after;

	subject_open_nacelle(&subject);
	/* The first one brings into the page cache what all others share. */
	if (start_pod(pods, task, &subject, err) < 0 || look(&before, err) < 0)
		return -1;
	while (pods->count <= memory->pods) {
		if (start_pod(pods, task, &subject, err) < 0)
			return -1;
		if (progress)
			(void)fprintf(progress, "\r%u of %u pods", pods->count - 1, memory->pods);
	}
	if (progress)
		(void)fprintf(progress, "\r\033[K");
	if (look(&after, err) < 0)
		return -1;
	compare(memory, &before, &after);
	/* All but the first. */
	child_stop(&pods->items[0]);
	pods->items[0] = pods->items[--pods->count];
	return sum_processes(memory, pods, err);
}

int memory_run(struct memory *memory, struct bench_task *task, FILE *progress, struct error *err)
{
	_cleanup_free_ struct pods *pods = calloc(1, sizeof(*pods));
	int status;

	if (!pods)
		return error_set(err, ENOMEM, "the pods");
	status = measure(memory, pods, task, progress, err);
	while (pods->count > 0)
		child_stop(&pods->items[--pods->count]);
	return status;
}
