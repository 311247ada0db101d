/*
 * Every option of run, before an image and behind one, comes out of a prepared pod's record as it
 * went in. The options are those of the tables, so that a new one is tried without being named
 * here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/cli/prepare_verbs.h"
#include "vmm/cli/run.h"
#include "vmm/cli/run_arguments.h"
#include "vmm/cli/verbs.h"
#include "vmm/pod/keep.h"
#include "vmm/pod/launch_record.h"
#include "vmm/pod/run.h"

enum { WORDS_MAX = 8, WORD_MAX = 64 };

static const char *const of_the_process[] = { "detach", "json-log", "root", "trace", "uuid-file" };

/* Options that name something of the host. The contents of the first are kept (prepare.c). */
static const char *const files[] = { "env-file", "pod",	      "seccomp",    "cni-config",
				     "kernel",	 "volume",    "vsock",	    "root",
				     "trace",	 "uuid-file", "cni-plugins" };

static bool is_in(const char *name, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return false;
}
#define IS_IN(name, list) is_in(name, list, sizeof(list) / sizeof(*list))

/* A command line that has the option once, a list twice. */
static int make_words(const struct option_spec *option, char words[WORDS_MAX][WORD_MAX],
		      char **argv)
{
	static const char *const values[] = {
		[OPTION_FLAG] = "",	[OPTION_TEXT] = "a b=c,d:e --f", [OPTION_LIST] = "A=b c",
		[OPTION_NUMBER] = "31", [OPTION_SIZE] = "48M",		 [OPTION_DECIMAL] = "1.503",
	};
	int argc = 0;

	if (option->kind == OPTION_FLAG)
		(void)snprintf(words[argc++], WORD_MAX, "--%s", option->name);
	for (int i = 0; option->kind != OPTION_FLAG && i <= (option->kind == OPTION_LIST); i++)
		(void)snprintf(words[argc++], WORD_MAX, "--%s=%s%s", option->name,
			       values[option->kind], i ? "2" : "");
	for (int i = 0; i < argc; i++)
		argv[i] = words[i];
	argv[argc] = NULL;
	return argc;
}

static void compare(const struct option_spec *option, const void *a, const void *b)
{
	const struct text_list *x = a, *y = b;

	switch (option->kind) {
	case OPTION_FLAG:
		assert_true(*(const bool *)a && *(const bool *)b);
		return;
	case OPTION_TEXT:
		assert_non_null(*(const char *const *)b);
		assert_string_equal(*(const char *const *)a, *(const char *const *)b);
		return;
	case OPTION_LIST:
		assert_int_equal(x->count, 2);
		assert_int_equal(y->count, 2);
		assert_string_equal(x->items[0], y->items[0]);
		assert_string_equal(x->items[1], y->items[1]);
		return;
	case OPTION_NUMBER:
	case OPTION_SIZE:
	case OPTION_DECIMAL:
		assert_true(*(const uint64_t *)a != 0);
		assert_true(*(const uint64_t *)a == *(const uint64_t *)b);
		return;
	}
	fail();
}

static const struct verb *run_verb(void)
{
	return verb_find(&nacelle_program, "run");
}

/* Through the file too. */
static void keep_and_restore(const struct run_options *given, int argc, char **argv,
			     struct launch_record *record, struct keep *keep,
			     struct run_options *options, struct app_options *apps)
{
	struct launch_record first = { .directory = strdup("/") };
	struct error err = ERROR_NONE;
	size_t len;
	void *data;

	if (cli_keep_command_line(&first, given, argc, argv, &err) < 0 ||
	    launch_record_encode(&first, &data, &len, &err) < 0 ||
	    launch_record_decode(record, data, len, &err) < 0 ||
	    cli_restore_command_line(record, keep, options, apps, &err) < 0)
		fail_msg("%s", err.text);
	free(data);
	launch_record_free(&first);
}

static void try_before_image(const struct option_spec *option, size_t offset)
{
	static struct app_options apps[RUN_APPS_MAX];
	char words[WORDS_MAX][WORD_MAX], name[] = "run", image[] = "oci:image", *argv[WORDS_MAX];
	char *rest[] = { image, NULL };
	struct run_options given = { 0 }, options = { 0 };
	struct launch_record record;
	struct keep keep = { 0 };
	struct error err = ERROR_NONE;
	bool help;
	int argc = 1 + make_words(option, words, argv + 1);

	argv[0] = name;
	if (options_parse(&nacelle_program, run_verb(), &argc, argv, &given, &help, &err) < 0)
		fail_msg("%s", err.text);
	/* With a manifest there is no image. */
	keep_and_restore(&given, given.pod_file ? 0 : 1, rest, &record, &keep, &options, apps);
	if (IS_IN(option->name, of_the_process))
		assert_int_equal(record.options.count, 0);
	else
		compare(option, (char *)&given + offset + option->offset,
			(char *)&options + offset + option->offset);
	cli_run_arguments_free(&options, apps);
	options_free(run_verb(), &given);
	options_free(run_verb(), &options);
	launch_record_free(&record);
	keep_free(&keep);
}

static void test_before_image(void **state)
{
	const struct option_spec *option;
	size_t offset;

	(void)state;
	for (size_t i = 0; (option = verb_option(run_verb(), i, &offset)); i++)
		try_before_image(option, offset);
}

static void test_behind_image(void **state)
{
	static struct app_options apps[RUN_APPS_MAX], given_apps[RUN_APPS_MAX];

	(void)state;
	for (size_t i = 0; i < APP_OPTION_COUNT; i++) {
		const struct option_spec *option = &app_options_table[i];
		char words[WORDS_MAX][WORD_MAX], image[] = "oci:image",
						 *argv[WORDS_MAX] = { image };
		struct run_options given = { 0 }, options = { 0 };
		struct launch_record record;
		struct keep keep = { 0 };
		struct error err = ERROR_NONE;
		int argc = 1 + make_words(option, words, argv + 1);

		keep_and_restore(&given, argc, argv, &record, &keep, &options, apps);
		if (cli_run_arguments(&given, given_apps, argc, argv, &err) < 0)
			fail_msg("%s", err.text);
		compare(option, (char *)&given_apps[0] + option->offset,
			(char *)&apps[0] + option->offset);
		cli_run_arguments_free(&options, apps);
		cli_run_arguments_free(&given, given_apps);
		options_free(run_verb(), &options);
		launch_record_free(&record);
		keep_free(&keep);
	}
}

/*
 * What is not kept can be said to run-prepared; and whether the contents of a file are kept, or it
 * is opened when the pod is run, has been decided for each option that names one.
 */
static void test_decisions(void **state)
{
	const struct verb *prepared = verb_find(&nacelle_program, "run-prepared");
	const struct option_spec *option;
	size_t offset;

	(void)state;
	for (size_t i = 0; i < sizeof(of_the_process) / sizeof(*of_the_process); i++) {
		size_t j = 0;

		while ((option = verb_option(prepared, j, &offset)) &&
		       strcmp(option->name, of_the_process[i]) != 0)
			j++;
		if (!option)
			fail_msg("--%s is neither kept nor run-prepared's", of_the_process[i]);
	}
	for (size_t i = 0; (option = verb_option(run_verb(), i, &offset)); i++)
		if (option->value != VALUE_OTHER && !IS_IN(option->name, files))
			fail_msg("--%s names a file: is that kept by prepare?", option->name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_before_image),
		cmocka_unit_test(test_behind_image),
		cmocka_unit_test(test_decisions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
