/*
 * Points in time as text (RFC 3339). In UTC and without the C library's calendar, which opens files
 * for its time zones.
 */
#ifndef NACELLE_BASE_TIME_TEXT_H
#define NACELLE_BASE_TIME_TEXT_H

#include <stddef.h>
#include <stdint.h>

enum { TIME_TEXT_BYTES = 30 }; /* 2026-11-22T06:38:59.123456789Z, without a NUL */

/* Writes TIME_TEXT_BYTES bytes; time_ns counts from 1970 on. */
void time_text_write(char *text, uint64_t time_ns);

/*
 * Reads such a time of len bytes: up to nine decimals or none, Z or an offset such as +02:00, or a
 * date alone, which means its first moment in UTC. Returns 0; -1 if it is none, or before 1970.
 */
int time_text_read(const char *text, size_t len, uint64_t *time_ns);

/*
 * A length of time as people type it: 90s, 10m, 1h30m, 2d, 250ms. Returns 0, or -1.
 */
int time_text_read_duration(const char *text, uint64_t *duration_ns);

#endif
