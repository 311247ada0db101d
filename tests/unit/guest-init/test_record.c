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
static const struct pod_mount mounts[] = {
	{ .type = POD_MOUNT_SHARE, .source = "data", .target = "/srv/data", .read_only = true },
	{ .type = POD_MOUNT_TMPFS, .target = "/run" },
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
		.mount_count = 2,
	};
}

static void assert_list(const char **got, const char **wanted)
{
	for (; *wanted; got++, wanted++)
		assert_string_equal(*got, *wanted);
	assert_null(*got);
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
	assert_true(app->root.upper_tmpfs);
	assert_string_equal(app->root.source, "vda");
	assert_int_equal(app->root.upper_size_bytes, UINT64_C(5) << 32);
	assert_int_equal(app->mount_count, 2);
	assert_true(!app->mounts[0].tmpfs && app->mounts[0].read_only);
	assert_string_equal(app->mounts[0].source, "data");
	assert_string_equal(app->mounts[0].target, "/srv/data");
	assert_true(app->mounts[1].tmpfs && !app->mounts[1].read_only);
	assert_null(app->mounts[1].source);
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
	assert_int_equal(record->interfaces[1].address_count, 0);
	assert_int_equal(record->interfaces[1].gateway_count, 0);
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
	};
	const struct pod_interface interfaces[] = {
		{ .addresses = { { .family = 4, .prefix = 24, .bytes = { 10, 1, 2, 3 } },
				 { .family = 6, .prefix = 64, .bytes = { 0xfd, [15] = 5 } } },
		  .address_count = 2,
		  .gateways = { { .family = 6, .bytes = { 0xfd, [15] = 1 } } },
		  .gateway_count = 1 },
		{ .address_count = 0 },
	};
	const struct pod pod = { .hostname = "host",
				 .hosts = "127.0.0.1 localhost\n",
				 .resolv_conf = "nameserver ::1\n",
				 .interfaces = interfaces,
				 .interface_count = 2,
				 .cpus = 4,
				 .trace = true,
				 .apps = apps,
				 .app_count = 2 };
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
	assert_int_equal(record.app_count, 2);
	check_full_app(&record.apps[0]);
	assert_true(record.apps[1].terminal);
	assert_int_equal(record.apps[1].rows, 25);
	assert_int_equal(record.apps[1].columns, 80);
	assert_string_equal(record.apps[1].user, "0:0");
	assert_string_equal(record.apps[1].workdir, "/");
	assert_int_equal(record.apps[1].ports[0], 0);
	assert_true(record.apps[1].root.p9 && record.apps[1].root.read_only);
	assert_false(record.apps[1].root.upper_tmpfs);
	assert_null(record.apps[1].env[0]);
	record_free(&record);
	free(dtb);
}

/* What the writer must not write. */
static void refuse_build(const struct pod_app *app, const char *why)
{
	const struct pod pod = { .cpus = 1, .apps = app, .app_count = app ? 1 : 0 };
	struct error err = ERROR_NONE;
	void *dtb;
	size_t len;

	assert_int_equal(record_build(&pod, &dtb, &len, &err), -1);
	assert_string_equal(err.text, why);
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

static void test_every_truncation(void **state)
{
	const struct pod_app app = full_app();
	const struct pod pod = { .hostname = "h", .cpus = 1, .apps = &app, .app_count = 1 };
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
	struct error err = ERROR_NONE;
	void *archive;
	size_t len;
	char out[64] = "";
	FILE *file;

	(void)state;
	assert_int_equal(initramfs_build("pod.dtb", data, sizeof(data) - 1, &archive, &len, &err),
			 0);
	assert_int_equal(len % 4, 0);
	file = fopen("test_record.cpio", "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(archive, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	file = popen("cpio --quiet -t <test_record.cpio && "
		     "cpio --quiet -i --to-stdout pod.dtb <test_record.cpio",
		     "r");
	assert_non_null(file);
	assert_int_equal(fread(out, 1, sizeof(out) - 1, file), strlen("pod.dtb\nrecord"));
	assert_int_equal(pclose(file), 0);
	assert_string_equal(out, "pod.dtb\nrecord");
	assert_int_equal(remove("test_record.cpio"), 0);
	free(archive);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),	 cmocka_unit_test(test_writer_refuses),
		cmocka_unit_test(test_size_limit),	 cmocka_unit_test(test_reader_refuses),
		cmocka_unit_test(test_every_truncation), cmocka_unit_test(test_initramfs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
