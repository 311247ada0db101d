/*
 * HTTP over libcurl: its only door. What comes back is a stranger's: headers and bodies are counted
 * before they are kept, and everything that could be followed is only reported.
 */
#include "images/registry.h"

#include <assert.h>
#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/proxy.h"
#include "images/registry_headers.h"
#include "images/resolve.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"

enum {
	CONNECT_TIMEOUT_S = 30,
	DOCUMENT_TIMEOUT_S = 120,
	STALL_BYTES_PER_S = 64,
	CONNECTIONS_MAX = 8,
	BUFFER_SIZE = 256 * 1024,
};

struct http {
	CURLM *multi;
	const struct http_trust *trust;
	struct resolver resolver;
};

/* What libcurl needs while a request runs. */
struct http_handle {
	CURL *easy;
	struct curl_slist *headers;
	struct curl_slist *resolve;
	char proxy[PROXY_SIZE]; /* "" for none */
	long proxy_port;
	char said[CURL_ERROR_SIZE];
	size_t header_bytes;
	bool in_body;
	bool excessive;
	bool stopped;
	struct http_exchange *exchange;
};

int http_prepare(struct error *err)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return error_set(err, 0, "cannot start libcurl");
	return resolve_prepare(err);
}

int http_open(struct http **out, const struct http_trust *trust, struct error *err)
{
	struct http *http = calloc(1, sizeof(*http));

	if (!http)
		return error_set(err, ENOMEM, "cannot start libcurl");
	http->trust = trust;
	http->multi = curl_multi_init();
	if (!http->multi) {
		free(http);
		return error_set(err, ENOMEM, "cannot start libcurl");
	}
	(void)curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX);
	*out = http;
	return 0;
}

void http_close(struct http *http)
{
	if (!http)
		return;
	(void)curl_multi_cleanup(http->multi);
	free(http);
}

/* No others: libcurl would translate them, and then look a name up that we have not resolved. */
static const char host_chars[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]";

/*
 * The host, an address of IPv6 in brackets, and SCHEME://HOST:PORT, in lower case. A user is an
 * error, unless may_have_user.
 */
static int split_url(const char *url, bool may_have_user, char host[RESOLVE_HOST_SIZE],
		     char origin[HTTP_ORIGIN_SIZE], struct error *err)
{
	CURLU *parts = curl_url();
	char *scheme = NULL, *name = NULL, *port = NULL, *user = NULL;
	int result = -1;
	int len;

	if (!parts)
		return error_set(err, ENOMEM, "cannot read a URL");
	if (curl_url_set(parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) ||
	    curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) ||
	    (strcmp(scheme, "https") && strcmp(scheme, "http")) ||
	    curl_url_get(parts, CURLUPART_HOST, &name, 0) ||
	    curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) ||
	    (curl_url_get(parts, CURLUPART_USER, &user, 0) != CURLUE_NO_USER && !may_have_user) ||
	    strlen(name) >= RESOLVE_HOST_SIZE || name[strspn(name, host_chars)]) {
		(void)error_set(err, 0, "\"%.200s\" is not a URL of http or https", url);
	} else {
		for (char *at = name; *at; at++)
			*at = (char)tolower((unsigned char)*at);
		len = snprintf(origin, HTTP_ORIGIN_SIZE, "%s://%s:%s", scheme, name, port);
		(void)snprintf(host, RESOLVE_HOST_SIZE, "%s", name);
		result = len > 0 && len < HTTP_ORIGIN_SIZE
			     ? 0
			     : error_set(err, 0, "\"%.200s\" names too long a host", url);
	}
	curl_free(scheme);
	curl_free(name);
	curl_free(port);
	curl_free(user);
	curl_url_cleanup(parts);
	return result;
}

int http_origin(const char *url, char origin[HTTP_ORIGIN_SIZE], struct error *err)
{
	char host[RESOLVE_HOST_SIZE];

	return split_url(url, false, host, origin, err);
}

