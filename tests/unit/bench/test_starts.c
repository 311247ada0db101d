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
#include <sys/wait.h>
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
	expect_report(report_phases_csv, &starts, &task,
		      (const char *const[]){ "until,side,at_ns,took_ns,large\n", "\nstarted,host,",
					     "\nwaited-for,bench,", NULL });
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

/* One row that fails, here in its second start, does not take the others with it. */
static void test_one_fails(void **state)
{
	struct bench_task task = make_task("image");
	struct starts starts = { .rounds = 3 };
	struct error err = ERROR_NONE;
	char breaks[3 * PATH_MAX];

	(void)state;
	(void)snprintf(breaks, sizeof(breaks),
		       "echo tried >>%s; test -e %s/f && exit 4; >%s/f; echo", noted,
		       task.directory, task.directory);
	assert_int_equal(starts_add_command(&starts, "breaks, \"badly\"", breaks, &err), 0);
	assert_int_equal(starts_add_command(&starts, "second", "echo x", &err), 0);
	assert_int_equal(starts_add_command(&starts, "third", "echo x", &err), 0);
	assert_int_equal(starts_run(&starts, &task, NULL, &err), 1);
	assert_int_equal(starts_first(&starts), 1);
	assert_int_equal(count_noted("tried"), 2);
	expect_report(report_text, &starts, &task,
		      (const char *const[]){ "failed: /bin/sh ended with status 4\n",
					     "second and third: no difference", NULL });
	expect_report(report_json, &starts, &task,
		      (const char *const[]){ "\"failed\": \"/bin/sh ended with status 4\"",
					     "\"of\": \"second\"", NULL });
	expect_report(report_csv, &starts, &task,
		      (const char *const[]){ "\n\"breaks, \"\"badly\"\"\",,,\nsecond,1,",
					     "\nthird,3,", NULL });
	expect_report(report_html, &starts, &task,
		      (const char *const[]){ "<td colspan=6>failed: /bin/sh ended", NULL });
	starts_free(&starts);
	bench_task_close(&task);
}

/* An OCI runtime's row, with scripts for the runtime and for the program that drives it. */
static void test_oci(void **state)
{
	struct bench_task task = make_task("image");
	struct starts starts = { .rounds = 1 };
	struct error err = ERROR_NONE;
	char expected[3 * PATH_MAX];

	(void)state;
	task.oci_life = nacelle;
	assert_int_equal(starts_add_oci(&starts, "/nowhere/runtime", &task, &err), -1);
	assert_int_equal(starts_add_oci(&starts, nacelle, &task, &err), 0);
	assert_int_equal(starts_add_command(&starts, "other", "echo x", &err), 0);
	/* The script fails as the program that drives the runtime: its container is deleted. */
	assert_int_equal(starts_run(&starts, &task, NULL, &err), 1);
	assert_string_equal(starts.rows[0].subject.name, "oci nacelle");
	(void)snprintf(expected, sizeof(expected),
		       "oci-life %s %s/bundle nacelle-bench-%d-0 %s/pid", nacelle, task.directory,
		       (int)getpid(), task.directory);
	assert_int_equal(count_noted(expected), 1);
	(void)snprintf(expected, sizeof(expected), "delete --force nacelle-bench-%d-0",
		       (int)getpid());
	assert_int_equal(count_noted(expected), 1);
	starts_free(&starts);
	bench_task_close(&task);
}

/* Directories that their owner may neither write nor read, as the owner. */
static int close_as_nobody(void)
{
	struct bench_task task = { .nacelle = nacelle };
	char line[2 * PATH_MAX];

	if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
		return 1;
	if (bench_task_open(&task, NULL) < 0)
		return 2;
	(void)snprintf(line, sizeof(line),
		       "cd %s && mkdir -p a/b/c d && touch a/b/c/f d/g && ln -s / d/root && "
		       "chmod 0 d a/b/c && chmod 555 a/b a",
		       task.directory);
	if (system(line) != 0)
		return 3;
	(void)snprintf(line, sizeof(line), "%s", task.directory);
	bench_task_close(&task);
	return access(line, F_OK) == 0 ? 4 : 0;
}

static void test_removal(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(close_as_nobody());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
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

static void write_smaps(const char *of, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", of, name);
	file = fopen(path, "we");
	assert_non_null(file);
	(void)fputs(text, file);
	(void)fclose(file);
}

static char *write_memory_report(void (*write)(FILE *, const struct memory *,
					       const struct bench_task *),
				 const struct memory *memory)
{
	const struct bench_task task = { .image = "image", .command = command };
	char *text;
	size_t len;
	FILE *file = open_memstream(&text, &len);

	assert_non_null(file);
	write(file, memory, &task);
	assert_int_equal(fclose(file), 0);
	return text;
}

/* What may not be read is unknown, and not nothing. */
static void test_unreadable(void **state)
{
	struct memory memory = { .pods = 1, .is_part_known = { true } };
	char *text;

	(void)state;
	memory_add_process(&memory, "/nowhere/at/all");
	assert_int_equal(memory.processes, 0);
	write_smaps(directory, "smaps_rollup", "Rss:   2048 kB\nPss:  1024 kB\n");
	write_smaps(directory, "smaps", "1000-2000 rw-p 0 0 0\nPrivate_Dirty: 1024 kB\n");
	memory_add_process(&memory, directory);
	assert_int_equal(memory.unreadable, 0);
	assert_int_equal(memory.own_kib, 1024);
	text = write_memory_report(report_memory_text, &memory);
	assert_non_null(strstr(text, "RSS of its processes                          2.00\n"));
	/* A kernel that has no such account. */
	assert_non_null(strstr(text, "  page tables of the guest's memory        unknown\n"));
	free(text);
	write_smaps(directory, "smaps_rollup", "");
	memory_add_process(&memory, directory);
	assert_int_equal(memory.processes, 2);
	assert_int_equal(memory.unreadable, 1);
	text = write_memory_report(report_memory_text, &memory);
	assert_non_null(strstr(text, "RSS of its processes                       unknown\n"));
	assert_non_null(strstr(text, "The memory of 1 of 2 processes may not be read"));
	free(text);
	text = write_memory_report(report_memory_json, &memory);
	assert_non_null(strstr(text, "\"rss_kib\": null"));
	assert_non_null(strstr(text, "\"unreadable_processes\": 1"));
	free(text);
	write_smaps(directory, "smaps", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rounds_and_reports),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_one_fails),
		cmocka_unit_test(test_oci),
		cmocka_unit_test(test_removal),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_unreadable),
	};
	char removal[64];
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
	(void)snprintf(removal, sizeof(removal), "rm -r %s", directory);
	status |= system(removal) != 0;

	return status;
}
