/*
 * Names of pods: links in pods/v1/names, each to the UUID of one pod.
 *
 * A name belongs to a pod that is prepared or runs. One that has ended keeps it, until another pod
 * takes it; so a name always means one pod, and the last that had it.
 */
#ifndef NACELLE_POD_POD_NAME_H
#define NACELLE_POD_POD_NAME_H

#include <stdbool.h>

#include "vmm/base/error.h"
#include "vmm/pod/uuid.h"

enum { POD_NAME_MAX = 64 };

/* Letters, digits, dots, dashes and underscores, a letter or digit first, and no UUID. */
int pod_name_check(const char *name, struct error *err);

/* Gives the name to a pod. Fails if another that is prepared or runs has it. */
int pod_name_take(int pods_fd, const char *name, const char *uuid, struct error *err);

/* The same, but not from any pod that is there: then the error's code is EEXIST. */
int pod_name_take_free(int pods_fd, const char *name, const char *uuid, struct error *err);

/* Whether there is such a name; then *uuid is the pod's, which may have gone. */
bool pod_name_find(int pods_fd, const char *name, char uuid[UUID_TEXT_SIZE]);

/*
 * Keeps all names as they are until pod_name_give_up(), which removes this one and closes what is
 * returned. -1: the name is another pod's, or none can be had.
 */
int pod_name_lock(int pods_fd, const char *name, const char *uuid);
void pod_name_give_up(int names_fd, const char *name);

/* Removes the names of pods that are not there any more. */
void pod_names_sweep(int pods_fd);

#endif
