/*
 * Bundles: what is read, what is refused and where, what is warned about, and the way through flat
 * fields.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/fields.h"
#include "images/oci_bundle.h"
#include "images/oci_fields.h"
#include "tests/unit/images/test.h"
#include "vmm/base/bytes.h"

#define ROOT	   "\"root\":{\"path\":\"rootfs\"}"
#define NETWORK	   "{\"type\":\"network\"}"
#define HEAD	   "{\"ociVersion\":\"1.0.2\"," ROOT
#define ARGS	   "\"cwd\":\"/\",\"args\":[\"sh\"]"
#define PROCESS(x) HEAD ",\"process\":{" ARGS x "},\"linux\":{\"namespaces\":[" NETWORK "]}}"
#define TOP(x)	   HEAD ",\"process\":{" ARGS "},\"linux\":{\"namespaces\":[" NETWORK "]}" x "}"
#define LINUX(x)   HEAD ",\"process\":{" ARGS "},\"linux\":{\"namespaces\":[" NETWORK "]" x "}}"
#define SPACES(x)  HEAD ",\"process\":{" ARGS "},\"linux\":{\"namespaces\":[" x "]}}"
#define MOUNTS(x)  TOP(",\"mounts\":[" x "]")

static const char whole[] =
    "{\"ociVersion\":\"1.0.2-dev\",\"unknown\":{\"a\":1},"
    "\"root\":{\"path\":\"/srv/root\",\"readonly\":true},\"hostname\":\"box\","
    "\"domainname\":\"example.org\","
    "\"process\":{\"terminal\":true,\"consoleSize\":{\"height\":24,\"width\":80},"
    "\"user\":{\"uid\":5,\"gid\":6,\"umask\":18,\"additionalGids\":[7,8]},"
    "\"args\":[\"sh\",\"-c\",\"\"],\"env\":[\"A=b=c\",\"B=\"],\"cwd\":\"/tmp\","
    "\"capabilities\":{\"bounding\":[\"CAP_KILL\"],\"effective\":[\"CAP_KILL\"],"
    "\"permitted\":null,\"ambient\":[\"CAP_KILL\"]},"
    "\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":1024,\"hard\":18446744073709551615},"
    "{\"type\":\"RLIMIT_CORE\",\"soft\":0,\"hard\":-1}],"
    "\"noNewPrivileges\":true,\"oomScoreAdj\":-500,\"apparmorProfile\":\"docker\"},"
    "\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
    "{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"options\":[\"nosuid\",\"size=65536k\"]},"
    "{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\",\"options\":[\"size=64M\"]},"
    "{\"destination\":\"/dev/shm\",\"type\":\"bind\",\"source\":\"/x/shm\"},"
    "{\"destination\":\"/sys\",\"type\":\"bind\",\"source\":\"/sys\",\"options\":[\"rbind\"]},"
    "{\"destination\":\"/etc/hosts\",\"type\":\"bind\",\"source\":\"/x/hosts\","
    "\"options\":[\"bind\",\"rprivate\",\"ro\",\"nosuid\",\"nodev\",\"noexec\"]},"
    "{\"destination\":\"/data\",\"type\":\"none\",\"source\":\"data\",\"options\":[\"rbind\","
    "\"rw\",\"suid\",\"dev\",\"exec\"]},"
    "{\"destination\":\"/run\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"mode=755\","
    "\"uid=1\",\"gid=2\",\"size=1g\",\"tmpcopyup\"]}],"
    "\"linux\":{\"namespaces\":[{\"type\":\"network\"},{\"type\":\"pid\"},{\"type\":\"cgroup\"},"
    "{\"type\":\"uts\",\"path\":\"/uts\"},{\"type\":\"mount\",\"path\":\"\"}],"
    "\"devices\":[{\"path\":\"/dev/null\"}],\"cgroupsPath\":\"/x\","
    "\"resources\":{\"devices\":[{\"allow\":false}],\"memory\":{\"limit\":67108864,\"swap\":9},"
    "\"cpu\":{\"shares\":512,\"quota\":150001,\"period\":100000},\"pids\":{\"limit\":100}},"
    "\"sysctl\":{\"net.core.somaxconn\":\"99\"},\"seccomp\":{\"defaultAction\":\"x\"},"
    "\"maskedPaths\":[\"/proc/kcore\"],\"readonlyPaths\":[\"/proc/sys\"]},"
    "\"annotations\":{\"k\":\"v\",\"e\":\"\"},"
    "\"vm\":{\"kernel\":{\"path\":\"/boot/vmlinux\",\"parameters\":[\"a\",\"b=c\"]},"
    "\"hwConfig\":{\"vcpus\":2,\"memory\":268435456}}}";

static struct oci_bundle read_text(const char *text)
{
	struct oci_bundle bundle, back;
	struct error err = ERROR_NONE;
	void *data;
	size_t len;

	if (oci_bundle_read(&bundle, text, strlen(text), &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(oci_bundle_encode(&bundle, &data, &len), 0);
	oci_bundle_free(&bundle);
	assert_int_equal(oci_bundle_decode(&back, data, len, &err), 0);
	free(data);
	return back;
}

static void expect_list(const struct oci_bundle *bundle, enum oci_list which, const char *want)
{
	const struct string_list *list = &bundle->lists[which];
	char text[2048] = "";
	size_t at = 0;

	for (size_t i = 0; i < list->count; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", i ? "|" : "",
				       list->items[i]);
	assert_string_equal(text, want);
}

static void test_whole(void **state)
{
	static const uint64_t numbers[OCI_NUMBERS] = {
		[OCI_TERMINAL] = 1,	   [OCI_ROWS] = 24,
		[OCI_COLUMNS] = 80,	   [OCI_HAS_UMASK] = 1,
		[OCI_UMASK] = 022,	   [OCI_NO_NEW_PRIVILEGES] = 1,
		[OCI_ROOT_READ_ONLY] = 1,  [OCI_SECCOMP] = 1,
		[OCI_MEMORY] = 64 << 20,   [OCI_CPU] = 1501,
		[OCI_CPU_SHARES] = 512,	   [OCI_PIDS] = 100,
		[OCI_VM_CPUS] = 2,	   [OCI_VM_MEMORY] = 256 << 20,
		[OCI_SHM_SIZE] = 64 << 20,
	};
	static const char *const texts[OCI_TEXTS] = {
		[OCI_ROOT_PATH] = "/srv/root",
		[OCI_CWD] = "/tmp",
		[OCI_USER] = "5:6",
		[OCI_OOM_SCORE] = "-500",
		[OCI_HOSTNAME] = "box",
		[OCI_KERNEL] = "/boot/vmlinux",
		[OCI_KERNEL_PARAMETERS] = "a b=c",
		[OCI_NETWORK] = "",
		[OCI_SHM] = "/x/shm",
		[OCI_CGROUP] = "/x",
	};
	struct oci_bundle bundle = read_text(whole);

	(void)state;
	for (unsigned i = 0; i < OCI_NUMBERS; i++)
		assert_int_equal(bundle.numbers[i], numbers[i]);
	for (unsigned i = 0; i < OCI_TEXTS; i++)
		if (texts[i])
			assert_string_equal(bundle.texts[i], texts[i]);
		else
			assert_null(bundle.texts[i]);
	expect_list(&bundle, OCI_ARGS, "sh|-c|");
	expect_list(&bundle, OCI_ENV, "A=b=c|B=");
	expect_list(&bundle, OCI_GIDS, "7|8");
	expect_list(&bundle, OCI_ULIMITS, "nofile=1024:unlimited|core=0:unlimited");
	expect_list(&bundle, OCI_CAPABILITIES, "CAP_KILL");
	expect_list(&bundle, OCI_SYSCTLS, "kernel.domainname=example.org|net.core.somaxconn=99");
	expect_list(&bundle, OCI_MASKED, "/proc/kcore");
	expect_list(&bundle, OCI_READ_ONLY_PATHS, "/proc/sys");
	expect_list(&bundle, OCI_ANNOTATIONS, "k|v|e|");
	expect_list(&bundle, OCI_NAMESPACES, "uts|/uts");
	expect_list(&bundle, OCI_WARNINGS,
		    "process.capabilities.ambient is not applied|"
		    "process.apparmorProfile is not applied: the guest's kernel has no AppArmor|"
		    "linux.resources.memory.swap is not applied: the virtual machine has no swap|"
		    "the bind on /sys is not applied: the guest has its own|"
		    "the option tmpcopyup of the mount on /run is not applied|"
		    "linux.namespaces: the ipc namespace is the virtual machine's own, not the "
		    "host's");
	assert_string_equal(oci_bundle_annotation(&bundle, "k"), "v");
	assert_null(oci_bundle_annotation(&bundle, "v"));
	oci_bundle_free(&bundle);
}

static void test_mounts(void **state)
{
	struct oci_bundle bundle = read_text(whole);
	const struct oci_mount *mounts = bundle.mounts;

	(void)state;
	assert_int_equal(bundle.mount_count, 3);
	assert_string_equal(mounts[0].target, "/etc/hosts");
	assert_string_equal(mounts[0].source, "/x/hosts");
	assert_int_equal(mounts[0].flags, OCI_MOUNT_BIND | OCI_MOUNT_READ_ONLY | OCI_MOUNT_NOSUID |
					      OCI_MOUNT_NODEV | OCI_MOUNT_NOEXEC);
	assert_string_equal(mounts[1].source, "data");
	assert_int_equal(mounts[1].flags, OCI_MOUNT_BIND | OCI_MOUNT_RECURSIVE);
	assert_string_equal(mounts[2].target, "/run");
	assert_null(mounts[2].source);
	assert_int_equal(mounts[2].mode, 0755);
	assert_int_equal(mounts[2].uid, 1);
	assert_int_equal(mounts[2].gid, 2);
	assert_int_equal(mounts[2].size_bytes, 1 << 30);
	oci_bundle_free(&bundle);
}

/* What the guest has itself, said only where somebody would miss it. */
static void test_dropped_binds(void **state)
{
	struct oci_bundle bundle = read_text(MOUNTS(
	    "{\"destination\":\"/dev//\",\"type\":\"bind\",\"source\":\"/dev\"},"
	    "{\"destination\":\"/proc/\",\"type\":\"proc\",\"source\":\"proc\"},"
	    "{\"destination\":\"/dev/null\",\"source\":\"/dev/null\",\"options\":[\"bind\"]},"
	    "{\"destination\":\"/dev/shm/\",\"type\":\"bind\",\"source\":\"/x/shm\"},"
	    "{\"destination\":\"/data/\",\"type\":\"bind\",\"source\":\"data\"},"
	    "{\"destination\":\"/\",\"type\":\"bind\",\"source\":\"root\"}"));
	const struct string_list *warnings = &bundle.lists[OCI_WARNINGS];

	(void)state;
	assert_int_equal(bundle.mount_count, 2);
	assert_string_equal(bundle.mounts[0].target, "/data");
	assert_string_equal(bundle.mounts[1].target, "/");
	assert_true(warnings->count > 0);
	assert_string_equal(warnings->items[0],
			    "the bind on /dev is not applied: the guest has its own");
	for (size_t i = 1; i < warnings->count; i++)
		assert_null(strstr(warnings->items[i], "the bind on"));
	oci_bundle_free(&bundle);
}

