/*
 * The flags of rkt's interface version 6 and what they come to. Each is honoured or refused by its
 * name: a stage1 that drops what it does not know gives people a pod that they did not ask for.
 */
#include <string.h>

#include "vmm/base/number.h"
#include "vmm/cli/stage1.h"
#include "vmm/pod/keep.h"

#define FIELD(name) offsetof(struct stage1_options, name)

const struct option_spec stage1_run_options[STAGE1_RUN_OPTION_COUNT] = {
	{ "debug", 0, OPTION_FLAG, NULL, VALUE_OTHER, "show the guest kernel's messages on stderr",
	  FIELD(debug) },
	{ "disable-capabilities-restriction", 0, OPTION_FLAG, NULL, VALUE_OTHER,
	  "give the apps all capabilities", FIELD(disable_capabilities) },
	{ "disable-paths", 0, OPTION_FLAG, NULL, VALUE_OTHER,
	  "hide nothing of /proc and /sys from the apps", FIELD(disable_paths) },
	{ "disable-seccomp", 0, OPTION_FLAG, NULL, VALUE_OTHER, "filter no system calls",
	  FIELD(disable_seccomp) },
	{ "dns-conf-mode", 0, OPTION_TEXT, "resolv=MODE,hosts=MODE", VALUE_OTHER,
	  "where the apps' resolv.conf and hosts come from: default, host, stage0, none",
	  FIELD(dns_conf_mode) },
	{ "hostname", 0, OPTION_TEXT, "NAME", VALUE_OTHER, "host name (default rkt-UUID)",
	  FIELD(hostname) },
	{ "interactive", 0, OPTION_FLAG, NULL, VALUE_OTHER, "connect the app to the terminal",
	  FIELD(interactive) },
	{ "ipc", 0, OPTION_TEXT, "MODE", VALUE_OTHER, "auto or private; parent is refused",
	  FIELD(ipc) },
	{ "local-config", 0, OPTION_TEXT, "DIR", VALUE_DIRECTORY,
	  "rkt's configuration, with networks in net.d (default /etc/rkt)", FIELD(local_config) },
	{ "mds-token", 0, OPTION_TEXT, "TOKEN", VALUE_OTHER,
	  "give the apps a metadata service with this token", FIELD(mds_token) },
	{ "mutable", 0, OPTION_FLAG, NULL, VALUE_OTHER, "refused: apps are settled at the start",
	  FIELD(mutable_pod) },
	{ "net", 0, OPTION_TEXT, "NETWORK[:ARGUMENTS][,...]", VALUE_OTHER,
	  "networks of the pod, all, or none; host is refused", FIELD(net) },
	{ "private-users", 0, OPTION_TEXT, "SHIFT:COUNT", VALUE_OTHER,
	  "refused: a machine of its own has users of its own", FIELD(private_users) },
};

static int refuse(const struct stage1_options *options, struct error *err)
{
	if (options->private_users)
		return error_set(
		    err, 0,
		    "--private-users: a pod is a virtual machine, whose users are none "
		    "of the host's anyway; run it without");
	if (options->mutable_pod)
		return error_set(err, 0,
				 "--mutable: apps cannot be added to a pod of this stage1; rkt app "
				 "needs another one");
	if (options->ipc && strcmp(options->ipc, "parent") == 0)
		return error_set(err, 0,
				 "--ipc=parent: a virtual machine cannot share the host's IPC; "
				 "auto and private are possible");
	if (options->ipc && strcmp(options->ipc, "auto") != 0 &&
	    strcmp(options->ipc, "private") != 0)
		return error_set(err, 0, "--ipc=%.64s: there is no such mode", options->ipc);
	return 0;
}

/* --insecure-options. */
static int settle_restrictions(struct run_options *run, const struct stage1_options *options,
			       struct keep *keep, struct error *err)
{
	const char **all;

	run->common.all_paths = options->disable_paths;
	if (options->disable_seccomp)
		run->common.seccomp = "none";
	if (!options->disable_capabilities)
		return 0;
	all = keep_array(keep, 2, sizeof(*all), err);
	if (!all)
		return -1;
	all[0] = "ALL";
	run->common.cap_add = (struct text_list){ all, 1 };
	return 0;
}

