/*
 * The real machine: vsock to the host, 9p over virtio, block devices, the trace port.
 */
#include "guest-init/platform.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "guest-init/mount_api.h"
#include "vmm/base/cleanup.h"

/* The kernel's own limit, 2 s, is short for a slow host under load. */
enum { CONNECT_TIMEOUT_S = 30 };

static int make_socket(struct error *err)
{
	struct timeval timeout = { .tv_sec = CONNECT_TIMEOUT_S };
	_cleanup_fd_ int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return error_set(err, errno, "cannot make a vsock socket");
	if (setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &timeout, sizeof(timeout)) < 0)
		return error_set(err, errno, "cannot set the time limit of a vsock connection");
	return steal_fd(&fd);
}

int platform_connect_from(int socket, uint32_t port, struct error *err)
{
	struct sockaddr_vm address = { .svm_family = AF_VSOCK,
				       .svm_cid = VMADDR_CID_HOST,
				       .svm_port = port };

	if (connect(socket, (const struct sockaddr *)&address, sizeof(address)) < 0 &&
	    errno != EINPROGRESS)
		return error_set(err, errno, "cannot connect to port %u of the host", port);
	return 0;
}

int platform_connect(uint32_t port, struct error *err)
{
	_cleanup_fd_ int fd = make_socket(err);

	if (fd < 0 || platform_connect_from(fd, port, err) < 0)
		return -1;
	return steal_fd(&fd);
}

int platform_reserve(uint32_t *guest_port, struct error *err)
{
	struct sockaddr_vm address = { .svm_family = AF_VSOCK,
				       .svm_cid = VMADDR_CID_ANY,
				       .svm_port = VMADDR_PORT_ANY };
	socklen_t len = sizeof(address);
	_cleanup_fd_ int fd = make_socket(err);

	if (fd < 0)
		return -1;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return error_set(err, errno, "cannot get a vsock port");
	*guest_port = address.svm_port;
	return steal_fd(&fd);
}

/*
 * access=client with posixacl: owners, modes and ACLs are judged here, and each user has a fid of
 * its own, so that what it creates is its own. cache=mmap is the least caching that has shared
 * writable mappings; loose is for trees that nobody changes. msize is the transport's maximum.
 * A lock that is held is asked for again after one second, not after the client's 30.
 */
int platform_mount_shares(const char *tag, const char *on, const char *cache, struct error *err)
{
	char options[160];

	(void)snprintf(options, sizeof(options),
		       "trans=virtio,version=9p2000.L,msize=512000,access=client,posixacl,"
		       "locktimeout=1,cache=%s",
		       cache);
	if (mount(tag, on, "9p", MS_NODEV, options) < 0)
		return error_set(err, errno, "cannot mount the shares");
	return 0;
}

int platform_mount_image(const char *device, const char *on, struct error *err)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/dev/%s", device);
	if (mount(path, on, "erofs", MS_RDONLY | MS_NODEV, NULL) < 0)
		return error_set(err, errno, "cannot mount the image on %s", path);
	return 0;
}

int platform_mount_disk(const char *device, const char *on, bool read_only, struct error *err)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/dev/%s", device);
	if (mount(path, on, "ext4", MS_NODEV | MS_NOATIME | (read_only ? MS_RDONLY : 0), NULL) < 0)
		return error_set(err, errno, "cannot mount the disk %s", path);
	return 0;
}

/* PTP_KVM: a clock device whose reading is a hypercall. The number is that of clock_getres(2). */
int platform_host_time(int64_t *ns)
{
	static int fd = -1;
	struct timespec now;

	if (fd < 0)
		fd = open("/dev/ptp0", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || clock_gettime((clockid_t)((~(unsigned)fd << 3) | 3), &now) < 0)
		return -1;
	*ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	return 0;
}

static bool put(int dir, const char *path, const char *text)
{
	_cleanup_fd_ int fd = openat(dir, path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) > 0;
}

/*
 * Their names are the address and what the device tree calls them. The driver takes one that is
 * compatible with nothing that it knows if it is told to; a kernel without it has no late devices.
 */
void platform_late_devices(void)
{
	_cleanup_fd_ int sysfs = mount_new_sysfs();
	int fd = openat(sysfs, "bus/platform/devices", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	bool was_read_only;
	struct statvfs st;
	char path[512];

	was_read_only = fstatvfs(sysfs, &st) == 0 && (st.f_flag & ST_RDONLY);
	if (was_read_only)
		(void)mount_sysfs_writable(sysfs, true);
	while (dir && (entry = readdir(dir))) {
		const char *name = strchr(entry->d_name, '.');

		if (!name || strcmp(name + 1, NACELLE_LATE_DEVICE) != 0)
			continue;
		(void)snprintf(path, sizeof(path), "bus/platform/devices/%s/driver_override",
			       entry->d_name);
		if (put(sysfs, path, "virtio-mmio"))
			(void)put(sysfs, "bus/platform/drivers/virtio-mmio/bind", entry->d_name);
	}
	if (was_read_only)
		(void)mount_sysfs_writable(sysfs, false);
	if (dir)
		closedir(dir);
}

int platform_trace_enable(bool enable)
{
	return ioperm(NACELLE_TRACE_PORT, sizeof(uint32_t), enable);
}

void platform_trace(enum trace_stage stage)
{
	outb((unsigned char)stage, NACELLE_TRACE_PORT);
}

void platform_trace_before(enum trace_stage stage, uint32_t before_us)
{
	outl(before_us << NACELLE_TRACE_BEFORE_SHIFT | (uint32_t)stage, NACELLE_TRACE_PORT);
}

/* With the command line's reboot=t this is a triple fault, which the machine sees at once. */
_Noreturn void platform_die(void)
{
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}
