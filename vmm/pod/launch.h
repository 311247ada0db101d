/*
 * From a settled pod to a plan: opens /dev/kvm, kernel, initramfs, disks and streams, and builds
 * the pod record. After this nothing is opened any more.
 */
#ifndef NACELLE_POD_LAUNCH_H
#define NACELLE_POD_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>

#include "vmm/machine/plan.h"
#include "vmm/pod/assemble.h"
#include "vmm/pod/detach.h"
#include "vmm/pod/directory.h"
#include "vmm/pod/disk_name.h"
#include "vmm/pod/manifest_json.h"
#include "vmm/pod/pod_logs.h"
#include "vmm/pod/vsock_path.h"

struct launch {
	const struct manifest_json *described; /* what runs, to be written beside the boot */
	struct plan plan;
	struct pod_directory *directory; /* borrowed; locked */
	struct detach *detach;		 /* borrowed */
	struct pod_logs logs;
	char upper_name[DISK_NAME_SIZE]; /* of the pod's disk in the guest */
	int supervisor_socket;		 /* our end */
	int control_fd;			 /* of the control socket, which is bound */
	int files_server[PLAN_FILES];	 /* the files role's ends, or -1 */
	struct vsock_path vsock;	 /* of --vsock; to be removed at the end */
	void *archive;			 /* cpio archive with the pod record; owned */
	size_t archive_bytes;
};

/* Opens /dev/kvm and checks that it can do what a pod needs. Returns the descriptor, or -1. */
int launch_open_kvm(struct error *err);

/*
 * What any machine has: kernel, initramfs, command line, /dev/kvm, and no device. plan is zeroed;
 * on failure, as below, everything that was opened is left to the end of the process.
 */
int launch_begin_plan(struct plan *plan, const struct run_options *options, struct error *err);

/* On failure everything that was opened is left to the end of the process. */
int launch_prepare(struct launch *launch, const struct run_options *options,
		   struct pod_directory *directory, struct detach *detach,
		   struct assembly *assembly, const struct pod_images *images, const int stdio[3],
		   struct error *err);

#endif
