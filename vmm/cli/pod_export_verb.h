/*
 * nacelle export: what an app has made of its root.
 */
#ifndef NACELLE_CLI_POD_EXPORT_VERB_H
#define NACELLE_CLI_POD_EXPORT_VERB_H

#include "vmm/cli/options.h"
#include "vmm/pod/export.h"

enum { POD_EXPORT_OPTION_COUNT = 6 };
extern const struct option_spec pod_export_options[POD_EXPORT_OPTION_COUNT];

int cli_pod_export(const void *options, int argc, char **argv, struct error *err);

#endif
