/*
 * How an app is started, as its image or a pod manifest says: the part of both that pods take, in
 * the flat form of images/fields.h. Strings are data for the guest; who decodes them has checked
 * their form, not what they mean.
 */
#ifndef NACELLE_IMAGES_IMAGE_CONFIG_H
#define NACELLE_IMAGES_IMAGE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/string_list.h"

enum {
	IMAGE_SIGNAL_MAX = 64,
	IMAGE_GIDS_MAX = 64,
	IMAGE_MOUNT_POINTS_MAX = 256,
	IMAGE_PORTS_MAX = 256,
	IMAGE_SHARES_MIN = 2, /* os/linux/cpu-shares */
	IMAGE_SHARES_MAX = 262144,
	IMAGE_OOM_SCORE_MAX = 1000,
};

/* What a set of capabilities or system calls does. */
enum image_set {
	IMAGE_SET_NONE = 0,
	IMAGE_SET_RETAIN = 1,
	IMAGE_SET_REMOVE = 2,
};

/* Isolators (appc spec, ace.md) that a pod applies; 0, false and an empty list: not given. */
struct image_isolators {
	uint64_t memory_limit_bytes;
	uint64_t memory_request_bytes;
	uint64_t cpu_limit; /* thousandths of a CPU */
	uint64_t cpu_request;
	uint32_t cpu_shares; /* IMAGE_SHARES_MIN to _MAX */
	bool has_oom_score_adj;
	int oom_score_adj;
	bool no_new_privileges;
	enum image_set capability_set;
	struct string_list capabilities; /* "CAP_..." */
	enum image_set system_call_set;
	struct string_list system_calls; /* names; a wildcard begins with "@" */
	char *seccomp_errno;		 /* "E..."; NULL: the set's default */
	struct string_list sysctls;	 /* name, value, name, value, ... */
	struct string_list unapplied;	 /* names of those that no pod applies */
};

struct image_mount_point {
	char *name;
	char *path; /* absolute, without ".." */
	bool read_only;
};

struct image_port {
	char *name;
	bool udp;
	uint16_t port;	/* the first, in the pod */
	uint32_t count; /* at least 1 */
	bool socket_activated;
};

struct image_config {
	struct string_list entrypoint;
	struct string_list cmd;
	struct string_list env;	    /* NAME=value, every name once */
	struct string_list volumes; /* paths that an image declares, those of mount points too */
	char *user;	   /* "USER[:GROUP]", names, numbers or paths; never NULL if decoded */
	char *working_dir; /* "" or absolute; likewise */
	int stop_signal;   /* 0: none named */
	uint32_t supplementary_gids[IMAGE_GIDS_MAX];
	size_t supplementary_gid_count;
	struct string_list pre_start; /* commands; empty: none */
	struct string_list post_stop;
	struct image_mount_point *mount_points;
	size_t mount_point_count;
	struct image_port *ports;
	size_t port_count;
	struct image_isolators isolators;
};

struct field;
struct field_writer;

/*
 * A configuration among other fields. Taking a field that is none of its own is 0 too; -1: it is
 * malformed, or there is no memory.
 */
void image_config_put(struct field_writer *w, const struct image_config *config);
int image_config_take(struct image_config *config, const struct field *field);
/* Whether what was taken is complete: every port has a number, every mount point a path, ... */
bool image_config_is_sound(const struct image_config *config);
void image_config_free(struct image_config *config);

/* The same for isolators alone, as a pod has them. */
void image_isolators_put(struct field_writer *w, const struct image_isolators *isolators);
int image_isolators_take(struct image_isolators *isolators, const struct field *field);
void image_isolators_free(struct image_isolators *isolators);

#endif
