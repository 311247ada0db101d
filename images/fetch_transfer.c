/*
 * Requests of a registry, each through its redirects, logins and repetitions. A blob goes on where
 * it broke off: a new attempt asks for the rest alone, from the registry itself again, since where
 * it redirects to is mostly valid for a short time.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/clock.h"
#include "images/fetch_internal.h"
#include "images/json.h"
#include "images/limits.h"
#include "images/message.h"
#include "vmm/base/io.h"

enum {
	FIRST_PAUSE_MS = 250,
	POLL_MAX_MS = 1000,
};

static const char manifest_types[] = "application/vnd.oci.image.index.v1+json, "
				     "application/vnd.oci.image.manifest.v1+json, "
				     "application/vnd.docker.distribution.manifest.list.v2+json, "
				     "application/vnd.docker.distribution.manifest.v2+json";

/* Passes a piece of a blob on, without what the importer has already. */
static int pass_on(struct http_exchange *exchange, const void *data, size_t len)
{
	struct transfer *transfer = exchange->context;
	struct fetch_piece piece = { le32_make(transfer->slot) };
	char message[sizeof(piece) + 32 * 1024];
	const char *at = data;

	if (transfer->skip_bytes) {
		size_t skip = transfer->skip_bytes < len ? (size_t)transfer->skip_bytes : len;

		transfer->skip_bytes -= skip;
		at += skip;
		len -= skip;
	}
	while (len) {
		size_t part =
		    len < sizeof(message) - sizeof(piece) ? len : sizeof(message) - sizeof(piece);

		memcpy(message, &piece, sizeof(piece));
		memcpy(message + sizeof(piece), at, part);
		if (message_send(transfer->fetcher->control, MESSAGE_PIECE, message,
				 sizeof(piece) + part) < 0)
			return -1;
		transfer->got_bytes += part;
		at += part;
		len -= part;
	}
	return 0;
}

/* The first bytes of an answer: is it the part that was asked for? */
static int take_piece(struct http_exchange *exchange, const void *data, size_t len)
{
	struct transfer *transfer = exchange->context;

	if (exchange->received_bytes == len) { /* the first one */
		if (exchange->status == 206 && exchange->content_from != exchange->range_from)
			return error_set(&exchange->why, 0,
					 "it sends another part of the blob than it was asked for");
		if (exchange->status != 206)
			transfer->skip_bytes = transfer->got_bytes;
		if (transfer->size_bytes - transfer->got_bytes + transfer->skip_bytes <
		    exchange->body_max)
			exchange->body_max =
			    transfer->size_bytes - transfer->got_bytes + transfer->skip_bytes;
		if (len > exchange->body_max)
			return error_set(&exchange->why, 0,
					 "it sends more than the %ju bytes that were expected",
					 (uintmax_t)exchange->body_max);
	}
	return pass_on(exchange, data, len);
}

/* Asks the exchange's URL; with the login, if that is the registry's own. */
static int ask(struct transfer *transfer, struct error *err)
{
	struct fetcher *fetcher = transfer->fetcher;
	struct http_exchange *exchange = &transfer->exchange;
	char origin[HTTP_ORIGIN_SIZE];

	if (http_origin(exchange->url, origin, err) < 0)
		return -1;
	exchange->authorization = NULL;
	if (fetcher->authorization[0] && strcmp(origin, fetcher->origin) == 0)
		exchange->authorization = fetcher->authorization;
	transfer->login_count = fetcher->login_count;
	transfer->skip_bytes = 0;
	exchange->range_from = transfer->got_bytes;
	if (transfer->is_blob)
		exchange->body_max = transfer->size_bytes;
	transfer->is_running = true;
	return http_start(fetcher->http, exchange, err);
}

/* Begins an attempt. Returns 1 when it has ended already, 0, or -1 with err filled. */
static int begin(struct transfer *transfer, struct error *err)
{
	const struct fetcher *fetcher = transfer->fetcher;
	int len = snprintf(transfer->exchange.url, sizeof(transfer->exchange.url), "%s/v2/%s/%s",
			   fetcher->base, fetcher->context->reference->path, transfer->path);

	if (len < 0 || (size_t)len >= sizeof(transfer->exchange.url))
		return error_set(err, 0, "the name of the image is too long");
	transfer->redirects = 0;
	return ask(transfer, err);
}

