/*
 * Rounds of starts with a script in nacelle's place, and the reports of them.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/bench/memory.h"
#include "vmm/bench/report.h"
#include "vmm/bench/starts.h"

static char directory[] = "/tmp/test-bench-XXXXXX";
static char nacelle[64], noted[64];

/* Notes its arguments, and does as nacelle would: a timeline, a UUID, the output. */
static const char script[] =
    "#!/bin/sh\n"
    "echo \"$@\" >>%s\n"
    "verb=$1\n"
    "while [ $# -gt 0 ]; do\n"
    "  case $1 in\n"
    "    --trace) printf '# 0 is %%s000000000 ns of\\n 0.0 0.0 host started\\n' "
    "$(($(cut -d. -f1 /proc/uptime) + 100)) >$2 ;;\n"
    "    --uuid-file) echo uuid >$2 ;;\n"
    "    failing) echo it fails >&2; exit 1 ;;\n"
    "    idle) echo ready; exec sleep 1000 ;;\n"
    "  esac\n"
    "  shift\n"
    "done\n"
    "case $verb in run*) echo hello ;; esac\n";

static const char *const command[] = { "echo", "<hello>", NULL };
static const char *const idle[] = { "idle", NULL };

static struct bench_task make_task(const char *image)
{
	struct bench_task task = { .nacelle = nacelle, .image = image, .command = command };
	struct error err = ERROR_NONE;

	assert_int_equal(bench_task_open(&task, &err), 0);
	(void)unlink(noted);
	return task;
}

static unsigned count_noted(const char *beginning)
{
	FILE *file = fopen(noted, "re");
	unsigned count = 0;
	char line[1024];

	while (file && fgets(line, sizeof(line), file))
		count += strncmp(line, beginning, strlen(beginning)) == 0;
	if (file)
		(void)fclose(file);
	return count;
}

static char *write_report(void (*write)(FILE *, const struct starts *, const struct bench_task *),
			  const struct starts *starts, const struct bench_task *task)
{
	char *text;
	size_t len;
	FILE *file = open_memstream(&text, &len);

	assert_non_null(file);
	write(file, starts, task);
	assert_int_equal(fclose(file), 0);
	return text;
}

static void expect_report(void (*write)(FILE *, const struct starts *, const struct bench_task *),
			  const struct starts *starts, const struct bench_task *task,
			  const char *const *has)
{
	char *text = write_report(write, starts, task);

	for (; *has; has++)
		if (!strstr(text, *has))
			fail_msg("no \"%s\" in: %s", *has, text);
	free(text);
}

static void test_rounds_and_reports(void **state)
{
	struct bench_task task = make_task("image");
	struct starts starts = { .rounds = 3 };
	struct error err = ERROR_NONE;

	(void)state;
	assert_int_equal(starts_add(&starts, "nacelle", true, &task, &err), 0);
	assert_int_equal(starts_add(&starts, "prepared", true, &task, &err), 0);
	assert_int_equal(starts_add(&starts, "qemu", false, &task, &err), 0);
	assert_int_equal(starts_add_command(&starts, "<other>", "echo x", &err), 0);
	assert_int_equal(starts.row_count, 3);
	if (starts_run(&starts, &task, NULL, &err) < 0)
		fail_msg("%s", err.text);
	/* A run to import, another for prepared; a round to warm up; those with a timeline. */
	assert_int_equal(count_noted("run --rm --net none image -- echo <hello>"), 2 + 4);
	assert_int_equal(count_noted("run --rm --trace "), STARTS_TRACED);
	assert_int_equal(count_noted("prepare "), 4);
	assert_int_equal(count_noted("run-prepared "), 4);
	assert_int_equal(count_noted("rm "), 4);
	assert_int_equal(starts.phases.count, 3);
	expect_report(report_text, &starts, &task,
		      (const char *const[]){ "3 starts of each", "nacelle ", "prepared ",
					     "no difference that 3 starts can show", "started",
					     "Without qemu: ", NULL });
	expect_report(report_json, &starts, &task,
		      (const char *const[]){ "\"rounds\": 3", "\"name\": \"<other>\"",
					     "\"median_ns\"", "\"until\": \"first-byte\"", NULL });
	expect_report(
	    report_csv, &starts, &task,
	    (const char *const[]){ "row,round,first_byte_ns,end_ns\n", "\nprepared,3,", NULL });
	expect_report(report_html, &starts, &task,
		      (const char *const[]){ "&lt;other&gt;", "echo &lt;hello&gt;", "<svg",
					     "</html>", NULL });
	starts_free(&starts);
	bench_task_close(&task);
}

