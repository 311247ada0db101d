/*
 * The reaper of `--init`. It runs with the app's user and capabilities, not with guest-init's: what
 * the app can reach of it is no more than the app has.
 */
#include "guest-init/reaper.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/base/io.h"

/* Faults of the reaper itself are not the app's. */
static void forwarded(sigset_t *set)
{
	sigfillset(set);
	sigdelset(set, SIGSEGV);
	sigdelset(set, SIGBUS);
	sigdelset(set, SIGILL);
	sigdelset(set, SIGFPE);
	sigdelset(set, SIGTRAP);
	sigdelset(set, SIGSYS);
}

void reaper_prepare(void)
{
	sigset_t set;

	forwarded(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
}

/* Reaps until nothing is left to reap. Ends the process when the app is among them. */
static void reap(pid_t app, int status_fd)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != app)
			continue;
		io_write_all(status_fd, &status, sizeof(status));
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	}
}

_Noreturn void reaper_run(pid_t app, int status_fd)
{
	sigset_t set;

	forwarded(&set);
	for (;;) {
		int signal = sigwaitinfo(&set, NULL);

		if (signal == SIGCHLD)
			reap(app, status_fd);
		else if (signal > 0)
			kill(app, signal);
	}
}
