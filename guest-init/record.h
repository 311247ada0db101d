/*
 * The pod record as the guest uses it. protocol.h says what the bytes mean.
 *
 * Every string and list points into the bytes given to record_read(), which must stay as they are
 * while the record is used.
 */
#ifndef NACELLE_GUEST_INIT_RECORD_H
#define NACELLE_GUEST_INIT_RECORD_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest-init/protocol.h"
#include "vmm/base/error.h"

struct record_rlimit {
	uint32_t resource;
	uint64_t soft, hard;
};

/* In the order of the names in protocol.h. */
enum record_mount_type {
	RECORD_MOUNT_SHARE,
	RECORD_MOUNT_TMPFS,
	RECORD_MOUNT_VOLUME,
	RECORD_MOUNT_BLOCK,
};

enum record_cache {
	RECORD_CACHE_MMAP,
	RECORD_CACHE_NONE,
	RECORD_CACHE_LOOSE,
};

struct record_mount {
	enum record_mount_type type;
	const char *source; /* one path component; NULL for tmpfs */
	const char *target;
	bool read_only, recursive, prefill;
	bool nodev, nosuid, noexec;
	uint32_t mode, uid, gid;
	uint64_t size_bytes;	 /* 0: half of the memory */
	const char *file_system; /* of a block device */
	enum record_cache cache;
};

enum record_upper {
	RECORD_UPPER_TMPFS,
	RECORD_UPPER_NONE, /* the root is used as it is */
	RECORD_UPPER_DISK,
};

struct record_root {
	bool p9;	    /* else EROFS */
	const char *source; /* block device's or share's name, one path component */
	enum record_upper upper;
	uint64_t upper_size_bytes;
	const char *upper_device, *upper_directory; /* of a disk: path components */
	bool read_only;
	bool make_files;
	bool uncached; /* of a member: its share is of the device RECORD_P9_TAG in any case */
};

enum record_restart {
	RECORD_RESTART_NO,
	RECORD_RESTART_ON_FAILURE,
	RECORD_RESTART_ALWAYS,
};

/* What an added process does not have from its app. */
enum record_own {
	RECORD_OWN_ENVIRONMENT = 1,
	RECORD_OWN_UMASK = 2,
	RECORD_OWN_GROUPS = 4,
	RECORD_OWN_CAPABILITIES = 8,
	RECORD_OWN_RLIMITS = 16,
	RECORD_OWN_OOM_SCORE = 32,
};

/* Entries at the end of an environment that the guest may fill: PATH, HOME, TERM. */
enum { RECORD_ENV_SPARE = 3 };

struct record_hook {
	const char *path;
	const char **argv, **env; /* NULL-terminated */
	uint32_t timeout_s;	  /* 0: none */
};

struct record_app {
	const char *name;
	const char **argv; /* NULL-terminated */
	const char **env;  /* NULL-terminated, RECORD_ENV_SPARE entries behind the end are free */
	size_t env_count;
	uint32_t own; /* of an added process: enum record_own */
	const char *user;
	uint32_t *supplementary_gids;
	size_t supplementary_gid_count;
	const char *workdir;
	bool terminal;
	uint16_t rows, columns;
	uint32_t ports[3]; /* stdin, stdout, stderr; 0: /dev/null */
	uint64_t capabilities;
	bool no_new_privileges;
	struct sock_filter *seccomp; /* seccomp_count instructions */
	size_t seccomp_count;
	bool init;
	bool hold;
	bool own_ipc;	      /* of a member */
	const char *hostname; /* of a member: it has a UTS namespace of its own; or NULL */
	uint32_t umask;
	struct record_rlimit *rlimits;
	size_t rlimit_count;
	int32_t oom_score_adj;
	uint64_t memory_limit; /* bytes; 0 here and below: no limit */
	uint32_t cpu_limit;    /* thousandths of a CPU */
	uint32_t cpu_weight;
	uint32_t pids_limit;
	const char **pre_start; /* argv, NULL-terminated; an empty list: no handler */
	const char **post_stop;
	struct record_hook *start_hooks;
	size_t start_hook_count;
	const char *start_state; /* what each of them reads; if there are any */
	enum record_restart restart;
	uint32_t stop_signal;	   /* never 0 */
	uint64_t shm_size;	   /* bytes; 0: half of the memory */
	const char **masked_paths; /* NULL-terminated */
	const char **read_only_paths;
	struct record_root root;
	struct record_mount *mounts;
	size_t mount_count;
};

