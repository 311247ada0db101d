/*
 * What the files of the fetching process share.
 */
#ifndef NACELLE_IMAGES_FETCH_INTERNAL_H
#define NACELLE_IMAGES_FETCH_INTERNAL_H

#include "images/authfile.h"
#include "images/fetch.h"

enum {
	FETCH_ATTEMPTS_MAX = 5,	     /* of one request, without progress between them */
	FETCH_ATTEMPTS_LOST_MAX = 7, /* when there was some, and connections get lost */
	FETCH_REDIRECTS_MAX = 5,     /* of one attempt */
	FETCH_LOGINS_MAX = 2,	     /* of one attempt */
	FETCH_RETRY_AFTER_MAX_S = 30,
	FETCH_TOKEN_SIZE = 32768,
};

/* Bytes that make a new attempt count as the first one. */
#define FETCH_PROGRESS_BYTES (1024 * KIB)

struct fetcher {
	const struct fetch_context *context;
	struct http_trust trust;
	int control;
	struct http *http;
	struct http *login_http;       /* beside the transfers, which wait for it */
	const char *host;	       /* the registry, as the user names it */
	char base[HTTP_ORIGIN_SIZE];   /* SCHEME://HOST[:PORT] that is asked */
	char origin[HTTP_ORIGIN_SIZE]; /* the same, with its port */
	bool has_base;
	bool has_answered; /* once: then a lost connection is worth another attempt */
	struct credential credential;
	char authorization[FETCH_TOKEN_SIZE + 16]; /* "" while none is needed */
	unsigned login_count;			   /* how often that was set */
};

/* One request, through redirects, logins and repetitions. */
struct transfer {
	struct http_exchange exchange;
	char path[256];		 /* below /v2/NAME/ */
	bool is_optional;	 /* 404 is an answer */
	bool is_blob;		 /* goes to the importer in pieces */
	uint32_t slot;		 /* of a blob */
	uint64_t size_bytes;	 /* of a blob */
	uint64_t got_bytes;	 /* of a blob: what the importer has */
	uint64_t skip_bytes;	 /* of the answer: what the importer has already */
	uint64_t progress_bytes; /* got_bytes at the last failure */
	unsigned login_count;	 /* which login it was asked with */
	unsigned attempts, redirects, logins;
	uint64_t not_before_ms;
	bool is_running, is_done;
	struct fetcher *fetcher;
};

/* fetch_login.c: answers the challenge of a 401. Returns 0, or -1 with err filled. */
int fetch_login(struct fetcher *fetcher, const struct challenge *challenge, struct error *err);

/* Runs one request to its end, alone. Returns 0 with the exchange's outcome, or -1. */
int fetch_alone(struct http *http, struct http_exchange *exchange, struct error *err);

/*
 * The sentence for a request that was not answered, naming who was asked; err->code is EAGAIN if it
 * may be answered another time. Returns -1.
 */
int fetch_describe(const struct http_exchange *exchange, struct error *err);

/* fetch_transfer.c: runs all to their ends, some at a time. Returns 0, or -1 with err filled. */
int fetch_transfers(struct fetcher *fetcher, struct transfer *transfers, size_t count,
		    struct error *err);

#endif
