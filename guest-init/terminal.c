/*
 * Pseudo-terminals.
 */
#include "guest-init/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"

/* Of the kernel's asm/ioctls.h, which musl's headers do not have. */
#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

int terminal_resize(int master, uint16_t rows, uint16_t columns)
{
	struct winsize size = { .ws_row = rows, .ws_col = columns };

	return ioctl(master, TIOCSWINSZ, &size);
}

int terminal_open_slave(int master)
{
	return ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

static int put_console(unsigned number, struct error *err)
{
	char slave[32];
	_cleanup_fd_ int file =
	    open("/dev/console", O_WRONLY | O_CREAT | O_EXCL | O_NOCTTY | O_CLOEXEC, 0600);

	(void)snprintf(slave, sizeof(slave), "/dev/pts/%u", number);
	if (file < 0 || mount(slave, "/dev/console", NULL, MS_BIND, NULL) < 0)
		return error_set(err, errno, "cannot make /dev/console");
	return 0;
}

int terminal_make(const struct record_app *app, bool as_console, int ends[2], struct error *err)
{
	_cleanup_fd_ int master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_fd_ int slave = -1;
	unsigned number = 0;
	int unlock = 0;

	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0 ||
	    ioctl(master, TIOCGPTN, &number) < 0)
		return error_set(err, errno, "cannot make a terminal");
	slave = terminal_open_slave(master);
	if (slave < 0 || terminal_resize(slave, app->rows, app->columns) < 0)
		return error_set(err, errno, "cannot open the terminal");
	if (as_console && put_console(number, err) < 0)
		return -1;
	ends[0] = steal_fd(&master);
	ends[1] = steal_fd(&slave);
	return 0;
}
