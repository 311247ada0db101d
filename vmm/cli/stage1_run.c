/*
 * The entry point run: rkt has become this process, which is the pod until its end. rkt's lock on
 * the pod's directory comes along as a descriptor; when it goes, so has the pod, for rkt.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/number.h"
#include "vmm/cli/stage1.h"
#include "vmm/pod/keep.h"
#include "vmm/pod/stdio.h"
#include "vmm/pod/uuid.h"

static struct timeline timeline;
static bool stdio_present[3];

void stage1_started(void)
{
	timeline_stamp(&timeline, TIMELINE_STARTED);
	stdio_reserve(stdio_present);
}

/*
 * The lock is held for as long as a process has the descriptor: this one, and none that it starts.
 * Those that are forked close what they do not know (vmm/base/lockdown.h).
 */
static int keep_lock(const struct stage1_pod *pod, struct error *err)
{
	const char *text = getenv("RKT_LOCK_FD");
	struct stat ours, locked;
	uint64_t fd;

	if (!text || number_parse(text, &fd) < 0 || fd > INT_MAX)
		return error_set(err, 0,
				 "RKT_LOCK_FD names no descriptor: this is for rkt to start; "
				 "nacelle run starts a pod without it");
	if (fstat((int)fd, &locked) < 0 || fstat(pod->fd, &ours) < 0)
		return error_set(err, errno, "RKT_LOCK_FD");
	if (locked.st_dev != ours.st_dev || locked.st_ino != ours.st_ino)
		return error_set(err, 0, "RKT_LOCK_FD is not the pod's directory");
	if (fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
		return error_set(err, errno, "RKT_LOCK_FD");
	(void)unsetenv("RKT_LOCK_FD");
	return 0;
}

/* Of the pod that the flags have settled, what is in rkt's directory. */
static int settle_pod(struct run_options *run, struct stage1_pod *pod,
		      const char *nets[STAGE1_NETS_MAX], struct keep *keep, struct error *err)
{
	const char *kernel_args = getenv("RKT_HYPERVISOR_EXTRA_KERNEL_PARAMS");

	run->kernel_args = kernel_args && *kernel_args ? kernel_args : NULL;
	run->store_root = pod->root;
	run->app_roots = pod->apps;
	run->cni_fallback = keep_text(keep, err, "%s/" STAGE1_ETC "/rkt/net.d", pod->path);
	run->pod_file = keep_text(keep, err, "%s/pod", pod->path);
	if (!run->cni_fallback || !run->pod_file)
		return -1;
	run->common.tty = run->common.interactive && isatty(STDIN_FILENO);
	return stage1_name_networks(run, nets, keep, err) < 0 ? -1
							      : stage1_pod_open_status(pod, err);
}

int stage1_run(const void *given, int argc, char **argv, struct error *err)
{
	static struct stage1_pod pod;
	const char *nets[STAGE1_NETS_MAX] = { NULL };
	struct keep keep = { .items = NULL };
	struct run_options run = { .apps = NULL };
	struct run_listener listener;
	int status = -1;

	(void)argc;
	if (!uuid_is_canonical(argv[0]))
		return error_set(err, 0, "%.64s is no UUID", argv[0]);
	if (stage1_pod_open(&pod, err) == 0 && keep_lock(&pod, err) == 0 &&
	    stage1_settle(&run, given, argv[0], nets, &keep, err) == 0 &&
	    settle_pod(&run, &pod, nets, &keep, err) == 0) {
		listener = stage1_pod_listener(&pod);
		run.listener = &listener;
		status = run_pod(&run, stdio_present, &timeline);
		if (status == RUN_STATUS_FAILURE && !pod.app_said_failure)
			status = STAGE1_STATUS_FAILURE;
	}
	keep_free(&keep);
	return status;
}
