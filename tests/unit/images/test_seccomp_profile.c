/*
 * Profiles as text and in JSON: what they allow is asked in a BPF interpreter, what they get wrong
 * in the words of the refusal.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* After stdarg.h and its like. */
#include <cmocka.h>

#include "images/seccomp_profile.h"
#include "tests/unit/base/bpf.h"
#include "vmm/base/bytes.h"

#define DEFAULT_CAPABILITIES 0xa80425fbULL
#define FAIL(n)		     (SECCOMP_RET_ERRNO | (n))

static struct seccomp_program program;
static struct seccomp_app app = { .capabilities = DEFAULT_CAPABILITIES };
static struct seccomp_profile profile;

static uint32_t ask_in(enum seccomp_arch arch, const char *name, uint64_t first, uint64_t third)
{
	const struct system_call *call = system_call_find(name, strlen(name));
	struct seccomp_data data = { .args = { first, 0, third } };

	assert_non_null(call);
	assert_true(call->numbers[arch] >= 0);
	data.arch = arch == SECCOMP_ARCH_X86 ? AUDIT_ARCH_I386 : AUDIT_ARCH_X86_64;
	data.nr = call->numbers[arch] | (arch == SECCOMP_ARCH_X32 ? 0x40000000 : 0);
	return bpf_run(program.code, program.count, &data);
}

static uint32_t ask(const char *name)
{
	return ask_in(SECCOMP_ARCH_X86_64, name, 0, 0);
}

static uint32_t ask_first(const char *name, uint64_t first)
{
	return ask_in(SECCOMP_ARCH_X86_64, name, first, 0);
}

/* Reads and compiles; the unknown names are left in profile. */
static int compile(const char *text, struct error *err)
{
	int result;

	seccomp_profile_free(&profile);
	profile.app = &app;
	result = *text == '{' ? seccomp_read_json(&profile, text, strlen(text),
						  strstr(text, "\"linux\"") != NULL, err)
			      : seccomp_read_text(&profile, text, err);
	return result < 0 ? -1 : seccomp_profile_compile(&profile, &program, err);
}

static void accept(const char *text)
{
	struct error err = ERROR_NONE;

	if (compile(text, &err) < 0)
		fail_msg("%s: %s", text, err.text);
}

static void refuse(const char *text, const char *why)
{
	struct error err = ERROR_NONE;

	if (compile(text, &err) == 0)
		fail_msg("%s: accepted", text);
	if (!strstr(err.text, why))
		fail_msg("%s: \"%s\" is not in: %s", text, why, err.text);
}

static void test_wildcards(void **state)
{
	(void)state;
	accept("mode=retain,@appc.io/all");
	assert_int_equal(program.count, 0);
	accept("mode=remove,@appc.io/empty");
	assert_int_equal(ask("read"), SECCOMP_RET_ALLOW);
	assert_int_equal(ask("mount"), FAIL(EPERM));
	accept("mode=retain,@appc.io/empty");
	assert_int_equal(ask("execve"), SECCOMP_RET_ALLOW);
	assert_int_equal(ask("open"), SECCOMP_RET_KILL_PROCESS);
	refuse("mode=remove,@appc.io/all", "no program could start");
	refuse("mode=remove,@appc.io/some", "there is no set of system calls @appc.io/some");
}

