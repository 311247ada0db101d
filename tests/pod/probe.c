/*
 * What a process of an app sees of itself, as text: one fact a line, its name first. Static, so
 * that it runs in any image.
 *
 *	probe [label:TEXT] FACT...      ids, capabilities, privileges, limits, oom, cgroup,
 *	                                namespaces, mounts, environment, directory, descriptors
 *	probe [label:TEXT] call:NAME... makes a system call with arguments that do no harm, and
 *	                                says how that went: "NAME allowed" or "NAME E..."
 *	probe threads:N                 N threads take turns at one lock and change one address
 *	                                space, until each CPU of N has been seen up
 *	probe steps:N                   makes a single step on each CPU of N
 *	probe exit:N                    ends with this status
 */
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define TRAP_FLAG     0x100
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

extern char **environ;

static const char *label = "";

static void print_ids(void)
{
	gid_t groups[64];
	uid_t uid[3];
	gid_t gid[3];
	int count = getgroups(64, groups);

	(void)getresuid(&uid[0], &uid[1], &uid[2]);
	(void)getresgid(&gid[0], &gid[1], &gid[2]);
	printf("%suid %u %u %u\n", label, uid[0], uid[1], uid[2]);
	printf("%sgid %u %u %u\n", label, gid[0], gid[1], gid[2]);
	printf("%sgroups", label);
	for (int i = 0; i < count; i++)
		printf(" %u", groups[i]);
	printf("\n");
}

/* Lines of a file of /proc that begin with a prefix, or all of them. */
static void print_lines(const char *path, const char *prefix)
{
	char line[4096];
	FILE *file = fopen(path, "re");

	if (!file) {
		printf("%s%s %s\n", label, path, strerrorname_np(errno));
		return;
	}
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, prefix, strlen(prefix)) == 0)
			printf("%s%s", label, line);
	}
	(void)fclose(file);
}

static void print_capabilities(void)
{
	print_lines("/proc/self/status", "Cap");
}

static void print_privileges(void)
{
	printf("%sno_new_privs %d\n", label, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	print_lines("/proc/self/status", "Seccomp:");
	print_lines("/proc/self/status", "Seccomp_filters:");
	printf("%sdumpable %d\n", label, prctl(PR_GET_DUMPABLE));
	printf("%skeepcaps %d\n", label, prctl(PR_GET_KEEPCAPS));
}

static void print_limit(const char *name, __rlimit_resource_t resource)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) == 0)
		printf("%slimit %s %jd %jd\n", label, name, (intmax_t)limit.rlim_cur,
		       (intmax_t)limit.rlim_max);
}

static void print_limits(void)
{
	print_limit("core", RLIMIT_CORE);
	print_limit("cpu", RLIMIT_CPU);
	print_limit("fsize", RLIMIT_FSIZE);
	print_limit("nofile", RLIMIT_NOFILE);
	print_limit("nproc", RLIMIT_NPROC);
	print_limit("stack", RLIMIT_STACK);
	print_limit("memlock", RLIMIT_MEMLOCK);
}

static void print_oom(void)
{
	printf("%soom_score_adj ", label);
	label = "";
	print_lines("/proc/self/oom_score_adj", "");
}

static void print_cgroup_file(const char *name)
{
	char path[256];
	const char *before = label;

	(void)snprintf(path, sizeof(path), "/sys/fs/cgroup/%s", name);
	printf("%s%s ", label, name);
	label = "";
	print_lines(path, "");
	label = before;
}

static void print_cgroup(void)
{
	print_cgroup_file("memory.max");
	print_cgroup_file("cpu.max");
	print_cgroup_file("cpu.weight");
	print_cgroup_file("pids.max");
	print_lines("/proc/self/cgroup", "");
}

static void print_namespaces(void)
{
	static const char *const kinds[] = { "cgroup", "ipc", "mnt", "net", "pid", "user", "uts" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		char path[64], target[128];
		ssize_t n;

		(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[i]);
		n = readlink(path, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		printf("%snamespace %s\n", label, target);
	}
}

static void print_mounts(void)
{
	print_lines("/proc/self/mountinfo", "");
}

static void print_environment(void)
{
	for (char **variable = environ; *variable; variable++)
		printf("%senv %s\n", label, *variable);
}

static void print_directory(void)
{
	char path[PATH_MAX];

	printf("%sdirectory %s\n", label, getcwd(path, sizeof(path)) ? path : "?");
}

static void print_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	struct dirent *entry;

	while (directory && (entry = readdir(directory))) {
		char target[PATH_MAX];
		ssize_t n = readlinkat(dirfd(directory), entry->d_name, target, sizeof(target) - 1);

		if (n < 0 || atoi(entry->d_name) == dirfd(directory))
			continue;
		target[n] = '\0';
		printf("%sdescriptor %s %s\n", label, entry->d_name, target);
	}
	if (directory)
		(void)closedir(directory);
}

static const struct {
	const char *name;
	void (*print)(void);
} facts[] = {
	{ "ids", print_ids },
	{ "capabilities", print_capabilities },
	{ "privileges", print_privileges },
	{ "limits", print_limits },
	{ "oom", print_oom },
	{ "cgroup", print_cgroup },
	{ "namespaces", print_namespaces },
	{ "mounts", print_mounts },
	{ "environment", print_environment },
	{ "directory", print_directory },
	{ "descriptors", print_descriptors },
};

static char buffer[4096];

