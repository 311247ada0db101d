/*
 * nacelle rm and nacelle gc.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/time_text.h"
#include "vmm/cli/pod_verbs.h"
#include "vmm/pod/gc.h"
#include "vmm/pod/pods.h"
#include "vmm/pod/stop.h"

const struct option_spec pod_remove_options[POD_REMOVE_OPTION_COUNT] = {
	{ "force", 'f', OPTION_FLAG, NULL, VALUE_OTHER,
	  "kill it first if it runs, and keep nothing for networks that cannot be undone",
	  POD_FIELD(force) },
	POD_OPTION_ROOT,
	POD_OPTION_UUID_FILE,
};

const struct option_spec pod_collect_options[POD_COLLECT_OPTION_COUNT] = {
	{ "expire-prepared", 0, OPTION_TEXT, "TIME", VALUE_OTHER,
	  "remove prepared pods that have waited so long (default 24h)",
	  POD_FIELD(expire_prepared) },
	{ "grace-period", 0, OPTION_TEXT, "TIME", VALUE_OTHER,
	  "keep pods for so long after their end was noted (default 30m)",
	  POD_FIELD(grace_period) },
	{ "mark-only", 0, OPTION_FLAG, NULL, VALUE_OTHER,
	  "note which pods have ended, and remove none", POD_FIELD(mark_only) },
	{ "quiet", 'q', OPTION_FLAG, NULL, VALUE_OTHER, "print errors only", POD_FIELD(quiet) },
	POD_OPTION_ROOT,
};

static int remove_one(const struct pod_verb_options *options, struct pod_directory *pod,
		      struct error *err)
{
	struct error why = ERROR_NONE;
	char uuid[UUID_TEXT_SIZE];
	int found;

	if (options->force && pod->place <= POD_PLACE_RUN && directory_is_held(pod)) {
		if (pod_stop_by_force(pod, err) < 0)
			return -1;
		/* It may have gone on to where pods run, or, with --rm, altogether. */
		memcpy(uuid, pod->uuid, sizeof(uuid));
		directory_close(pod);
		found = pods_open_one(pod->pods_fd, uuid, pod, err);
		if (found <= 0)
			return found;
	}
	if (pod_remove(pod, NULL, options->force ? &why : NULL, err) < 0)
		return -1;
	if (why.text[0])
		(void)fprintf(stderr, "nacelle: warning: %s\n", why.text);
	return 0;
}

int cli_pod_remove(const void *options, int argc, char **argv, struct error *err)
{
	return cli_each_pod(options, argc, argv, remove_one, err);
}

static int read_time(const char *option, const char *text, const char *fallback, uint64_t *out,
		     struct error *err)
{
	if (time_text_read_duration(text ? text : fallback, out) == 0)
		return 0;
	return error_set(err, 0, "--%s %s: a time such as 30m, 24h or 0s is expected", option,
			 text);
}

static void say(const char *uuid, const char *what)
{
	printf("%s %s\n", what, uuid);
}

int cli_pod_collect(const void *given, int argc, char **argv, struct error *err)
{
	const struct pod_verb_options *options = given;
	struct gc_options gc = { .mark_only = options->mark_only,
				 .say = options->quiet ? NULL : say };
	_cleanup_fd_ int pods_fd = -1;

	(void)argc;
	(void)argv;
	if (read_time("grace-period", options->grace_period, "30m", &gc.grace_ns, err) < 0 ||
	    read_time("expire-prepared", options->expire_prepared, "24h", &gc.expire_prepared_ns,
		      err) < 0)
		return -1;
	pods_fd = pods_open(options->root, false, err);
	if (pods_fd < 0)
		return err->code == ENOENT ? 0 : -1;
	return pods_collect(pods_fd, &gc, err);
}
