/*
 * Interfaces, by rtnetlink(7): all requests of an interface in one message to the kernel, then an
 * answer for each.
 */
#include "guest-init/net.h"

#include <assert.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"

enum {
	REQUESTS_MAX = 1 + RECORD_ADDRESSES_MAX + RECORD_GATEWAYS_MAX + RECORD_ROUTES_MAX +
		       RECORD_NEIGHBOURS_MAX,
	REQUEST_BYTES_MAX = 128,
	ANSWER_BYTES_MAX = 512, /* the kernel quotes the request */
};

/* Requests one behind the other; their numbers count from 0. */
struct requests {
	_Alignas(struct nlmsghdr) uint8_t bytes[REQUESTS_MAX * REQUEST_BYTES_MAX];
	size_t len;
	struct nlmsghdr *last;
	unsigned count;
};

/* Space for len bytes at the end of the last request, zeroed. */
static void *grow(struct requests *requests, size_t len)
{
	void *at = requests->bytes + requests->len;

	requests->len += NLMSG_ALIGN(len);
	assert(requests->len <= sizeof(requests->bytes));
	requests->last->nlmsg_len += (uint32_t)NLMSG_ALIGN(len);
	return at;
}

/* Begins a request and returns its len bytes of payload. */
static void *begin(struct requests *requests, uint16_t type, uint16_t flags, size_t len)
{
	requests->last = (void *)(requests->bytes + requests->len);
	*(struct nlmsghdr *)grow(requests, sizeof(struct nlmsghdr)) =
	    (struct nlmsghdr){ .nlmsg_len = sizeof(struct nlmsghdr),
			       .nlmsg_type = type,
			       .nlmsg_flags = flags | NLM_F_REQUEST | NLM_F_ACK,
			       .nlmsg_seq = requests->count++ };
	return grow(requests, len);
}

static void put(struct requests *requests, uint16_t type, const void *data, size_t len)
{
	struct rtattr *attribute = grow(requests, RTA_LENGTH(len));

	attribute->rta_type = type;
	attribute->rta_len = (unsigned short)RTA_LENGTH(len);
	memcpy(RTA_DATA(attribute), data, len);
}

static size_t address_bytes(const struct record_address *address)
{
	return address->family == 4 ? 4 : 16;
}

static unsigned char address_family(const struct record_address *address)
{
	return address->family == 4 ? AF_INET : AF_INET6;
}

static void put_link(struct requests *requests, int index, const struct record_interface *interface)
{
	struct ifinfomsg *link = begin(requests, RTM_NEWLINK, 0, sizeof(*link));

	*link = (struct ifinfomsg){ .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	if (interface->name)
		put(requests, IFLA_IFNAME, interface->name, strlen(interface->name) + 1);
	if (!interface->has_link)
		return;
	put(requests, IFLA_ADDRESS, interface->mac, sizeof(interface->mac));
	put(requests, IFLA_MTU, &interface->mtu, sizeof(interface->mtu));
}

/* Nobody but the host chose the address: it is used at once. */
static void put_address(struct requests *requests, int index, const struct record_address *address,
			bool brings_route)
{
	uint32_t flags =
	    (address->family == 6 ? IFA_F_NODAD : 0) | (brings_route ? 0 : IFA_F_NOPREFIXROUTE);
	struct ifaddrmsg *message =
	    begin(requests, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*message));

	*message = (struct ifaddrmsg){ .ifa_family = address_family(address),
				       .ifa_prefixlen = address->prefix,
				       .ifa_index = (unsigned)index };
	put(requests, IFA_LOCAL, address->bytes, address_bytes(address));
	put(requests, IFA_ADDRESS, address->bytes, address_bytes(address));
	put(requests, IFA_FLAGS, &flags, sizeof(flags));
}

/* On the link whatever the prefix says, as where each machine has a /32 of its own. */
static void put_gateway(struct requests *requests, int index, const struct record_address *gateway)
{
	struct rtmsg *message = begin(requests, RTM_NEWROUTE, NLM_F_CREATE, sizeof(*message));
	uint32_t out = (uint32_t)index;

	*message = (struct rtmsg){ .rtm_family = address_family(gateway),
				   .rtm_table = RT_TABLE_MAIN,
				   .rtm_protocol = RTPROT_STATIC,
				   .rtm_scope = RT_SCOPE_UNIVERSE,
				   .rtm_type = RTN_UNICAST,
				   .rtm_flags = RTNH_F_ONLINK };
	put(requests, RTA_GATEWAY, gateway->bytes, address_bytes(gateway));
	put(requests, RTA_OIF, &out, sizeof(out));
}

