/*
 * Profiles: names into numbers, the default profile, sets and documents into programs. What a
 * program says is asked in a BPF interpreter.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* After stdarg.h and its like. */
#include <cmocka.h>

#include "images/seccomp_rules.h"
#include "tests/unit/base/bpf.h"
#include "vmm/base/bytes.h"

#define CAP(name)	     ((uint64_t)1 << (CAP_##name))
#define DEFAULT_CAPABILITIES 0xa80425fbULL
#define FAIL(n)		     (SECCOMP_RET_ERRNO | (n))

static struct seccomp_program program;

static uint32_t ask_with(enum seccomp_arch arch, const char *name, uint64_t first, uint64_t second)
{
	const struct system_call *call = system_call_find(name, strlen(name));
	struct seccomp_data data = { .args = { first, second } };

	assert_non_null(call);
	assert_true(call->numbers[arch] >= 0);
	data.arch = arch == SECCOMP_ARCH_X86 ? AUDIT_ARCH_I386 : AUDIT_ARCH_X86_64;
	data.nr = call->numbers[arch] | (arch == SECCOMP_ARCH_X32 ? 0x40000000 : 0);
	return bpf_run(program.code, program.count, &data);
}

static uint32_t ask(const char *name)
{
	return ask_with(SECCOMP_ARCH_X86_64, name, 0, 0);
}

static uint32_t ask_x86(const char *name)
{
	return ask_with(SECCOMP_ARCH_X86, name, 0, 0);
}

static uint32_t ask_first(const char *name, uint64_t first)
{
	return ask_with(SECCOMP_ARCH_X86_64, name, first, 0);
}

static void test_names(void **state)
{
	static const struct {
		const char *name;
		int number;
	} known[] = {
		{ "read", SYS_read },	    { "execve", SYS_execve }, { "clone3", SYS_clone3 },
		{ "openat2", SYS_openat2 }, { "uretprobe", 335 },     { "mseal", 462 },
		{ "_sysctl", SYS__sysctl }, { "writev", SYS_writev },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		const struct system_call *call =
		    system_call_find(known[i].name, strlen(known[i].name));

		assert_non_null(call);
		assert_int_equal(call->numbers[SECCOMP_ARCH_X86_64], known[i].number);
	}
	assert_int_equal(system_call_find("execve", 6)->numbers[SECCOMP_ARCH_X86], 11);
	assert_int_equal(system_call_find("execve", 6)->numbers[SECCOMP_ARCH_X32], 520);
	assert_int_equal(system_call_find("mmap2", 5)->numbers[SECCOMP_ARCH_X86_64], SECCOMP_NONE);
	assert_null(system_call_find("rea", 3));
	assert_null(system_call_find("readd", 5));
	assert_null(system_call_find("", 0));
	assert_null(system_call_find("zzz", 3));
	for (size_t i = 1; i < system_call_count; i++)
		assert_true(strcmp(system_calls[i - 1].name, system_calls[i].name) < 0);
}

static void compile_default(uint64_t capabilities, bool vsock, bool with_x86)
{
	const struct seccomp_app app = { .capabilities = capabilities, .vsock = vsock };

	assert_int_equal(seccomp_compile_default(&app, with_x86, &program, NULL), 0);
}

static void test_default(void **state)
{
	static const char *const allowed[] = { "read",	"execve",      "ptrace",    "chroot",
					       "mseal", "futex_waitv", "uretprobe", "arch_prctl" };
	static const char *const denied[] = { "mount",
					      "unshare",
					      "setns",
					      "bpf",
					      "keyctl",
					      "add_key",
					      "reboot",
					      "init_module",
					      "acct",
					      "perf_event_open",
					      "io_uring_setup",
					      "userfaultfd",
					      "kexec_load",
					      "swapon",
					      "syslog",
					      "iopl",
					      "mbind",
					      "clock_settime",
					      "open_by_handle_at",
					      "pivot_root" };
	struct seccomp_data data = { .arch = AUDIT_ARCH_X86_64, .nr = 900 };

	(void)state;
	compile_default(DEFAULT_CAPABILITIES, false, false);
	/* Loading it is a cost of every start. */
	assert_true(program.count <= 64);
	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
		assert_int_equal(ask(allowed[i]), SECCOMP_RET_ALLOW);
	for (size_t i = 0; i < ARRAY_SIZE(denied); i++)
		assert_int_equal(ask(denied[i]), FAIL(EPERM));
	assert_int_equal(ask("clone3"), FAIL(ENOSYS));
	assert_int_equal(bpf_run(program.code, program.count, &data), FAIL(ENOSYS));
	data.nr = -1;
	assert_int_equal(bpf_run(program.code, program.count, &data), FAIL(ENOSYS));
	assert_int_equal(ask_with(SECCOMP_ARCH_X32, "read", 0, 0), FAIL(ENOSYS));
	assert_int_equal(ask_x86("read"), SECCOMP_RET_KILL_PROCESS);
}

