/*
 * rkt's flags and what they come to; and the files that rkt reads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/cli/program.h"
#include "vmm/cli/stage1.h"
#include "vmm/pod/keep.h"
#include "vmm/pod/networks.h"

#define UUID "8b1c2f0e-5f4f-4d9e-9a53-0c6a1de7a1b2"

static void test_what_cannot_be_is_refused_by_name(void **state)
{
	static const struct {
		struct stage1_options options;
		const char *name;
	} rows[] = {
		{ { .private_users = "1000:65536" }, "--private-users" },
		{ { .mutable_pod = true }, "--mutable" },
		{ { .ipc = "parent" }, "--ipc=parent" },
		{ { .ipc = "odd" }, "--ipc=odd" },
		{ { .net = "host" }, "--net=host" },
		{ { .net = "default,host" }, "--net=host" },
		{ { .net = "a,,b" }, "--net" },
		{ { .net = "1,2,3,4,5,6,7,8,9,a,b,c,d,e,f,g" }, "--net" },
		{ { .dns_conf_mode = "resolv=odd" }, "--dns-conf-mode" },
		{ { .dns_conf_mode = "hosts" }, "--dns-conf-mode" },
		{ { .dns_conf_mode = "odd=host" }, "--dns-conf-mode" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *nets[STAGE1_NETS_MAX] = { NULL };
		struct run_options run = { .apps = NULL };
		struct keep keep = { .items = NULL };
		struct error err = ERROR_NONE;

		assert_int_equal(stage1_settle(&run, &rows[i].options, UUID, nets, &keep, &err),
				 -1);
		assert_non_null(strstr(err.text, rows[i].name));
		keep_free(&keep);
	}
}

static void test_every_flag_has_an_effect(void **state)
{
	const struct stage1_options options = {
		.debug = true,
		.net = "web:IP=10.1.2.3;X=Y,default",
		.interactive = true,
		.local_config = "/opt/rkt",
		.hostname = "chosen",
		.mds_token = "token",
		.dns_conf_mode = "resolv=host,hosts=stage0",
		.disable_capabilities = true,
		.disable_paths = true,
		.disable_seccomp = true,
		.ipc = "auto",
	};
	const char *nets[STAGE1_NETS_MAX] = { NULL };
	struct run_options run = { .apps = NULL };
	struct keep keep = { .items = NULL };

	(void)state;
	assert_int_equal(stage1_settle(&run, &options, UUID, nets, &keep, NULL), 0);
	assert_true(run.console);
	assert_int_equal(run.nets.count, 2);
	assert_string_equal(run.nets.items[0], "web:IP=10.1.2.3;X=Y");
	assert_string_equal(run.nets.items[1], "default");
	assert_true(run.common.interactive);
	assert_string_equal(run.cni_config, "/opt/rkt/net.d");
	assert_string_equal(run.hostname, "chosen");
	assert_string_equal(run.metadata_token, "token");
	assert_string_equal(run.resolv_file, "/etc/resolv.conf");
	assert_string_equal(run.hosts_file, "stage1/rootfs/etc/rkt-hosts");
	assert_int_equal(run.common.cap_add.count, 1);
	assert_string_equal(run.common.cap_add.items[0], "ALL");
	assert_true(run.common.all_paths);
	assert_string_equal(run.common.seccomp, "none");
	assert_string_equal(run.uuid, UUID);
	keep_free(&keep);
}

static void test_without_flags(void **state)
{
	const struct stage1_options options = { .net = "none",
						.dns_conf_mode = "resolv=none,hosts=default" };
	const char *nets[STAGE1_NETS_MAX] = { NULL };
	struct run_options run = { .apps = NULL };
	struct keep keep = { .items = NULL };

	(void)state;
	assert_int_equal(stage1_settle(&run, &options, UUID, nets, &keep, NULL), 0);
	assert_string_equal(run.hostname, "rkt-" UUID);
	assert_string_equal(run.cni_config, "/etc/rkt/net.d");
	assert_string_equal(run.resolv_file, "");
	assert_null(run.hosts_file);
	assert_string_equal(run.upper, "none");
	assert_true(run.stop_timeout_ms > 0);
	assert_false(run.console || run.common.all_paths || run.common.interactive);
	assert_null(run.common.seccomp);
	keep_free(&keep);
}

static void read_text(const char *path, char *text, size_t size, unsigned mode)
{
	_cleanup_file_ FILE *file = fopen(path, "re");
	struct stat st;
	size_t n;

	assert_non_null(file);
	assert_int_equal(fstat(fileno(file), &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
	n = fread(text, 1, size - 1, file);
	text[n] = '\0';
}

static void test_what_rkt_reads(void **state)
{
	char directory[] = "/tmp/test-stage1-XXXXXX", pid[32], text[1024];
	char file_name[] = "/etc/rkt/net.d/10-default.conf", plugin[] = "/usr/lib/cni/ptp";
	static struct networks networks = { .count = 2 };
	struct stage1_pod pod;
	struct run_listener listener;
	FILE *file;

	(void)state;
	(void)umask(077);
	assert_non_null(mkdtemp(directory));
	assert_int_equal(chdir(directory), 0);
	assert_int_equal(stage1_pod_open(&pod, NULL), -1); /* there is no file "pod" */
	file = fopen("pod", "we");
	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(stage1_pod_open(&pod, NULL), 0);
	assert_int_equal(stage1_pod_open_status(&pod, NULL), -1);
	assert_int_equal(system("mkdir -p " STAGE1_STATUS), 0);
	assert_int_equal(stage1_pod_open_status(&pod, NULL), 0);
	listener = stage1_pod_listener(&pod);
	assert_int_equal(listener.on_app_end(listener.context, "web", 7, NULL), 0);
	assert_false(pod.app_said_failure);
	assert_int_equal(listener.on_app_end(listener.context, "db", RUN_STATUS_FAILURE, NULL), 0);
	assert_true(pod.app_said_failure);
	read_text(STAGE1_STATUS "/web", text, sizeof(text), 0644);
	assert_string_equal(text, "7\n");
	networks.nets[0].kind = NET_CNI;
	strcpy(networks.nets[0].name, "default");
	networks.nets[0].arguments = "IP=172.16.28.5";
	networks.nets[0].file = file_name;
	networks.nets[0].plugin = plugin;
	networks.interfaces[0].address_count = 2;
	networks.interfaces[0].addresses[0] = (struct pod_address){ .family = 6, .prefix = 64 };
	networks.interfaces[0].addresses[1] =
	    (struct pod_address){ .family = 4, .prefix = 20, .bytes = { 172, 16, 28, 5 } };
	assert_int_equal(listener.on_networks(listener.context, &networks, NULL), 0);
	read_text("net-info.json", text, sizeof(text), 0644);
	assert_non_null(strstr(text, "\"netName\": \"default\""));
	assert_non_null(strstr(text, "\"netConf\": \"/etc/rkt/net.d/10-default.conf\""));
	assert_non_null(strstr(text, "\"pluginPath\": \"/usr/lib/cni/ptp\""));
	assert_non_null(strstr(text, "\"ifName\": \"eth0\""));
	assert_non_null(strstr(text, "\"ip\": \"172.16.28.5\""));
	assert_non_null(strstr(text, "\"mask\": \"255.255.240.0\""));
	assert_non_null(strstr(text, "\"args\": \"IP=172.16.28.5\""));
	assert_non_null(strstr(text, "\"ifName\": \"eth1\""));
	assert_int_equal(access("pid", F_OK), -1);
	assert_int_equal(listener.on_start(listener.context, NULL), 0);
	(void)snprintf(pid, sizeof(pid), "%d\n", getpid());
	read_text("pid", text, sizeof(text), 0644);
	assert_string_equal(text, pid);
	assert_string_equal(stage1_pod_uuid(&pod), strrchr(directory, '/') + 1);
	assert_int_equal(chdir("/"), 0);
	(void)snprintf(text, sizeof(text), "rm -r '%s'", directory);
	assert_int_equal(system(text), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_cannot_be_is_refused_by_name),
		cmocka_unit_test(test_every_flag_has_an_effect),
		cmocka_unit_test(test_without_flags),
		cmocka_unit_test(test_what_rkt_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
