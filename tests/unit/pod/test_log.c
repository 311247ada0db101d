/*
 * Log entries, lines and files: both forms there and back, rotation, full disks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/pod/log_file.h"
#include "vmm/pod/log_lines.h"
#include "vmm/pod/log_reader.h"

#define TIME UINT64_C(1700000000123456789)

static char out[LOG_RECORD_MAX + 1];

static size_t write_record(enum log_format format, const char *text, size_t len, bool partial)
{
	static char copy[LOG_TEXT_MAX + 1];
	const struct log_record record = {
		.time_ns = TIME,
		.stream = LOG_STDERR,
		.partial = partial,
		.text = copy,
		.len = len,
	};
	size_t n;

	memcpy(copy, text, len);
	copy[len] = '\0';
	n = log_record_write(format, &record, out);
	out[n] = '\0';
	return n;
}

static void test_json_form(void **state)
{
	(void)state;
	write_record(LOG_FORMAT_JSON, "say \"hi\\\"\t\r\x01", 12, false);
	assert_string_equal(out, "{\"log\":\"say \\\"hi\\\\\\\"\\t\\r\\u0001\\n\",\"stream\":"
				 "\"stderr\",\"time\":\"2023-11-14T22:13:20.123456789Z\"}\n");
	write_record(LOG_FORMAT_JSON, "\xc3\xa9\xff\xc3", 4, true);
	assert_string_equal(out, "{\"log\":\"\xc3\xa9\\udcff\\udcc3\",\"stream\":\"stderr\","
				 "\"time\":\"2023-11-14T22:13:20.123456789Z\"}\n");
}

static void test_cri_form(void **state)
{
	(void)state;
	write_record(LOG_FORMAT_CRI, "a b", 3, false);
	assert_string_equal(out, "2023-11-14T22:13:20.123456789Z stderr F a b\n");
	write_record(LOG_FORMAT_CRI, "a b", 3, true);
	assert_string_equal(out, "2023-11-14T22:13:20.123456789Z stderr P a b\n");
}

static void expect_back(enum log_format format, const char *text, size_t len, bool partial)
{
	struct log_record record;
	size_t n = write_record(format, text, len, partial);

	assert_int_equal(out[n - 1], '\n');
	assert_null(memchr(out, '\n', n - 1));
	assert_int_equal(log_record_read(out, n - 1, &record), 0);
	assert_int_equal(record.time_ns, TIME);
	assert_int_equal(record.stream, LOG_STDERR);
	assert_int_equal(record.partial, partial);
	assert_false(record.note);
	assert_int_equal(record.len, len);
	assert_memory_equal(record.text, text, len);
}

static void test_nothing_is_lost(void **state)
{
	static char text[LOG_TEXT_MAX];

	(void)state;
	srandom(1);
	for (int round = 0; round < 2000; round++) {
		size_t len = (size_t)random() % 64;

		for (size_t i = 0; i < len; i++) {
			text[i] = (char)(random() & (round % 2 ? 0xff : 0x8f));
			if (text[i] == '\n')
				text[i] = '\0';
		}
		expect_back(LOG_FORMAT_JSON, text, len, len && round % 3 == 0);
		expect_back(LOG_FORMAT_CRI, text, len, round % 3 == 0);
	}
	memset(text, 0xff, sizeof(text));
	expect_back(LOG_FORMAT_JSON, text, sizeof(text), true);
	expect_back(LOG_FORMAT_JSON, "\xed\xb3\xbf", 3, false);
}

static void test_foreign_lines(void **state)
{
	static const char *const lines[] = {
		"",
		"{",
		"x",
		"{\"log\":\"\\ud800\",\"stream\":\"stdout\",\"time\":\"2023-11-14T22:13:20."
		"123456789Z\"}",
		"{\"log\":\"\\x\",\"stream\":\"stdout\",\"time\":\"2023-11-14T22:13:20."
		"123456789Z\"}",
		"{\"log\":\"a\",\"stream\":\"stdin\",\"time\":\"2023-11-14T22:13:20.123456789Z\"}",
		"{\"log\":\"a\",\"stream\":\"stdout\",\"time\":\"2023-11-14T22:13:20.12345678Z\"}",
		"{\"log\":\"a\",\"stream\":\"stdout\",\"time\":\"2023-11-14T22:13:20.123456789Z\"}"
		"x",
		"{\"log\":\"a\\u00",
		"{\"log\":\"a\\",
		"2023-11-14T22:13:20.123456789Z stdout X a",
		"2023-11-14T22:13:20.123456789Z",
	};
	struct log_record record;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		char *line = strdup(lines[i]);

		assert_int_equal(log_record_read(line, strlen(line), &record), -1);
		free(line);
	}
}

/* What came out of lines: each text and whether it goes on, one behind the other. */
static struct {
	char text[8 * LOG_TEXT_MAX];
	size_t len;
	unsigned count, partial;
	size_t longest;
} seen;

