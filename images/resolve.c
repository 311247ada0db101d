/*
 * Resolving names. Answers of name servers are read by the C library, in the process that fetches.
 */
#include "images/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <nss.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int resolve_prepare(struct error *err)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST }, *list;

	/* "files" and "dns" are part of the C library; others would be loaded, or be daemons. */
	if (__nss_configure_lookup("hosts", "files dns") < 0)
		return error_set(err, errno, "cannot set up the resolution of names");
	if (getaddrinfo("127.0.0.1", NULL, &hints, &list) == 0)
		freeaddrinfo(list);
	return 0;
}

static int print_address(const struct sockaddr *address, char *text, size_t size)
{
	char plain[INET6_ADDRSTRLEN];

	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)address;

		if (!inet_ntop(AF_INET, &in->sin_addr, plain, sizeof(plain)))
			return 0;
		return snprintf(text, size, "%s", plain);
	}
	if (address->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in = (const void *)address;

		if (!inet_ntop(AF_INET6, &in->sin6_addr, plain, sizeof(plain)))
			return 0;
		return snprintf(text, size, "[%s]", plain);
	}
	return 0;
}

int resolve_host(const char *host, char addresses[RESOLVE_TEXT_SIZE], struct error *err)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list;
	int failed = getaddrinfo(host, NULL, &hints, &list);
	size_t len = 0;

	if (failed) {
		(void)error_set(err, 0, "the host name %s cannot be resolved: %s", host,
				gai_strerror(failed));
		err->code = failed == EAI_AGAIN ? EAGAIN : 0;
		return -1;
	}
	for (const struct addrinfo *one = list; one && len + 64 < RESOLVE_TEXT_SIZE;
	     one = one->ai_next) {
		char text[64];
		int n = print_address(one->ai_addr, text, sizeof(text));

		if (n > 0)
			len += (size_t)snprintf(addresses + len, RESOLVE_TEXT_SIZE - len, "%s%s",
						len ? "," : "", text);
	}
	freeaddrinfo(list);
	if (len == 0)
		return error_set(err, 0, "the host name %s has no address", host);
	return 0;
}

int resolver_find(struct resolver *resolver, const char *host, const char **addresses,
		  struct error *err)
{
	struct resolver_host *known;

	for (size_t i = 0; i < resolver->count; i++) {
		if (strcmp(resolver->hosts[i].host, host) == 0) {
			*addresses = resolver->hosts[i].addresses;
			return 0;
		}
	}
	if (resolver->count == RESOLVER_HOSTS_MAX)
		resolver->count--;
	known = &resolver->hosts[resolver->count];
	if (resolve_host(host, known->addresses, err) < 0)
		return -1;
	(void)snprintf(known->host, sizeof(known->host), "%s", host);
	resolver->count++;
	*addresses = known->addresses;
	return 0;
}

void resolver_forget(struct resolver *resolver)
{
	resolver->count = 0;
}
