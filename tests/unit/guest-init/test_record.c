/*
 * The pod record, from the host's struct to the guest's and back to nothing lost; and what either
 * side refuses.
 */
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "guest-init/protocol.h"
#include "guest-init/record.h"
#include "vmm/pod/initramfs.h"
#include "vmm/pod/record.h"

static const char *argv[] = { "/bin/sh", "-c", "echo $A", "", NULL };
static const char *env[] = { "A=b", "EMPTY=", NULL };
static const char *masked[] = { "/proc/kcore", "/sys/firmware", NULL };
static const char *read_only[] = { "/proc/sys", NULL };
static const struct pod_rlimit rlimits[] = {
	{ .resource = 7, .soft = 1024, .hard = UINT64_MAX },
	{ .resource = 4, .soft = UINT64_C(0x123456789ab), .hard = UINT64_C(0xfedcba9876543210) },
};
static const char *pre_start[] = { "/bin/prepare", "now", NULL };
static const char *post_stop[] = { "/bin/clean", NULL };
static const char *sysctls[] = { "net.ipv4.ip_forward=1", "kernel.shmmax=1000", NULL };
static const uint32_t groups[] = { 27, 4294967294U };
static const struct sock_filter seccomp[] = { { 0x20, 1, 2, 3 }, { 6, 0, 0, 0x7fff0000 } };
static const struct pod_mount mounts[] = {
	{ .type = POD_MOUNT_SHARE,
	  .source = "data",
	  .target = "/srv/data",
	  .read_only = true,
	  .recursive = true,
	  .cache = POD_CACHE_LOOSE },
	{ .type = POD_MOUNT_TMPFS, .target = "/run" },
	{ .type = POD_MOUNT_TMPFS,
	  .target = "/tmp",
	  .mode = 0700,
	  .uid = 5,
	  .gid = 6,
	  .size_bytes = UINT64_C(7) << 32,
	  .nodev = true,
	  .nosuid = true,
	  .noexec = true },
	{ .type = POD_MOUNT_VOLUME, .source = "cache", .target = "/cache", .prefill = true },
	{ .type = POD_MOUNT_BLOCK, .source = "vdc", .target = "/disk", .file_system = "ext4" },
};
static const struct pod_volume volumes[] = {
	{ .name = "cache" },
	{ .name = "more",
	  .mode = 02750,
	  .uid = 1,
	  .gid = 2,
	  .size_bytes = UINT64_C(3) << 32,
	  .upper_device = "vdb",
	  .share = "s" },
};

static struct pod_app full_app(void)
{
	return (struct pod_app){
		.name = "web",
		.argv = argv,
		.env = env,
		.user = "www:www",
		.workdir = "/srv",
		.stdin_port = 16,
		.stdout_port = 17,
		.stderr_port = 4000000000U,
		.capabilities = UINT64_C(0x1ffffffffff),
		.no_new_privileges = true,
		.init = true,
		.rlimits = rlimits,
		.rlimit_count = 2,
		.masked_paths = masked,
		.read_only_paths = read_only,
		.root = { .type = POD_ROOT_EROFS,
			  .source = "vda",
			  .upper_size_bytes = UINT64_C(5) << 32 },
		.mounts = mounts,
		.mount_count = 5,
		.supplementary_gids = groups,
		.supplementary_gid_count = 2,
		.seccomp = seccomp,
		.seccomp_count = 2,
		.oom_score_adj = -1000,
		.memory_limit = UINT64_C(9) << 32,
		.cpu_limit = 1500,
		.cpu_weight = 10000,
		.pids_limit = 64,
		.pre_start = pre_start,
		.post_stop = post_stop,
		.restart = POD_RESTART_ON_FAILURE,
		.stop_signal = 3,
		.shm_size = UINT64_C(1) << 33,
	};
}

static void assert_list(const char **got, const char **wanted)
{
	for (; *wanted; got++, wanted++)
		assert_string_equal(*got, *wanted);
	assert_null(*got);
}