static void see(void *context, const struct log_record *record)
{
	(void)context;
	memcpy(seen.text + seen.len, record->text, record->len);
	seen.len += record->len;
	if (!record->partial)
		seen.text[seen.len++] = '\n';
	seen.count++;
	seen.partial += record->partial;
	if (record->len > seen.longest)
		seen.longest = record->len;
	assert_int_equal(record->text[record->len], '\0');
}

static void split(const char *data, size_t len, size_t piece)
{
	static struct log_lines lines;

	memset(&lines, 0, sizeof(lines));
	memset(&seen, 0, sizeof(seen));
	for (size_t at = 0; at < len; at += piece)
		log_lines_add(&lines, data + at, len - at < piece ? len - at : piece, TIME, see,
			      NULL);
	log_lines_end(&lines, see, NULL);
	assert_int_equal(seen.len, len);
	assert_memory_equal(seen.text, data, len);
}

static void test_lines(void **state)
{
	static char data[3 * LOG_TEXT_MAX];

	(void)state;
	for (size_t piece = 1; piece < 9; piece++) {
		split("one\n\nthree\n", 11, piece);
		assert_int_equal(seen.count, 3);
		assert_int_equal(seen.partial, 0);
		split("one\ntwo", 7, piece);
		assert_int_equal(seen.count, 2);
		assert_int_equal(seen.partial, 1);
	}
	memset(data, 'a', sizeof(data));
	split(data, sizeof(data), 1000);
	assert_int_equal(seen.partial, 3);
	data[LOG_TEXT_MAX] = '\n';
	split(data, sizeof(data), sizeof(data));
	assert_int_equal(seen.longest, LOG_TEXT_MAX);
	assert_int_equal(seen.count, 3);
	assert_int_equal(seen.partial, 2);
}

/* Parts end between characters; what is none is cut anywhere. */
static void test_cut_characters(void **state)
{
	static char data[LOG_TEXT_MAX + 10];

	(void)state;
	for (size_t i = 0; i < sizeof(data) / 3; i++)
		memcpy(data + 3 * i, "\xe2\x82\xac", 3);
	split(data, sizeof(data) / 3 * 3, 777);
	assert_int_equal(seen.longest, LOG_TEXT_MAX / 3 * 3);
	memset(data, 0x80, sizeof(data));
	split(data, sizeof(data), 777);
	assert_int_equal(seen.longest, LOG_TEXT_MAX);
}

static char directory[] = "/tmp/nacelle-test-log-XXXXXX";
static int directory_fd = -1;
static struct log_file file;

static int make_directory(void **state)
{
	(void)state;
	memcpy(directory + sizeof(directory) - 7, "XXXXXX", 6);
	if (!mkdtemp(directory))
		return -1;
	directory_fd = open(directory, O_RDONLY | O_DIRECTORY);
	return directory_fd < 0;
}

static int remove_directory(void **state)
{
	char name[LOG_NAME_MAX];

	(void)state;
	for (unsigned i = 0; i < LOG_FILES_MAX; i++) {
		log_file_name(name, "app", i);
		(void)unlinkat(directory_fd, name, 0);
	}
	close(directory_fd);
	return rmdir(directory);
}

static void add(const char *word, unsigned number)
{
	char text[64];
	struct log_record record = { .time_ns = TIME, .text = text };

	record.len = (size_t)snprintf(text, sizeof(text), "%s %u", word, number);
	log_file_add(&file, &record);
}

