/*
 * CNI: lists, results, and plug-ins (shell scripts here) in their order, with what they are told,
 * and undone in reverse order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "images/json.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/pod/cni_network.h"
#include "vmm/pod/cni_result.h"

static char work[] = "/tmp/nacelle-test-cni-XXXXXX";

static void write_to(const char *name, mode_t mode, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0 && io_write_all(fd, text, strlen(text)) == 0);
	close(fd);
}

/* What the scripts have written down: a line "COMMAND TYPE". */
static void expect_log(const char *wanted)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	if (io_read_file(AT_FDCWD, "log", 65536, &text, &len, NULL) < 0)
		text = strdup("");
	assert_string_equal(text, wanted);
	(void)unlink("log");
}

static bool exists(const char *name)
{
	return access(name, F_OK) == 0;
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(work) || chdir(work) < 0 || mkdir("net.d", 0755) < 0 ||
	    mkdir("bin", 0755) < 0 || mkdir("net", 0700) < 0)
		return -1;
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", work);
	return system(command);
}

/* A plug-in that keeps what it is told and answers. */
static void make_plugin(const char *type, const char *add, const char *del)
{
	char name[64], text[2048];

	(void)snprintf(name, sizeof(name), "bin/%s", type);
	(void)snprintf(text, sizeof(text),
		       "#!/bin/sh\n"
		       "cd %s\n"
		       "echo \"$CNI_COMMAND %s\" >>log\n"
		       "env | sort >%s.env\n"
		       "ls /proc/self/fd | wc -l >%s.fds\n"
		       "cat >%s.$CNI_COMMAND\n"
		       "case $CNI_COMMAND in ADD) %s;; DEL) %s;; esac\n",
		       work, type, type, type, type, add, del);
	write_to(name, 0755, text);
}

#define ANSWER(address)                                                                            \
	"echo '{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"" address                         \
	"\"}],\"dns\":{\"nameservers\":[\"192.0.2.53\"]}}'"

static struct cni_list list;

static struct cni_request make_request(const char *interface)
{
	static char bin[64];
	static const char *directories[] = { "/nowhere", bin, NULL };

	(void)snprintf(bin, sizeof(bin), "%s/bin", work);
	return (struct cni_request){ .list = &list,
				     .call = { .container_id = "pod",
					       .netns = "/run/netns/x",
					       .interface = interface,
					       .arguments = "IgnoreUnknown=1;IP=10.1.2.3",
					       .directories = { directories, 2 } } };
}

static void parse(const char *text)
{
	struct error err = ERROR_NONE;

	if (cni_list_parse(&list, text, strlen(text), &err) < 0)
		fail_msg("%s", err.text);
}

static void refuse(const char *text, const char *why)
{
	struct error err = ERROR_NONE;

	assert_int_equal(cni_list_parse(&list, text, strlen(text), &err), -1);
	assert_string_equal(err.text, why);
}

static void test_lists(void **state)
{
	(void)state;
	parse("{\"cniVersion\":\"0.4.0\",\"name\":\"a\",\"plugins\":[{\"type\":\"x\"},"
	      "{\"type\":\"y\",\"capabilities\":{\"portMappings\":true}}]}");
	assert_int_equal(list.plugin_count, 2);
	assert_string_equal(list.plugins[1].type, "y");
	assert_false(list.plugins[0].port_mappings);
	assert_true(list.plugins[1].port_mappings);
	cni_list_free(&list);
	parse("{\"cniVersion\":\"0.3.0\",\"name\":\"a\",\"type\":\"x\",\"ipam\":{}}");
	assert_int_equal(list.plugin_count, 1);
	assert_string_equal(list.name, "a");
	cni_list_free(&list);
	parse("{\"cniVersion\":\"0.2.0\",\"name\":\"a\",\"type\":\"x\"}");
	assert_string_equal(list.version, "0.3.1");
	cni_list_free(&list);
	parse("{\"name\":\"a\",\"plugins\":[{\"type\":\"x\"}]}");
	assert_string_equal(list.version, "0.3.1");
	cni_list_free(&list);
	refuse("{\"cniVersion\":\"0.5.0\",\"name\":\"a\",\"type\":\"x\"}",
	       "the cniVersion is 0.5.0; 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0 and 1.0.0 are known");
	refuse("{\"cniVersion\":\"1.0.0\",\"name\":\"a/b\",\"type\":\"x\"}",
	       "no \"name\" of letters, digits, '_', '.' and '-'");
	refuse("{\"cniVersion\":\"1.0.0\",\"name\":\"a\",\"type\":\"../x\"}",
	       "a plug-in whose type is no name of a program");
	refuse("{\"cniVersion\":\"1.0.0\",\"name\":\"a\",\"plugins\":[]}", "no plug-in");
	refuse("{\"cniVersion\":\"1.0.0\",\"name\":\"a\",\"plugins\":[1]}",
	       "a plug-in that is no object");
	refuse("[]", "no object");
}

