/*
 * The role `files`: its set-up in order, and its system calls, a reason each.
 *
 * openat2's flags are behind a pointer, where a filter cannot see them: that a walk stays beneath
 * its share is the code's duty (p9_open_beneath() is the only place) and that of the empty root.
 */
#include "virtio/p9_files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "virtio/p9_channel.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"

#define HERE ((uint32_t)AT_FDCWD) /* /proc/self/fd: a path from here is one of our descriptors */

/* The most frequent come first: the filter is a list. */
const struct lockdown_rule p9_files_rules[] = {
	{ SYS_recvfrom, LOCKDOWN_ANY, 0, "records from the device" },
	{ SYS_sendto, LOCKDOWN_ANY, 0, "records to the device" },

	{ SYS_openat2, LOCKDOWN_ANY, 0, "walk, lcreate: one name beneath a directory" },
	{ SYS_openat, 0, HERE, "lopen, lock: the file of a descriptor" },
	{ SYS_close, LOCKDOWN_ANY, 0, "clunk" },
	{ SYS_statx, LOCKDOWN_ANY, 0, "getattr, qids" },
	{ SYS_pread64, LOCKDOWN_ANY, 0, "read" },
	{ SYS_pwrite64, LOCKDOWN_ANY, 0, "write" },
	{ SYS_fstatfs, LOCKDOWN_ANY, 0, "statfs" },
	{ SYS_readlinkat, LOCKDOWN_ANY, 0, "readlink" },
	{ SYS_getdents64, LOCKDOWN_ANY, 0, "readdir" },
	{ SYS_lseek, LOCKDOWN_ANY, 0, "readdir from an offset" },
	{ SYS_fsync, LOCKDOWN_ANY, 0, "fsync" },
	{ SYS_fdatasync, LOCKDOWN_ANY, 0, "fsync of data alone" },
	{ SYS_ftruncate, LOCKDOWN_ANY, 0, "setattr: size of an open file" },
	{ SYS_truncate, LOCKDOWN_ANY, 0, "setattr: size, by descriptor link" },
	{ SYS_fchmodat, 0, HERE, "setattr, mkdir: mode, by descriptor link" },
	{ SYS_fchownat, LOCKDOWN_ANY, 0, "setattr and whatever creates: owner" },
	{ SYS_utimensat, LOCKDOWN_ANY, 0, "setattr: times" },
	{ SYS_mkdirat, LOCKDOWN_ANY, 0, "mkdir" },
	{ SYS_mknodat, 3, 0, "mknod of files, FIFOs, sockets: the device number is 0" },
	{ SYS_symlinkat, LOCKDOWN_ANY, 0, "symlink" },
	{ SYS_linkat, 0, HERE, "link, by descriptor link" },
	{ SYS_unlinkat, LOCKDOWN_ANY, 0, "unlinkat, remove" },
	{ SYS_renameat, LOCKDOWN_ANY, 0, "renameat, rename" },
	{ SYS_getxattr, LOCKDOWN_ANY, 0, "xattrwalk, by descriptor link" },
	{ SYS_listxattr, LOCKDOWN_ANY, 0, "xattrwalk to the list" },
	{ SYS_setxattr, LOCKDOWN_ANY, 0, "xattrcreate" },
	{ SYS_removexattr, LOCKDOWN_ANY, 0, "xattrcreate of nothing" },
	{ SYS_fcntl, 1, F_OFD_SETLK, "lock" },
	{ SYS_fcntl, 1, F_OFD_GETLK, "getlock" },
	{ SYS_fcntl, 1, F_GETFL, "lock: how the lock's descriptor is open" },

	{ SYS_brk, LOCKDOWN_ANY, 0, "malloc" },
	{ SYS_mmap, 2, PROT_READ | PROT_WRITE, "malloc: never executable" },
	{ SYS_munmap, LOCKDOWN_ANY, 0, "free, the end" },
	{ SYS_mremap, LOCKDOWN_ANY, 0, "malloc" },
	{ SYS_madvise, LOCKDOWN_ANY, 0, "free" },
	{ SYS_write, LOCKDOWN_ANY, 0, "the last words of an assertion, or of the role" },
	{ SYS_writev, LOCKDOWN_ANY, 0, "the same, as some C libraries write" },
	{ SYS_newfstatat, 3, AT_EMPTY_PATH, "the same, as some C libraries look first" },
	{ SYS_rt_sigprocmask, LOCKDOWN_ANY, 0, "abort" },
	{ SYS_getpid, LOCKDOWN_ANY, 0, "abort" },
	{ SYS_gettid, LOCKDOWN_ANY, 0, "abort" },
	{ SYS_tgkill, LOCKDOWN_SELF, 0, "abort" },
	{ SYS_rt_sigreturn, LOCKDOWN_ANY, 0, "signals" },
	{ SYS_restart_syscall, LOCKDOWN_ANY, 0, "a stop and go on" },
	{ SYS_exit_group, LOCKDOWN_ANY, 0, "the end" },
};
const size_t p9_files_rule_count = ARRAY_SIZE(p9_files_rules);

int p9_files_run(const struct p9_files_plan *plan, struct error *err)
{
	_cleanup_fd_ int memory_fd = plan->memory_fd;
	struct p9_server *server = NULL;
	uint8_t *slots = NULL;
	int r = p9_server_enter_process(plan->links_fd, err);

	if (r == 0 && !(server = p9_server_new(&plan->server, err)))
		r = -1;
	if (r == 0 && !(slots = p9_channel_map(memory_fd, err)))
		r = -1;
	if (r == 0)
		r = lockdown_seccomp(p9_files_rules, p9_files_rule_count, err);
	if (r == 0)
		r = p9_server_run(server, plan->socket, slots, err);
	p9_server_free(server);
	p9_channel_unmap(slots);
	return r;
}
