/*
 * The parts of guest-init that are plain functions: users, frames, interpreters, limits, restarts.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <elf.h>
#include <cmocka.h>

#include "guest-init/cgroup.h"
#include "guest-init/clock.h"
#include "guest-init/exec.h"
#include "guest-init/frames.h"
#include "guest-init/platform.h"
#include "guest-init/policy.h"
#include "guest-init/question.h"
#include "guest-init/start_hooks.h"
#include "guest-init/users.h"
#include "vmm/base/cleanup.h"

static const char passwd[] = "# no entry\n"
			     "root:x:0:0:root:/root:/bin/sh\n"
			     "bad:x:-1:0::/:/bin/sh\n"
			     "big:x:4294967295:0::/:/bin/sh\n"
			     ":x:77:77::/nameless:\n"
			     "1000:x:5:6:a name of digits:/five:\n"
			     "web:x:1000:100:Web\n"
			     "short:x:8\n"
			     "rel:x:9:9::home:/bin/sh\n"
			     "last:x:10:20::/last";
static const char group[] = "root:x:0:\nusers:x:100:\nwww:x:33:a,web,b\nlog:x:4:web\n"
			    "notweb:x:5:webby,xweb\nbad:x:x:web\nlast:x:200:web,last";

static int resolve(const char *spec, struct user *user, struct error *err)
{
	return user_resolve(spec, (struct text){ passwd, strlen(passwd) },
			    (struct text){ group, strlen(group) }, user, err);
}

static void expect_user(const char *spec, uint32_t uid, uint32_t gid, size_t groups,
			const char *home)
{
	struct error err = ERROR_NONE;
	struct user user;

	assert_int_equal(resolve(spec, &user, &err), 0);
	assert_int_equal(user.uid, uid);
	assert_int_equal(user.gid, gid);
	assert_int_equal(user.group_count, groups);
	assert_string_equal(user.home, home);
}

static void refuse_user(const char *spec, const char *why)
{
	struct error err = ERROR_NONE;
	struct user user;

	assert_int_equal(resolve(spec, &user, &err), -1);
	assert_string_equal(err.text, why);
}

static void test_users(void **state)
{
	(void)state;
	expect_user("root", 0, 0, 1, "/root");
	expect_user("", 0, 0, 1, "/root");
	expect_user(":33", 0, 33, 1, "/root");
	expect_user("web", 1000, 100, 4, "/");
	expect_user("1000", 1000, 100, 4, "/");
	expect_user("web:www", 1000, 33, 1, "/");
	expect_user("web:7", 1000, 7, 1, "/");
	expect_user("4711:log", 4711, 4, 1, "/");
	expect_user("77", 77, 0, 1, "/");
	expect_user("rel", 9, 9, 1, "/");
	expect_user("last", 10, 20, 2, "/last");
	expect_user("web:last", 1000, 200, 1, "/");
	expect_user("4294967294", 4294967294U, 0, 1, "/");
	refuse_user("bad", "there is no user \"bad\" in the image's /etc/passwd");
	refuse_user("short", "there is no user \"short\" in the image's /etc/passwd");
	refuse_user("web:bad", "there is no group \"bad\" in the image's /etc/group");
	refuse_user("4294967295", "user 4294967295: Numerical result out of range");
	refuse_user("99999999999999999999", "user 99999999999999999999: "
					    "Numerical result out of range");
	refuse_user("web:4294967295", "group 4294967295: Numerical result out of range");
	refuse_user("-1", "there is no user \"-1\" in the image's /etc/passwd");
}

static void test_users_without_files(void **state)
{
	const struct text none = { NULL, 0 };
	struct error err = ERROR_NONE;
	struct user user;

	(void)state;
	assert_int_equal(user_resolve("0:0", none, none, &user, &err), 0);
	assert_int_equal(user_resolve("12:34", none, none, &user, &err), 0);
	assert_int_equal(user.uid, 12);
	assert_int_equal(user.gid, 34);
	assert_int_equal(user_resolve("root", none, none, &user, &err), -1);
}

static void test_many_groups(void **state)
{
	static char text[USER_GROUPS_MAX * 32];
	struct error err = ERROR_NONE;
	struct user user;
	size_t len = 0;

	(void)state;
	for (int i = 0; i < USER_GROUPS_MAX + 10; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "g%d:x:%d:web\n", i, i);
	assert_int_equal(user_resolve("web", (struct text){ passwd, strlen(passwd) },
				      (struct text){ text, len }, &user, &err),
			 0);
	assert_int_equal(user.group_count, USER_GROUPS_MAX);
}

static void test_frames(void **state)
{
	const struct frame_signal signal = { le32_make(3), le32_make(15) };
	const struct frame_winsize size = { le32_make(1), le16_make(24), le16_make(80) };
	const struct frame_add add = { le32_make(FRAME_ID_ADDED_FIRST), le32_make(77),
				       le32_make(2) };
	const struct frame_stop stop = { le32_make(1500) };
	struct host_frame frame;
	uint8_t bytes[64];
	size_t len = frame_write(bytes, FRAME_SIGNAL, &signal, sizeof(signal));

	(void)state;
	assert_int_equal(len, 16);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(frame_parse(bytes, i, &frame), 0);
	assert_int_equal(frame_parse(bytes, sizeof(bytes), &frame), 16);
	assert_int_equal(frame.type, FRAME_SIGNAL);
	assert_int_equal(frame.app, 3);
	assert_int_equal(frame.signal, 15);
	frame_write(bytes, FRAME_WINSIZE, &size, sizeof(size));
	assert_int_equal(frame_parse(bytes, 16, &frame), 16);
	assert_int_equal(frame.rows, 24);
	assert_int_equal(frame.columns, 80);
	assert_int_equal(frame_write(bytes, FRAME_STOP, &stop, sizeof(stop)), 12);
	assert_int_equal(frame_parse(bytes, 12, &frame), 12);
	assert_int_equal(frame.timeout_ms, 1500);
	assert_int_equal(frame_write(bytes, FRAME_ADD, &add, sizeof(add)), 20);
	assert_int_equal(frame_parse(bytes, 19, &frame), 0);
	assert_int_equal(frame_parse(bytes, 20, &frame), 20);
	assert_int_equal(frame.id, FRAME_ID_ADDED_FIRST);
	assert_int_equal(frame.record_port, 77);
	assert_int_equal(frame.app, 2);
	assert_int_equal(frame_write(bytes, FRAME_CLOCK, "", 0), 8);
	assert_int_equal(frame_parse(bytes, 7, &frame), 0);
	assert_int_equal(frame_parse(bytes, 8, &frame), 8);
	assert_int_equal(frame.type, FRAME_CLOCK);
}

static void test_bad_frames(void **state)
{
	const struct frame_signal none = { le32_make(0), le32_make(0) };
	const struct frame_signal large = { le32_make(0), le32_make(65) };
	const struct frame_add below = { .id = le32_make(FRAME_ID_ADDED_FIRST - 1) };
	const struct frame_add above = { .id = le32_make(FRAME_ID_ADDED_FIRST + FRAME_ADDED_MAX) };
	struct host_frame frame;
	uint8_t bytes[64];

	(void)state;
	frame_write(bytes, FRAME_SIGNAL, &none, sizeof(none));
	assert_int_equal(frame_parse(bytes, 16, &frame), -1);
	frame_write(bytes, FRAME_SIGNAL, &large, sizeof(large));
	assert_int_equal(frame_parse(bytes, 16, &frame), -1);
	frame_write(bytes, FRAME_SIGNAL, &none, 4);
	assert_int_equal(frame_parse(bytes, 12, &frame), -1);
	frame_write(bytes, FRAME_ADD, &below, sizeof(below));
	assert_int_equal(frame_parse(bytes, 20, &frame), -1);
	frame_write(bytes, FRAME_ADD, &above, sizeof(above));
	assert_int_equal(frame_parse(bytes, 20, &frame), -1);
	frame_write(bytes, FRAME_STOP, &none, 8);
	assert_int_equal(frame_parse(bytes, 16, &frame), -1);
	frame_write(bytes, FRAME_POD_EXIT, &none, 8);
	assert_int_equal(frame_parse(bytes, 16, &frame), -1);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(frame_parse(bytes, sizeof(bytes), &frame), -1);
}

static void expect_interpreter(const void *data, size_t len, const char *wanted)
{
	_cleanup_fd_ int fd = memfd_create("program", MFD_CLOEXEC);
	char name[INTERPRETER_MAX];

	assert_int_equal(write(fd, data, len), len);
	exec_interpreter(fd, name);
	assert_string_equal(name, wanted);
}

static void test_interpreters(void **state)
{
	struct {
		Elf64_Ehdr header;
		Elf64_Phdr segments[2];
		char name[16];
	} elf = { .header = { .e_phoff = sizeof(Elf64_Ehdr),
			      .e_phentsize = sizeof(Elf64_Phdr),
			      .e_phnum = 2 },
		  .segments[1] = { .p_type = PT_INTERP,
				   .p_offset = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr),
				   .p_filesz = 8 },
		  .name = "/lib/ldXXXX" };
	char longer[400];

	(void)state;
	expect_interpreter("#!/bin/sh -e\n", 13, "/bin/sh");
	expect_interpreter("#! \t/bin/sh", 11, "/bin/sh");
	expect_interpreter("#!", 2, "");
	expect_interpreter("#!\n", 3, "");
	expect_interpreter("", 0, "");
	expect_interpreter("plain text", 10, "");
	memset(longer, 'a', sizeof(longer));
	memcpy(longer, "#!/", 3);
	{
		char wanted[INTERPRETER_MAX];

		memcpy(wanted, longer + 2, sizeof(wanted));
		wanted[254] = '\0';
		expect_interpreter(longer, sizeof(longer), wanted);
	}
	memcpy(elf.header.e_ident, ELFMAG, SELFMAG);
	elf.header.e_ident[EI_CLASS] = ELFCLASS64;
	expect_interpreter(&elf, sizeof(elf), "/lib/ldX");
	elf.segments[1].p_offset = UINT64_MAX;
	expect_interpreter(&elf, sizeof(elf), "");
	elf.header.e_phnum = UINT16_MAX;
	expect_interpreter(&elf, sizeof(elf), "");
	elf.header.e_phoff = UINT64_MAX - 3;
	expect_interpreter(&elf, sizeof(elf), "");
	elf.header.e_ident[EI_CLASS] = ELFCLASS32;
	expect_interpreter(&elf, sizeof(elf), "");
}

/* The product's promise: small enough that its unpacking does not matter. */
static void test_size(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(stat(GUEST_INIT_PATH, &st), 0);
	assert_true(st.st_size < 150 * 1024);
}