static void test_find(void **state)
{
	static const char *const one[] = { "net.d", NULL };
	static const char *const none[] = { "nothing.d", NULL };
	static const char *const two[] = { "nothing.d", "net.d", NULL };
	struct error err = ERROR_NONE;

	(void)state;
	write_to("net.d/10-a.conf", 0644,
		 "{\"cniVersion\":\"1.0.0\",\"name\":\"a\",\"type\":\"single\"}");
	write_to("net.d/20-a.conflist", 0644,
		 "{\"cniVersion\":\"1.0.0\",\"name\":\"a\",\"plugins\":[{\"type\":\"first\"}]}");
	write_to("net.d/30-b.conflist", 0644, "{");
	write_to("net.d/README", 0644, "not looked at");
	assert_int_equal(cni_list_find(&list, one, "a", &err), 0);
	assert_string_equal(list.plugins[0].type, "first");
	cni_list_free(&list);
	assert_int_equal(cni_list_find(&list, two, "a", &err), 0);
	cni_list_free(&list);
	assert_int_equal(cni_list_find(&list, one, "b", &err), -1);
	assert_non_null(strstr(err.text, "no network b in net.d; one file there cannot be read: "
					 "30-b.conflist: "));
	assert_int_equal(cni_list_find(&list, none, "b", &err), -1);
	assert_string_equal(err.text, "no network b in nothing.d");
}

static void expect_result(const char *text, const char *why)
{
	struct cni_result result;
	struct error err = ERROR_NONE;
	int status = cni_result_parse(&result, text, strlen(text), &err);

	assert_string_equal(err.text, why ? why : "");
	assert_int_equal(status, why ? -1 : 0);
	if (status == 0)
		cni_result_free(&result);
}

static void test_results(void **state)
{
	(void)state;
	expect_result("{\"cniVersion\":\"0.4.0\",\"ips\":[{\"version\":\"4\",\"address\":"
		      "\"10.0.0.2/8\"},{\"address\":\"fd00::1/64\"}],\"routes\":[],\"dns\":{"
		      "\"nameservers\":[\"::1\"],\"search\":[\"a.b\"],\"domain\":\"c\"}}",
		      NULL);
	expect_result("{\"cniVersion\":\"1.0.0\"}", NULL);
	expect_result("{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.0.0.2\"}]}",
		      "\"10.0.0.2\" is no address with a prefix");
	expect_result("{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.0.0.2/33\"}]}",
		      "\"10.0.0.2/33\" is no address with a prefix");
	expect_result("{\"cniVersion\":\"1.0.0\",\"ips\":[{}]}",
		      "\"\" is no address with a prefix");
	expect_result("{\"cniVersion\":\"1.0.0\",\"dns\":{\"nameservers\":[\"a\\nb\"]}}",
		      "\"a?b\" is no name server");
	expect_result("{\"cniVersion\":\"1.0.0\",\"dns\":{\"domain\":\"a b\"}}",
		      "\"a b\" is no domain");
	expect_result("{\"cniVersion\":\"9\"}", "the cniVersion 9 is not known");
	expect_result("[1]", "no object");
}

