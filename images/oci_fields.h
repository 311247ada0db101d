/*
 * The members of config.json (OCI runtime specification 1.2) and what becomes of each: the reader
 * refuses and warns by this table, and the manual page repeats it.
 */
#ifndef NACELLE_IMAGES_OCI_FIELDS_H
#define NACELLE_IMAGES_OCI_FIELDS_H

#include <stddef.h>

enum oci_effect {
	OCI_HONOURED, /* as the specification has it, in the guest */
	OCI_MAPPED,   /* to what a virtual machine has for it: the note says how */
	OCI_UNUSED,   /* warned about, and without effect */
	OCI_REFUSED,  /* where it is there and not empty */
};

struct oci_field {
	const char *path; /* members with dots between them; "[]" stands for any item */
	enum oci_effect effect;
	const char *note;
};

extern const struct oci_field oci_fields[];
extern const size_t oci_field_count;

const char *oci_effect_name(enum oci_effect effect);

#endif