int stage1_add_network(struct run_options *run, const char *nets[STAGE1_NETS_MAX], const char *item,
		       struct error *err)
{
	if (strcmp(item, "host") == 0)
		return error_set(err, 0,
				 "--net=host: a virtual machine cannot be in the host's network; "
				 "--net=passt reaches what the host reaches, without privileges");
	if (!*item)
		return error_set(err, 0, "--net: a network without a name");
	if (run->nets.count == STAGE1_NETS_MAX - 1)
		return error_set(err, 0, "--net: at most %d networks are possible",
				 STAGE1_NETS_MAX - 1);
	nets[run->nets.count++] = item;
	return 0;
}

static int settle_networks(struct run_options *run, const struct stage1_options *options,
			   const char *nets[STAGE1_NETS_MAX], struct keep *keep, struct error *err)
{
	char *rest = keep_text(keep, err, "%s", options->net ? options->net : "default"), *item;

	if (!rest)
		return -1;
	run->nets.items = nets;
	while ((item = strsep(&rest, ",")))
		if (stage1_add_network(run, nets, item, err) < 0)
			return -1;
	run->cni_config = keep_text(keep, err, "%s/net.d",
				    options->local_config ? options->local_config : "/etc/rkt");
	return run->cni_config ? 0 : -1;
}

/* The files of one mode; stage0 has written its own into stage1's root. NULL: no such mode. */
static const char *file_of_mode(const char *mode, const char *host, const char *stage0)
{
	return strcmp(mode, "host") == 0     ? host
	       : strcmp(mode, "stage0") == 0 ? stage0
	       : strcmp(mode, "none") == 0   ? ""
					     : NULL;
}

/* resolv=MODE,hosts=MODE */
static int settle_names(struct run_options *run, const struct stage1_options *options,
			struct keep *keep, struct error *err)
{
	char *rest, *item;

	if (!options->dns_conf_mode)
		return 0;
	rest = keep_text(keep, err, "%s", options->dns_conf_mode);
	if (!rest)
		return -1;
	while ((item = strsep(&rest, ","))) {
		char *mode = item, *which = strsep(&mode, "=");
		bool is_resolv = strcmp(which, "resolv") == 0;
		const char **file = is_resolv ? &run->resolv_file : &run->hosts_file;

		if (!mode || (!is_resolv && strcmp(which, "hosts") != 0))
			return error_set(err, 0, "--dns-conf-mode: \"%.64s\" is not understood",
					 which);
		if (strcmp(mode, "default") == 0)
			continue;
		*file = is_resolv
			    ? file_of_mode(mode, "/etc/resolv.conf", STAGE1_ETC "/rkt-resolv.conf")
			    : file_of_mode(mode, "/etc/hosts", STAGE1_ETC "/rkt-hosts");
		if (!*file)
			return error_set(err, 0, "--dns-conf-mode: there is no mode %.64s", mode);
	}
	return 0;
}

int stage1_settle(struct run_options *run, const struct stage1_options *options, const char *uuid,
		  const char *nets[STAGE1_NETS_MAX], struct keep *keep, struct error *err)
{
	static const char *const nothing[] = { NULL };

	if (refuse(options, err) < 0 || settle_restrictions(run, options, keep, err) < 0 ||
	    settle_networks(run, options, nets, keep, err) < 0 ||
	    settle_names(run, options, keep, err) < 0)
		return -1;
	run->hostname =
	    options->hostname ? options->hostname : keep_text(keep, err, "rkt-%s", uuid);
	if (!run->hostname)
		return -1;
	run->uuid = uuid;
	run->upper = "none"; /* what apps change is rkt's to keep, and to export */
	run->console = options->debug;
	run->metadata_token = options->mds_token;
	run->common.command = nothing;
	run->common.interactive = options->interactive;
	run->boot_timeout_s = RUN_BOOT_TIMEOUT_DEFAULT_S;
	run->stop_timeout_ms = STAGE1_STOP_TIMEOUT_MS;
	return 0;
}
