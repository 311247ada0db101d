/*
 * Results of CNI plug-ins: foreign JSON, of programs that run as root but may pass on what others
 * told them (a DHCP server, say). Everything here but the last two functions runs confined.
 */
#include "vmm/pod/cni_result.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "images/json.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/number.h"
#include "vmm/pod/cni_config.h"

enum { DOMAIN_MAX = 253 };

static const char magic[FIELDS_MAGIC_LEN + 1] = "nacelle-cni-res1";

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

static int read_addresses(struct cni_result *result, const struct cJSON *document,
			  struct error *err)
{
	const struct cJSON *ips = NULL;
	const struct cJSON *ip;

	if (json_array(document, "ips", &ips, err) < 0)
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

static int read_names(struct cni_result *result, const struct cJSON *document, struct error *err)
{
	const struct cJSON *dns = NULL, *servers = NULL, *search = NULL;
	const char *domain = NULL;

	if (json_object(document, "dns", &dns, err) < 0)
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

static int read_all(struct cni_result *result, const struct cJSON *document, struct error *err)
{
	const char *version = NULL;

	if (!json_is_object(document))
		return error_set(err, 0, "no object");
	if (json_string(document, "cniVersion", &version, err) < 0)
		return -1;
	if (!version || !cni_is_version(version))
		return error_set(err, 0, "the cniVersion %.20s is not known",
				 version ? version : "");
	if (read_addresses(result, document, err) < 0)
		return -1;
	return read_names(result, document, err);
}

int cni_result_parse(struct cni_result *result, const char *text, size_t len, struct error *err)
{
	struct cJSON *document;
	int status;

	*result = (struct cni_result){ 0 };
	if (json_parse(&document, text, len, err) < 0)
		return -1;
	status = read_all(result, document, err);
	json_free(document);
	if (status < 0)
		cni_result_free(result);
	return status;
}

void cni_result_free(struct cni_result *result)
{
	string_list_free(&result->addresses);
	string_list_free(&result->servers);
	string_list_free(&result->domains);
	*result = (struct cni_result){ 0 };
}

void cni_result_put(const struct cni_result *result, struct field_writer *w)
{
	fields_put_list(w, FIELD_NETWORK_ADDRESS, &result->addresses);
	fields_put_list(w, FIELD_NETWORK_SERVER, &result->servers);
	fields_put_list(w, FIELD_NETWORK_DOMAIN, &result->domains);
}

int cni_result_encode(const struct cni_result *result, void **data, size_t *len)
{
	struct field_writer w;

	fields_begin(&w, magic);
	cni_result_put(result, &w);
	return fields_finish(&w, data, len);
}

int cni_error_parse(const char *text, size_t len, const char *words, struct error *err)
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

static int take_field(struct cni_result *result, const struct field *field, struct error *err)
{
	_cleanup_free_ char *text = NULL;

	if (field_take_text(field, &text) < 0)
		return error_set(err, 0, "its reader sent nonsense");
	switch (field->tag) {
	case FIELD_NETWORK_ADDRESS:
		return take(&result->addresses, text, is_network_address, CNI_ADDRESSES_MAX,
			    "address with a prefix", err);
	case FIELD_NETWORK_SERVER:
		return take(&result->servers, text, is_address, CNI_SERVERS_MAX, "name server",
			    err);
	case FIELD_NETWORK_DOMAIN:
		return take(&result->domains, text, is_domain, CNI_DOMAINS_MAX, "domain", err);
	default:
		return error_set(err, 0, "its reader sent nonsense");
	}
}

int cni_result_decode(struct cni_result *result, const void *data, size_t len, struct error *err)
{
	struct field field;
	struct cursor c;
	int next = -1;

	*result = (struct cni_result){ 0 };
	if (fields_open(&c, data, len, magic))
		while ((next = fields_next(&c, &field)) > 0)
			if (take_field(result, &field, err) < 0) {
				cni_result_free(result);
				return -1;
			}
	if (next == 0)
		return 0;
	cni_result_free(result);
	return error_set(err, 0, "its reader sent nonsense");
}
