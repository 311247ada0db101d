/*
 * nacelle run.
 */
#include "vmm/cli/run.h"

#include "vmm/cli/run_arguments.h"
#include "vmm/pod/run.h"
#include "vmm/pod/stdio.h"

static struct timeline timeline;
static bool stdio_present[3];

void cli_run_started(void)
{
	timeline_stamp(&timeline, TIMELINE_STARTED);
	stdio_reserve(stdio_present);
}

int cli_run_pod(const struct run_options *options)
{
	return run_pod(options, stdio_present, &timeline);
}

int cli_run(const void *given, int argc, char **argv, struct error *err)
{
	static struct app_options apps[RUN_APPS_MAX];
	struct run_options options = *(const struct run_options *)given;
	int status = cli_run_arguments(&options, apps, argc, argv, err);

	if (status == 0)
		status = cli_run_pod(&options);
	cli_run_arguments_free(&options, apps);
	return status;
}
