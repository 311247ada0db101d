#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/pod/launch_record.h"

static void add(struct string_list *list, const char *text)
{
	assert_int_equal(string_list_add(list, text, strlen(text)), 0);
}

static void fill(struct launch_record *record)
{
	*record = (struct launch_record){ .name = strdup("web"), .directory = strdup("/home/u") };
	add(&record->apps, "a");
	add(&record->apps, "b");
	add(&record->images, "oci:x");
	add(&record->images, "");
	add(&record->options, "--memory=64");
	add(&record->arguments, "oci:x");
	add(&record->arguments, "--");
	add(&record->variables, "A=1");
	add(&record->files, "/etc/profile.json");
	add(&record->references, "oci:x");
	add(&record->digests, "sha256:00");
	add(&record->names, "oci:/x");
}

static void test_there_and_back(void **state)
{
	struct launch_record record, read;
	size_t len;
	void *data;

	(void)state;
	fill(&record);
	assert_int_equal(launch_record_encode(&record, &data, &len, NULL), 0);
	assert_int_equal(launch_record_decode(&read, data, len, NULL), 0);
	assert_string_equal(read.name, "web");
	assert_string_equal(read.directory, "/home/u");
	assert_int_equal(read.apps.count, 2);
	assert_string_equal(read.images.items[1], "");
	assert_string_equal(read.arguments.items[1], "--");
	assert_string_equal(read.digests.items[0], "sha256:00");
	launch_record_free(&read);
	launch_record_free(&record);
	free(data);
}

/* Whatever part of it a crash has left is refused, or read for what it is. */
static void test_every_part(void **state)
{
	struct launch_record record, read;
	size_t len;
	void *data;

	(void)state;
	fill(&record);
	assert_int_equal(launch_record_encode(&record, &data, &len, NULL), 0);
	for (size_t part = 0; part < len; part++) {
		assert_int_equal(launch_record_decode(&read, data, part, NULL), -1);
		launch_record_free(&read);
	}
	launch_record_free(&record);
	free(data);
}

static void test_lists_that_do_not_match(void **state)
{
	struct launch_record record, read;
	struct error err = ERROR_NONE;
	size_t len;
	void *data;

	(void)state;
	fill(&record);
	add(&record.names, "one more");
	assert_int_equal(launch_record_encode(&record, &data, &len, NULL), 0);
	assert_int_equal(launch_record_decode(&read, data, len, &err), -1);
	assert_non_null(strstr(err.text, "damaged"));
	launch_record_free(&read);
	launch_record_free(&record);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_every_part),
		cmocka_unit_test(test_lists_that_do_not_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