static void check_mounts(const struct record_app *app)
{
	const struct record_mount *m = app->mounts;

	assert_int_equal(app->mount_count, 5);
	assert_true(m[0].type == RECORD_MOUNT_SHARE && m[0].read_only && m[0].recursive);
	assert_int_equal(m[0].cache, RECORD_CACHE_LOOSE);
	assert_string_equal(m[0].source, "data");
	assert_string_equal(m[0].target, "/srv/data");
	assert_true(m[1].type == RECORD_MOUNT_TMPFS && !m[1].read_only && !m[1].recursive);
	assert_null(m[1].source);
	assert_true(m[1].mode == 01777 && m[1].uid == 0 && m[1].gid == 0 && m[1].size_bytes == 0);
	assert_false(m[1].nodev || m[1].nosuid || m[1].noexec);
	assert_true(m[2].mode == 0700 && m[2].uid == 5 && m[2].gid == 6);
	assert_int_equal(m[2].size_bytes, UINT64_C(7) << 32);
	assert_true(m[2].nodev && m[2].nosuid && m[2].noexec);
	assert_true(m[3].type == RECORD_MOUNT_VOLUME && m[3].prefill);
	assert_string_equal(m[3].source, "cache");
	assert_true(m[4].type == RECORD_MOUNT_BLOCK && !m[4].prefill);
	assert_string_equal(m[4].source, "vdc");
	assert_string_equal(m[4].file_system, "ext4");
}

static void check_limits(const struct record_app *app)
{
	assert_int_equal(app->supplementary_gid_count, 2);
	assert_memory_equal(app->supplementary_gids, groups, sizeof(groups));
	assert_int_equal(app->seccomp_count, 2);
	assert_memory_equal(app->seccomp, seccomp, sizeof(seccomp));
	assert_int_equal(app->oom_score_adj, -1000);
	assert_int_equal(app->memory_limit, UINT64_C(9) << 32);
	assert_int_equal(app->cpu_limit, 1500);
	assert_int_equal(app->cpu_weight, 10000);
	assert_int_equal(app->pids_limit, 64);
	assert_list(app->pre_start, pre_start);
	assert_list(app->post_stop, post_stop);
	assert_int_equal(app->restart, RECORD_RESTART_ON_FAILURE);
	assert_int_equal(app->stop_signal, 3);
	assert_int_equal(app->shm_size, UINT64_C(1) << 33);
}

/* What an app has of which nothing was said. */
static void check_plain_app(const struct record_app *app)
{
	assert_null(app->env[0]);
	assert_true(!app->supplementary_gid_count && !app->seccomp_count && !app->mount_count);
	assert_true(!app->oom_score_adj && !app->memory_limit && !app->cpu_limit);
	assert_true(!app->cpu_weight && !app->pids_limit && !app->shm_size);
	assert_true(!app->pre_start[0] && !app->post_stop[0]);
	assert_int_equal(app->restart, RECORD_RESTART_NO);
	assert_int_equal(app->stop_signal, 15);
}

static void check_volumes(const struct record *record)
{
	const struct record_volume *v = record->volumes;

	assert_int_equal(record->volume_count, 2);
	assert_string_equal(v[0].name, "cache");
	assert_true(v[0].mode == 0755 && !v[0].uid && !v[0].size_bytes);
	assert_true(!v[0].upper_device && !v[0].share);
	assert_true(v[1].mode == 02750 && v[1].uid == 1 && v[1].gid == 2);
	assert_int_equal(v[1].size_bytes, UINT64_C(3) << 32);
	assert_string_equal(v[1].upper_device, "vdb");
	assert_string_equal(v[1].share, "s");
}

static void check_full_app(const struct record_app *app)
{
	assert_string_equal(app->name, "web");
	assert_list(app->argv, argv);
	assert_list(app->env, env);
	assert_int_equal(app->env_count, 2);
	assert_string_equal(app->user, "www:www");
	assert_string_equal(app->workdir, "/srv");
	assert_false(app->terminal);
	assert_int_equal(app->ports[0], 16);
	assert_int_equal(app->ports[1], 17);
	assert_int_equal(app->ports[2], 4000000000U);
	assert_int_equal(app->capabilities, UINT64_C(0x1ffffffffff));
	assert_true(app->no_new_privileges && app->init);
	assert_int_equal(app->rlimit_count, 2);
	assert_int_equal(app->rlimits[0].hard, UINT64_MAX);
	assert_int_equal(app->rlimits[1].resource, 4);
	assert_int_equal(app->rlimits[1].soft, UINT64_C(0x123456789ab));
	assert_int_equal(app->rlimits[1].hard, UINT64_C(0xfedcba9876543210));
	assert_list(app->masked_paths, masked);
	assert_list(app->read_only_paths, read_only);
	assert_false(app->root.p9 || app->root.read_only);
	assert_int_equal(app->root.upper, RECORD_UPPER_TMPFS);
	assert_string_equal(app->root.source, "vda");
	assert_int_equal(app->root.upper_size_bytes, UINT64_C(5) << 32);
	check_mounts(app);
	check_limits(app);
}

