/*
 * Attaching to a tap device. The kernel decides who may: the device's owner or group, or a process
 * with CAP_NET_ADMIN.
 */
#include "vmm/pod/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"

enum { HEADER_BYTES = 12, MTU_MAX = 65521 };

static int attach(int fd, const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &request) == 0)
		return 0;
	/* A device that was made with several queues wants to hear of it. */
	if (errno == EINVAL) {
		request.ifr_flags = (short)(request.ifr_flags | IFF_MULTI_QUEUE);
		return ioctl(fd, TUNSETIFF, &request);
	}
	return -1;
}

static int explain(const char *name, int code, struct error *err)
{
	switch (code) {
	case EPERM:
		return error_set(err, 0,
				 "--net: %s belongs to somebody else; its owner is set when it is "
				 "made: ip tuntap add %s mode tap user NAME",
				 name, name);
	case EBUSY:
		return error_set(err, 0, "--net: %s is in use by another process", name);
	case EINVAL:
		return error_set(err, 0, "--net: %s is not a tap device", name);
	default:
		return error_set(err, code, "--net: cannot attach to %s", name);
	}
}

static int read_mtu(const char *name, uint16_t *mtu, struct error *err)
{
	struct ifreq request = { 0 };
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, SIOCGIFMTU, &request) < 0)
		return error_set(err, errno, "--net: cannot read the MTU of %s", name);
	*mtu = (uint16_t)(request.ifr_mtu > MTU_MAX ? MTU_MAX : request.ifr_mtu);
	return 0;
}

/* A descriptor that no device is behind yet. */
static int open_tun(struct error *err)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? error_set(err, errno, "--net: cannot open /dev/net/tun") : fd;
}

/* No offloads until a driver agrees to them. */
static int set_up(int fd, const char *name, struct error *err)
{
	int header_bytes = HEADER_BYTES;

	if (ioctl(fd, TUNSETVNETHDRSZ, &header_bytes) < 0 || ioctl(fd, TUNSETOFFLOAD, 0UL) < 0)
		return error_set(err, errno, "--net: %s cannot be set up", name);
	return 0;
}

int tap_create(const char *name, struct error *err)
{
	_cleanup_fd_ int fd = open_tun(err);

	if (fd < 0)
		return -1;
	if (attach(fd, name) < 0)
		return error_set(err, errno, "--net: cannot make a tap device");
	if (set_up(fd, name, err) < 0)
		return -1;
	return steal_fd(&fd);
}

int tap_open(const char *name, uint16_t *mtu, struct error *err)
{
	_cleanup_fd_ int fd = -1;

	/* TUNSETIFF would make one, as root. */
	if (!if_nametoindex(name))
		return error_set(err, 0,
				 "--net: there is no interface %s; make it with: ip tuntap add %s "
				 "mode tap user NAME",
				 name, name);
	fd = open_tun(err);
	if (fd < 0)
		return -1;
	if (attach(fd, name) < 0)
		return explain(name, errno, err);
	if (set_up(fd, name, err) < 0)
		return -1;
	if (*mtu == 0 && read_mtu(name, mtu, err) < 0)
		return -1;
	return steal_fd(&fd);
}
