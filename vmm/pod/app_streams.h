/*
 * The standard streams of a pod's apps: which vsock port each one has, and the descriptors of the
 * host behind them.
 */
#ifndef NACELLE_POD_APP_STREAMS_H
#define NACELLE_POD_APP_STREAMS_H

#include <stdbool.h>
#include <stddef.h>

#include "vmm/base/error.h"
#include "vmm/machine/plan.h"
#include "vmm/pod/pod.h"
#include "vmm/pod/run.h"

enum app_stdio {
	APP_STDIO_NULL,	   /* /dev/null */
	APP_STDIO_INHERIT, /* that of the caller, which several apps may share */
	APP_STDIO_LOG,	   /* the logger's: output is kept, input comes from those who attach */
};

/* How the streams of one app go. A terminal uses in and out, and err is not looked at. */
struct app_streams {
	enum app_stdio in, out, err;
	bool terminal;
	int log_in, log_out, log_err; /* with APP_STDIO_LOG: the machine's ends, non-blocking */
};

/*
 * Settles the modes from what the command line says of the app; by_default is that of stdout and
 * stderr if it is silent, and APP_STDIO_LOG also means that there is no caller to inherit from.
 */
int app_streams_choose(struct app_streams *streams, const struct app_options *options,
		       enum app_stdio by_default, struct error *err);

/*
 * Hands out ports from NACELLE_PORT_STREAM_FIRST on to count apps, at most RECORD_APPS_MAX, and
 * fills the plan's streams, which own the descriptors behind them; those of the logger change
 * hands. stdio: the caller's standard descriptors, -1 for one that was not open when the program
 * started; a reader of that finds the end and a writer a broken pipe.
 */
void app_streams_set(struct plan *plan, struct pod_app *apps, const struct app_streams *streams,
		     size_t count, const int stdio[3]);

#endif
