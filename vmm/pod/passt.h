/*
 * passt(1): a process that lets the pod use the host's network by ordinary sockets, without any
 * privilege. It is Debian's, confines itself, and ends when the machine's end of its socket is
 * closed.
 */
#ifndef NACELLE_POD_PASST_H
#define NACELLE_POD_PASST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "vmm/base/error.h"
#include "vmm/pod/net.h"
#include "vmm/pod/pod.h"

enum { PASST_WORDS_MAX = 256 };

struct passt_request {
	int socket; /* SOCK_STREAM, passt's end */
	uint16_t mtu;
	const struct pod_interface *interface;
	const struct net_port *ports;
	unsigned port_count;
};

/*
 * Gives an interface without addresses those that a pod behind passt has: 10.0.2.15/24 behind
 * 10.0.2.2, and fd00:6e61:6365:6c6c::15/64 behind fe80::2, each if the host has a default route of
 * that family. Returns -1 with err filled if it has none at all.
 */
int passt_addresses(struct pod_interface *interface, struct error *err);

/* Whether the host has a default route, of either family. */
bool passt_has_uplink(void);

/* Whether the program is there to be started: err says how to do with it or without it. */
int passt_check_installed(struct error *err);

/*
 * Whether each port can be bound at all of the addresses that it is asked for: passt itself is
 * content with one of two families. What happens between this and its start is passt's to notice.
 */
int passt_check_ports(const struct pod_interface *interface, const struct net_port *ports,
		      unsigned count, struct error *err);

/*
 * Starts it, which takes as long as a fork: what is wrong is known when it ends. *words is the
 * descriptor that it complains to. Returns the process, or -1 with err filled.
 */
pid_t passt_start(const struct passt_request *request, int *words, struct error *err);

/* The last line of what it has said; empty if it has said nothing. */
void passt_last_words(int words, char line[PASST_WORDS_MAX]);

#endif
