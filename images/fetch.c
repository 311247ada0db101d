/*
 * The fetching process: what it may do, and the requests that it serves. It trusts the importer,
 * and nothing that comes from the network, which libcurl and the parsers beside this file read
 * here.
 */
#include "images/fetch.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "images/fetch_internal.h"
#include "images/limits.h"
#include "images/message.h"
#include "vmm/base/cleanup.h"

static const struct lockdown_rule rules[] = {
	{ SYS_socket, 0, AF_INET, "to registries and name servers" },
	{ SYS_socket, 0, AF_INET6, "to registries and name servers" },
	{ SYS_socket, 0, AF_NETLINK, "getaddrinfo() asks for the host's own addresses" },
	{ SYS_socketpair, 1, SOCK_STREAM, "libcurl wakes itself; datagrams could go anywhere" },
	{ SYS_connect, LOCKDOWN_ANY, 0, "to registries and name servers" },
	{ SYS_bind, LOCKDOWN_ANY, 0, "getaddrinfo(): of the netlink socket" },
	{ SYS_getsockname, LOCKDOWN_ANY, 0, "getaddrinfo(), libcurl" },
	{ SYS_getpeername, LOCKDOWN_ANY, 0, "libcurl" },
	{ SYS_getsockopt, LOCKDOWN_ANY, 0, "libcurl: has it connected?" },
	{ SYS_setsockopt, LOCKDOWN_ANY, 0, "libcurl: keep-alive" },
	{ SYS_sendto, LOCKDOWN_ANY, 0, "libcurl, netlink" },
	{ SYS_sendmmsg, LOCKDOWN_ANY, 0, "the resolver" },
	{ SYS_recvfrom, LOCKDOWN_ANY, 0, "libcurl, the resolver" },
	{ SYS_recvmsg, LOCKDOWN_ANY, 0, "getaddrinfo(): netlink" },
	{ SYS_writev, LOCKDOWN_ANY, 0, "the resolver, over TCP" },
	{ SYS_poll, LOCKDOWN_ANY, 0, "libcurl, the resolver" },
	{ SYS_ioctl, 1, FIONREAD, "the resolver: how long is the answer?" },
	{ SYS_fcntl, 1, F_GETFL, "libcurl: sockets that do not block" },
	{ SYS_fcntl, 1, F_SETFL, "libcurl: sockets that do not block" },
	{ SYS_close, LOCKDOWN_ANY, 0, "connections that ended" },
	{ SYS_openat, 2, O_RDONLY | O_CLOEXEC, "resolv.conf, hosts: to read, never to write" },
	{ SYS_newfstatat, LOCKDOWN_ANY, 0, "the resolver: has resolv.conf changed?" },
	{ SYS_lseek, LOCKDOWN_ANY, 0, "the resolver: hosts" },
	{ SYS_uname, LOCKDOWN_ANY, 0, "the resolver: the host's own domain" },
	{ SYS_clock_gettime, LOCKDOWN_ANY, 0, "where the clock is no page of the process" },
	{ SYS_clock_nanosleep, LOCKDOWN_ANY, 0, "between two attempts to log in" },
};

/* Of all files those of the host's configuration; resolv.conf may be a link to anywhere. */
static const char *const readable[] = { "/etc",
					"/etc/resolv.conf",
					"/run/systemd/resolve",
					"/run/resolvconf",
					"/run/NetworkManager",
					NULL };

const struct worker_role fetch_role = { .name = "the process that fetches from the registry",
					.rules = rules,
					.rule_count = ARRAY_SIZE(rules),
					.own_ids = true,
					.readable = readable,
					.prepare = http_prepare };

int fetch_alone(struct http *http, struct http_exchange *exchange, struct error *err)
{
	struct http_exchange *ended = NULL;
	int result = http_start(http, exchange, err);

	if (result)
		return result < 0 ? -1 : 0;
	while (!ended) {
		if (http_wait(http, 1000, &ended, err) < 0)
			return -1;
	}
	return 0;
}

/* docker.io is a name; the registry behind it has another. */
static const char *address_of(const char *host)
{
	return strcmp(host, "docker.io") == 0 ? "registry-1.docker.io" : host;
}

static void set_base(struct fetcher *fetcher, const char *scheme)
{
	(void)snprintf(fetcher->base, sizeof(fetcher->base), "%s://%s", scheme,
		       address_of(fetcher->host));
}

/* Without verified TLS the registry may speak none at all, which only trying tells. */
static int probe(struct fetcher *fetcher, struct error *err)
{
	struct http_exchange *exchange = calloc(1, sizeof(*exchange));
	int result;

	if (!exchange)
		return error_set(err, ENOMEM, "cannot ask a registry");
	(void)snprintf(exchange->url, sizeof(exchange->url), "%s/v2/", fetcher->base);
	exchange->body_max = HTTP_ERROR_BODY_MAX;
	exchange->is_document = true;
	result = fetch_alone(fetcher->http, exchange, err);
	if (exchange->outcome == HTTP_UNTRUSTED || exchange->outcome == HTTP_UNREACHABLE ||
	    exchange->outcome == HTTP_LOST)
		set_base(fetcher, "http");
	http_finish(fetcher->http, exchange);
	free(exchange);
	return result;
}

