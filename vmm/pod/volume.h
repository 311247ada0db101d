/*
 * Volumes as the command line gives them, one option at a time. No system calls.
 *
 *	SRC:DST[:OPTION,...]     a directory or file of the host, or with the option block a disk
 *	NAME,kind=host|empty,... rkt's form; which apps have it where is said by --mount
 */
#ifndef NACELLE_POD_VOLUME_H
#define NACELLE_POD_VOLUME_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/error.h"
#include "vmm/pod/pod.h"

enum volume_kind {
	VOLUME_HOST,  /* a directory or regular file of the host */
	VOLUME_BLOCK, /* a file of the host, or a block device, as a disk of the pod */
	VOLUME_EMPTY, /* made with the pod, shared by its apps */
};

/* What may be said, or left to others. */
enum volume_flag {
	VOLUME_UNSET,
	VOLUME_NO,
	VOLUME_YES,
};

struct volume {
	enum volume_kind kind;
	const char *text;   /* as it was given, for messages */
	const char *name;   /* rkt's form; else NULL */
	const char *source; /* path on the host; NULL of an empty one */
	const char *target; /* SRC:DST: absolute path in the app's root; else NULL */
	enum volume_flag read_only;
	enum volume_flag recursive; /* of the host's; unset is yes */
	bool has_cache;		    /* cache was chosen; else it follows from read_only */
	enum pod_cache cache;
	const char *file_system; /* of a block volume; NULL: a device node */
	bool nosuid, noexec;
	uint32_t mode, uid, gid; /* of an empty one; mode 0: 0755 */
	uint64_t size_bytes;	 /* of an empty one; 0: no limit but the memory */
	char *memory;		 /* that the texts lie in */
};

/* --mount volume=NAME,target=PATH[,readOnly=BOOL] */
struct volume_mount {
	const char *volume;
	const char *target;
	enum volume_flag read_only;
	char *memory;
};

/*
 * Reads the text, which must outlive the result. On failure there is nothing to free; err names the
 * option at fault.
 */
int volume_parse(const char *text, struct volume *volume, struct error *err);
void volume_free(struct volume *volume);

int volume_mount_parse(const char *text, struct volume_mount *mount, struct error *err);
void volume_mount_free(struct volume_mount *mount);

/*
 * Reads DST[:size=SIZE,mode=OCTAL,uid=N,gid=N,ro,noexec,...] of --tmpfs. The target lies in
 * *memory, which the caller frees.
 */
int volume_tmpfs_parse(const char *text, struct pod_mount *mount, char **memory, struct error *err);

/*
 * Whether the app may only read, given what the mount says: what the volume says counts first
 * (appc, "Pod Manifest Schema", readOnly).
 */
bool volume_read_only(const struct volume *volume, enum volume_flag mount);

#endif
