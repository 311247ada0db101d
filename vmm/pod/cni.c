/*
 * CNI networks: the namespace, the helper that runs the plug-ins, and what it has left in the pod's
 * directory, which is read with the care that is due to what was made from foreign JSON.
 */
#include "vmm/pod/cni.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/fields.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/pod/cni_record.h"
#include "vmm/pod/image_program.h"
#include "vmm/pod/net_bridge.h"
#include "vmm/pod/netns.h"

#define NET_DIRECTORY "net"
#define NETNS_FILE    "netns"

enum {
	WORDS_MAX = 24 + 2 * (NET_PORTS_MAX + CNI_PLUGIN_DIRS_MAX) + PLAN_NETS_MAX,
	WORD_MAX = 1024,
};
static_assert(PLAN_NETS_MAX <= (int)CNI_INTERFACES_MAX, "all of them can be CNI's");

/* The helper's command line; the texts are its own. */
struct words {
	const char *items[WORDS_MAX + 1];
	char *owned[WORDS_MAX];
	unsigned count, owned_count;
};

static void add(struct words *words, const char *word)
{
	if (words->count < WORDS_MAX)
		words->items[words->count++] = word;
}

static void add_made(struct words *words, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void add_made(struct words *words, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	if (!text || words->owned_count == WORDS_MAX) {
		free(text);
		return;
	}
	words->owned[words->owned_count++] = text;
	add(words, text);
}

static void words_free(struct words *words)
{
	for (unsigned i = 0; i < words->owned_count; i++)
		free(words->owned[i]);
}

/* The directory as another process finds it. */
static void add_directory(struct words *words, int net_fd)
{
	add(words, "--directory");
	add_made(words, "/proc/%d/fd/%d", (int)getpid(), net_fd);
}

static void add_places(struct words *words, const struct cni_places *places)
{
	add(words, "--config-dir");
	add(words, places->config_dir);
	if (places->fallback_dir) {
		add(words, "--config-dir");
		add(words, places->fallback_dir);
	}
	for (unsigned i = 0; i < places->plugin_dir_count; i++) {
		add(words, "--plugin-dir");
		add(words, places->plugin_dirs[i]);
	}
}

static void add_ports(struct words *words, const struct networks *networks)
{
	/* With passt beside it, which is attached after this, they are passt's. */
	for (unsigned i = 0; i < networks->count; i++)
		if (networks->nets[i].kind == NET_PASST)
			return;
	for (unsigned i = 0; i < networks->port_count; i++) {
		const struct net_port *port = &networks->ports[i];
		char ip[NET_PORT_TEXT_MAX] = "";

		if (port->ip.family)
			(void)snprintf(ip, sizeof(ip), "%.*s", (int)strcspn(port->text, "/"),
				       port->text);
		add(words, "--port");
		add_made(words, "%s,%s,%u,%u", port->udp ? "udp" : "tcp", ip, port->host,
			 port->guest);
	}
}

static int run_plugins(const struct networks *networks, const char *uuid, const char *netns,
		       int net_fd, struct error *err)
{
	struct words words = { .count = 0 };
	char line[IMAGE_PROGRAM_LINE_MAX];
	int status;

	add(&words, "nacelle-image");
	add(&words, "cni");
	add(&words, "add");
	add_directory(&words, net_fd);
	add(&words, "--container-id");
	add(&words, uuid);
	add(&words, "--netns");
	add(&words, netns);
	add_places(&words, &networks->places);
	add_ports(&words, networks);
	for (unsigned i = 0; i < networks->count; i++) {
		const struct pod_net *net = &networks->nets[i];

		if (net->kind == NET_CNI)
			add_made(&words, "eth%u=%s%s%s", i, net->name, net->arguments ? ":" : "",
				 net->arguments ? net->arguments : "");
	}
	status = image_program_run(words.items, line, err);
	words_free(&words);
	return status;
}

/* Where the text of a field with this tag stays; NULL: nowhere. */
static char **place_of(struct pod_net *net, unsigned tag)
{
	return tag == FIELD_NETWORK_FILE     ? &net->file
	       : tag == FIELD_NETWORK_PLUGIN ? &net->plugin
					     : NULL;
}

/* One network's record: the words are checked where they are used, but for what ends a word. */
static int read_record(struct pod_net *net, int net_fd, unsigned index, FILE *servers,
		       FILE *domains, struct error *err)
{
	_cleanup_free_ char *data = NULL;
	char name[16];
	struct cursor c;
	struct field field;
	size_t len;
	int more;

	(void)snprintf(name, sizeof(name), "eth%u", index);
	if (io_read_file(net_fd, name, CNI_RECORD_MAX, &data, &len, err) < 0)
		return -1;
	more = fields_open(&c, data, len, CNI_RECORD_MAGIC) ? 1 : -1;
	while (more > 0 && (more = fields_next(&c, &field)) > 0) {
		char **place = place_of(net, field.tag);
		_cleanup_free_ char *text = NULL;

		if (!place && field.tag != FIELD_NETWORK_SERVER &&
		    field.tag != FIELD_NETWORK_DOMAIN)
			continue;
		if (field_take_text(&field, place ? place : &text) < 0)
			more = -1;
		else if (place)
			continue;
		else if (strpbrk(text, "\n\r \t"))
			more = -1;
		else if (field.tag == FIELD_NETWORK_SERVER)
			(void)fprintf(servers, "nameserver %s\n", text);
		else
			(void)fprintf(domains, " %s", text);
	}
	return more < 0
		   ? error_set(err, 0, "the record of %s in the pod's directory is damaged", name)
		   : 0;
}

/* What all of them say; of names, as in a resolv.conf. */
static int take_records(struct networks *networks, int net_fd, struct error *err)
{
	_cleanup_free_ char *domains_text = NULL;
	size_t len, domains_len;
	FILE *servers = open_memstream(&networks->cni_names, &len);
	FILE *domains = open_memstream(&domains_text, &domains_len);
	int status = servers && domains ? 0 : error_set(err, ENOMEM, "cannot hold names");

	for (unsigned i = 0; status == 0 && i < networks->count; i++)
		if (networks->nets[i].kind == NET_CNI)
			status = read_record(&networks->nets[i], net_fd, i, servers, domains, err);
	if (domains && fclose(domains) == 0 && servers && domains_len)
		(void)fprintf(servers, "search%s\n", domains_text);
	if (servers && fclose(servers) != 0 && status == 0)
		status = error_set(err, ENOMEM, "cannot hold names");
	return status;
}

static int connect_all(struct networks *networks, const char *netns, struct plan *plan,
		       struct error *err)
{
	int own = netns_enter(netns, err);
	int status = 0;

	if (own < 0)
		return -1;
	for (unsigned i = 0; status == 0 && i < networks->count; i++) {
		char name[16];

		if (networks->nets[i].kind != NET_CNI)
			continue;
		(void)snprintf(name, sizeof(name), "eth%u", i);
		status = net_bridge_attach(name, plan->cpus, &plan->nets[i],
					   &networks->interfaces[i], err);
		if (status < 0)
			error_prefix(err, "--net %s", networks->nets[i].name);
	}
	return netns_leave(own, status < 0 ? NULL : err) < 0 ? -1 : status;
}

bool cni_is_needed(const struct networks *networks)
{
	for (unsigned i = 0; i < networks->count; i++)
		if (networks->nets[i].kind == NET_CNI)
			return true;
	return false;
}

static const char *first_name(const struct networks *networks)
{
	unsigned i = 0;

	while (networks->nets[i].kind != NET_CNI)
		i++;
	return networks->nets[i].name;
}

int cni_attach(struct networks *networks, const struct pod_directory *directory, struct plan *plan,
	       struct error *err)
{
	char netns[NETNS_PATH_MAX];
	_cleanup_fd_ int net_fd = -1;

	if (geteuid() != 0)
		return error_set(err, 0,
				 "--net %s: networks of CNI need root; passt and a tap device of "
				 "one's own do not",
				 first_name(networks));
	/* A prepared pod whose start failed, or was killed, has been here before. */
	if (net_cleanup(directory->fd, err) < 0)
		return -1;
	if (mkdirat(directory->fd, NET_DIRECTORY, 0700) < 0 && errno != EEXIST)
		return error_set(err, errno,
				 "cannot make " NET_DIRECTORY " in the pod's directory");
	net_fd = openat(directory->fd, NET_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (net_fd < 0)
		return error_set(err, errno,
				 "cannot open " NET_DIRECTORY " in the pod's directory");
	netns_path(netns, directory->uuid);
	if (directory_write(net_fd, NETNS_FILE, netns, strlen(netns), false, err) < 0 ||
	    netns_create(netns, err) < 0 ||
	    run_plugins(networks, directory->uuid, netns, net_fd, err) < 0 ||
	    connect_all(networks, netns, plan, err) < 0)
		return -1;
	return take_records(networks, net_fd, err);
}

static bool has_networks(int net_fd)
{
	for (unsigned i = 0; i < CNI_INTERFACES_MAX; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "eth%u.json", i);
		if (faccessat(net_fd, name, F_OK, 0) == 0)
			return true;
	}
	return false;
}

static int remove_netns(int net_fd, struct error *err)
{
	_cleanup_free_ char *path = NULL;
	size_t len;

	if (faccessat(net_fd, NETNS_FILE, F_OK, 0) < 0)
		return 0;
	if (io_read_file(net_fd, NETNS_FILE, NETNS_PATH_MAX, &path, &len, err) < 0 ||
	    netns_remove(path, err) < 0)
		return -1;
	(void)unlinkat(net_fd, NETNS_FILE, 0);
	return 0;
}

int net_cleanup(int pod_fd, struct error *err)
{
	_cleanup_fd_ int net_fd =
	    openat(pod_fd, NET_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct words words = { .count = 0 };
	char line[IMAGE_PROGRAM_LINE_MAX];
	int status = 0;

	if (net_fd < 0)
		return errno == ENOENT
			   ? 0
			   : error_set(err, errno,
				       "cannot open " NET_DIRECTORY " in the pod's directory");
	if (has_networks(net_fd)) {
		add(&words, "nacelle-image");
		add(&words, "cni");
		add(&words, "del");
		add_directory(&words, net_fd);
		status = image_program_run_patiently(words.items, line, err);
		words_free(&words);
	}
	return status < 0 ? -1 : remove_netns(net_fd, err);
}

int net_give_up(int pod_fd, struct error *err)
{
	_cleanup_fd_ int net_fd =
	    openat(pod_fd, NET_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return net_fd < 0 ? 0 : remove_netns(net_fd, err);
}

int cni_list_networks(const char *config_dir, char *names, size_t size, struct error *err)
{
	struct cni_places places = { .plugin_dir_count = 0 };
	const struct run_options options = { .cni_config = config_dir };
	struct words words = { .count = 0 };
	char line[IMAGE_PROGRAM_LINE_MAX];
	int status = networks_settle_places(&places, &options, err);

	if (status < 0)
		return -1;
	add(&words, "nacelle-image");
	add(&words, "cni");
	add(&words, "list");
	add_places(&words, &places);
	status = image_program_run(words.items, line, err);
	words_free(&words);
	(void)snprintf(names, size, "%s", status < 0 ? "" : line);
	return status;
}
