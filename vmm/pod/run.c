/*
 * The room's entry: options, image, pod, plan, supervised to the end.
 */
#include "vmm/pod/run.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "vmm/pod/cni.h"
#include "vmm/pod/control_socket.h"
#include "vmm/pod/directory.h"
#include "vmm/pod/host_view.h"
#include "vmm/pod/launch.h"
#include "vmm/pod/life.h"
#include "vmm/pod/pod_name.h"
#include "vmm/pod/report.h"
#include "vmm/pod/signals.h"
#include "vmm/pod/sources.h"
#include "vmm/pod/supervisor.h"

/* A pod that could not even say that it is there has never been, unless somebody prepared it. */
static bool has_been(const struct run_options *options, const struct pod_directory *directory,
		     int status)
{
	return status != RUN_STATUS_FAILURE || options->prepared_uuid ||
	       faccessat(directory->fd, POD_PID_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/*
 * What an app or a reader of its output has of the pod is its exit status, which stays what it is
 * where the disk is full or broken.
 */
static void end(struct pod_directory *directory, bool remove, int status)
{
	struct error err = ERROR_NONE;
	int result =
	    remove ? directory_remove(directory, &err) : life_write_end(directory, status, &err);

	if (result < 0)
		report(REPORT_WARNING, "%s", err.text);
}

static void warn(const struct run_options *options, const struct assembly *assembly)
{
	for (unsigned i = 0; i < options->warnings.count; i++)
		report(REPORT_WARNING, "%s", options->warnings.items[i]);
	for (unsigned i = 0; i < assembly->warning_count; i++)
		report(REPORT_WARNING, "%s", assembly->warnings[i]);
	if (assembly->networks.warning)
		report(REPORT_WARNING, "%s", assembly->networks.warning);
}

static int run_sources(struct sources *sources, struct pod_directory *directory, int control_fd,
		       struct detach *detach, const int stdio[3], struct timeline *timeline,
		       struct error *err)
{
	static struct assembly assembly;
	const struct run_options *options = &sources->options;
	const struct manifest_json described = { .assembly = &assembly,
						 .options = options,
						 .manifest =
						     options->pod_file ? &sources->manifest : NULL,
						 .images = &sources->images };
	struct launch launch;

	if (sources_assemble(sources, &assembly, err) < 0 ||
	    (assembly.pod.metadata &&
	     metadata_gather(&assembly.metadata, &described, directory->uuid, err) < 0) ||
	    detach_keep_messages(detach, directory->fd, err) < 0 ||
	    launch_prepare(&launch, options, directory, detach, &assembly, &sources->images, stdio,
			   err) < 0 ||
	    (directory->place != POD_PLACE_RUN &&
	     directory_move(directory, POD_PLACE_RUN, false, err) < 0) ||
	    host_cgroup_enter(options->host_cgroup, err) < 0)
		return -1;
	pod_images_let_go(&sources->images);
	timeline_stamp(timeline, TIMELINE_ASSEMBLED);
	warn(options, &assembly);
	launch.described = &described;
	launch.control_fd = control_fd;
	return supervisor_run(&launch, &assembly, options, timeline);
}

/* The words are runc's. */
int run_take_name(const struct run_options *options, int pods_fd, const char *uuid,
		  struct error *err)
{
	if (!options->name)
		return 0;
	if (!options->hold)
		return pod_name_take(pods_fd, options->name, uuid, err);
	if (pod_name_take_free(pods_fd, options->name, uuid, err) == 0)
		return 0;
	return err->code == EEXIST
		   ? error_set(err, 0, "container with given ID already exists: %s", options->name)
		   : -1;
}

static int make_directory(const struct run_options *options, int pods_fd,
			  struct pod_directory *directory, struct error *err)
{
	int made = options->uuid
		       ? directory_create_as(pods_fd, POD_PLACE_RUN, options->uuid, directory, err)
		       : directory_create(pods_fd, POD_PLACE_RUN, directory, err);

	if (made < 0)
		return -1;
	if (run_take_name(options, pods_fd, directory->uuid, err) == 0)
		return 0;
	(void)directory_remove(directory, NULL);
	return -1;
}

/* The directory of a pod whose networks cannot be undone stays, for gc to try again. */
static bool undo_networks(const struct pod_directory *directory)
{
	struct error err = ERROR_NONE;

	if (net_cleanup(directory->fd, &err) == 0)
		return true;
	report(REPORT_WARNING, "%s; nacelle gc tries again", err.text);
	return false;
}

static int take_prepared(const struct run_options *options, int pods_fd,
			 struct pod_directory *directory, struct error *err)
{
	int taken =
	    directory_open(pods_fd, POD_PLACE_PREPARED, options->prepared_uuid, directory, err);

	if (taken > 0)
		taken = directory_lock(directory, err);
	return taken ? taken
		     : error_set(err, 0, "the pod %s is not prepared any more: somebody runs it",
				 options->prepared_uuid);
}

/* The end of a pipe could not be told to an app that reads a terminal: it would wait for ever. */
static int check_terminal(const struct run_options *options, struct error *err)
{
	const struct app_options *app = run_app_options(options, 0);

	if (options->is_detached || options->hold || !app->tty || !app->interactive ||
	    app->stdin_mode || isatty(STDIN_FILENO))
		return 0;
	return error_set(err, 0, "stdin is no terminal: leave --tty or --interactive out");
}

int run_begin(const struct run_options *options, struct detach *detach, const int stdio[3],
	      struct timeline *timeline, struct error *err)
{
	static struct sources sources;
	struct pod_directory directory;
	int pods_fd, control_fd, status = -1;
	bool is_clean, is_kept;

	if (check_terminal(options, err) < 0 || sources_read(&sources, options, err) < 0)
		return -1;
	timeline_stamp(timeline, TIMELINE_IMAGE);
	pods_fd = pods_open(options->store_root, true, err);
	if (pods_fd < 0 ||
	    (options->prepared_uuid ? take_prepared(options, pods_fd, &directory, err)
				    : make_directory(options, pods_fd, &directory, err)) < 0)
		return -1;
	control_fd = control_socket_bind(directory.fd, err);
	if (control_fd >= 0)
		status =
		    run_sources(&sources, &directory, control_fd, detach, stdio, timeline, err);
	is_clean = undo_networks(&directory);
	/* One that was made in vain leaves nothing. */
	is_kept = !options->remove && !(options->hold && detach->news >= 0);
	detach_ended(detach, directory.fd);
	if (status >= 0)
		end(&directory, is_clean && !(is_kept && has_been(options, &directory, status)),
		    status);
	else if (directory.place == POD_PLACE_PREPARED)
		(void)unlinkat(directory.fd, POD_CONTROL_NAME, 0);
	else if (is_clean && !options->prepared_uuid)
		(void)directory_remove(&directory, NULL);
	return status;
}

int run_pod(const struct run_options *options, const bool stdio_present[3],
	    struct timeline *timeline)
{
	const int stdio[3] = { stdio_present[0] ? 0 : -1, stdio_present[1] ? 1 : -1,
			       stdio_present[2] ? 2 : -1 };
	struct detach detach = DETACH_NONE;
	struct error err = ERROR_NONE;
	int status;

	if (options->json_log)
		report_use_json(options->name);
	status = options->is_detached ? detach_split(&detach, &err) : -1;
	if (status >= 0)
		return status;
	if (status == -2) {
		report(REPORT_ERROR, "%s", err.text);
		return RUN_STATUS_FAILURE;
	}
	signals_block();
	status = run_begin(options, &detach, stdio, timeline, &err);
	if (status < 0 && signals_pending_end())
		return 128 + signals_pending_end();
	if (status < 0) {
		report(REPORT_ERROR, "%s", err.text);
		return RUN_STATUS_FAILURE;
	}
	if (options->trace && timeline_write(timeline, options->trace, &err) < 0)
		report(REPORT_WARNING, "%s", err.text);
	return status;
}
