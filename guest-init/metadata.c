/*
 * The pod's metadata service, from PID 1's side.
 */
#include "guest-init/metadata.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest-init/log.h"
#include "guest-init/platform.h"
#include "guest-init/metadata_protocol.h"
#include "guest-init/system.h"
#include "vmm/base/cleanup.h"

/* Both are kept as long as PID 1 lives: the port is nobody else's, whatever becomes of the service.
 */
static pid_t service;
static int port = -1;

static int listen_on_loopback(struct error *err)
{
	const struct sockaddr_in address = { .sin_family = AF_INET,
					     .sin_port = htons(METADATA_PORT),
					     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, SOMAXCONN) < 0)
		return error_set(err, errno, "cannot listen for the metadata service");
	return steal_fd(&fd);
}

/* Opens a file of the initramfs that nobody else is to find. */
static int take_file(const char *path, struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || unlink(path) < 0)
		return error_set(err, errno, "cannot take %s", path);
	return fd;
}

/* Its memory is of a fixed size: when an app takes too much, it is not the one to go. */
static int spare_me(void)
{
	_cleanup_fd_ int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, "-1000", 5) == 5 ? 0 : -1;
}

static _Noreturn void become(int program, int listener, int data, int ready)
{
	enum { HIGH_FD = 16 };
	const int from[] = { listener, data, ready };
	static const int to[] = { METADATA_FD_LISTENER, METADATA_FD_DATA, METADATA_FD_READY };
	static const char *const argv[] = { METADATA_PROGRAM_PATH, NULL }, *const none[] = { NULL };
	int high[3];

	platform_trace_enable(false);
	if (spare_me() < 0)
		_exit(EXIT_FAILURE);
	for (int i = 0; i < 3; i++)
		high[i] = fcntl(from[i], F_DUPFD_CLOEXEC, HIGH_FD);
	program = fcntl(program, F_DUPFD_CLOEXEC, HIGH_FD);
	for (int i = 0; i < 3; i++)
		if (high[i] < 0 || dup2(high[i], to[i]) < 0)
			_exit(EXIT_FAILURE);
	syscall(SYS_close_range, METADATA_FD_READY + 1U, ~0U, CLOSE_RANGE_CLOEXEC);
	syscall(SYS_execveat, program, "", argv, none, AT_EMPTY_PATH);
	_exit(EXIT_FAILURE);
}

int metadata_start(struct error *err)
{
	_cleanup_fd_ int program = take_file(METADATA_PROGRAM_PATH, err);
	_cleanup_fd_ int data = program < 0 ? -1 : take_file(METADATA_PATH, err);
	_cleanup_fd_ int listener = data < 0 ? -1 : listen_on_loopback(err);
	_cleanup_fd_ int ready = -1;
	int ends[2];
	ssize_t n;
	pid_t pid;
	char byte;

	if (listener < 0 || system_proc(err) < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, errno, "cannot make a pipe");
	ready = ends[0];
	pid = fork();
	if (pid == 0)
		become(program, listener, data, ends[1]);
	close(ends[1]);
	if (pid < 0)
		return error_set(err, errno, "cannot make a process for the metadata service");
	do
		n = read(ready, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		return error_set(err, 0, "the metadata service did not start");
	service = pid;
	port = steal_fd(&listener);
	return 0;
}

void metadata_reap(pid_t pid, int wait_status)
{
	bool killed = WIFSIGNALED(wait_status);
	char text[64];

	if (!service || pid != service)
		return;
	service = 0;
	/* Who asks is refused at once; the port stays taken. */
	shutdown(port, SHUT_RD);
	(void)snprintf(text, sizeof(text), "the metadata service has ended, by %s %d",
		       killed ? "signal" : "itself with",
		       killed ? WTERMSIG(wait_status) : WEXITSTATUS(wait_status));
	log_error(text);
}