static void test_order(void **state)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_fd_ int net = open("net", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct error err = ERROR_NONE;
	struct cni_request request = make_request("eth1");
	struct cJSON *ports = json_make_array();
	size_t len;

	(void)state;
	make_plugin("one", ANSWER("10.1.2.3/24"), "true");
	make_plugin("two", ANSWER("10.1.2.4/24"), "true");
	parse("{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"one\",\"key\":7},"
	      "{\"type\":\"two\",\"capabilities\":{\"portMappings\":true}}]}");
	assert_int_equal(json_append(ports, json_make_number(5)), 0);
	request.ports = ports;
	setenv("SECRET", "of the caller", 1);
	if (cni_network_add(net, &request, &err) < 0)
		fail_msg("%s", err.text);
	expect_log("ADD one\nADD two\n");
	assert_int_equal(io_read_file(AT_FDCWD, "one.ADD", 65536, &text, &len, NULL), 0);
	assert_string_equal(text, "{\"type\":\"one\",\"key\":7,\"name\":\"n\",\"cniVersion\":"
				  "\"1.0.0\"}");
	free(steal_ptr(text));
	assert_int_equal(io_read_file(AT_FDCWD, "two.ADD", 65536, &text, &len, NULL), 0);
	assert_non_null(strstr(text,
			       "\"prevResult\":{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":"
			       "\"10.1.2.3/24\"}]"));
	assert_non_null(strstr(text, "\"runtimeConfig\":{\"portMappings\":[5]}"));
	free(steal_ptr(text));
	assert_int_equal(io_read_file(AT_FDCWD, "one.env", 65536, &text, &len, NULL), 0);
	assert_non_null(strstr(text,
			       "CNI_ARGS=IgnoreUnknown=1;IP=10.1.2.3\nCNI_COMMAND=ADD\n"
			       "CNI_CONTAINERID=pod\nCNI_IFNAME=eth1\nCNI_NETNS=/run/netns/x\n"
			       "CNI_PATH=/nowhere:"));
	assert_null(strstr(text, "SECRET"));
	free(steal_ptr(text));
	/* 0, 1, 2 and that of ls itself. */
	assert_int_equal(io_read_file(AT_FDCWD, "one.fds", 65536, &text, &len, NULL), 0);
	assert_int_equal(atoi(text), 4);
	free(steal_ptr(text));
	assert_true(exists("net/eth1") && exists("net/eth1.json"));

	if (cni_networks_delete(net, &err) < 0)
		fail_msg("%s", err.text);
	expect_log("DEL two\nDEL one\n");
	assert_int_equal(io_read_file(AT_FDCWD, "one.DEL", 65536, &text, &len, NULL), 0);
	assert_non_null(strstr(text,
			       "\"prevResult\":{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":"
			       "\"10.1.2.4/24\"}]"));
	assert_false(exists("net/eth1") || exists("net/eth1.json"));
	json_free(ports);
	cni_list_free(&list);
}