/* No int64_t, and so no limit. */
static void test_huge_limits(void **state)
{
	static const char *const texts[] = {
		LINUX(",\"resources\":{\"memory\":{\"limit\":9223372036854775807}}"),
		LINUX(",\"resources\":{\"memory\":{\"limit\":9223372036854775808}}"),
		LINUX(",\"resources\":{\"memory\":{\"limit\":1e300}}"),
		LINUX(",\"resources\":{\"pids\":{\"limit\":1e300}}"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct oci_bundle bundle = read_text(texts[i]);

		assert_int_equal(bundle.numbers[OCI_MEMORY], 0);
		assert_int_equal(bundle.numbers[OCI_PIDS], 0);
		oci_bundle_free(&bundle);
	}
}

static void test_least(void **state)
{
	struct oci_bundle bundle = read_text(
	    HEAD ",\"process\":{" ARGS ",\"user\":null},\"linux\":{\"namespaces\":[" NETWORK
		 "],\"resources\":{\"memory\":{\"limit\":-1},\"cpu\":{\"quota\":-1},"
		 "\"pids\":{\"limit\":-1}}},\"hooks\":{\"prestart\":[]}}");

	(void)state;
	assert_string_equal(bundle.texts[OCI_USER], "0:0");
	for (unsigned i = 0; i < OCI_NUMBERS; i++)
		assert_int_equal(bundle.numbers[i], 0);
	oci_bundle_free(&bundle);
}

/*
 * podman's way to ask for all devices of the host: none of them is asked for by name. A rootless
 * one binds them.
 */
static void test_privileged(void **state)
{
	static const char *const texts[] = {
		LINUX(",\"devices\":[{\"path\":\"/dev/fuse\"},{\"path\":\"/dev/sda\"}]},"
		      "\"annotations\":{\"io.podman.annotations.privileged\":\"TRUE\""),
		LINUX("},\"annotations\":{\"io.podman.annotations.privileged\":\"TRUE\""),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct oci_bundle bundle = read_text(texts[i]);
		const struct string_list *warnings = &bundle.lists[OCI_WARNINGS];

		assert_true(warnings->count > 0);
		assert_string_equal(
		    warnings->items[warnings->count - 1],
		    "linux.devices: privileged is the container in its virtual machine, which has "
		    "none of the host's devices");
		oci_bundle_free(&bundle);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} wrong[] = {
		{ "[]", "it is no object" },
		{ "{}", "ociVersion: it is missing" },
		{ "{\"ociVersion\":\"2.0.0\"}", "ociVersion: \"2.0.0\" is no version 1" },
		{ "{\"ociVersion\":\"1.0.0\"}", "root: it is missing" },
		{ "{\"ociVersion\":\"1.0.0\",\"root\":{}}", "root.path: it is missing" },
		{ HEAD "}", "process: it is missing" },
		{ HEAD ",\"process\":{" ARGS "}}", "linux: it is missing" },
		{ HEAD ",\"process\":{\"args\":[\"sh\"]}}", "process.cwd: it is missing" },
		{ HEAD ",\"process\":{\"cwd\":\"x\"}}", "process.cwd: \"x\" is no absolute path" },
		{ HEAD ",\"process\":{\"cwd\":\"/\",\"args\":[]}}",
		  "process.args: it names no program" },
		{ HEAD ",\"process\":{\"cwd\":\"/\",\"args\":[1]}}",
		  "process.args[0]: it is no string" },
		{ PROCESS(",\"env\":[\"A=1\",\"B\"]"), "process.env[1]: \"B\" is not NAME=VALUE" },
		{ PROCESS(",\"terminal\":1"), NULL },
		{ PROCESS(",\"user\":{\"uid\":-1}"), NULL },
		{ PROCESS(",\"user\":{\"umask\":512}"), NULL },
		{ PROCESS(",\"user\":{\"additionalGids\":[-1]}"),
		  "process.user.additionalGids[0]: it is no group's number" },
		{ PROCESS(",\"rlimits\":[{\"type\":\"NOFILE\",\"soft\":1,\"hard\":1}]"),
		  "process.rlimits[0].type: \"NOFILE\" is no resource" },
		{ PROCESS(",\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"hard\":1}]"),
		  "process.rlimits[0].soft: it is missing or no number" },
		{ PROCESS(",\"capabilities\":{\"permitted\":\"ALL\"}"), NULL },
		{ PROCESS(",\"oomScoreAdj\":1001"), "process.oomScoreAdj: 1001 is out of range" },
		{ PROCESS(",\"oomScoreAdj\":-1e300"), NULL },
		{ LINUX(",\"resources\":{\"memory\":{\"limit\":-1e300}}"), NULL },
		{ LINUX(",\"resources\":{\"cpu\":{\"quota\":1e300}}"), NULL },
		{ PROCESS(",\"oomScoreAdj\":1.5"), "process.oomScoreAdj: it is no whole number" },
		{ PROCESS(",\"scheduler\":{\"policy\":\"SCHED_FIFO\"}"),
		  "process.scheduler: it is not supported" },
		{ TOP(",\"hooks\":{\"poststop\":[{\"path\":\"x\"}]}"),
		  "hooks.poststop[0].path: \"x\" is no absolute path" },
		{ TOP(",\"hooks\":{\"poststart\":[{\"args\":[]}]}"),
		  "hooks.poststart[0].path: it is missing" },
		{ TOP(",\"hooks\":{\"prestart\":[{\"path\":\"/x\",\"timeout\":0}]}"),
		  "hooks.prestart[0].timeout: it is 0" },
		{ TOP(",\"hooks\":{\"prestart\":[{\"path\":\"/x\",\"timeout\":-1}]}"), NULL },
		{ TOP(",\"hooks\":{\"prestart\":{}}"), NULL },
		{ TOP(",\"annotations\":{\"a\":1}"), "annotations.a: it is no string" },
		{ TOP(",\"vm\":{\"hypervisor\":{\"path\":\"/x\"}}"),
		  "vm.hypervisor: it is not supported" },
		{ TOP(",\"vm\":{\"kernel\":{\"parameters\":[\"a\"]}}"),
		  "vm.kernel.path: it is missing" },
		{ TOP(",\"vm\":{\"hwConfig\":{\"vcpus\":9999}}"), NULL },
		{ LINUX(",\"uidMappings\":[{}]"), "linux.uidMappings: it is not supported" },
		{ LINUX(",\"devices\":[{\"path\":\"/dev/fuse\"}]"),
		  "linux.devices[0].path: /dev/fuse is a device of the host, which a virtual "
		  "machine cannot have" },
		{ LINUX(",\"devices\":[{\"path\":\"/dev/fuse\"}]},\"annotations\":{"
			"\"io.podman.annotations.privileged\":\"FALSE\""),
		  "linux.devices[0].path: /dev/fuse is a device of the host, which a virtual "
		  "machine cannot have" },
		{ LINUX(",\"resources\":{\"memory\":{\"limit\":\"1\"}}"),
		  "linux.resources.memory.limit: it is no whole number" },
		{ LINUX(",\"sysctl\":{\"a\":1}"), "linux.sysctl.a: it is no string" },
		{ LINUX(",\"sysctl\":{\"a=b\":\"1\"}"), "linux.sysctl: \"a=b\" is no sysctl" },
		{ LINUX(",\"maskedPaths\":[\"x\"]"),
		  "linux.maskedPaths[0]: \"x\" is no absolute path" },
		{ LINUX(",\"seccomp\":1"), NULL },
		{ SPACES("{\"type\":\"pid\"}"),
		  "linux.namespaces: without a network namespace the container would have the "
		  "host's network, which a virtual machine cannot have" },
		{ SPACES(NETWORK ",{\"type\":\"user\"}"),
		  "linux.namespaces[1].type: a virtual machine has no namespace \"user\"" },
		{ SPACES("{\"type\":\"network\",\"path\":\"x\"}"),
		  "linux.namespaces[0].path: \"x\" is no absolute path" },
		{ SPACES(NETWORK "," NETWORK),
		  "linux.namespaces[1].type: there is one more network namespace" },
		{ SPACES(NETWORK ",{\"type\":\"mount\",\"path\":\"/x\"}"),
		  "linux.namespaces[1].path: a virtual machine cannot join the mount namespace of "
		  "others" },
		{ SPACES(NETWORK ",{\"type\":\"cgroup\",\"path\":\"/x\"}"),
		  "linux.namespaces[1].path: a virtual machine cannot join the cgroup namespace of "
		  "others" },
		{ MOUNTS("1"), "mounts[0]: it is no object" },
		{ MOUNTS("{}"), "mounts[0].destination: it is missing" },
		{ MOUNTS("{\"destination\":\"x\"}"),
		  "mounts[0].destination: \"x\" is no absolute path" },
		{ MOUNTS("{\"destination\":\"/x\",\"type\":\"bind\"}"),
		  "mounts[0].source: it is missing" },
		{ MOUNTS("{\"destination\":\"/x\",\"type\":\"ext4\",\"source\":\"/dev/sda\"}"),
		  "mounts[0].type: \"ext4\" cannot be mounted on /x" },
		{ MOUNTS("{\"destination\":\"/x\",\"type\":\"tmpfs\",\"options\":[\"size=1t\"]}"),
		  "mounts[0].options: \"size=1t\" has a wrong value" },
		{ MOUNTS("{\"destination\":\"/x\",\"uidMappings\":[{}]}"),
		  "mounts[0].uidMappings: it is not supported" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct error err = ERROR_NONE;
		struct oci_bundle bundle;

		if (oci_bundle_read(&bundle, wrong[i].text, strlen(wrong[i].text), &err) == 0)
			fail_msg("it was read: %s", wrong[i].text);
		if (wrong[i].why)
			assert_string_equal(err.text, wrong[i].why);
		else
			assert_true(err.text[0]);
		assert_null(bundle.texts[OCI_ROOT_PATH]);
	}
}

static void test_hooks(void **state)
{
	struct oci_bundle bundle = read_text(
	    TOP(",\"hooks\":{\"poststop\":[{\"path\":\"/a\"}],\"prestart\":[{\"path\":\"/b\","
		"\"args\":[\"x\",\"\"],\"env\":[\"C=d\"],\"timeout\":7},{\"path\":\"/e\"}]}"));
	struct error err = ERROR_NONE;
	struct oci_bundle back;
	void *data;
	size_t len;

	(void)state;
	assert_int_equal(bundle.hook_count, 3);
	assert_int_equal(bundle.hooks[0].kind, OCI_PRESTART);
	assert_string_equal(bundle.hooks[0].path, "/b");
	assert_string_equal(bundle.hooks[0].args.items[0], "x");
	assert_string_equal(bundle.hooks[0].args.items[1], "");
	assert_string_equal(bundle.hooks[0].env.items[0], "C=d");
	assert_int_equal(bundle.hooks[0].timeout_s, 7);
	assert_string_equal(bundle.hooks[1].path, "/e");
	assert_int_equal(bundle.hooks[2].kind, OCI_POSTSTOP);
	assert_int_equal(bundle.hooks[2].args.count + bundle.hooks[2].env.count, 0);
	assert_true(oci_bundle_has_hooks(&bundle, OCI_PRESTART, OCI_CREATE_CONTAINER));
	assert_false(oci_bundle_has_hooks(&bundle, OCI_CREATE_RUNTIME, OCI_POSTSTART));
	/* A reader that lies. */
	bundle.hooks[1].path[0] = 'e';
	assert_int_equal(oci_bundle_encode(&bundle, &data, &len), 0);
	assert_int_equal(oci_bundle_decode(&back, data, len, &err), -1);
	free(data);
	oci_bundle_free(&bundle);
}

/* A process alone, as engines write one for exec. */
static void test_process(void **state)
{
	static const char text[] =
	    "{\"terminal\":true,\"consoleSize\":{\"height\":3,\"width\":4},\"cwd\":\"/a\","
	    "\"args\":[\"b\"],\"env\":[\"C=d\"],\"user\":{\"uid\":1,\"umask\":7},"
	    "\"apparmorProfile\":\"x\"}";
	static const struct {
		const char *text, *why;
	} wrong[] = {
		{ "[]", "it is no object" },
		{ "{}", "cwd: it is missing" },
		{ "{" ARGS ",\"scheduler\":{\"policy\":\"x\"}}",
		  "process.scheduler: it is not supported" },
	};
	struct oci_bundle process, back;
	struct error err = ERROR_NONE;
	void *data;
	size_t len;

	(void)state;
	assert_int_equal(oci_process_read(&process, text, strlen(text), &err), 0);
	assert_int_equal(oci_bundle_encode(&process, &data, &len), 0);
	assert_int_equal(oci_bundle_decode(&back, data, len, &err), -1);
	assert_int_equal(oci_process_decode(&back, data, len, &err), 0);
	assert_string_equal(back.texts[OCI_CWD], "/a");
	assert_string_equal(back.texts[OCI_USER], "1:0");
	assert_string_equal(back.lists[OCI_ENV].items[0], "C=d");
	assert_int_equal(back.numbers[OCI_TERMINAL] + back.numbers[OCI_ROWS], 4);
	assert_int_equal(back.lists[OCI_WARNINGS].count, 1);
	free(data);
	oci_bundle_free(&process);
	oci_bundle_free(&back);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(
		    oci_process_read(&process, wrong[i].text, strlen(wrong[i].text), &err), -1);
		assert_string_equal(err.text, wrong[i].why);
	}
}

/* A confined reader that lies. */
static void test_wrong_fields(void **state)
{
	struct oci_bundle bundle = read_text(whole), back;
	struct error err = ERROR_NONE;
	void *data;
	size_t len;

	(void)state;
	free(bundle.mounts[0].source);
	bundle.mounts[0].source = NULL;
	assert_int_equal(oci_bundle_encode(&bundle, &data, &len), 0);
	assert_int_equal(oci_bundle_decode(&back, data, len, &err), -1);
	free(data);
	oci_bundle_free(&bundle);
	bundle = read_text(whole);
	bundle.lists[OCI_ENV].items[0][0] = '=';
	assert_int_equal(oci_bundle_encode(&bundle, &data, &len), 0);
	assert_int_equal(oci_bundle_decode(&back, data, len, &err), -1);
	for (size_t cut = 0; cut < len; cut += 7)
		assert_int_equal(oci_bundle_decode(&back, data, cut, &err), -1);
	free(data);
	oci_bundle_free(&bundle);
}

/* The manual, as text to be freed. */
static char *read_manual(void)
{
	static const char own[] = "tests/unit/images/test_oci_bundle.c";
	char path[4096], *text = calloc(1, 256 * 1024);
	size_t top = strlen(__FILE__) - strlen(own);
	FILE *in;

	(void)snprintf(path, sizeof(path), "%.*svmm/cli/nacelle-oci.8", (int)top, __FILE__);
	in = fopen(path, "r");
	assert_non_null(in);
	assert_non_null(text);
	assert_true(fread(text, 1, 256 * 1024 - 1, in) > 0);
	assert_int_equal(fclose(in), 0);
	return text;
}

/* Every row is in the manual, once, and no other. */
static void test_manual(void **state)
{
	char *manual = read_manual(), *at = strstr(manual, ".Sh CONFIG.JSON");
	char item[256];

	(void)state;
	assert_non_null(at);
	for (size_t i = 0; i < oci_field_count; i++) {
		const char *name = oci_effect_name(oci_fields[i].effect);

		(void)snprintf(item, sizeof(item), "\n.It Li %s\n%s\n", oci_fields[i].path, name);
		at = strstr(at, item);
		if (!at)
			fail_msg("the manual does not have, in the table's order:%s", item);
		at += strlen(item) - 1;
	}
	assert_null(strstr(at, ".It Li"));
	free(manual);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_process),	    cmocka_unit_test(test_whole),
		cmocka_unit_test(test_mounts),	    cmocka_unit_test(test_least),
		cmocka_unit_test(test_refused),	    cmocka_unit_test(test_wrong_fields),
		cmocka_unit_test(test_manual),	    cmocka_unit_test(test_dropped_binds),
		cmocka_unit_test(test_huge_limits), cmocka_unit_test(test_hooks),
		cmocka_unit_test(test_privileged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
