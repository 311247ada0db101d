/*
 * nacelle-oci: the command line of OCI runtimes over pods. There is no machinery here: a container
 * is a pod whose name is the container's id, below the directory that --root names.
 */
#ifndef NACELLE_CLI_OCI_H
#define NACELLE_CLI_OCI_H

#include <stdbool.h>

#include "images/oci_bundle.h"
#include "vmm/base/text_list.h"
#include "vmm/cli/options.h"
#include "vmm/pod/directory.h"
#include "vmm/pod/pod_info.h"

#define OCI_SPEC_VERSION "1.0.2"

/* What stands before the verb. */
struct oci_globals {
	const char *root;
	const char *log;
	const char *log_format;
	const char *log_level;
	const char *criu;
	const char *cgroup_manager;
	const char *rootless;
	bool systemd_cgroup;
	bool debug;
	bool version;
};

/* What stands behind it; each verb knows some of these. */
struct oci_options {
	const char *bundle;
	const char *config;
	const char *console_socket;
	const char *pid_file;
	const char *preserve_fds;
	const char *format;
	const char *process;
	const char *cwd;
	const char *user;
	const char *process_label;
	const char *apparmor;
	const char *cgroup;
	const char *interval;
	const char *resources;
	const char *blkio_weight, *cpu_burst, *cpu_idle, *cpu_period, *cpu_quota, *cpu_rt_period;
	const char *cpu_rt_runtime, *cpu_share, *cpuset_cpus, *cpuset_mems, *kernel_memory;
	const char *kernel_memory_tcp, *l3_cache_schema, *mem_bw_schema, *memory,
	    *memory_reservation;
	const char *memory_swap, *pids_limit;
	struct text_list env;
	struct text_list additional_gids;
	struct text_list capabilities;
	bool tty;
	bool no_new_privileges;
	bool ignore_paused;
	bool no_pivot;
	bool no_new_keyring;
	bool no_subreaper;
	bool detach;
	bool keep;
	bool all;
	bool force;
	bool quiet;
	bool stats;
};

extern struct oci_globals oci_globals;
extern const struct program oci_program;

/* The verbs: as struct verb has them. */
int oci_create(const void *options, int argc, char **argv, struct error *err);
int oci_run(const void *options, int argc, char **argv, struct error *err);
int oci_exec(const void *options, int argc, char **argv, struct error *err);
int oci_start(const void *options, int argc, char **argv, struct error *err);
int oci_state(const void *options, int argc, char **argv, struct error *err);
int oci_kill(const void *options, int argc, char **argv, struct error *err);
int oci_delete(const void *options, int argc, char **argv, struct error *err);
int oci_pause(const void *options, int argc, char **argv, struct error *err);
int oci_resume(const void *options, int argc, char **argv, struct error *err);
int oci_list(const void *options, int argc, char **argv, struct error *err);
int oci_ps(const void *options, int argc, char **argv, struct error *err);
int oci_events(const void *options, int argc, char **argv, struct error *err);
int oci_update(const void *options, int argc, char **argv, struct error *err);
int oci_features(const void *options, int argc, char **argv, struct error *err);
int oci_spec(const void *options, int argc, char **argv, struct error *err);

/* Before anything else: which standard streams there are. */
void oci_started(void);
extern bool oci_stdio_present[3];

/* The directory of containers; create makes it, with its parents. */
const char *oci_root(void);

/*
 * Writes the pid file, unless there is none: whole or not at all, since engines read it as soon as
 * it is there. Returns 0, or -1 with err filled.
 */
int oci_write_pid(const char *path, pid_t pid, struct error *err);

/* Refuses what would hand descriptors of the caller's over. */
int oci_check_descriptors(const struct oci_options *options, struct error *err);

/* Says it in the log and on stderr. Returns what the process ends with. */
int oci_fail(const struct error *err);
/* Says it in the log, or on stderr if there is none. */
void oci_warn(const char *text);
/* The same, if there is a log, of a list, and of what a pod's supervisor has warned of since its
 * messages had so many bytes. */
void oci_log_warnings(const struct string_list *warnings);
size_t oci_messages_size(const struct pod_directory *pod);
void oci_log_messages(const struct pod_directory *pod, size_t from);

/* One container. */
struct oci_container {
	int pods_fd; /* what pod.pods_fd borrows; -1: somebody else's */
	struct pod_directory pod;
	struct pod_info info;
	struct oci_bundle bundle;
	const char *status; /* creating, created, running, paused, stopped */
};

/*
 * OCI_HELD looks at the directory alone and never waits: the status is stopped or creating, which
 * then means no more than that somebody holds it. The others ask the supervisor, for about so many
 * ms; of one that does not answer the status is creating too.
 */
enum oci_look { OCI_HELD = 0, OCI_ASK = 2000, OCI_ASK_PATIENTLY = 20000 };

/* Returns 1, 0 if there is none of this id, -1 with err filled. oci_container_close() must
 * follow 1.
 */
int oci_container_find(const char *id, enum oci_look look, struct oci_container *out,
		       struct error *err);
/* The same where it must be there. Returns 0 or -1. */
int oci_container_open(const char *id, enum oci_look look, struct oci_container *out,
		       struct error *err);
/* Looks at a pod that is open, which becomes the container's. Returns as oci_container_find(). */
int oci_container_look(struct pod_directory *pod, enum oci_look look, struct oci_container *out,
		       struct error *err);
void oci_container_close(struct oci_container *container);

/*
 * Its hooks. Those of create end with its status no longer being creating; poststop's failures are
 * warnings. Others return 0, or -1 with err filled.
 */
struct app_options;
int oci_hooks_create(const struct oci_container *container, const char *id,
		     const struct app_options *app, struct error *err);
int oci_hooks_poststart(const struct oci_container *container, const char *id, struct error *err);
void oci_hooks_poststop(const struct oci_container *container, const char *id);

#endif
