/*
 * Network namespaces of pods, each with a name: a file that it is mounted on, so that plug-ins can
 * be told of it and it outlives every process. Root only.
 */
#ifndef NACELLE_POD_NETNS_H
#define NACELLE_POD_NETNS_H

#include "vmm/base/error.h"

enum { NETNS_PATH_MAX = 128 };

/* The path of the namespace of a pod with this UUID. */
void netns_path(char path[NETNS_PATH_MAX], const char *uuid);

/* Makes it, with its loopback interface up. What bears the name already is an error. */
int netns_create(const char *path, struct error *err);

/* Unmounts and removes what netns_create() has made, as far as it is there. */
int netns_remove(const char *path, struct error *err);

/*
 * The calling thread enters a namespace. Returns a descriptor of the one that it was in, for
 * netns_leave(); -1 with err filled. Sockets and taps made meanwhile stay in the pod's.
 */
int netns_enter(const char *path, struct error *err);
/* Goes back, and closes the descriptor. */
int netns_leave(int fd, struct error *err);

/*
 * The calling process enters a namespace for good: the one at path, or, if that is empty, one of
 * its own. That of the calling process itself is refused. Returns 0; 1 if the user may not make
 * one; -1 with err filled.
 */
int netns_become(const char *path, struct error *err);

/* The same with one that may be the caller's already. Returns 0, or -1 with err filled. */
int netns_join(const char *path, struct error *err);

#endif
