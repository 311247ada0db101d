/*
 * A pod's networks. The options are the user's own; resolv.conf is the host's.
 */
#include "vmm/pod/networks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "vmm/base/cleanup.h"
#include "vmm/pod/cni.h"
#include "vmm/pod/net_namespace.h"
#include "vmm/pod/passt.h"
#include "vmm/pod/tap.h"

/* passt forwards ports, for one network of the pod, or else CNI's plug-ins do. */
static int settle_ports(struct networks *networks, const struct run_options *options,
			struct error *err)
{
	unsigned passts = 0;

	for (unsigned i = 0; i < networks->count; i++)
		passts += networks->nets[i].kind == NET_PASST;
	if (passts > 1)
		return error_set(err, 0, "--net passt can be given once");
	if (options->publish.count && !passts && !cni_is_needed(networks))
		return error_set(
		    err, 0,
		    "--publish %s: passt and CNI networks forward ports; a pod on a tap "
		    "device has an address of its own",
		    options->publish.items[0]);
	if (options->publish.count > NET_PORTS_MAX)
		return error_set(err, 0, "--publish: at most %d ports are possible", NET_PORTS_MAX);
	for (unsigned i = 0; i < options->publish.count; i++)
		if (net_parse_port(options->publish.items[i], &networks->ports[i], err) < 0)
			return -1;
	networks->port_count = options->publish.count;
	return 0;
}

int networks_settle_places(struct cni_places *places, const struct run_options *options,
			   struct error *err)
{
	static const char *const usual[] = { "/opt/cni/bin", "/usr/lib/cni" };
	const char *const *dirs = options->cni_plugins.count ? options->cni_plugins.items : usual;
	unsigned count = options->cni_plugins.count ? options->cni_plugins.count : 2;

	places->fallback_dir = options->cni_fallback;
	places->config_dir = options->cni_config ? options->cni_config : "/etc/cni/net.d";
	if (count > CNI_PLUGIN_DIRS_MAX)
		return error_set(err, 0, "--cni-plugins: at most %d directories are possible",
				 CNI_PLUGIN_DIRS_MAX);
	for (unsigned i = 0; i < count; i++) {
		/* A colon parts them in CNI_PATH. */
		if (dirs[i][0] != '/' || strchr(dirs[i], ':'))
			return error_set(err, 0,
					 "--cni-plugins %s: an absolute path without a colon is "
					 "expected",
					 dirs[i]);
		places->plugin_dirs[i] = dirs[i];
	}
	places->plugin_dir_count = count;
	return 0;
}

int networks_settle(struct networks *networks, const struct run_options *options, struct error *err)
{
	static const char *const by_default[] = { "passt" };
	const char *const *items = options->nets.count ? options->nets.items : by_default;
	unsigned count = options->nets.count ? options->nets.count : 1;

	*networks = (struct networks){ .passt_socket = -1,
				       .by_default = !options->nets.count,
				       .in_namespace = options->netns };
	if (count == 1 && strcmp(items[0], "none") == 0)
		count = 0;
	if (count > PLAN_NETS_MAX)
		return error_set(err, 0, "--net: at most %d networks are possible", PLAN_NETS_MAX);
	for (unsigned i = 0; i < count; i++) {
		if (strcmp(items[i], "none") == 0)
			return error_set(err, 0, "--net none goes with no other network");
		if (net_parse(items[i], &networks->nets[i], &networks->interfaces[i], err) < 0)
			return -1;
	}
	networks->count = count;
	if (networks_settle_places(&networks->places, options, err) < 0)
		return -1;
	return settle_ports(networks, options, err);
}

static int attach_passt(struct networks *networks, unsigned index, struct plan_net *out,
			struct error *err)
{
	struct pod_interface *interface = &networks->interfaces[index];
	int pair[2];

	if (passt_check_installed(err) < 0 || passt_addresses(interface, err) < 0 ||
	    passt_check_ports(interface, networks->ports, networks->port_count, err) < 0)
		return -1;
	if (out->mtu == 0)
		out->mtu = NET_MTU_PASST;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(err, errno, "cannot make a socket pair");
	out->kind = PLAN_NET_STREAM;
	out->fds[0] = pair[0];
	out->pairs = 1;
	networks->passt_socket = pair[1];
	networks->passt_net = index;
	if (fcntl(out->fds[0], F_SETFL, O_NONBLOCK) < 0)
		return error_set(err, errno, "cannot set up the socket to passt");
	return 0;
}

