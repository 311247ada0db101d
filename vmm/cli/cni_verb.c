/*
 * nacelle-image cni add, del, list. The arguments are nacelle's, which has checked them; names and
 * arguments of networks among them are the user's.
 */
#include "vmm/cli/cni_verb.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "images/json.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/number.h"
#include "vmm/base/text_list.h"
#include "vmm/pod/cni_network.h"
#include "vmm/pod/cni_record.h"

struct cni_options {
	const char *directory;
	const char *container_id;
	const char *netns;
	struct text_list config_dirs;
	struct text_list plugin_dirs;
	struct text_list ports; /* PROTOCOL,[IP],HOST,POD */
};

#define FIELD(name) offsetof(struct cni_options, name)

static const struct option_spec options_table[] = {
	{ "config-dir", 0, OPTION_LIST, "DIR", VALUE_DIRECTORY, "where the networks are",
	  FIELD(config_dirs) },
	{ "container-id", 0, OPTION_TEXT, "ID", VALUE_OTHER, "the pod's", FIELD(container_id) },
	{ "directory", 0, OPTION_TEXT, "DIR", VALUE_DIRECTORY, "where the pod's networks are kept",
	  FIELD(directory) },
	{ "netns", 0, OPTION_TEXT, "FILE", VALUE_FILE, "the pod's network namespace",
	  FIELD(netns) },
	{ "plugin-dir", 0, OPTION_LIST, "DIR", VALUE_DIRECTORY, "where plug-ins are",
	  FIELD(plugin_dirs) },
	{ "port", 0, OPTION_LIST, "PROTOCOL,[IP],HOST,POD", VALUE_OTHER, "forward a port",
	  FIELD(ports) },
};
enum { OPTION_COUNT = sizeof(options_table) / sizeof(*options_table) };

