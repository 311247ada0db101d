/*
 * Profiles of system calls, as text and in JSON, separated by NULs. Whatever is accepted compiles
 * into a program that the interpreter, which is as strict as the kernel, can run.
 */
#include <assert.h>
#include <linux/audit.h>
#include <stdlib.h>
#include <string.h>

#include "images/seccomp_profile.h"
#include "tests/unit/base/bpf.h"
#include "vmm/base/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(const struct seccomp_program *program)
{
	static const uint32_t archs[] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64 };

	for (size_t i = 0; i < ARRAY_SIZE(archs); i++) {
		for (int number = -1; number < 480; number += 7) {
			struct seccomp_data call = { .nr = number, .arch = archs[i] };

			(void)bpf_run(program->code, program->count, &call);
			call.nr |= 0x40000000;
			call.args[0] = (uint64_t)number << 28;
			(void)bpf_run(program->code, program->count, &call);
		}
	}
}

static void read_one(const char *text, size_t len)
{
	static struct seccomp_program program;
	const struct seccomp_app app = { .capabilities = 0xa80425fb };
	struct seccomp_profile profile = { .app = &app };
	struct error err = ERROR_NONE;
	int result;

	if (len && *text == '{') {
		result = seccomp_read_json(&profile, text, len,
					   memmem(text, len, "linux", 5) != NULL, &err);
	} else {
		char *copy = strndup(text, len);

		result = seccomp_read_text(&profile, copy, &err);
		free(copy);
	}
	if (result == 0)
		result = seccomp_profile_compile(&profile, &program, &err);
	if (result == 0 && program.count)
		run(&program);
	assert(result == 0 || err.text[0]);
	seccomp_profile_free(&profile);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	while (size) {
		const uint8_t *end = memchr(data, '\0', size);
		size_t len = end ? (size_t)(end - data) : size;

		read_one((const char *)data, len);
		data += len + (end != NULL);
		size -= len + (end != NULL);
	}
	return 0;
}
