/*
 * The role `files`: its set-up in order, and its system calls, a reason each.
 *
 * openat2's flags are behind a pointer, where a filter cannot see them: that a walk stays beneath
 * its share is the code's duty (p9_open_beneath() is the only place) and that of the empty root.
 */
#include "virtio/p9_files.h"

#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "virtio/p9_channel.h"
#include "virtio/p9_sync.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"

#define HERE ((uint32_t)AT_FDCWD) /* /proc/self/fd: a path from here is one of our descriptors */

/* The most frequent come first: the filter is a list. */
const struct lockdown_rule p9_files_rules[] = {
	{ SYS_recvmsg, LOCKDOWN_ANY, 0, "records from the device, and shares" },
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

	{ SYS_futex, LOCKDOWN_ANY, 0, "fsync: to its thread and back; malloc beside another" },
	{ SYS_fcntl, 1, F_DUPFD_CLOEXEC, "fsync: the thread's own descriptor" },
	{ SYS_shutdown, LOCKDOWN_ANY, 0, "the end of one channel is the end of both" },
	{ SYS_exit, LOCKDOWN_ANY, 0, "the end of a thread" },

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

/* One channel while it is served. */
struct serving {
	struct p9_server *server;
	struct p9_sync *sync;
	uint8_t *slots;
	int socket;
	int other_socket; /* of the first channel, or -1 */
	int result;
	struct error err;
	sem_t started, may_serve;
};

static bool is_writable(const struct p9_files_channel *channel)
{
	for (unsigned i = 0; i < channel->share_count; i++) {
		if (!channel->shares[i].read_only)
			return true;
	}
	return channel->takes_shares;
}

static int prepare(struct serving *serving, const struct p9_files_plan *plan, unsigned index,
		   struct error *err)
{
	const struct p9_files_channel *channel = &plan->channels[index];
	const struct p9_server_config config = {
		.shares = channel->shares,
		.share_count = channel->share_count,
		.owners = plan->owners,
		.servers = plan->channel_count,
		.takes_shares = channel->takes_shares,
	};
	_cleanup_fd_ int memory_fd = channel->memory_fd;

	serving->socket = channel->socket;
	serving->other_socket = index ? plan->channels[0].socket : -1;
	serving->server = p9_server_new(&config, err);
	serving->slots = serving->server ? p9_channel_map(memory_fd, err) : NULL;
	if (serving->slots && is_writable(channel))
		serving->sync = p9_sync_new(channel->socket, serving->slots, err);
	return serving->slots && (serving->sync || !is_writable(channel)) ? 0 : -1;
}

static void serve(struct serving *serving)
{
	serving->result = p9_server_run(serving->server, serving->sync, serving->socket,
					serving->slots, &serving->err);
}

/* A channel beside the first one, which ends with it. */
static void *serve_beside(void *context)
{
	struct serving *serving = context;

	(void)sem_post(&serving->started);
	while (sem_wait(&serving->may_serve) < 0)
		;
	serve(serving);
	(void)shutdown(serving->other_socket, SHUT_RDWR);
	return NULL;
}

static int start_beside(struct serving *serving, pthread_t *thread, struct error *err)
{
	int r;

	(void)sem_init(&serving->started, 0, 0);
	(void)sem_init(&serving->may_serve, 0, 0);
	r = pthread_create(thread, NULL, serve_beside, serving);
	if (r)
		return error_set(err, r, "cannot start a thread of the files role");
	/* The C library's calls at the beginning of a thread are not on the list. */
	while (sem_wait(&serving->started) < 0)
		;
	return 0;
}

static bool takes_shares(const struct p9_files_plan *plan)
{
	for (unsigned i = 0; i < plan->channel_count; i++) {
		if (plan->channels[i].takes_shares)
			return true;
	}
	return false;
}

static int serve_all(struct serving *servings, const struct p9_files_plan *plan, struct error *err)
{
	const unsigned count = plan->channel_count, left_out = takes_shares(plan) ? 0 : 1;
	pthread_t thread;

	if (count > 1 && start_beside(&servings[1], &thread, err) < 0)
		return -1;
	if (lockdown_seccomp(p9_files_rules + left_out, p9_files_rule_count - left_out, err) < 0)
		return -1;
	if (count > 1)
		(void)sem_post(&servings[1].may_serve);
	serve(&servings[0]);
	if (count > 1) {
		(void)shutdown(servings[1].socket, SHUT_RDWR);
		(void)pthread_join(thread, NULL);
	}
	for (unsigned i = 0; i < count; i++) {
		if (servings[i].result < 0) {
			*err = servings[i].err;
			return -1;
		}
	}
	return 0;
}

int p9_files_run(const struct p9_files_plan *plan, struct error *err)
{
	static struct serving servings[P9_FILES_CHANNELS_MAX];
	int r = p9_server_enter_process(plan->links_fd, err);

	/* Threads would get arenas of their own, by calls that are not on the list. */
	(void)mallopt(M_ARENA_MAX, 1);
	for (unsigned i = 0; r == 0 && i < plan->channel_count; i++)
		r = prepare(&servings[i], plan, i, err);
	if (r == 0)
		r = serve_all(servings, plan, err);
	for (unsigned i = 0; i < plan->channel_count; i++) {
		p9_sync_free(servings[i].sync);
		if (servings[i].server)
			p9_server_use_sync(servings[i].server, NULL, 0);
		p9_server_free(servings[i].server);
		p9_channel_unmap(servings[i].slots);
	}
	return r;
}