static void put_route(struct requests *requests, int index, const struct record_route *route)
{
	static const uint8_t zeroes[sizeof(route->via)];
	bool on_link = memcmp(route->via, zeroes, sizeof(zeroes)) == 0;
	struct rtmsg *message = begin(requests, RTM_NEWROUTE, NLM_F_CREATE, sizeof(*message));
	uint32_t out = (uint32_t)index;

	*message =
	    (struct rtmsg){ .rtm_family = address_family(&route->to),
			    .rtm_dst_len = route->to.prefix,
			    .rtm_table = RT_TABLE_MAIN,
			    .rtm_protocol = RTPROT_STATIC,
			    .rtm_scope = on_link && route->to.family == 4 ? RT_SCOPE_LINK
									  : RT_SCOPE_UNIVERSE,
			    .rtm_type = RTN_UNICAST,
			    .rtm_flags = on_link ? 0 : RTNH_F_ONLINK };
	put(requests, RTA_DST, route->to.bytes, address_bytes(&route->to));
	if (!on_link)
		put(requests, RTA_GATEWAY, route->via, address_bytes(&route->to));
	put(requests, RTA_OIF, &out, sizeof(out));
}

static void put_neighbour(struct requests *requests, int index,
			  const struct record_neighbour *neighbour)
{
	struct ndmsg *message =
	    begin(requests, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*message));

	*message = (struct ndmsg){ .ndm_family = address_family(&neighbour->ip),
				   .ndm_ifindex = index,
				   .ndm_state = NUD_PERMANENT };
	put(requests, NDA_DST, neighbour->ip.bytes, address_bytes(&neighbour->ip));
	put(requests, NDA_LLADDR, neighbour->mac, sizeof(neighbour->mac));
}

static int interface_index(int fd, const char *name, struct error *err)
{
	struct ifreq request = { 0 };

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, SIOCGIFINDEX, &request) < 0)
		return error_set(err, errno, "there is no interface %s", name);
	return request.ifr_ifindex;
}

/* What the request of this number asked for. */
static const char *request_text(const struct record_interface *interface, unsigned number)
{
	if (number == 0)
		return "up";
	if (number <= interface->address_count)
		return "an address";
	number -= (unsigned)interface->address_count;
	if (number <= interface->gateway_count)
		return "a default route";
	number -= (unsigned)interface->gateway_count;
	return number <= interface->route_count ? "a route" : "a neighbour";
}

static int read_answer(int fd, const char *name, const struct record_interface *interface,
		       struct error *err)
{
	_Alignas(struct nlmsghdr) uint8_t answer[ANSWER_BYTES_MAX];
	const struct nlmsghdr *header = (const void *)answer;
	const struct nlmsgerr *status = (const void *)(answer + sizeof(*header));
	ssize_t n;

	do
		n = recv(fd, answer, sizeof(answer), 0);
	while (n < 0 && errno == EINTR);
	if (n < (ssize_t)(sizeof(*header) + sizeof(*status)) || header->nlmsg_type != NLMSG_ERROR)
		return error_set(err, n < 0 ? errno : EPROTO, "cannot configure %s", name);
	if (status->error)
		return error_set(err, -status->error, "cannot give %s %s", name,
				 request_text(interface, header->nlmsg_seq));
	return 0;
}

static int configure(int fd, const char *name, const struct record_interface *interface,
		     struct error *err)
{
	struct requests requests = { 0 };
	int index = interface_index(fd, name, err);

	if (index < 0)
		return -1;
	put_link(&requests, index, interface);
	for (size_t i = 0; i < interface->address_count; i++)
		put_address(&requests, index, &interface->addresses[i], !interface->route_count);
	for (size_t i = 0; i < interface->gateway_count; i++)
		put_gateway(&requests, index, &interface->gateways[i]);
	for (size_t i = 0; i < interface->route_count; i++)
		put_route(&requests, index, &interface->routes[i]);
	for (size_t i = 0; i < interface->neighbour_count; i++)
		put_neighbour(&requests, index, &interface->neighbours[i]);
	if (send(fd, requests.bytes, requests.len, 0) != (ssize_t)requests.len)
		return error_set(err, errno, "cannot configure %s", name);
	for (unsigned i = 0; i < requests.count; i++) {
		if (read_answer(fd, name, interface, err) < 0)
			return -1;
	}
	return 0;
}

/*
 * As many pairs of queues as there are CPUs: the driver took one, when there was one. A device
 * without several of them refuses, and nothing is lost.
 */
static void set_queues(int fd, const char *name, uint32_t cpus)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct ifreq request = { .ifr_data = (void *)&channels };

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%.15s", name);
	if (ioctl(fd, SIOCETHTOOL, &request) < 0 || channels.max_combined < 2)
		return;
	channels.cmd = ETHTOOL_SCHANNELS;
	channels.combined_count = cpus < channels.max_combined ? cpus : channels.max_combined;
	(void)ioctl(fd, SIOCETHTOOL, &request);
}

int net_configure(const struct record *record, struct error *err)
{
	_cleanup_fd_ int fd = -1;

	if (!record->interface_count)
		return 0;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return error_set(err, errno, "cannot make a netlink socket");
	for (size_t i = 0; i < record->interface_count; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "eth%zu", i);
		if (record->cpus > 1)
			set_queues(fd, name, record->cpus);
		if (configure(fd, name, &record->interfaces[i], err) < 0)
			return -1;
	}
	return 0;
}
