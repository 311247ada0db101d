/*
 * The volumes of a pod together: which shares, disks and empty volumes they come to, and their
 * opening on the host. Settling makes no system call; volume_set_open() makes all of them.
 */
#ifndef NACELLE_POD_VOLUME_SET_H
#define NACELLE_POD_VOLUME_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest-init/protocol.h"
#include "vmm/base/error.h"
#include "vmm/machine/files.h"
#include "vmm/machine/plan.h"
#include "vmm/pod/pod.h"
#include "vmm/pod/volume.h"

struct volume_share {
	char name[16];	  /* in the guest: "root0", "vol1" */
	const char *text; /* the option, for messages; NULL if it was opened by others */
	const char *path;
	int fd; /* O_PATH: a directory or a regular file; -1 until it is open */
	bool read_only;
	bool recursive;
	enum pod_cache cache;
};

struct volume_disk {
	char name[8]; /* in the guest: "vdb" */
	const char *text;
	const char *path;
	int fd;
	bool read_only;
	uint64_t size_bytes; /* once it is open */
};

/* Texts of the options, and names here, are pointed to by the pod: neither may move. */
struct volume_set {
	struct volume_share shares[P9_SHARES_MAX];
	unsigned share_count;
	struct volume_disk disks[PLAN_DISKS_MAX];
	unsigned disk_count;
	unsigned first_disk; /* disks of the pod before these */
	struct pod_volume volumes[RECORD_VOLUMES_MAX];
	unsigned volume_count;
};

void volume_set_init(struct volume_set *set, unsigned first_disk);

/*
 * Puts a volume on a path of an app: what several apps mount alike is there once. Fills *mount.
 * `read_only` is what the mount says. Returns 0, or -1 with err filled.
 */
int volume_set_mount(struct volume_set *set, const struct volume *volume, const char *target,
		     enum volume_flag read_only, struct pod_mount *mount, struct error *err);

/*
 * An empty volume that nobody asked for by name: what an image declares at this path, and what the
 * image has there. The name must live as long as the set.
 */
int volume_set_implicit(struct volume_set *set, const char *name, const char *target,
			struct pod_mount *mount, struct error *err);

/* A share whose descriptor, which the set takes over, is open: a root directory. Its name, or NULL.
 */
const char *volume_set_adopt(struct volume_set *set, const char *prefix, int fd, bool read_only,
			     struct error *err);

/*
 * With the privilege to mount, a copy of the mount takes the place of what was opened: one that the
 * kernel keeps read-only whatever the server does, or one without the mounts below it, so that the
 * directories under those show. Otherwise the server alone refuses both.
 */
void volume_isolate(int *fd, bool read_only, bool recursive);

/* The device that a share belongs to, and how many shares a device has. */
enum plan_files_kind volume_share_kind(const struct volume_share *share);
unsigned volume_set_count(const struct volume_set *set, enum plan_files_kind kind);

/*
 * Puts mounts in an order in which none hides another: a path comes before what lies below it; else
 * they stay as they are.
 */
void volume_sort_targets(struct pod_mount *mounts, size_t count);

/* Refuses two mounts of one app on the same path. */
int volume_check_targets(const struct pod_mount *mounts, size_t count, struct error *err);

/* Whether two absolute paths are the same, apart from doubled slashes and "." */
bool volume_same_target(const char *a, const char *b);

/*
 * Opens what is on the host, and locks disks: against all others if the pod writes, against writers
 * if it reads. On failure the descriptors that are open stay the set's.
 */
int volume_set_open(struct volume_set *set, struct error *err);
void volume_set_close(struct volume_set *set);

#endif
