/*
 * Network options into data. The words are the user's own; a wrong one is named in the error.
 */
#include "vmm/pod/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "guest-init/protocol.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/number.h"

static_assert(POD_ADDRESSES_MAX <= (int)RECORD_ADDRESSES_MAX, "fits into a record");
static_assert(POD_GATEWAYS_MAX <= (int)RECORD_GATEWAYS_MAX, "fits into a record");
static_assert(POD_ROUTES_MAX <= (int)RECORD_ROUTES_MAX, "fits into a record");

/* Bits of the first byte of a MAC address. */
enum { MAC_GROUP = 1, MAC_LOCAL = 2 };

static int parse_ip(const char *text, struct pod_address *address)
{
	address->family = strchr(text, ':') ? 6 : 4;
	memset(address->bytes, 0, sizeof(address->bytes));
	return inet_pton(address->family == 6 ? AF_INET6 : AF_INET, text, address->bytes) == 1 ? 0
											       : -1;
}

static int parse_address(const char *whole, char *value, struct pod_interface *interface,
			 struct error *err)
{
	struct pod_address *address = &interface->addresses[interface->address_count];
	char *slash = strchr(value, '/');
	uint64_t prefix = 0;

	if (interface->address_count == POD_ADDRESSES_MAX)
		return error_set(err, 0, "--net %s: at most %d addresses are possible", whole,
				 POD_ADDRESSES_MAX);
	if (slash)
		*slash++ = '\0';
	if (parse_ip(value, address) < 0 || !slash || number_parse(slash, &prefix) < 0 ||
	    prefix > (address->family == 4 ? 32 : 128))
		return error_set(err, 0,
				 "--net %s: address=%s: an address and its prefix are expected, "
				 "such as 10.0.0.2/24 or fd00::2/64",
				 whole, value);
	address->prefix = (uint8_t)prefix;
	interface->address_count++;
	return 0;
}

static int parse_gateway(const char *whole, const char *value, struct pod_interface *interface,
			 struct error *err)
{
	struct pod_address *gateway = &interface->gateways[interface->gateway_count];

	if (interface->gateway_count == POD_GATEWAYS_MAX)
		return error_set(
		    err, 0, "--net %s: one gateway for IPv4 and one for IPv6 are possible", whole);
	*gateway = (struct pod_address){ 0 };
	if (parse_ip(value, gateway) < 0)
		return error_set(err, 0, "--net %s: gateway=%s is no IP address", whole, value);
	if (interface->gateway_count && interface->gateways[0].family == gateway->family)
		return error_set(err, 0, "--net %s: two gateways for IPv%u", whole,
				 gateway->family);
	interface->gateway_count++;
	return 0;
}

static int parse_mac(const char *whole, const char *value, uint8_t mac[6], struct error *err)
{
	unsigned bytes[6];
	int end = 0;

	if (sscanf(value, "%2x:%2x:%2x:%2x:%2x:%2x%n", &bytes[0], &bytes[1], &bytes[2], &bytes[3],
		   &bytes[4], &bytes[5], &end) != 6 ||
	    value[end] || strspn(value, "0123456789abcdefABCDEF:") != 17)
		return error_set(err, 0,
				 "--net %s: mac=%s: six bytes are expected, such as "
				 "02:00:00:00:00:01",
				 whole, value);
	for (unsigned i = 0; i < 6; i++)
		mac[i] = (uint8_t)bytes[i];
	if (mac[0] & MAC_GROUP)
		return error_set(err, 0, "--net %s: mac=%s is the address of a group", whole,
				 value);
	if (memcmp(mac, (uint8_t[6]){ 0 }, 6) == 0)
		return error_set(err, 0, "--net %s: mac=%s is no address", whole, value);
	return 0;
}

