/*
 * The network options: --net, --publish, --dns, --dns-search, --add-host.
 */
#ifndef NACELLE_POD_NET_H
#define NACELLE_POD_NET_H

#include "vmm/base/error.h"
#include "vmm/pod/pod.h"
#include "vmm/pod/run.h"

enum {
	NET_NAME_MAX = 15, /* of an interface of the host: IFNAMSIZ - 1 */
	NET_CNI_NAME_MAX = 64,
	NET_MTU_MIN = 68,	 /* RFC 791 */
	NET_MTU_MIN_IPV6 = 1280, /* RFC 8200 section 5 */
	NET_MTU_MAX = 65521,
	NET_MTU_PASST = 65520, /* as few frames as can be: there are no offloads */
	NET_PORTS_MAX = 64,
	NET_PORT_TEXT_MAX = 64, /* of one port as passt reads it, with its NUL */
};

enum net_kind {
	NET_PASST,
	NET_TAP, /* a tap device of the host: its name */
	NET_CNI, /* a network that CNI plug-ins make: its name, and arguments for them */
};

/* One --net: what the host attaches. What the guest is told is the pod_interface beside it. */
struct pod_net {
	enum net_kind kind;
	char name[NET_CNI_NAME_MAX + 1];
	const char *arguments; /* ARG=VALUE;..., in the option's own text; or NULL */
	char *file, *plugin;   /* owned: CNI's configuration and first plug-in, once attached */
	uint8_t mac[6];
	uint16_t mtu; /* 0: the tap's own */
};

/*
 * Reads one --net that is not "none":
 *
 *	passt[,SETTING=VALUE]...
 *	tap:NAME[,SETTING=VALUE]...
 *	NAME[:ARG=VALUE[;ARG=VALUE]...]		a network of CNI
 *
 * The settings are address=IP/PREFIX and gateway=IP, which may be repeated for IPv4 and IPv6,
 * mac=MAC and mtu=N. Without mac the address is random. passt without an address is left with
 * none: passt.h chooses.
 */
int net_parse(const char *text, struct pod_net *net, struct pod_interface *interface,
	      struct error *err);

/*
 * Whether this MTU, which may be the tap's own, is one that the guest's kernel has the interface's
 * addresses with. `what` is the network's name in the error.
 */
int net_check_mtu(const char *what, const struct pod_interface *interface, uint16_t mtu,
		  struct error *err);

/* A port of the host that passt forwards. */
struct net_port {
	bool udp;
	uint16_t host, guest;
	struct pod_address ip;	      /* family 0: any address of the host */
	char text[NET_PORT_TEXT_MAX]; /* [IP/]HOST:GUEST */
};

/* Reads one --publish: [IP:]HOST:GUEST[/tcp|/udp], an IPv6 address in brackets. */
int net_parse_port(const char *text, struct net_port *port, struct error *err);

/*
 * The texts of the pod's /etc/hosts and /etc/resolv.conf, to be freed. hostname is the pod's own;
 * host_text is the host's resolv.conf, used without --dns (its servers on a loopback address mean
 * nothing in a pod), or NULL. net_make_resolv_conf() leaves *text NULL for a pod without any
 * network.
 */
int net_make_hosts(const struct run_options *options, const char *hostname,
		   const struct pod_interface *interfaces, size_t count, char **text,
		   struct error *err);
int net_make_resolv_conf(const struct run_options *options, size_t interface_count,
			 const char *host_text, char **text, struct error *err);

/* Whether a resolv.conf names a server. */
bool net_has_server(const char *text);

#endif
