/*
 * The pod record as the guest uses it. protocol.h says what the bytes mean.
 *
 * Every string and list points into the bytes given to record_read(), which must stay as they are
 * while the record is used.
 */
#ifndef NACELLE_GUEST_INIT_RECORD_H
#define NACELLE_GUEST_INIT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest-init/protocol.h"
#include "vmm/base/error.h"

struct record_rlimit {
	uint32_t resource;
	uint64_t soft, hard;
};

struct record_mount {
	bool tmpfs;	    /* else a share */
	const char *source; /* the share's name; NULL for tmpfs */
	const char *target;
	bool read_only;
};

struct record_root {
	bool p9;	    /* else EROFS */
	const char *source; /* block device's or share's name, one path component */
	bool upper_tmpfs;   /* else the root is used as it is */
	uint64_t upper_size_bytes;
	bool read_only;
};

/* Entries at the end of an environment that the guest may fill: PATH, HOME, TERM. */
enum { RECORD_ENV_SPARE = 3 };

struct record_app {
	const char *name;
	const char **argv; /* NULL-terminated */
	const char **env;  /* NULL-terminated, RECORD_ENV_SPARE entries behind the end are free */
	size_t env_count;
	const char *user;
	const char *workdir;
	bool terminal;
	uint16_t rows, columns;
	uint32_t ports[3]; /* stdin, stdout, stderr; 0: /dev/null */
	uint64_t capabilities;
	bool no_new_privileges;
	bool init;
	struct record_rlimit *rlimits;
	size_t rlimit_count;
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

struct record_interface {
	struct record_address addresses[RECORD_ADDRESSES_MAX];
	size_t address_count;
	struct record_address gateways[RECORD_GATEWAYS_MAX];
	size_t gateway_count;
};

struct record {
	const char *hostname; /* or NULL */
	bool trace;
	const char *hosts;	 /* or NULL */
	const char *resolv_conf; /* or NULL */
	struct record_interface interfaces[RECORD_INTERFACES_MAX];
	size_t interface_count;
	uint32_t cpus;
	struct record_app *apps;
	size_t app_count;
};

/*
 * Reads the len bytes at dtb. Returns 0 with *record filled, to be given back to record_free(), or
 * -1 with err filled if anything is not as protocol.h says.
 */
int record_read(const void *dtb, size_t len, struct record *record, struct error *err);
void record_free(struct record *record);

#endif
