/*
 * Runs a program under ptrace and does one thing to its system calls.
 *
 *     fault_at WHAT FROM TO CALLS PROGRAM ARG...
 *
 * The calls of the program's first process (of all of them for `short`) whose names are in CALLS,
 * separated by commas (of openat those that would write), or all for "all", are counted from 1;
 * those from FROM to TO are hit:
 *
 *     count        nothing; the count is printed as the last line of standard output
 *     kill         the process is killed instead of making the call
 *     stop         the process stops after the call (SIGSTOP), and fault_at ends with status 99
 *                  once a line can be read from descriptor 3; then the process is killed
 *     short        reads and writes take at most one byte at a time
 *     NUMBER       the call is not made, and fails with this errno
 *
 * Ends as the program does; 128 and the signal's number if one ended it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES_MAX = 64, CALLS_MAX = 64 };

static const struct {
	const char *name;
	long number;
} names[] = {
	{ "read", SYS_read },		{ "write", SYS_write },
	{ "pread64", SYS_pread64 },	{ "pwrite64", SYS_pwrite64 },
	{ "openat", SYS_openat },	{ "fsync", SYS_fsync },
	{ "fdatasync", SYS_fdatasync }, { "syncfs", SYS_syncfs },
	{ "fallocate", SYS_fallocate }, { "ftruncate", SYS_ftruncate },
	{ "linkat", SYS_linkat },	{ "renameat", SYS_renameat },
	{ "renameat2", SYS_renameat2 }, { "unlinkat", SYS_unlinkat },
	{ "mkdirat", SYS_mkdirat },	{ "mkdir", SYS_mkdir },
	{ "fchmod", SYS_fchmod },	{ "flock", SYS_flock },
	{ "fcntl", SYS_fcntl },		{ "wait4", SYS_wait4 },
	{ "recvmsg", SYS_recvmsg },	{ "sendmsg", SYS_sendmsg },
	{ "sendto", SYS_sendto },	{ "recvfrom", SYS_recvfrom },
	{ "poll", SYS_poll },		{ "copy_file_range", SYS_copy_file_range },
	{ "sendfile", SYS_sendfile },	{ "splice", SYS_splice },
};

struct plan {
	const char *what;
	long from, to;
	bool all;
	long calls[CALLS_MAX];
	size_t call_count;
};

struct process {
	pid_t pid;
	bool in_call;
	long fail_with; /* at the end of the call at hand; 0: nothing */
	bool stop_after;
};

static struct process processes[PROCESSES_MAX];
static long counted;

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(98);
}

static struct process *find(pid_t pid)
{
	for (size_t i = 0; i < PROCESSES_MAX; i++) {
		if (processes[i].pid == pid)
			return &processes[i];
	}
	for (size_t i = 0; i < PROCESSES_MAX; i++) {
		if (!processes[i].pid) {
			processes[i] = (struct process){ .pid = pid };
			return &processes[i];
		}
	}
	die("too many processes");
}

static bool is_counted(const struct plan *plan, const struct user_regs_struct *regs)
{
	long number = (long)regs->orig_rax;

	if (number == SYS_openat && !(regs->rdx & (O_ACCMODE | O_CREAT)))
		return plan->all;
	for (size_t i = 0; i < plan->call_count; i++) {
		if (plan->calls[i] == number)
			return true;
	}
	return plan->all;
}

static void shorten(struct process *process, struct user_regs_struct *regs)
{
	bool is_io = regs->orig_rax == SYS_read || regs->orig_rax == SYS_write ||
		     regs->orig_rax == SYS_pread64 || regs->orig_rax == SYS_pwrite64;

	if (is_io && regs->rdx > 1) {
		regs->rdx = regs->rdx > 64 ? regs->rdx / 2 + 1 : 1;
		if (ptrace(PTRACE_SETREGS, process->pid, 0, regs) < 0)
			die("PTRACE_SETREGS");
	}
}

