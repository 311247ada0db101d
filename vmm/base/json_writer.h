/*
 * JSON (RFC 8259), written as it is made: two spaces for each level, a newline at the
 * end. Bytes that are not UTF-8 come out as U+FFFD, and every control character is escaped.
 */
#ifndef NACELLE_BASE_JSON_WRITER_H
#define NACELLE_BASE_JSON_WRITER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json_writer {
	FILE *out;
	unsigned depth;
	bool is_empty; /* nothing stands in what was opened last */
};

void json_begin(struct json_writer *json, FILE *out);
/* After the one value. */
void json_end(struct json_writer *json);

/* Values of an object have a key, those of an array and the outermost one have NULL. */
void json_open(struct json_writer *json, const char *key, char bracket); /* '{' or '[' */
void json_close(struct json_writer *json, char bracket);		 /* '}' or ']' */
void json_put_text(struct json_writer *json, const char *key, const char *text);
void json_put_number(struct json_writer *json, const char *key, uint64_t value);
void json_put_bool(struct json_writer *json, const char *key, bool value);
void json_put_null(struct json_writer *json, const char *key);

#endif
