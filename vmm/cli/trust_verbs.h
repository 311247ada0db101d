/*
 * The verbs of nacelle trust that change the policy, and the one that shows it.
 */
#ifndef NACELLE_CLI_TRUST_VERBS_H
#define NACELLE_CLI_TRUST_VERBS_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/text_list.h"
#include "vmm/cli/options.h"

struct trust_verb_options {
	const char *prefix;
	struct text_list keys;
	const char *key;
	uint64_t threshold; /* 0: not given */
	bool json;
};

#define TRUST_FIELD(name) offsetof(struct trust_verb_options, name)

int cli_trust_add(const void *options, int argc, char **argv, struct error *err);
int cli_trust_set(const void *options, int argc, char **argv, struct error *err);
int cli_trust_remove(const void *options, int argc, char **argv, struct error *err);
int cli_trust_default(const void *options, int argc, char **argv, struct error *err);
int cli_trust_lock(const void *options, int argc, char **argv, struct error *err);
int cli_trust_unlock(const void *options, int argc, char **argv, struct error *err);
int cli_trust_list(const void *options, int argc, char **argv, struct error *err);

#endif
