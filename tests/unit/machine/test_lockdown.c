/*
 * Each case locks down a child and looks at what is left of it, or at how it died.
 */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/base/bytes.h"
#include "vmm/base/lockdown.h"
#include "vmm/machine/machine_rules.h"

static int status_of(void (*child)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		child();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void lock_like_the_machine(void)
{
	const struct lockdown_ids ids = { .change = geteuid() == 0 };
	struct error err = ERROR_NONE;

	if (lockdown_ids(&ids, &err) < 0 || machine_rules_apply(&err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		_exit(99);
	}
}

static void do_nothing(void)
{
	lock_like_the_machine();
}

static void do_open(void)
{
	lock_like_the_machine();
	(void)open("/etc/passwd", O_RDONLY);
}

static void do_socket(void)
{
	lock_like_the_machine();
	(void)socket(AF_INET, SOCK_STREAM, 0);
}

static void do_fork(void)
{
	lock_like_the_machine();
	(void)fork();
}

static void do_exec(void)
{
	lock_like_the_machine();
	(void)execl("/bin/true", "true", (char *)NULL);
}

static void do_wrong_ioctl(void)
{
	lock_like_the_machine();
	(void)syscall(SYS_ioctl, 0, 0x5413 /* TIOCGWINSZ */, NULL);
}

static void do_x32(void)
{
	lock_like_the_machine();
	(void)syscall(0x40000000 | SYS_getpid);
}

static void do_executable_memory(void)
{
	lock_like_the_machine();
	(void)syscall(SYS_mprotect, 0, 4096, 7);
}

static void do_signal_another(void)
{
	lock_like_the_machine();
	(void)syscall(SYS_tgkill, 1, 1, 0);
}

static void do_abort(void)
{
	lock_like_the_machine();
	abort();
}

static void test_abort(void **state)
{
	int status = status_of(do_abort);

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void test_allowed(void **state)
{
	int status = status_of(do_nothing);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_forbidden_calls_kill(void **state)
{
	void (*const children[])(void) = { do_open,
					   do_socket,
					   do_fork,
					   do_exec,
					   do_wrong_ioctl,
					   do_x32,
					   do_executable_memory,
					   do_signal_another };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(children); i++) {
		int status = status_of(children[i]);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
	}
}

/* Numbers that no system call has: one that is allowed says so. Not sorted, as real lists are not.
 */
enum { UNKNOWN_CALL = 1000, UNKNOWN_CALLS = 90 };

static void apply_unknown_calls(size_t count)
{
	struct lockdown_rule rules[UNKNOWN_CALLS + 3] = {
		{ SYS_exit_group, LOCKDOWN_ANY, 0, "" },
		{ UNKNOWN_CALL, 1, 7, "" },
		{ UNKNOWN_CALL, 1, 9, "" },
	};
	struct error err = ERROR_NONE;

	for (size_t i = 0; i < count; i++)
		rules[i + 3] =
		    (struct lockdown_rule){ UNKNOWN_CALL + 2 + (uint32_t)(2 * (i * 37 % count)),
					    LOCKDOWN_ANY, 0, "" };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    lockdown_seccomp(rules, count + 3, &err) < 0)
		_exit(99);
}

static size_t unknown_calls;
static long unknown_forbidden, unknown_argument;

static void make_unknown_calls(void)
{
	apply_unknown_calls(unknown_calls);
	for (size_t i = 0; i < unknown_calls; i++)
		(void)syscall(UNKNOWN_CALL + 2 + 2 * (long)i);
	(void)syscall(UNKNOWN_CALL, 0, 7);
	(void)syscall(UNKNOWN_CALL, 0, 9);
}

static void make_forbidden_call(void)
{
	apply_unknown_calls(unknown_calls);
	(void)syscall(unknown_forbidden, unknown_argument, unknown_argument);
}

static void test_search(void **state)
{
	static const size_t counts[] = { 0, 1, 2, 3, 8, 41, UNKNOWN_CALLS };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		const long last = UNKNOWN_CALL + 2 * (long)counts[i];
		const long forbidden[] = {
			0,	  UNKNOWN_CALL - 1, UNKNOWN_CALL, UNKNOWN_CALL + 1,
			last - 1, last + 1,	    last + 2
		};

		unknown_calls = counts[i];
		assert_int_equal(status_of(make_unknown_calls), 0);
		for (size_t j = 0; j < ARRAY_SIZE(forbidden); j++) {
			int status;

			unknown_forbidden = forbidden[j];
			unknown_argument = 8;
			status = status_of(make_forbidden_call);
			assert_true(WIFSIGNALED(status));
			assert_int_equal(WTERMSIG(status), SIGSYS);
		}
	}
}

/* Exits 0 if every line of /proc/self/status that matters is as it should be. */
static void check_status(void)
{
	static const char *const wanted[] = {
		"CapInh:\t0000000000000000",
		"CapPrm:\t0000000000000000",
		"CapEff:\t0000000000000000",
		"CapAmb:\t0000000000000000",
		"NoNewPrivs:\t1",
	};
	const struct lockdown_ids ids = { .change = geteuid() == 0 };
	struct error err = ERROR_NONE;
	char text[4096] = "";
	int fd = open("/proc/self/status", O_RDONLY);

	if (lockdown_ids(&ids, &err) < 0)
		_exit(99);
	if (read(fd, text, sizeof(text) - 1) < 0)
		_exit(98);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (!strstr(text, wanted[i]))
			_exit((int)i + 1);
	if (ids.change && (getuid() != LOCKDOWN_UID_BASE + (uid_t)getpid() || setuid(0) == 0))
		_exit(97);
	if (ids.change && !strstr(text, "CapBnd:\t0000000000000000"))
		_exit(96);
	if (prctl(PR_GET_DUMPABLE) != 0)
		_exit(95);
}

static void test_ids(void **state)
{
	int status = status_of(check_status);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Root of a user namespace, as rootless engines make it, whose map is written by others. */
static void become_mapped_root(int ready, int mapped, bool few)
{
	const struct lockdown_ids ids = { .change = true, .pid = getpid() + 1 };
	struct error err = ERROR_NONE;
	char byte = 0;
	int own;

	if (unshare(CLONE_NEWUSER) < 0 || write(ready, &byte, 1) != 1 ||
	    read(mapped, &byte, 1) != 1 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		_exit(77);
	if (few)
		_exit(lockdown_ids(&ids, &err) < 0 &&
			      strstr(err.text, "this user namespace has too few users")
			  ? 0
			  : 1);
	if (lockdown_ids(&ids, &err) < 0)
		_exit(2);
	own = LOCKDOWN_SUBORDINATE_BASE + ids.pid % LOCKDOWN_SUBORDINATE_COUNT;
	_exit(getuid() == (uid_t)own && getgid() == (gid_t)own && setuid(0) < 0 ? 0 : 3);
}

static bool write_map(pid_t pid, const char *name, const char *map)
{
	char path[64];
	int fd;
	bool written;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_WRONLY);
	written = fd >= 0 && write(fd, map, strlen(map)) == (ssize_t)strlen(map);
	if (fd >= 0)
		close(fd);
	return written;
}

static int status_of_mapped(const char *map, bool few)
{
	int ready[2], mapped[2], status;
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(mapped), 0);
	pid = fork();
	if (pid == 0) {
		close(mapped[1]);
		become_mapped_root(ready[1], mapped[0], few);
	}
	close(ready[1]);
	close(mapped[0]);
	/* Without a map it cannot be root, and says so. */
	if (read(ready[0], &byte, 1) == 1 && write_map(pid, "gid_map", map) &&
	    write_map(pid, "uid_map", map))
		(void)!write(mapped[1], &byte, 1);
	close(mapped[1]);
	close(ready[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_ids_in_user_namespace(void **state)
{
	int status = status_of_mapped("0 100000 65536\n", false);

	(void)state;
	if (status == 77)
		skip();
	assert_int_equal(status, 0);
	assert_int_equal(status_of_mapped("0 100000 1\n", true), 0);
}

static void check_close_fds(void)
{
	int keep[] = { 7, -1, 5, 5 };
	struct error err = ERROR_NONE;

	for (int fd = 3; fd < 12; fd++)
		if (dup2(STDERR_FILENO, fd) < 0)
			_exit(99);
	if (lockdown_close_fds(keep, ARRAY_SIZE(keep), &err) < 0)
		_exit(98);
	for (int fd = 0; fd < 12; fd++) {
		bool is_open = fcntl(fd, F_GETFD) >= 0;

		if (is_open != (fd < 3 || fd == 5 || fd == 7))
			_exit(fd + 1);
	}
}

static void test_close_fds(void **state)
{
	int status = status_of(check_close_fds);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* What is opened later does not become stdout, open before or not. */
static void check_silence(void)
{
	struct error err = ERROR_NONE;

	for (int round = 0; round < 2; round++) {
		if (round == 1)
			(void)close(STDIN_FILENO);
		if (lockdown_silence(STDIN_FILENO, &err) < 0 ||
		    lockdown_silence(STDOUT_FILENO, &err) < 0)
			_exit(99);
		if (open("/proc/self/status", O_RDONLY) <= STDERR_FILENO)
			_exit(98);
		if (read(STDIN_FILENO, &err, 1) != 0 || write(STDOUT_FILENO, "x", 1) != 1 ||
		    isatty(STDOUT_FILENO) || lseek(STDOUT_FILENO, 0, SEEK_CUR) != 0)
			_exit(97);
	}
}

static void test_silence(void **state)
{
	int status = status_of(check_silence);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_abort),
		cmocka_unit_test(test_forbidden_calls_kill),
		cmocka_unit_test(test_search),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_ids_in_user_namespace),
		cmocka_unit_test(test_close_fds),
		cmocka_unit_test(test_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
