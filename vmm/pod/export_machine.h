/*
 * A machine that makes one archive: the machine role as pods have it, with disks and two streams;
 * and, if a directory of the host is shared with it, the files role.
 */
#ifndef NACELLE_POD_EXPORT_MACHINE_H
#define NACELLE_POD_EXPORT_MACHINE_H

#include <stddef.h>

#include "guest-init/protocol.h"
#include "vmm/base/error.h"
#include "vmm/machine/plan.h"

enum {
	EXPORT_PORT_TAR = NACELLE_PORT_STREAM_FIRST,
	EXPORT_PORT_SUMMARY,
	EXPORT_DISKS_MAX = 2,
};

#define EXPORT_SHARE_NAME "root0" /* of the directory */

struct export_request {
	struct plan_disk disks[EXPORT_DISKS_MAX]; /* borrowed descriptors */
	unsigned disk_count;
	int directory_fd; /* O_PATH, borrowed: to be shared read-only; -1: none */
	void *archive;	  /* cpio archive with the record */
	size_t archive_bytes;
	int output;		 /* gets the tar archive */
	uint64_t boot_timeout_s; /* 0: RUN_BOOT_TIMEOUT_DEFAULT_S */
};

/*
 * Runs it to its end. Returns 0 with *status, and if that is EXPORT_DONE all of the archive has
 * been written; -1 with err filled if it has not come whole or could not be written. With other
 * statuses a part may have been written, but for EXPORT_UNCLEAN and EXPORT_NOTHING.
 */
int export_machine_run(const struct export_request *request, enum export_status *status,
		       struct error *err);

#endif
