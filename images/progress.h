/*
 * One line on a terminal that says how far a download is. Nothing is written anywhere else.
 */
#ifndef NACELLE_IMAGES_PROGRESS_H
#define NACELLE_IMAGES_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
	int fd; /* -1: nothing is shown */
	const char *what;
	uint64_t done_bytes, total_bytes;
	uint64_t begun_bytes; /* what was there before */
	uint64_t begun_ms, drawn_ms;
	bool is_drawn;
};

/* Shows on fd, if that is a terminal and not -1. what is borrowed. */
void progress_begin(struct progress *progress, int fd, const char *what, uint64_t done_bytes,
		    uint64_t total_bytes);
/* So many bytes more. */
void progress_add(struct progress *progress, uint64_t bytes);
/* Takes the line away. */
void progress_end(struct progress *progress);

/*
 * Writes the line for this state after elapsed_ms, at most columns wide, without control
 * characters.
 */
void progress_format(const struct progress *progress, uint64_t elapsed_ms, size_t columns,
		     char *line, size_t size);

#endif
