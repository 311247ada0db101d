/*
 * A guest's processes, whatever it says, and the file system that shows them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "vmm/base/bytes.h"
#include "vmm/pod/proc_server.h"
#include "vmm/pod/processes.h"

#define STAT_TAIL " 0 -1 4194560 1 2 3 4 150 50 0 0 20 -5 3 0 700 8192 9 18446744073709551615 1\n"
#define STATUS(outer, parent, inner)                                                               \
	"Name:\tx\nUmask:\t0022\nPid:\t" outer "\nPPid:\t" parent                                  \
	"\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t20 30 \nNStgid:\t" outer "\t" inner        \
	"\nNSpid:\t" outer "\t" inner "\nNSpgid:\t" outer "\t" inner "\nNSsid:\t0\t0\n"            \
	"VmRSS:\t    1234 kB\nCapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\n"              \
	"CapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nSeccomp:\t2\n"

/* What the guest says. */
static struct {
	uint8_t bytes[65536];
	size_t len;
} said;

static void say_file(const char *text, size_t len)
{
	le32 size = le32_make((uint32_t)len);

	memcpy(said.bytes + said.len, &size, sizeof(size));
	memcpy(said.bytes + said.len + sizeof(size), text, len);
	said.len += sizeof(size) + len;
}

static void say(const char *stat, const char *status, const char *cmdline, size_t len)
{
	if (!said.len) {
		le64 begun = le64_make(1700000000);

		memcpy(said.bytes, &begun, sizeof(begun));
		said.len = sizeof(begun);
	}
	say_file(stat, strlen(stat));
	say_file(status, strlen(status));
	say_file(cmdline, len);
}

static void say_two(void)
{
	said.len = 0;
	say("40 (a b)\x1b) S 1 40 40" STAT_TAIL, STATUS("40", "1", "1"), "sh\0-c\0\x1b[31m", 11);
	say("41 (sleep) R 40 41 40" STAT_TAIL, STATUS("41", "40", "7"), "", 0);
}

static struct processes heard(void)
{
	struct error err = ERROR_NONE;
	struct processes processes;

	if (processes_parse(&processes, said.bytes, said.len, &err) < 0)
		fail_msg("%s", err.text);
	return processes;
}

static void test_whole(void **state)
{
	struct processes processes;
	const struct process *p;

	(void)state;
	say_two();
	processes = heard();
	assert_int_equal(processes.begun_s, 1700000000);
	assert_int_equal(processes.count, 2);
	p = processes_find(&processes, 1);
	assert_int_equal(p->parent, 0);
	assert_int_equal(p->group, 1);
	assert_int_equal(p->state, 'S');
	assert_int_equal(p->nice, -5);
	assert_int_equal(p->threads, 3);
	assert_int_equal(p->user_ticks, 150);
	assert_int_equal(p->system_ticks, 50);
	assert_int_equal(p->start_ticks, 700);
	assert_int_equal(p->size_bytes, 8192);
	assert_int_equal(p->resident_kib, 1234);
	assert_int_equal(p->uids[1], 2);
	assert_int_equal(p->gids[3], 8);
	assert_int_equal(p->group_count, 2);
	assert_int_equal(p->groups[1], 30);
	assert_int_equal(p->capabilities[2], 0xa80425fb);
	assert_int_equal(p->seccomp, 2);
	/* Neither a column nor a terminal is led astray. */
	assert_string_equal(p->name, "a_b)?");
	assert_int_equal(p->arguments_len, 11);
	assert_memory_equal(p->arguments, "sh\0-c\0?[31m", 11);
	assert_int_equal(processes_find(&processes, 7)->parent, 1);
	assert_null(processes_find(&processes, 40));
	processes_free(&processes);
}

