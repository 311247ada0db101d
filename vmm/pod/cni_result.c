/*
 * Results of CNI plug-ins: foreign JSON, of programs that run as root but may pass on what others
 * told them (a DHCP server, say).
 */
#include "vmm/pod/cni_result.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "images/json.h"
#include "vmm/base/number.h"
#include "vmm/pod/cni_config.h"

enum { DOMAIN_MAX = 253 };

static bool is_address(const char *text)
{
	uint8_t bytes[16];

	return inet_pton(strchr(text, ':') ? AF_INET6 : AF_INET, text, bytes) == 1;
}

/* IP/PREFIX */
static bool is_network_address(const char *text)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : sizeof(address);
	uint64_t prefix;

	if (len >= sizeof(address))
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	return is_address(address) && number_parse(slash + 1, &prefix) == 0 &&
	       prefix <= (strchr(address, ':') ? 128 : 32);
}

static bool is_domain(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= DOMAIN_MAX &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") ==
		   len;
}

/* Takes a text if there is one; what it is not is an error. */
static int take(struct string_list *list, const char *text, bool (*good)(const char *), size_t max,
		const char *what, struct error *err)
{
	if (!text || !good(text))
		return error_set(err, 0, "\"%.100s\" is no %s", text ? text : "", what);
	if (list->count == max)
		return error_set(err, 0, "more than %zu: %s", max, what);
	if (string_list_add(list, text, strlen(text)) < 0)
		return error_set(err, ENOMEM, "cannot hold a result");
	return 0;
}

static int take_all(struct string_list *list, const struct cJSON *array, bool (*good)(const char *),
		    size_t max, const char *what, struct error *err)
{
	const struct cJSON *item = array ? json_first(array) : NULL;

	for (; item; item = json_next(item))
		if (take(list, json_text(item), good, max, what, err) < 0)
			return -1;
	return 0;
}

static int read_addresses(struct cni_result *result, struct error *err)
{
	const struct cJSON *ips = NULL;
	const struct cJSON *ip;

	if (json_array(result->document, "ips", &ips, err) < 0)
		return -1;
	for (ip = ips ? json_first(ips) : NULL; ip; ip = json_next(ip)) {
		const char *address = NULL;

		if (json_string(ip, "address", &address, err) < 0 ||
		    take(&result->addresses, address, is_network_address, CNI_ADDRESSES_MAX,
			 "address with a prefix", err) < 0)
			return -1;
	}
	return 0;
}

static int read_names(struct cni_result *result, struct error *err)
{
	const struct cJSON *dns = NULL, *servers = NULL, *search = NULL;
	const char *domain = NULL;

	if (json_object(result->document, "dns", &dns, err) < 0)
		return -1;
	if (!dns)
		return 0;
	if (json_array(dns, "nameservers", &servers, err) < 0 ||
	    json_array(dns, "search", &search, err) < 0 ||
	    json_string(dns, "domain", &domain, err) < 0)
		return -1;
	if (take_all(&result->servers, servers, is_address, CNI_SERVERS_MAX, "name server", err) <
		0 ||
	    take_all(&result->domains, search, is_domain, CNI_DOMAINS_MAX, "domain", err) < 0)
		return -1;
	if (domain && *domain && !result->domains.count)
		return take(&result->domains, domain, is_domain, CNI_DOMAINS_MAX, "domain", err);
	return 0;
}

static int read_all(struct cni_result *result, struct error *err)
{
	const char *version = NULL;

	if (!json_is_object(result->document))
		return error_set(err, 0, "no object");
	if (json_string(result->document, "cniVersion", &version, err) < 0)
		return -1;
	if (!version || !cni_is_version(version))
		return error_set(err, 0, "the cniVersion %.20s is not known",
				 version ? version : "");
	if (read_addresses(result, err) < 0)
		return -1;
	return read_names(result, err);
}

int cni_result_parse(struct cni_result *result, const char *text, size_t len, struct error *err)
{
	*result = (struct cni_result){ .document = NULL };
	if (json_parse(&result->document, text, len, err) < 0)
		return -1;
	if (read_all(result, err) < 0) {
		cni_result_free(result);
		return -1;
	}
	return 0;
}

void cni_result_free(struct cni_result *result)
{
	if (result->document)
		json_free(result->document);
	string_list_free(&result->addresses);
	string_list_free(&result->servers);
	string_list_free(&result->domains);
	*result = (struct cni_result){ .document = NULL };
}

int cni_error_read(const char *text, size_t len, const char *words, struct error *err)
{
	struct error ignored = ERROR_NONE;
	const char *message = NULL, *details = NULL;
	struct cJSON *document = NULL;

	if (json_parse(&document, text, len, &ignored) == 0) {
		(void)json_string(document, "msg", &message, &ignored);
		(void)json_string(document, "details", &details, &ignored);
	}
	if (message && *message)
		error_set(err, 0, "%s%s%s", message, details && *details ? ": " : "",
			  details ? details : "");
	else if (*words)
		error_set(err, 0, "%.*s", (int)strcspn(words, "\n"), words);
	else
		error_set(err, 0, "it does not say why");
	if (document)
		json_free(document);
	return -1;
}
