/*
 * Runs a bare guest in a machine as it is, locked down, and says how it ended. No supervisor, no
 * pod: the plan is made by hand.
 *
 * usage: bare_host GUEST     what the guest says on its console, then a line "end: shutdown",
 *                            "end: never" (it was still there after two seconds, and was gone at
 *                            most one second after the supervisor's end of the socket), or another
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vmm/machine/machine.h"
#include "vmm/machine/vcpu.h"

enum {
	MEMORY_BYTES = 32 << 20,
	PATIENCE_MS = 2000,
	LONG_PATIENCE_MS = 120000,
	GRACE_MS = 1000,
};

static int open_or_exit(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0) {
		fprintf(stderr, "bare_host: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	return fd;
}

static int empty_file(void)
{
	int fd = memfd_create("empty", MFD_CLOEXEC);

	if (fd < 0) {
		perror("bare_host: memfd_create");
		exit(1);
	}
	return fd;
}

static pid_t start(const char *guest, int socket, int console)
{
	static struct plan plan;
	pid_t pid;

	plan = (struct plan){
		.cpus = 1,
		.memory_bytes = MEMORY_BYTES,
		.kvm_fd = open_or_exit("/dev/kvm", O_RDWR),
		.kernel_fd = open_or_exit(guest, O_RDONLY),
		.initramfs_fd = empty_file(),
		.files = { { -1, -1 }, { -1, -1 } },
		.console_fd = console,
		.supervisor_socket = socket,
		.vsock_listener = -1,
		.change_ids = geteuid() == 0,
	};
	pid = fork();
	if (pid == 0)
		machine_run(&plan, 1, "none", 4);
	close(plan.kvm_fd);
	close(plan.kernel_fd);
	close(plan.initramfs_fd);
	return pid;
}

static const char *end_text(const struct machine_record *record)
{
	static char text[600];

	if (record->type == MACHINE_RECORD_FAILED) {
		(void)snprintf(text, sizeof(text), "failed: %.500s", record->text);
		return text;
	}
	if (record->type == MACHINE_RECORD_EVENT)
		return "protocol error";
	switch ((enum vcpu_end)record->end.reason) {
	case VCPU_SHUTDOWN:
		return "shutdown";
	case VCPU_INTERNAL_ERROR:
		(void)snprintf(text, sizeof(text), "internal error %u", record->end.detail);
		return text;
	case VCPU_UNKNOWN_EXIT:
		(void)snprintf(text, sizeof(text), "exit %u", record->end.detail);
		return text;
	}
	return "by an unknown reason";
}

static bool print_console(int fd)
{
	char buffer[4096];
	ssize_t n = read(fd, buffer, sizeof(buffer));

	if (n > 0)
		fwrite(buffer, 1, (size_t)n, stdout);
	return n > 0;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static const char *end_of_waiting(pid_t pid, int socket)
{
	close(socket);
	for (int64_t until = now_ms() + GRACE_MS; now_ms() < until;) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return "never";
		poll(NULL, 0, 10);
	}
	kill(pid, SIGKILL);
	return "not even when the supervisor had gone";
}

static const char *watch(pid_t pid, int socket, int console, int patience_ms)
{
	struct machine_record record;
	struct pollfd fds[2] = { { .fd = socket, .events = POLLIN },
				 { .fd = console, .events = POLLIN } };
	ssize_t n;

	for (;;) {
		if (poll(fds, 2, patience_ms) == 0)
			return end_of_waiting(pid, socket);
		if (fds[1].revents && !print_console(console))
			fds[1].fd = -1;
		if (!fds[0].revents)
			continue;
		n = recv(socket, &record, sizeof(record), 0);
		if (n != (ssize_t)sizeof(record))
			return "the machine died";
		if (record.type == MACHINE_RECORD_GUEST_END ||
		    record.type == MACHINE_RECORD_FAILED ||
		    (record.type == MACHINE_RECORD_EVENT &&
		     record.event.type == MACHINE_EVENT_PROTOCOL_ERROR))
			return end_text(&record);
	}
}

int main(int argc, char **argv)
{
	int sockets[2], console[2];
	const char *end;
	pid_t pid;

	if (argc < 2 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0 ||
	    pipe2(console, O_CLOEXEC) < 0) {
		fprintf(stderr, "usage: bare_host GUEST [long]\n");
		return 1;
	}
	/* The console's end in the machine never blocks it. */
	(void)fcntl(console[1], F_SETFL, O_NONBLOCK);
	pid = start(argv[1], sockets[1], console[1]);
	close(sockets[1]);
	close(console[1]);
	end = watch(pid, sockets[0], console[0], argc > 2 ? LONG_PATIENCE_MS : PATIENCE_MS);
	while (print_console(console[0]))
		;
	printf("end: %s\n", end);
	return 0;
}