/* What is not as the kernel writes it is no process; what is no answer is an error. */
static void test_hostile(void **state)
{
	static const char *const stats[] = {
		"",
		"40 (x",
		"40 (x) S 1 2 3",
		"40 )x( S 1" STAT_TAIL,
		"40 (x) Q 1 40 40" STAT_TAIL,
		"40 (x) S 1 40 40 0 -1 0 0 0 0 0 1 1 0 0 20 99 3 0 7 8 9\n"
	};
	static const char *const statuses[] = { "",
						"Uid:\t1\n",
						STATUS("40", "1", "0"),
						STATUS("40", "1", "-1"),
						STATUS("40", "1", "4194305"),
						STATUS("x", "1", "1") };
	struct error err = ERROR_NONE;
	struct processes processes;

	(void)state;
	said.len = 0;
	for (size_t i = 0; i < ARRAY_SIZE(stats); i++)
		say(stats[i], STATUS("40", "1", "1"), "x", 1);
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
		say("40 (x) S 1 40 40" STAT_TAIL, statuses[i], "x", 1);
	processes = heard();
	assert_int_equal(processes.count, 0);
	processes_free(&processes);
	say_two();
	/* The same number again. */
	say("50 (x) S 1 50 50" STAT_TAIL, STATUS("50", "1", "7"), "x", 1);
	processes = heard();
	assert_int_equal(processes.count, 2);
	processes_free(&processes);
	said.len--;
	assert_int_equal(processes_parse(&processes, said.bytes, said.len, &err), -1);
	assert_int_equal(processes_parse(&processes, said.bytes, 7, &err), -1);
	/* A file that is longer than all. */
	memset(said.bytes + 8, 0xff, 4);
	assert_int_equal(processes_parse(&processes, said.bytes, 12, &err), -1);
	said.len = 0;
	for (unsigned i = 0; i < 100; i++)
		say("", "", "", 0);
	processes = heard();
	assert_int_equal(processes.count, 0);
	processes_free(&processes);
}

/* The answer to a request. */
static struct {
	struct fuse_out_header header;
	char data[PROC_ANSWER_MAX - sizeof(struct fuse_out_header)];
} answer;

static size_t ask(const struct processes *processes, uint32_t opcode, uint64_t node,
		  const void *body, size_t len)
{
	struct {
		struct fuse_in_header header;
		char body[128];
	} request = { .header = { .opcode = opcode, .unique = 77, .nodeid = node } };
	size_t got;

	memcpy(request.body, body, len);
	request.header.len = (uint32_t)(sizeof(request.header) + len);
	got = proc_server_answer(processes, &request, request.header.len, (char *)&answer);
	if (got) {
		assert_int_equal(answer.header.len, got);
		assert_int_equal(answer.header.unique, 77);
	}
	return got;
}

/* The node at a path. */
static uint64_t walk(const struct processes *processes, const char *names[], mode_t mode)
{
	uint64_t node = FUSE_ROOT_ID;
	struct fuse_entry_out entry;

	for (; *names; names++) {
		(void)ask(processes, FUSE_LOOKUP, node, *names, strlen(*names) + 1);
		if (answer.header.error)
			return 0;
		memcpy(&entry, answer.data, sizeof(entry));
		node = entry.nodeid;
	}
	assert_int_equal(entry.attr.mode, mode);
	return node;
}

static const char *read_text(const struct processes *processes, const char *pid, const char *name)
{
	const char *names[] = { pid, name, NULL };
	const struct fuse_read_in in = { .size = 4096 };
	size_t len =
	    ask(processes, FUSE_READ, walk(processes, names, S_IFREG | 0444), &in, sizeof(in));

	assert_int_equal(answer.header.error, 0);
	answer.data[len - sizeof(answer.header)] = '\0';
	return answer.data;
}