/* Who was asked, for sentences. */
static const char *asked(const struct http_exchange *exchange, char origin[HTTP_ORIGIN_SIZE])
{
	return http_origin(exchange->url, origin, NULL) < 0 ? "the server" : origin;
}

static int describe(const struct http_exchange *exchange, struct error *err)
{
	char origin[HTTP_ORIGIN_SIZE];
	const char *who = asked(exchange, origin);
	const char *why = exchange->why.text;

	switch (exchange->outcome) {
	case HTTP_NO_NAME:
		return error_set(err, 0, "%s", why);
	case HTTP_UNREACHABLE:
		return error_set(err, 0, "cannot connect to %s: %s", who, why);
	case HTTP_UNTRUSTED:
		return error_set(err, 0, "no trusted connection (TLS) to %s: %s", who, why);
	case HTTP_SLOW:
		return error_set(err, 0, "%s stalls: %s", who, why);
	case HTTP_LOST:
		return error_set(err, 0, "the connection to %s was lost: %s", who, why);
	case HTTP_ANSWERED:
	case HTTP_EXCESSIVE:
	case HTTP_STOPPED:
	case HTTP_FAILED:
	default:
		return error_set(err, 0, "%s cannot be used: %s", who, why);
	}
}

int fetch_describe(const struct http_exchange *exchange, struct error *err)
{
	(void)describe(exchange, err);
	if (exchange->outcome == HTTP_LOST || exchange->outcome == HTTP_UNREACHABLE ||
	    exchange->outcome == HTTP_SLOW || exchange->why.code == EAGAIN)
		err->code = EAGAIN;
	return -1;
}

/* What the registry says about an error (distribution specification, "Error Codes"), or "". */
static void read_reason(const struct http_exchange *exchange, char reason[256])
{
	const struct cJSON *errors, *first;
	struct cJSON *answer;
	const char *message;

	reason[0] = '\0';
	if (!exchange->body || json_parse(&answer, exchange->body, exchange->body_len, NULL) < 0)
		return;
	if (json_is_object(answer) && json_array(answer, "errors", &errors, NULL) > 0 &&
	    (first = json_first(errors)) && json_is_object(first) &&
	    json_string(first, "message", &message, NULL) > 0)
		(void)snprintf(reason, 256, " (%.240s)", message);
	json_free(answer);
}

static int describe_status(const struct transfer *transfer, struct error *err)
{
	const struct http_exchange *exchange = &transfer->exchange;
	char origin[HTTP_ORIGIN_SIZE], reason[256];
	const char *who = asked(exchange, origin);

	read_reason(exchange, reason);
	if (exchange->status == 404 && !transfer->is_blob)
		return error_set(err, 0, "%s has no such image%s", who, reason);
	if (exchange->status == 404)
		return error_set(err, 0, "%s lacks a part of the image, %s%s", who,
				 strchr(transfer->path, '/') + 1, reason);
	if (exchange->status == 403 || exchange->status == 401)
		return error_set(err, 0, "%s denies access to the image%s", who, reason);
	return error_set(err, 0, "%s answered with status %d%s", who, exchange->status, reason);
}

