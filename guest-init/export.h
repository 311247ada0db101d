/*
 * The other thing that guest-init does: instead of running a pod's apps, it hands the host an
 * archive of what one of them has made of its root.
 */
#ifndef NACELLE_GUEST_INIT_EXPORT_H
#define NACELLE_GUEST_INIT_EXPORT_H

#include "guest-init/control.h"
#include "guest-init/record.h"
#include "vmm/base/error.h"

/*
 * For a record with `export`. Says hello, mounts the pod's disk (and the image) read-only, and
 * streams the archive; *exit is what to report. -1 with err filled: guest-init itself failed.
 */
int export_run(const struct record *record, struct control *control, struct frame_pod_exit *exit,
	       struct error *err);

#endif
