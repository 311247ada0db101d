/*
 * The system calls of the machine role after lock-down, each with its reason. Nothing here opens a
 * path, creates a socket, starts a process or makes memory executable.
 */
#include "vmm/machine/machine_rules.h"

#include <linux/futex.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "vmm/base/bytes.h"
#include "vmm/base/lockdown.h"

static const struct lockdown_rule rules[] = {
	{ SYS_ioctl, 1, KVM_RUN, "vCPUs run" },
	{ SYS_ioctl, 1, KVM_SIGNAL_MSI, "devices interrupt the guest" },
	{ SYS_futex, LOCKDOWN_ANY, 0, "locks between vCPU threads and the loop" },
	{ SYS_epoll_wait, LOCKDOWN_ANY, 0, "the loop waits" },
	{ SYS_epoll_pwait, LOCKDOWN_ANY, 0, "the loop waits" },
	{ SYS_epoll_ctl, LOCKDOWN_ANY, 0, "streams ask for readiness" },
	{ SYS_read, LOCKDOWN_ANY, 0, "stdin, event counters, timers" },
	{ SYS_write, LOCKDOWN_ANY, 0, "stdout and stderr, event counters, last words" },
	{ SYS_sendto, LOCKDOWN_ANY, 0, "records to the supervisor and to the files role" },
	{ SYS_recvfrom, LOCKDOWN_ANY, 0, "replies of the files role" },
	{ SYS_recvmsg, LOCKDOWN_ANY, 0, "commands of the supervisor, with added streams" },
	{ SYS_preadv, LOCKDOWN_ANY, 0, "disks: read" },
	{ SYS_pwritev, LOCKDOWN_ANY, 0, "disks: write" },
	{ SYS_pwrite64, LOCKDOWN_ANY, 0, "disks: write" },
	{ SYS_accept4, LOCKDOWN_ANY, 0, "programs that connect into the guest by vsock" },
	{ SYS_shutdown, LOCKDOWN_ANY, 0, "vsock connections that end in one direction" },
	{ SYS_readv, LOCKDOWN_ANY, 0, "networks: receive" },
	{ SYS_writev, LOCKDOWN_ANY, 0, "networks: send" },
	{ SYS_ioctl, 1, TUNSETOFFLOAD, "networks: what the driver has agreed to receive" },
	{ SYS_fdatasync, LOCKDOWN_ANY, 0, "disks: flush" },
	{ SYS_fallocate, LOCKDOWN_ANY, 0, "disks: discard, write zeroes" },
	{ SYS_poll, LOCKDOWN_ANY, 0, "streams that are shared with other processes" },
	{ SYS_ppoll, LOCKDOWN_ANY, 0, "streams that are shared with other processes" },
	{ SYS_timerfd_settime, LOCKDOWN_ANY, 0, "timers of the loop" },
	{ SYS_getrandom, LOCKDOWN_ANY, 0, "virtio-rng" },
	{ SYS_clock_gettime, LOCKDOWN_ANY, 0, "time stamps where the vDSO has no clock" },
	{ SYS_close, LOCKDOWN_ANY, 0, "streams that have ended" },
	{ SYS_eventfd2, LOCKDOWN_ANY, 0, "added streams to files, which are always ready" },
	{ SYS_ioctl, 1, KVM_KVMCLOCK_CTRL, "a vCPU that was paused goes on" },
	{ SYS_madvise, 2, MADV_DONTNEED, "malloc and the guest give memory back" },
	{ SYS_mmap, 2, PROT_READ | PROT_WRITE, "malloc" },
	{ SYS_munmap, LOCKDOWN_ANY, 0, "malloc gives memory back" },
	{ SYS_brk, LOCKDOWN_ANY, 0, "malloc" },
	{ SYS_rt_sigreturn, LOCKDOWN_ANY, 0, "a vCPU has been called out of the guest" },
	{ SYS_rt_sigprocmask, LOCKDOWN_ANY, 0, "pause, abort() and thread exit" },
	{ SYS_restart_syscall, LOCKDOWN_ANY, 0, "after SIGSTOP and SIGCONT" },
	{ SYS_gettid, LOCKDOWN_ANY, 0, "abort()" },
	{ SYS_getpid, LOCKDOWN_ANY, 0, "pause, abort()" },
	{ SYS_tgkill, LOCKDOWN_SELF, 0, "pause, abort()" },
	{ SYS_exit, LOCKDOWN_ANY, 0, "a vCPU thread ends" },
	{ SYS_exit_group, LOCKDOWN_ANY, 0, "the machine ends" },
};

int machine_rules_apply(struct error *err)
{
	return lockdown_seccomp(rules, ARRAY_SIZE(rules), err);
}
