/*
 * The files of /etc that say who and where the pod is: hostname, hosts, resolv.conf. One of each
 * for the pod, mounted over the image's in every app's root, so that the image, also one that is a
 * directory of the host, stays as it is.
 */
#ifndef NACELLE_GUEST_INIT_ETC_H
#define NACELLE_GUEST_INIT_ETC_H

#include <stdbool.h>

#include "guest-init/record.h"
#include "vmm/base/error.h"

enum { ETC_FILES = 3 };

/* In PID 1: writes those that the record has, into the initramfs. */
int etc_write(const struct record *record, struct error *err);

/* In an app's process, before it enters its root: a detached mount of each; -1 where there is none.
 */
void etc_open(int files[ETC_FILES]);

/*
 * In the app's root: mounts and closes them. Where the image has no such file one is made if `make`
 * says so; an image without a place for one goes without. They are as read_only as the root.
 */
int etc_mount(int files[ETC_FILES], bool make, bool read_only, struct error *err);

#endif