static void check_interfaces(const struct record *record)
{
	const struct record_interface *first = &record->interfaces[0];

	assert_int_equal(record->interface_count, 2);
	assert_int_equal(first->address_count, 2);
	assert_int_equal(first->addresses[0].family, 4);
	assert_int_equal(first->addresses[0].prefix, 24);
	assert_memory_equal(first->addresses[0].bytes, ((uint8_t[]){ 10, 1, 2, 3 }), 4);
	assert_int_equal(first->addresses[1].prefix, 64);
	assert_int_equal(first->addresses[1].bytes[15], 5);
	assert_int_equal(first->gateway_count, 1);
	assert_int_equal(first->gateways[0].family, 6);
	assert_int_equal(first->gateways[0].bytes[15], 1);
	assert_int_equal(first->route_count, 2);
	assert_int_equal(first->routes[0].to.family, 4);
	assert_int_equal(first->routes[0].to.prefix, 8);
	assert_int_equal(first->routes[0].to.bytes[0], 11);
	assert_int_equal(first->routes[0].via[3], 9);
	assert_int_equal(first->routes[1].to.prefix, 128);
	assert_int_equal(first->routes[1].via[0], 0);
	assert_string_equal(first->name, "net0");
	assert_true(first->has_link);
	assert_int_equal(first->mtu, 1400);
	assert_memory_equal(first->mac, ((uint8_t[]){ 2, 3, 4, 5, 6, 7 }), 6);
	assert_int_equal(first->neighbour_count, 2);
	assert_int_equal(first->neighbours[0].ip.family, 4);
	assert_int_equal(first->neighbours[0].ip.bytes[3], 8);
	assert_int_equal(first->neighbours[1].ip.bytes[0], 0xfd);
	assert_memory_equal(first->neighbours[1].mac, ((uint8_t[]){ 6, 5, 4, 3, 2, 1 }), 6);
	assert_null(record->interfaces[1].name);
	assert_false(record->interfaces[1].has_link);
	assert_int_equal(record->interfaces[1].address_count, 0);
	assert_int_equal(record->interfaces[1].gateway_count, 0);
}

static const struct pod_interface two_interfaces[] = {
	{ .name = "net0",
	  .has_link = true,
	  .mtu = 1400,
	  .mac = { 2, 3, 4, 5, 6, 7 },
	  .addresses = { { .family = 4, .prefix = 24, .bytes = { 10, 1, 2, 3 } },
			 { .family = 6, .prefix = 64, .bytes = { 0xfd, [15] = 5 } } },
	  .address_count = 2,
	  .gateways = { { .family = 6, .bytes = { 0xfd, [15] = 1 } } },
	  .gateway_count = 1,
	  .routes = { { { 4, 8, { 11 } }, { 10, 1, 2, 9 } }, { { 6, 128, { 0xfd } }, { 0 } } },
	  .route_count = 2,
	  .neighbours = { { { 4, 0, { 10, 1, 2, 8 } }, { 1, 2, 3, 4, 5, 6 } },
			  { { 6, 0, { 0xfd, [15] = 8 } }, { 6, 5, 4, 3, 2, 1 } } },
	  .neighbour_count = 2 },
	{ .address_count = 0 },
};

