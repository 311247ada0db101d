/*
 * The room's entry: options, image, pod, plan, supervised to the end.
 */
#include "vmm/pod/run.h"

#include "vmm/pod/assemble.h"
#include "vmm/pod/image.h"
#include "vmm/pod/launch.h"
#include "vmm/pod/report.h"
#include "vmm/pod/signals.h"
#include "vmm/pod/supervisor.h"

static int start(const struct run_options *options, const bool stdio_present[3],
		 struct timeline *timeline, struct error *err)
{
	static struct assembly assembly;
	struct pod_image image;
	struct launch launch;
	bool ready;

	if (pod_image_open(&image, run_app_options(options, 0)->reference, options->store_root,
			   err) < 0)
		return -1;
	timeline_stamp(timeline, TIMELINE_IMAGE);
	ready = assemble(&assembly, options, &image, err) == 0 &&
		launch_prepare(&launch, options, &assembly, &image, stdio_present, err) == 0;
	pod_image_close(&image);
	if (!ready)
		return -1;
	timeline_stamp(timeline, TIMELINE_ASSEMBLED);
	if (assembly.networks.warning)
		report(REPORT_WARNING, "%s", assembly.networks.warning);
	return supervisor_run(&launch, &assembly, options, timeline);
}

int run_pod(const struct run_options *options, const bool stdio_present[3],
	    struct timeline *timeline)
{
	struct error err = ERROR_NONE;
	int status;

	if (options->json_log)
		report_use_json(options->name);
	signals_block();
	status = start(options, stdio_present, timeline, &err);
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