static int parse_mtu(const char *whole, const char *value, uint16_t *mtu, struct error *err)
{
	uint64_t number;

	if (number_parse(value, &number) < 0 || number < NET_MTU_MIN || number > NET_MTU_MAX)
		return error_set(err, 0, "--net %s: mtu=%s: %d to %d are possible", whole, value,
				 NET_MTU_MIN, NET_MTU_MAX);
	*mtu = (uint16_t)number;
	return 0;
}

static int parse_word(const char *whole, char *word, struct pod_net *net, bool *has_mac,
		      struct pod_interface *interface, struct error *err)
{
	char *value = strchr(word, '=');

	if (!value)
		return error_set(err, 0, "--net %s: '%s' is not NAME=VALUE", whole, word);
	*value++ = '\0';
	if (strcmp(word, "address") == 0)
		return parse_address(whole, value, interface, err);
	if (strcmp(word, "gateway") == 0)
		return parse_gateway(whole, value, interface, err);
	if (strcmp(word, "mtu") == 0)
		return parse_mtu(whole, value, &net->mtu, err);
	if (strcmp(word, "mac") == 0) {
		*has_mac = true;
		return parse_mac(whole, value, net->mac, err);
	}
	return error_set(err, 0,
			 "--net %s: there is no '%s'; address, gateway, mac and mtu are known",
			 whole, word);
}

/* A gateway is of use only to a family that has an address. */
static int check_gateways(const char *whole, const struct pod_interface *interface,
			  struct error *err)
{
	for (size_t g = 0; g < interface->gateway_count; g++) {
		size_t a = 0;

		while (a < interface->address_count &&
		       interface->addresses[a].family != interface->gateways[g].family)
			a++;
		if (a == interface->address_count)
			return error_set(err, 0,
					 "--net %s: a gateway for IPv%u needs an address of "
					 "IPv%u",
					 whole, interface->gateways[g].family,
					 interface->gateways[g].family);
	}
	return 0;
}

int net_check_mtu(const char *what, const struct pod_interface *interface, uint16_t mtu,
		  struct error *err)
{
	for (size_t i = 0; i < interface->address_count; i++)
		if (interface->addresses[i].family == 6 && mtu < NET_MTU_MIN_IPV6)
			return error_set(err, 0,
					 "--net %s: an address of IPv6 needs an MTU of %d or "
					 "more, not %u",
					 what, NET_MTU_MIN_IPV6, mtu);
	return 0;
}

static int random_mac(uint8_t mac[6], struct error *err)
{
	if (getrandom(mac, 6, 0) != 6)
		return error_set(err, errno, "no random bytes for a MAC address");
	mac[0] = (uint8_t)((mac[0] & ~MAC_GROUP) | MAC_LOCAL);
	return 0;
}

static int parse_name(const char *whole, const char *name, struct pod_net *net, struct error *err)
{
	if (!*name || strlen(name) > NET_NAME_MAX || strchr(name, '/') || strchr(name, '%'))
		return error_set(err, 0, "--net %s: '%s' is no name of an interface", whole, name);
	(void)snprintf(net->name, sizeof(net->name), "%s", name);
	return 0;
}

