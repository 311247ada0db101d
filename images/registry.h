/*
 * HTTP requests, for the process that fetches from registries (fetch.h). registry.c is the only
 * file that includes libcurl, and knows nothing of registries but their headers.
 *
 * Only what is asked for is done: no redirect is followed, no cookie or file of passwords is used,
 * no other protocol is spoken, bodies and headers have limits; a proxy only where the environment
 * says. Names are resolved here, so that libcurl starts no thread.
 */
#ifndef NACELLE_IMAGES_REGISTRY_H
#define NACELLE_IMAGES_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/challenge.h"
#include "images/digest.h"
#include "vmm/base/error.h"

enum {
	HTTP_URL_SIZE = 8192,
	HTTP_HEADERS_MAX = 64 * 1024, /* bytes of all headers of one answer */
	HTTP_ERROR_BODY_MAX = 64 * 1024,
	HTTP_TYPE_SIZE = 128,
	HTTP_ORIGIN_SIZE = 300,
};

/* How a request ended. */
enum http_outcome {
	HTTP_ANSWERED = 1, /* a whole answer, with any status */
	HTTP_LOST,	   /* the connection broke, or ended early */
	HTTP_UNREACHABLE,  /* nobody answers at that address */
	HTTP_UNTRUSTED,	   /* TLS failed: the certificate, mostly */
	HTTP_NO_NAME,	   /* the host has no address; code EAGAIN: not at the moment */
	HTTP_SLOW,	   /* hardly a byte for HTTP_STALL_S seconds */
	HTTP_EXCESSIVE,	   /* more bytes than may come */
	HTTP_STOPPED,	   /* piece() did not want more */
	HTTP_FAILED,
};

enum { HTTP_STALL_S = 30 };

/* What TLS needs; the bytes are the caller's, in PEM. */
struct http_trust {
	bool verify;
	const char *ca; /* certificates that are trusted */
	size_t ca_len;
	const char *cert, *key; /* shown to the origin that asks for one; NULL: none */
	size_t cert_len, key_len;
	char cert_origin[HTTP_ORIGIN_SIZE]; /* to this one only */
};

/* One request and its answer. Zero it, fill the first part, http_start(); then http_finish(). */
struct http_exchange {
	char url[HTTP_URL_SIZE];
	const char *accept;	   /* value of Accept, or NULL */
	const char *authorization; /* value of Authorization, or NULL */
	const char *form;	   /* the body of a POST, or NULL */
	uint64_t range_from;	   /* asks for the bytes from here on; 0: for all */
	uint64_t body_max;	   /* of an answer with status 2xx */
	bool is_document;	   /* small: limited in time, too */
	/* Takes the body of a 2xx; without it, and otherwise, the body is kept. 0, or -1: stop. */
	int (*piece)(struct http_exchange *exchange, const void *data, size_t len);
	void *context;

	enum http_outcome outcome;
	int status;
	char content_type[HTTP_TYPE_SIZE];     /* without parameters, in lower case */
	char content_digest[DIGEST_TEXT_SIZE]; /* Docker-Content-Digest as it came, or "" */
	char location[HTTP_URL_SIZE];	       /* of a redirect, absolute */
	struct challenge challenge;
	uint64_t retry_after_s;
	uint64_t content_from; /* of status 206 */
	char *body;	       /* with a NUL after it */
	size_t body_len;
	uint64_t received_bytes;
	struct error why; /* unless it was answered */

	struct http_handle *handle;
};

struct http;

/* Once for the process, before it gives anything up. */
int http_prepare(struct error *err);

/* The trust lives as long as what is opened. Returns 0, or -1 with err filled. */
int http_open(struct http **http, const struct http_trust *trust, struct error *err);
void http_close(struct http *http);

/*
 * Begins a request. Returns 0; 1 when it has ended already, with its outcome; -1 with err filled
 * when it cannot be made, its URL among the reasons.
 */
int http_start(struct http *http, struct http_exchange *exchange, struct error *err);

/*
 * Waits for at most timeout_ms for a request to end. Returns 0 with *ended it, or NULL; -1 with err
 * filled. Requests that go on call their piece().
 */
int http_wait(struct http *http, int timeout_ms, struct http_exchange **ended, struct error *err);

/* Releases what belongs to the answer; what was asked stays. */
void http_finish(struct http *http, struct http_exchange *exchange);

/*
 * Writes SCHEME://HOST:PORT of a URL. Returns 0, or -1 with err filled: it is malformed, neither
 * http nor https, or names a user.
 */
int http_origin(const char *url, char origin[HTTP_ORIGIN_SIZE], struct error *err);

#endif