/* Networks that become known later. */
static void test_networks(void **state)
{
	struct pod_interface odd = { .name = "a-name-that-is-long" };
	struct error err = ERROR_NONE;
	struct record record;
	void *dtb;
	size_t len;

	(void)state;
	assert_int_equal(record_build_networks(two_interfaces, 2, &dtb, &len, &err), 0);
	assert_true(record_holds_networks(dtb, len));
	assert_false(record_holds_networks(dtb, len - 1));
	assert_int_equal(record_read_networks(dtb, len, &record, &err), 0);
	check_interfaces(&record);
	free(dtb);
	assert_int_equal(record_build_networks(&odd, 1, &dtb, &len, &err), 0);
	assert_int_equal(record_read_networks(dtb, len, &record, &err), -1);
	assert_string_equal(err.text, "pod record: interface@0: name is none of an interface: "
				      "Invalid argument");
	free(dtb);
}

static void test_round_trip(void **state)
{
	const struct pod_app apps[] = {
		full_app(),
		{ .name = "b",
		  .argv = argv,
		  .terminal = true,
		  .rows = 25,
		  .columns = 80,
		  .root = { .type = POD_ROOT_9P,
			    .source = "root",
			    .upper = POD_UPPER_NONE,
			    .read_only = true } },
		{ .name = "c",
		  .argv = argv,
		  .restart = POD_RESTART_ALWAYS,
		  .root = { .source = "vda",
			    .upper = POD_UPPER_DISK,
			    .upper_device = "vdd",
			    .upper_directory = "c" } },
	};
	const struct pod pod = { .hostname = "host",
				 .hosts = "127.0.0.1 localhost\n",
				 .resolv_conf = "nameserver ::1\n",
				 .interfaces = two_interfaces,
				 .interface_count = 2,
				 .cpus = 4,
				 .trace = true,
				 .metadata = true,
				 .export = POD_EXPORT_ROOT,
				 .sysctls = sysctls,
				 .stop_timeout_ms = 2500,
				 .volumes = volumes,
				 .volume_count = 2,
				 .apps = apps,
				 .app_count = 3 };
	struct error err = ERROR_NONE;
	struct record record;
	void *dtb;
	size_t len;

	(void)state;
	assert_int_equal(record_build(&pod, &dtb, &len, &err), 0);
	assert_int_equal(record_read(dtb, len, &record, &err), 0);
	assert_string_equal(record.hostname, "host");
	assert_string_equal(record.hosts, "127.0.0.1 localhost\n");
	assert_string_equal(record.resolv_conf, "nameserver ::1\n");
	check_interfaces(&record);
	assert_int_equal(record.cpus, 4);
	assert_true(record.trace);
	assert_true(record.metadata);
	assert_int_equal(record.export, RECORD_EXPORT_ROOT);
	assert_list(record.sysctls, sysctls);
	assert_int_equal(record.stop_timeout_ms, 2500);
	check_volumes(&record);
	assert_int_equal(record.app_count, 3);
	check_full_app(&record.apps[0]);
	assert_true(record.apps[1].terminal);
	assert_int_equal(record.apps[1].rows, 25);
	assert_int_equal(record.apps[1].columns, 80);
	assert_string_equal(record.apps[1].user, "0:0");
	assert_string_equal(record.apps[1].workdir, "/");
	assert_int_equal(record.apps[1].ports[0], 0);
	assert_true(record.apps[1].root.p9 && record.apps[1].root.read_only);
	assert_int_equal(record.apps[1].root.upper, RECORD_UPPER_NONE);
	check_plain_app(&record.apps[1]);
	assert_int_equal(record.apps[2].restart, RECORD_RESTART_ALWAYS);
	assert_int_equal(record.apps[2].root.upper, RECORD_UPPER_DISK);
	assert_string_equal(record.apps[2].root.upper_device, "vdd");
	assert_string_equal(record.apps[2].root.upper_directory, "c");
	record_free(&record);
	free(dtb);
}

/* What the writer must not write. */
static void refuse_pod(const struct pod *pod, const char *why)
{
	struct error err = ERROR_NONE;
	void *dtb;
	size_t len;

	assert_int_equal(record_build(pod, &dtb, &len, &err), -1);
	assert_string_equal(err.text, why);
}

static void refuse_build(const struct pod_app *app, const char *why)
{
	const struct pod pod = { .cpus = 1, .apps = app, .app_count = app ? 1 : 0 };

	refuse_pod(&pod, why);
}

