/*
 * Hooks on the host: their order, what they get and do not get, and the words of their failures.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/pod/hooks.h"

static char directory[] = "/tmp/test_hooks-XXXXXX";
static char warnings[1024];

static void warn(const char *text)
{
	(void)snprintf(warnings + strlen(warnings), sizeof(warnings) - strlen(warnings), "%s|",
		       text);
}

static int begin(void **state)
{
	(void)state;
	return mkdtemp(directory) ? 0 : -1;
}

static int end(void **state)
{
	char command[64];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -r %s", directory);
	return system(command);
}

/* A shell's script as a hook. */
static void add(struct oci_bundle *bundle, enum oci_hook_kind kind, const char *script)
{
	static const char *const words[] = { "zero", "-c" };
	struct oci_hook *hook = oci_bundle_add_hook(bundle);

	assert_non_null(hook);
	hook->kind = kind;
	hook->path = strdup("/bin/sh");
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(string_list_add(&hook->args, words[i], strlen(words[i])), 0);
	assert_int_equal(string_list_add(&hook->args, script, strlen(script)), 0);
	assert_int_equal(string_list_add(&hook->env, "X=y", 3), 0);
}

static struct oci_bundle make_bundle(void)
{
	struct oci_bundle bundle = { 0 };

	bundle.texts[OCI_BUNDLE_PATH] = strdup(directory);
	bundle.texts[OCI_ROOT_PATH] = strdup("/root \"of\" it");
	assert_int_equal(string_list_add(&bundle.lists[OCI_ANNOTATIONS], "a", 1), 0);
	assert_int_equal(string_list_add(&bundle.lists[OCI_ANNOTATIONS], "b\n", 2), 0);
	return bundle;
}

static void expect_file(const char *name, const char *want)
{
	char path[128], text[1024] = "";
	FILE *in;

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	in = fopen(path, "r");
	assert_non_null(in);
	text[fread(text, 1, sizeof(text) - 1, in)] = '\0';
	assert_int_equal(fclose(in), 0);
	assert_string_equal(text, want);
}

static void test_what_they_get(void **state)
{
	struct oci_bundle bundle = make_bundle();
	const struct hooks_container container = { .bundle = &bundle, .id = "c", .pid = 7 };
	struct error err = ERROR_NONE;
	int leaked = open("/dev/null", O_RDONLY);
	char want[1024];

	(void)state;
	add(&bundle, OCI_POSTSTART, "echo never >>log");
	add(&bundle, OCI_PRESTART, "cat >state; echo first $X ${HOME-none} >>log");
	add(&bundle, OCI_PRESTART,
	    "echo second >>log; for i in 3 4 5 6 7 8 9; do "
	    "[ -L /proc/$$/fd/$i ] && echo leaked >>log; done; :");
	assert_true(leaked > 2);
	assert_int_equal(hooks_run(OCI_PRESTART, &container, NULL, &err), 0);
	expect_file("log", "first y none\nsecond\n");
	(void)snprintf(want, sizeof(want),
		       "{\n  \"ociVersion\": \"1.0.2\",\n  \"id\": \"c\",\n  \"pid\": 7,\n"
		       "  \"status\": \"creating\",\n  \"bundle\": \"%s\",\n"
		       "  \"rootfs\": \"/root \\\"of\\\" it\",\n  \"annotations\": {\n"
		       "    \"a\": \"b\\u000a\"\n  }\n}\n",
		       directory);
	expect_file("state", want);
	close(leaked);
	oci_bundle_free(&bundle);
}

