/*
 * Confined processes. The order in the child: nothing is parsed before the last lock has closed,
 * and a lock that does not close ends the process.
 */
#include "images/worker.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "images/message.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/lockdown.h"

/* The run time of sanitizers maps shadow memory and writes its reports itself. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif

enum {
	FDS_MAX = 4,
	CPU_MAX_S = 3600,
	ROLE_RULES_MAX = 96,
};

/* Room for a million entries with long names, and the buffers. */
#define MEMORY_MAX_BYTES (1024 * MIB)

/*
 * What all may do: read and write what they have, have memory, end. mmap() and mprotect() cannot
 * make anything executable that is not: their protection is compared as a whole.
 */
static const struct lockdown_rule common[] = {
	{ SYS_read, LOCKDOWN_ANY, 0, "blobs and documents, from the importer" },
	{ SYS_write, LOCKDOWN_ANY, 0, "requests and the result, to the importer" },
	{ SYS_mmap, 2, PROT_READ | PROT_WRITE, "malloc" },
	{ SYS_mmap, 2, PROT_NONE, "malloc reserves" },
	{ SYS_mprotect, 2, PROT_READ | PROT_WRITE, "malloc uses what it reserved" },
	{ SYS_mremap, LOCKDOWN_ANY, 0, "realloc" },
	{ SYS_munmap, LOCKDOWN_ANY, 0, "free" },
	{ SYS_madvise, LOCKDOWN_ANY, 0, "free" },
	{ SYS_brk, LOCKDOWN_ANY, 0, "malloc" },
	{ SYS_futex, LOCKDOWN_ANY, 0, "locks in the C library and in OpenSSL" },
	{ SYS_sysinfo, LOCKDOWN_ANY, 0, "qsort() asks how much memory there is" },
	{ SYS_getrandom, LOCKDOWN_ANY, 0, "malloc's own canary" },
	{ SYS_rt_sigprocmask, LOCKDOWN_ANY, 0, "abort()" },
	{ SYS_rt_sigaction, LOCKDOWN_ANY, 0, "abort()" },
	{ SYS_getpid, LOCKDOWN_ANY, 0, "abort()" },
	{ SYS_gettid, LOCKDOWN_ANY, 0, "abort()" },
	{ SYS_tgkill, LOCKDOWN_SELF, 0, "abort()" },
	{ SYS_rt_sigreturn, LOCKDOWN_ANY, 0, "return from a signal handler" },
	{ SYS_restart_syscall, LOCKDOWN_ANY, 0, "after SIGSTOP and SIGCONT" },
	{ SYS_exit_group, LOCKDOWN_ANY, 0, "the end" },
#ifdef SANITIZED
	{ SYS_mmap, LOCKDOWN_ANY, 0, "sanitized builds: shadow memory" },
	{ SYS_mprotect, LOCKDOWN_ANY, 0, "sanitized builds: shadow memory" },
	{ SYS_sigaltstack, LOCKDOWN_ANY, 0, "sanitized builds: reports" },
	{ SYS_sched_yield, LOCKDOWN_ANY, 0, "sanitized builds: locks" },
	{ SYS_openat, LOCKDOWN_ANY, 0, "sanitized builds: reports" },
	{ SYS_open, LOCKDOWN_ANY, 0, "sanitized builds: reports" },
	{ SYS_readlink, LOCKDOWN_ANY, 0, "sanitized builds: reports" },
	{ SYS_close, LOCKDOWN_ANY, 0, "sanitized builds: reports" },
#endif
};

static const struct lockdown_rule parser_rules[] = {
	{ SYS_pwrite64, LOCKDOWN_ANY, 0, "the image" },
	{ SYS_fallocate, LOCKDOWN_ANY, 0, "the image: data of replaced files becomes holes" },
};

static const struct worker_role parser = { .name = "the image parser",
					   .rules = parser_rules,
					   .rule_count = ARRAY_SIZE(parser_rules) };

static int limit(int resource, uint64_t max, struct error *err)
{
	struct rlimit now, wanted = { max, max };

	if (getrlimit((__rlimit_resource_t)resource, &now) < 0)
		return error_set(err, errno, "cannot limit a parser");
	if (now.rlim_max < max)
		wanted = (struct rlimit){ now.rlim_max, now.rlim_max };
	if (setrlimit((__rlimit_resource_t)resource, &wanted) < 0)
		return error_set(err, errno, "cannot limit a parser");
	return 0;
}

static int set_limits(uint64_t file_max_bytes, struct error *err)
{
#ifndef SANITIZED
	if (limit(RLIMIT_AS, MEMORY_MAX_BYTES, err) < 0)
		return -1;
#endif
	/* With SIGXFSZ ignored a write beyond the limit fails with EFBIG. */
	(void)signal(SIGXFSZ, SIG_IGN);
	if (limit(RLIMIT_FSIZE, file_max_bytes, err) < 0 || limit(RLIMIT_NPROC, 0, err) < 0)
		return -1;
	return limit(RLIMIT_CPU, CPU_MAX_S, err);
}

