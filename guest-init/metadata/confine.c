/*
 * What the metadata service gives up.
 */
#include "guest-init/metadata/confine.h"

#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest-init/mounts.h"

static int set_limits(uint64_t descriptors)
{
	const struct {
		int resource;
		rlim_t value;
	} limits[] = {
		{ RLIMIT_NOFILE, descriptors },
		{ RLIMIT_NPROC, 0 },
		{ RLIMIT_FSIZE, 0 },
		{ RLIMIT_CORE, 0 },
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		const struct rlimit value = { limits[i].value, limits[i].value };

		if (setrlimit(limits[i].resource, &value) < 0)
			return -1;
	}
	return 0;
}

#define ALLOW(call)                                                                                \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1),                                         \
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* Each call works on a descriptor that is there already, on memory, or on nothing. */
static int filter(void)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ALLOW(SYS_poll),
		ALLOW(SYS_recvfrom),
		ALLOW(SYS_sendto),
		ALLOW(SYS_accept4),
		ALLOW(SYS_shutdown),
		ALLOW(SYS_close),
		ALLOW(SYS_write),	  /* that it is ready */
		ALLOW(SYS_clock_gettime), /* where the kernel's page cannot tell */
		ALLOW(SYS_restart_syscall),
		ALLOW(SYS_exit_group),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	const struct sock_fprog program = { sizeof(code) / sizeof(*code), code };

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

int confine(uint64_t descriptors)
{
	if (chroot(DIR_LOWER) < 0 || chdir("/") < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(CONFINE_ID, CONFINE_ID, CONFINE_ID) < 0 ||
	    setresuid(CONFINE_ID, CONFINE_ID, CONFINE_ID) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0 ||
	    set_limits(descriptors) < 0)
		return -1;
	return filter();
}