static int open_directory(const struct cni_options *options, struct error *err)
{
	int fd = -1;

	if (options->directory)
		fd = open(options->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? error_set(err, errno, "cni: the pod's directory cannot be opened") : fd;
}

static int add_port(struct cJSON *ports, const char *text, struct error *err)
{
	_cleanup_free_ char *copy = strdup(text);
	char *rest = copy;
	char *protocol = strsep(&rest, ","), *ip = strsep(&rest, ",");
	char *host = strsep(&rest, ",");
	struct cJSON *port = json_make_object();
	uint64_t from, to;
	bool good = rest && number_parse(host, &from) == 0 && number_parse(rest, &to) == 0 &&
		    json_set(port, "hostPort", json_make_number(from)) == 0 &&
		    json_set(port, "containerPort", json_make_number(to)) == 0 &&
		    json_set(port, "protocol", json_make_text(protocol)) == 0 &&
		    (!*ip || json_set(port, "hostIP", json_make_text(ip)) == 0);

	if (json_append(ports, port) == 0 && good)
		return 0;
	return error_set(err, 0, "cni: --port %s", text);
}

static bool forwards(const struct cni_list *list)
{
	for (unsigned i = 0; i < list->plugin_count; i++)
		if (list->plugins[i].port_mappings)
			return true;
	return false;
}

/* ethN=NAME[:ARGUMENTS] in parts; the text is changed. */
struct network {
	char *interface, *name;
	const char *arguments;
};

static int split(char *text, struct network *network, struct error *err)
{
	network->interface = strsep(&text, "=");
	network->name = strsep(&text, ":");
	network->arguments = text ? text : "";
	return network->name ? 0 : error_set(err, 0, "cni: ethN=NAME is expected");
}

/* Settles all networks before the first plug-in runs, so that a wrong name costs nothing. */
static int load(const struct cni_options *options, int argc, char **argv,
		struct network networks[CNI_INTERFACES_MAX],
		struct cni_list lists[CNI_INTERFACES_MAX], struct error *err)
{
	bool forwarded = false;

	for (int i = 0; i < argc; i++) {
		if (split(argv[i], &networks[i], err) < 0 ||
		    cni_list_find(&lists[i], options->config_dirs.items, networks[i].name, err) < 0)
			return -1;
		forwarded |= forwards(&lists[i]);
	}
	if (options->ports.count && !forwarded)
		return error_set(err, 0,
				 "--publish: no plug-in of network %s forwards ports (has the "
				 "capability portMappings, as portmap has)",
				 argc ? networks[0].name : "");
	return 0;
}

static int add_all(const struct cni_options *options, int argc, const struct network *networks,
		   const struct cni_list *lists, const struct cJSON *ports, int dir_fd,
		   struct error *err)
{
	static const char ignore[] = "IgnoreUnknown=1";

	for (int i = 0; i < argc; i++) {
		_cleanup_free_ char *arguments = NULL;
		struct cni_request request = {
			.list = &lists[i],
			.call = { .container_id = options->container_id,
				  .netns = options->netns,
				  .interface = networks[i].interface,
				  .directories = options->plugin_dirs },
			.ports = ports,
		};
		struct error ignored = ERROR_NONE;

		/* Each plug-in of a list gets all arguments, and knows some. */
		if (asprintf(&arguments, "%s%s%s", ignore, *networks[i].arguments ? ";" : "",
			     networks[i].arguments) < 0) {
			arguments = NULL;
			return error_set(err, ENOMEM, "cni");
		}
		request.call.arguments = arguments;
		if (cni_network_add(dir_fd, &request, err) == 0)
			continue;
		(void)cni_networks_delete(dir_fd, &ignored);
		return -1;
	}
	return 0;
}

static int verb_add(const void *given, int argc, char **argv, struct error *err)
{
	const struct cni_options *options = given;
	struct network networks[CNI_INTERFACES_MAX] = { { .name = NULL } };
	struct cni_list lists[CNI_INTERFACES_MAX] = { { .document = NULL } };
	struct cJSON *ports = options->ports.count ? json_make_array() : NULL;
	_cleanup_fd_ int dir_fd = -1;
	int status = 0;

	/* Who asks is gone: so is this, and what was done is undone by the files. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (argc > CNI_INTERFACES_MAX || !options->config_dirs.count || !options->container_id ||
	    !options->netns)
		return error_set(err, 0, "cni: arguments are missing");
	dir_fd = open_directory(options, err);
	if (dir_fd < 0)
		return -1;
	for (unsigned i = 0; status == 0 && i < options->ports.count; i++)
		status = add_port(ports, options->ports.items[i], err);
	if (status == 0)
		status = load(options, argc, argv, networks, lists, err);
	if (status == 0)
		status = add_all(options, argc, networks, lists, ports, dir_fd, err);
	for (int i = 0; i < argc; i++)
		cni_list_free(&lists[i]);
	json_free(ports);
	return status;
}

static int verb_del(const void *given, int argc, char **argv, struct error *err)
{
	_cleanup_fd_ int dir_fd = -1;

	(void)argc;
	(void)argv;
	/* Before the directory is opened, which fails if the parent has gone already. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	dir_fd = open_directory(given, err);
	if (dir_fd < 0)
		return -1;
	/* An impatient user does not leave half of it behind. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	return cni_networks_delete(dir_fd, err);
}

/* What the names of all networks are put into, or what is wrong with the first that is. */
struct listing {
	const struct cni_options *options;
	struct error *err;
	unsigned count;
	bool failed;
};

static void list_one(void *ctx, const char *file, struct cni_list *list, const struct error *why)
{
	struct listing *listing = ctx;
	struct error missing = ERROR_NONE;
	char path[PATH_MAX];
	bool good = list != NULL;

	for (unsigned i = 0; good && i < list->plugin_count; i++)
		good = cni_plugin_find(&listing->options->plugin_dirs, list->plugins[i].type, path,
				       sizeof(path), &missing) == 0;
	if (good)
		printf("%s%s", listing->count++ ? ", " : "", list->name);
	else if (!listing->failed)
		error_set(listing->err, 0, "%s: %s", file, list ? missing.text : why->text);
	listing->failed |= !good;
}

static int verb_list(const void *given, int argc, char **argv, struct error *err)
{
	struct listing listing = { .options = given, .err = err };

	(void)argc;
	(void)argv;
	if (!listing.options->config_dirs.count)
		return error_set(err, 0, "cni: arguments are missing");
	if (cni_list_each(listing.options->config_dirs.items[0], list_one, &listing, err) < 0 ||
	    listing.failed)
		return -1;
	printf("\n");
	return 0;
}

static const struct verb verbs[] = {
	{ .name = "add",
	  .usage = "[OPTIONS] ethN=NETWORK[:ARGUMENTS]...",
	  .help = "Attach a pod to networks",
	  .options = options_table,
	  .option_count = OPTION_COUNT,
	  .options_size = sizeof(struct cni_options),
	  .arguments_min = 1,
	  .arguments_max = CNI_INTERFACES_MAX,
	  .run = verb_add },
	{ .name = "del",
	  .usage = "[OPTIONS]",
	  .help = "Detach a pod from its networks",
	  .options = options_table,
	  .option_count = OPTION_COUNT,
	  .options_size = sizeof(struct cni_options),
	  .run = verb_del },
	{ .name = "list",
	  .usage = "[OPTIONS]",
	  .help = "List networks and what is wrong with them",
	  .options = options_table,
	  .option_count = OPTION_COUNT,
	  .options_size = sizeof(struct cni_options),
	  .run = verb_list },
	{ .name = NULL },
};

const struct program cni_program = {
	.name = "nacelle-image",
	.command = "nacelle-image cni",
	.about = "Networks of pods; what nacelle asks for.",
	.manual = "nacelle-image(1)",
	.verbs = verbs,
};