/* Arguments with which an allowed call fails in a way of its own, or does nothing. */
static const struct {
	const char *name;
	long number;
	long arguments[4];
} calls[] = {
	{ "stat", SYS_stat, { (long)"/", (long)buffer } },
	{ "getppid", SYS_getppid, { 0 } },
	{ "chroot", SYS_chroot, { (long)"/" } },
	{ "mount", SYS_mount, { 0 } },
	{ "reboot", SYS_reboot, { 0 } },
	{ "unshare", SYS_unshare, { 0 } },
	{ "unshare-user", SYS_unshare, { CLONE_NEWUSER } },
	{ "clone-user", SYS_clone, { CLONE_NEWUSER | CLONE_FS } },
	{ "clone3", SYS_clone3, { 0 } },
	{ "keyctl", SYS_keyctl, { 0 } },
	{ "bpf", SYS_bpf, { 0 } },
	{ "ptrace", SYS_ptrace, { 16, 1 } }, /* PTRACE_ATTACH of process 1 */
	{ "io_uring", SYS_io_uring_setup, { 0 } },
	{ "socket-unix", SYS_socket, { AF_UNIX, SOCK_STREAM } },
	{ "socket-vsock", SYS_socket, { AF_VSOCK, SOCK_STREAM } },
	{ "socket-alg", SYS_socket, { AF_ALG, SOCK_SEQPACKET } },
	{ "personality", SYS_personality, { 0x0040000 } }, /* ADDR_NO_RANDOMIZE */
	{ "unknown", 2000, { 0 } },
};

static bool make_call(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		const long *a = calls[i].arguments;

		if (strcmp(calls[i].name, name) != 0)
			continue;
		if (syscall(calls[i].number, a[0], a[1], a[2], a[3]) < 0)
			printf("%s%s %s\n", label, name, strerrorname_np(errno));
		else
			printf("%s%s allowed\n", label, name);
		return true;
	}
	return false;
}

static bool print_fact(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		const char *before = label;

		if (strcmp(facts[i].name, name) != 0)
			continue;
		facts[i].print();
		label = before;
		return true;
	}
	return false;
}

enum { THREADS_MAX = 32, TURNS = 100 };

static pthread_mutex_t turn_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long turns;

static void *take_turns(void *unused)
{
	for (int i = 0; i < TURNS; i++) {
		char *page =
		    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (page == MAP_FAILED)
			return unused;
		page[0] = 1;
		(void)munmap(page, 4096);
		(void)pthread_mutex_lock(&turn_lock);
		turns++;
		(void)pthread_mutex_unlock(&turn_lock);
	}
	return NULL;
}

/* The head of /proc/interrupts has a column for each CPU that is up, and waits for none. */
static unsigned columns(void)
{
	unsigned count = 0;
	char line[4096];
	FILE *file = fopen("/proc/interrupts", "re");

	if (!file || !fgets(line, sizeof(line), file))
		return 0;
	for (const char *at = line; (at = strstr(at, "CPU")); at++)
		count++;
	(void)fclose(file);
	return count;
}

static bool run_threads(unsigned count)
{
	pthread_t threads[THREADS_MAX];

	for (unsigned i = 0; i < count && i < THREADS_MAX; i++) {
		if (pthread_create(&threads[i], NULL, take_turns, NULL))
			return false;
	}
	for (unsigned i = 0; i < count && i < THREADS_MAX; i++)
		(void)pthread_join(threads[i], NULL);
	while (columns() < count)
		(void)usleep(1000);
	printf("%sthreads %u turns %lu\n", label, columns(), turns);
	return true;
}

static volatile sig_atomic_t steps;

/* On the processor's debug trap, which the kernel takes on a stack of its own for each CPU. */
static void on_step(int signal, siginfo_t *info, void *context)
{
	ucontext_t *interrupted = context;

	(void)signal;
	(void)info;
	interrupted->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
	steps++;
}

static bool make_steps(unsigned cpus)
{
	struct sigaction action = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };

	if (sigaction(SIGTRAP, &action, NULL) < 0)
		return false;
	for (unsigned i = 0; i < cpus; i++) {
		cpu_set_t one;

		CPU_ZERO(&one);
		CPU_SET(i, &one);
		if (sched_setaffinity(0, sizeof(one), &one) < 0)
			return false;
		__asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
				 "pushfq\n\t"
				 "orq %0, (%%rsp)\n\t"
				 "popfq\n\t"
				 "nop\n\t"
				 "lea 128(%%rsp), %%rsp"
				 :
				 : "i"(TRAP_FLAG)
				 : "cc", "memory");
	}
	printf("%ssteps %d\n", label, (int)steps);
	return true;
}

int main(int argc, char **argv)
{
	static char labels[256];

	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "label:", 6) == 0) {
			(void)snprintf(labels, sizeof(labels), "%s ", argv[i] + 6);
			label = labels;
		} else if (strncmp(argv[i], "exit:", 5) == 0) {
			(void)fflush(stdout);
			_exit(atoi(argv[i] + 5));
		} else if (strncmp(argv[i], "threads:", 8) == 0) {
			if (!run_threads((unsigned)atoi(argv[i] + 8)))
				return 1;
		} else if (strncmp(argv[i], "steps:", 6) == 0) {
			if (!make_steps((unsigned)atoi(argv[i] + 6)))
				return 1;
		} else if (strncmp(argv[i], "call:", 5) == 0 ? !make_call(argv[i] + 5)
							     : !print_fact(argv[i])) {
			(void)fprintf(stderr, "probe: %s is not known\n", argv[i]);
			return 2;
		}
		(void)fflush(stdout);
	}
	return 0;
}
