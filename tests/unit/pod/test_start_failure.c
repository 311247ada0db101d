/*
 * What is said of a start that failed: podman finds its exit statuses in these words.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "guest-init/protocol.h"
#include "vmm/base/bytes.h"
#include "vmm/pod/start_failure.h"

static const struct pod_hook hooks[] = { { .path = "/first" },
					 { .path = "/second", .timeout_s = 7 } };
static const struct start_names names = { .program = "tool",
					  .user = "web",
					  .workdir = "/nosuch",
					  .hooks = hooks,
					  .hook_count = ARRAY_SIZE(hooks) };

static void expect(struct failed_start failure, const struct start_names *given, const char *text)
{
	struct error err = ERROR_NONE;

	assert_int_equal(start_failure_explain(&failure, given, &err), -1);
	assert_string_equal(err.text, text);
}

static void test_words(void **state)
{
	const struct start_names path = { .program = "/no/such" };

	(void)state;
	expect((struct failed_start){ 127, START_STEP_PROGRAM, 0, ENOENT }, &names,
	       "exec: \"tool\": executable file not found in $PATH");
	expect((struct failed_start){ 127, START_STEP_PROGRAM, 0, ENOENT }, &path,
	       "exec: \"/no/such\": stat /no/such: no such file or directory");
	expect((struct failed_start){ 126, START_STEP_PROGRAM, 0, EACCES }, &path,
	       "exec: \"/no/such\": permission denied");
	expect((struct failed_start){ 126, START_STEP_PROGRAM, 0, ENOENT }, &path,
	       "exec /no/such: no such file or directory");
	expect((struct failed_start){ 126, START_STEP_PROGRAM, 0, ENOEXEC }, &path,
	       "exec /no/such: exec format error");
	expect((struct failed_start){ 126, START_STEP_WORKDIR, 0, ENOENT }, &names,
	       "chdir to cwd (\"/nosuch\") set in config.json failed: no such file or directory");
	expect((struct failed_start){ 126, START_STEP_WORKDIR, 0, EACCES }, &path,
	       "chdir to the container's cwd failed: permission denied");
	expect((struct failed_start){ 126, START_STEP_USER, 0, 0 }, &names,
	       "unable to find user web: no matching entries in passwd or group file");
	expect((struct failed_start){ 126, START_STEP_CREDENTIALS, 0, EPERM }, &names,
	       "unable to set user, groups, capabilities and limits: operation not permitted");
	expect((struct failed_start){ 126, START_STEP_OTHER, 0, 0 }, &names,
	       "the process could not be started; its stderr says why");
}

static void test_hooks(void **state)
{
	(void)state;
	expect((struct failed_start){ 126, START_STEP_HOOK, 0, 3 << 8 }, &names,
	       "error running hook #0: the startContainer hook /first: exit status 3");
	expect((struct failed_start){ 126, START_STEP_HOOK, 1, SIGKILL }, &names,
	       "error running hook #1: the startContainer hook /second: signal 9");
	expect((struct failed_start){ 126, START_STEP_HOOK_LATE, 1, 0 }, &names,
	       "error running hook #1: the startContainer hook /second did not end within 7 "
	       "seconds and was killed");
	/* The number is the guest's. */
	expect((struct failed_start){ 126, START_STEP_HOOK, 2, 1 << 8 }, &names,
	       "error running hook #2: the startContainer hook ?: exit status 1");
}

/* An answer to the start alone, and only of what has failed there. */
static void test_replies(void **state)
{
	const struct machine_event exit = { .app = 3,
					    .kind = EXIT_KIND_NOT_STARTED,
					    .code = 126,
					    .step = START_STEP_HOOK,
					    .hook = 1,
					    .error = 5 << 8 };
	const struct machine_event killed = { .kind = EXIT_KIND_SIGNAL, .code = SIGKILL };
	struct pod_reply reply = start_failure_reply(&exit);

	(void)state;
	assert_int_equal(reply.error, EACCES);
	assert_int_equal(reply.app, 3);
	start_failure_complete(&reply, &names);
	assert_string_equal(
	    reply.text, "error running hook #1: the startContainer hook /second: exit status 5");
	reply = start_failure_reply(&exit);
	reply.type = POD_REQUEST_STATUS;
	start_failure_complete(&reply, &names);
	assert_string_equal(reply.text, "the app could not be started");
	reply = start_failure_reply(&killed);
	start_failure_complete(&reply, &names);
	assert_int_equal(reply.error, ESRCH);
	assert_string_equal(reply.text, "the app was killed before its start");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_hooks),
		cmocka_unit_test(test_replies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