static int attach(struct networks *networks, unsigned index, unsigned cpus, struct plan_net *out,
		  struct error *err)
{
	const struct pod_net *net = &networks->nets[index];

	if (net->kind != NET_CNI) {
		out->mtu = net->mtu;
		memcpy(out->mac, net->mac, sizeof(out->mac));
	}
	switch (net->kind) {
	case NET_PASST:
		if (attach_passt(networks, index, out, err) < 0)
			return -1;
		break;
	case NET_TAP:
		if (tap_open(net->name, cpus, out, err) < 0)
			return -1;
		break;
	case NET_CNI:
		break; /* attached, all of them together, before */
	}
	return net_check_mtu(net->kind == NET_PASST ? "passt" : net->name,
			     &networks->interfaces[index], out->mtu, err);
}

int networks_attach(struct networks *networks, const struct pod_directory *directory,
		    struct plan *plan, struct error *err)
{
	if (networks->by_default && networks->count && !networks->port_count &&
	    !passt_has_uplink()) {
		networks->count = 0;
		networks->warning = "this host has no default route, so the pod has no network; "
				    "--net none says that this is meant";
	}
	if (networks->in_namespace)
		return net_namespace_attach(plan, err);
	if (cni_is_needed(networks) && cni_attach(networks, directory, plan, err) < 0)
		return -1;
	for (unsigned i = 0; i < networks->count; i++) {
		if (attach(networks, i, plan->cpus, &plan->nets[i], err) < 0)
			return -1;
		plan->net_count++;
	}
	return 0;
}

/* A file of the host; NULL with errno set if there is none. To be freed. */
static char *read_text(const char *path)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_file_ FILE *file = fopen(path, "re");
	size_t size = 0;

	if (!file || getdelim(&text, &size, '\0', file) < 0)
		return NULL;
	return steal_ptr(text);
}

/* Whether it names systemd-resolved, at the beginning of a line. */
static bool asks_resolved(const char *host_text)
{
	static const char line[] = "\nnameserver 127.0.0.53";

	return strncmp(host_text, line + 1, strlen(line + 1)) == 0 || strstr(host_text, line);
}

/* On a tap the administrator may mean it so; with passt nobody has said anything about names. */
static void warn_about_servers(struct networks *networks, bool had_server)
{
	if (had_server && networks->passt_socket >= 0 && !net_has_server(networks->resolv_conf))
		networks->warning = "the host's name servers are on its loopback interface, out of "
				    "the pod's reach; name one with --dns";
}

/* A file of somebody else's choice, instead of what would be made; "": nothing at all. */
static int take_file(const char *path, char **text, struct error *err)
{
	free(steal_ptr(*text));
	if (!*path)
		return 0;
	*text = read_text(path);
	return *text ? 0 : error_set(err, errno, "cannot read %s", path);
}

static int take_files(struct networks *networks, const struct run_options *options,
		      struct error *err)
{
	if (options->hosts_file && take_file(options->hosts_file, &networks->hosts, err) < 0)
		return -1;
	return options->resolv_file ? take_file(options->resolv_file, &networks->resolv_conf, err)
				    : 0;
}

int networks_make_names(struct networks *networks, const struct run_options *options,
			const char *hostname, struct error *err)
{
	/* What systemd-resolved asks on behalf of its own address, which is not one in a pod. */
	static const char *const paths[] = { "/etc/resolv.conf",
					     "/run/systemd/resolve/resolv.conf" };
	_cleanup_free_ char *host_text = NULL;
	bool had_server;

	if (net_make_hosts(options, hostname, networks->interfaces, networks->count,
			   &networks->hosts, err) < 0)
		return -1;
	if (networks->cni_names && net_has_server(networks->cni_names))
		host_text = strdup(networks->cni_names);
	else if (networks->count && !options->dns.count)
		host_text = read_text(paths[0]);
	had_server = host_text && net_has_server(host_text);
	if (host_text && asks_resolved(host_text)) {
		free(host_text);
		host_text = read_text(paths[1]);
	}
	if (net_make_resolv_conf(options, networks->count, host_text, &networks->resolv_conf, err) <
	    0)
		return -1;
	if (!options->resolv_file)
		warn_about_servers(networks, had_server);
	return take_files(networks, options, err);
}

void networks_free(struct networks *networks)
{
	free(steal_ptr(networks->cni_names));
	free(steal_ptr(networks->hosts));
	free(steal_ptr(networks->resolv_conf));
	for (unsigned i = 0; i < networks->count; i++) {
		free(steal_ptr(networks->nets[i].file));
		free(steal_ptr(networks->nets[i].plugin));
	}
}
