/*
 * The config.json of an OCI bundle (runtime specification 1.2), read: what an OCI runtime's front
 * end makes a pod from.
 *
 * JSON is read by oci_bundle_read() in a confined process; what it has understood reaches others
 * as flat fields, whose reader believes no more than their form. What the texts mean is checked by
 * whoever uses them, as if they had stood on a command line.
 */
#ifndef NACELLE_IMAGES_OCI_BUNDLE_H
#define NACELLE_IMAGES_OCI_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/string_list.h"
#include "vmm/base/error.h"

/* An annotation: "TRUE" is what podman notes of its --privileged. */
#define OCI_PRIVILEGED "io.podman.annotations.privileged"

enum { OCI_MOUNTS_MAX = 256, OCI_LIST_MAX = 4096, OCI_HOOKS_MAX = 256 };

/* NULL: not given. */
enum oci_text {
	OCI_ROOT_PATH, /* always; as it is written, and so relative to the bundle */
	OCI_CWD,
	OCI_USER, /* "UID:GID" */
	OCI_OOM_SCORE,
	OCI_HOSTNAME,
	OCI_KERNEL,
	OCI_KERNEL_PARAMETERS,
	OCI_CGROUP,	 /* linux.cgroupsPath */
	OCI_BUNDLE_PATH, /* these are not in the file: who keeps the fields says where it was */
	OCI_CONFIG_PATH,
	OCI_NETWORK, /* path of a network namespace; "": one of its own */
	OCI_SHM,     /* absolute: a directory of the host that is bound to /dev/shm */
	OCI_TEXTS,
};

enum oci_list {
	OCI_ARGS, /* at least one */
	OCI_ENV,  /* NAME=VALUE */
	OCI_GIDS,
	OCI_ULIMITS, /* name=SOFT:HARD */
	OCI_CAPABILITIES,
	OCI_SYSCTLS, /* NAME=VALUE */
	OCI_MASKED,
	OCI_READ_ONLY_PATHS,
	OCI_ANNOTATIONS, /* name, value, name, value, ... */
	OCI_WARNINGS,	 /* what is in the file and without effect, in words */
	OCI_NAMESPACES,	 /* type, path, ...: those of others, but for the network's */
	OCI_LISTS,
};

/* 0: not given, or false. */
enum oci_number {
	OCI_TERMINAL,
	OCI_ROWS,
	OCI_COLUMNS,
	OCI_HAS_UMASK,
	OCI_UMASK,
	OCI_NO_NEW_PRIVILEGES,
	OCI_ROOT_READ_ONLY,
	OCI_SECCOMP, /* there is a filter in the file */
	OCI_MEMORY,  /* bytes; these four are limits of the container */
	OCI_CPU,     /* thousandths of a CPU */
	OCI_CPU_SHARES,
	OCI_PIDS,
	OCI_VM_CPUS,
	OCI_VM_MEMORY, /* bytes */
	OCI_SHM_SIZE,  /* bytes */
	OCI_CPU_QUOTA, /* microseconds; with the next, of resources alone, in place of OCI_CPU */
	OCI_CPU_PERIOD,
	OCI_NUMBERS,
};

enum oci_mount_flag {
	OCI_MOUNT_BIND = 1, /* else a tmpfs */
	OCI_MOUNT_RECURSIVE = 2,
	OCI_MOUNT_READ_ONLY = 4,
	OCI_MOUNT_NOSUID = 8,
	OCI_MOUNT_NODEV = 16,
	OCI_MOUNT_NOEXEC = 32,
	OCI_MOUNT_FLAGS = 63,
};

struct oci_mount {
	char *source; /* of a bind, as it is written; else NULL */
	char *target; /* absolute */
	uint32_t flags;
	uint32_t mode, uid, gid; /* of a tmpfs; mode 0: 01777 */
	uint64_t size_bytes;	 /* of a tmpfs; 0: half of the memory */
};

/* In the order in which they run. */
enum oci_hook_kind {
	OCI_PRESTART,
	OCI_CREATE_RUNTIME,
	OCI_CREATE_CONTAINER,
	OCI_START_CONTAINER,
	OCI_POSTSTART,
	OCI_POSTSTOP,
	OCI_HOOK_KINDS,
};

struct oci_hook {
	enum oci_hook_kind kind;
	char *path;		 /* absolute */
	struct string_list args; /* from argv[0] on; empty: the path is that */
	struct string_list env;
	uint32_t timeout_s; /* 0: none */
};

struct oci_bundle {
	char *texts[OCI_TEXTS];
	struct string_list lists[OCI_LISTS];
	uint64_t numbers[OCI_NUMBERS];
	struct oci_mount *mounts; /* in the order of the file */
	size_t mount_count;
	struct oci_hook *hooks; /* by kind, and in the order of the file */
	size_t hook_count;
};

/*
 * Reads a config.json, in a confined process. Returns 0, or -1 with err naming the place and
 * *bundle empty. oci_bundle_free() releases it.
 */
int oci_bundle_read(struct oci_bundle *bundle, const char *text, size_t len, struct error *err);
void oci_bundle_free(struct oci_bundle *bundle);

/* The same of a "process" that stands alone, as engines write one for exec: the rest is empty. */
int oci_process_read(struct oci_bundle *bundle, const char *text, size_t len, struct error *err);

/*
 * The same of "linux.resources" that stand alone, as engines write them for update. A limit that is
 * to be lifted is OCI_UNLIMITED, which is more than any.
 */
#define OCI_UNLIMITED ((uint64_t)INT64_MAX)
int oci_resources_read(struct oci_bundle *bundle, const char *text, size_t len, struct error *err);

/* Flat fields in a fresh allocation that the caller frees. Returns 0, or -1: no memory. */
int oci_bundle_encode(const struct oci_bundle *bundle, void **data, size_t *len);

/* Every field is checked. Returns 0, or -1 with err filled and *bundle empty. */
int oci_bundle_decode(struct oci_bundle *bundle, const void *data, size_t len, struct error *err);
int oci_process_decode(struct oci_bundle *bundle, const void *data, size_t len, struct error *err);
int oci_resources_decode(struct oci_bundle *bundle, const void *data, size_t len,
			 struct error *err);

/* One more mount, all zero; NULL: there are too many, or no memory. */
struct oci_mount *oci_bundle_add_mount(struct oci_bundle *bundle);

/* One more hook, all zero; NULL: there are too many, or no memory. */
struct oci_hook *oci_bundle_add_hook(struct oci_bundle *bundle);

/* As the specification calls the kind. */
const char *oci_hook_name(enum oci_hook_kind kind);

/* Whether there is one of a kind from first to last. */
bool oci_bundle_has_hooks(const struct oci_bundle *bundle, enum oci_hook_kind first,
			  enum oci_hook_kind last);

/* The value of an annotation, or NULL. */
const char *oci_bundle_annotation(const struct oci_bundle *bundle, const char *name);

#endif