/* Whether another attempt is worth it; then it is set up. */
static bool try_again(struct transfer *transfer)
{
	const struct http_exchange *exchange = &transfer->exchange;
	uint64_t pause_ms;
	bool moved = transfer->got_bytes >= transfer->progress_bytes + FETCH_PROGRESS_BYTES;
	unsigned attempts_max = FETCH_ATTEMPTS_MAX;
	bool passing;

	if (exchange->outcome != HTTP_ANSWERED && transfer->progress_bytes)
		attempts_max = FETCH_ATTEMPTS_LOST_MAX;
	if (moved) {
		transfer->attempts = 0;
		transfer->progress_bytes = transfer->got_bytes;
	}
	if (exchange->outcome == HTTP_ANSWERED)
		passing = exchange->retry_after_s <= FETCH_RETRY_AFTER_MAX_S;
	else if (exchange->outcome == HTTP_SLOW)
		passing = moved;
	else if (exchange->outcome == HTTP_NO_NAME)
		passing = exchange->why.code == EAGAIN && transfer->fetcher->has_answered;
	else if (exchange->outcome == HTTP_UNREACHABLE)
		passing = transfer->fetcher->has_answered;
	else
		passing = exchange->outcome == HTTP_LOST;
	if (!passing || ++transfer->attempts >= attempts_max)
		return false;
	pause_ms = (uint64_t)FIRST_PAUSE_MS << (transfer->attempts - 1);
	if (exchange->retry_after_s * 1000 > pause_ms)
		pause_ms = exchange->retry_after_s * 1000;
	transfer->not_before_ms = clock_now_ms() + pause_ms;
	return true;
}

/* Follows a redirect: to https only, unless the registry itself is plain. */
static int redirect(struct transfer *transfer, struct error *err)
{
	struct http_exchange *exchange = &transfer->exchange;
	char origin[HTTP_ORIGIN_SIZE], target[HTTP_ORIGIN_SIZE];
	const char *who = asked(exchange, origin);

	if (!exchange->location[0])
		return error_set(err, 0, "%s redirects to nowhere, or to no URL that is usable",
				 who);
	if (++transfer->redirects > FETCH_REDIRECTS_MAX)
		return error_set(err, 0, "%s redirects more than %d times", who,
				 FETCH_REDIRECTS_MAX);
	if (http_origin(exchange->location, target, err) < 0)
		return error_prefix(err, "%s redirects to a place that is not usable", who);
	if (strncmp(exchange->url, "https:", 6) == 0 && strncmp(target, "https:", 6) != 0)
		return error_set(err, 0, "%s redirects to %s, which is not https", who, target);
	memcpy(exchange->url, exchange->location, sizeof(exchange->url));
	http_finish(transfer->fetcher->http, exchange);
	return ask(transfer, err);
}

/* A 401: with the login that has been renewed meanwhile, or with a new one. */
static int login(struct transfer *transfer, struct error *err)
{
	struct fetcher *fetcher = transfer->fetcher;
	const struct challenge challenge = transfer->exchange.challenge;

	if (++transfer->logins > FETCH_LOGINS_MAX)
		return describe_status(transfer, err);
	if (transfer->login_count == fetcher->login_count &&
	    fetch_login(fetcher, &challenge, err) < 0)
		return -1;
	http_finish(fetcher->http, &transfer->exchange);
	return begin(transfer, err);
}

static int finish(struct transfer *transfer, struct error *err)
{
	const struct fetch_piece piece = { le32_make(transfer->slot) };

	transfer->is_done = true;
	if (!transfer->is_blob)
		return 0;
	http_finish(transfer->fetcher->http, &transfer->exchange);
	if (message_send(transfer->fetcher->control, MESSAGE_END, &piece, sizeof(piece)) < 0)
		return error_set(err, errno, "the importer has gone");
	return 0;
}

/*
 * Manifests are asked for at another place than blobs, and the importer, which only knows digests,
 * wants both: what is small and no blob may be one.
 */
static int try_manifest(struct transfer *transfer, struct error *err)
{
	char path[sizeof(transfer->path)];

	(void)snprintf(path, sizeof(path), "manifests/%s", transfer->path + strlen("blobs/"));
	memcpy(transfer->path, path, sizeof(path));
	transfer->exchange.accept = manifest_types;
	http_finish(transfer->fetcher->http, &transfer->exchange);
	return begin(transfer, err);
}

/* Whether a status says "not now". */
static bool is_passing(int status)
{
	return status == 429 || status == 408 || status >= 500;
}

