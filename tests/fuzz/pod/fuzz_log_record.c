/*
 * Lines of log files, whoever wrote them. What is an entry comes out the same after it has been
 * written again in either form. And any text of an app, the first byte saying how it is written,
 * comes back as it was.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/pod/log_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_and_read(const struct log_record *record, enum log_format format)
{
	static char text[LOG_TEXT_MAX + 1], line[LOG_RECORD_MAX];
	struct log_record copy = *record, back;
	size_t len;

	memcpy(text, record->text, record->len);
	text[record->len] = '\0';
	copy.text = text;
	len = log_record_write(format, &copy, line);
	assert(len > 0 && len <= LOG_RECORD_MAX && line[len - 1] == '\n');
	assert(!memchr(line, '\n', len - 1));
	assert(log_record_read(line, len - 1, &back) == 0);
	assert(back.time_ns == record->time_ns && back.stream == record->stream);
	assert(back.partial == record->partial && back.len == record->len);
	assert(back.note == (record->note && format == LOG_FORMAT_JSON));
	assert(memcmp(back.text, text, back.len) == 0);
}

static void read_line(const uint8_t *data, size_t size)
{
	char *line = malloc(size + 1);
	struct log_record record;

	assert(line);
	memcpy(line, data, size);
	if (log_record_read(line, size, &record) == 0 && record.len <= LOG_TEXT_MAX &&
	    !memchr(record.text, '\n', record.len)) {
		write_and_read(&record, LOG_FORMAT_JSON);
		write_and_read(&record, LOG_FORMAT_CRI);
	}
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct log_record record = { .time_ns = 1700000000123456789 };

	if (!size)
		return 0;
	if (data[0] >= 0x20) {
		read_line(data, size);
		return 0;
	}
	record.stream = data[0] & 1 ? LOG_STDERR : LOG_STDOUT;
	record.partial = data[0] & 2 && size > 1;
	record.text = (const char *)data + 1;
	record.len = size - 1 <= LOG_TEXT_MAX ? size - 1 : LOG_TEXT_MAX;
	if (!memchr(record.text, '\n', record.len))
		write_and_read(&record, data[0] & 4 ? LOG_FORMAT_CRI : LOG_FORMAT_JSON);
	return 0;
}
