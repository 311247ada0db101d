/*
 * nacelle stop and nacelle kill.
 */
#include <signal.h>

#include "vmm/base/signal_text.h"
#include "vmm/cli/pod_verbs.h"
#include "vmm/pod/request.h"
#include "vmm/pod/stop.h"

enum { TIMEOUT_DEFAULT_S = 10, TIMEOUT_MAX_S = 1000000 };

const struct option_spec pod_stop_options[POD_STOP_OPTION_COUNT] = {
	{ "force", 'f', OPTION_FLAG, NULL, VALUE_OTHER, "kill it at once", POD_FIELD(force) },
	POD_OPTION_ROOT,
	{ "timeout", 't', OPTION_NUMBER, "SECONDS", VALUE_OTHER,
	  "kill what has not ended by then (default 10)", POD_FIELD(timeout_s) },
	POD_OPTION_UUID_FILE,
};

const struct option_spec pod_kill_options[POD_KILL_OPTION_COUNT] = {
	{ "app", 0, OPTION_TEXT, "NAME", VALUE_OTHER, "only to this app (default all)",
	  POD_FIELD(app) },
	POD_OPTION_ROOT,
	{ "signal", 's', OPTION_TEXT, "SIGNAL", VALUE_OTHER,
	  "name or number of the signal (default KILL)", POD_FIELD(signal) },
	POD_OPTION_UUID_FILE,
};

static int stop(const struct pod_verb_options *options, struct pod_directory *pod,
		struct error *err)
{
	uint64_t timeout_s = options->timeout_s ? options->timeout_s : TIMEOUT_DEFAULT_S;

	if (options->force)
		return pod_stop_by_force(pod, err);
	return pod_stop(pod, (uint32_t)timeout_s * 1000, err);
}

int cli_pod_stop(const void *given, int argc, char **argv, struct error *err)
{
	const struct pod_verb_options *options = given;

	if (options->timeout_s > TIMEOUT_MAX_S)
		return error_set(err, 0, "--timeout: at most %d seconds", TIMEOUT_MAX_S);
	return cli_each_pod(options, argc, argv, stop, err);
}

static int kill_one(const struct pod_verb_options *options, struct pod_directory *pod,
		    struct error *err)
{
	int number = options->signal ? signal_text_number(options->signal) : SIGKILL;

	return pod_kill(pod, options->app, (uint32_t)number, err);
}

int cli_pod_kill(const void *given, int argc, char **argv, struct error *err)
{
	const struct pod_verb_options *options = given;

	if (options->signal && signal_text_number(options->signal) == 0)
		return error_set(err, 0, "--signal %s: there is no such signal", options->signal);
	return cli_each_pod(options, argc, argv, kill_one, err);
}
