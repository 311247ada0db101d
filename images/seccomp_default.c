/*
 * The default profile in groups. Names of 32-bit calls stand beside their 64-bit ones; a name that
 * an architecture does not have is no rule there.
 */
#include "images/seccomp_default.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/socket.h>

#include "vmm/base/bytes.h"

#define CAP(name) ((uint64_t)1 << (CAP_##name))

#define NAMESPACES                                                                                 \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |             \
	 CLONE_NEWPID | CLONE_NEWNET)

/* The kernel takes these arguments as 32 bits, so that is what is compared. */
#define IF(number, against)                                                                        \
	.conditions = { { .argument = (number),                                                    \
			  .comparison = SECCOMP_COMPARE_MASKED_EQ,                                 \
			  .value = (against),                                                      \
			  .mask = UINT32_MAX } },                                                  \
	.condition_count = 1

/* The last of several groups for a call. */
#define OTHERWISE                                                                                  \
	.conditions = { { .comparison = SECCOMP_COMPARE_MASKED_EQ } }, .condition_count = 1

const struct seccomp_default_group seccomp_default_groups[] = {
	{ .why = "files by name",
	  .names = "access chdir chmod chown chown32 creat faccessat faccessat2 fchdir fchmodat "
		   "fchmodat2 fchownat fstatat64 futimesat getcwd lchown lchown32 link linkat "
		   "lstat lstat64 mkdir mkdirat mknod mknodat newfstatat open openat openat2 "
		   "readlink readlinkat rename renameat renameat2 rmdir stat stat64 statx symlink "
		   "symlinkat truncate truncate64 umask unlink unlinkat utime utimensat "
		   "utimensat_time64 utimes name_to_handle_at" },
	{ .why = "open files",
	  .names = "_llseek cachestat close close_range copy_file_range dup dup2 dup3 fadvise64 "
		   "fadvise64_64 fallocate fchmod fchown fchown32 fcntl fcntl64 fdatasync flock "
		   "fstat fstat64 fsync ftruncate ftruncate64 getdents getdents64 ioctl lseek "
		   "memfd_create memfd_secret pipe pipe2 pread64 preadv preadv2 pwrite64 pwritev "
		   "pwritev2 read readahead readv sendfile sendfile64 splice sync sync_file_range "
		   "syncfs tee vmsplice write writev" },
	{ .why = "file systems and mounts, as they are",
	  .names = "fstatfs fstatfs64 listmount statfs statfs64 statmount" },
	{ .why = "extended attributes",
	  .names = "fgetxattr flistxattr fremovexattr fsetxattr getxattr getxattrat lgetxattr "
		   "listxattr listxattrat llistxattr lremovexattr lsetxattr removexattr "
		   "removexattrat setxattr setxattrat" },
	{ .why = "waiting for files, and news of them",
	  .names = "_newselect epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait "
		   "epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 fanotify_mark "
		   "inotify_add_watch inotify_init inotify_init1 inotify_rm_watch poll ppoll "
		   "ppoll_time64 pselect6 pselect6_time64 select" },
	{ .why = "asynchronous input and output; io_uring, which would go round the filter, is "
		 "not here",
	  .names = "io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup "
		   "io_submit" },
	{ .why = "memory",
	  .names = "brk madvise map_shadow_stack membarrier mincore mlock mlock2 mlockall mmap "
		   "mmap2 mprotect mremap mseal msync munlock munlockall munmap pkey_alloc "
		   "pkey_free pkey_mprotect remap_file_pages" },
	{ .why = "processes and threads",
	  .names = "arch_prctl capget capset execve execveat exit exit_group fork get_robust_list "
		   "get_thread_area getcpu getpgid getpgrp getpid getppid getsid gettid modify_ldt "
		   "pidfd_open pidfd_send_signal prctl process_mrelease process_vm_readv "
		   "process_vm_writev ptrace restart_syscall rseq set_robust_list set_thread_area "
		   "set_tid_address setpgid setsid uretprobe vfork wait4 waitid waitpid" },
	{ .why = "locks of threads",
	  .names = "futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake" },
	{ .why = "new processes, but no namespaces",
	  .names = "clone",
	  .none_of = CAP(SYS_ADMIN),
	  .conditions = { { .argument = 0,
			    .comparison = SECCOMP_COMPARE_MASKED_EQ,
			    .mask = NAMESPACES } },
	  .condition_count = 1 },
	{ .why = "a filter cannot see its flags: the C library falls back to clone",
	  .names = "clone3",
	  .none_of = CAP(SYS_ADMIN),
	  .action = SECCOMP_RET_ERRNO | ENOSYS },
	{ .why = "signals",
	  .names = "alarm getitimer kill pause rt_sigaction rt_sigpending rt_sigprocmask "
		   "rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait "
		   "rt_sigtimedwait_time64 rt_tgsigqueueinfo setitimer sigaltstack signalfd "
		   "signalfd4 sigprocmask sigreturn tgkill tkill" },
	{ .why = "clocks, read (the adjusting calls read without a capability) and waited for",
	  .names = "adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 "
		   "clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64 "
		   "gettimeofday nanosleep time timer_create timer_delete timer_getoverrun "
		   "timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create "
		   "timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 times" },
	{ .why = "users and groups; capabilities decide",
	  .names = "getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 "
		   "getresgid getresgid32 getresuid getresuid32 getuid getuid32 setfsgid "
		   "setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setregid "
		   "setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 "
		   "setuid setuid32" },
	{ .why = "limits, priorities, scheduling",
	  .names = "getpriority getrlimit getrusage ioprio_get ioprio_set prlimit64 "
		   "sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr "
		   "sched_getparam sched_getscheduler sched_rr_get_interval "
		   "sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam "
		   "sched_setscheduler sched_yield setpriority setrlimit ugetrlimit" },
	{ .why = "messages, semaphores and memory between processes",
	  .names = "ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 "
		   "mq_timedsend mq_timedsend_time64 mq_unlink msgctl msgget msgrcv msgsnd semctl "
		   "semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget" },
	{ .why = "sockets that are there",
	  .names = "accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom "
		   "recvmmsg recvmmsg_time64 recvmsg sendmmsg sendmsg sendto setsockopt shutdown "
		   "socketcall socketpair" },
	{ .why = "new sockets, but not of the kernel's ciphers",
	  .names = "socket",
	  .action = SECCOMP_RET_ERRNO | EPERM,
	  IF(0, AF_ALG) },
	{ .why = "new sockets, but none that lead out of the virtual machine",
	  .names = "socket",
	  .when = SECCOMP_WITHOUT_VSOCK,
	  .action = SECCOMP_RET_ERRNO | EPERM,
	  IF(0, AF_VSOCK) },
	{ .why = "new sockets", .names = "socket", OTHERWISE },
	{ .why = "about the system", .names = "getrandom sysinfo uname" },
	{ .why = "restricting oneself",
	  .names = "landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp" },
	{ .why = "Linux", .names = "personality", IF(0, PER_LINUX) },
	{ .why = "Linux, 32-bit names", .names = "personality", IF(0, PER_LINUX32) },
	{ .why = "uname() says 2.6", .names = "personality", IF(0, UNAME26) },
	{ .why = "both", .names = "personality", IF(0, UNAME26 | PER_LINUX32) },
	{ .why = "asks", .names = "personality", IF(0, 0xffffffff) },

	/* What only a capability makes useful. */
	{ .why = "files by handle", .names = "open_by_handle_at", .any_of = CAP(DAC_READ_SEARCH) },
	{ .why = "administration: mounts, namespaces, names, quotas",
	  .names = "clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie "
		   "lsm_get_self_attr lsm_list_modules lsm_set_self_attr mount mount_setattr "
		   "move_mount open_tree quotactl quotactl_fd setdomainname sethostname setns "
		   "umount umount2 unshare",
	  .any_of = CAP(SYS_ADMIN) },
	{ .why = "eBPF", .names = "bpf", .any_of = CAP(SYS_ADMIN) | CAP(BPF) },
	{ .why = "performance counters",
	  .names = "perf_event_open",
	  .any_of = CAP(SYS_ADMIN) | CAP(PERFMON) },
	{ .why = "the kernel's log", .names = "syslog", .any_of = CAP(SYS_ADMIN) | CAP(SYSLOG) },
	{ .why = "the end of the machine", .names = "reboot", .any_of = CAP(SYS_BOOT) },
	{ .why = "another root", .names = "chroot", .any_of = CAP(SYS_CHROOT) },
	{ .why = "modules",
	  .names = "delete_module finit_module init_module",
	  .any_of = CAP(SYS_MODULE) },
	{ .why = "accounting", .names = "acct", .any_of = CAP(SYS_PACCT) },
	{ .why = "other processes",
	  .names = "kcmp pidfd_getfd process_madvise",
	  .any_of = CAP(SYS_PTRACE) },
	{ .why = "I/O ports", .names = "ioperm iopl", .any_of = CAP(SYS_RAWIO) },
	{ .why = "clocks, set",
	  .names = "clock_settime clock_settime64 settimeofday stime",
	  .any_of = CAP(SYS_TIME) },
	{ .why = "terminals", .names = "vhangup", .any_of = CAP(SYS_TTY_CONFIG) },
	{ .why = "where memory lies",
	  .names = "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
	  .any_of = CAP(SYS_NICE) },
};
const size_t seccomp_default_group_count = ARRAY_SIZE(seccomp_default_groups);
