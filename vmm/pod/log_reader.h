/*
 * The log of one app, read entry by entry from the oldest on, also while the logger goes on writing
 * and rotating it.
 */
#ifndef NACELLE_POD_LOG_READER_H
#define NACELLE_POD_LOG_READER_H

#include "vmm/base/error.h"
#include "vmm/pod/log_file.h"

enum { LOG_READER_BYTES = 2 * LOG_RECORD_MAX };

struct log_reader {
	int directory; /* not owned */
	const char *app;
	int fds[LOG_FILES_MAX + 1]; /* the oldest first */
	unsigned count, index;
	uint64_t offset; /* in the file at index, of what is read next */
	size_t start, end;
	bool is_skipping;    /* to the end of a line that is longer than the buffer */
	uint64_t unreadable; /* lines that are nothing of ours */
	uint64_t gaps;	     /* how often files went before they were read */
	char buffer[LOG_READER_BYTES];
};

/* Opens what there is now, which may be nothing. */
void log_reader_open(struct log_reader *reader, int directory, const char *app);
void log_reader_close(struct log_reader *reader);

/* Back to the oldest entry of what has been opened. */
void log_reader_rewind(struct log_reader *reader);

/*
 * Reads an entry, whose text stays valid until the next call. Returns 1, or 0 if there is none
 * (yet).
 */
int log_reader_next(struct log_reader *reader, struct log_record *record);

/*
 * After log_reader_next() has found none: goes on to files that have been begun since. Returns
 * whether it is worth to call log_reader_next() again even if nothing is written any more.
 */
bool log_reader_refresh(struct log_reader *reader);

#endif
