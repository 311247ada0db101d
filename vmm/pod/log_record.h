/*
 * One entry of an app's log: a line of its output, or a part of one. Two forms on disk:
 *
 *	json	{"log":"text\n","stream":"stdout","time":"2026-11-22T06:38:59.123456789Z"}
 *		as Docker's json-file driver writes it; a text without \n at its end goes on in the
 *		stream's next entry
 *	cri	2026-11-22T06:38:59.123456789Z stdout F text
 *		as kubelet reads it; P instead of F: the line goes on in the stream's next entry
 *
 * Nothing of what the app wrote is lost: in JSON, a byte 0xNN that is not part of a UTF-8 character
 * is written \udcNN, the half of a surrogate pair, which no character gives; most readers show it
 * as U+FFFD.
 */
#ifndef NACELLE_POD_LOG_RECORD_H
#define NACELLE_POD_LOG_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_format {
	LOG_FORMAT_JSON,
	LOG_FORMAT_CRI,
};

enum log_stream {
	LOG_STDOUT,
	LOG_STDERR,
	LOG_STREAMS, /* how many there are */
};

struct log_record {
	uint64_t time_ns; /* since 1970 */
	enum log_stream stream;
	bool partial; /* the line goes on */
	bool note;    /* the logger's own words, not the app's; in JSON alone */
	const char *text;
	size_t len; /* without the newline */
};

enum {
	LOG_TEXT_MAX = 16384,			 /* bytes of one entry, before escapes */
	LOG_RECORD_MAX = 6 * LOG_TEXT_MAX + 128, /* bytes of one entry on disk */
};

/*
 * Writes the entry and a newline into out, which has room for LOG_RECORD_MAX bytes, and returns how
 * many. A byte with the value 0 must follow record->text.
 */
size_t log_record_write(enum log_format format, const struct log_record *record, char *out);

/*
 * Reads what log_record_write() wrote, of either form; len is without the newline. The text is put
 * into the line's own bytes, over its beginning. Returns 0, or -1 if the line is nothing of ours.
 */
int log_record_read(char *line, size_t len, struct log_record *record);

#endif
