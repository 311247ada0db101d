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
enum { USO = 0x60 }; /* TUN_F_USO4 and TUN_F_USO6 of Linux 6.2 */

static int attach(int fd, const char *name, int more_flags)
{
	struct ifreq request = { .ifr_flags =
				     (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | more_flags) };

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	return ioctl(fd, TUNSETIFF, &request);
}

/* In err->code callers find which it was. */
static int explain(const char *name, int code, struct error *err)
{
	switch (code) {
	case EPERM:
		error_set(err, 0,
			  "--net: %s belongs to somebody else; its owner is set when it is "
			  "made: ip tuntap add %s mode tap user NAME",
			  name, name);
		break;
	case EBUSY:
		error_set(err, 0, "--net: %s is in use by another process", name);
		break;
	case EINVAL:
		error_set(err, 0, "--net: %s is not a tap device", name);
		break;
	default:
		return error_set(err, code, "--net: cannot attach to %s", name);
	}
	err->code = code;
	return -1;
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

/*
 * Adds a descriptor of the device to *out. Returns 0; -1 with err filled, whose code is EINVAL if
 * the device is not one of the kind that the flags say.
 */
static int add_pair(const char *name, int more_flags, struct plan_net *out, struct error *err)
{
	_cleanup_fd_ int fd = open_tun(err);
	int header_bytes = HEADER_BYTES;

	if (fd < 0)
		return -1;
	if (attach(fd, name, more_flags) < 0)
		return explain(name, errno, err);
	if (ioctl(fd, TUNSETVNETHDRSZ, &header_bytes) < 0)
		return error_set(err, errno, "--net: %s cannot be set up", name);
	out->fds[out->pairs++] = steal_fd(&fd);
	return 0;
}

/* No offloads until a driver agrees to them; which there are, only trying tells. */
static int set_up(const char *name, struct plan_net *out, struct error *err)
{
	const unsigned long udp = TUN_F_CSUM | USO;

	out->kind = PLAN_NET_TAP;
	out->segments_udp = ioctl(out->fds[0], TUNSETOFFLOAD, udp) == 0;
	if (ioctl(out->fds[0], TUNSETOFFLOAD, 0UL) < 0)
		return error_set(err, errno, "--net: %s cannot be set up", name);
	return 0;
}

/* first_flags: of the one that may make the device. */
static int add_pairs(const char *name, unsigned cpus, int first_flags, struct plan_net *out,
		     struct error *err)
{
	unsigned wanted = cpus < PLAN_NET_PAIRS_MAX ? cpus : PLAN_NET_PAIRS_MAX;

	while (out->pairs < wanted)
		if (add_pair(name, IFF_MULTI_QUEUE | (out->pairs ? 0 : first_flags), out, err) < 0)
			return -1;
	return 0;
}

static void close_pairs(struct plan_net *net)
{
	while (net->pairs)
		close(net->fds[--net->pairs]);
}

int tap_create(const char *name, unsigned cpus, struct plan_net *out, struct error *err)
{
	int status = cpus > 1 ? add_pairs(name, cpus, IFF_TUN_EXCL, out, err)
			      : add_pair(name, IFF_TUN_EXCL, out, err);

	if (status == 0)
		status = set_up(name, out, err);
	if (status < 0)
		close_pairs(out);
	return status;
}

int tap_open(const char *name, unsigned cpus, struct plan_net *out, struct error *err)
{
	struct error single = ERROR_NONE;

	/* TUNSETIFF would make one, as root. */
	if (!if_nametoindex(name))
		return error_set(err, 0,
				 "--net: there is no interface %s; make it with: ip tuntap add %s "
				 "mode tap user NAME",
				 name, name);
	/* A device that was made with several queues wants to hear of it, and no other does. */
	if (add_pair(name, 0, out, &single) < 0) {
		if (single.code != EINVAL) {
			*err = single;
			return -1;
		}
		if (add_pairs(name, cpus, 0, out, err) < 0)
			return -1;
	}
	if (set_up(name, out, err) < 0)
		return -1;
	return out->mtu ? 0 : read_mtu(name, &out->mtu, err);
}
