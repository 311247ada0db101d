/*
 * Proxies, as the usual variables of the environment name them.
 */
#ifndef NACELLE_IMAGES_PROXY_H
#define NACELLE_IMAGES_PROXY_H

#include <stdbool.h>

enum { PROXY_SIZE = 1024 };

/*
 * The proxy for SCHEME://HOST:PORT, as a URL with its port: from https_proxy, HTTPS_PROXY,
 * all_proxy or ALL_PROXY for https and http_proxy or all_proxy for http, unless no_proxy or
 * NO_PROXY lists the host, a domain that it is in, or "*". False, and "", if there is none.
 */
bool proxy_find(const char *origin, char proxy[PROXY_SIZE]);

#endif
