/*
 * A pod description in, a supervised pod and its exit status out: the room's entry.
 */
#ifndef NACELLE_POD_RUN_H
#define NACELLE_POD_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/text_list.h"
#include "vmm/pod/timeline.h"

/* What the command line says; NULL and 0 where it is silent. */
struct run_options {
	const char *reference;
	const char *const *command; /* NULL-terminated, may be empty */
	const char *store_root;
	uint64_t cpus;
	uint64_t memory_bytes;
	struct text_list env; /* NAME=value, or NAME for the caller's value */
	const char *user;
	const char *workdir;
	const char *hostname;
	struct text_list nets;	  /* none, passt[,...] or tap:NAME[,...]: net.h */
	struct text_list publish; /* [IP:]HOST:GUEST[/udp] */
	struct text_list dns;
	struct text_list dns_search;
	struct text_list add_host; /* NAME:IP */
	const char *entrypoint;
	bool read_only;
	const char *upper; /* tmpfs[:SIZE] or none */
	bool init;
	struct text_list volumes; /* SRC:DST[:ro] */
	bool interactive;
	bool tty;
	bool console;
	const char *kernel;
	const char *kernel_args;
	const char *name;
	bool json_log;
	const char *trace;
	uint64_t boot_timeout_s;
};

enum {
	RUN_CPUS_DEFAULT = 1,
	RUN_BOOT_TIMEOUT_DEFAULT_S = 30,
	RUN_STATUS_FAILURE = 125, /* nacelle itself or the guest kernel failed */
};
#define RUN_MEMORY_DEFAULT_BYTES ((uint64_t)512 << 20)

/*
 * Runs a pod of one app to its end. Returns the exit status for the process: the app's own, 128 + n
 * for a signal, 126 and 127 if it could not be started, or RUN_STATUS_FAILURE after a message.
 * stdin_ present and so on say which standard descriptors were open when the program started.
 */
int run_pod(const struct run_options *options, const bool stdio_present[3],
	    struct timeline *timeline);

#endif