static int answered(struct transfer *transfer, struct error *err)
{
	struct http_exchange *exchange = &transfer->exchange;
	char origin[HTTP_ORIGIN_SIZE];
	bool own = strcmp(asked(exchange, origin), transfer->fetcher->origin) == 0;

	transfer->fetcher->has_answered = true;
	switch (exchange->status) {
	case 200:
	case 206:
		transfer->logins = 0;
		if (transfer->is_blob && transfer->got_bytes < transfer->size_bytes)
			return error_set(
			    err, 0, "%s has only %ju bytes of a blob whose descriptor says %ju",
			    origin, (uintmax_t)transfer->got_bytes,
			    (uintmax_t)transfer->size_bytes);
		return finish(transfer, err);
	case 301:
	case 302:
	case 303:
	case 307:
	case 308:
		return redirect(transfer, err);
	case 401:
		return own ? login(transfer, err) : describe_status(transfer, err);
	case 404:
		if (own && transfer->size_bytes <= IMAGE_DOCUMENT_MAX &&
		    strncmp(transfer->path, "blobs/", 6) == 0)
			return try_manifest(transfer, err);
		return transfer->is_optional ? finish(transfer, err)
					     : describe_status(transfer, err);
	default:
		if (!is_passing(exchange->status) || !try_again(transfer))
			return describe_status(transfer, err);
		http_finish(transfer->fetcher->http, exchange);
		return 0;
	}
}

/* A request has ended, in one way or another. Returns 1 when the next one has too already. */
static int take_end(struct transfer *transfer, struct error *err)
{
	struct http_exchange *exchange = &transfer->exchange;

	transfer->is_running = false;
	if (exchange->outcome == HTTP_ANSWERED)
		return answered(transfer, err);
	if (!try_again(transfer))
		return fetch_describe(exchange, err);
	http_finish(transfer->fetcher->http, exchange);
	return 0;
}

static int settle(struct transfer *transfer, int ended, struct error *err)
{
	while (ended > 0)
		ended = take_end(transfer, err);
	return ended;
}

/* Starts what may start; says when to look again. */
static int start_some(struct transfer *transfers, size_t count, size_t *left, int *timeout_ms,
		      struct error *err)
{
	size_t running = 0;
	uint64_t now = clock_now_ms();

	*left = 0;
	*timeout_ms = POLL_MAX_MS;
	for (size_t i = 0; i < count; i++)
		running += transfers[i].is_running;
	for (size_t i = 0; i < count; i++) {
		struct transfer *one = &transfers[i];

		*left += !one->is_done;
		if (one->is_done || one->is_running || running == FETCH_PARALLEL)
			continue;
		if (one->not_before_ms > now) {
			if (one->not_before_ms - now < (uint64_t)*timeout_ms)
				*timeout_ms = (int)(one->not_before_ms - now);
			continue;
		}
		if (one->is_blob && one->got_bytes == one->size_bytes) {
			if (finish(one, err) < 0) /* all of it was there before */
				return -1;
			*timeout_ms = 0;
			continue;
		}
		if (settle(one, begin(one, err), err) < 0)
			return -1;
		running += one->is_running;
		if (!one->is_running)
			*timeout_ms = 0;
	}
	return 0;
}

int fetch_transfers(struct fetcher *fetcher, struct transfer *transfers, size_t count,
		    struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		struct transfer *one = &transfers[i];

		one->fetcher = fetcher;
		one->progress_bytes = one->got_bytes;
		one->exchange.context = one;
		one->exchange.is_document = !one->is_blob;
		one->exchange.piece = one->is_blob ? take_piece : NULL;
		if (strncmp(one->path, "manifests/", 10) == 0)
			one->exchange.accept = manifest_types;
	}
	for (;;) {
		struct http_exchange *ended;
		size_t left;
		int timeout_ms;

		if (start_some(transfers, count, &left, &timeout_ms, err) < 0)
			return -1;
		if (left == 0)
			return 0;
		if (http_wait(fetcher->http, timeout_ms, &ended, err) < 0)
			return -1;
		if (ended && settle(ended->context, 1, err) < 0)
			return -1;
	}
}