/* The test does not touch its host's clock. */
int platform_host_time(int64_t *ns)
{
	(void)ns;
	return -1;
}

/* Twenty looks, each when it is due, at a clock that goes wrong at a steady rate; when they end. */
static int64_t looks(struct clock_state *clock, int64_t wrong_ppb, int64_t now_ns,
		     int64_t *behind_ns, struct clock_change *change)
{
	for (int i = 0; i < 20; i++) {
		int64_t passed_ns = clock->period_ms * 1000000;

		now_ns += passed_ns;
		*behind_ns += (wrong_ppb - change->rate_ppb) * (passed_ns / 1000000) / 1000;
		*change = clock_judge(clock, now_ns, *behind_ns, 1000, false);
		*behind_ns -= change->step_ns;
	}
	return now_ns;
}

/* What is far is set, what is near is left, and what lies between is taken away by the rate. */
static void test_clock(void **state)
{
	const int64_t started_ns = 20000000;
	struct clock_state clock = { 0 };
	struct clock_change change;

	(void)state;
	change = clock_judge(&clock, started_ns, 5000000, 1000, true);
	assert_int_equal(change.step_ns, 5000000);
	assert_int_equal(change.rate_ppb, 0);
	assert_int_equal(clock.period_ms, CLOCK_PERIOD_MS);
	for (int sign = -1; sign <= 1; sign += 2) {
		struct clock_state next = clock;

		change = clock_judge(&next, started_ns + 1000000, sign * CLOCK_CLOSE_NS, 0, true);
		assert_int_equal(change.step_ns, 0);
		assert_int_equal(change.rate_ppb, sign * 13333);
		change =
		    clock_judge(&next, started_ns + 2000000, sign * (CLOCK_STEP_NS + 1), 1, true);
		assert_int_equal(change.step_ns, sign * (CLOCK_STEP_NS + 1));
		assert_int_equal(change.rate_ppb, 0);
		change = clock_judge(&next, started_ns + 3000000, sign * CLOCK_STEP_NS,
				     CLOCK_STEP_NS + 1, true);
		assert_int_equal(change.step_ns, 0);
		assert_int_equal(change.rate_ppb, 0);
		change = clock_judge(&next, started_ns + 4000000, sign * 3000000, 1, true);
		assert_int_equal(change.step_ns, 0);
		assert_int_equal(change.rate_ppb, sign * 200000);
		/* That is over when it was to be over, and was no property of the clock. */
		change = clock_judge(&next, started_ns + 15004000000, 0, 1, false);
		assert_int_equal(change.step_ns, 0);
		assert_int_equal(change.rate_ppb, 0);
	}
	clock_set();
	assert_int_equal(clock_due_ms(), 0);
}