static size_t take_header(char *line, size_t size, size_t count, void *context)
{
	struct http_handle *handle = context;
	size_t len = size * count;

	if (len > HTTP_HEADERS_MAX - handle->header_bytes) {
		handle->excessive = true;
		(void)error_set(&handle->exchange->why, 0,
				"its answer has more than %d bytes of headers", HTTP_HEADERS_MAX);
		return 0;
	}
	handle->header_bytes += len;
	if (handle->in_body) /* a trailer */
		return len;
	return http_read_header(handle->exchange, line, len) ? len : 0;
}

static bool keep_body(struct http_exchange *exchange, const char *data, size_t len)
{
	char *grown = realloc(exchange->body, exchange->body_len + len + 1);

	if (!grown)
		return false;
	memcpy(grown + exchange->body_len, data, len);
	exchange->body = grown;
	exchange->body_len += len;
	grown[exchange->body_len] = '\0';
	return true;
}

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
	struct http_handle *handle = context;
	struct http_exchange *exchange = handle->exchange;
	size_t len = size * count;
	long status = 0;
	bool good;

	(void)curl_easy_getinfo(handle->easy, CURLINFO_RESPONSE_CODE, &status);
	exchange->status = (int)status;
	handle->in_body = true;
	good = status >= 200 && status < 300;
	if (!good && len > HTTP_ERROR_BODY_MAX - exchange->body_len)
		return len; /* an explanation that is too long is cut off */
	if (good && len > exchange->body_max - exchange->received_bytes) {
		handle->excessive = true;
		(void)error_set(&exchange->why, 0,
				"it sends more than the %ju bytes that were expected",
				(uintmax_t)exchange->body_max);
		return 0;
	}
	if (good)
		exchange->received_bytes += len;
	if (!good || !exchange->piece)
		return keep_body(exchange, data, len) ? len : 0;
	if (exchange->piece(exchange, data, len) == 0)
		return len;
	handle->stopped = true;
	return 0;
}

/*
 * Tells libcurl the addresses, so that it resolves nothing: 0; 1 with the exchange's reason set
 * when there are none; -1.
 */
static int resolve(struct http *http, struct http_handle *handle, const char *host,
		   const char *origin)
{
	struct http_exchange *exchange = handle->exchange;
	char line[RESOLVE_HOST_SIZE + RESOLVE_TEXT_SIZE + 16];
	const char *addresses;

	if (host[0] == '[')
		return 0; /* an address */
	if (resolver_find(&http->resolver, host, &addresses, &exchange->why) < 0)
		return 1;
	(void)snprintf(line, sizeof(line), "%s%s:%s", host, strrchr(origin, ':'), addresses);
	handle->resolve = curl_slist_append(NULL, line);
	return handle->resolve ? 0 : -1;
}

/* The way there: the host itself or, if the environment names one, a proxy. As resolve(). */
static int find_way(struct http *http, struct http_handle *handle, const char *host,
		    const char *origin)
{
	char proxy_host[RESOLVE_HOST_SIZE], proxy_origin[HTTP_ORIGIN_SIZE];
	struct error *why = &handle->exchange->why;

	if (!proxy_find(origin, handle->proxy))
		return resolve(http, handle, host, origin);
	if (split_url(handle->proxy, true, proxy_host, proxy_origin, NULL) < 0 ||
	    strncmp(proxy_origin, "http:", 5) != 0) {
		(void)error_set(why, 0,
				"the proxy that the environment names cannot be used "
				"(http://HOST:PORT can)");
		return 1;
	}
	/* Said, since libcurl's own default is another one, which would not be resolved. */
	handle->proxy_port = strtol(strrchr(proxy_origin, ':') + 1, NULL, 10);
	return resolve(http, handle, proxy_host, proxy_origin);
}

static int add_header(struct http_handle *handle, const char *name, const char *value)
{
	size_t size = strlen(name) + strlen(value) + 3;
	_cleanup_free_ char *line = malloc(size);
	struct curl_slist *grown;

	if (!line)
		return -1;
	(void)snprintf(line, size, "%s: %s", name, value);
	grown = curl_slist_append(handle->headers, line);
	explicit_bzero(line, size);
	if (!grown)
		return -1;
	handle->headers = grown;
	return 0;
}

