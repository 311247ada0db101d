/*
 * The reader of HTTP requests (RFC 9112): a request line, headers, and a body whose length is said.
 * Every byte is an app's. What two readers could understand in two ways is refused: folded lines,
 * bare line feeds, two lengths, chunks.
 */
#ifndef NACELLE_METADATA_REQUEST_H
#define NACELLE_METADATA_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

enum {
	REQUEST_HEAD_MAX = 8192,  /* bytes of request line and headers */
	REQUEST_SIZE_MAX = 65536, /* with the body */
};

enum request_method {
	REQUEST_GET,
	REQUEST_POST,
	REQUEST_OTHER,
};

struct request {
	enum request_method method;
	const char *path; /* as it came; points into the bytes */
	size_t path_len;
	bool has_flavor; /* Metadata-Flavor: AppContainer */
	size_t head_len; /* with the empty line */
	size_t body_len; /* of the body that follows; head and body are at most REQUEST_SIZE_MAX */
};

/*
 * Reads the head of a request from the first len bytes of a connection. Returns 200 with *request
 * filled; 0 if more bytes are needed; otherwise the status that refuses it.
 */
int request_read(struct request *request, const char *data, size_t len);

#endif
