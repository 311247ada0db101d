/*
 * The user's terminal. The saved modes are global state, since signal handlers need them.
 */
#include "vmm/pod/terminal.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "vmm/base/bytes.h"

static const int fault_signals[] = { SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS };

static struct termios saved, raw;
static volatile sig_atomic_t raw_fd = -1;

bool terminal_size(int fd, uint16_t *rows, uint16_t *columns)
{
	struct winsize size = { 0 };

	if (!isatty(fd))
		return false;
	(void)ioctl(fd, TIOCGWINSZ, &size);
	*rows = size.ws_row ? size.ws_row : 24;
	*columns = size.ws_col ? size.ws_col : 80;
	return true;
}

static void on_fault(int signal_number)
{
	terminal_restore();
	/* SA_RESETHAND has put the default action back. */
	(void)raise(signal_number);
}

int terminal_make_raw(int fd, struct error *err)
{
	struct sigaction action = { .sa_handler = on_fault, .sa_flags = (int)SA_RESETHAND };

	if (tcgetattr(fd, &saved) < 0)
		return error_set(err, errno, "cannot read the modes of the terminal");
	raw = saved;
	cfmakeraw(&raw);
	for (size_t i = 0; i < ARRAY_SIZE(fault_signals); i++)
		(void)sigaction(fault_signals[i], &action, NULL);
	raw_fd = fd;
	if (tcsetattr(fd, TCSADRAIN, &raw) < 0)
		return error_set(err, errno, "cannot put the terminal into raw mode");
	return 0;
}

void terminal_resume(void)
{
	if (raw_fd >= 0)
		(void)tcsetattr(raw_fd, TCSADRAIN, &raw);
}

void terminal_restore(void)
{
	int fd = raw_fd;

	if (fd < 0)
		return;
	raw_fd = -1;
	(void)tcsetattr(fd, TCSADRAIN, &saved);
}
