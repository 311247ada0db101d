/*
 * Entries of logs, written and read. Their texts are the app's; the reader relies on no byte of a
 * line before it has seen it.
 */
#include "vmm/pod/log_record.h"

#include <assert.h>
#include <string.h>

#include "vmm/base/text.h"
#include "vmm/base/time_text.h"

static const char *const stream_names[LOG_STREAMS] = { "stdout", "stderr" };

static char *put(char *at, const char *text)
{
	return mempcpy(at, text, strlen(text));
}

static char *put_unit(char *at, unsigned unit)
{
	static const char digits[] = "0123456789abcdef";

	*at++ = '\\';
	*at++ = 'u';
	for (int shift = 12; shift >= 0; shift -= 4)
		*at++ = digits[unit >> shift & 0xf];
	return at;
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Writes one character of the text; *len says how many bytes of it that was. */
static char *put_character(char *at, const char *text, size_t *len)
{
	unsigned char c = (unsigned char)*text;
	uint32_t code;

	*len = 1;
	switch (c) {
	case '"':
	case '\\':
		*at++ = '\\';
		*at++ = (char)c;
		return at;
	case '\n':
		return put(at, "\\n");
	case '\r':
		return put(at, "\\r");
	case '\t':
		return put(at, "\\t");
	default:
		break;
	}
	if (c < 0x80)
		return put_unit(at, c);
	*len = text_decode(text, &code);
	if (*len)
		return mempcpy(at, text, *len);
	*len = 1;
	return put_unit(at, 0xdc00U + c);
}

static char *put_escaped(char *at, const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end) {
		size_t run = 0;

		while (text + run < end && is_plain((unsigned char)text[run]))
			run++;
		at = mempcpy(at, text, run);
		text += run;
		if (text == end)
			break;
		at = put_character(at, text, &run);
		text += run;
	}
	return at;
}

static char *put_time(char *at, uint64_t time_ns)
{
	time_text_write(at, time_ns);
	return at + TIME_TEXT_BYTES;
}

size_t log_record_write(enum log_format format, const struct log_record *record, char *out)
{
	char *at = out;

	assert(record->len <= LOG_TEXT_MAX && record->text[record->len] == '\0');
	if (format == LOG_FORMAT_CRI) {
		at = put_time(at, record->time_ns);
		*at++ = ' ';
		at = put(at, stream_names[record->stream]);
		at = put(at, record->partial ? " P " : " F ");
		at = mempcpy(at, record->text, record->len);
	} else {
		at = put(at, "{\"log\":\"");
		at = put_escaped(at, record->text, record->len);
		at = put(at, record->partial ? "\",\"stream\":\"" : "\\n\",\"stream\":\"");
		at = put(at, stream_names[record->stream]);
		at = put(at, record->note ? "\",\"attrs\":{\"nacelle\":\"note\"},\"time\":\""
					  : "\",\"time\":\"");
		at = put_time(at, record->time_ns);
		at = put(at, "\"}");
	}
	*at++ = '\n';
	return (size_t)(at - out);
}

/* A line that is being read. */
struct scan {
	const char *at, *end;
};

static bool take(struct scan *scan, const char *expected)
{
	size_t len = strlen(expected);

	if ((size_t)(scan->end - scan->at) < len || memcmp(scan->at, expected, len) != 0)
		return false;
	scan->at += len;
	return true;
}

static bool take_stream(struct scan *scan, enum log_stream *stream)
{
	for (int i = 0; i < LOG_STREAMS; i++) {
		if (take(scan, stream_names[i])) {
			*stream = (enum log_stream)i;
			return true;
		}
	}
	return false;
}

static bool take_time(struct scan *scan, uint64_t *time_ns)
{
	if (scan->end - scan->at < TIME_TEXT_BYTES ||
	    time_text_read(scan->at, TIME_TEXT_BYTES, time_ns) < 0)
		return false;
	scan->at += TIME_TEXT_BYTES;
	return true;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What follows "\u": the byte that it stands for, which is all that is written so; or -1. */
static int take_unit(struct scan *scan)
{
	unsigned unit = 0;

	if (scan->end - scan->at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int value = hex_value(*scan->at++);

		if (value < 0)
			return -1;
		unit = unit << 4 | (unsigned)value;
	}
	if (unit < 0x80)
		return (int)unit;
	return unit >= 0xdc80 && unit <= 0xdcff ? (int)(unit & 0xff) : -1;
}

static int take_escape(struct scan *scan)
{
	if (scan->at == scan->end)
		return -1;
	switch (*scan->at++) {
	case '"':
		return '"';
	case '\\':
		return '\\';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	case 'u':
		return take_unit(scan);
	default:
		return -1;
	}
}

/* Up to the quotation mark at its end. What is read is never shorter than what it means. */
static bool take_text(struct scan *scan, char *out, size_t *len)
{
	char *to = out;

	while (scan->at < scan->end && *scan->at != '"') {
		int byte = (unsigned char)*scan->at++;

		if (byte == '\\')
			byte = take_escape(scan);
		if (byte < 0)
			return false;
		*to++ = (char)byte;
	}
	*len = (size_t)(to - out);
	return take(scan, "\"");
}

static int read_json(struct scan *scan, char *line, struct log_record *record)
{
	if (!take(scan, "{\"log\":\"") || !take_text(scan, line, &record->len) ||
	    !take(scan, ",\"stream\":\"") || !take_stream(scan, &record->stream))
		return -1;
	record->note = take(scan, "\",\"attrs\":{\"nacelle\":\"note\"}");
	if (!take(scan, record->note ? ",\"time\":\"" : "\",\"time\":\"") ||
	    !take_time(scan, &record->time_ns) || !take(scan, "\"}") || scan->at != scan->end)
		return -1;
	record->text = line;
	record->partial = !record->len || line[record->len - 1] != '\n';
	record->len -= !record->partial;
	return 0;
}

static int read_cri(struct scan *scan, struct log_record *record)
{
	if (!take_time(scan, &record->time_ns) || !take(scan, " ") ||
	    !take_stream(scan, &record->stream))
		return -1;
	record->note = false;
	record->partial = take(scan, " P ");
	if (!record->partial && !take(scan, " F "))
		return -1;
	record->text = scan->at;
	record->len = (size_t)(scan->end - scan->at);
	return 0;
}

int log_record_read(char *line, size_t len, struct log_record *record)
{
	struct scan scan = { .at = line, .end = line + len };

	return len && *line == '{' ? read_json(&scan, line, record) : read_cri(&scan, record);
}
