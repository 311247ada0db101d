/*
 * gpgv in a confined role. The signature is taken out of its armor by a confined process of ours
 * first, so that gpgv sees one signature packet and nothing else; the file that it compares, the
 * keyring and the signature are descriptors, and what it says comes through a pipe.
 */
#include "images/openpgp.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "images/message.h"
#include "images/openpgp_packet.h"
#include "images/signature.h"
#include "images/worker.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/base/lockdown.h"

#define GPGV "/usr/bin/gpgv"

enum {
	STATUS_SIZE_MAX = 64 * 1024,
	CPU_MAX_S = 600,
	/* What gpgv finds under these numbers. */
	STATUS_FD = 3,
	DATA_FD = 4,
	SIGNATURE_FD = 5,
	KEYRING_FD = 6,
	HIGH_FD = 16, /* where descriptors wait for their number */
};

#define MEMORY_MAX_BYTES (512 * MIB)

/* What gpgv does, from its start: load its libraries, read what it was given, write its lines. */
static const struct lockdown_rule rules[] = {
	{ SYS_execve, LOCKDOWN_ANY, 0, "becoming gpgv, which finds nothing else to become" },
	{ SYS_openat, 2, O_RDONLY, "its libraries and its keyring, to read" },
	{ SYS_openat, 2, O_RDONLY | O_CLOEXEC, "the same" },
	{ SYS_close, LOCKDOWN_ANY, 0, "what it opened" },
	{ SYS_read, LOCKDOWN_ANY, 0, "file, signature, keyring" },
	{ SYS_pread64, LOCKDOWN_ANY, 0, "the loader" },
	{ SYS_lseek, LOCKDOWN_ANY, 0, "the keyring" },
	{ SYS_write, LOCKDOWN_ANY, 0, "its lines" },
	{ SYS_newfstatat, LOCKDOWN_ANY, 0, "sizes of files" },
	{ SYS_fstat, LOCKDOWN_ANY, 0, "the same" },
	{ SYS_access, LOCKDOWN_ANY, 0, "its configuration, which is not there" },
	{ SYS_readlink, LOCKDOWN_ANY, 0, "where it is installed" },
	{ SYS_dup, LOCKDOWN_ANY, 0, "special file names" },
	{ SYS_fcntl, LOCKDOWN_ANY, 0, "whether a descriptor is open" },
	{ SYS_mmap, LOCKDOWN_ANY, 0, "libraries and malloc" },
	{ SYS_mprotect, LOCKDOWN_ANY, 0, "the loader" },
	{ SYS_munmap, LOCKDOWN_ANY, 0, "the loader and free" },
	{ SYS_mremap, LOCKDOWN_ANY, 0, "realloc" },
	{ SYS_madvise, LOCKDOWN_ANY, 0, "free" },
	{ SYS_brk, LOCKDOWN_ANY, 0, "malloc" },
	{ SYS_mlock, LOCKDOWN_ANY, 0, "libgcrypt's own memory" },
	{ SYS_arch_prctl, LOCKDOWN_ANY, 0, "start of the C library" },
	{ SYS_set_tid_address, LOCKDOWN_ANY, 0, "start of the C library" },
	{ SYS_set_robust_list, LOCKDOWN_ANY, 0, "start of the C library" },
	{ SYS_rseq, LOCKDOWN_ANY, 0, "start of the C library" },
	{ SYS_prlimit64, 0, 0, "of itself: start of the C library, no core dumps" },
	{ SYS_futex, LOCKDOWN_ANY, 0, "locks" },
	{ SYS_getrandom, LOCKDOWN_ANY, 0, "malloc" },
	{ SYS_rt_sigaction, LOCKDOWN_ANY, 0, "its handlers" },
	{ SYS_rt_sigprocmask, LOCKDOWN_ANY, 0, "its handlers" },
	{ SYS_rt_sigreturn, LOCKDOWN_ANY, 0, "return from a handler" },
	{ SYS_restart_syscall, LOCKDOWN_ANY, 0, "after SIGSTOP and SIGCONT" },
	{ SYS_getpid, LOCKDOWN_ANY, 0, "libgcrypt" },
	{ SYS_getuid, LOCKDOWN_ANY, 0, "start" },
	{ SYS_geteuid, LOCKDOWN_ANY, 0, "start" },
	{ SYS_getgid, LOCKDOWN_ANY, 0, "start" },
	{ SYS_getegid, LOCKDOWN_ANY, 0, "start" },
	{ SYS_uname, LOCKDOWN_ANY, 0, "start" },
	{ SYS_exit_group, LOCKDOWN_ANY, 0, "the end" },
};

