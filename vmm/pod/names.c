/*
 * The texts of the pod's /etc/hosts and /etc/resolv.conf. What goes into them is checked to be
 * names and addresses, so that nothing else does.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/cleanup.h"
#include "vmm/pod/net.h"

enum { NAMES_LABELS_MAX = 253, SERVERS_MAX = 3 /* MAXNS of the C library's resolver */ };

static bool is_name(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= NAMES_LABELS_MAX &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") ==
		   len;
}

static bool is_address(const char *text)
{
	uint8_t bytes[16];

	return inet_pton(strchr(text, ':') ? AF_INET6 : AF_INET, text, bytes) == 1;
}

/* NAME:IP, an IPv6 address with or without brackets. */
static int put_host(FILE *out, const char *option, struct error *err)
{
	_cleanup_free_ char *name = strdup(option);
	char *address = name ? strchr(name, ':') : NULL;
	size_t len;

	if (address) {
		*address++ = '\0';
		len = strlen(address);
		if (len > 2 && address[0] == '[' && address[len - 1] == ']') {
			address[len - 1] = '\0';
			address++;
		}
	}
	if (!address || !is_name(name) || !is_address(address))
		return error_set(err, 0, "--add-host %s: NAME:IP is expected", option);
	(void)fprintf(out, "%s\t%s\n", address, name);
	return 0;
}

static void put_own_name(FILE *out, const char *hostname, const struct pod_interface *interfaces,
			 size_t count)
{
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		for (size_t a = 0; a < interfaces[i].address_count; a++) {
			const struct pod_address *address = &interfaces[i].addresses[a];
			char text[INET6_ADDRSTRLEN];

			(void)inet_ntop(address->family == 6 ? AF_INET6 : AF_INET, address->bytes,
					text, sizeof(text));
			(void)fprintf(out, "%s\t%s\n", text, hostname);
			any = true;
		}
	}
	/* As Debian has it: a name that resolves, on a machine without an address. */
	if (!any)
		(void)fprintf(out, "127.0.1.1\t%s\n", hostname);
}

static int finish(FILE **out, struct error *err)
{
	bool failed = ferror(*out);
	FILE *file = steal_ptr(*out);

	if (fclose(file) != 0 || failed)
		return error_set(err, ENOMEM, "cannot write the pod's names");
	return 0;
}

int net_make_hosts(const struct run_options *options, const char *hostname,
		   const struct pod_interface *interfaces, size_t count, char **text,
		   struct error *err)
{
	_cleanup_free_ char *data = NULL; /* complete once out is closed */
	size_t len;
	_cleanup_file_ FILE *out = open_memstream(&data, &len);

	if (!out)
		return error_set(err, errno, "cannot write the pod's names");
	(void)fputs("127.0.0.1\tlocalhost\n"
		    "::1\tlocalhost ip6-localhost ip6-loopback\n"
		    "ff02::1\tip6-allnodes\n"
		    "ff02::2\tip6-allrouters\n",
		    out);
	put_own_name(out, hostname, interfaces, count);
	for (unsigned i = 0; i < options->add_host.count; i++)
		if (put_host(out, options->add_host.items[i], err) < 0)
			return -1;
	if (finish(&out, err) < 0)
		return -1;
	*text = steal_ptr(data);
	return 0;
}

static bool is_loopback(const char *address)
{
	return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

/* What of the host's own file holds in a pod: servers that can be reached, domains, options. */
static void put_host_lines(FILE *out, const char *host_text, bool servers, bool search)
{
	_cleanup_free_ char *copy = strdup(host_text);
	char *rest = copy, *line;

	while (copy && (line = strsep(&rest, "\n"))) {
		char *words = line, *key = strsep(&words, " \t");
		char *value = words ? words + strspn(words, " \t") : NULL;

		if (!value)
			continue;
		if (strcmp(key, "nameserver") == 0) {
			value[strcspn(value, " \t\r")] = '\0';
			if (servers && is_address(value) && !is_loopback(value))
				(void)fprintf(out, "nameserver %s\n", value);
		} else if (strcmp(key, "options") == 0 ||
			   (search && (strcmp(key, "search") == 0 || strcmp(key, "domain") == 0))) {
			(void)fprintf(out, "%s %s\n", key, value);
		}
	}
}

bool net_has_server(const char *text)
{
	static const char line[] = "\nnameserver";

	return strncmp(text, line + 1, strlen(line + 1)) == 0 || strstr(text, line);
}

int net_make_resolv_conf(const struct run_options *options, size_t interface_count,
			 const char *host_text, char **text, struct error *err)
{
	_cleanup_free_ char *data = NULL;
	_cleanup_file_ FILE *out = NULL;
	size_t len;

	*text = NULL;
	if (options->dns.count > SERVERS_MAX)
		return error_set(err, 0, "--dns: resolvers ask at most %d servers", SERVERS_MAX);
	if (!interface_count && !options->dns.count && !options->dns_search.count)
		return 0;
	out = open_memstream(&data, &len);
	if (!out)
		return error_set(err, errno, "cannot write the pod's names");
	(void)fputs("# of this pod\n", out);
	for (unsigned i = 0; i < options->dns_search.count; i++) {
		if (!is_name(options->dns_search.items[i]))
			return error_set(err, 0, "--dns-search %s: a domain is expected",
					 options->dns_search.items[i]);
		(void)fprintf(out, "%s%s", i ? " " : "search ", options->dns_search.items[i]);
	}
	if (options->dns_search.count)
		(void)fputs("\n", out);
	for (unsigned i = 0; i < options->dns.count; i++) {
		if (!is_address(options->dns.items[i]))
			return error_set(err, 0, "--dns %s: an IP address is expected",
					 options->dns.items[i]);
		(void)fprintf(out, "nameserver %s\n", options->dns.items[i]);
	}
	if (host_text && !options->dns.count)
		put_host_lines(out, host_text, true, !options->dns_search.count);
	if (finish(&out, err) < 0)
		return -1;
	*text = steal_ptr(data);
	return 0;
}
