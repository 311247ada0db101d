/*
 * Which pod a bundle's container belongs into: by annotations, by namespaces, or into none.
 */
#include "tests/unit/pod/pods_fixture.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "vmm/pod/life.h"
#include "vmm/pod/member.h"
#include "vmm/pod/pod_name.h"
#include "vmm/pod/sandbox.h"

#define CRI  "io.kubernetes.cri."
#define CRIO "io.kubernetes.cri-o."

/* A pod of this name whose process is pid; it runs while its directory is open. */
static struct pod_directory make_pod(const struct fixture *f, const char *name, pid_t pid)
{
	struct pod_directory pod;
	char text[32];

	assert_int_equal(directory_create(f->pods_fd, POD_PLACE_RUN, &pod, NULL), 0);
	assert_int_equal(pod_name_take(f->pods_fd, name, pod.uuid, NULL), 0);
	(void)snprintf(text, sizeof(text), "%d\n", (int)pid);
	assert_int_equal(directory_write(pod.fd, POD_PID_NAME, text, strlen(text), false, NULL), 0);
	return pod;
}

static struct oci_bundle make_bundle(const char *network)
{
	struct oci_bundle bundle = { .numbers = { 0 } };

	bundle.texts[OCI_NETWORK] = strdup(network);
	return bundle;
}

static void add_pair(struct oci_bundle *bundle, enum oci_list list, const char *key,
		     const char *value)
{
	assert_int_equal(string_list_add(&bundle->lists[list], key, strlen(key)), 0);
	assert_int_equal(string_list_add(&bundle->lists[list], value, strlen(value)), 0);
}

static int find(const struct fixture *f, struct oci_bundle *bundle, struct sandbox *out,
		struct error *err)
{
	int found = sandbox_find(f->root, bundle, out, err);

	oci_bundle_free(bundle);
	return found;
}

static void test_annotations(void **state)
{
	static const char *const keys[][2] = {
		{ CRI "container-type", CRI "sandbox-id" },
		{ CRIO "ContainerType", CRIO "SandboxID" },
	};
	const struct fixture *f = *state;
	struct pod_directory pod = make_pod(f, "pause", getpid());
	struct sandbox sandbox;

	for (size_t i = 0; i < 2; i++) {
		struct oci_bundle bundle = make_bundle("/proc/self/ns/net");

		add_pair(&bundle, OCI_ANNOTATIONS, keys[i][0], "container");
		add_pair(&bundle, OCI_ANNOTATIONS, keys[i][1], "pause");
		add_pair(&bundle, OCI_NAMESPACES, "ipc", "/proc/self/ns/ipc");
		assert_int_equal(find(f, &bundle, &sandbox, NULL), 1);
		assert_string_equal(sandbox.uuid, pod.uuid);
		assert_false(sandbox.has_own_ipc);
		assert_true(sandbox.has_own_uts);
	}
	directory_close(&pod);
}

/* These get machines of their own. */
static void test_alone(void **state)
{
	static const char *const words[][3] = {
		{ CRI "container-type", "sandbox", "/proc/self/ns/net" },
		{ CRI "container-type", "container", "/proc/self/ns/net" },
		{ CRIO "SandboxID", "pause", "" },
		{ CRIO "SandboxID", "pause", "/no/such" },
	};
	const struct fixture *f = *state;
	struct pod_directory pod = make_pod(f, "pause", getpid());
	struct sandbox sandbox;

	for (size_t i = 0; i < 4; i++) {
		struct oci_bundle bundle = make_bundle(words[i][2]);

		if (i >= 2)
			add_pair(&bundle, OCI_ANNOTATIONS, CRIO "ContainerType", "container");
		add_pair(&bundle, OCI_ANNOTATIONS, words[i][0], words[i][1]);
		if (i == 1)
			add_pair(&bundle, OCI_ANNOTATIONS, CRI "sandbox-id", "never-heard-of");
		assert_int_equal(find(f, &bundle, &sandbox, NULL), 0);
	}
	directory_close(&pod);
}

static void test_stopped_sandbox(void **state)
{
	const struct fixture *f = *state;
	struct pod_directory pod = make_pod(f, "pause", getpid());
	struct oci_bundle bundle = make_bundle("/proc/self/ns/net");
	struct error err = ERROR_NONE;
	struct sandbox sandbox;

	directory_close(&pod);
	add_pair(&bundle, OCI_ANNOTATIONS, CRI "container-type", "container");
	add_pair(&bundle, OCI_ANNOTATIONS, CRI "sandbox-id", "pause");
	assert_int_equal(find(f, &bundle, &sandbox, &err), -1);
	assert_string_equal(err.text, "the sandbox pause does not run");
}