/* Its rate is learned, so that it is looked at ever more rarely; a jump is no rate. */
static void test_clock_rate(void **state)
{
	const int64_t rates[] = { 0, 12345, -300000, 450000 };
	int64_t now_ns;

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct clock_state clock = { 0 };
		int64_t behind_ns = 0;
		struct clock_change change = clock_judge(&clock, 1000000, 0, 1000, true);

		now_ns = looks(&clock, rates[i], 1000000, &behind_ns, &change);
		assert_in_range(behind_ns + CLOCK_CLOSE_NS, 0, 2 * CLOCK_CLOSE_NS);
		assert_in_range(clock.rate_ppb - rates[i] + 1000, 0, 2000);
		assert_int_equal(clock.period_ms, CLOCK_PERIOD_MAX_MS);
		change = clock_judge(&clock, now_ns + 1000000, 86400000000000, 1000, true);
		assert_int_equal(change.step_ns, 86400000000000);
		assert_int_equal(clock.period_ms, CLOCK_PERIOD_MS);
		change = clock_judge(&clock, now_ns + 15001000000, -90000000000, 1000, false);
		assert_int_equal(change.step_ns, -90000000000);
		assert_in_range(change.rate_ppb - rates[i] + 1000, 0, 2000);
	}
}

static void test_policy(void **state)
{
	uint32_t delay_ms = 0;

	(void)state;
	assert_false(policy_is_failure(EXIT_KIND_CODE, 0));
	assert_true(policy_is_failure(EXIT_KIND_CODE, 1));
	assert_true(policy_is_failure(EXIT_KIND_SIGNAL, 15));
	assert_false(policy_restarts(RECORD_RESTART_NO, EXIT_KIND_CODE, 1));
	assert_false(policy_restarts(RECORD_RESTART_ON_FAILURE, EXIT_KIND_CODE, 0));
	assert_true(policy_restarts(RECORD_RESTART_ON_FAILURE, EXIT_KIND_SIGNAL, 9));
	assert_true(policy_restarts(RECORD_RESTART_ALWAYS, EXIT_KIND_CODE, 0));
	assert_false(policy_restarts(RECORD_RESTART_ALWAYS, EXIT_KIND_NOT_STARTED, 127));
	assert_false(policy_restarts(RECORD_RESTART_ALWAYS, EXIT_KIND_INIT_FAILURE, 5));
	for (uint32_t want = 100; want < 10000; want *= 2) {
		delay_ms = policy_delay_ms(delay_ms, 9999);
		assert_int_equal(delay_ms, want);
	}
	assert_int_equal(policy_delay_ms(delay_ms, 0), 10000);
	assert_int_equal(policy_delay_ms(10000, 0), 10000);
	assert_int_equal(policy_delay_ms(10000, 10000), 100);
	assert_true(policy_obeyed(10, EXIT_KIND_CODE, 0) &&
		    policy_obeyed(10, EXIT_KIND_SIGNAL, 10));
	assert_false(policy_obeyed(10, EXIT_KIND_CODE, 1) ||
		     policy_obeyed(10, EXIT_KIND_SIGNAL, 9) ||
		     policy_obeyed(10, EXIT_KIND_NOT_STARTED, 126));
}

