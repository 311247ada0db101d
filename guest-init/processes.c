/*
 * Processes as the kernel writes of them: what it means is for the host to say. They come and go
 * meanwhile; one that has gone is left out.
 */
#include "guest-init/processes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "guest-init/protocol.h"
#include "guest-init/system.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

enum { LINK_TEXT_MAX = 64, PATH_TEXT_MAX = 32 };

static const char *const files[] = { "stat", "status", "cmdline" };

enum { PROCESS_SIZE_MAX = ARRAY_SIZE(files) * (sizeof(le32) + PROCESSES_FILE_MAX) };

/* The name of the PID namespace of a process: "" where there is none any more. */
static void name_namespace(int proc, const char *number, char name[LINK_TEXT_MAX])
{
	char path[PATH_TEXT_MAX];
	ssize_t len;

	(void)snprintf(path, sizeof(path), "%.10s/ns/pid", number);
	len = readlinkat(proc, path, name, LINK_TEXT_MAX - 1);
	name[len > 0 ? len : 0] = '\0';
}

static void put(struct answer *answer, const void *bytes, size_t len)
{
	memcpy(answer->text + answer->len, bytes, len);
	answer->len += len;
}

static bool put_file(struct answer *answer, int proc, const char *number, const char *name)
{
	char path[PATH_TEXT_MAX], bytes[PROCESSES_FILE_MAX];
	_cleanup_fd_ int fd = -1;
	ssize_t len;
	le32 size;

	(void)snprintf(path, sizeof(path), "%.10s/%s", number, name);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? -1 : io_read_full(fd, bytes, sizeof(bytes));
	if (len < 0)
		return false;
	size = le32_make((uint32_t)len);
	put(answer, &size, sizeof(size));
	put(answer, bytes, (size_t)len);
	return true;
}

/* All of it, or nothing; there is room for PROCESS_SIZE_MAX. */
static void put_process(struct answer *answer, int proc, const char *number)
{
	size_t before = answer->len;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (!put_file(answer, proc, number, files[i])) {
			answer->len = before;
			return;
		}
}

static le64 first_second(void)
{
	struct timespec now = { 0 }, up = { 0 };

	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &up);
	return le64_make((uint64_t)(now.tv_sec - up.tv_sec));
}

int processes_list(pid_t app, struct answer *answer, struct error *err)
{
	char number[PATH_TEXT_MAX], wanted[LINK_TEXT_MAX], found[LINK_TEXT_MAX];
	const le64 begun = first_second();
	_cleanup_dir_ DIR *proc = NULL;

	if (system_proc(err) < 0)
		return -1;
	proc = opendir("/proc");
	*answer = (struct answer){ .text = malloc(PROCESSES_SIZE_MAX) };
	if (!proc || !answer->text)
		return error_set(err, errno, "cannot list processes");
	put(answer, &begun, sizeof(begun));
	(void)snprintf(number, sizeof(number), "%d", app);
	name_namespace(dirfd(proc), number, wanted);
	for (const struct dirent *entry; wanted[0] && (entry = readdir(proc));) {
		/* Where an app may have thousands of processes, PID 1 does not look at all of them.
		 */
		if (PROCESSES_SIZE_MAX - answer->len < PROCESS_SIZE_MAX)
			break;
		if (entry->d_name[strspn(entry->d_name, "0123456789")])
			continue;
		name_namespace(dirfd(proc), entry->d_name, found);
		if (strcmp(found, wanted) == 0)
			put_process(answer, dirfd(proc), entry->d_name);
	}
	return 0;
}