static void test_writer_refuses(void **state)
{
	static const char *bad_env[] = { "A=b", "=c", NULL };
	static const char *bad_paths[] = { "/a", "b", NULL };
	static const char *nothing[] = { NULL };
	const struct pod_mount bad_mount = { .source = "..", .target = "/x" };
	struct pod_app app;

	(void)state;
	refuse_build(NULL, "apps are missing: Invalid argument");
	app = full_app();
	app.argv = nothing;
	refuse_build(&app, "the command names no program: Invalid argument");
	app = full_app();
	app.env = bad_env;
	refuse_build(&app, "=c is not NAME=VALUE: Invalid argument");
	app = full_app();
	app.masked_paths = bad_paths;
	refuse_build(&app, "b is not an absolute path: Invalid argument");
	app = full_app();
	app.workdir = "srv";
	refuse_build(&app, "srv is not an absolute path: Invalid argument");
	app = full_app();
	app.root.source = "../etc";
	refuse_build(&app, "../etc is not a plain name: Invalid argument");
	app = full_app();
	app.mounts = &bad_mount;
	app.mount_count = 1;
	refuse_build(&app, ".. is not a plain name: Invalid argument");
	app = full_app();
	app.mount_count = RECORD_MOUNTS_MAX + 1;
	refuse_build(&app, "mounts are too many: Invalid argument");
	app = full_app();
	app.rlimit_count = RECORD_RLIMITS_MAX + 1;
	refuse_build(&app, "rlimits are too many: Invalid argument");
	app = full_app();
	app.name = NULL;
	refuse_build(&app, "name is missing: Invalid argument");
}

static void test_writer_refuses_limits(void **state)
{
	static const char *nameless[] = { "", NULL };
	struct pod_app app;

	(void)state;
	app = full_app();
	app.supplementary_gid_count = RECORD_GROUPS_MAX + 1;
	refuse_build(&app, "supplementary-gids are too many: Invalid argument");
	app = full_app();
	app.seccomp_count = RECORD_SECCOMP_MAX + 1;
	refuse_build(&app, "the seccomp program is too long: Invalid argument");
	app = full_app();
	app.oom_score_adj = 1001;
	refuse_build(&app, "oom-score-adj is out of range: Invalid argument");
	app = full_app();
	app.cpu_weight = 10001;
	refuse_build(&app, "cpu-weight is out of range: Invalid argument");
	app = full_app();
	app.stop_signal = 65;
	refuse_build(&app, "stop-signal is no signal: Invalid argument");
	app = full_app();
	app.post_stop = nameless;
	refuse_build(&app, "post-stop names no program: Invalid argument");
	app = full_app();
	app.root.upper = POD_UPPER_DISK;
	app.root.upper_device = "vdb";
	app.root.upper_directory = "../a";
	refuse_build(&app, "../a is not a plain name: Invalid argument");
}

static void test_writer_refuses_pods(void **state)
{
	static const char *bad[][2] = { { "a", NULL }, { "a/../b=1", NULL }, { "/etc/x=1", NULL } };
	const struct pod_volume nameless = { .mode = 0700 };
	const struct pod_app app = full_app();
	struct pod pod = { .cpus = 1, .apps = &app, .app_count = 1 };

	(void)state;
	pod.sysctls = bad[0];
	refuse_pod(&pod, "a is not KEY=VALUE: Invalid argument");
	pod.sysctls = bad[1];
	refuse_pod(&pod, "a/../b=1 is not KEY=VALUE: Invalid argument");
	pod.sysctls = bad[2];
	refuse_pod(&pod, "/etc/x=1 is not KEY=VALUE: Invalid argument");
	pod.sysctls = NULL;
	pod.volumes = &nameless;
	pod.volume_count = 1;
	refuse_pod(&pod, "name is not a plain name: Invalid argument");
	pod.volume_count = RECORD_VOLUMES_MAX + 1;
	refuse_pod(&pod, "volumes are too many: Invalid argument");
}

static void test_size_limit(void **state)
{
	static const char why[] = "arguments, environment and mounts need more than the 4 MiB that "
				  "a pod may have: Argument list too long";
	struct pod_app app = full_app();
	const char *long_argv[4] = { "x" };
	char *text = malloc(RECORD_SIZE_MAX);

	(void)state;
	assert_non_null(text);
	memset(text, 'a', RECORD_SIZE_MAX);
	text[RECORD_SIZE_MAX / 2] = '\0';
	long_argv[1] = long_argv[2] = text;
	app.argv = long_argv;
	refuse_build(&app, why);
	/* Alone it fits. */
	long_argv[2] = NULL;
	text[RECORD_SIZE_MAX / 2] = 'a';
	text[RECORD_SIZE_MAX - 100] = '\0';
	refuse_build(&app, why);
	free(text);
}

