/*
 * A profile of the user's, an image's or a manifest's into a program, in a confined process.
 */
#ifndef NACELLE_IMAGES_SECCOMP_COMPILE_H
#define NACELLE_IMAGES_SECCOMP_COMPILE_H

#include "images/seccomp_rules.h"
#include "vmm/base/error.h"
#include "vmm/base/seccomp.h"

#define SECCOMP_BUNDLE "bundle="

/*
 * profile is "mode=...", or the name of a file with JSON; behind SECCOMP_BUNDLE, of a config.json.
 * Returns 0 with *program filled (no code: the app has no filter) and *notice what the user should
 * know, for free(), or NULL; or -1 with err filled.
 */
int seccomp_compile_profile(const char *profile, const struct seccomp_app *app,
			    struct seccomp_program *program, char **notice, struct error *err);

#endif
