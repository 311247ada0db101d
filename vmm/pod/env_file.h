/*
 * Files of variables: one NAME=VALUE a line, or NAME for the caller's value.
 */
#ifndef NACELLE_POD_ENV_FILE_H
#define NACELLE_POD_ENV_FILE_H

#include "vmm/base/error.h"
#include "vmm/base/text_list.h"
#include "vmm/pod/keep.h"

/*
 * Puts the lines of all files, in order, before the items of env, in a new list that is kept.
 * Empty lines and those that begin with "#" are left out. Returns 0, or -1 with err naming the file
 * and the line.
 */
int env_files_read(const struct text_list *files, struct text_list *env, struct keep *keep,
		   struct error *err);

#endif