static void test_default_arguments(void **state)
{
	(void)state;
	compile_default(DEFAULT_CAPABILITIES, false, false);
	assert_int_equal(ask_first("clone", CLONE_VM | CLONE_THREAD), SECCOMP_RET_ALLOW);
	assert_int_equal(ask_first("clone", CLONE_NEWUSER), FAIL(EPERM));
	assert_int_equal(ask_first("clone", CLONE_NEWNET | CLONE_VM), FAIL(EPERM));
	assert_int_equal(ask_first("socket", AF_INET), SECCOMP_RET_ALLOW);
	assert_int_equal(ask_first("socket", AF_ALG), FAIL(EPERM));
	assert_int_equal(ask_first("socket", AF_VSOCK), FAIL(EPERM));
	/* The kernel sees the lower half alone. */
	assert_int_equal(ask_first("socket", AF_VSOCK | 1ULL << 32), FAIL(EPERM));
	assert_int_equal(ask_first("socket", AF_XDP), SECCOMP_RET_ALLOW);
	assert_int_equal(ask_first("personality", 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask_first("personality", 0xffffffff), SECCOMP_RET_ALLOW);
	assert_int_equal(ask_first("personality", 0x20008), SECCOMP_RET_ALLOW);
	assert_int_equal(ask_first("personality", 0x40000), FAIL(EPERM));
	compile_default(DEFAULT_CAPABILITIES, true, false);
	assert_int_equal(ask_first("socket", AF_VSOCK), SECCOMP_RET_ALLOW);
	assert_int_equal(ask_first("socket", AF_ALG), FAIL(EPERM));
}

static void test_default_capabilities(void **state)
{
	static const struct {
		uint64_t capability;
		const char *call;
	} grants[] = {
		{ CAP(SYS_ADMIN), "mount" },   { CAP(SYS_ADMIN), "bpf" },
		{ CAP(BPF), "bpf" },	       { CAP(PERFMON), "perf_event_open" },
		{ CAP(SYS_PTRACE), "kcmp" },   { CAP(SYS_TIME), "clock_settime" },
		{ CAP(SYS_NICE), "mbind" },    { CAP(SYSLOG), "syslog" },
		{ CAP(SYS_BOOT), "reboot" },   { CAP(SYS_MODULE), "init_module" },
		{ CAP(SYS_RAWIO), "iopl" },    { CAP(SYS_TTY_CONFIG), "vhangup" },
		{ CAP(SYS_PACCT), "acct" },    { CAP(DAC_READ_SEARCH), "open_by_handle_at" },
		{ CAP(SYS_CHROOT), "chroot" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(grants); i++) {
		compile_default(0, false, false);
		assert_int_equal(ask(grants[i].call), FAIL(EPERM));
		compile_default(grants[i].capability, false, false);
		assert_int_equal(ask(grants[i].call), SECCOMP_RET_ALLOW);
	}
	compile_default(CAP(SYS_ADMIN), false, false);
	assert_int_equal(ask("clone3"), SECCOMP_RET_ALLOW);
	assert_int_equal(ask_first("clone", CLONE_NEWUSER), SECCOMP_RET_ALLOW);
}

static void test_default_of_32_bits(void **state)
{
	(void)state;
	compile_default(DEFAULT_CAPABILITIES, false, true);
	assert_int_equal(ask_x86("read"), SECCOMP_RET_ALLOW);
	assert_int_equal(ask_x86("socketcall"), SECCOMP_RET_ALLOW);
	assert_int_equal(ask_x86("mmap2"), SECCOMP_RET_ALLOW);
	assert_int_equal(ask_x86("stime"), FAIL(EPERM));
	assert_int_equal(ask_x86("mount"), FAIL(EPERM));
	assert_int_equal(ask("read"), SECCOMP_RET_ALLOW);
	assert_int_equal(ask_first("socket", AF_VSOCK), FAIL(EPERM));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_default_arguments),
		cmocka_unit_test(test_default_capabilities),
		cmocka_unit_test(test_default_of_32_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