static off_t size_of(unsigned number)
{
	char name[LOG_NAME_MAX];
	struct stat st;

	log_file_name(name, "app", number);
	return fstatat(directory_fd, name, &st, 0) == 0 ? st.st_size : -1;
}

static char *contents(unsigned number)
{
	static char data[1 << 16];
	char name[LOG_NAME_MAX];
	ssize_t n;
	int fd;

	log_file_name(name, "app", number);
	fd = openat(directory_fd, name, O_RDONLY);
	assert_true(fd >= 0);
	n = read(fd, data, sizeof(data) - 1);
	assert_true(n >= 0);
	data[n] = '\0';
	close(fd);
	return data;
}

static void test_rotation(void **state)
{
	const struct log_options options = { LOG_FORMAT_CRI, 5000, 3 };

	(void)state;
	log_file_open(&file, directory_fd, "app", &options);
	for (unsigned i = 0; i < 1000; i++) {
		add("line", i);
		if (i % 7 == 0)
			log_file_flush(&file, TIME);
	}
	log_file_close(&file, TIME);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(size_of(i) > 0 && size_of(i) <= 5000);
		assert_int_equal(contents(i)[size_of(i) - 1], '\n');
	}
	assert_true(size_of(1) > 4900);
	assert_int_equal(size_of(3), -1);
	assert_non_null(strstr(contents(0), "line 999\n"));
	/* The files follow one another without a gap. */
	{
		unsigned last, first;
		const char *old = contents(1);

		assert_int_equal(sscanf(strrchr(old, 'e'), "e %u", &last), 1);
		assert_int_equal(sscanf(strstr(contents(0), "line"), "line %u", &first), 1);
		assert_int_equal(first, last + 1);
	}
}

static void test_one_file(void **state)
{
	const struct log_options options = { LOG_FORMAT_CRI, 4096, 1 };

	(void)state;
	log_file_open(&file, directory_fd, "app", &options);
	for (unsigned i = 0; i < 300; i++)
		add("line", i);
	log_file_close(&file, TIME);
	assert_true(size_of(0) > 0 && size_of(0) <= 4096);
	assert_int_equal(size_of(1), -1);
	assert_non_null(strstr(contents(0), "line 299\n"));
}

/* An entry that is larger than a file may be stands alone. */
static void test_large_entry(void **state)
{
	static char text[LOG_TEXT_MAX + 1];
	const struct log_options options = { LOG_FORMAT_JSON, 4096, 3 };
	const struct log_record record = { .text = text, .len = LOG_TEXT_MAX };

	(void)state;
	memset(text, 'x', LOG_TEXT_MAX);
	log_file_open(&file, directory_fd, "app", &options);
	add("before", 0);
	log_file_add(&file, &record);
	add("after", 1);
	log_file_close(&file, TIME);
	assert_non_null(strstr(contents(2), "before"));
	assert_true(size_of(1) > LOG_TEXT_MAX);
	assert_non_null(strstr(contents(0), "after"));
}

/* A limit for files stands for a disk that is full, and later is not. */
static void test_full_disk(void **state)
{
	const struct log_options options = { LOG_FORMAT_JSON, 1 << 20, 3 };
	struct rlimit limit, old;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	limit = old;
	log_file_open(&file, directory_fd, "app", &options);
	add("line", 0);
	log_file_flush(&file, TIME);
	limit.rlim_cur = (rlim_t)size_of(0) + 150;
	setrlimit(RLIMIT_FSIZE, &limit);
	for (unsigned i = 1; i <= 10; i++)
		add("line", i);
	log_file_flush(&file, TIME);
	/* The first one fitted, half of the second did. */
	assert_non_null(strstr(contents(0), "line 1\\n"));
	assert_null(strstr(contents(0), "line 2\\n"));
	assert_int_equal(contents(0)[size_of(0) - 1], '\n');
	assert_int_equal(file.lost_entries, 9);
	add("line", 11);
	log_file_flush(&file, TIME);
	assert_int_equal(file.lost_entries, 10);
	setrlimit(RLIMIT_FSIZE, &old);
	add("line", 12);
	log_file_close(&file, TIME);
	assert_non_null(strstr(contents(0), "nacelle: 10 entries of the log ("));
	assert_non_null(strstr(contents(0), "\"attrs\":{\"nacelle\":\"note\"}"));
	assert_non_null(strstr(contents(0), "line 12\\n"));
	assert_null(strstr(contents(0), "line 11\\n"));
}