static int find_base(struct fetcher *fetcher, struct error *err)
{
	if (fetcher->has_base)
		return 0;
	set_base(fetcher, "https");
	if (!fetcher->context->trust.verify && probe(fetcher, err) < 0)
		return -1;
	fetcher->has_base = true;
	if (http_origin(fetcher->base, fetcher->origin, err) < 0)
		return -1;
	memcpy(fetcher->trust.cert_origin, fetcher->origin, sizeof(fetcher->trust.cert_origin));
	return 0;
}

static int answer_get(struct fetcher *fetcher, const struct transfer *transfer, struct error *err)
{
	const struct http_exchange *exchange = &transfer->exchange;
	struct fetch_got got = { .found = le32_make(exchange->status == 200) };
	size_t len = exchange->status == 200 ? exchange->body_len : 0;
	_cleanup_free_ char *message = malloc(sizeof(got) + len + 1);

	if (!message)
		return error_set(err, ENOMEM, "cannot pass a manifest on");
	memcpy(got.media_type, exchange->content_type, sizeof(got.media_type));
	memcpy(got.digest, exchange->content_digest, sizeof(got.digest));
	memcpy(message, &got, sizeof(got));
	if (len)
		memcpy(message + sizeof(got), exchange->body, len);
	if (message_send(fetcher->control, MESSAGE_GOT, message, sizeof(got) + len) < 0)
		return error_set(err, errno, "the importer has gone");
	return 0;
}

static int serve_get(struct fetcher *fetcher, const char *data, size_t len, struct error *err)
{
	_cleanup_free_ struct transfer *transfer = calloc(1, sizeof(*transfer));
	struct fetch_get get;
	int result;

	assert(len == sizeof(get));
	if (!transfer)
		return error_set(err, ENOMEM, "cannot fetch a manifest");
	memcpy(&get, data, sizeof(get));
	(void)snprintf(transfer->path, sizeof(transfer->path), "manifests/%.*s",
		       (int)sizeof(get.reference) - 1, get.reference);
	transfer->is_optional = le32_get(get.optional);
	transfer->exchange.body_max = IMAGE_DOCUMENT_MAX;
	result = fetch_transfers(fetcher, transfer, 1, err);
	if (result == 0)
		result = answer_get(fetcher, transfer, err);
	http_finish(fetcher->http, &transfer->exchange);
	return result;
}

static int serve_blobs(struct fetcher *fetcher, const char *data, size_t len, struct error *err)
{
	size_t count = len / sizeof(struct fetch_blob);
	_cleanup_free_ struct transfer *transfers = calloc(count, sizeof(*transfers));

	assert(count && count <= FETCH_BLOBS_MAX && len % sizeof(struct fetch_blob) == 0);
	if (!transfers)
		return error_set(err, ENOMEM, "cannot fetch blobs");
	for (size_t i = 0; i < count; i++) {
		struct transfer *one = &transfers[i];
		struct fetch_blob blob;

		memcpy(&blob, data + i * sizeof(blob), sizeof(blob));
		(void)snprintf(one->path, sizeof(one->path), "blobs/%.*s",
			       (int)sizeof(blob.digest) - 1, blob.digest);
		one->is_blob = true;
		one->slot = (uint32_t)i;
		one->size_bytes = le64_get(blob.size_bytes);
		one->got_bytes = le64_get(blob.offset);
	}
	/* A failure ends the process, and its requests with it. */
	return fetch_transfers(fetcher, transfers, count, err);
}

static int serve(struct fetcher *fetcher, uint32_t kind, const char *data, size_t len,
		 struct error *err)
{
	if (kind == MESSAGE_LOGIN) {
		assert(len == sizeof(fetcher->credential));
		memcpy(&fetcher->credential, data, sizeof(fetcher->credential));
		return 0;
	}
	if (find_base(fetcher, err) < 0)
		return -1;
	assert(kind == MESSAGE_GET || kind == MESSAGE_GET_BLOBS);
	return kind == MESSAGE_GET ? serve_get(fetcher, data, len, err)
				   : serve_blobs(fetcher, data, len, err);
}

int fetch_run(void *context, int control, struct error *err)
{
	const struct fetch_context *known = context;
	_cleanup_free_ struct fetcher *fetcher = calloc(1, sizeof(*fetcher));

	if (!fetcher)
		return error_set(err, ENOMEM, "cannot ask a registry");
	fetcher->context = known;
	fetcher->control = control;
	fetcher->host = known->reference->host;
	fetcher->trust = known->trust;
	if (http_open(&fetcher->http, &fetcher->trust, err) < 0 ||
	    http_open(&fetcher->login_http, &fetcher->trust, err) < 0)
		return -1;
	for (;;) {
		_cleanup_free_ char *data = NULL;
		uint32_t kind;
		size_t len;
		int more = message_receive(control, &kind, &data, &len, err);

		if (more <= 0)
			return more;
		if (serve(fetcher, kind, data, len, err) < 0)
			return -1;
	}
}
