/*
 * Which signals the supervisor takes by descriptor, and what becomes of them in a new role.
 */
#include "vmm/pod/signals.h"

#include <stddef.h>
#include <sys/prctl.h>

#include "vmm/base/bytes.h"

/* Signals that reach the app. SIGWINCH goes as a window size if the app has a terminal. */
static const int forwarded[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH };

bool signals_is_end(int number)
{
	return number == SIGINT || number == SIGTERM || number == SIGHUP || number == SIGQUIT;
}

void signals_fill(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++)
		sigaddset(set, forwarded[i]);
	sigaddset(set, SIGCHLD);
	sigaddset(set, SIGCONT);
}

void signals_block(void)
{
	sigset_t set;

	signals_fill(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

int signals_pending_end(void)
{
	sigset_t pending;

	if (sigpending(&pending) < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++)
		if (signals_is_end(forwarded[i]) && sigismember(&pending, forwarded[i]))
			return forwarded[i];
	return 0;
}

/*
 * In a new role: the terminal's signals are the supervisor's affair. They are ignored rather than
 * blocked, so that none is pending; job control still stops the whole pod.
 */
void signals_become_role(const char *name)
{
	sigset_t none;

	for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++)
		(void)signal(forwarded[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	(void)prctl(PR_SET_NAME, name);
}
