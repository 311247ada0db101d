/*
 * Giving up what a role does not need, in stages that read like a list:
 *
 *	lockdown_ids()        one thread: own user and group, no capabilities but those asked for,
 *	                      no_new_privs, no core dumps, death with the parent
 *	lockdown_namespaces() one thread, before lockdown_ids(): empty root, no network, no IPC
 *	lockdown_seccomp()    all threads: a list of system calls; any other kills the process
 *
 * A stage that fails ends the role: no pod runs half locked down.
 */
#ifndef NACELLE_BASE_LOCKDOWN_H
#define NACELLE_BASE_LOCKDOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "vmm/base/error.h"

/* One allowed system call; with an argument, only for that value of its low 32 bits. */
struct lockdown_rule {
	uint32_t number;
	int8_t argument; /* index 0 to 5, or one of those below */
	uint32_t value;
	const char *why;
};
enum {
	LOCKDOWN_ANY = -1,
	LOCKDOWN_SELF = -2, /* argument 0 is the caller's process id; value is not used */
};

/*
 * Users of roles: this base plus the process's id. A number that no other living process has, from
 * a range that nobody hands out (above the 16-bit users, subordinate ranges and systemd's dynamic
 * ones).
 */
enum { LOCKDOWN_UID_BASE = 0x6e400000 };

/*
 * In a user namespace that has no such number (a rootless engine's): from the upper part of its
 * 65,536 subordinate ones, below nobody. Another process may have the same one, if 16,384 others
 * were begun between the two.
 */
enum { LOCKDOWN_SUBORDINATE_BASE = 0xb000, LOCKDOWN_SUBORDINATE_COUNT = 0x4000 };

struct lockdown_ids {
	bool change; /* take on a user and group of its own, drop supplementary groups (as root) */
	pid_t pid;   /* of this process, where getpid() says one that others may have; or 0 */
	uint64_t capabilities; /* mask of CAP_* to keep; 0 as an ordinary user */
};

/*
 * Leaves the network, IPC, UTS, cgroup and mount namespaces for empty ones; the new root is an
 * empty read-only tmpfs. As root the network's is one for all roles of all pods: nothing is in it,
 * and nobody there has a capability to put something in. As an ordinary user this goes through a
 * user namespace; where the host forbids those, *done says false and nothing has changed.
 */
int lockdown_namespaces(bool *done, struct error *err);

/*
 * The same, but the new root is the directory. Where it is done, directory_fd refers to that root
 * afterwards, from which no way leads up; it keeps its number.
 */
int lockdown_namespaces_in(int directory_fd, bool *done, struct error *err);

int lockdown_ids(const struct lockdown_ids *ids, struct error *err);

/*
 * Lets the process read files and directories beneath these paths (which may be links; one that is
 * missing is skipped), and nothing else of any file system by path. After lockdown_ids(). Where the
 * kernel has no landlock nothing changes: what users and modes forbid stands alone.
 */
int lockdown_paths(const char *const *paths, struct error *err);

/* The same, but everything may be done beneath the directory, and nothing elsewhere. */
int lockdown_beneath(int directory_fd, struct error *err);

/* Allows exactly the rules, on every thread of the process. */
int lockdown_seccomp(const struct lockdown_rule *rules, size_t count, struct error *err);

/*
 * Puts /dev/null in the place of stdin or stdout: were it closed, a file that is opened later would
 * get the number, and whatever is meant for the user would go there.
 */
int lockdown_silence(int fd, struct error *err);

/* Closes every descriptor but 0 to 2 and those listed (-1 entries are skipped). */
int lockdown_close_fds(const int *keep, size_t count, struct error *err);

#endif
