/*
 * The names of system calls and their numbers, as the kernel's headers have them.
 */
#ifndef NACELLE_IMAGES_SYSTEM_CALLS_H
#define NACELLE_IMAGES_SYSTEM_CALLS_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/base/seccomp.h"

struct system_call {
	const char *name;
	int16_t numbers[SECCOMP_ARCHS]; /* or SECCOMP_NONE */
};

/* Sorted by name. */
extern const struct system_call system_calls[];
extern const size_t system_call_count;

/* The call whose name is the len bytes at name, or NULL. */
const struct system_call *system_call_find(const char *name, size_t len);

#endif
