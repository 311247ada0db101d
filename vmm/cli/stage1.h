/*
 * nacelle-stage1: the entry points of a stage1 image, which rkt's stage0 calls with the pod's
 * directory as working directory. Translation alone: rkt's arguments and files on one side,
 * vmm/pod's options on the other.
 *
 * The pod itself is one of nacelle's, below the directory STAGE1_ROOT of rkt's pod: what rkt
 * removes, it removes with it.
 */
#ifndef NACELLE_CLI_STAGE1_H
#define NACELLE_CLI_STAGE1_H

#include <limits.h>
#include <stdbool.h>

#include "vmm/base/text_list.h"
#include "vmm/cli/options.h"
#include "vmm/pod/run.h"

#define STAGE1_ROOT   "nacelle"			 /* of nacelle's pods, in rkt's pod */
#define STAGE1_APPS   "stage1/rootfs/opt/stage2" /* APP/rootfs */
#define STAGE1_ETC    "stage1/rootfs/etc" /* rkt-hosts, rkt-resolv.conf: as options of rkt ask */
#define STAGE1_STATUS "stage1/rootfs/rkt/status" /* exit statuses */

enum {
	STAGE1_STATUS_FAILURE = 254, /* of rkt and its stage1 themselves */
	STAGE1_STOP_TIMEOUT_MS = 10000,
};

/* The flags of run, interface version 6. */
struct stage1_options {
	bool debug;
	const char *net;
	bool interactive;
	const char *private_users;
	const char *mds_token;
	const char *local_config;
	const char *hostname;
	const char *dns_conf_mode;
	bool disable_capabilities, disable_paths, disable_seccomp;
	bool mutable_pod;
	const char *ipc;
};

/* rkt's pod: the working directory of every entry point. */
struct stage1_pod {
	int fd;
	int status_fd; /* STAGE1_STATUS */
	char path[PATH_MAX];
	char root[PATH_MAX];   /* path/STAGE1_ROOT */
	char apps[PATH_MAX];   /* path/STAGE1_APPS */
	bool app_said_failure; /* an app has ended with RUN_STATUS_FAILURE, as a nacelle that fails
				  does */
};

/* Opens the working directory. Its descriptors live as long as the process. */
int stage1_pod_open(struct stage1_pod *pod, struct error *err);

/* Opens the directory of statuses; for run. */
int stage1_pod_open_status(struct stage1_pod *pod, struct error *err);

/* The last component of the path: rkt calls a pod's directory by its UUID. */
const char *stage1_pod_uuid(const struct stage1_pod *pod);

/* What rkt wants to be told (its devel/pod-lifecycle.md): net-info.json, pid, rkt/status/APP. */
struct run_listener stage1_pod_listener(struct stage1_pod *pod);

/*
 * What the flags come to, without looking at anything; *run is zeroed. A flag that cannot be
 * honoured is refused by its name. nets has room for STAGE1_NETS_MAX; text that is made is kept.
 */
enum { STAGE1_NETS_MAX = 16 };
struct keep;
int stage1_settle(struct run_options *run, const struct stage1_options *options, const char *uuid,
		  const char *nets[STAGE1_NETS_MAX], struct keep *keep, struct error *err);

/* Adds one network, unless it is one that cannot be. */
int stage1_add_network(struct run_options *run, const char *nets[STAGE1_NETS_MAX], const char *item,
		       struct error *err);

/*
 * For --net=all: in its place, those of the directories run->cni_config and run->cni_fallback that
 * are not named already. One that cannot be used is an error, as it is to rkt.
 */
int stage1_name_networks(struct run_options *run, const char *nets[STAGE1_NETS_MAX],
			 struct keep *keep, struct error *err);

enum { STAGE1_RUN_OPTION_COUNT = 13 };
extern const struct option_spec stage1_run_options[STAGE1_RUN_OPTION_COUNT];

/* First of all in main(). */
void stage1_started(void);

/* The functions of the verbs (options.h). */
int stage1_run(const void *options, int argc, char **argv, struct error *err);

extern const struct program stage1_program;

#endif