struct armor {
	const char *text;
	size_t len;
};

/* Confined: the signature packet out of its armor. */
static int take_armor_off(void *context, int control, struct error *err)
{
	const struct armor *armor = context;
	_cleanup_free_ uint8_t *packet = malloc(armor->len + 1);
	size_t len;

	if (!packet)
		return error_set(err, ENOMEM, "cannot read a signature");
	if (openpgp_dearmor(armor->text, armor->len, "SIGNATURE", packet, &len, err) < 0 ||
	    openpgp_check_signature(packet, len, err) < 0)
		return -1;
	if (message_send(control, MESSAGE_RESULT, packet, len) < 0)
		return error_set(err, errno, "cannot report a signature");
	return 0;
}

static int read_packet(const char *text, size_t text_len, char **packet, size_t *len,
		       struct error *why, struct error *err)
{
	struct armor armor = { text, text_len };
	const struct worker_job job = { .run = take_armor_off, .context = &armor };
	struct worker worker;
	int kind;

	if (worker_start(&worker, &job, err) < 0)
		return -1;
	kind = worker_receive(&worker, packet, len, why);
	if (kind < 0)
		return 0;
	worker_kill(&worker);
	if (kind == MESSAGE_RESULT && *len <= SIGNATURE_SIZE_MAX)
		return 1;
	free(*packet);
	(void)error_set(why, 0, "it cannot be read");
	return 0;
}

/* Bytes as a file without a name, which any user may open for reading. */
static int hold(const void *data, size_t len, struct error *err)
{
	_cleanup_fd_ int fd = memfd_create("nacelle", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || io_write_all(fd, data, len) < 0 || fchmod(fd, 0444) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0 ||
	    lseek(fd, 0, SEEK_SET) < 0)
		return error_set(err, errno, "cannot hand keys to gpgv");
	return steal_fd(&fd);
}

struct role {
	int fds[4];   /* for STATUS_FD and the following */
	int error_fd; /* where a failure before gpgv is told */
};

static int arrange(const struct role *role, int *error_fd, struct error *err)
{
	int moved[4];

	*error_fd = fcntl(role->error_fd, F_DUPFD_CLOEXEC, HIGH_FD);
	for (int i = 0; i < 4; i++) {
		moved[i] = fcntl(role->fds[i], F_DUPFD_CLOEXEC, HIGH_FD);
		if (moved[i] < 0 || *error_fd < 0)
			return error_set(err, errno, "cannot hand files to gpgv");
	}
	for (int i = 0; i < 4; i++) {
		if (dup2(moved[i], STATUS_FD + i) < 0)
			return error_set(err, errno, "cannot hand files to gpgv");
	}
	for (int fd = 0; fd < 3; fd++) {
		int null = open("/dev/null", fd ? O_WRONLY : O_RDONLY);

		if (null < 0 || dup2(null, fd) < 0)
			return error_set(err, errno, "cannot open /dev/null");
	}
	return 0;
}