static int set_headers(struct http_handle *handle)
{
	const struct http_exchange *exchange = handle->exchange;

	if ((exchange->accept && add_header(handle, "Accept", exchange->accept) < 0) ||
	    (exchange->authorization &&
	     add_header(handle, "Authorization", exchange->authorization) < 0))
		return -1;
	return 0;
}

static struct curl_blob blob(const char *data, size_t len)
{
	/* CURL_BLOB_NOCOPY: the bytes are only read; their type is from before const. */
	return (struct curl_blob){ .data = (void *)(uintptr_t)data,
				   .len = len,
				   .flags = CURL_BLOB_NOCOPY };
}

#define SET(easy, option, value) (failed |= curl_easy_setopt(easy, option, value) != CURLE_OK)

static bool set_trust(const struct http *http, CURL *easy, const char *origin)
{
	const struct http_trust *trust = http->trust;
	struct curl_blob ca = blob(trust->ca, trust->ca_len);
	struct curl_blob cert = blob(trust->cert, trust->cert_len);
	struct curl_blob key = blob(trust->key, trust->key_len);
	bool failed = false;

	SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(easy, CURLOPT_SSL_VERIFYPEER, trust->verify ? 1L : 0L);
	SET(easy, CURLOPT_SSL_VERIFYHOST, trust->verify ? 2L : 0L);
	SET(easy, CURLOPT_CAPATH, NULL);
	SET(easy, CURLOPT_CAINFO, NULL);
	if (trust->verify)
		SET(easy, CURLOPT_CAINFO_BLOB, &ca);
	if (trust->cert && strcmp(trust->cert_origin, origin) == 0) {
		SET(easy, CURLOPT_SSLCERT_BLOB, &cert);
		SET(easy, CURLOPT_SSLKEY_BLOB, &key);
	}
	return !failed;
}