/* Without its directory nothing is written, and nothing that is old is thrown away for it. */
static void test_no_file(void **state)
{
	const struct log_options options = { LOG_FORMAT_CRI, 4096, 3 };

	(void)state;
	log_file_open(&file, -1, "app", &options);
	for (unsigned i = 0; i < 1000; i++)
		add("line", i);
	log_file_flush(&file, TIME);
	assert_int_equal(file.lost_entries, 1000);
	log_file_close(&file, TIME);
}

static struct log_reader reader;

/* Reads on, expecting "line N" from *next on. Returns how many there were. */
static unsigned read_lines(unsigned *next)
{
	struct log_record record;
	unsigned count = 0;

	do {
		while (log_reader_next(&reader, &record) > 0) {
			char expected[32];
			int len = snprintf(expected, sizeof(expected), "line %u", *next);

			assert_int_equal(record.len, len);
			assert_memory_equal(record.text, expected, record.len);
			(*next)++;
			count++;
		}
	} while (log_reader_refresh(&reader));
	return count;
}

static void test_reader_follows(void **state)
{
	const struct log_options options = { LOG_FORMAT_JSON, 4096, 3 };
	unsigned next = 0;

	(void)state;
	/* Before there is a file. */
	log_reader_open(&reader, directory_fd, "app");
	assert_int_equal(read_lines(&next), 0);
	log_file_open(&file, directory_fd, "app", &options);
	for (unsigned i = 0; i < 3000; i++) {
		add("line", i);
		if (i % 53 == 0) {
			log_file_flush(&file, TIME);
			/* Each rotation is met at another point. */
			(void)read_lines(&next);
			assert_int_equal(next, i + 1);
		}
	}
	log_file_close(&file, TIME);
	(void)read_lines(&next);
	assert_int_equal(next, 3000);
	assert_int_equal(reader.gaps, 0);
	assert_int_equal(reader.unreadable, 0);
	log_reader_close(&reader);
}

static void test_reader_meets_gap(void **state)
{
	const struct log_options options = { LOG_FORMAT_CRI, 4096, 3 };
	struct log_record record;
	unsigned next = 0, number = 0;

	(void)state;
	log_file_open(&file, directory_fd, "app", &options);
	add("line", 0);
	log_file_flush(&file, TIME);
	log_reader_open(&reader, directory_fd, "app");
	assert_int_equal(read_lines(&next), 1);
	for (unsigned i = 1; i < 1000; i++)
		add("line", i);
	log_file_close(&file, TIME);
	while (log_reader_refresh(&reader) || log_reader_next(&reader, &record) > 0)
		while (log_reader_next(&reader, &record) > 0)
			assert_int_equal(sscanf(record.text, "line %u", &number), 1);
	assert_int_equal(number, 999);
	assert_true(reader.gaps > 0);
	log_reader_close(&reader);
}

static void test_reader_meets_truncation(void **state)
{
	const struct log_options options = { LOG_FORMAT_CRI, 4096, 1 };
	unsigned next = 0;

	(void)state;
	log_file_open(&file, directory_fd, "app", &options);
	log_reader_open(&reader, directory_fd, "app");
	for (unsigned i = 0; i < 500; i++) {
		add("line", i);
		log_file_flush(&file, TIME);
		(void)read_lines(&next);
	}
	log_file_close(&file, TIME);
	(void)read_lines(&next);
	assert_int_equal(next, 500);
	log_reader_close(&reader);
}