static int confine(int error_fd, struct error *err)
{
	const struct lockdown_ids ids = { .change = geteuid() == 0 };
	const struct rlimit memory = { MEMORY_MAX_BYTES, MEMORY_MAX_BYTES };
	const struct rlimit cpu = { CPU_MAX_S, CPU_MAX_S };
	const struct rlimit nothing = { 0, 0 };
	const int keep[] = { STATUS_FD, DATA_FD, SIGNATURE_FD, KEYRING_FD, error_fd };

	if (lockdown_close_fds(keep, ARRAY_SIZE(keep), err) < 0)
		return -1;
	if (setrlimit(RLIMIT_AS, &memory) < 0 || setrlimit(RLIMIT_CPU, &cpu) < 0 ||
	    setrlimit(RLIMIT_FSIZE, &nothing) < 0)
		return error_set(err, errno, "cannot limit gpgv");
	if (geteuid() == 0 && unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
		return error_set(err, errno, "cannot take the network from gpgv");
	if (lockdown_ids(&ids, err) < 0)
		return -1;
	return lockdown_seccomp(rules, ARRAY_SIZE(rules), err);
}

static _Noreturn void become_gpgv(const struct role *role)
{
	static const char *const arguments[] = { "gpgv",
						 "--enable-special-filenames",
						 "--homedir",
						 "/nonexistent",
						 "--weak-digest",
						 "SHA1",
						 "--weak-digest",
						 "RIPEMD160",
						 "--status-fd",
						 "3",
						 "--keyring",
						 "/proc/self/fd/6",
						 "--",
						 "-&5",
						 "-&4",
						 NULL };
	/* Without HOME it would ask for the user's, over a socket of nscd's. */
	static const char *const environment[] = { "LC_ALL=C", "TZ=UTC", "HOME=/nonexistent",
						   NULL };
	struct error err = ERROR_NONE;
	int error_fd = role->error_fd;

	if (arrange(role, &error_fd, &err) == 0 && confine(error_fd, &err) == 0) {
		/* execve() does not change the strings; its type is from before const. */
		execve(GPGV, (char **)(uintptr_t)arguments, (char **)(uintptr_t)environment);
		if (errno == ENOENT)
			(void)error_set(&err, 0,
					"OpenPGP signatures need " GPGV ": install the "
					"package gpgv");
		else
			(void)error_set(&err, errno, "cannot start " GPGV);
	}
	(void)io_write_all(error_fd, err.text, strlen(err.text));
	_exit(1);
}

/* What gpgv says, up to its end. Returns the number of bytes; -1 with err filled. */
static ssize_t listen_to(pid_t pid, int status_fd, int error_fd, char *text, int *status,
			 struct error *err)
{
	char failure[ERROR_TEXT_MAX];
	ssize_t failed = io_read_full(error_fd, failure, sizeof(failure) - 1);
	ssize_t said = io_read_full(status_fd, text, STATUS_SIZE_MAX);

	if (said == STATUS_SIZE_MAX)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
	if (failed > 0) {
		failure[failed] = '\0';
		return error_set(err, 0, "%s", failure);
	}
	if (failed < 0 || said < 0)
		return error_set(err, errno, "cannot hear gpgv");
	if (WIFSIGNALED(*status))
		return error_set(err, 0, "gpgv was killed by signal %d", WTERMSIG(*status));
	return said;
}

static ssize_t run_gpgv(const int fds[3], char *text, int *status, struct error *err)
{
	_cleanup_fd_ int status_in = -1, status_out = -1, error_in = -1, error_out = -1;
	struct role role;
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, errno, "cannot make a pipe");
	status_in = ends[0];
	status_out = ends[1];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, errno, "cannot make a pipe");
	error_in = ends[0];
	error_out = ends[1];
	role = (struct role){ { status_out, fds[0], fds[1], fds[2] }, error_out };
	pid = fork();
	if (pid < 0)
		return error_set(err, errno, "cannot start gpgv");
	if (pid == 0)
		become_gpgv(&role);
	close(steal_fd(&status_out));
	close(steal_fd(&error_out));
	return listen_to(pid, status_in, error_in, text, status, err);
}

int openpgp_verify(const char *armor, size_t armor_len, int data_fd, const void *keyring,
		   size_t keyring_len, uint64_t now_s, struct openpgp_result *out,
		   struct error *why, struct error *err)
{
	_cleanup_free_ char *packet = NULL;
	_cleanup_free_ char *text = malloc(STATUS_SIZE_MAX);
	_cleanup_fd_ int signature_fd = -1, keyring_fd = -1;
	size_t packet_len;
	int status = 0, found = read_packet(armor, armor_len, &packet, &packet_len, why, err);
	ssize_t said;

	if (found <= 0)
		return found;
	if (!text)
		return error_set(err, ENOMEM, "cannot check a signature");
	signature_fd = hold(packet, packet_len, err);
	keyring_fd = signature_fd < 0 ? -1 : hold(keyring, keyring_len, err);
	if (keyring_fd < 0)
		return -1;
	if (lseek(data_fd, 0, SEEK_SET) < 0)
		return error_set(err, errno, "cannot read the signed file");
	said = run_gpgv((const int[]){ data_fd, signature_fd, keyring_fd }, text, &status, err);
	if (said < 0)
		return -1;
	if (openpgp_read_status(text, (size_t)said, now_s, out, why) < 0)
		return 0;
	if (WEXITSTATUS(status)) {
		(void)error_set(why, 0, "gpgv refused it (status %d)", WEXITSTATUS(status));
		return 0;
	}
	return 1;
}
