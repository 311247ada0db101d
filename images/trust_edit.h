/*
 * Changing the policy of the caller: root's is the system's, anybody else's their own. One change
 * at a time; what stands under the file's name is always a whole policy, before or after the
 * change, also when the power goes.
 */
#ifndef NACELLE_IMAGES_TRUST_EDIT_H
#define NACELLE_IMAGES_TRUST_EDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "images/policy.h"
#include "images/policy_place.h"
#include "vmm/base/error.h"

struct trust_edit {
	struct policy_place place;
	int dir_fd;	      /* of the place, locked; closing it unlocks */
	struct policy policy; /* to be changed */
	bool was_locked;      /* the file may be immutable by our own doing */
};

/*
 * Opens the caller's policy for a change; where there is none, one that accepts everything. A
 * locked policy is refused unless unlock says that this is what will be undone. Returns 0, or -1
 * with err filled; trust_edit_close() must follow.
 */
int trust_edit_open(struct trust_edit *edit, bool unlock, struct error *err);
void trust_edit_close(struct trust_edit *edit);

/* Writes the policy. If it is locked now, the file also becomes immutable where it can. */
int trust_edit_write(struct trust_edit *edit, struct error *err);

/* Checks the key in the file and copies it to the place. Returns 0 with its name in id. */
int trust_edit_add_key(struct trust_edit *edit, const char *path, char id[POLICY_KEY_ID_SIZE],
		       struct error *err);

/* Removes the key's file if no rule names it; to be called after the policy was written. */
void trust_edit_drop_key(struct trust_edit *edit, const char *id);

/* The caller's own place. Returns 0, or -1 with err filled: HOME is not set. */
int trust_edit_place(struct policy_place *out, struct error *err);

#endif