/* None starts right behind itself, and each once in a round. */
static void test_order(void **state)
{
	struct bench_task task = make_task("image");
	struct starts starts = { .rounds = 4 };
	struct error err = ERROR_NONE;
	char lines[3][128], line[16], before[16] = "";
	FILE *file;

	(void)state;
	for (int i = 0; i < 3; i++) {
		(void)snprintf(lines[i], sizeof(lines[i]), "echo %d | tee -a %s", i, noted);
		assert_int_equal(starts_add_command(&starts, "row", lines[i], &err), 0);
	}
	if (starts_run(&starts, &task, NULL, &err) < 0)
		fail_msg("%s", err.text);
	for (int i = 0; i < 3; i++) {
		(void)snprintf(line, sizeof(line), "%d", i);
		assert_int_equal(count_noted(line), 5);
	}
	file = fopen(noted, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		assert_string_not_equal(line, before);
		memcpy(before, line, sizeof(before));
	}
	assert_int_equal(fclose(file), 0);
	starts_free(&starts);
	bench_task_close(&task);
}

static void test_failures(void **state)
{
	struct bench_task task = make_task("failing");
	struct starts starts = { .rounds = 3 };
	struct error err = ERROR_NONE;
	char kept[sizeof(task.directory)];

	(void)state;
	memcpy(kept, task.directory, sizeof(kept));
	assert_int_equal(starts_add(&starts, "nacelle", true, &task, &err), -1);
	assert_non_null(strstr(err.text, "ended with status 1: it fails"));
	assert_int_equal(starts_add(&starts, "unknown", true, &task, &err), -1);
	assert_int_equal(starts_add_command(&starts, "breaks", "echo; exit 4", &err), 0);
	assert_int_equal(starts_run(&starts, &task, NULL, &err), -1);
	assert_string_equal(err.text, "breaks: /bin/sh ended with status 4");
	starts_free(&starts);
	bench_task_close(&task);
	assert_int_equal(access(kept, F_OK), -1);
}

static void test_memory(void **state)
{
	struct bench_task task = make_task("image");
	struct memory memory = { .pods = 3 };
	struct error err = ERROR_NONE;

	(void)state;
	task.command = idle;
	if (memory_run(&memory, &task, NULL, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(count_noted("run --rm --net none image -- idle"), 4);
	assert_int_equal(memory.processes, 3);
	assert_true(memory.rss_kib > 0 && memory.pss_kib > 0);
	assert_true(memory.pss_kib <= memory.rss_kib);
	bench_task_close(&task);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rounds_and_reports),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_memory),
	};
	FILE *file;
	int status;

	if (!mkdtemp(directory))
		return 1;
	(void)snprintf(nacelle, sizeof(nacelle), "%s/nacelle", directory);
	(void)snprintf(noted, sizeof(noted), "%s/noted", directory);
	file = fopen(nacelle, "we");
	if (!file)
		return 1;
	(void)fprintf(file, script, noted);
	(void)fclose(file);
	(void)chmod(nacelle, 0755);
	status = cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlink(noted);
	(void)unlink(nacelle);
	(void)rmdir(directory);
	return status;
}