static void enter(const struct plan *plan, struct process *process, struct user_regs_struct *regs)
{
	if (!is_counted(plan, regs))
		return;
	counted++;
	if (!strcmp(plan->what, "count") || counted < plan->from || counted > plan->to)
		return;
	if (!strcmp(plan->what, "kill")) {
		(void)kill(process->pid, SIGKILL);
	} else if (!strcmp(plan->what, "stop")) {
		process->stop_after = true;
	} else if (!strcmp(plan->what, "short")) {
		shorten(process, regs);
	} else {
		process->fail_with = strtol(plan->what, NULL, 10);
		regs->orig_rax = (unsigned long long)-1;
		if (ptrace(PTRACE_SETREGS, process->pid, 0, regs) < 0)
			die("PTRACE_SETREGS");
	}
}

static void leave(struct process *process, struct user_regs_struct *regs)
{
	char line[64];

	if (process->fail_with) {
		regs->rax = (unsigned long long)-process->fail_with;
		process->fail_with = 0;
		if (ptrace(PTRACE_SETREGS, process->pid, 0, regs) < 0)
			die("PTRACE_SETREGS");
	}
	if (process->stop_after) {
		(void)printf("stopped\n");
		(void)fflush(stdout);
		(void)!read(3, line, sizeof(line));
		(void)kill(process->pid, SIGKILL);
		exit(99);
	}
}

/* At a stop for a system call, which alternate between the beginning and the end of one. */
static void at_call(const struct plan *plan, struct process *process)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, process->pid, 0, &regs) < 0)
		return; /* killed meanwhile */
	process->in_call = !process->in_call;
	if (process->in_call)
		enter(plan, process, &regs);
	else
		leave(process, &regs);
}

static int watch(const struct plan *plan, pid_t first)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		struct process *process = find(pid);
		int signal_number = 0;

		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			process->pid = 0;
			if (pid == first)
				return WIFEXITED(status) ? WEXITSTATUS(status)
							 : 128 + WTERMSIG(status);
			continue;
		}
		if (WSTOPSIG(status) == (SIGTRAP | 0x80))
			at_call(plan, process);
		else if (WSTOPSIG(status) != SIGSTOP && status >> 16 == 0)
			signal_number = WSTOPSIG(status);
		(void)ptrace(PTRACE_SYSCALL, pid, 0, signal_number);
	}
	die("waitpid");
}

static void parse_calls(struct plan *plan, char *text)
{
	plan->all = !strcmp(text, "all");
	for (char *name = strtok(text, ","); name && !plan->all; name = strtok(NULL, ",")) {
		size_t i = 0;

		while (i < sizeof(names) / sizeof(names[0]) && strcmp(names[i].name, name))
			i++;
		if (i == sizeof(names) / sizeof(names[0]) || plan->call_count == CALLS_MAX) {
			(void)fprintf(stderr, "fault_at: unknown call %s\n", name);
			exit(98);
		}
		plan->calls[plan->call_count++] = names[i].number;
	}
}

int main(int argc, char **argv)
{
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC;
	struct plan plan = { 0 };
	pid_t pid;
	int status;

	if (argc < 6)
		return 98;
	plan.what = argv[1];
	plan.from = strtol(argv[2], NULL, 10);
	plan.to = strtol(argv[3], NULL, 10);
	parse_calls(&plan, argv[4]);
	if (!strcmp(plan.what, "short"))
		options |= PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE;
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		(void)close(3);
		if (ptrace(PTRACE_TRACEME, 0, 0, 0) < 0)
			die("PTRACE_TRACEME");
		(void)raise(SIGSTOP);
		(void)execv(argv[5], argv + 5);
		die(argv[5]);
	}
	if (waitpid(pid, &status, 0) < 0 || ptrace(PTRACE_SETOPTIONS, pid, 0, options) < 0 ||
	    ptrace(PTRACE_SYSCALL, pid, 0, 0) < 0)
		die("ptrace");
	(void)find(pid);
	status = watch(&plan, pid);
	if (!strcmp(plan.what, "count"))
		(void)printf("%ld\n", counted);
	return status;
}