static void expect_refused(const struct fixture *f, struct oci_bundle *bundle, const char *type)
{
	struct error err = ERROR_NONE;
	struct sandbox sandbox;
	char text[128];

	(void)snprintf(text, sizeof(text),
		       "linux.namespaces[%s].path: a virtual machine cannot join the %s namespace "
		       "of others",
		       type, type);
	assert_int_equal(find(f, bundle, &sandbox, &err), -1);
	assert_string_equal(err.text, text);
}

static void test_foreign_namespaces(void **state)
{
	static const char *const types[] = { "ipc", "uts", "pid" };
	const struct fixture *f = *state;
	struct pod_directory pod = make_pod(f, "pause", getpid());

	for (size_t i = 0; i < 3; i++) {
		struct oci_bundle bundle = make_bundle("");

		add_pair(&bundle, OCI_NAMESPACES, types[i], "/proc/self/ns/net");
		expect_refused(f, &bundle, types[i]);
		bundle = make_bundle("/proc/self/ns/net");
		add_pair(&bundle, OCI_ANNOTATIONS, CRI "container-type", "container");
		add_pair(&bundle, OCI_ANNOTATIONS, CRI "sandbox-id", "pause");
		add_pair(&bundle, OCI_NAMESPACES, types[i], "/proc/self/ns/net");
		expect_refused(f, &bundle, types[i]);
	}
	/* A sandbox may have some that engines keep for it, but not the host's. */
	for (size_t i = 0; i < 3; i++) {
		static const char *const paths[] = { "/proc/self/ns/net", "/proc/self/ns/ipc",
						     "/proc/self/ns/uts" };
		struct oci_bundle bundle = make_bundle("/no/such");
		struct sandbox sandbox;

		add_pair(&bundle, OCI_ANNOTATIONS, CRIO "ContainerType", "sandbox");
		add_pair(&bundle, OCI_NAMESPACES, i == 2 ? "uts" : "ipc", paths[i]);
		if (i == 0)
			assert_int_equal(find(f, &bundle, &sandbox, NULL), 0);
		else
			expect_refused(f, &bundle, i == 2 ? "uts" : "ipc");
	}
	directory_close(&pod);
}

/* A process in a network namespace of its own, or 0 where that is not allowed. */
static pid_t make_process(void)
{
	int news[2];
	pid_t pid;
	char ok;

	assert_int_equal(pipe(news), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		ok = unshare(CLONE_NEWNET) == 0;
		if (write(news[1], &ok, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(news[0], &ok, 1), 1);
	close(news[0]);
	close(news[1]);
	if (ok)
		return pid;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return 0;
}

/* Nothing says whose it is but the namespace, also that of a member. */
static void test_network_of_a_container(void **state)
{
	const struct fixture *f = *state;
	pid_t pid = make_process();
	struct pod_directory pod, member, host;
	struct oci_bundle bundle;
	struct sandbox sandbox;
	char path[64], uuid[UUID_TEXT_SIZE + 1];

	if (!pid)
		skip();
	pod = make_pod(f, "web", pid);
	member = make_pod(f, "beside", pid);
	host = make_pod(f, "other", getpid());
	(void)snprintf(uuid, sizeof(uuid), "%s\n", pod.uuid);
	assert_int_equal(
	    directory_write(member.fd, POD_SANDBOX_NAME, uuid, UUID_TEXT_SIZE, false, NULL), 0);
	assert_true(member_find_sandbox(&member, uuid));
	assert_string_equal(uuid, pod.uuid);
	assert_false(member_find_sandbox(&pod, uuid));
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	bundle = make_bundle(path);
	assert_int_equal(find(f, &bundle, &sandbox, NULL), 1);
	assert_string_equal(sandbox.uuid, pod.uuid);
	assert_true(sandbox.has_own_ipc && sandbox.has_own_uts);
	bundle = make_bundle("/proc/self/ns/net");
	assert_int_equal(find(f, &bundle, &sandbox, NULL), 0);
	directory_close(&pod);
	bundle = make_bundle(path);
	assert_int_equal(find(f, &bundle, &sandbox, NULL), 0);
	directory_close(&member);
	directory_close(&host);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_annotations, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stopped_sandbox, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_foreign_namespaces, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_network_of_a_container, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
