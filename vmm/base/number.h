/*
 * Numbers that people type.
 */
#ifndef NACELLE_BASE_NUMBER_H
#define NACELLE_BASE_NUMBER_H

#include <stdint.h>

/* A decimal number without sign or blanks, and nothing behind it. Returns 0, or -1. */
int number_parse(const char *text, uint64_t *value);

/* The same with an optional suffix k, M, G or T (either case, powers of 1024; "MiB" too): bytes. */
int number_parse_size(const char *text, uint64_t *bytes);

/* A number with at most three decimals: thousandths. Returns 0, or -1. */
int number_parse_thousandths(const char *text, uint64_t *thousandths);

#endif
