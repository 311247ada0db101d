/*
 * The processes of an app: what its guest says of them, and as what others find them in a /proc.
 * Numbers are those of the app's own PID namespace.
 */
#ifndef NACELLE_POD_PROCESSES_H
#define NACELLE_POD_PROCESSES_H

#include <stddef.h>
#include <stdint.h>

#include "guest-init/protocol.h"
#include "vmm/base/error.h"

enum {
	PROCESSES_MAX = 512,
	PROCESS_NAME_MAX = 64,
	PROCESS_GROUPS_MAX = 32,
	PROCESS_CAPABILITIES = 5
};

struct process {
	uint32_t pid, parent, group, session; /* 0: outside of the app, or none */
	char state;
	char name[PROCESS_NAME_MAX + 1]; /* without blanks and control characters */
	int8_t nice;
	uint32_t tty, threads;
	uint64_t user_ticks, system_ticks, start_ticks, size_bytes, resident_kib;
	uint32_t uids[4], gids[4]; /* real, effective, saved, of files */
	uint32_t groups[PROCESS_GROUPS_MAX];
	unsigned group_count;
	uint64_t capabilities[PROCESS_CAPABILITIES]; /* as status has them, from CapInh on */
	uint32_t seccomp;
	/* As the kernel has them, each ends with a NUL; without control characters. */
	char *arguments;
	size_t arguments_len;
};

struct processes {
	uint64_t begun_s; /* the guest's start, in seconds since 1970 */
	struct process *items;
	size_t count;
};

/*
 * Reads what guest-init answers (protocol.h). A process that is not described as the kernel would
 * do it is left out, and what comes behind PROCESSES_MAX. Returns 0, or -1 with err filled and
 * nothing to be freed.
 */
int processes_parse(struct processes *processes, const void *bytes, size_t len, struct error *err);
void processes_free(struct processes *processes);

/* NULL: there is none of that number. */
const struct process *processes_find(const struct processes *processes, uint32_t pid);

/* Texts of files in /proc: of a process, and what they are called there. */
enum process_file {
	PROCESS_STAT,
	PROCESS_STATUS,
	PROCESS_CMDLINE,
	PROCESS_UID_MAP,
	PROCESS_GID_MAP,
	PROCESS_FILES,
};
enum { PROCESS_FILE_MAX = PROCESSES_FILE_MAX + 1 };
extern const char *const process_file_names[PROCESS_FILES];

/* Returns the length, at most PROCESS_FILE_MAX. */
size_t process_render(const struct process *process, enum process_file file,
		      char out[PROCESS_FILE_MAX]);

#endif
