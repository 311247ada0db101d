/*
 * Who an app is: its user, found inside its root, and its environment.
 */
#ifndef NACELLE_GUEST_INIT_IDENTITY_H
#define NACELLE_GUEST_INIT_IDENTITY_H

#include "guest-init/record.h"
#include "guest-init/users.h"

/*
 * Inside the app's root: resolves spec (NULL: root), names, numbers or paths, by the image's files.
 * Returns 0, or -1 with err filled.
 */
int identity_find(const char *spec, struct user *user, struct error *err);

/* Adds what the environment lacks of PATH, HOME and, for a terminal, TERM. */
void identity_complete_environment(struct record_app *app, const char *home);

#endif
