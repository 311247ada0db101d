/*
 * What confines an app: isolators, and the options that go before them.
 */
#include <stdlib.h>
#include <string.h>

#include "guest-init/protocol.h"
#include "vmm/pod/app_values.h"
#include "vmm/pod/capabilities.h"
#include "vmm/pod/merge_internal.h"
#include "vmm/pod/size.h"

/* What an appc set is as a text that --seccomp takes. */
static int set_system_calls(struct merge_app *app, struct error *err)
{
	const struct image_isolators *isolators = &app->base.rest->isolators;
	struct keep *list = &app->assembly->keep;
	size_t len = 64;
	char *text;

	*app->seccomp = app->own->seccomp;
	if (*app->seccomp || isolators->system_call_set == IMAGE_SET_NONE)
		return 0;
	for (size_t i = 0; i < isolators->system_calls.count; i++)
		len += strlen(isolators->system_calls.items[i]) + 1;
	text = keep_array(list, len + 64, 1, err);
	if (!text)
		return -1;
	strcpy(text,
	       isolators->system_call_set == IMAGE_SET_RETAIN ? "mode=retain" : "mode=remove");
	if (isolators->seccomp_errno && strlen(isolators->seccomp_errno) < 32)
		strcat(strcat(text, ",errno="), isolators->seccomp_errno);
	len = strlen(text);
	for (size_t i = 0; i < isolators->system_calls.count; i++) {
		text[len++] = ',';
		len = (size_t)(stpcpy(text + len, isolators->system_calls.items[i]) - text);
	}
	*app->seccomp = text;
	return 0;
}

static int set_shares(struct merge_app *app, struct error *err)
{
	uint64_t shares = app->own->cpu_shares;

	if (!shares)
		shares = app->base.rest->isolators.cpu_shares;
	if (!shares)
		return 0;
	if (size_cpu_weight(shares, &app->out->cpu_weight) < 0)
		return error_set(err, 0, "--cpu-shares: a number from %d to %d is expected",
				 IMAGE_SHARES_MIN, IMAGE_SHARES_MAX);
	return 0;
}

static int set_resources(struct merge_app *app, struct error *err)
{
	enum { MEMORY_MIN = 4096 };
	const struct image_isolators *isolators = &app->base.rest->isolators;
	const struct app_options *own = app->own;
	uint64_t cpu = own->cpu_limit ? own->cpu_limit : isolators->cpu_limit;

	app->out->memory_limit =
	    own->memory_bytes ? own->memory_bytes : isolators->memory_limit_bytes;
	if (app->out->memory_limit && app->out->memory_limit < MEMORY_MIN)
		return error_set(err, 0, "a memory limit of less than %d bytes", MEMORY_MIN);
	app->out->cpu_limit = cpu < UINT32_MAX ? (uint32_t)cpu : 0;
	if (own->pids_limit > UINT32_MAX)
		return error_set(err, 0, "--pids-limit: at most %u are possible", UINT32_MAX);
	app->out->pids_limit = (uint32_t)own->pids_limit;
	return set_shares(app, err);
}

/* Of several for one resource the last counts. */
static int set_ulimits(struct merge_app *app, struct error *err)
{
	const struct text_list *texts = &app->own->ulimits;
	struct pod_rlimit *limits;
	size_t count = 0;

	if (!texts->count)
		return 0;
	limits = keep_array(&app->assembly->keep, texts->count, sizeof(*limits), err);
	if (!limits)
		return -1;
	for (unsigned i = 0; i < texts->count; i++) {
		struct pod_rlimit limit;
		size_t at = 0;

		if (app_value_ulimit(texts->items[i], &limit, err) < 0)
			return -1;
		while (at < count && limits[at].resource != limit.resource)
			at++;
		limits[at] = limit;
		count += at == count;
	}
	app->out->rlimits = limits;
	app->out->rlimit_count = count;
	return 0;
}

int merge_limits(struct merge_app *app, struct error *err)
{
	const struct image_isolators *isolators = &app->base.rest->isolators;
	struct pod_app *out = app->out;

	out->oom_score_adj = isolators->oom_score_adj;
	out->no_new_privileges = isolators->no_new_privileges || app->own->no_new_privileges;
	if (app->own->oom_score_adj &&
	    app_value_oom_score(app->own->oom_score_adj, &out->oom_score_adj, err) < 0)
		return -1;
	if (capabilities_settle(app->own, isolators, &out->capabilities, err) < 0 ||
	    set_resources(app, err) < 0 || set_ulimits(app, err) < 0)
		return -1;
	return set_system_calls(app, err);
}
