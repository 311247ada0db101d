/*
 * A pod description in, a supervised pod and its exit status out: the room's entry.
 */
#ifndef NACELLE_POD_RUN_H
#define NACELLE_POD_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/text_list.h"
#include "vmm/pod/timeline.h"

enum { RUN_APPS_MAX = 64 };

/*
 * What the command line says about one app; NULL, 0 and false where it is silent. Options before
 * the first image count for all apps: the command line's reader begins each app with them.
 */
struct app_options {
	const char *reference;
	const char *const *command; /* NULL-terminated, may be empty */
	const char *name;
	const char *entrypoint;
	struct text_list env;	    /* NAME=value, or NAME for the caller's value */
	struct text_list env_files; /* files of such lines, which come before env */
	const char *user;
	struct text_list supplementary_gids; /* numbers, also several with commas between them */
	const char *workdir;
	bool read_only;
	uint64_t memory_bytes; /* limit */
	uint64_t cpu_limit;    /* thousandths of a CPU */
	uint64_t cpu_shares;   /* as appc has them, 2 to 262144 */
	uint64_t pids_limit;
	struct text_list cap_add, cap_drop; /* with or without CAP_; ALL */
	struct text_list caps_retain, caps_remove;
	bool no_new_privileges;
	bool all_paths; /* nothing of /proc and /sys is hidden or read-only */
	const char *seccomp;
	struct text_list ulimits; /* NAME=SOFT[:HARD] */
	const char *oom_score_adj;
	const char *stdin_mode, *stdout_mode, *stderr_mode; /* inherit, null, log (not stdin) */
	bool interactive;				    /* stdin_mode inherit */
	bool tty;
	bool init;
	const char *restart;	  /* no, on-failure, always */
	struct text_list mounts;  /* volume=NAME,target=PATH */
	struct text_list tmpfs;	  /* DST[:OPTION,...] */
	struct text_list volumes; /* SRC:DST[:OPTION,...], in this app alone: not inherited */
	const char *pre_start;	  /* words with spaces between them */
	const char *post_stop;
	struct text_list annotations; /* NAME=VALUE */
	const char *stop_signal;      /* name or number */

	/* What no command line says, but a bundle does (bundle.h). */
	const char *root_directory; /* the root, whatever the reference is called */
	bool has_umask;
	uint32_t umask;
	uint64_t shm_bytes;			      /* of /dev/shm */
	const char **masked_paths, **read_only_paths; /* NULL: as usual */
	const struct volume *host_mounts;
	unsigned host_mount_count;
	const struct pod_mount *tmpfs_mounts;
	unsigned tmpfs_mount_count;
	const struct pod_hook *start_hooks;
	unsigned start_hook_count;
	const char *start_state; /* for those; hooks.h */
};

struct launch_record;
struct networks;
struct pod_hook;
struct pod_mount;
struct volume;

/*
 * What another program's pod is told beside what is left in its directory. All are called by the
 * supervisor's one thread, and return 0, or -1 with err filled, which is then reported.
 */
struct run_listener {
	/* The pod has its networks. On failure it ends. */
	int (*on_networks)(void *context, const struct networks *networks, struct error *err);
	/* Its first app has started. On failure it ends. */
	int (*on_start)(void *context, struct error *err);
	/* An app has ended for good, with what would be an exit status. */
	int (*on_app_end)(void *context, const char *app, int status, struct error *err);
	void *context;
};

