/*
 * Two routes, a neighbour and a filter. Of the guest's frames the kernel reads the address to which
 * they are sent; those that are let in go through its IP stack, in a namespace of ordinary users.
 */
#include "vmm/pod/net_near.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/neighbour.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/tc_act/tc_skbedit.h>
#include <net/if.h>
#include <string.h>

#include "vmm/base/cleanup.h"
#include "vmm/pod/net_bridge.h"
#include "vmm/pod/netlink.h"

/* Of the link, and reserved, so that nobody has chosen it (RFC 3927, section 2.1). */
static const uint8_t own_address[4] = { 169, 254, 255, 1 };

/* Where in its header a packet says to whom it is sent. */
enum { IPV4_TO = 16, ONLY_ACTION = 1 };

static const struct pod_address *first_ipv4(const struct pod_interface *interface)
{
	for (size_t i = 0; i < interface->address_count; i++)
		if (interface->addresses[i].family == 4)
			return &interface->addresses[i];
	return NULL;
}

/* Frames bear the gateway's MAC address, and so are nobody's here unless that is said of them. */
static int let_in(int fd, int tap, struct error *err)
{
	const struct tcmsg message = { .tcm_family = AF_UNSPEC,
				       .tcm_ifindex = tap,
				       .tcm_parent = NET_BRIDGE_INGRESS,
				       .tcm_info = TC_H_MAKE((uint32_t)NET_BRIDGE_EARLY << 16,
							     htons(ETH_P_IP)) };
	const struct tc_skbedit edit = { .action = TC_ACT_OK };
	const uint16_t type = PACKET_HOST;
	struct {
		struct tc_u32_sel head;
		struct tc_u32_key key;
	} match = { .head = { .flags = TC_U32_TERMINAL, .nkeys = 1 },
		    .key = { .mask = UINT32_MAX, .off = IPV4_TO } };
	struct netlink_request request;
	size_t options, actions, action, parameters;

	memcpy(&match.key.val, own_address, sizeof(own_address));
	netlink_begin(&request, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, &message,
		      sizeof(message));
	netlink_put(&request, TCA_KIND, "u32", sizeof("u32"));
	options = netlink_nest(&request, TCA_OPTIONS);
	netlink_put(&request, TCA_U32_SEL, &match, sizeof(match));
	actions = netlink_nest(&request, TCA_U32_ACT);
	action = netlink_nest(&request, ONLY_ACTION);
	netlink_put(&request, TCA_ACT_KIND, "skbedit", sizeof("skbedit"));
	parameters = netlink_nest(&request, TCA_ACT_OPTIONS);
	netlink_put(&request, TCA_SKBEDIT_PARMS, &edit, sizeof(edit));
	netlink_put(&request, TCA_SKBEDIT_PTYPE, &type, sizeof(type));
	netlink_end(&request, parameters);
	netlink_end(&request, action);
	netlink_end(&request, actions);
	netlink_end(&request, options);
	return netlink_call(fd, &request, "cannot let frames in (cls_u32, act_skbedit)", err);
}

/* A route to one address. */
static int change_route(int fd, uint16_t change, uint16_t flags, const struct rtmsg *kind,
			const uint8_t to[4], int link, const uint8_t from[4], struct error *err)
{
	struct rtmsg route = *kind;
	struct netlink_request request;

	route.rtm_family = AF_INET;
	route.rtm_dst_len = 32;
	netlink_begin(&request, change, flags, &route, sizeof(route));
	netlink_put(&request, RTA_DST, to, 4);
	netlink_put(&request, RTA_OIF, &link, sizeof(link));
	if (from)
		netlink_put(&request, RTA_PREFSRC, from, 4);
	return netlink_call(fd, &request, "cannot change the namespace's routes", err);
}

static const struct rtmsg local_route = { .rtm_table = RT_TABLE_LOCAL,
					  .rtm_type = RTN_LOCAL,
					  .rtm_scope = RT_SCOPE_HOST,
					  .rtm_protocol = RTPROT_KERNEL };
static const struct rtmsg link_route = { .rtm_table = RT_TABLE_MAIN,
					 .rtm_type = RTN_UNICAST,
					 .rtm_scope = RT_SCOPE_LINK,
					 .rtm_protocol = RTPROT_STATIC };

static int add_neighbour(int fd, int tap, const uint8_t ip[4], const uint8_t mac[6],
			 struct error *err)
{
	const struct ndmsg neighbour = { .ndm_family = AF_INET,
					 .ndm_ifindex = tap,
					 .ndm_state = NUD_PERMANENT };
	struct netlink_request request;

	netlink_begin(&request, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &neighbour,
		      sizeof(neighbour));
	netlink_put(&request, NDA_DST, ip, 4);
	netlink_put(&request, NDA_LLADDR, mac, 6);
	return netlink_call(fd, &request, "cannot name the guest's MAC address", err);
}

/* What another interface, or an earlier machine, has done before needs not be done again. */
static bool is_done(int result, const struct error *err)
{
	return result == 0 || err->code == EEXIST || err->code == ESRCH;
}

int net_near_connect(const char *tap, const struct pod_interface *interface, struct error *err)
{
	const struct pod_address *address = first_ipv4(interface);
	int link = (int)if_nametoindex(tap);
	_cleanup_fd_ int fd = -1;

	if (!address)
		return 0;
	fd = netlink_open(err);
	if (fd < 0 || let_in(fd, link, err) < 0 ||
	    add_neighbour(fd, link, address->bytes, interface->mac, err) < 0)
		return -1;
	if (!is_done(change_route(fd, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &local_route,
				  own_address, link, NULL, err),
		     err) ||
	    !is_done(change_route(fd, RTM_DELROUTE, 0, &local_route, address->bytes, 0, NULL, err),
		     err))
		return -1;
	return change_route(fd, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &link_route,
			    address->bytes, link, own_address, err);
}

void net_near_disconnect(const char *name, const struct pod_interface *interface)
{
	const struct pod_address *address = first_ipv4(interface);
	struct error ignored = ERROR_NONE;
	int link = (int)if_nametoindex(name);
	_cleanup_fd_ int fd = address && link ? netlink_open(&ignored) : -1;

	if (fd >= 0)
		(void)change_route(fd, RTM_NEWROUTE, NLM_F_CREATE, &local_route, address->bytes,
				   link, address->bytes, &ignored);
}
