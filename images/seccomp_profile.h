/*
 * Profiles other than the default one: appc's sets as text, and JSON as the OCI runtime
 * specification and docker have it.
 */
#ifndef NACELLE_IMAGES_SECCOMP_PROFILE_H
#define NACELLE_IMAGES_SECCOMP_PROFILE_H

#include <stddef.h>

#include "images/seccomp_rules.h"
#include "images/string_list.h"
#include "vmm/base/error.h"
#include "vmm/base/seccomp.h"

/* A profile while it is read, and what it says. seccomp_profile_free() releases it. */
struct seccomp_profile {
	const struct seccomp_app *app;
	bool none;	   /* no filter at all */
	bool default_only; /* the default profile */
	struct seccomp_policy policy;
	struct seccomp_rules rules;
	struct string_list unknown;	      /* names that no architecture here has: left out */
	struct seccomp_condition *conditions; /* of all rules */
};

/*
 * "mode=retain|remove[,errno=E...][,NAME|@SET...]" (appc spec, ace.md, "seccomp-retain-set";
 * rkt's --seccomp). @appc.io/all and @appc.io/empty stand for all calls and none: to retain all is
 * no filter, to remove none is the default profile.
 */
int seccomp_read_text(struct seccomp_profile *profile, const char *text, struct error *err);

/*
 * The object linux.seccomp of the OCI runtime specification 1.2, and docker's form of it, in which
 * rules depend on capabilities and architectures. Members that are not known are refused.
 * in_bundle: the text is a whole config.json.
 */
int seccomp_read_json(struct seccomp_profile *profile, const char *text, size_t len, bool in_bundle,
		      struct error *err);

/* Adds a rule for a name, or notes that it is unknown. Returns 0, or -1 with err filled. */
int seccomp_profile_add(struct seccomp_profile *profile, const char *name, uint32_t action,
			const struct seccomp_condition *conditions, unsigned condition_count,
			struct error *err);

/* Compiles what was read; a filter under which no program could start is refused. */
int seccomp_profile_compile(struct seccomp_profile *profile, struct seccomp_program *program,
			    struct error *err);
void seccomp_profile_free(struct seccomp_profile *profile);

/* The number of an error by its name, "E...", or 0. */
int seccomp_errno(const char *name);

#endif
