/*
 * Where policies and their keys are, and reading them without being fooled.
 *
 * The system's policy, /etc/nacelle/policy.json with the keys in /etc/nacelle/keys/, binds
 * everybody. An ordinary user's own, $XDG_CONFIG_HOME/nacelle or ~/.config/nacelle, binds that user
 * in addition, so it can only narrow. For root there is no other place, whatever the environment
 * says.
 *
 * A file or directory that somebody else could have written is as good as no decision: it is an
 * error, and an error refuses.
 */
#ifndef NACELLE_IMAGES_POLICY_PLACE_H
#define NACELLE_IMAGES_POLICY_PLACE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "vmm/base/error.h"

#define POLICY_FILE_NAME "policy.json"
#define POLICY_KEYS_DIR	 "keys"

enum {
	POLICY_PLACES_MAX = 2,
	POLICY_SIZE_MAX = 256 * 1024,
	POLICY_KEY_SIZE_MAX = 64 * 1024,
};

struct policy_place {
	char directory[PATH_MAX];
	uid_t owner; /* who may own what is there; root may always */
};

/* Tells one state of a file from every later one. */
struct policy_identity {
	uint64_t device;
	uint64_t inode;
	uint64_t mode;
	uint64_t uid;
	uint64_t mtime_ns;
	uint64_t ctime_ns;
};

struct policy_file {
	char *data; /* the holder's; followed by a NUL that is not counted */
	size_t len;
	struct policy_identity identity;
};

/* The places that bind the caller, the system's first. Returns how many there are, at least 1. */
size_t policy_places(struct policy_place places[POLICY_PLACES_MAX]);

/*
 * Reads POLICY_FILE_NAME or a file in POLICY_KEYS_DIR of a place, of at most max bytes. Returns 1
 * with *out filled, 0 when the file or the place does not exist, -1 with err filled: not a regular
 * file, too large, unreadable, or it or a directory is writable by others or owned by someone else.
 */
int policy_place_read(const struct policy_place *place, const char *name, size_t max,
		      struct policy_file *out, struct error *err);

/*
 * Opens and checks the place's directory, or its directory of keys. Returns the descriptor; -1 with
 * err filled, its code ENOENT when there is none.
 */
int policy_place_open(const struct policy_place *place, bool keys, struct error *err);

/* Whether two states of a file are the same, in identity and bytes. */
bool policy_file_equal(const struct policy_file *a, const struct policy_file *b);
void policy_file_free(struct policy_file *file);

#endif
