/*
 * --net=all: which networks there are, by their configurations. The administrator writes those.
 */
#include <string.h>

#include "vmm/cli/stage1.h"
#include "vmm/pod/cni.h"
#include "vmm/pod/keep.h"

/* Whether one of the networks, maybe with arguments, has this name. */
static bool has_network(const struct run_options *run, const char *name)
{
	for (unsigned i = 0; i < run->nets.count; i++)
		if (strcspn(run->nets.items[i], ":") == strlen(name) &&
		    strncmp(run->nets.items[i], name, strlen(name)) == 0)
			return true;
	return false;
}

static bool take_all_away(struct run_options *run, const char *nets[STAGE1_NETS_MAX])
{
	unsigned count = 0;

	for (unsigned i = 0; i < run->nets.count; i++)
		if (strcmp(nets[i], "all") != 0)
			nets[count++] = nets[i];
	if (count == run->nets.count)
		return false;
	run->nets.count = count;
	return true;
}

int stage1_name_networks(struct run_options *run, const char *nets[STAGE1_NETS_MAX],
			 struct keep *keep, struct error *err)
{
	const char *const directories[] = { run->cni_config, run->cni_fallback };

	if (!take_all_away(run, nets))
		return 0;
	for (size_t i = 0; i < 2; i++) {
		char names[CNI_LIST_MAX], *rest, *name;

		if (cni_list_networks(directories[i], names, sizeof(names), err) < 0)
			return error_prefix(err, "--net=all: %s", directories[i]);
		if (strlen(names) == CNI_LIST_MAX - 1)
			return error_set(err, 0, "--net=all: too many networks in %s",
					 directories[i]);
		rest = keep_text(keep, err, "%s", names);
		if (!rest)
			return -1;
		while ((name = strsep(&rest, ", ")))
			if (*name && !has_network(run, name) &&
			    stage1_add_network(run, nets, name, err) < 0)
				return -1;
	}
	return run->nets.count ? 0 : error_set(err, 0, "--net=all: there are no networks");
}
