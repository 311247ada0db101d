/*
 * Filters of system calls. The default one for the default capabilities is compiled when this
 * program is built, so that an ordinary start compiles nothing; for other capabilities it is
 * compiled here, from tables of our own. Everything else comes from nacelle-image.
 */
#include "vmm/pod/seccomp_profile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/seccomp_rules.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/pod/image_program.h"

static const uint64_t precompiled_capabilities = NACELLE_SECCOMP_CAPABILITIES;
static const struct sock_filter precompiled[] = {
#include "vmm/pod/seccomp_default.inc"
};

/* Hands a copy of the code to the filter. */
static int keep_code(struct seccomp_filter *filter, const struct sock_filter *code, size_t count,
		     struct error *err)
{
	size_t size = count * sizeof(*code);

	filter->allocation = malloc(size);
	if (!filter->allocation)
		return error_set(err, ENOMEM, "cannot hold a system call filter");
	memcpy(filter->allocation, code, size);
	filter->code = filter->allocation;
	filter->count = count;
	return 0;
}

static int make_default(struct seccomp_filter *filter, const struct seccomp_setting *setting,
			struct error *err)
{
	const struct seccomp_app app = { .capabilities = setting->capabilities,
					 .vsock = setting->vsock };
	_cleanup_free_ struct seccomp_program *program = NULL;

	if (setting->capabilities == precompiled_capabilities && !setting->vsock &&
	    !setting->own_kernel) {
		filter->code = precompiled;
		filter->count = ARRAY_SIZE(precompiled);
		return 0;
	}
	program = malloc(sizeof(*program));
	if (!program)
		return error_set(err, ENOMEM, "cannot compile a system call filter");
	if (seccomp_compile_default(&app, setting->own_kernel, program, err) < 0)
		return -1;
	return keep_code(filter, program->code, program->count, err);
}

static int ask_image_program(struct seccomp_filter *filter, const char *profile,
			     const struct seccomp_setting *setting, struct error *err)
{
	const size_t instruction = sizeof(*filter->code);
	char mask[24], notice[ERROR_TEXT_MAX];
	const char *arguments[8] = { "nacelle-image", "seccomp", "--capabilities", mask };
	unsigned count = 4;
	size_t len;

	(void)snprintf(mask, sizeof(mask), "%jx", (uintmax_t)setting->capabilities);
	if (setting->vsock)
		arguments[count++] = "--vsock";
	arguments[count++] = "--";
	arguments[count] = profile;
	if (image_program_read(arguments, SECCOMP_PROGRAM_MAX * instruction, &filter->allocation,
			       &len, notice, err) < 0)
		return error_prefix(err, "--seccomp %s", profile);
	if (len % instruction != 0)
		return error_set(err, 0, "--seccomp %s: nacelle-image has sent nonsense", profile);
	filter->code = len ? filter->allocation : NULL;
	filter->count = len / instruction;
	if (notice[0] && asprintf(&filter->notice, "--seccomp %s: %s", profile, notice) < 0)
		return error_set(err, ENOMEM, "cannot hold a system call filter");
	return 0;
}

int seccomp_filter_make(struct seccomp_filter *filter, const char *profile,
			const struct seccomp_setting *setting, struct error *err)
{
	*filter = (struct seccomp_filter){ 0 };
	if (!profile || strcmp(profile, "default") == 0)
		return make_default(filter, setting, err);
	if (strcmp(profile, "none") == 0)
		return 0;
	return ask_image_program(filter, profile, setting, err);
}

void seccomp_filter_free(struct seccomp_filter *filter)
{
	free(filter->allocation);
	free(filter->notice);
	*filter = (struct seccomp_filter){ 0 };
}
