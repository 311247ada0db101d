/*
 * One run of one CNI plug-in (specification 1.0.0, section 2): parameters in the environment,
 * configuration on stdin, a result or an error on stdout.
 *
 * Only nacelle-image links this.
 */
#ifndef NACELLE_POD_CNI_PLUGIN_H
#define NACELLE_POD_CNI_PLUGIN_H

#include <stddef.h>

#include "vmm/base/error.h"
#include "vmm/base/text_list.h"

enum { CNI_PLUGIN_LIMIT_MS = 180 * 1000, CNI_OUTPUT_MAX = 256 * 1024, CNI_WORDS_MAX = 1024 };

/* What all plug-ins of a network are told. */
struct cni_call {
	const char *container_id;
	const char *netns;	      /* path of the network namespace */
	const char *interface;	      /* its name there */
	const char *arguments;	      /* CNI_ARGS */
	struct text_list directories; /* where plug-ins are, absolute paths; searched in order */
	unsigned limit_ms;	      /* 0: CNI_PLUGIN_LIMIT_MS */
};

/*
 * Runs the plug-in `type` with the command (ADD, DEL) and the configuration. It gets nothing of
 * this process but that: a clean environment, no descriptors, a process group of its own, which is
 * killed when the time is up. Returns 0 with *output, to be freed, what it printed and a NUL behind
 * that; CNI_PLUGIN_REFUSED or CNI_PLUGIN_CUT_OFF with err filled.
 */
enum {
	CNI_PLUGIN_REFUSED = -1, /* it said so itself, or was never started */
	CNI_PLUGIN_CUT_OFF = -2, /* who knows what it has done */
};
int cni_plugin_run(const struct cni_call *call, const char *type, const char *command,
		   const char *configuration, char **output, size_t *len, struct error *err);

/* The program behind a type: 0 with path filled, -1 with err naming where it was looked for. */
int cni_plugin_find(const struct text_list *directories, const char *type, char *path, size_t size,
		    struct error *err);

#endif
