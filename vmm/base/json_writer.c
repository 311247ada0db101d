/*
 * Writing JSON. Failures of the stream show when it is flushed or closed.
 */
#include "vmm/base/json_writer.h"

#include <inttypes.h>
#include <stddef.h>

#include "vmm/base/text.h"

void json_begin(struct json_writer *json, FILE *out)
{
	*json = (struct json_writer){ .out = out, .is_empty = true };
}

void json_end(struct json_writer *json)
{
	(void)fputc('\n', json->out);
}

static void new_line(const struct json_writer *json)
{
	static const char spaces[] = "                ";
	size_t left = 2 * (size_t)json->depth;

	(void)fputc('\n', json->out);
	while (left > 0) {
		size_t n = left < sizeof(spaces) - 1 ? left : sizeof(spaces) - 1;

		(void)fwrite(spaces, 1, n, json->out);
		left -= n;
	}
}

/* How many bytes of the text are characters that need nothing. */
static size_t count_plain(const char *text)
{
	size_t n = 0;

	while (text[n] >= 0x20 && text[n] < 0x7f && text[n] != '"' && text[n] != '\\')
		n++;
	return n;
}

static void write_text(const struct json_writer *json, const char *text)
{
	(void)fputc('"', json->out);
	for (;;) {
		size_t plain = count_plain(text), len;
		uint32_t code;

		(void)fwrite(text, 1, plain, json->out);
		text += plain;
		if (!*text)
			break;
		len = text_decode(text, &code);
		if (len == 0)
			(void)fputs("\\ufffd", json->out);
		else if (code == '"' || code == '\\')
			(void)fprintf(json->out, "\\%c", (char)code);
		else if (code < 0x20 || (code >= 0x7f && code < 0xa0))
			(void)fprintf(json->out, "\\u%04x", code);
		else
			(void)fwrite(text, 1, len, json->out);
		text += len ? len : 1;
	}
	(void)fputc('"', json->out);
}

static void begin_value(struct json_writer *json, const char *key)
{
	if (json->depth) {
		if (!json->is_empty)
			(void)fputc(',', json->out);
		new_line(json);
	}
	json->is_empty = false;
	if (key) {
		write_text(json, key);
		(void)fputs(": ", json->out);
	}
}

void json_open(struct json_writer *json, const char *key, char bracket)
{
	begin_value(json, key);
	(void)fputc(bracket, json->out);
	json->depth++;
	json->is_empty = true;
}

void json_close(struct json_writer *json, char bracket)
{
	json->depth--;
	if (!json->is_empty)
		new_line(json);
	(void)fputc(bracket, json->out);
	json->is_empty = false;
}

void json_put_text(struct json_writer *json, const char *key, const char *text)
{
	begin_value(json, key);
	write_text(json, text);
}

void json_put_number(struct json_writer *json, const char *key, uint64_t value)
{
	begin_value(json, key);
	(void)fprintf(json->out, "%" PRIu64, value);
}

void json_put_bool(struct json_writer *json, const char *key, bool value)
{
	begin_value(json, key);
	(void)fputs(value ? "true" : "false", json->out);
}

void json_put_null(struct json_writer *json, const char *key)
{
	begin_value(json, key);
	(void)fputs("null", json->out);
}