/* Beside a writer that rotates as fast as it can: some may be missed, none comes twice or late. */
static void test_reader_races(void **state)
{
	const struct log_options options = { LOG_FORMAT_CRI, 4096, 10 };
	struct log_record record;
	unsigned last = 0, number = 0;
	int status, ended = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		log_file_open(&file, directory_fd, "app", &options);
		for (unsigned i = 1; i <= 20000; i++) {
			add("line", i);
			if (i % 20 == 0)
				log_file_flush(&file, TIME);
		}
		log_file_flush(&file, TIME);
		_exit(0);
	}
	log_reader_open(&reader, directory_fd, "app");
	while (ended < 2) {
		ended += ended || waitpid(pid, &status, WNOHANG) == pid;
		do {
			while (log_reader_next(&reader, &record) > 0) {
				assert_int_equal(sscanf(record.text, "line %u", &number), 1);
				assert_true(number > last);
				last = number;
			}
		} while (log_reader_refresh(&reader));
	}
	assert_int_equal(last, 20000);
	assert_int_equal(reader.unreadable, 0);
	log_reader_close(&reader);
}

/* What a writer leaves that is killed at any moment. */
static void test_reader_meets_remains(void **state)
{
	const struct log_options options = { LOG_FORMAT_CRI, 4096, 3 };
	static const char torn[] = "2023-11-14T22:13:20.123456789Z stdout F to";
	struct log_record record;
	unsigned next = 0;
	char name[LOG_NAME_MAX];
	int fd;

	(void)state;
	log_file_open(&file, directory_fd, "app", &options);
	for (unsigned i = 0; i < 200; i++)
		add("line", i);
	log_file_close(&file, TIME);
	assert_true(size_of(2) > 0);
	/* In the middle of a rotation; and in the middle of an entry. */
	assert_int_equal(renameat(directory_fd, "app.log.2", directory_fd, "app.log.3"), 0);
	fd = openat(directory_fd, "app.log", O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, torn, sizeof(torn) - 1), sizeof(torn) - 1);
	close(fd);
	log_reader_open(&reader, directory_fd, "app");
	assert_int_equal(log_reader_next(&reader, &record), 1);
	assert_int_equal(sscanf(record.text, "line %u", &next), 1);
	next++;
	(void)read_lines(&next);
	assert_int_equal(next, 200);
	assert_int_equal(reader.unreadable, 0);
	log_reader_close(&reader);
	log_file_name(name, "app", 3);
	assert_int_equal(unlinkat(directory_fd, name, 0), 0);
}

/* Lines of others, also without end, are passed over. */
static void test_reader_passes_over(void **state)
{
	static char noise[3 * LOG_READER_BYTES];
	const struct log_options options = { LOG_FORMAT_CRI, 16 << 20, 3 };
	unsigned next = 0;
	int fd;

	(void)state;
	memset(noise, 'x', sizeof(noise));
	noise[100] = '\n';
	noise[sizeof(noise) - 1] = '\n';
	log_file_open(&file, directory_fd, "app", &options);
	add("line", 0);
	log_file_flush(&file, TIME);
	fd = openat(directory_fd, "app.log", O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, noise, sizeof(noise)), sizeof(noise));
	close(fd);
	add("line", 1);
	log_file_close(&file, TIME);
	log_reader_open(&reader, directory_fd, "app");
	assert_int_equal(read_lines(&next), 2);
	assert_int_equal(reader.unreadable, 2);
	log_reader_close(&reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_form),
		cmocka_unit_test(test_cri_form),
		cmocka_unit_test(test_nothing_is_lost),
		cmocka_unit_test(test_foreign_lines),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_cut_characters),
		cmocka_unit_test_setup_teardown(test_rotation, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(test_one_file, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(test_large_entry, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(test_full_disk, make_directory, remove_directory),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test_setup_teardown(test_reader_follows, make_directory,
						remove_directory),
		cmocka_unit_test_setup_teardown(test_reader_races, make_directory,
						remove_directory),
		cmocka_unit_test_setup_teardown(test_reader_meets_gap, make_directory,
						remove_directory),
		cmocka_unit_test_setup_teardown(test_reader_meets_truncation, make_directory,
						remove_directory),
		cmocka_unit_test_setup_teardown(test_reader_meets_remains, make_directory,
						remove_directory),
		cmocka_unit_test_setup_teardown(test_reader_passes_over, make_directory,
						remove_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