static void test_failures(void **state)
{
	_cleanup_fd_ int net = open("net", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct error err = ERROR_NONE;
	struct cni_request request = make_request("eth0");

	(void)state;
	make_plugin("one", ANSWER("10.1.2.3/24"), "true");
	make_plugin("bad", "echo '{\"code\":7,\"msg\":\"no luck\",\"details\":\"at all\"}'; exit 1",
		    "echo worse >&2; exit 1");
	parse("{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"one\"},"
	      "{\"type\":\"bad\"},{\"type\":\"one\"}]}");
	assert_int_equal(cni_network_add(net, &request, &err), -1);
	assert_string_equal(err.text, "network n: the plug-in bad failed: no luck: at all");
	expect_log("ADD one\nADD bad\nDEL bad\nDEL one\n");
	assert_false(exists("net/eth0") || exists("net/eth0.json"));

	/* DEL fails: the others have their turn, and it can be tried again. */
	make_plugin("bad", ANSWER("10.1.2.3/24"), "echo worse >&2; exit 1");
	assert_int_equal(cni_network_add(net, &request, &err), 0);
	expect_log("ADD one\nADD bad\nADD one\n");
	assert_int_equal(cni_networks_delete(net, &err), -1);
	assert_string_equal(err.text, "network n: the plug-in bad failed: worse");
	expect_log("DEL one\nDEL bad\nDEL one\n");
	assert_true(exists("net/eth0.json"));
	make_plugin("bad", "true", "true");
	assert_int_equal(cni_networks_delete(net, &err), 0);
	expect_log("DEL one\nDEL bad\nDEL one\n");
	assert_false(exists("net/eth0.json"));

	/* What is printed is no result, too much, too late, or by nobody. */
	make_plugin("bad", "echo '{\"cniVersion\":\"1.0.0\",\"ips\":[{}]}'", "true");
	assert_int_equal(cni_network_add(net, &request, &err), -1);
	assert_non_null(strstr(err.text, "the result of the plug-in bad"));
	make_plugin("bad", "head -c 300000 /dev/zero", "true");
	assert_int_equal(cni_network_add(net, &request, &err), -1);
	assert_string_equal(err.text, "network n: the plug-in bad prints more than 262144 bytes");
	cni_list_free(&list);
	parse("{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"type\":\"bad\"}");
	make_plugin("bad", "sleep 1000 & sleep 1000", "true");
	request.call.limit_ms = 300;
	assert_int_equal(cni_network_add(net, &request, &err), -1);
	assert_string_equal(err.text, "network n: the plug-in bad was not done in time");
	request.call.limit_ms = 0;
	assert_int_equal(unlink("bin/bad"), 0);
	assert_int_equal(cni_network_add(net, &request, &err), -1);
	assert_non_null(strstr(err.text, "there is no plug-in bad in /nowhere or /tmp/"));
	assert_false(exists("net/eth0.json"));
	(void)unlink("log");
	cni_list_free(&list);
}

/* What has been begun stays until DEL succeeds, whatever ends the ADD. */
static void test_interrupted(void **state)
{
	_cleanup_fd_ int net = open("net", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct error err = ERROR_NONE;
	struct cni_request request = make_request("eth0");
	int status;
	pid_t pid;

	(void)state;
	parse("{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"one\"},"
	      "{\"type\":\"slow\"},{\"type\":\"never\"}]}");
	make_plugin("one", ANSWER("10.1.2.3/24"), "true");
	/* It has this process's helper killed when it is at work, and fails DEL twice. */
	make_plugin("slow", "kill -KILL $PPID; sleep 100",
		    "[ -e once ] && [ -e twice ] && exit; [ -e once ] && touch twice; touch once; "
		    "echo busy >&2; exit 1");
	make_plugin("never", "true", "true");
	pid = fork();
	if (pid == 0)
		_exit(cni_network_add(net, &request, &err) < 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	expect_log("ADD one\nADD slow\n");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(cni_networks_delete(net, &err), -1);
		assert_string_equal(err.text, "network n: the plug-in slow failed: busy");
		expect_log("DEL slow\nDEL one\n");
		assert_true(exists("net/eth0.json"));
	}
	assert_int_equal(cni_networks_delete(net, &err), 0);
	expect_log("DEL slow\nDEL one\n");
	assert_false(exists("net/eth0.json") || exists("net/eth0.result"));

	/* One that was cut off, and whose DEL fails, is not forgotten either. */
	assert_true(unlink("once") == 0 && unlink("twice") == 0);
	make_plugin("slow", "kill -KILL $$",
		    "[ -e once ] && exit; touch once; echo busy >&2; exit 1");
	assert_int_equal(cni_network_add(net, &request, &err), -1);
	assert_string_equal(err.text, "network n: the plug-in slow was killed by signal 9");
	expect_log("ADD one\nADD slow\nDEL slow\nDEL one\n");
	assert_true(exists("net/eth0.json"));
	assert_int_equal(cni_networks_delete(net, &err), 0);
	expect_log("DEL slow\nDEL one\n");
	assert_false(exists("net/eth0.json") || exists("net/eth0.result"));
	cni_list_free(&list);
}

/* Several networks are left in the reverse order; a damaged file keeps nobody else. */
static void test_several(void **state)
{
	_cleanup_fd_ int net = open("net", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct error err = ERROR_NONE;
	struct cni_request request = make_request("eth0");

	(void)state;
	make_plugin("one", ANSWER("10.1.2.3/24"), "true");
	make_plugin("two", ANSWER("10.1.2.3/24"), "true");
	parse("{\"cniVersion\":\"0.3.1\",\"name\":\"n\",\"type\":\"one\"}");
	assert_int_equal(cni_network_add(net, &request, &err), 0);
	cni_list_free(&list);
	parse("{\"cniVersion\":\"0.3.1\",\"name\":\"m\",\"type\":\"two\"}");
	request = make_request("eth2");
	assert_int_equal(cni_network_add(net, &request, &err), 0);
	cni_list_free(&list);
	write_to("net/eth1.json", 0600, "{\"containerId\":1}");
	(void)unlink("log");
	assert_int_equal(cni_networks_delete(net, &err), -1);
	assert_non_null(strstr(err.text, "eth1.json in the pod's directory"));
	expect_log("DEL two\nDEL one\n");
	assert_int_equal(unlink("net/eth1.json"), 0);
	assert_int_equal(cni_networks_delete(net, &err), 0);
	expect_log("");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),	 cmocka_unit_test(test_find),
		cmocka_unit_test(test_results),	 cmocka_unit_test(test_order),
		cmocka_unit_test(test_failures), cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_several),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