static bool set_limits(CURL *easy, const struct http_exchange *exchange)
{
	bool failed = false;

	SET(easy, CURLOPT_NOSIGNAL, 1L);
	SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
	SET(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	SET(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(easy, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
	SET(easy, CURLOPT_LOW_SPEED_LIMIT, (long)STALL_BYTES_PER_S);
	SET(easy, CURLOPT_LOW_SPEED_TIME, (long)HTTP_STALL_S);
	SET(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	SET(easy, CURLOPT_BUFFERSIZE, (long)BUFFER_SIZE);
	if (exchange->is_document)
		SET(easy, CURLOPT_TIMEOUT, (long)DOCUMENT_TIMEOUT_S);
	return !failed;
}

static bool set_request(struct http_handle *handle)
{
	const struct http_exchange *exchange = handle->exchange;
	CURL *easy = handle->easy;
	char range[32];
	bool failed = false;

	SET(easy, CURLOPT_URL, exchange->url);
	SET(easy, CURLOPT_USERAGENT, "nacelle");
	SET(easy, CURLOPT_ERRORBUFFER, handle->said);
	SET(easy, CURLOPT_HEADERFUNCTION, take_header);
	SET(easy, CURLOPT_HEADERDATA, handle);
	SET(easy, CURLOPT_WRITEFUNCTION, take_body);
	SET(easy, CURLOPT_WRITEDATA, handle);
	SET(easy, CURLOPT_PRIVATE, handle);
	SET(easy, CURLOPT_HTTPHEADER, handle->headers);
	SET(easy, CURLOPT_RESOLVE, handle->resolve);
	SET(easy, CURLOPT_PROXY, handle->proxy);
	SET(easy, CURLOPT_PROXYPORT, handle->proxy_port);
	SET(easy, CURLOPT_NOPROXY, "");
	SET(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	if (exchange->form)
		SET(easy, CURLOPT_COPYPOSTFIELDS, exchange->form);
	if (exchange->range_from) {
		(void)snprintf(range, sizeof(range), "%ju-", (uintmax_t)exchange->range_from);
		SET(easy, CURLOPT_RANGE, range);
	}
	return !failed;
}

#undef SET

static void free_handle(struct http_handle *handle)
{
	curl_easy_cleanup(handle->easy);
	curl_slist_free_all(handle->headers);
	curl_slist_free_all(handle->resolve);
	free(handle);
}

int http_start(struct http *http, struct http_exchange *exchange, struct error *err)
{
	char host[RESOLVE_HOST_SIZE], origin[HTTP_ORIGIN_SIZE];
	struct http_handle *handle;
	int resolved;

	if (split_url(exchange->url, false, host, origin, err) < 0)
		return -1;
	exchange->status = 0;
	exchange->received_bytes = 0;
	exchange->why = (struct error)ERROR_NONE;
	http_forget_headers(exchange);
	handle = calloc(1, sizeof(*handle));
	if (!handle)
		return error_set(err, ENOMEM, "cannot make a request");
	handle->exchange = exchange;
	handle->easy = curl_easy_init();
	resolved = find_way(http, handle, host, origin);
	if (resolved > 0) {
		exchange->outcome = HTTP_NO_NAME;
		free_handle(handle);
		return 1;
	}
	if (!handle->easy || resolved < 0 || set_headers(handle) < 0 ||
	    !set_limits(handle->easy, exchange) || !set_trust(http, handle->easy, origin) ||
	    !set_request(handle) || curl_multi_add_handle(http->multi, handle->easy) != CURLM_OK) {
		free_handle(handle);
		return error_set(err, 0, "cannot make a request of %s", origin);
	}
	exchange->handle = handle;
	return 0;
}

void http_finish(struct http *http, struct http_exchange *exchange)
{
	if (exchange->handle) {
		(void)curl_multi_remove_handle(http->multi, exchange->handle->easy);
		free_handle(exchange->handle);
	}
	exchange->handle = NULL;
	free(steal_ptr(exchange->body));
	exchange->body_len = 0;
}

static enum http_outcome outcome_of(const struct http_handle *handle, CURLcode code)
{
	if (code == CURLE_OK)
		return HTTP_ANSWERED;
	if (handle->excessive)
		return HTTP_EXCESSIVE;
	if (handle->stopped)
		return HTTP_STOPPED;
	switch ((int)code) {
	case CURLE_COULDNT_CONNECT:
		return HTTP_UNREACHABLE;
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
		/* With TLS 1.3 a server refuses our certificate after the handshake. */
		return strstr(handle->said, "alert") ? HTTP_UNTRUSTED : HTTP_LOST;
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
		return HTTP_LOST;
	case CURLE_OPERATION_TIMEDOUT:
		return handle->exchange->status || handle->header_bytes ? HTTP_SLOW
									: HTTP_UNREACHABLE;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_CIPHER:
		return HTTP_UNTRUSTED;
	default:
		return HTTP_FAILED;
	}
}

static void read_answer(struct http_handle *handle, CURLcode code)
{
	struct http_exchange *exchange = handle->exchange;
	const char *location = NULL;
	long status = 0;

	(void)curl_easy_getinfo(handle->easy, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(handle->easy, CURLINFO_REDIRECT_URL, &location);
	exchange->status = (int)status;
	exchange->outcome = outcome_of(handle, code);
	if (location && strlen(location) < sizeof(exchange->location))
		(void)snprintf(exchange->location, sizeof(exchange->location), "%s", location);
	if (exchange->outcome != HTTP_ANSWERED && !exchange->why.text[0])
		(void)error_set(&exchange->why, 0, "%s",
				handle->said[0] ? handle->said : curl_easy_strerror(code));
}

int http_wait(struct http *http, int timeout_ms, struct http_exchange **ended, struct error *err)
{
	int running, left;
	const CURLMsg *message;

	*ended = NULL;
	for (int round = 0;; round++) {
		char *private = NULL;

		if (curl_multi_perform(http->multi, &running) != CURLM_OK)
			return error_set(err, 0, "libcurl cannot go on");
		message = curl_multi_info_read(http->multi, &left);
		if (message) {
			(void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
			assert(private);
			read_answer((struct http_handle *)(void *)private, message->data.result);
			*ended = ((struct http_handle *)(void *)private)->exchange;
			if ((*ended)->outcome != HTTP_ANSWERED)
				resolver_forget(&http->resolver); /* the host may have moved */
			return 0;
		}
		if (round)
			return 0;
		if (curl_multi_poll(http->multi, NULL, 0, timeout_ms, NULL) != CURLM_OK)
			return error_set(err, 0, "libcurl cannot wait");
	}
}
