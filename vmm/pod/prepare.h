/*
 * Pods that are made now and run later.
 *
 * What is kept is the command line, and what could change outside of it until then: files that
 * options name are copied, variables of the caller are noted, references to images are resolved and
 * pinned. Sources of volumes stay where they are on the host, as the user's own.
 */
#ifndef NACELLE_POD_PREPARE_H
#define NACELLE_POD_PREPARE_H

#include "vmm/pod/directory.h"
#include "vmm/pod/launch_record.h"
#include "vmm/pod/run.h"

/*
 * Prepares a pod. options and apps are what record->options and record->arguments say; files that
 * they name are replaced by the copies. The rest of the record is filled here; it stays the
 * caller's. On failure nothing is left but images.
 */
int prepare_pod(struct run_options *options, struct app_options apps[RUN_APPS_MAX],
		struct launch_record *record, char uuid[UUID_TEXT_SIZE], struct error *err);

/*
 * Makes the options of a prepared pod what they were: its copies of files, its variables, its
 * working directory. *pod was opened, and is not needed after this.
 */
int prepare_restore(struct run_options *options, struct app_options apps[RUN_APPS_MAX],
		    const struct launch_record *record, const struct pod_directory *pod,
		    struct error *err);

#endif
