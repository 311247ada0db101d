/*
 * Prints the pod that a command line, images' configurations and a manifest make, or the error.
 *
 *	dump CASE
 *
 * CASE is a text file: lines "image KEY VALUE" (entrypoint, cmd, env, volume, user, workdir; the
 * first four may be repeated) or "aci TEXT" (an image manifest, line by line), lines "pod TEXT" (a
 * pod manifest, line by line), lines "arg VALUE" (what follows "nacelle run"), and comments. Every
 * app has the one image, on a disk of its own for each reference; without an image line, and for
 * rootfs: references, it is a directory. What depends on the machine (memory of the host, random
 * names) does not appear.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/appc_image.h"
#include "vmm/base/bytes.h"
#include "vmm/cli/run_arguments.h"
#include "vmm/cli/verbs.h"
#include "vmm/pod/app_values.h"
#include "vmm/pod/assemble.h"
#include "vmm/pod/manifest.h"
#include "vmm/pod/seccomp_profile.h"
#include "vmm/pod/size.h"

enum { LIST_MAX = 64, LINE_MAX_BYTES = 1024 };

struct list {
	char *items[LIST_MAX + 1];
	int count;
};

struct test_case {
	struct list arguments, entrypoint, cmd, env, volumes;
	char *user, *workdir;
	bool has_image;
	char *aci, *pod;
};

/* Puts a line behind a text. */
static void append(char **text, const char *line)
{
	char *longer = NULL;

	if (asprintf(&longer, "%s%s\n", *text ? *text : "", line) < 0)
		abort();
	free(*text);
	*text = longer;
}

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
	else if (strcmp(key, "volume") == 0)
		add(&test->volumes, value);
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
		else if (strncmp(line, "aci ", 4) == 0)
			append(&test->aci, line + 4);
		else if (strncmp(line, "pod ", 4) == 0)
			append(&test->pod, line + 4);
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
	static const char *const kinds[] = { "passt", "tap", "cni" };
	const struct networks *networks = &assembly->networks;

	for (size_t i = 0; i < networks->count; i++) {
		const struct pod_interface *interface = &networks->interfaces[i];
		const struct pod_net *net = &networks->nets[i];

		printf("net = %s %s%s%s mtu=%u", kinds[net->kind], net->name,
		       net->arguments ? ":" : "", net->arguments ? net->arguments : "", net->mtu);
		if (net->kind == NET_CNI) {
			printf("\n");
			continue;
		}
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

static void print_words(const char *name, const char *const *words)
{
	if (!words)
		return;
	printf("%s =", name);
	for (size_t i = 0; words[i]; i++)
		printf(" %s", words[i]);
	printf("\n");
}

/* What most apps have none of. */
static void print_limits(const struct pod_app *app, const char *seccomp)
{
	for (size_t i = 0; i < app->supplementary_gid_count; i++)
		printf("group = %u\n", app->supplementary_gids[i]);
	if (app->oom_score_adj)
		printf("oom_score_adj = %d\n", app->oom_score_adj);
	if (app->memory_limit)
		printf("memory_limit = %ju\n", (uintmax_t)app->memory_limit);
	if (app->cpu_limit || app->cpu_weight)
		printf("cpu limit = %u, weight = %u\n", app->cpu_limit, app->cpu_weight);
	if (app->pids_limit)
		printf("pids_limit = %u\n", app->pids_limit);
	for (size_t i = 0; i < app->rlimit_count; i++)
		printf("rlimit = %s %jd %jd\n", app_value_ulimit_name(app->rlimits[i].resource),
		       (intmax_t)app->rlimits[i].soft, (intmax_t)app->rlimits[i].hard);
	if (seccomp)
		printf("seccomp = %s\n", seccomp);
	print_words("pre_start", app->pre_start);
	print_words("post_stop", app->post_stop);
	if (app->restart)
		printf("restart = %d\n", app->restart);
	if (app->stop_signal)
		printf("stop_signal = %u\n", app->stop_signal);
}

static void print_app(const struct pod_app *app, const char *seccomp)
{
	printf("name = \"%s\"\n", app->name);
	print_list("argv", app->argv);
	print_list("env", app->env);
	printf("user = \"%s\"\nworkdir = \"%s\"\n", app->user ? app->user : "", app->workdir);
	printf("capabilities = %016jx\n", (uintmax_t)app->capabilities);
	printf("no_new_privileges = %d\ninit = %d\n", app->no_new_privileges, app->init);
	print_limits(app, seccomp);
	print_root(&app->root);
	for (size_t i = 0; i < app->mount_count; i++)
		print_mount(&app->mounts[i]);
}

static void print_pod(const struct assembly *assembly, const struct run_options *options)
{
	if (options->hostname || options->name)
		printf("hostname = \"%s\"\n", assembly->pod.hostname);
	printf("cpus = %u\nmemory = %ju MiB\ntrace = %d\n", assembly->pod.cpus,
	       (uintmax_t)(assembly->memory_bytes / MIB), assembly->pod.trace);
	print_words("sysctls", assembly->pod.sysctls);
	for (size_t i = 0; i < assembly->pod.app_count; i++)
		print_app(&assembly->apps[i], assembly->seccomp[i]);
	for (unsigned i = 0; i < assembly->volumes.share_count; i++)
		printf("share = %s%s\n", assembly->volumes.shares[i].name,
		       assembly->volumes.shares[i].read_only ? " read-only" : "");
	print_volumes(&assembly->pod);
	print_networks(assembly, options);
	for (unsigned i = 0; i < assembly->warning_count; i++)
		printf("warning: %s\n", assembly->warnings[i]);
}

/* The same host wherever this runs. */
struct size_host size_host_read(void)
{
	return (struct size_host){ .memory_bytes = 64 * 1024 * MIB, .cpus = 8 };
}

/* The profile is printed as it was asked for; nacelle-image, which reads it, is not here. */
int seccomp_filter_make(struct seccomp_filter *filter, const char *profile,
			const struct seccomp_setting *setting, struct error *err)
{
	(void)profile;
	(void)setting;
	(void)err;
	*filter = (struct seccomp_filter){ 0 };
	return 0;
}

void seccomp_filter_free(struct seccomp_filter *filter)
{
	(void)filter;
}

/* The configuration of an image manifest. */
static void set_aci(struct store_image *image, const char *text)
{
	struct string_list unapplied = { 0 };
	struct error err = ERROR_NONE;
	struct appc_image *aci = calloc(1, sizeof(*aci));

	if (!aci || appc_image_read(aci, text, strlen(text), &err) < 0 ||
	    appc_image_config(aci, &image->rest, &unapplied, &err) < 0) {
		printf("error: %s\n", err.text);
		exit(0);
	}
	appc_image_free(aci);
	free(aci);
	string_list_free(&unapplied);
	image->is_aci = true;
	image->user = image->rest.user;
	image->working_dir = image->rest.working_dir;
	image->entrypoint = image->rest.entrypoint.items;
	image->env = image->rest.env.items;
}

static void set_images(struct pod_images *images, const struct test_case *test,
		       const struct run_options *options)
{
	struct store_image image = {
		.fd = -1,
		.manifest_digest = "sha512:0123456789abcdef0123456789abcdef",
		.entrypoint = (char **)(uintptr_t)test->entrypoint.items,
		.cmd = (char **)(uintptr_t)test->cmd.items,
		.env = (char **)(uintptr_t)test->env.items,
		.volumes = (char **)(uintptr_t)test->volumes.items,
		.user = test->user,
		.working_dir = test->workdir,
	};

	if (test->aci)
		set_aci(&image, test->aci);
	for (unsigned i = 0; i < options->app_count; i++) {
		const char *reference = options->apps[i].reference;
		struct pod_image *out = &images->images[images->count];
		unsigned same = 0;

		while (same < i && strcmp(options->apps[same].reference, reference) != 0)
			same++;
		images->of_app[i] = same < i ? images->of_app[same] : images->count;
		if (same < i)
			continue;
		images->count++;
		out->image = image;
		out->is_directory =
		    (!test->has_image && !test->aci) || strncmp(reference, "rootfs:", 7) == 0;
		out->directory_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (!out->is_directory)
			(void)snprintf(out->disk, sizeof(out->disk), "vd%c",
				       'a' + (int)images->disk_count++);
	}
}

static int read_options(struct test_case *test, struct run_options *options,
			struct pod_manifest *manifest, struct error *err)
{
	static struct app_options apps[RUN_APPS_MAX];
	static const char *none[] = { "none", NULL };
	static struct keep keep;
	static struct list left; /* the parser drops from it what it has read */
	bool help;

	left = test->arguments;
	if (options_parse(&nacelle_program, verb_find(&nacelle_program, "run"), &left.count,
			  left.items, options, &help, err) < 0 ||
	    cli_run_arguments(options, apps, left.count - 1, left.items + 1, err) < 0)
		return -1;
	/* Most cases are not about what a pod gets when nothing is said. */
	if (!options->nets.count && !options->publish.count)
		options->nets = (struct text_list){ none, 1 };
	if (test->pod && pod_manifest_read(manifest, test->pod, strlen(test->pod), err) < 0)
		return -1;
	return manifest_settle_options(options, test->pod ? manifest : NULL, &keep, err);
}

static int make_pod(struct test_case *test, struct error *err)
{
	static struct assembly assembly;
	static struct run_options options;
	static struct pod_manifest manifest;
	static struct pod_images images;

	if (read_options(test, &options, &manifest, err) < 0)
		return -1;
	set_images(&images, test, &options);
	if (assemble(&assembly, &options, test->pod ? &manifest : NULL, &images, err) < 0 ||
	    networks_make_names(&assembly.networks, &options, assembly.hostname, err) < 0)
		return -1;
	print_pod(&assembly, &options);
	assembly_free(&assembly);
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