/* A network's name as CNI has it (specification 1.0.0, section 1), and arguments for plug-ins. */
static int parse_cni(const char *text, struct pod_net *net, struct error *err)
{
	static const char letters[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	const char *colon = strchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : strlen(text);

	if (strcmp(text, "host") == 0)
		return error_set(err, 0,
				 "--net host: a pod is a machine of its own, which the host's "
				 "network cannot be given to; passt, the default, lends it the "
				 "host's addresses, and --publish forwards ports");
	if (len == 0 || len > NET_CNI_NAME_MAX || strspn(text, letters) < len ||
	    strchr("_.-", text[0]))
		return error_set(err, 0,
				 "--net %s: passt, none, tap:NAME or the name of a CNI network is "
				 "expected; the first and third with "
				 "[,address=IP/PREFIX][,gateway=IP][,mac=MAC][,mtu=N], the last "
				 "with [:ARG=VALUE;...]",
				 text);
	for (const char *at = colon; at; at = strchr(at, ';')) {
		at++;
		if (strcspn(at, "=") >= strcspn(at, ";") || *at == '=')
			return error_set(err, 0, "--net %s: '%.*s' is not ARG=VALUE", text,
					 (int)strcspn(at, ";"), at);
	}
	net->kind = NET_CNI;
	memcpy(net->name, text, len);
	net->name[len] = '\0';
	net->arguments = colon ? colon + 1 : NULL;
	return 0;
}

int net_parse(const char *text, struct pod_net *net, struct pod_interface *interface,
	      struct error *err)
{
	static const char tap[] = "tap:", passt[] = "passt";
	_cleanup_free_ char *copy = strdup(text);
	char *rest, *word;
	bool has_mac = false;

	*net = (struct pod_net){ 0 };
	*interface = (struct pod_interface){ 0 };
	if (!copy)
		return error_set(err, ENOMEM, "--net");
	rest = copy;
	word = strsep(&rest, ",");
	net->kind = strcmp(word, passt) == 0 ? NET_PASST : NET_TAP;
	if (net->kind != NET_PASST && strncmp(word, tap, strlen(tap)) != 0)
		return parse_cni(text, net, err);
	if (net->kind == NET_TAP && parse_name(text, word + strlen(tap), net, err) < 0)
		return -1;
	while ((word = strsep(&rest, ",")))
		if (parse_word(text, word, net, &has_mac, interface, err) < 0)
			return -1;
	if (check_gateways(text, interface, err) < 0 ||
	    (net->mtu && net_check_mtu(text, interface, net->mtu, err) < 0))
		return -1;
	return has_mac ? 0 : random_mac(net->mac, err);
}

static int parse_port_number(const char *text, unsigned *port)
{
	uint64_t number;

	if (number_parse(text, &number) < 0 || number == 0 || number > UINT16_MAX)
		return -1;
	*port = (unsigned)number;
	return 0;
}

/* Takes the address, if there is one, off the front. Returns what follows it, or NULL. */
static char *take_port_address(char *text, char **ip, struct pod_address *address)
{
	char *end;

	*ip = NULL;
	if (text[0] == '[') {
		end = strstr(text, "]:");
		if (!end)
			return NULL;
		*end++ = '\0';
		*ip = text + 1;
	} else {
		end = strchr(text, ':');
		if (!end || !strchr(end + 1, ':'))
			return text;
		*ip = text;
	}
	*end = '\0';
	return parse_ip(*ip, address) < 0 ? NULL : end + 1;
}

int net_parse_port(const char *text, struct net_port *port, struct error *err)
{
	_cleanup_free_ char *copy = strdup(text);
	char *slash = copy ? strrchr(copy, '/') : NULL;
	char *rest = NULL, *guest, *ip = NULL;
	unsigned from, to;

	*port = (struct net_port){ .udp = false };
	if (slash) {
		*slash++ = '\0';
		port->udp = strcmp(slash, "udp") == 0;
	}
	if (copy && (!slash || port->udp || strcmp(slash, "tcp") == 0))
		rest = take_port_address(copy, &ip, &port->ip);
	guest = rest ? strchr(rest, ':') : NULL;
	if (guest)
		*guest++ = '\0';
	if (!guest || parse_port_number(rest, &from) < 0 || parse_port_number(guest, &to) < 0)
		return error_set(err, 0,
				 "--publish %s: [IP:]HOSTPORT:PODPORT[/udp] is expected, such as "
				 "8080:80 or 127.0.0.1:5353:53/udp",
				 text);
	port->host = (uint16_t)from;
	port->guest = (uint16_t)to;
	(void)snprintf(port->text, sizeof(port->text), "%s%s%u:%u", ip ? ip : "", ip ? "/" : "",
		       from, to);
	return 0;
}