#ifndef SANITIZED
static bool is_kept(int fd, const int *keep, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (keep[i] == fd)
			return true;
	}
	return false;
}
#endif

static int restrict_calls(const struct worker_role *role, struct error *err)
{
	struct lockdown_rule rules[ROLE_RULES_MAX];

	assert(ARRAY_SIZE(common) + role->rule_count <= ARRAY_SIZE(rules));
	memcpy(rules, common, sizeof(common));
	if (role->rule_count)
		memcpy(rules + ARRAY_SIZE(common), role->rules,
		       role->rule_count * sizeof(rules[0]));
	return lockdown_seccomp(rules, ARRAY_SIZE(common) + role->rule_count, err);
}

static int confine(const struct worker_job *job, const struct worker_role *role, int control,
		   struct error *err)
{
	const struct lockdown_ids ids = { .change = role->own_ids && geteuid() == 0 };
	int keep[FDS_MAX + 1] = { control };

	for (size_t i = 0; i < job->fd_count; i++)
		keep[i + 1] = job->fds[i];
	if (lockdown_close_fds(keep, job->fd_count + 1, err) < 0 ||
	    (role->prepare && role->prepare(err) < 0) || set_limits(job->file_max_bytes, err) < 0 ||
	    lockdown_ids(&ids, err) < 0 ||
	    (role->readable && lockdown_paths(role->readable, err) < 0))
		return -1;
#ifndef SANITIZED
	for (int fd = 0; fd < 3; fd++) {
		if (!is_kept(fd, keep, job->fd_count + 1))
			(void)close(fd);
	}
#endif
	return restrict_calls(role, err);
}

static _Noreturn void run_child(const struct worker_job *job, const struct worker_role *role,
				int control)
{
	struct error err = ERROR_NONE;

	if (confine(job, role, control, &err) < 0 || job->run(job->context, control, &err) < 0) {
		(void)message_send(control,
				   err.code == EAGAIN ? MESSAGE_ERROR_PASSING : MESSAGE_ERROR,
				   err.text, strlen(err.text));
		_exit(1);
	}
	_exit(0);
}

int worker_start(struct worker *worker, const struct worker_job *job, struct error *err)
{
	const struct worker_role *role = job->role ? job->role : &parser;
	int pair[2];
	pid_t pid;

	if (job->load && job->load(err) < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(err, errno, "cannot start %s", role->name);
	pid = fork();
	if (pid < 0) {
		int saved = errno;

		close(pair[0]);
		close(pair[1]);
		return error_set(err, saved, "cannot start %s", role->name);
	}
	if (pid == 0)
		run_child(job, role, pair[1]);
	close(pair[1]);
	*worker = (struct worker){ .pid = pid, .control = pair[0], .role = role };
	return 0;
}

static int reap(struct worker *worker)
{
	int status = 0;

	while (waitpid(worker->pid, &status, 0) < 0 && errno == EINTR)
		;
	close(worker->control);
	worker->pid = -1;
	worker->control = -1;
	return status;
}

void worker_kill(struct worker *worker)
{
	(void)kill(worker->pid, SIGKILL);
	(void)reap(worker);
}

static int describe(const char *name, int status, struct error *err)
{
	int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	if (number == 0)
		return error_set(err, 0, "%s ended without a result", name);
	if (number == SIGSYS)
		return error_set(
		    err, 0, "%s was killed by its sandbox: it made a forbidden system call", name);
	if (number == SIGXCPU || number == SIGKILL)
		return error_set(err, 0,
				 "%s was killed (signal %d): the image needs too much time or "
				 "memory",
				 name, number);
	return error_set(err, 0, "%s crashed (signal %d)", name, number);
}

int worker_receive_any(struct worker *worker, char **data, size_t *len, struct error *err)
{
	_cleanup_free_ char *bytes = NULL;
	uint32_t kind = 0;
	int more = message_receive(worker->control, &kind, &bytes, len, err);

	bool is_error = kind == MESSAGE_ERROR || kind == MESSAGE_ERROR_PASSING;

	if (more > 0 && !is_error && kind <= INT32_MAX) {
		*data = steal_ptr(bytes);
		return (int)kind;
	}
	if (more == 0) /* it cannot close the socket but by ending */
		return describe(worker->role->name, reap(worker), err);
	if (more > 0)
		(void)error_set(err, 0, "%s", bytes);
	if (more > 0 && err && kind == MESSAGE_ERROR_PASSING)
		err->code = EAGAIN;
	worker_kill(worker);
	return -1;
}

int worker_receive(struct worker *worker, char **data, size_t *len, struct error *err)
{
	int kind = worker_receive_any(worker, data, len, err);

	if (kind < 0 || kind == MESSAGE_WANT || kind == MESSAGE_RESULT)
		return kind;
	free(steal_ptr(*data));
	worker_kill(worker);
	return error_set(err, 0, "%s said something unexpected", worker->role->name);
}
