/*
 * The app section of an image manifest or a pod manifest (appc spec, aci.md, "app"; ace.md for the
 * isolators), validated. Nothing here applies anything.
 */
#ifndef NACELLE_IMAGES_APPC_APP_H
#define NACELLE_IMAGES_APPC_APP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/appc_reader.h"
#include "images/string_list.h"
#include "vmm/base/error.h"

enum {
	APPC_GIDS_MAX = 64,
	APPC_MOUNT_POINTS_MAX = 256,
	APPC_PORTS_MAX = 256,
	APPC_USER_MAX = 255,
};

/* A request or limit that was not given is absent. */
struct appc_quantity {
	bool is_set;
	uint64_t value; /* resource/cpu: thousandths of a CPU; otherwise bytes or operations */
};

struct appc_resource {
	struct appc_quantity request;
	struct appc_quantity limit;
};

enum appc_isolator {
	APPC_CPU = 0,
	APPC_MEMORY,
	APPC_BLOCK_BANDWIDTH,
	APPC_BLOCK_IOPS,
	APPC_NETWORK_BANDWIDTH,
	APPC_CPU_SHARES,
	APPC_OOM_SCORE_ADJ,
	APPC_NO_NEW_PRIVILEGES,
	APPC_CAPABILITIES_RETAIN,
	APPC_CAPABILITIES_REMOVE,
	APPC_SECCOMP_RETAIN,
	APPC_SECCOMP_REMOVE,
	APPC_SELINUX_CONTEXT,
	APPC_APPARMOR_PROFILE,
	APPC_SYSCTL,
	APPC_ISOLATORS,
};

struct appc_isolators {
	bool has[APPC_ISOLATORS];
	struct string_list names; /* all, in the manifest's order, unknown ones too */
	struct appc_resource resources[APPC_NETWORK_BANDWIDTH + 1];
	uint32_t cpu_shares;
	int oom_score_adj;
	bool no_new_privileges;
	struct string_list capabilities; /* to retain or to remove */
	struct string_list system_calls; /* likewise; a wildcard begins with "@" */
	char *seccomp_errno;		 /* "E..."; NULL: the app is killed */
	struct string_list sysctls;	 /* name, value, name, value, ... */
};

struct appc_mount_point {
	char *name;
	char *path; /* absolute and clean */
	bool is_read_only;
};

struct appc_port {
	char *name;
	char *protocol;
	uint32_t port;
	uint32_t count;
	bool is_socket_activated;
};

struct appc_app {
	struct string_list exec; /* may be empty */
	char *user;		 /* a name, a number, or the absolute path of a file: its owner */
	char *group;
	uint32_t supplementary_gids[APPC_GIDS_MAX];
	size_t supplementary_gid_count;
	char *working_dir;		/* "" or absolute and clean */
	struct string_list environment; /* NAME=value each, every name once */
	struct string_list pre_start;	/* commands; empty: none */
	struct string_list post_stop;
	struct appc_mount_point mount_points[APPC_MOUNT_POINTS_MAX];
	size_t mount_point_count;
	struct appc_port ports[APPC_PORTS_MAX];
	size_t port_count;
	struct appc_isolators isolators;
	struct string_list user_annotations; /* key, value, key, value, ... */
	struct string_list user_labels;
};

/*
 * Reads an app section into *app, which the caller has zeroed. Returns 0, or -1 with err naming the
 * place; appc_app_free() releases it in both cases.
 */
int appc_app_read(const struct appc_node *json, struct appc_app *app, struct error *err);
void appc_app_free(struct appc_app *app);

/* One item of "ports", likewise; its strings are the caller's to free, also after a failure. */
int appc_port_read(const struct appc_node *item, struct appc_port *port, struct error *err);

/* A member whose keys are anything and whose values are strings: key, value, key, value, ... */
int appc_map_read(const struct appc_node *object, const char *key, struct string_list *out,
		  struct error *err);

/* What a pod takes of an app section or of isolators. Return 0, or -1 with err filled: no memory.
 */
struct image_config;
struct image_isolators;
int appc_app_config(const struct appc_app *app, struct image_config *config, struct error *err);
int appc_isolators_config(const struct appc_isolators *isolators, struct image_isolators *out,
			  struct error *err);

/* Whether the executor knows the isolator, whatever it does with it. */
bool appc_isolator_is_known(const char *name);

/* Reads the list "isolators" of an app or a pod, likewise. */
int appc_isolators_read(const struct appc_node *object, struct appc_isolators *isolators,
			struct error *err);
void appc_isolators_free(struct appc_isolators *isolators);

/* Whether the path is absolute and has no ".." and no control characters. */
bool appc_is_clean_path(const char *path);

#endif
