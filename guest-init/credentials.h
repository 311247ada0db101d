/*
 * What an app's process may do: limits, capabilities, user and groups.
 */
#ifndef NACELLE_GUEST_INIT_CREDENTIALS_H
#define NACELLE_GUEST_INIT_CREDENTIALS_H

#include "guest-init/record.h"
#include "guest-init/users.h"

/*
 * Applies the record's limits, bounding set and no_new_privs to the calling process and makes it
 * the user. A root keeps the record's capabilities as permitted and effective set; any other user
 * has none. Inheritable and ambient sets are empty. One capability may be left that the filter of
 * system calls needs (seccomp.h), until execve(). Returns 0, or -1 with err filled.
 */
int credentials_apply(const struct record_app *app, const struct user *user, struct error *err);

/*
 * For a process that keeps running beside the app, without a filter: gives up what is left. Returns
 * 0, or -1 with err filled.
 */
int credentials_finish(const struct record_app *app, const struct user *user, struct error *err);

/* The record's oom_score_adj for the calling process, in whose /proc it is. */
int credentials_oom_score(const struct record_app *app, struct error *err);

#endif
