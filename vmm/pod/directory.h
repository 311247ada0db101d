/*
 * Pods as directories: ROOT/pods/v1/PLACE/UUID.
 *
 * The state of a pod is the place of its directory and whether somebody holds the directory's lock
 * (flock): there is nothing else to keep, and nothing that a process or a host could leave wrong
 * when it dies. A pod only ever moves forward through the places, by rename(2), and only whoever
 * holds its lock moves it.
 *
 * The tree belongs to one user, who alone can write it. What is found in it is read with bounds;
 * still, its bytes are that user's own. Directories of others are refused.
 */
#ifndef NACELLE_POD_DIRECTORY_H
#define NACELLE_POD_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/error.h"
#include "vmm/pod/uuid.h"

/* In the order in which a pod goes through them. */
enum pod_place {
	POD_PLACE_PREPARE,	  /* it is being made */
	POD_PLACE_PREPARED,	  /* it waits for run-prepared */
	POD_PLACE_RUN,		  /* it runs, or has ended */
	POD_PLACE_EXITED_GARBAGE, /* it has ended, and goes after a while */
	POD_PLACE_GARBAGE,	  /* it never ran, or goes at once */
};
enum { POD_PLACE_COUNT = 5 };

struct pod_directory {
	int pods_fd; /* ROOT/pods/v1; borrowed */
	int fd;	     /* the pod's own; owned. The lock lives as long as it is open. */
	enum pod_place place;
	char uuid[UUID_TEXT_SIZE];
};

/*
 * Opens ROOT/pods/v1 (root NULL: as the store of images); creates it if create is set. Returns a
 * descriptor for the functions below; -1 with err filled. Without create a tree that is not there
 * is -1 with err->code ENOENT.
 */
int pods_open(const char *root, bool create, struct error *err);

/* Makes the directory of a new pod, locked, and gives it its UUID. */
int directory_create(int pods_fd, enum pod_place place, struct pod_directory *out,
		     struct error *err);

/* The same with a UUID that somebody else has chosen; it is an error if there is such a pod. */
int directory_create_as(int pods_fd, enum pod_place place, const char *uuid,
			struct pod_directory *out, struct error *err);

/*
 * Opens a pod's directory where it is said to be. Returns 1; 0 if it is not there (any more); -1
 * with err filled.
 */
int directory_open(int pods_fd, enum pod_place place, const char *uuid, struct pod_directory *out,
		   struct error *err);
void directory_close(struct pod_directory *directory);

/*
 * Takes the lock. Returns 1, then it is ours and the pod still where it was; 0 if somebody holds
 * it; -1 with err filled, with the code ENOENT if the pod has been moved or removed.
 */
int directory_lock(struct pod_directory *directory, struct error *err);

/* Whether somebody holds the lock. */
bool directory_is_held(const struct pod_directory *directory);

/* Waits until nobody holds the lock. */
int directory_wait(const struct pod_directory *directory, struct error *err);

/* Moves it on; durable: so that it stands there after a crash of the host too. */
int directory_move(struct pod_directory *directory, enum pod_place to, bool durable,
		   struct error *err);

/* Makes durable which pods stand in a place. Returns 0, or -1 with errno set. */
int directory_sync(int pods_fd, enum pod_place place);

/* Removes it and all that is in it; the caller holds its lock. */
int directory_remove(struct pod_directory *directory, struct error *err);

/* Makes a file, or replaces its contents. On failure it is not there. */
int directory_write(int dir_fd, const char *name, const void *data, size_t len_bytes, bool durable,
		    struct error *err);

/* "/proc/self/fd/N/NAME": the way to a name below a directory for calls that know no dirfd. */
enum { DIRECTORY_LINK_MAX = 64 };
void directory_link(char path[DIRECTORY_LINK_MAX], int dir_fd, const char *name);

/* The name of a place, and of the state of a pod there. */
const char *pod_place_name(enum pod_place place);
const char *pod_state_name(enum pod_place place, bool is_held);

#endif