/* What the command line says about the pod. */
struct run_options {
	const struct app_options *apps; /* options of all apps are in them already; see common */
	unsigned app_count;
	struct app_options common; /* what stands before the first image; --pod has this alone */
	const char *pod_file;	   /* --pod: a pod manifest instead of images */
	const char *store_root;
	uint64_t cpus;
	uint64_t memory_bytes;
	const char *hostname;
	struct text_list nets;	      /* none, passt[,...], tap:NAME[,...] or NAME[:...]: net.h */
	const char *cni_config;	      /* directory of CNI networks; NULL: /etc/cni/net.d */
	struct text_list cni_plugins; /* directories of CNI plug-ins; none: the usual ones */
	struct text_list publish;     /* [IP:]HOST:GUEST[/udp] */
	struct text_list dns;
	struct text_list dns_search;
	struct text_list add_host; /* NAME:IP */
	/* A network namespace instead of nets, which the process enters for good: its path, or "":
	 * a new one. NULL: none. Of a pod with hold. */
	const char *netns;
	const char *vsock;	  /* path of the host's socket */
	const char *upper;	  /* tmpfs[:SIZE] or none */
	struct text_list volumes; /* SRC:DST[:OPTION,...], in all apps, and volumes by name */
	bool console;
	const char *kernel;
	const char *kernel_args;
	const char *name;      /* of the pod */
	const char *uuid_file; /* gets the pod's UUID once it can be spoken to */
	bool remove;	       /* its directory, at its end */
	bool json_log;
	const char *trace;
	bool is_detached;	   /* in the background, with the apps' output in logs */
	bool metadata;		   /* the pod has a metadata service */
	bool hold;		   /* each app waits for POD_REQUEST_START */
	bool members;		   /* containers may be added while it runs */
	bool unfinished;	   /* the pod's directory gets POD_CREATING_NAME */
	struct text_list sysctls;  /* NAME=VALUE */
	struct text_list warnings; /* that came up with the options */
	const void *bundle;	   /* kept in the pod's directory as POD_BUNDLE_NAME; NULL: none */
	size_t bundle_bytes;
	uint64_t log_size_bytes; /* of a log file */
	uint64_t log_files;	 /* of each app */
	const char *log_format;	 /* json or cri */
	uint64_t boot_timeout_s;
	/* Of a prepared pod, whose directory is there already: its UUID, and its file "launch". */
	const char *prepared_uuid;
	const struct launch_record *launch;
	/* Of a pod that another program keeps; no option of the command line. */
	const char *uuid;	    /* NULL: a new one */
	const char *metadata_token; /* in the metadata service's address; NULL: see metadata */
	const char *cni_fallback;   /* networks that cni_config has not; NULL: none */
	const char *app_roots;	    /* of --pod: DIR/APP/rootfs, whatever images the apps name */
	/* For the eyes of a container engine (host_view.h); NULL: nothing. */
	const char *host_cgroup;      /* a bundle's linux.cgroupsPath */
	const char *engine_directory; /* the bundle; the process gets the app's root as its own */
	int *host_sources;	      /* host_view_open()'s, with engine_directory */
	struct proc_view *proc_view;  /* likewise (proc_view.h); NULL: none */
	/* Files whose text the apps get as /etc/hosts and /etc/resolv.conf; "": the image's. */
	const char *hosts_file, *resolv_file; /* NULL: made from what is known */
	uint32_t stop_timeout_ms; /* above 0: a signal that asks to end stops the pod so */
	const struct run_listener *listener;
};

/* The options of one app; those of all if there is a pod manifest. */
static inline const struct app_options *run_app_options(const struct run_options *options,
							unsigned index)
{
	return index < options->app_count ? &options->apps[index] : &options->common;
}

enum {
	RUN_CPUS_DEFAULT = 1,
	RUN_BOOT_TIMEOUT_DEFAULT_S = 30,
	RUN_BOOT_TIMEOUT_OCI_S = 110, /* below the two minutes that a kubelet waits */
	RUN_STATUS_FAILURE = 125,     /* nacelle itself or the guest kernel failed */
};
#define RUN_MEMORY_DEFAULT_BYTES ((uint64_t)2 << 30)   /* or half of the host's, if that is less */
#define RUN_MEMORY_SILENT_BYTES	 ((uint64_t)512 << 20) /* of apps without a limit beside others */

/*
 * Runs a pod to its end. Returns the exit status for the process: the app's own, 128 + n
 * for a signal, 126 and 127 if it could not be started, or RUN_STATUS_FAILURE after a message.
 * stdin_ present and so on say which standard descriptors were open when the program started.
 */
int run_pod(const struct run_options *options, const bool stdio_present[3],
	    struct timeline *timeline);

/* Gives the pod its name, if it has one. A container's id is its own until it is deleted. */
int run_take_name(const struct run_options *options, int pods_fd, const char *uuid,
		  struct error *err);

/*
 * The part of it after the process has gone where it runs: to the pod's end, or -1 with err filled
 * if it could not be started. A pod that could not leaves nothing; one that was prepared stays so.
 * stdio: the descriptors that apps inherit.
 */
struct detach;
int run_begin(const struct run_options *options, struct detach *detach, const int stdio[3],
	      struct timeline *timeline, struct error *err);

#endif
