/*
 * Where an archive goes: standard output, or a file that gets its name when it is whole.
 */
#ifndef NACELLE_POD_EXPORT_OUTPUT_H
#define NACELLE_POD_EXPORT_OUTPUT_H

#include <stdbool.h>

#include "vmm/base/error.h"

struct export_output {
	int fd;
	const char *path; /* NULL: standard output */
	char *partial;	  /* the file's name until then; NULL: the path is no regular file */
	char *resolved;	  /* where a path that is a symbolic link leads to; NULL: it is none */
};

/* Refuses a terminal; path NULL is standard output. To be asked before anything costly. */
int export_output_check(const char *path, struct error *err);

/*
 * Opens it; path must live as long. From then on a signal that ends this process (SIGINT, SIGTERM,
 * SIGHUP, SIGQUIT) removes what is incomplete first. One output at a time.
 */
int export_output_open(struct export_output *output, const char *path, struct error *err);

/*
 * whole: gives it its name; err is filled if that fails. Else removes what there is, and err stays.
 * Returns 0 if it is whole, or -1.
 */
int export_output_close(struct export_output *output, bool whole, struct error *err);

#endif
