/*
 * Rules for a system call filter, gathered by name.
 */
#ifndef NACELLE_IMAGES_SECCOMP_RULES_H
#define NACELLE_IMAGES_SECCOMP_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/seccomp_default.h"
#include "images/system_calls.h"
#include "vmm/base/error.h"
#include "vmm/base/seccomp.h"

struct seccomp_rules {
	struct seccomp_rule *items;
	size_t count;
	size_t capacity;
};

/* What a profile may depend on. */
struct seccomp_app {
	uint64_t capabilities; /* mask of CAP_*: the app's bounding set */
	bool vsock;	       /* it may use vsock */
};

/*
 * Adds a rule; the conditions are borrowed and stay as they are. Without conditions, on the 32-bit
 * architecture, what socketcall() and ipc() do in its place gets the same action. Returns 0, or -1
 * with err filled: too many rules, or no memory.
 */
int seccomp_rules_add(struct seccomp_rules *rules, const struct system_call *call, uint32_t action,
		      const struct seccomp_condition *conditions, unsigned condition_count,
		      struct error *err);

/* Adds the groups of the default profile that hold for the app. */
int seccomp_rules_add_default(struct seccomp_rules *rules, const struct seccomp_app *app,
			      struct error *err);

/* Adds a rule for every call that the default profile has a rule for in the app, or has not. */
int seccomp_rules_add_listed(struct seccomp_rules *rules, const struct seccomp_app *app,
			     bool allowed, uint32_t action, struct error *err);

void seccomp_rules_free(struct seccomp_rules *rules);

/* The next word of a list with blanks between them, and its length; NULL at the end. */
const char *seccomp_next_name(const char **names, size_t *len);

/* Compiles the default profile. 32-bit calls are refused unless the guest's kernel has them. */
int seccomp_compile_default(const struct seccomp_app *app, bool with_x86,
			    struct seccomp_program *program, struct error *err);

#endif
