/*
 * The pod: what runs, as the options, the image and (later) a manifest have settled it. Everything
 * downstream (plan, pod record) is made from this one struct.
 */
#ifndef NACELLE_POD_POD_H
#define NACELLE_POD_POD_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

enum pod_root_type {
	POD_ROOT_EROFS, /* source: the block device's name in the guest, such as "vda" */
	POD_ROOT_9P,	/* source: the share's name */
};

enum pod_upper {
	POD_UPPER_TMPFS, /* what the app writes is kept in guest memory */
	POD_UPPER_NONE,	 /* the root is used as it is */
	POD_UPPER_DISK,	 /* it is kept on a disk of the pod */
};

struct pod_root {
	enum pod_root_type type;
	const char *source;
	enum pod_upper upper;
	uint64_t upper_size_bytes;   /* of tmpfs; 0: half of the memory */
	const char *upper_device;    /* of a disk: "vdX", an ext4 that all apps may use, */
	const char *upper_directory; /* and the app's directory there, one path component */
	bool read_only;
	bool make_files; /* without an upper layer: files of /etc that are missing may be made */
};

enum pod_mount_type {
	POD_MOUNT_SHARE,
	POD_MOUNT_TMPFS,
	POD_MOUNT_VOLUME,
	POD_MOUNT_BLOCK,
};

/* What the guest may keep of a share without asking again (9p's cache=). */
enum pod_cache {
	POD_CACHE_MMAP,
	POD_CACHE_NONE,
	POD_CACHE_LOOSE,
};

struct pod_mount {
	enum pod_mount_type type;
	const char *source; /* name of a share, of a volume, "vdX"; NULL for tmpfs */
	const char *target; /* absolute path in the app's root */
	bool read_only;
	bool recursive; /* of a share: with the mounts below it */
	bool prefill;	/* of a volume: what the image has at target is copied into it, once */
	bool nodev, nosuid, noexec;
	uint32_t mode, uid, gid; /* of a tmpfs; mode 0: 01777 */
	uint64_t size_bytes;	 /* of a tmpfs; 0: half of the memory */
	const char *file_system; /* of a block device, such as "ext4" */
	enum pod_cache cache;	 /* of a share */
};

/* An empty volume that the pod's apps share. */
struct pod_volume {
	const char *name;	  /* one path component */
	uint32_t mode, uid, gid;  /* mode 0: 0755 */
	uint64_t size_bytes;	  /* in memory; 0: half of the memory */
	const char *upper_device; /* where it lies: on this disk, */
	const char *share;	  /* in this share, or in guest memory if both are NULL */
};

enum pod_restart {
	POD_RESTART_NO,
	POD_RESTART_ON_FAILURE,
	POD_RESTART_ALWAYS,
};

struct pod_rlimit {
	uint32_t resource; /* RLIMIT_* */
	uint64_t soft;
	uint64_t hard;
};

/* A vsock port of the host, or POD_NO_PORT where the app gets /dev/null. */
enum { POD_NO_PORT = 0 };

/* What a process that is added to an app does not have from it. */
enum pod_own {
	POD_OWN_ENVIRONMENT = 1, /* env is all that it has */
	POD_OWN_GROUPS = 2,
	POD_OWN_CAPABILITIES = 4,
	POD_OWN_RLIMITS = 8,
	POD_OWN_OOM_SCORE = 16,
};

/* Of the guest: run in the app's root before its program. */
struct pod_hook {
	const char *path;		      /* absolute */
	const char *const *argv, *const *env; /* NULL-terminated; env may be NULL */
	uint32_t timeout_s;		      /* 0: none */
};

