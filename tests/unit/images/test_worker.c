#include "tests/unit/images/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "images/fetch.h"
#include "images/message.h"
#include "images/worker.h"
#include "vmm/base/io.h"

/* What the worker of a test does, once it is confined. */
enum act {
	ACT_RESULT,
	ACT_FAIL,
	ACT_SILENT,
	ACT_STAT,
	ACT_SOCKET,
	ACT_FORK,
	ACT_EXEC,
	ACT_KILL,
	ACT_SIGNAL_ANOTHER,
	ACT_DATAGRAMS,
	ACT_UNLINK,
	ACT_CRASH,
	ACT_ABORT,
	ACT_STRANGE_KIND,
	ACT_HUGE_MESSAGE,
	ACT_CUT_MESSAGE,
	ACT_WAIT,
};

static int act(void *context, int control, struct error *err)
{
	static const uint32_t huge[] = { MESSAGE_RESULT, UINT32_MAX };
	static char *const no_arguments[] = { NULL };
	int pair[2];

	switch (*(enum act *)context) {
	case ACT_RESULT:
		return message_send(control, MESSAGE_RESULT, "done", 4);
	case ACT_FAIL:
		return error_set(err, 0, "no\033 good");
	case ACT_STAT:
		return access("/etc/passwd", F_OK);
	case ACT_SOCKET:
		return socket(AF_INET, SOCK_STREAM, 0);
	case ACT_FORK:
		return fork();
	case ACT_EXEC:
		return execve("/bin/true", no_arguments, no_arguments);
	case ACT_KILL:
		return kill(1, 0);
	case ACT_SIGNAL_ANOTHER:
		return (int)syscall(SYS_tgkill, 1, 1, 0);
	case ACT_DATAGRAMS:
		return socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
	case ACT_UNLINK:
		return unlink("/nonexistent/file");
	case ACT_CRASH:
		(void)signal(SIGSEGV, SIG_DFL);
		return raise(SIGSEGV);
	case ACT_ABORT:
		(void)signal(SIGABRT, SIG_DFL);
		abort();
	case ACT_STRANGE_KIND:
		return message_send(control, (enum message_kind)99, "", 0);
	case ACT_HUGE_MESSAGE:
		return io_write_all(control, huge, sizeof(huge));
	case ACT_CUT_MESSAGE:
		return io_write_all(control, huge, 3);
	case ACT_WAIT:
		return (int)read(control, err, 1);
	case ACT_SILENT:
	default:
		return 0;
	}
}

static int run_as(const struct worker_role *role, enum act what, char **data, struct error *err)
{
	const struct worker_job job = { .role = role, .run = act, .context = &what };
	struct worker worker;
	size_t len;
	int kind;

	assert_int_equal(worker_start(&worker, &job, err), 0);
	kind = worker_receive(&worker, data, &len, err);
	if (kind >= 0)
		worker_kill(&worker);
	return kind;
}

static int run(enum act what, char **data, struct error *err)
{
	return run_as(NULL, what, data, err);
}

static void test_result(void **state)
{
	struct error err = ERROR_NONE;
	char *data;

	(void)state;
	assert_int_equal(run(ACT_RESULT, &data, &err), MESSAGE_RESULT);
	assert_string_equal(data, "done");
	free(data);
}

static void test_failures(void **state)
{
	static const struct {
		enum act what;
		const char *error;
	} cases[] = {
		{ ACT_FAIL, "no? good" },
		{ ACT_SILENT, "without a result" },
		{ ACT_CRASH, "crashed" },
		{ ACT_ABORT, "crashed" },
		{ ACT_STRANGE_KIND, "unexpected" },
		{ ACT_HUGE_MESSAGE, "too large" },
		{ ACT_CUT_MESSAGE, "without a result" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error err = ERROR_NONE;
		char *data;

		assert_int_equal(run(cases[i].what, &data, &err), -1);
		if (!strstr(err.text, cases[i].error))
			fail_msg("%s is not %s", err.text, cases[i].error);
	}
}

/* Each of these would be a step out of the sandbox, and is the worker's last. */
static void test_forbidden_calls(void **state)
{
	static const enum act forbidden[] = { ACT_STAT, ACT_SOCKET, ACT_FORK,	       ACT_EXEC,
					      ACT_KILL, ACT_UNLINK, ACT_SIGNAL_ANOTHER };

	(void)state;
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
		struct error err = ERROR_NONE;
		char *data;

		assert_int_equal(run(forbidden[i], &data, &err), -1);
		if (!strstr(err.text, "sandbox"))
			fail_msg("%d: %s", (int)forbidden[i], err.text);
	}
}

