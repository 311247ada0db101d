/*
 * Where an app's changes to its root go: guest memory, the pod's own disk, or nowhere.
 */
#ifndef NACELLE_POD_UPPER_H
#define NACELLE_POD_UPPER_H

#include "vmm/base/error.h"
#include "vmm/machine/plan.h"
#include "vmm/pod/disk_name.h"
#include "vmm/pod/pod.h"

#define UPPER_FILE_NAME		 "upper.img" /* in the pod's directory: ext4, sparse */
#define UPPER_DISK_DEFAULT_BYTES ((uint64_t)8 << 30)
#define UPPER_DISK_MIN_BYTES	 ((uint64_t)16 << 20)

/*
 * Reads --upper: tmpfs[:SIZE], disk[:SIZE] or none; NULL is tmpfs. Size 0: what is usual for it.
 */
int upper_parse(const char *text, enum pod_upper *kind, uint64_t *size_bytes, struct error *err);

/*
 * If an app's upper layer is on a disk: makes the disk, as the plan's last one, and has all such
 * apps and all empty volumes use it. name must live as long as the pod.
 */
int upper_make_disk(struct plan *plan, int pod_directory, struct pod_app *apps, size_t app_count,
		    struct pod_volume *volumes, size_t volume_count, char name[DISK_NAME_SIZE],
		    struct error *err);

/* Makes the disk, if an app's upper layer is on one, ahead of the start; durable. */
int upper_prepare_disk(int pod_directory, const struct pod_app *apps, size_t app_count,
		       struct error *err);

#endif
