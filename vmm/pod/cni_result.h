/*
 * What a CNI plug-in prints (specification 1.0.0, section 5): a result of ADD, or an error. It is
 * read in a confined process (cni_reader.h), which passes on what it has found as flat fields.
 *
 * Only nacelle-image links this.
 */
#ifndef NACELLE_POD_CNI_RESULT_H
#define NACELLE_POD_CNI_RESULT_H

#include <stddef.h>

#include "images/fields.h"
#include "images/string_list.h"
#include "vmm/base/error.h"

enum { CNI_ADDRESSES_MAX = 8, CNI_SERVERS_MAX = 8, CNI_DOMAINS_MAX = 8 };

struct cni_result {
	struct string_list addresses; /* IP/PREFIX */
	struct string_list servers;   /* addresses of name servers */
	struct string_list domains;   /* in which names are completed */
};

/*
 * Reads a result of ADD. Addresses and names are checked to be that; everything else in it is for
 * the plug-ins. On failure nothing is left in *result.
 */
int cni_result_parse(struct cni_result *result, const char *text, size_t len, struct error *err);
void cni_result_free(struct cni_result *result);

/* Puts it into flat fields that have been begun. */
void cni_result_put(const struct cni_result *result, struct field_writer *w);

/* As a message; the bytes are the caller's. Returns 0, or -1: there is no memory. */
int cni_result_encode(const struct cni_result *result, void **data, size_t *len);

/*
 * Reads the message and checks it as cni_result_parse() does: its writer may have been taken over.
 * On failure nothing is left in *result.
 */
int cni_result_decode(struct cni_result *result, const void *data, size_t len, struct error *err);

/*
 * Fills err with what a plug-in that failed has said on its stdout, an error of CNI, or else with
 * the first line of its stderr. Returns -1.
 */
int cni_error_parse(const char *text, size_t len, const char *words, struct error *err);

#endif