static void test_failures(void **state)
{
	struct oci_bundle bundle = make_bundle();
	const struct hooks_container container = { .bundle = &bundle, .id = "c" };
	struct error err = ERROR_NONE;
	struct stat st;
	char path[128];

	(void)state;
	/* More than is kept, and all of it is read. */
	add(&bundle, OCI_POSTSTOP,
	    "i=0; while [ $i -lt 9999 ]; do echo line $i; i=$((i+1)); done; "
	    "echo too bad >&2; exit 3");
	add(&bundle, OCI_POSTSTOP, "kill -KILL $$");
	add(&bundle, OCI_POSTSTOP, "echo went on >after");
	assert_int_equal(hooks_run(OCI_POSTSTOP, &container, NULL, &err), -1);
	assert_non_null(strstr(err.text, "the poststop hook /bin/sh ended with status 3: "));
	assert_string_equal(err.text + strlen(err.text) - 7, "too bad");
	(void)snprintf(path, sizeof(path), "%s/after", directory);
	assert_true(stat(path, &st) < 0 && errno == ENOENT);
	assert_int_equal(hooks_run(OCI_POSTSTOP, &container, warn, NULL), 0);
	assert_non_null(
	    strstr(warnings, "too bad|the poststop hook /bin/sh was killed by signal 9|"));
	expect_file("after", "went on\n");
	oci_bundle_free(&bundle);
	bundle = make_bundle();
	add(&bundle, OCI_PRESTART, ":");
	memcpy(bundle.hooks[0].path, "/no/one", sizeof("/no/one"));
	assert_int_equal(hooks_run(OCI_PRESTART, &container, NULL, &err), -1);
	assert_string_equal(err.text, "the prestart hook /no/one ended with status 127: cannot be "
				      "executed: No such file or directory");
	oci_bundle_free(&bundle);
}

/* What one that fails has begun ends with it, and what outlives it is not heard for ever. */
static void test_left(void **state)
{
	struct oci_bundle bundle = make_bundle();
	const struct hooks_container container = { .bundle = &bundle, .id = "c" };
	struct error err = ERROR_NONE;
	char path[128], text[8];
	int fifo;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/fifo", directory);
	assert_int_equal(mkfifo(path, 0600), 0);
	fifo = open(path, O_RDONLY | O_NONBLOCK);
	assert_true(fifo >= 0 && fcntl(fifo, F_SETFL, 0) == 0);
	add(&bundle, OCI_PRESTART, "exec 3>fifo; { sleep 60; echo left >&3; } & exit 3");
	assert_int_equal(hooks_run(OCI_PRESTART, &container, NULL, &err), -1);
	assert_string_equal(err.text, "the prestart hook /bin/sh ended with status 3");
	assert_int_equal(read(fifo, text, sizeof(text)), 0);
	close(fifo);
	add(&bundle, OCI_POSTSTART,
	    "setsid sh -c 'echo >begun; exec yes' & until [ -s begun ]; do :; done; exit 4");
	assert_int_equal(hooks_run(OCI_POSTSTART, &container, NULL, &err), -1);
	assert_non_null(strstr(err.text, "the poststart hook /bin/sh ended with status 4"));
	oci_bundle_free(&bundle);
}

/* One that is late ends with what it has begun; one that ends well may leave something. */
static void test_time(void **state)
{
	struct oci_bundle bundle = make_bundle();
	const struct hooks_container container = { .bundle = &bundle, .id = "c" };
	struct error err = ERROR_NONE;

	(void)state;
	add(&bundle, OCI_PRESTART, "echo begun; sleep 1000 & wait");
	bundle.hooks[0].timeout_s = 1;
	assert_int_equal(hooks_run(OCI_PRESTART, &container, NULL, &err), -1);
	/* A busy machine may not have let it say what it had to say. */
	assert_ptr_equal(strstr(err.text, "the prestart hook /bin/sh did not end within 1 seconds "
					  "and was killed"),
			 err.text);
	oci_bundle_free(&bundle);
	bundle = make_bundle();
	add(&bundle, OCI_PRESTART, "sleep 1000 & echo $! >left");
	assert_int_equal(hooks_run(OCI_PRESTART, &container, NULL, &err), 0);
	add(&bundle, OCI_POSTSTART, "kill $(/bin/cat left)");
	assert_int_equal(hooks_run(OCI_POSTSTART, &container, NULL, &err), 0);
	oci_bundle_free(&bundle);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_what_they_get),
					    cmocka_unit_test(test_failures),
					    cmocka_unit_test(test_left),
					    cmocka_unit_test(test_time) };

	return cmocka_run_group_tests(tests, begin, end);
}
