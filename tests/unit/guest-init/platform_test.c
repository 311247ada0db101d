/*
 * The platform of a guest-init that runs in namespaces of the test's host: unix sockets in place of
 * vsock, directories in place of 9p and of an image. harness.c lays out what is used here.
 */
#include "guest-init/platform.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"

int platform_connect_from(int socket, uint32_t port, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/ports/%u", port);
	if (connect(socket, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return error_set(err, errno, "cannot connect to %s", address.sun_path);
	return 0;
}

int platform_connect(uint32_t port, struct error *err)
{
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return error_set(err, errno, "cannot make a socket");
	if (platform_connect_from(fd, port, err) < 0)
		return -1;
	return steal_fd(&fd);
}

/* The socket's name, which the harness sees when it accepts, has the port. */
int platform_reserve(uint32_t *guest_port, struct error *err)
{
	static uint32_t last;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	*guest_port = ++last;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/ports/guest-%u", last);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return error_set(err, errno, "cannot bind %s", address.sun_path);
	return steal_fd(&fd);
}

int platform_mount_shares(const char *tag, const char *on, const char *cache, struct error *err)
{
	(void)tag;
	(void)cache;
	if (mount("/shares-source", on, NULL, MS_BIND, NULL) < 0 ||
	    mount(NULL, on, NULL, MS_REMOUNT | MS_BIND | MS_NODEV, NULL) < 0)
		return error_set(err, errno, "cannot mount the shares");
	return 0;
}

int platform_mount_image(const char *device, const char *on, struct error *err)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/shares-source/%s", device);
	if (mount(path, on, NULL, MS_BIND, NULL) < 0)
		return error_set(err, errno, "cannot mount %s", path);
	return 0;
}

int platform_mount_disk(const char *device, const char *on, bool read_only, struct error *err)
{
	(void)read_only;
	return platform_mount_image(device, on, err);
}

/* The test's host keeps its own time. */
int platform_host_time(int64_t *ns)
{
	(void)ns;
	return -1;
}

void platform_late_devices(void)
{
}

int platform_trace_enable(bool enable)
{
	(void)enable;
	return 0;
}

void platform_trace(enum trace_stage stage)
{
	(void)stage;
}

void platform_trace_before(enum trace_stage stage, uint32_t before_us)
{
	(void)stage;
	(void)before_us;
}

_Noreturn void platform_die(void)
{
	_exit(99);
}