/* A valid record whose property is replaced, or removed with a NULL. */
static void refuse_read(const char *node, const char *name, const void *value, int value_len,
			const char *why)
{
	const struct pod_app app = full_app();
	const struct pod_interface interfaces[] = {
		{ .addresses = { { .family = 4, .prefix = 32 } }, .address_count = 1 },
		{ .address_count = 0 },
	};
	const struct pod pod = { .hostname = "h",
				 .cpus = 1,
				 .interfaces = interfaces,
				 .interface_count = 2,
				 .sysctls = sysctls,
				 .volumes = volumes,
				 .volume_count = 2,
				 .apps = &app,
				 .app_count = 1 };
	struct error err = ERROR_NONE;
	struct record record;
	static char space[16384];
	void *dtb;
	size_t len;
	int at;

	assert_int_equal(record_build(&pod, &dtb, &len, &err), 0);
	assert_int_equal(fdt_open_into(dtb, space, sizeof(space)), 0);
	at = fdt_path_offset(space, node);
	assert_true(at >= 0);
	if (!name)
		assert_int_equal(fdt_del_node(space, at), 0);
	else if (value)
		assert_int_equal(fdt_setprop(space, at, name, value, value_len), 0);
	else
		assert_int_equal(fdt_delprop(space, at, name), 0);
	assert_int_equal(record_read(space, fdt_totalsize(space), &record, &err), -1);
	assert_string_equal(err.text, why);
	free(dtb);
}

static void test_reader_refuses(void **state)
{
	const char *app = "/apps/app@0", *root = "/apps/app@0/root";
	const char *mount = "/apps/app@0/mounts/mount@1";
	static const char zeroes[60];

	(void)state;
	refuse_read("/", "version", "\0\0\0\2", 4,
		    "pod record: version 2, this guest knows 1: Protocol error");
	refuse_read("/", "version", "\0\0\0\1\0\0\0\1", 8,
		    "pod record: version 0, this guest knows 1: Protocol error");
	refuse_read(
	    "/interfaces/interface@0", "neighbours", zeroes, 28,
	    "pod record: interface@0: neighbours hold what is no address: Invalid argument");
	refuse_read("/", "hostname", "abc", 3,
		    "pod record: /: hostname is not one string: Invalid argument");
	refuse_read("/", "hostname", "a\0c", 4,
		    "pod record: /: hostname is not one string: Invalid argument");
	refuse_read("/", "cpus", "\0\0\0", 3,
		    "pod record: /: cpus has a wrong size: Invalid argument");
	refuse_read("/interfaces/interface@0", NULL, NULL, 0,
		    "pod record: /: interface has a child too many or out of order: "
		    "Invalid argument");
	refuse_read("/interfaces/interface@0", "addresses", (const char[24]){ [3] = 4, [7] = 33 },
		    24,
		    "pod record: interface@0: addresses hold what is no address: Invalid argument");
	refuse_read("/interfaces/interface@1", "gateways", (const char[20]){ [3] = 5 }, 20,
		    "pod record: interface@1: gateways hold what is no address: Invalid argument");
	refuse_read("/interfaces/interface@1", "gateways", zeroes, 3 * 20,
		    "pod record: interface@1: gateways are too many: Invalid argument");
	refuse_read("/interfaces/interface@1", "addresses", zeroes, 20,
		    "pod record: interface@1: addresses has a wrong size: Invalid argument");
	refuse_read("/interfaces/interface@1", "routes", (const char[40]){ [3] = 6, [7] = -127 },
		    40,
		    "pod record: interface@1: routes hold what is no network: Invalid argument");
	refuse_read("/apps", NULL, NULL, 0, "pod record: /: apps are missing: Invalid argument");
	refuse_read(app, NULL, NULL, 0, "pod record: /: apps are missing: Invalid argument");
	refuse_read(app, "name", NULL, 0, "pod record: app@0: name is missing: Invalid argument");
	refuse_read(app, "argv", NULL, 0,
		    "pod record: app@0: argv names no program: Invalid argument");
	refuse_read(app, "argv", "abc", 3,
		    "pod record: app@0: argv is not a list of strings: Invalid argument");
	refuse_read(app, "env", "abc", 4,
		    "pod record: app@0: env holds an entry that is not NAME=value: "
		    "Invalid argument");
	refuse_read(app, "workdir", "abc", 4,
		    "pod record: app@0: workdir is not an absolute path: Invalid argument");
	refuse_read(app, "terminal", "\0\1\0\0\0\0\0\1", 8,
		    "pod record: app@0: terminal is not one window size: Invalid argument");
	refuse_read(app, "capabilities", "\0\0\0\0", 4,
		    "pod record: app@0: capabilities has a wrong size: Invalid argument");
	refuse_read(app, "rlimits", "\0\0\0\0", 4,
		    "pod record: app@0: rlimits has a wrong size: Invalid argument");
	refuse_read(app, "masked-paths", "/a\0b", 5,
		    "pod record: app@0: masked-paths holds a path that is not absolute: "
		    "Invalid argument");
	refuse_read(root, NULL, NULL, 0, "pod record: app@0: root is missing: Invalid argument");
	refuse_read(root, "type", "nfs", 4,
		    "pod record: root: type has an unknown value: Invalid argument");
	refuse_read(root, "source", "a/b", 4,
		    "pod record: root: source is not a plain name: Invalid argument");
	refuse_read("/apps/app@0/mounts/mount@0", NULL, NULL, 0,
		    "pod record: app@0: mount has a child too many or out of order: "
		    "Invalid argument");
	refuse_read(mount, "target", "run", 4,
		    "pod record: mount@1: target is not an absolute path: Invalid argument");
}

