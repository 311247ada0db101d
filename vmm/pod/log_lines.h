/*
 * One stream of an app, cut into lines: bytes in as they come, entries for the log out.
 */
#ifndef NACELLE_POD_LOG_LINES_H
#define NACELLE_POD_LOG_LINES_H

#include "vmm/pod/log_record.h"

/* All zero but for the stream: a stream's beginning. */
struct log_lines {
	enum log_stream stream;
	uint64_t time_ns; /* of the first byte that waits */
	size_t len;
	char text[LOG_TEXT_MAX + 1]; /* what waits for the end of its line, and a NUL */
};

typedef void log_lines_fn(void *context, const struct log_record *record);

/* Calls fn for each line that ends in these bytes, and for parts of LOG_TEXT_MAX bytes. */
void log_lines_add(struct log_lines *lines, const char *data, size_t len, uint64_t time_ns,
		   log_lines_fn *fn, void *context);

/* The stream has ended: a line without an end is an entry that goes on. */
void log_lines_end(struct log_lines *lines, log_lines_fn *fn, void *context);

#endif
