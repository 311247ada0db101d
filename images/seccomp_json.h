/*
 * The parts of the reader of JSON profiles.
 */
#ifndef NACELLE_IMAGES_SECCOMP_JSON_H
#define NACELLE_IMAGES_SECCOMP_JSON_H

#include <stdbool.h>

#include "images/appc_reader.h"
#include "images/seccomp_rules.h"

/* Refuses members that are not among those named, with blanks between them. Returns 0 or -1. */
int seccomp_json_members(const struct appc_node *object, const char *known, struct error *err);

/* Whether an entry of syscalls counts for the app. Returns 0, or -1 with err filled. */
int seccomp_json_applies(const struct appc_node *entry, const struct seccomp_app *app,
			 bool *applies, struct error *err);

#endif