static void test_reader_refuses_limits(void **state)
{
	const char *app = "/apps/app@0", *root = "/apps/app@0/root";
	static const char zeroes[(RECORD_GROUPS_MAX + 1) * 4];

	(void)state;
	refuse_read(app, "seccomp", zeroes, 12,
		    "pod record: app@0: seccomp is not a program of a length that is allowed: "
		    "Invalid argument");
	refuse_read(app, "seccomp", "", 0,
		    "pod record: app@0: seccomp is not a program of a length that is allowed: "
		    "Invalid argument");
	refuse_read(app, "supplementary-gids", zeroes, sizeof(zeroes),
		    "pod record: app@0: supplementary-gids are too many: Invalid argument");
	refuse_read(app, "oom-score-adj", "\0\0\4\0", 4,
		    "pod record: app@0: oom-score-adj is out of range: Invalid argument");
	refuse_read(app, "cpu-weight", "\0\1\0\0", 4,
		    "pod record: app@0: cpu-weight is too large: Invalid argument");
	refuse_read(app, "stop-signal", zeroes, 4,
		    "pod record: app@0: stop-signal is no signal: Invalid argument");
	refuse_read(app, "hold", "", 0,
		    "pod record: app@0: hold does not go with a restart: Invalid argument");
	refuse_read(app, "restart", "never", 6,
		    "pod record: app@0: restart has an unknown value: Invalid argument");
	refuse_read(app, "pre-start", "", 1,
		    "pod record: app@0: pre-start names no program: Invalid argument");
	refuse_read(root, "upper", "disk", 5,
		    "pod record: root: upper-device is missing: Invalid argument");
	refuse_read("/apps/app@0/mounts/mount@2", "mode", "\0\1\0\0", 4,
		    "pod record: mount@2: mode is too large: Invalid argument");
	refuse_read("/apps/app@0/mounts/mount@4", "file-system", "a/b", 4,
		    "pod record: mount@4: file-system is not a plain name: Invalid argument");
	refuse_read("/apps/app@0/mounts/mount@0", "cache", "all", 4,
		    "pod record: mount@0: cache has an unknown value: Invalid argument");
	refuse_read("/volumes/volume@0", "name", "other", 6,
		    "pod record: app@0: source is no volume of the pod: Invalid argument");
	refuse_read("/volumes/volume@0", NULL, NULL, 0,
		    "pod record: /: volume has a child too many or out of order: "
		    "Invalid argument");
	refuse_read("/volumes/volume@1", "share", "..", 3,
		    "pod record: volume@1: share is not a plain name: Invalid argument");
	refuse_read("/", "sysctls", "a/../b=1", 9,
		    "pod record: /: sysctls hold an entry that is not key=value: "
		    "Invalid argument");
}