static void test_files(void **state)
{
	struct fuse_read_in in = { .offset = 3, .size = 2 };
	struct processes processes;
	unsigned fields = 1;
	uint64_t node;

	(void)state;
	say_two();
	processes = heard();
	assert_string_equal(read_text(&processes, "stat", NULL), "btime 1700000000\n");
	for (const char *c = read_text(&processes, "7", "stat"); *c; c++)
		fields += *c == ' ';
	assert_int_equal(fields, 52);
	assert_int_equal(
	    strncmp(answer.data,
		    "7 (sleep) R 1 7 0 0 -1 0 0 0 0 0 150 50 0 0 20 -5 3 0 700 8192 0 ", 64),
	    0);
	assert_non_null(strstr(read_text(&processes, "1", "status"),
			       "Uid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t20 30 \n"));
	assert_non_null(strstr(answer.data, "\nCapEff:\t00000000a80425fb\n"));
	assert_string_equal(read_text(&processes, "7", "cmdline"), "");
	assert_string_equal(read_text(&processes, "7", "uid_map"),
			    "         0          0 4294967295\n");
	node = walk(&processes, (const char *[]){ "1", "cmdline", NULL }, S_IFREG | 0444);
	assert_int_equal(ask(&processes, FUSE_READ, node, &in, sizeof(in)),
			 sizeof(answer.header) + 2);
	assert_memory_equal(answer.data, "-c", 2);
	in.offset = 11;
	assert_int_equal(ask(&processes, FUSE_READ, node, &in, sizeof(in)), sizeof(answer.header));
	node = walk(&processes, (const char *[]){ "1", "ns", "pid", NULL }, S_IFLNK | 0777);
	(void)ask(&processes, FUSE_READLINK, node, "", 0);
	assert_memory_equal(answer.data, "pid:[0]", 7);
	/* One that is not there, or not any more. */
	assert_int_equal(walk(&processes, (const char *[]){ "40", NULL }, 0), 0);
	assert_int_equal(answer.header.error, -ENOENT);
	(void)ask(&processes, FUSE_GETATTR, 40 * 8, "", 0);
	assert_int_equal(answer.header.error, -ENOENT);
	processes_free(&processes);
}

/* Names by several calls, each with room for one. */
static void test_lists(void **state)
{
	static const char *const names[] = { "stat", "1", "7" };
	struct fuse_read_in in = { .size = 32 };
	struct processes processes;

	(void)state;
	say_two();
	processes = heard();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct fuse_dirent entry;

		assert_int_equal(ask(&processes, FUSE_READDIR, FUSE_ROOT_ID, &in, sizeof(in)),
				 sizeof(answer.header) + 32);
		memcpy(&entry, answer.data, sizeof(entry));
		assert_int_equal(entry.namelen, strlen(names[i]));
		assert_memory_equal(answer.data + FUSE_NAME_OFFSET, names[i], entry.namelen);
		in.offset = entry.off;
	}
	assert_int_equal(ask(&processes, FUSE_READDIR, FUSE_ROOT_ID, &in, sizeof(in)),
			 sizeof(answer.header));
	in = (struct fuse_read_in){ .size = UINT32_MAX };
	assert_true(ask(&processes, FUSE_READDIR, 7 * 8 + 7, &in, sizeof(in)) >
		    sizeof(answer.header) + 6 * 24);
	processes_free(&processes);
}

static void test_requests(void **state)
{
	const struct processes none = { .count = 0 };
	struct fuse_init_out out;

	(void)state;
	assert_true(ask(NULL, FUSE_INIT, 0, "", 0) > 0);
	memcpy(&out, answer.data, sizeof(out));
	assert_int_equal(out.major, FUSE_KERNEL_VERSION);
	assert_int_equal(ask(&none, FUSE_FORGET, FUSE_ROOT_ID, "", 0), 0);
	assert_int_equal(ask(&none, FUSE_INTERRUPT, 0, "", 0), 0);
	(void)ask(&none, FUSE_OPEN, 2, "", 0);
	assert_int_equal(((struct fuse_open_out *)(void *)answer.data)->open_flags,
			 FOPEN_DIRECT_IO);
	(void)ask(&none, FUSE_WRITE, 2, "", 0);
	assert_int_equal(answer.header.error, -ENOSYS);
	(void)ask(&none, FUSE_READ, 2, "", 0);
	assert_int_equal(answer.header.error, -EINVAL);
	(void)ask(&none, FUSE_READLINK, 2, "", 0);
	assert_int_equal(answer.header.error, -EINVAL);
	(void)ask(&none, FUSE_LOOKUP, 2, "x", 2);
	assert_int_equal(answer.header.error, -ENOTDIR);
	assert_int_equal(proc_server_answer(&none, "", 0, (char *)&answer), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),	 cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_files),	 cmocka_unit_test(test_lists),
		cmocka_unit_test(test_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
