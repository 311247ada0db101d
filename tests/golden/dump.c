/*
 * Prints the pod that a command line and an image's configuration make, or the error.
 *
 *	dump CASE
 *
 * CASE is a text file: lines "image KEY VALUE" (entrypoint, cmd, env, user, workdir; the first
 *three may be repeated), lines "arg VALUE" (what follows "nacelle run"), and comments. Without an
 *image line the image is a directory. What depends on the machine (memory of the host, random
 *names) does not appear.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/cli/run_arguments.h"
#include "vmm/cli/verbs.h"
#include "vmm/pod/assemble.h"

enum { LIST_MAX = 64, LINE_MAX_BYTES = 1024 };

struct list {
	char *items[LIST_MAX + 1];
	int count;
};

struct test_case {
	struct list arguments, entrypoint, cmd, env;
	char *user, *workdir;
	bool has_image;
};

static void add(struct list *list, const char *value)
{
	if (list->count == LIST_MAX)
		abort();
	list->items[list->count++] = strdup(value);
}

static void read_image_line(struct test_case *test, char *line)
{
	char *key = strsep(&line, " ");
	const char *value = line ? line : "";

	test->has_image = true;
	if (strcmp(key, "entrypoint") == 0)
		add(&test->entrypoint, value);
	else if (strcmp(key, "cmd") == 0)
		add(&test->cmd, value);
	else if (strcmp(key, "env") == 0)
		add(&test->env, value);
	else if (strcmp(key, "user") == 0)
		test->user = strdup(value);
	else if (strcmp(key, "workdir") == 0)
		test->workdir = strdup(value);
}

static void read_case(struct test_case *test, const char *path)
{
	char line[LINE_MAX_BYTES];
	FILE *file = fopen(path, "re");

	if (!file) {
		perror(path);
		exit(2);
	}
	add(&test->arguments, "run");
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "arg ", 4) == 0)
			add(&test->arguments, line + 4);
		else if (strncmp(line, "image ", 6) == 0)
			read_image_line(test, line + 6);
	}
	fclose(file);
}

static void print_list(const char *name, const char *const *items)
{
	for (size_t i = 0; items && items[i]; i++)
		printf("%s[%zu] = \"%s\"\n", name, i, items[i]);
}

static void print_root(const struct pod_root *root)
{
	printf("root = %s %s upper=%s", root->type == POD_ROOT_EROFS ? "erofs" : "9p", root->source,
	       root->upper == POD_UPPER_TMPFS ? "tmpfs" : "none");
	if (root->upper_size_bytes)
		printf(":%ju", (uintmax_t)root->upper_size_bytes);
	printf("%s\n", root->read_only ? " read-only" : "");
}

static void print_mount(const struct pod_mount *mount)
{
	printf("mount = %s %s%s%s%s%s", mount->source ? mount->source : "tmpfs", mount->target,
	       mount->read_only ? " read-only" : "", mount->recursive ? " recursive" : "",
	       mount->noexec ? " noexec" : "", mount->prefill ? " prefill" : "");
	if (mount->type == POD_MOUNT_TMPFS)
		printf(" mode=%o size=%ju", mount->mode, (uintmax_t)mount->size_bytes);
	if (mount->type == POD_MOUNT_SHARE)
		printf(" cache=%d", mount->cache);
	if (mount->file_system)
		printf(" fs=%s", mount->file_system);
	printf("\n");
}

static void print_volumes(const struct pod *pod)
{
	for (size_t i = 0; i < pod->volume_count; i++) {
		const struct pod_volume *volume = &pod->volumes[i];

		printf("volume = %s mode=%o owner=%u:%u\n", volume->name, volume->mode, volume->uid,
		       volume->gid);
	}
}

static void print_address(const char *name, const struct pod_address *address)
{
	char text[INET6_ADDRSTRLEN];

	(void)inet_ntop(address->family == 6 ? AF_INET6 : AF_INET, address->bytes, text,
			sizeof(text));
	printf("  %s %s/%u\n", name, text, address->prefix);
}

static void print_networks(const struct assembly *assembly, const struct run_options *options)
{
	const struct networks *networks = &assembly->networks;

	for (size_t i = 0; i < networks->count; i++) {
		const struct pod_interface *interface = &networks->interfaces[i];
		const struct pod_net *net = &networks->nets[i];

		printf("net = %s %s mtu=%u", net->kind == NET_PASST ? "passt" : "tap", net->name,
		       net->mtu);
		if (options->nets.count && strstr(options->nets.items[i], "mac="))
			printf(" mac=%02x:%02x:%02x:%02x:%02x:%02x", net->mac[0], net->mac[1],
			       net->mac[2], net->mac[3], net->mac[4], net->mac[5]);
		else
			printf(" %s", (net->mac[0] & 3) == 2 ? "random mac" : "wrong mac");
		printf("\n");
		for (size_t a = 0; a < interface->address_count; a++)
			print_address("address", &interface->addresses[a]);
		for (size_t g = 0; g < interface->gateway_count; g++)
			print_address("gateway", &interface->gateways[g]);
	}
	for (unsigned i = 0; i < networks->port_count; i++)
		printf("port = %s %s\n", networks->ports[i].udp ? "udp" : "tcp",
		       networks->ports[i].text);
	if ((options->hostname || options->name) && (options->add_host.count || networks->count))
		printf("hosts:\n%s", networks->hosts);
	if (options->dns.count || !networks->count)
		printf("%s%s", networks->resolv_conf ? "resolv.conf:\n" : "",
		       networks->resolv_conf ? networks->resolv_conf : "");
}

static void print_pod(const struct assembly *assembly, const struct run_options *options)
{
	const struct pod_app *app = &assembly->app;

	if (options->hostname || options->name)
		printf("hostname = \"%s\"\n", assembly->pod.hostname);
	printf("cpus = %u\nmemory = %ju MiB\ntrace = %d\n", assembly->pod.cpus,
	       (uintmax_t)(assembly->memory_bytes / MIB), assembly->pod.trace);
	printf("name = \"%s\"\n", app->name);
	print_list("argv", app->argv);
	print_list("env", app->env);
	printf("user = \"%s\"\nworkdir = \"%s\"\n", app->user ? app->user : "", app->workdir);
	printf("capabilities = %016jx\n", (uintmax_t)app->capabilities);
	printf("no_new_privileges = %d\ninit = %d\n", app->no_new_privileges, app->init);
	print_root(&app->root);
	for (size_t i = 0; i < app->mount_count; i++)
		print_mount(&app->mounts[i]);
	for (unsigned i = 0; i < assembly->volumes.share_count; i++)
		printf("share = %s%s\n", assembly->volumes.shares[i].name,
		       assembly->volumes.shares[i].read_only ? " read-only" : "");
	print_volumes(&assembly->pod);
	print_networks(assembly, options);
}

static int make_pod(struct test_case *test, struct error *err)
{
	static struct assembly assembly;
	static struct run_options options;
	static struct app_options apps[RUN_APPS_MAX];
	static struct list left; /* the parser drops from it what it has read */
	struct pod_image image = {
		.is_directory = !test->has_image,
		.directory_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC),
		.image = {
			.fd = -1,
			.entrypoint = test->entrypoint.items,
			.cmd = test->cmd.items,
			.env = test->env.items,
			.user = test->user,
			.working_dir = test->workdir,
		},
	};
	static const char *none[] = { "none", NULL };
	bool help;

	left = test->arguments;
	if (options_parse(&nacelle_program, verb_find(&nacelle_program, "run"), &left.count,
			  left.items, &options, &help, err) < 0)
		return -1;
	if (cli_run_arguments(&options, apps, left.count - 1, left.items + 1, err) < 0)
		return -1;
	/* Most cases are not about what a pod gets when nothing is said. */
	if (!options.nets.count && !options.publish.count)
		options.nets = (struct text_list){ none, 1 };
	if (assemble(&assembly, &options, &image, err) < 0 ||
	    networks_make_names(&assembly.networks, &options, assembly.hostname, err) < 0)
		return -1;
	print_pod(&assembly, &options);
	assembly_free(&assembly);
	close(image.directory_fd);
	return 0;
}

int main(int argc, char **argv)
{
	static struct test_case test;
	struct error err = ERROR_NONE;

	if (argc != 2)
		return 2;
	read_case(&test, argv[1]);
	setenv("GOLDEN", "from the caller", 1);
	unsetenv("NOT_SET");
	if (make_pod(&test, &err) < 0)
		printf("error: %s\n", err.text);
	return 0;
}
