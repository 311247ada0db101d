/*
 * The search for an app's program, its start, and why it could not be started.
 */
#ifndef NACELLE_GUEST_INIT_EXEC_H
#define NACELLE_GUEST_INIT_EXEC_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/base/error.h"

enum {
	EXEC_CANNOT = 126,    /* it is there and cannot be executed */
	EXEC_NOT_FOUND = 127, /* there is no such program */
};

/*
 * execve() of argv[0]: as it is if it holds a slash, else searched in the PATH of env. Returns only
 * on failure: EXEC_CANNOT or EXEC_NOT_FOUND, with err saying which file and why, and its code the
 * errno value, also where the text is more exact.
 */
int exec_program(const char **argv, const char **env, struct error *err);

/*
 * Whether exec_program() would find a file that the caller may execute. Returns 0, or EXEC_CANNOT
 * or EXEC_NOT_FOUND with err filled likewise.
 */
int exec_check(const char *name, const char **env, struct error *err);

enum { INTERPRETER_MAX = 256 };

/*
 * The interpreter that the program in fd asks for, by a #! line or as an ELF file's PT_INTERP, into
 * name; "" if it asks for none.
 */
void exec_interpreter(int fd, char name[INTERPRETER_MAX]);

#endif
