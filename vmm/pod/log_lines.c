/*
 * Lines out of bytes. What goes out in parts is cut between characters where it has any.
 */
#include "vmm/pod/log_lines.h"

#include <string.h>

static void hand_over(struct log_lines *lines, size_t len, bool partial, log_lines_fn *fn,
		      void *context)
{
	char after = lines->text[len];
	const struct log_record record = {
		.time_ns = lines->time_ns,
		.stream = lines->stream,
		.partial = partial,
		.text = lines->text,
		.len = len,
	};

	lines->text[len] = '\0';
	fn(context, &record);
	lines->text[len] = after;
	lines->len -= len;
	memmove(lines->text, lines->text + len, lines->len);
}

/* The length of the text up to its last whole character; all of it if that is not UTF-8. */
static size_t whole_characters(const char *text, size_t len)
{
	for (size_t back = 1; back <= 3; back++) {
		unsigned char c = (unsigned char)text[len - back];
		size_t needs = 1U + (c >= 0xc0) + (c >= 0xe0) + (c >= 0xf0);

		if ((c & 0xc0) != 0x80)
			return needs > back ? len - back : len;
	}
	return len;
}

void log_lines_add(struct log_lines *lines, const char *data, size_t len, uint64_t time_ns,
		   log_lines_fn *fn, void *context)
{
	while (len) {
		const char *newline = memchr(data, '\n', len);
		size_t part = newline ? (size_t)(newline - data) : len;
		size_t room = LOG_TEXT_MAX - lines->len;

		if (!lines->len)
			lines->time_ns = time_ns;
		if (part > room) {
			part = room;
			newline = NULL;
		}
		memcpy(lines->text + lines->len, data, part);
		lines->len += part;
		data += part;
		len -= part;
		if (newline) {
			hand_over(lines, lines->len, false, fn, context);
			data++;
			len--;
		} else if (lines->len == LOG_TEXT_MAX && len) {
			hand_over(lines, whole_characters(lines->text, LOG_TEXT_MAX), true, fn,
				  context);
		}
	}
}

void log_lines_end(struct log_lines *lines, log_lines_fn *fn, void *context)
{
	if (lines->len)
		hand_over(lines, lines->len, true, fn, context);
}
