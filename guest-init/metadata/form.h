/*
 * Fields of a form (application/x-www-form-urlencoded). Every byte is an app's.
 */
#ifndef NACELLE_METADATA_FORM_H
#define NACELLE_METADATA_FORM_H

#include <stddef.h>

struct form_field {
	const char *name; /* which is wanted; plain letters */
	char *value;	  /* decoded, in the body; NULL: it is not there */
	size_t len;
};

/*
 * Finds the fields in a body, which is changed for it; others are skipped. Returns 0, or -1: one of
 * them is there twice, or what a '%' begins is no byte.
 */
int form_read(char *body, size_t len, struct form_field *fields, size_t count);

#endif
