/*
 * Mounts directories through our 9p server with Linux's own client, over a socket pair (trans=fd),
 * and runs a command with them. Wants root and the modules 9p and 9pnet_fd.
 *
 * usage: p9_mount OPTIONS MOUNT-POINT NAME=DIR[:ro]... -- COMMAND [ARG...]
 *
 * OPTIONS are mount options of the client (cache=mmap,...); the mount point shows the synthetic
 * root. Ends with the command's exit status, 125 if there is no mount.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include "virtio/p9_server.h"

enum { STATUS_NO_MOUNT = 125 };

static void fail(const char *what)
{
	(void)fprintf(stderr, "p9_mount: %s: %s\n", what, strerror(errno));
	exit(STATUS_NO_MOUNT);
}

/* NAME=DIR[:ro] */
static struct p9_share_config parse_share(char *text)
{
	struct p9_share_config share = { .name = text };
	char *dir = strchr(text, '='), *mode;

	if (!dir)
		fail(text);
	*dir++ = '\0';
	mode = strrchr(dir, ':');
	if (mode && !strcmp(mode, ":ro")) {
		*mode = '\0';
		share.read_only = true;
	}
	share.fd = open(dir, O_PATH | O_CLOEXEC);
	if (share.fd < 0)
		fail(dir);
	return share;
}

static pid_t start_server(const struct p9_server_config *config, int socket, int other)
{
	pid_t pid = fork();
	struct error err = ERROR_NONE;
	struct p9_server *server;

	if (pid != 0)
		return pid;
	close(other);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (p9_server_enter_process(p9_server_prepare_process(&err), &err) < 0 ||
	    !(server = p9_server_new(config, &err)) ||
	    p9_server_run_stream(server, socket, socket, &err) < 0) {
		(void)fprintf(stderr, "p9_mount: %s\n", err.text);
		_exit(1);
	}
	p9_server_free(server);
	_exit(0);
}

int main(int argc, char **argv)
{
	static struct p9_share_config shares[P9_SHARES_MAX];
	struct p9_server_config config = { .shares = shares };
	int at = 3, sockets[2], status, served;
	pid_t server, command;
	char options[512];

	if (argc < 6)
		fail("usage: p9_mount OPTIONS MOUNT-POINT NAME=DIR[:ro]... -- COMMAND [ARG...]");
	for (; at < argc && strcmp(argv[at], "--"); at++)
		shares[config.share_count++] = parse_share(argv[at]);
	if (at + 1 >= argc)
		fail("no command");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
		fail("socketpair");
	server = start_server(&config, sockets[1], sockets[0]);
	close(sockets[1]);
	(void)snprintf(options, sizeof(options),
		       "trans=fd,rfdno=%d,wfdno=%d,version=9p2000.L,msize=512000,%s", sockets[0],
		       sockets[0], argv[1]);
	if (mount("p9", argv[2], "9p", 0, options) < 0)
		fail("mount");
	command = fork();
	if (command == 0) {
		execvp(argv[at + 1], argv + at + 1);
		fail(argv[at + 1]);
	}
	if (command < 0 || waitpid(command, &status, 0) < 0)
		fail("wait");
	if (umount2(argv[2], 0) < 0)
		fail("umount");
	close(sockets[0]);
	if (waitpid(server, &served, 0) < 0 || served != 0)
		fail("the server did not end well");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