struct pod_app {
	uint32_t own; /* of an added process: enum pod_own */
	const char *name;
	const char **argv; /* NULL-terminated, at least one */
	const char **env;  /* NULL-terminated "NAME=value" */
	const char *user;  /* "USER[:GROUP]": names, numbers, paths; NULL: "0:0" */
	const uint32_t *supplementary_gids;
	size_t supplementary_gid_count;
	const char *workdir;
	bool terminal;
	uint16_t rows, columns;
	uint32_t stdin_port, stdout_port, stderr_port; /* a terminal uses stdin_port both ways */
	uint64_t capabilities;			       /* mask of CAP_* */
	bool no_new_privileges;
	const struct sock_filter *seccomp; /* seccomp_count instructions */
	size_t seccomp_count;
	bool init;
	bool hold;	      /* it waits for its start before its execve() */
	bool own_ipc;	      /* of a member: not the pod's IPC namespace and /dev/shm */
	const char *hostname; /* of a member: NULL: the pod's, with the pod's UTS namespace */
	bool has_umask;
	uint32_t umask; /* if has_umask; else 022 */
	const struct pod_rlimit *rlimits;
	size_t rlimit_count;
	int32_t oom_score_adj; /* -1000 to 1000 */
	uint64_t memory_limit; /* bytes; 0 here and in the next three: no limit */
	uint32_t cpu_limit;    /* thousandths of a CPU */
	uint32_t cpu_weight;   /* 1 to 10000 */
	uint32_t pids_limit;
	const char **pre_start; /* argv of the handlers, NULL-terminated; NULL: none */
	const char **post_stop;
	const struct pod_hook *start_hooks;
	size_t start_hook_count;
	const char *start_state; /* what each of them reads; if there are any */
	enum pod_restart restart;
	uint32_t stop_signal; /* 0: SIGTERM */
	uint64_t shm_size; /* bytes; the pod's /dev/shm is as large as the largest of its apps' */
	const char **masked_paths; /* NULL-terminated, or NULL */
	const char **read_only_paths;
	struct pod_root root;
	const struct pod_mount *mounts;
	size_t mount_count;
};

/* An IP address, in network byte order; family 4 or 6. */
struct pod_address {
	uint8_t family;
	uint8_t prefix; /* bits; 0 of a gateway */
	uint8_t bytes[16];
};

enum { POD_ADDRESSES_MAX = 8, POD_GATEWAYS_MAX = 2, POD_ROUTES_MAX = 32, POD_NEIGHBOURS_MAX = 32 };

/* A route to a network; via all zeroes: on the link. */
struct pod_route {
	struct pod_address to;
	uint8_t via[16];
};

/* Whom the guest need not ask for. */
struct pod_neighbour {
	struct pod_address ip;
	uint8_t mac[6];
};

/* A network interface, as the guest configures it: eth0, eth1, ... in order. */
struct pod_interface {
	const char *name; /* NULL: it keeps that one */
	bool has_link;	  /* MTU and MAC address are these, whatever the device says */
	uint16_t mtu;
	uint8_t mac[6];
	struct pod_address addresses[POD_ADDRESSES_MAX];
	size_t address_count;
	struct pod_address gateways[POD_GATEWAYS_MAX]; /* at most one of a family */
	size_t gateway_count;
	struct pod_route routes[POD_ROUTES_MAX];
	size_t route_count; /* 0: those that the addresses bring */
	struct pod_neighbour neighbours[POD_NEIGHBOURS_MAX];
	size_t neighbour_count;
};

/* What is done with a pod that has ended: guest-init/protocol.h. */
enum pod_export {
	POD_EXPORT_NO, /* its apps run */
	POD_EXPORT_LAYER,
	POD_EXPORT_ROOT,
};

struct pod {
	enum pod_export export;
	const char *hostname;
	const char *hosts;	 /* text of /etc/hosts; NULL: the image's */
	const char *resolv_conf; /* the same */
	const struct pod_interface *interfaces;
	size_t interface_count;
	unsigned cpus;
	bool trace;
	bool metadata;		  /* it has a metadata service */
	const char **sysctls;	  /* "key=value", NULL-terminated, or NULL */
	uint32_t stop_timeout_ms; /* from the stop signal to SIGKILL; 0: RECORD_STOP_TIMEOUT_MS */
	const struct pod_volume *volumes;
	size_t volume_count;
	const struct pod_app *apps;
	size_t app_count;
};

#endif