/* A directory with the files that a cgroup has, where what is written can be read again. */
static char cgroups[] = "/tmp/nacelle-cgroups-XXXXXX";

static void put_cgroup_file(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", cgroups, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void expect_cgroup_file(const char *name, const char *text)
{
	char path[128], got[64] = "";
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", cgroups, name);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_true(fread(got, 1, sizeof(got) - 1, file) < sizeof(got));
	assert_int_equal(fclose(file), 0);
	assert_string_equal(got, text);
}

/* Limits change together: where one cannot, those before it are what they were. */
static void test_limits_together(void **state)
{
	const struct record_app limits = { .memory_limit = 6442450944,
					   .cpu_limit = 500,
					   .pids_limit = 7 };
	struct record_app config = { .memory_limit = 5368709120, .cpu_weight = 77 };
	struct error err = ERROR_NONE;
	char path[128];

	(void)state;
	(void)snprintf(cgroups, sizeof(cgroups), "/tmp/nacelle-cgroups-XXXXXX");
	assert_non_null(mkdtemp(cgroups));
	(void)snprintf(path, sizeof(path), "%s/app1", cgroups);
	assert_int_equal(mkdir(path, 0755), 0);
	put_cgroup_file("cgroup.subtree_control", "");
	put_cgroup_file("app1/memory.max", "5368709120\n");
	put_cgroup_file("app1/memory.oom.group", "0\n");
	put_cgroup_file("app1/cpu.max", "70000 100000\n");
	(void)snprintf(path, sizeof(path), "%s/app1/pids.max", cgroups);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(cgroup_change(cgroups, 1, &limits, &err), -1);
	assert_non_null(strstr(err.text, "pids.max"));
	expect_cgroup_file("app1/memory.max", "5368709120\n");
	expect_cgroup_file("app1/memory.oom.group", "0\n");
	expect_cgroup_file("app1/cpu.max", "70000 100000\n");
	assert_int_equal(rmdir(path), 0);
	put_cgroup_file("app1/pids.max", "");
	assert_int_equal(cgroup_change(cgroups, 1, &limits, &err), 0);
	cgroup_note_change(&config, &limits);
	expect_cgroup_file("app1/memory.max", "6442450944\n");
	expect_cgroup_file("app1/pids.max", "7");
	assert_int_equal(config.memory_limit, 6442450944);
	assert_int_equal(config.cpu_weight, 77);
	(void)snprintf(path, sizeof(path), "rm -r %s", cgroups);
	assert_int_equal(system(path), 0);
	(void)snprintf(cgroups, sizeof(cgroups), "/tmp/nacelle-cgroups-XXXXXX");
}

/* Whoever has others to serve does not wait for the kernel, which a pipe stands for. */
static void test_slow_limit(void **state)
{
	const struct record_app limits = { .memory_limit = 4096 };
	char path[128], text[8] = "";
	int fd, status, stream[2];
	struct pollfd end;
	pid_t pid;

	(void)state;
	(void)snprintf(cgroups, sizeof(cgroups), "/tmp/nacelle-cgroups-XXXXXX");
	assert_non_null(mkdtemp(cgroups));
	(void)snprintf(path, sizeof(path), "%s/app1", cgroups);
	assert_int_equal(mkdir(path, 0755), 0);
	put_cgroup_file("cgroup.subtree_control", "");
	put_cgroup_file("app1/memory.oom.group", "0");
	assert_int_equal(pipe(stream), 0);
	(void)snprintf(path, sizeof(path), "%s/app1/memory.max", cgroups);
	assert_int_equal(mkfifo(path, 0600), 0);
	pid = question_change(cgroups, 1, &limits);
	assert_true(pid > 0);
	/* Nor does anybody's stream: its end is the end. */
	close(stream[1]);
	end = (struct pollfd){ .fd = stream[0], .events = POLLIN };
	assert_int_equal(poll(&end, 1, 60000), 1);
	close(stream[0]);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(read(fd, text, sizeof(text)), 4);
	assert_string_equal(text, "4096");
	close(fd);
	/* What the kernel refuses is its exit status. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0755), 0);
	pid = question_change(cgroups, 1, &limits);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, EISDIR << 8);
	(void)snprintf(path, sizeof(path), "rm -r %s", cgroups);
	assert_int_equal(system(path), 0);
}

static void test_cgroups(void **state)
{
	static const char *const files[] = { "app1/memory.max", "app1/memory.oom.group",
					     "app1/cpu.max",	"app1/cpu.weight",
					     "app1/pids.max",	"cgroup.subtree_control" };
	struct record_app apps[] = { { .name = "free" },
				     { .memory_limit = UINT64_C(5) << 30,
				       .cpu_limit = 1500,
				       .cpu_weight = 77,
				       .pids_limit = 9 } };
	struct record record = { .apps = apps, .app_count = 1 };
	struct error err = ERROR_NONE;
	char path[64];
	bool of_guest;

	(void)state;
	assert_non_null(mkdtemp(cgroups));
	(void)snprintf(path, sizeof(path), "%s/app1", cgroups);
	assert_int_equal(mkdir(path, 0755), 0);
	/* Nothing is enabled, or written, for what has no limit: no file is there yet. */
	assert_int_equal(cgroup_enable(cgroups, &record, &err), 0);
	assert_int_equal(cgroup_make(cgroups, 0, &apps[0], &err), 0);
	record.app_count = 2;
	assert_int_equal(cgroup_enable(cgroups, &record, &err), -1);
	assert_int_equal(cgroup_make(cgroups, 1, &apps[1], &err), -1);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		put_cgroup_file(files[i], "");
	assert_int_equal(cgroup_enable(cgroups, &record, &err), 0);
	assert_int_equal(cgroup_make(cgroups, 1, &apps[1], &err), 0);
	expect_cgroup_file("cgroup.subtree_control", "+memory +cpu +pids");
	expect_cgroup_file("app1/memory.max", "5368709120");
	expect_cgroup_file("app1/memory.oom.group", "1");
	expect_cgroup_file("app1/cpu.max", "150000 100000");
	expect_cgroup_file("app1/cpu.weight", "77");
	expect_cgroup_file("app1/pids.max", "9");
	/* Less than the kernel takes. */
	apps[1] = (struct record_app){ .cpu_limit = 1 };
	put_cgroup_file("app1/cpu.max", "");
	put_cgroup_file("cgroup.subtree_control", "");
	assert_int_equal(cgroup_enable(cgroups, &record, &err), 0);
	assert_int_equal(cgroup_make(cgroups, 1, &apps[1], &err), 0);
	expect_cgroup_file("cgroup.subtree_control", "+cpu ");
	expect_cgroup_file("app1/cpu.max", "1000 100000");
	put_cgroup_file("app1/memory.events",
			"low 0\nhigh 0\nmax 31\noom 2\noom_kill 3\noom_group_kill 1\n");
	assert_int_equal(cgroup_oom_kills(cgroups, 1, "/no/such", &of_guest), 3);
	assert_false(of_guest);
	put_cgroup_file("app1/memory.events", "oom_kil");
	assert_int_equal(cgroup_oom_kills(cgroups, 1, "/no/such", &of_guest), 0);
	(void)snprintf(path, sizeof(path), "rm -r %s", cgroups);
	assert_int_equal(system(path), 0);
}

static int make_groups(const char *path)
{
	char command[256];

	(void)snprintf(command, sizeof(command), "bash -c 'mkdir -p %s/app1/%s'", cgroups, path);
	return system(command);
}

static bool is_there(const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", cgroups, name);
	return access(path, F_OK) == 0;
}

/* What an app has made below its own, and what cannot be removed. */
static void test_removed_cgroups(void **state)
{
	char path[64];

	(void)state;
	(void)snprintf(cgroups, sizeof(cgroups), "/tmp/cgroups-XXXXXX");
	assert_non_null(mkdtemp(cgroups));
	cgroup_remove(cgroups, 1);
	assert_int_equal(make_groups(""), 0);
	cgroup_remove(cgroups, 1);
	assert_false(is_there("app1"));
	assert_int_equal(make_groups("{a/b/c,a/d,e,f/{1,2,3}/g/h/i/j/k/l/m/n/o/p/q/r/s/t}"), 0);
	cgroup_remove(cgroups, 1);
	assert_false(is_there("app1"));
	assert_int_equal(make_groups("busy/below"), 0);
	put_cgroup_file("app1/busy/below/file", "");
	cgroup_remove(cgroups, 1);
	assert_true(is_there("app1/busy/below"));
	(void)snprintf(path, sizeof(path), "rm -r %s", cgroups);
	assert_int_equal(system(path), 0);
}

/* One kill is one app's, unless it is counted where each app has a number of its own. */
static void test_oom_kills(void **state)
{
	uint64_t seen[3] = { 0 };
	char vmstat[64], path[64];

	(void)state;
	(void)snprintf(cgroups, sizeof(cgroups), "/tmp/cgroups-XXXXXX");
	assert_non_null(mkdtemp(cgroups));
	(void)snprintf(vmstat, sizeof(vmstat), "%s/vmstat", cgroups);
	assert_false(cgroup_take_oom_kill(cgroups, 0, vmstat, &seen[0]));
	put_cgroup_file("vmstat", "pgfault 9\noom_kill 1\n");
	assert_true(cgroup_take_oom_kill(cgroups, 0, vmstat, &seen[0]));
	assert_false(cgroup_take_oom_kill(cgroups, 1, vmstat, &seen[1]));
	assert_false(cgroup_take_oom_kill(cgroups, 0, vmstat, &seen[0]));
	put_cgroup_file("vmstat", "oom_kill 2\n");
	assert_true(cgroup_take_oom_kill(cgroups, 1, vmstat, &seen[1]));
	(void)snprintf(path, sizeof(path), "%s/app2", cgroups);
	assert_int_equal(mkdir(path, 0755), 0);
	put_cgroup_file("app2/memory.events", "oom_kill 1\n");
	assert_true(cgroup_take_oom_kill(cgroups, 2, vmstat, &seen[2]));
	assert_false(cgroup_take_oom_kill(cgroups, 2, vmstat, &seen[2]));
	assert_int_equal(seen[2], 1);
	(void)snprintf(path, sizeof(path), "rm -r %s", cgroups);
	assert_int_equal(system(path), 0);
}

/* One that can be made and not be watched, for want of descriptors. Returns what is wrong, or 0. */
static int run_unwatched_hook(void)
{
	const char *argv[] = { "sh", "-c", "exit 0", NULL }, *env[] = { NULL };
	struct record_hook hook = { .path = "/bin/sh", .argv = argv, .env = env, .timeout_s = 100 };
	const struct record_app app = { .start_state = "{}",
					.start_hooks = &hook,
					.start_hook_count = 1 };
	struct start_failure why = { .step = 0 };
	struct error err = ERROR_NONE;
	const int stdio[3] = { 0, 1, 2 };
	struct rlimit limit;
	int next = dup(0);

	close(next);
	if (start_hooks_run(&app, stdio, &why, &err) < 0)
		return 1;
	/* The state takes the last one. */
	limit.rlim_cur = limit.rlim_max = (rlim_t)next + 1;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 2;
	if (start_hooks_run(&app, stdio, &why, &err) == 0)
		return 3;
	if (!strstr(err.text, "cannot wait for the startContainer hook /bin/sh"))
		return 4;
	return why.step == START_STEP_OTHER && why.error == EMFILE ? 0 : 5;
}

static void test_start_hooks(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		_exit(run_unwatched_hook());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start_hooks),
		cmocka_unit_test(test_limits_together),
		cmocka_unit_test(test_policy),
		cmocka_unit_test(test_cgroups),
		cmocka_unit_test(test_oom_kills),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_clock_rate),
		cmocka_unit_test(test_users),
		cmocka_unit_test(test_users_without_files),
		cmocka_unit_test(test_many_groups),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_bad_frames),
		cmocka_unit_test(test_interpreters),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_removed_cgroups),
		cmocka_unit_test(test_slow_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