static void test_sets(void **state)
{
	(void)state;
	accept("mode=remove,@rkt/default-blacklist");
	assert_int_equal(ask("read"), SECCOMP_RET_ALLOW);
	assert_int_equal(ask("reboot"), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(ask("io_uring_setup"), SECCOMP_RET_KILL_PROCESS);
	/* What only its arguments may forbid is not on the list. */
	assert_int_equal(ask_first("clone", 0x10000000), SECCOMP_RET_ALLOW);
	assert_int_equal(ask("clone3"), SECCOMP_RET_ALLOW);
	accept("mode=retain,errno=ENOANO,@docker/default-whitelist,mount");
	assert_int_equal(ask("read"), SECCOMP_RET_ALLOW);
	assert_int_equal(ask("mount"), SECCOMP_RET_ALLOW);
	assert_int_equal(ask("umount2"), FAIL(ENOANO));
	assert_int_equal(ask_first("clone", 0x10000000), FAIL(ENOANO));
	assert_int_equal(ask("clone3"), FAIL(ENOSYS));
	accept("mode=remove,errno=EPERM,@systemd/mount,@systemd/clock");
	assert_int_equal(ask("mount"), FAIL(EPERM));
	assert_int_equal(ask("clock_settime"), FAIL(EPERM));
	assert_int_equal(ask("read"), SECCOMP_RET_ALLOW);
	/* A group of groups. */
	accept("mode=retain,errno=EPERM,@systemd/system-service");
	assert_int_equal(ask("openat"), SECCOMP_RET_ALLOW);
	assert_int_equal(ask("mount"), FAIL(EPERM));
	refuse("mode=retain,@systemd/nothing", "@systemd/nothing");
	refuse("mode=retain,@docker/nothing", "@docker/nothing");
	refuse("mode=retain,@elsewhere/x", "@elsewhere/x");
	refuse("mode=retain,@alone", "@alone");
}

static void test_text(void **state)
{
	(void)state;
	accept("mode=remove,errno=EXFULL,stat,fstat,no_such_call");
	assert_int_equal(ask("stat"), FAIL(EXFULL));
	assert_int_equal(ask("fstat"), FAIL(EXFULL));
	assert_int_equal(ask("lstat"), SECCOMP_RET_ALLOW);
	assert_int_equal(ask_in(SECCOMP_ARCH_X86, "stat", 0, 0), FAIL(EXFULL));
	assert_int_equal(ask_in(SECCOMP_ARCH_X32, "stat", 0, 0), FAIL(EXFULL));
	assert_int_equal(profile.unknown.count, 1);
	assert_string_equal(profile.unknown.items[0], "no_such_call");
	/* On 32 bits sockets are reached in two ways. */
	accept("mode=remove,errno=EPERM,socket,semget");
	assert_int_equal(ask_in(SECCOMP_ARCH_X86, "socket", 0, 0), FAIL(EPERM));
	assert_int_equal(ask_in(SECCOMP_ARCH_X86, "socketcall", 1, 0), FAIL(EPERM));
	assert_int_equal(ask_in(SECCOMP_ARCH_X86, "socketcall", 2, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask_in(SECCOMP_ARCH_X86, "ipc", 0x10002, 0), FAIL(EPERM));
	assert_int_equal(seccomp_errno("EWOULDBLOCK"), EAGAIN);
	assert_int_equal(seccomp_errno("ENOTSUP"), EOPNOTSUPP);
	assert_int_equal(seccomp_errno("EDEADLOCK"), EDEADLK);
	refuse("mode=keep,read", "mode=retain or mode=remove");
	refuse("retain,read", "mode=retain or mode=remove");
	refuse("mode=retain,mode=retain,read", "twice");
	refuse("mode=retain,,read", "empty name");
	refuse("mode=retain", "the set is empty");
	refuse("mode=retain,errno=EFOO,read", "EFOO is not the name of an error");
	refuse("mode=remove,execve", "no program could start");
	refuse("mode=remove,@systemd/default", "no program could start");
}

static void test_json_actions(void **state)
{
	(void)state;
	accept("{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 13, \"syscalls\": ["
	       "{\"names\": [\"execve\", \"read\"], \"action\": \"SCMP_ACT_ALLOW\"},"
	       "{\"names\": [\"write\"], \"action\": \"SCMP_ACT_LOG\"},"
	       "{\"names\": [\"open\"], \"action\": \"SCMP_ACT_TRAP\"},"
	       "{\"names\": [\"close\"], \"action\": \"SCMP_ACT_KILL\"},"
	       "{\"names\": [\"stat\"], \"action\": \"SCMP_ACT_KILL_THREAD\"},"
	       "{\"names\": [\"fstat\"], \"action\": \"SCMP_ACT_KILL_PROCESS\"},"
	       "{\"names\": [\"lstat\"], \"action\": \"SCMP_ACT_ERRNO\"},"
	       "{\"names\": [\"poll\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 7},"
	       "{\"name\": \"lseek\", \"action\": \"SCMP_ACT_ERRNO\", \"errno\": \"ENODATA\"},"
	       "{\"names\": [\"mmap\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 13}]}");
	assert_int_equal(ask("read"), SECCOMP_RET_ALLOW);
	assert_int_equal(ask("write"), SECCOMP_RET_LOG);
	assert_int_equal(ask("open"), SECCOMP_RET_TRAP);
	assert_int_equal(ask("close"), SECCOMP_RET_KILL_THREAD);
	assert_int_equal(ask("stat"), SECCOMP_RET_KILL_THREAD);
	assert_int_equal(ask("fstat"), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(ask("lstat"), FAIL(EPERM));
	assert_int_equal(ask("poll"), FAIL(7));
	assert_int_equal(ask("lseek"), FAIL(ENODATA));
	assert_int_equal(ask("brk"), FAIL(13));
	/* Newer than the newest that is named. */
	assert_int_equal(ask("mseal"), FAIL(ENOSYS));
	/* Architectures that are not named. */
	assert_int_equal(ask_in(SECCOMP_ARCH_X86, "read", 0, 0), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(ask_in(SECCOMP_ARCH_X32, "read", 0, 0), SECCOMP_RET_KILL_PROCESS);
}

static void test_json_arguments(void **state)
{
	(void)state;
	accept("{\"defaultAction\": \"SCMP_ACT_ALLOW\","
	       "\"architectures\": [\"SCMP_ARCH_X86\", \"SCMP_ARCH_X32\", \"SCMP_ARCH_AARCH64\"],"
	       "\"flags\": [\"SECCOMP_FILTER_FLAG_LOG\"], \"syscalls\": ["
	       "{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ERRNO\", \"args\": ["
	       "{\"index\": 0, \"value\": 5, \"op\": \"SCMP_CMP_EQ\"},"
	       "{\"index\": 2, \"value\": 9, \"op\": \"SCMP_CMP_GE\"}]},"
	       "{\"names\": [\"write\"], \"action\": \"SCMP_ACT_ERRNO\", \"args\": ["
	       "{\"index\": 0, \"value\": 1, \"op\": \"SCMP_CMP_EQ\"},"
	       "{\"index\": 0, \"value\": 2, \"op\": \"SCMP_CMP_EQ\"}]},"
	       "{\"names\": [\"close\"], \"action\": \"SCMP_ACT_ERRNO\", \"args\": ["
	       "{\"index\": 0, \"value\": 12, \"valueTwo\": 8, \"op\": \"SCMP_CMP_MASKED_EQ\"}]}"
	       "]}");
	assert_int_equal(ask_in(SECCOMP_ARCH_X86_64, "read", 5, 9), FAIL(EPERM));
	assert_int_equal(ask_in(SECCOMP_ARCH_X86_64, "read", 5, 8), SECCOMP_RET_ALLOW);
	assert_int_equal(ask_in(SECCOMP_ARCH_X86_64, "read", 4, 9), SECCOMP_RET_ALLOW);
	assert_int_equal(ask_in(SECCOMP_ARCH_X86, "read", 5, 9), FAIL(EPERM));
	assert_int_equal(ask_in(SECCOMP_ARCH_X32, "read", 5, 9), FAIL(EPERM));
	/* Two conditions on one argument are alternatives. */
	assert_int_equal(ask_first("write", 1), FAIL(EPERM));
	assert_int_equal(ask_first("write", 2), FAIL(EPERM));
	assert_int_equal(ask_first("write", 3), SECCOMP_RET_ALLOW);
	assert_int_equal(ask_first("close", 8 + 3), FAIL(EPERM));
	assert_int_equal(ask_first("close", 12), SECCOMP_RET_ALLOW);
}

#define DOCKER                                                                                     \
	"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"archMap\": ["                                   \
	"{\"architecture\": \"SCMP_ARCH_AARCH64\", \"subArchitectures\": [\"SCMP_ARCH_X32\"]},"    \
	"{\"architecture\": \"SCMP_ARCH_X86_64\", \"subArchitectures\": [\"SCMP_ARCH_X86\"]}],"    \
	"\"syscalls\": [{\"names\": [\"execve\", \"mseal\"], \"action\": \"SCMP_ACT_ALLOW\","      \
	"\"args\": null, \"comment\": \"\", \"includes\": {}, \"excludes\": {}},"                  \
	"{\"names\": [\"mount\"], \"action\": \"SCMP_ACT_ALLOW\","                                 \
	"\"includes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}},"                                          \
	"{\"names\": [\"clone3\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 38,"              \
	"\"excludes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}},"                                          \
	"{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\","                                  \
	"\"includes\": {\"arches\": [\"arm\", \"amd64\"]}},"                                       \
	"{\"names\": [\"write\"], \"action\": \"SCMP_ACT_ALLOW\","                                 \
	"\"includes\": {\"arches\": [\"s390\"]}},"                                                 \
	"{\"names\": [\"open\"], \"action\": \"SCMP_ACT_ALLOW\","                                  \
	"\"excludes\": {\"arches\": [\"amd64\"]}},"                                                \
	"{\"names\": [\"ptrace\"], \"action\": \"SCMP_ACT_ALLOW\","                                \
	"\"includes\": {\"minKernel\": \"4.8\"}},"                                                 \
	"{\"names\": [\"stat\"], \"action\": \"SCMP_ACT_ALLOW\","                                  \
	"\"includes\": {\"minKernel\": \"6.13\"}},"                                                \
	"{\"names\": [\"lstat\"], \"action\": \"SCMP_ACT_ALLOW\","                                 \
	"\"excludes\": {\"minKernel\": \"5.1\"}}]}"

static void test_json_docker(void **state)
{
	(void)state;
	accept(DOCKER);
	assert_int_equal(ask("mount"), FAIL(EPERM));
	assert_int_equal(ask("clone3"), FAIL(ENOSYS));
	assert_int_equal(ask("read"), SECCOMP_RET_ALLOW);
	assert_int_equal(ask("write"), FAIL(EPERM));
	assert_int_equal(ask("open"), FAIL(EPERM));
	assert_int_equal(ask("ptrace"), SECCOMP_RET_ALLOW);
	assert_int_equal(ask("stat"), FAIL(EPERM));
	assert_int_equal(ask("lstat"), FAIL(EPERM));
	assert_int_equal(ask_in(SECCOMP_ARCH_X86, "read", 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask_in(SECCOMP_ARCH_X32, "read", 0, 0), SECCOMP_RET_KILL_PROCESS);
	app.capabilities |= (uint64_t)1 << CAP_SYS_ADMIN;
	accept(DOCKER);
	app.capabilities = DEFAULT_CAPABILITIES;
	assert_int_equal(ask("mount"), SECCOMP_RET_ALLOW);
	assert_int_equal(ask("clone3"), FAIL(EPERM));
}

#define ENTRY(text) "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{" text "}]}"
#define READ	    "\"names\": [\"read\"], \"action\": \"SCMP_ACT_ERRNO\""

static void test_json_refused(void **state)
{
	static const struct {
		const char *text;
		const char *why;
	} cases[] = {
		{ "{}", "defaultAction" },
		{ "{\"defaultAction\": \"SCMP_ACT_NOTIFY\"}", "SCMP_ACT_NOTIFY needs a process" },
		{ "{\"defaultAction\": \"SCMP_ACT_TRACE\"}", "SCMP_ACT_TRACE needs a process" },
		{ "{\"defaultAction\": \"SCMP_ACT_FOO\"}", "\"SCMP_ACT_FOO\" is no action" },
		{ "{\"defaultAction\": \"SCMP_ACT_KILL\"}", "no program could start" },
		{ "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"defaultErrnoRet\": 1}",
		  "defaultErrnoRet: only SCMP_ACT_ERRNO has an error" },
		{ "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 4096}", "range" },
		{ "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrno\": \"EX\"}", "EX" },
		{ "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"sycalls\": []}",
		  "sycalls: it is not known" },
		{ "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"listenerPath\": \"/x\"}",
		  "listenerPath" },
		{ "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [\"SCMP_ARCH_Z\"]}",
		  "architectures[0]: \"SCMP_ARCH_Z\" is no architecture" },
		{ "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"flags\": [\"X\"]}", "flags[0]" },
		{ "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"archMap\": [], \"architectures\": "
		  "[]}",
		  "architectures stands there too" },
		{ "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"archMap\": [{}]}",
		  "archMap[0].architecture" },
		{ "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"archMap\": [{\"x\": 1}]}",
		  "archMap[0].x" },
		{ ENTRY("\"action\": \"SCMP_ACT_KILL\""), "syscalls[0].names: it is missing" },
		{ ENTRY("\"name\": \"read\", " READ), "name stands there too" },
		{ ENTRY("\"names\": [1], \"action\": \"SCMP_ACT_KILL\""), "syscalls[0].names[0]" },
		{ ENTRY("\"names\": [\"execve\"], \"action\": \"SCMP_ACT_KILL\""),
		  "no program could start" },
		{ ENTRY("\"names\": [\"read\"], \"action\": \"SCMP_ACT_KILL\", \"errnoRet\": 1"),
		  "only SCMP_ACT_ERRNO" },
		{ ENTRY(READ ", \"args\": [{\"index\": 6, \"op\": \"SCMP_CMP_EQ\"}]"), "range" },
		{ ENTRY(READ ", \"args\": [{\"index\": 0, \"op\": \"EQ\"}]"),
		  "\"EQ\" is no operator" },
		{ ENTRY(READ ", \"args\": [{\"index\": 0}]"), "syscalls[0].args[0].op" },
		{ ENTRY(READ ", \"args\": [{\"i\": 0}]"), "syscalls[0].args[0].i" },
		{ ENTRY(READ ", \"args\": [{\"value\": -1, \"op\": \"SCMP_CMP_EQ\"}]"), "range" },
		{ ENTRY(READ ", \"includes\": {\"x\": 1}"), "syscalls[0].includes.x" },
		{ ENTRY(READ ", \"includes\": {\"caps\": [1]}"), "includes.caps[0]" },
		{ ENTRY(READ ", \"excludes\": {\"arches\": [1]}"), "excludes.arches[0]" },
		{ ENTRY(READ ", \"includes\": {\"minKernel\": \"4\"}"), "\"4\" is no version" },
		{ "{\"defaultAction\": \"SCMP_ACT_ALLOW\"", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		refuse(cases[i].text, cases[i].why);
}

static int release(void **state)
{
	(void)state;
	seccomp_profile_free(&profile);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wildcards),      cmocka_unit_test(test_sets),
		cmocka_unit_test(test_text),	       cmocka_unit_test(test_json_actions),
		cmocka_unit_test(test_json_arguments), cmocka_unit_test(test_json_docker),
		cmocka_unit_test(test_json_refused),
	};

	return cmocka_run_group_tests(tests, NULL, release);
}
