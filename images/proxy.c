/*
 * Proxies. The environment is the user's.
 */
#include "images/proxy.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "vmm/base/bytes.h"

static const char *first_set(const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *value = getenv(names[i]);

		if (value && value[0])
			return value;
	}
	return NULL;
}

/* Whether host, of len bytes, is the entry's host, or in its domain. */
static bool is_in(const char *host, size_t len, const char *entry, size_t entry_len)
{
	while (entry_len && *entry == '.') {
		entry++;
		entry_len--;
	}
	if (entry_len == 0 || entry_len > len ||
	    strncasecmp(host + len - entry_len, entry, entry_len) != 0)
		return false;
	return entry_len == len || host[len - entry_len - 1] == '.';
}

static bool is_listed(const char *host, size_t len, const char *list)
{
	while (*list) {
		size_t entry_len = strcspn(list, ", ");

		if ((entry_len == 1 && *list == '*') || is_in(host, len, list, entry_len))
			return true;
		list += entry_len;
		list += strspn(list, ", ");
	}
	return false;
}

bool proxy_find(const char *origin, char proxy[PROXY_SIZE])
{
	/* HTTP_PROXY may come from a header where a program runs for a web server: never asked. */
	static const char *const for_http[] = { "http_proxy", "all_proxy", "ALL_PROXY" };
	static const char *const for_https[] = { "https_proxy", "HTTPS_PROXY", "all_proxy",
						 "ALL_PROXY" };
	static const char *const lists[] = { "no_proxy", "NO_PROXY" };
	bool is_https = strncmp(origin, "https:", 6) == 0;
	const char *list = first_set(lists, ARRAY_SIZE(lists));
	const char *host = strstr(origin, "://") + 3;
	const char *value = is_https ? first_set(for_https, ARRAY_SIZE(for_https))
				     : first_set(for_http, ARRAY_SIZE(for_http));
	size_t len = (size_t)(strrchr(host, ':') - host);
	int n;

	proxy[0] = '\0';
	if (!value || (list && is_listed(host, len, list)))
		return false;
	n = snprintf(proxy, PROXY_SIZE, "%s%s", strstr(value, "://") ? "" : "http://", value);
	if (n < 0 || n >= PROXY_SIZE)
		(void)snprintf(proxy, PROXY_SIZE, "too long");
	return true;
}
