/*
 * The pod: what runs, as the options, the image and (later) a manifest have settled it. Everything
 * downstream (plan, pod record) is made from this one struct.
 */
#ifndef NACELLE_POD_POD_H
#define NACELLE_POD_POD_H

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
};

struct pod_root {
	enum pod_root_type type;
	const char *source;
	enum pod_upper upper;
	uint64_t upper_size_bytes; /* 0: half of the memory */
	bool read_only;
};

enum pod_mount_type {
	POD_MOUNT_SHARE,
	POD_MOUNT_TMPFS,
};

struct pod_mount {
	enum pod_mount_type type;
	const char *source; /* share name; NULL for tmpfs */
	const char *target; /* absolute path in the app's root */
	bool read_only;
};

struct pod_rlimit {
	uint32_t resource; /* RLIMIT_* */
	uint64_t soft;
	uint64_t hard;
};

/* A vsock port of the host, or POD_NO_PORT where the app gets /dev/null. */
enum { POD_NO_PORT = 0 };

struct pod_app {
	const char *name;
	const char **argv; /* NULL-terminated, at least one */
	const char **env;  /* NULL-terminated "NAME=value" */
	const char *user;  /* "USER[:GROUP]", names or numbers; NULL: "0:0" */
	const char *workdir;
	bool terminal;
	uint16_t rows, columns;
	uint32_t stdin_port, stdout_port, stderr_port; /* a terminal uses stdin_port both ways */
	uint64_t capabilities;			       /* mask of CAP_* */
	bool no_new_privileges;
	bool init;
	const struct pod_rlimit *rlimits;
	size_t rlimit_count;
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

enum { POD_ADDRESSES_MAX = 8, POD_GATEWAYS_MAX = 2 };

/* A network interface, as the guest configures it: eth0, eth1, ... in order. */
struct pod_interface {
	struct pod_address addresses[POD_ADDRESSES_MAX];
	size_t address_count;
	struct pod_address gateways[POD_GATEWAYS_MAX]; /* at most one of a family */
	size_t gateway_count;
};

struct pod {
	const char *hostname;
	const char *hosts;	 /* text of /etc/hosts; NULL: the image's */
	const char *resolv_conf; /* the same */
	const struct pod_interface *interfaces;
	size_t interface_count;
	unsigned cpus;
	bool trace;
	const struct pod_app *apps;
	size_t app_count;
};

#endif