/* More properties than the reader keeps of a node: what is asked for comes last of them. */
static void test_many_properties(void **state)
{
	enum { OTHERS = 100 };
	static char space[32768];
	const struct pod_app app = full_app();
	const struct pod pod = {
		.cpus = 1, .volumes = volumes, .volume_count = 2, .apps = &app, .app_count = 1
	};
	struct error err = ERROR_NONE;
	struct record record;
	void *dtb;
	size_t len;
	char name[16];
	int at;

	(void)state;
	assert_int_equal(record_build(&pod, &dtb, &len, &err), 0);
	assert_int_equal(fdt_open_into(dtb, space, sizeof(space)), 0);
	free(dtb);
	at = fdt_path_offset(space, "/apps/app@0");
	/* A new property is the first of its node. */
	for (int i = 0; i < OTHERS; i++) {
		(void)snprintf(name, sizeof(name), "other-%d", i);
		assert_int_equal(fdt_setprop(space, at, name, "x", 1), 0);
	}
	assert_int_equal(record_read(space, fdt_totalsize(space), &record, &err), 0);
	assert_int_equal(record.app_count, 1);
	assert_string_equal(record.apps[0].name, app.name);
	assert_list(record.apps[0].argv, app.argv);
	assert_int_equal(record.apps[0].ports[1], app.stdout_port);
	record_free(&record);
}

static void test_every_truncation(void **state)
{
	const struct pod_app app = full_app();
	const struct pod pod = { .hostname = "h",
				 .cpus = 1,
				 .volumes = volumes,
				 .volume_count = 1,
				 .apps = &app,
				 .app_count = 1 };
	struct error err = ERROR_NONE;
	struct record record;
	void *dtb;
	size_t len;

	(void)state;
	assert_int_equal(record_build(&pod, &dtb, &len, &err), 0);
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *copy = malloc(cut + 1);

		assert_non_null(copy);
		memcpy(copy, dtb, cut);
		assert_int_equal(record_read(copy, cut, &record, &err), -1);
		assert_string_equal(err.text, "pod record: it is damaged: Invalid argument");
		free(copy);
	}
	assert_int_equal(record_read(dtb, RECORD_SIZE_MAX + 1, &record, &err), -1);
	free(dtb);
}

/* Debian's cpio is the oracle of the archive. */
static void test_initramfs(void **state)
{
	static const char data[] = "record";
	static const struct initramfs_file files[] = {
		{ .name = "pod.dtb", .data = data, .len = sizeof(data) - 1 },
		{ .name = "program", .data = "code", .len = 4, .is_program = true },
	};
	struct error err = ERROR_NONE;
	void *archive;
	size_t len;
	char out[128] = "";
	FILE *file;

	(void)state;
	assert_int_equal(initramfs_build(files, 2, &archive, &len, &err), 0);
	assert_int_equal(len % 4, 0);
	file = fopen("test_record.cpio", "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(archive, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	file = popen("cpio --quiet -tv <test_record.cpio | cut -c 1-10 && "
		     "cpio --quiet -t <test_record.cpio && "
		     "cpio --quiet -i --to-stdout pod.dtb program <test_record.cpio",
		     "r");
	assert_non_null(file);
	assert_true(fread(out, 1, sizeof(out) - 1, file) > 0);
	assert_int_equal(pclose(file), 0);
	assert_string_equal(out, "-rw-------\n-rwx------\npod.dtb\nprogram\nrecordcode");
	assert_int_equal(remove("test_record.cpio"), 0);
	free(archive);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_writer_refuses),
		cmocka_unit_test(test_size_limit),
		cmocka_unit_test(test_writer_refuses_limits),
		cmocka_unit_test(test_writer_refuses_pods),
		cmocka_unit_test(test_reader_refuses_limits),
		cmocka_unit_test(test_reader_refuses),
		cmocka_unit_test(test_many_properties),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_initramfs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
