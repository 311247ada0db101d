/*
 * guest-init: PID 1 of a pod's virtual machine.
 *
 * Reads the pod record, prepares the system, runs the apps, tells the host how they ended, and
 * waits to be stopped. It never returns: a PID 1 that ends is a kernel panic.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-init/boot_log.h"
#include "guest-init/clock.h"
#include "guest-init/control.h"
#include "guest-init/export.h"
#include "guest-init/log.h"
#include "guest-init/metadata.h"
#include "guest-init/mounts.h"
#include "guest-init/platform.h"
#include "guest-init/pod.h"
#include "guest-init/record.h"
#include "guest-init/system.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

static bool tracing;

static void trace(enum trace_stage stage)
{
	if (tracing)
		platform_trace(stage);
}

/* Standard streams that are open and harmless, so that nothing else gets their numbers. */
static int open_null(struct error *err)
{
	int fd = open("/dev/null", O_RDWR);

	while (fd >= 0 && fd < 2)
		fd = dup(fd);
	if (fd < 0)
		return error_set(err, errno, "cannot open /dev/null");
	return fd > 2 ? close(fd) : 0;
}

static int load_record(struct record *record, struct error *err)
{
	char *data = NULL;
	size_t len = 0;

	/* The bytes stay for ever: the record points into them. */
	if (io_read_file(AT_FDCWD, RECORD_PATH, RECORD_SIZE_MAX, &data, &len, err) < 0)
		return -1;
	unlink(RECORD_PATH);
	return record_read(data, len, record, err);
}

/* True if an app could write to what outlives the VM. */
static bool has_writable_storage(const struct record *record)
{
	for (size_t i = 0; i < record->app_count; i++) {
		const struct record_app *app = &record->apps[i];

		if (app->root.upper == RECORD_UPPER_DISK)
			return true;
		if (app->root.p9 && app->root.upper == RECORD_UPPER_NONE && !app->root.read_only)
			return true;
		for (size_t m = 0; m < app->mount_count; m++) {
			if (app->mounts[m].type != RECORD_MOUNT_TMPFS && !app->mounts[m].read_only)
				return true;
		}
	}
	return false;
}

/* The last frame. The host stops the machine when it has it. */
static int send_pod_exit(struct control *control, const struct frame_pod_exit *exit,
			 struct error *err)
{
	trace(TRACE_GUEST_POD_EXIT);
	if (control_send(control, FRAME_POD_EXIT, exit, sizeof(*exit), err) < 0)
		return -1;
	return control_flush(control, err);
}

static int run(struct control *control, struct error *err)
{
	struct frame_pod_exit exit;
	struct record record;

	if (load_record(&record, err) < 0)
		return -1;
	if (record.trace && !tracing)
		tracing = platform_trace_enable(true) == 0;
	record.trace = tracing;
	trace(TRACE_GUEST_RECORD);
	if (control_open(control, err) < 0)
		return -1;
	if (record.export != RECORD_EXPORT_NO)
		return export_run(&record, control, &exit, err) < 0
			   ? -1
			   : send_pod_exit(control, &exit, err);
	if (mounts_system(&record, err) < 0 || open_null(err) < 0 ||
	    system_prepare(&record, err) < 0 || (record.metadata && metadata_start(err) < 0))
		return -1;
	clock_set();
	trace(TRACE_GUEST_MOUNTS);
	if (tracing)
		boot_log_mark();
	if (pod_run(&record, control, &exit, err) < 0)
		return -1;
	trace(TRACE_GUEST_APP_EXIT);
	if (tracing)
		boot_log_tell();
	if (has_writable_storage(&record)) {
		sync();
		mounts_finish();
	}
	return send_pod_exit(control, &exit, err);
}

/* guest-init failed: the host is told if it can be told, and the machine ends either way. */
static void give_up(struct control *control, const struct error *why)
{
	const struct frame_pod_exit exit = { le32_make(EXIT_KIND_INIT_FAILURE),
					     le32_make(why->code ? (uint32_t)why->code : EINVAL) };
	struct error err = ERROR_NONE;

	mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID | MS_NOEXEC, NULL);
	log_error(why->text);
	if ((control->fd < 0 && control_open(control, &err) < 0) ||
	    send_pod_exit(control, &exit, &err) < 0) {
		log_error(err.text);
		platform_die();
	}
}

int main(int argc, char **argv)
{
	struct control control = { .fd = -1 };
	struct error err = ERROR_NONE;

	if (getpid() != 1) {
		(void)fprintf(stderr, "guest-init: this is PID 1 of a pod's virtual machine\n");
		return 1;
	}
	/* "-- trace" on the kernel's command line: the record says so too, but later. */
	tracing = argc > 1 && !strcmp(argv[1], "trace") && platform_trace_enable(true) == 0;
	trace(TRACE_GUEST_INIT);
	if (tracing)
		boot_log_begin();
	if (run(&control, &err) < 0)
		give_up(&control, &err);
	for (;;)
		pause();
}
