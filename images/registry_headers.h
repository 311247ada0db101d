/*
 * Reading the headers of an answer into its exchange.
 */
#ifndef NACELLE_IMAGES_REGISTRY_HEADERS_H
#define NACELLE_IMAGES_REGISTRY_HEADERS_H

#include "images/registry.h"

/* As before the first line of an answer. */
void http_forget_headers(struct http_exchange *exchange);

/*
 * Reads one line, a status line or a header, of len bytes. Returns false with exchange->why filled
 * when the answer cannot be used.
 */
bool http_read_header(struct http_exchange *exchange, const char *line, size_t len);

#endif