/* The process with the network reaches no socket of the host's but over IP. */
static void test_fetcher(void **state)
{
	struct error err = ERROR_NONE;
	char *data;

	(void)state;
	assert_int_equal(run_as(&fetch_role, ACT_DATAGRAMS, &data, &err), -1);
	if (!strstr(err.text, "sandbox"))
		fail_msg("%s", err.text);
}

static void read_status(pid_t pid, char *text, size_t room)
{
	char path[64];
	int fd;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	n = io_read_full(fd, text, room - 1);
	assert_true(n > 0);
	text[n] = '\0';
	close(fd);
}

/* A worker that waits has no privilege, no way to get one, and nothing open but its socket. */
static void test_status(void **state)
{
	enum act what = ACT_WAIT;
	const struct worker_job job = { .run = act, .context = &what };
	struct error err = ERROR_NONE;
	struct worker worker;
	char text[8192] = "";

	(void)state;
	assert_int_equal(worker_start(&worker, &job, &err), 0);
	for (int i = 0; i < 500 && !strstr(text, "Seccomp:\t2"); i++) {
		usleep(2000);
		read_status(worker.pid, text, sizeof(text));
	}
	assert_non_null(strstr(text, "Seccomp:\t2"));
	assert_non_null(strstr(text, "NoNewPrivs:\t1"));
	assert_non_null(strstr(text, "CapEff:\t0000000000000000"));
	assert_non_null(strstr(text, "CapPrm:\t0000000000000000"));
	worker_kill(&worker);
	assert_int_equal(worker.pid, -1);
}

/* A role that may read below one directory: 1 if it could, 0 if it was denied. */
static int try_reading(void *context, int control, struct error *err)
{
	int fd = open(context, O_RDONLY);
	char answer[32];

	if (fd < 0 && errno != EACCES)
		return error_set(err, errno, "cannot open");
	(void)snprintf(answer, sizeof(answer), "%d %ju", fd >= 0, (uintmax_t)getuid());
	return message_send(control, MESSAGE_RESULT, answer, strlen(answer));
}

static void read_as_role(const char *path, char answer[32])
{
	static const char *const readable[] = { "/etc", "/nonexistent", NULL };
	static const struct lockdown_rule rules[] = {
		{ SYS_openat, LOCKDOWN_ANY, 0, "" },
		{ SYS_getuid, LOCKDOWN_ANY, 0, "" },
	};
	static const struct worker_role role = { .name = "the reader",
						 .rules = rules,
						 .rule_count = 2,
						 .own_ids = true,
						 .readable = readable };
	const struct worker_job job = { .role = &role,
					.run = try_reading,
					.context = (void *)(uintptr_t)path };
	struct error err = ERROR_NONE;
	struct worker worker;
	char *data;
	size_t len;

	assert_int_equal(worker_start(&worker, &job, &err), 0);
	if (worker_receive(&worker, &data, &len, &err) != MESSAGE_RESULT)
		fail_msg("%s: %s", path, err.text);
	(void)snprintf(answer, 32, "%s", data);
	free(data);
	worker_kill(&worker);
}

static void test_role(void **state)
{
	char answer[32];
	bool landlock = syscall(SYS_landlock_create_ruleset, NULL, 0, 1) > 0;

	(void)state;
	read_as_role("/etc/passwd", answer);
	assert_int_equal(answer[0], '1');
	if (geteuid() == 0)
		assert_true(strtoul(answer + 2, NULL, 10) > LOCKDOWN_UID_BASE);
	read_as_role("/usr/bin/env", answer);
	assert_int_equal(answer[0], landlock ? '0' : '1');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_result),		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_forbidden_calls), cmocka_unit_test(test_fetcher),
		cmocka_unit_test(test_status),		cmocka_unit_test(test_role),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
