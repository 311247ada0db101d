/*
 * From a process of an OCI bundle to a command of nacelle exec.
 */
#include "vmm/pod/bundle_exec.h"

#include <stdio.h>
#include <string.h>

#include "vmm/base/cleanup.h"
#include "vmm/pod/app_values.h"
#include "vmm/pod/capabilities.h"

static struct text_list lend(const struct string_list *list)
{
	union {
		char **theirs;
		const char **ours;
	} items = { list->items };

	return (struct text_list){ items.ours, (unsigned)list->count };
}

/* As other runtimes do, names that nobody knows are left out. */
static uint64_t capability_mask(const struct text_list *names)
{
	uint64_t mask = 0;

	for (unsigned i = 0; i < names->count; i++)
		for (unsigned cap = 0; capability_name(cap); cap++)
			if (strcmp(names->items[i], capability_name(cap)) == 0)
				mask |= (uint64_t)1 << cap;
	return mask;
}

static int settle_rlimits(const struct text_list *texts, struct pod_app *own, struct keep *keep,
			  struct error *err)
{
	struct pod_rlimit *limits = keep_array(keep, texts->count + 1, sizeof(*limits), err);

	if (!limits)
		return -1;
	for (unsigned i = 0; i < texts->count; i++)
		if (app_value_ulimit(texts->items[i], &limits[i], err) < 0)
			return -1;
	own->rlimits = limits;
	own->rlimit_count = texts->count;
	return 0;
}

/* One that is described in full has nothing of the container's own process. */
static int settle_whole(const struct oci_bundle *process, struct exec_options *options,
			struct pod_app *own, struct keep *keep, struct error *err)
{
	const struct text_list gids = lend(&process->lists[OCI_GIDS]);
	const struct text_list ulimits = lend(&process->lists[OCI_ULIMITS]);
	const struct text_list capabilities = lend(&process->lists[OCI_CAPABILITIES]);

	*own = (struct pod_app){
		.own =
		    POD_OWN_ENVIRONMENT | POD_OWN_GROUPS | POD_OWN_CAPABILITIES | POD_OWN_RLIMITS,
		.has_umask = process->numbers[OCI_HAS_UMASK],
		.umask = (uint32_t)process->numbers[OCI_UMASK],
		.capabilities = capability_mask(&capabilities),
		.no_new_privileges = process->numbers[OCI_NO_NEW_PRIVILEGES],
	};
	if (process->texts[OCI_OOM_SCORE]) {
		own->own |= POD_OWN_OOM_SCORE;
		if (app_value_oom_score(process->texts[OCI_OOM_SCORE], &own->oom_score_adj, err) <
		    0)
			return -1;
	}
	options->user = process->texts[OCI_USER];
	options->workdir = process->texts[OCI_CWD];
	options->env = lend(&process->lists[OCI_ENV]);
	if (app_value_gids(&gids, keep, &own->supplementary_gids, &own->supplementary_gid_count,
			   err) < 0)
		return -1;
	return settle_rlimits(&ulimits, own, keep, err);
}

/* A user without a group has that of the container's own process. */
static int settle_user(const struct bundle_exec *given, struct exec_options *options,
		       struct keep *keep, struct error *err)
{
	const char *group = strchr(given->container->texts[OCI_USER], ':');

	options->user = given->user;
	if (!given->user || strchr(given->user, ':') || !group)
		return 0;
	options->user = keep_text(keep, err, "%s%s", given->user, group);
	return options->user ? 0 : -1;
}

/* Groups and capabilities come to those of the container's own process. */
static int settle_parts(const struct bundle_exec *given, struct exec_options *options,
			struct pod_app *own, struct keep *keep, struct error *err)
{
	const struct text_list theirs = lend(&given->container->lists[OCI_GIDS]);
	const struct text_list caps = lend(&given->container->lists[OCI_CAPABILITIES]);
	const char **gids =
	    keep_array(keep, theirs.count + given->gids.count + 1, sizeof(*gids), err);
	const struct text_list all = { gids, theirs.count + given->gids.count };

	if (!gids || settle_user(given, options, keep, err) < 0)
		return -1;
	options->workdir = given->cwd;
	options->env = given->env;
	*own = (struct pod_app){ .no_new_privileges = given->no_new_privileges };
	if (given->capabilities.count) {
		own->own |= POD_OWN_CAPABILITIES;
		own->capabilities = capability_mask(&caps) | capability_mask(&given->capabilities);
	}
	if (!given->gids.count)
		return 0;
	own->own |= POD_OWN_GROUPS;
	for (unsigned i = 0; i < all.count; i++)
		gids[i] = i < theirs.count ? theirs.items[i] : given->gids.items[i - theirs.count];
	return app_value_gids(&all, keep, &own->supplementary_gids, &own->supplementary_gid_count,
			      err);
}

int bundle_settle_exec(const struct bundle_exec *given, struct exec_options *options,
		       struct pod_app *own, struct keep *keep, struct error *err)
{
	options->process = own;
	options->interactive = true;
	return given->process ? settle_whole(given->process, options, own, keep, err)
			      : settle_parts(given, options, own, keep, err);
}