/* An IP address, in network byte order. */
struct record_address {
	uint8_t family; /* 4 or 6 */
	uint8_t prefix; /* of an interface's address: bits; 0 of a gateway */
	uint8_t bytes[16];
};

struct record_route {
	struct record_address to; /* a network */
	uint8_t via[16];	  /* a gateway of the same family; zeroes: on the link */
};

struct record_neighbour {
	struct record_address ip;
	uint8_t mac[6];
};

struct record_interface {
	const char *name; /* or NULL: it keeps the one that it has */
	bool has_link;	  /* what follows stands in the record */
	uint32_t mtu;
	uint8_t mac[6];
	struct record_address addresses[RECORD_ADDRESSES_MAX];
	size_t address_count;
	struct record_address gateways[RECORD_GATEWAYS_MAX];
	size_t gateway_count;
	struct record_route routes[RECORD_ROUTES_MAX];
	size_t route_count; /* 0: those that the addresses bring */
	struct record_neighbour neighbours[RECORD_NEIGHBOURS_MAX];
	size_t neighbour_count;
};

/* What apps share by its name. */
struct record_volume {
	const char *name; /* one path component */
	uint32_t mode, uid, gid;
	uint64_t size_bytes;	  /* 0: half of the memory */
	const char *upper_device; /* where it lies: a disk, */
	const char *share;	  /* a share, or memory if both are NULL */
};

enum record_export {
	RECORD_EXPORT_NO, /* the apps run */
	RECORD_EXPORT_LAYER,
	RECORD_EXPORT_ROOT,
};

struct record {
	enum record_export export;
	const char *hostname; /* or NULL */
	bool trace;
	bool metadata;	      /* the pod has a metadata service */
	const char **sysctls; /* "key=value", NULL-terminated */
	uint32_t stop_timeout_ms;
	const char *hosts;	 /* or NULL */
	const char *resolv_conf; /* or NULL */
	struct record_interface interfaces[RECORD_INTERFACES_MAX];
	size_t interface_count;
	uint32_t cpus;
	struct record_app *apps;
	size_t app_count;
	struct record_volume *volumes;
	size_t volume_count;
};

/*
 * Reads the len bytes at dtb. Returns 0 with *record filled, to be given back to record_free(), or
 * -1 with err filled if anything is not as protocol.h says.
 */
int record_read(const void *dtb, size_t len, struct record *record, struct error *err);
void record_free(struct record *record);

/*
 * The same for the record of an added process. What such a record does not say is NULL or 0; the
 * ports are counted from that of the record. To be given back to record_free_added().
 */
int record_read_added(const void *dtb, size_t len, struct record_app *process, struct error *err);
void record_free_added(struct record_app *process);

/* The same for the record of a container that is added to the pod, a member; ports as above. */
int record_read_member(const void *dtb, size_t len, struct record_app *member, struct error *err);

/*
 * One that holds networks instead: whether it is, and its interfaces, in *record, whose texts lie
 * in dtb. Returns 0 or -1; nothing is to be given back.
 */
bool record_holds_networks(const void *dtb, size_t len);
int record_read_networks(const void *dtb, size_t len, struct record *record, struct error *err);

/* One that asks something of an app that runs. */
enum record_question {
	RECORD_QUESTION_NONE,
	RECORD_QUESTION_FIGURES,   /* what is asked for goes to ports[1] */
	RECORD_QUESTION_PROCESSES, /* likewise */
	RECORD_QUESTION_LIMITS,	   /* memory_limit, ...; 0: as it is; all bits set: none */
	RECORD_QUESTION_FREEZE,	   /* nothing */
	RECORD_QUESTION_THAW,	   /* nothing */
	RECORD_QUESTIONS
};

/* *asked has but that. Returns which it is, or -1 with err filled. */
int record_read_question(const void *dtb, size_t len, struct record_app *asked, struct error *err);

#endif
