/*
 * Network configuration lists of CNI (specification 1.0.0, section 1), as the administrator keeps
 * them in a directory: NAME.conflist, and NAME.conf or NAME.json with one plug-in.
 *
 * Only nacelle-image links this.
 */
#ifndef NACELLE_POD_CNI_CONFIG_H
#define NACELLE_POD_CNI_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "vmm/base/error.h"

struct cJSON;

enum {
	CNI_PLUGINS_MAX = 16,
	CNI_NAME_MAX = 64, /* of a network and of a plug-in */
	CNI_DOCUMENT_MAX = 1024 * 1024,
};

struct cni_plugin {
	const char *type;	    /* the program's name; no path */
	bool port_mappings;	    /* it has the capability "portMappings" */
	const struct cJSON *config; /* as the list has it */
};

/* What the texts and configurations point to is the list's. */
struct cni_list {
	struct cJSON *document; /* owned; always a list, also where the file had one plug-in */
	const char *name;
	char *file;	     /* owned: where cni_list_find() has found it; or NULL */
	const char *version; /* cniVersion: 0.3.0 to 1.0.0; 0.3.1 where the file's is older */
	unsigned plugin_count;
	struct cni_plugin plugins[CNI_PLUGINS_MAX];
};

/* Whether it can be the name of a network or of a plug-in: letters, digits, '_', '.', '-'. */
bool cni_is_name(const char *text);

/* Whether the version is one of those whose results have the shape that is known here. */
bool cni_is_version(const char *text);

/* Reads a list or a single configuration. */
int cni_list_parse(struct cni_list *list, const char *text, size_t len, struct error *err);
void cni_list_free(struct cni_list *list);

/*
 * Looks in the files of the directories (at least one, and a NULL), one after the other, in the
 * order of their names and lists before single configurations, for the network of this name. A file
 * that cannot be read counts only if no other has the network: then err says so too.
 */
int cni_list_find(struct cni_list *list, const char *const *directories, const char *name,
		  struct error *err);

/*
 * Calls fn for each file of the directory that should hold a network: with the list, or with NULL
 * and what is wrong with it. fn may take the list over: it then leaves NULL as its document.
 * Returns -1 with err filled if the directory cannot be read; a directory that is not there is
 * empty.
 */
int cni_list_each(const char *directory,
		  void (*fn)(void *ctx, const char *file, struct cni_list *list,
			     const struct error *why),
		  void *ctx, struct error *err);

#endif
