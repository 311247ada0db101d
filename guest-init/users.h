/*
 * Who an app runs as: "USER[:GROUP]" resolved against the passwd and group files of its image.
 */
#ifndef NACELLE_GUEST_INIT_USERS_H
#define NACELLE_GUEST_INIT_USERS_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/base/error.h"

enum { USER_GROUPS_MAX = 1024, USER_HOME_MAX = 1024 };

struct user {
	uint32_t uid, gid;
	uint32_t groups[USER_GROUPS_MAX]; /* supplementary, the primary group first */
	size_t group_count;
	char home[USER_HOME_MAX]; /* "/" where passwd does not say */
};

/* The text of a file, not NUL-terminated; { NULL, 0 } for one that is not there. */
struct text {
	const char *at;
	size_t len;
};

/*
 * As OCI runtimes do it: a number is always an id and need not be listed (gid 0 then); a name must
 * be listed; without a group in spec, the primary group is the one in passwd and the supplementary
 * groups are those in `group` that list the user's name. Returns 0, or -1 with err filled.
 */
int user_resolve(const char *spec, struct text passwd, struct text group, struct user *user,
		 struct error *err);

#endif
