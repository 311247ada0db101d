/*
 * Sockets at paths of the user's choice. A path is walked once; from then on it is the directory's
 * descriptor and a name, so that neither its length nor a renamed directory matters.
 */
#include "vmm/pod/vsock_path.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"

enum { LISTEN_BACKLOG = 16 };

static int open_directory(struct vsock_path *path, const char *text, struct error *err)
{
	const char *slash = strrchr(text, '/');
	const char *name = slash ? slash + 1 : text;
	char directory[PATH_MAX] = ".";

	if (!name[0] || !strcmp(name, ".") || !strcmp(name, ".."))
		return error_set(err, 0, "--vsock: %s is no name for a socket", text);
	if (strlen(name) > VSOCK_NAME_MAX)
		return error_set(err, 0, "--vsock: a socket's name may have %d bytes",
				 VSOCK_NAME_MAX);
	if (slash && (size_t)(name - text) >= sizeof(directory))
		return error_set(err, ENAMETOOLONG, "--vsock");
	if (slash)
		(void)snprintf(directory, sizeof(directory), "%.*s", (int)(name - text), text);
	(void)snprintf(path->name, sizeof(path->name), "%s", name);
	path->directory_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (path->directory_fd < 0)
		return error_set(err, errno, "--vsock: cannot open %s", directory);
	return 0;
}

/* The name, with a port's suffix or none, as an address. */
static void make_address(const struct vsock_path *path, const char *suffix,
			 struct sockaddr_un *address)
{
	static_assert(sizeof("/proc/self/fd/2147483647/_4294967295") + VSOCK_NAME_MAX <=
			  sizeof(address->sun_path),
		      "every name fits");
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	(void)snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/%s%s",
		       path->directory_fd, path->name, suffix);
}

static int connect_to(const struct vsock_path *path, const char *suffix)
{
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address;

	make_address(path, suffix, &address);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	return steal_fd(&fd);
}

/* Removes what a pod has left that was killed. */
static void remove_stale(const struct vsock_path *path)
{
	struct stat st;
	int fd;

	if (fstatat(path->directory_fd, path->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISSOCK(st.st_mode))
		return;
	fd = connect_to(path, "");
	if (fd >= 0)
		close(fd);
	else if (errno == ECONNREFUSED)
		(void)unlinkat(path->directory_fd, path->name, 0);
}

static int bind_and_listen(struct vsock_path *path, int fd)
{
	struct sockaddr_un address;
	struct stat st;

	make_address(path, "", &address);
	/* A socket of Linux has the mode of the file that it is bound to. */
	if (fchmod(fd, 0600) < 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	if (fstatat(path->directory_fd, path->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	path->device = st.st_dev;
	path->inode = st.st_ino;
	return listen(fd, LISTEN_BACKLOG);
}

int vsock_path_listen(struct vsock_path *path, const char *text, struct error *err)
{
	_cleanup_fd_ int fd = -1;

	*path = VSOCK_PATH_NONE;
	if (open_directory(path, text, err) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set(err, errno, "--vsock: cannot make a socket");
	remove_stale(path);
	if (bind_and_listen(path, fd) == 0)
		return steal_fd(&fd);
	if (errno == EADDRINUSE)
		return error_set(
		    err, 0, "--vsock: there is a %s already, and not a socket that is left over",
		    text);
	return error_set(err, errno, "--vsock: cannot listen on %s", text);
}

int vsock_path_dial(const struct vsock_path *path, uint32_t port)
{
	char suffix[16];

	if (path->directory_fd < 0)
		return -1;
	(void)snprintf(suffix, sizeof(suffix), "_%u", port);
	return connect_to(path, suffix);
}

void vsock_path_remove(struct vsock_path *path)
{
	struct stat st;

	if (path->directory_fd < 0)
		return;
	if (fstatat(path->directory_fd, path->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_dev == path->device && st.st_ino == path->inode)
		(void)unlinkat(path->directory_fd, path->name, 0);
	close(path->directory_fd);
	path->directory_fd = -1;
}
