/*
 * The file "launch" of a pod: what it is called, what runs in it and, in one that is prepared, what
 * run-prepared needs: the command line, and what could change until then outside of it.
 *
 * A flat record (images/fields.h), written by nacelle for nacelle; its reader checks its form.
 */
#ifndef NACELLE_POD_LAUNCH_RECORD_H
#define NACELLE_POD_LAUNCH_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "images/string_list.h"
#include "vmm/base/error.h"

#define POD_LAUNCH_NAME "launch"

enum { LAUNCH_RECORD_MAX = 8 << 20 };

struct launch_record {
	char *name;		 /* the pod's; NULL: none */
	struct string_list apps; /* their names */
	/* Of each app: its reference as given, but a directory's with the real path; "": unknown.
	 */
	struct string_list images;
	char *directory;	      /* where prepare was called; NULL: not prepared */
	struct string_list options;   /* "--name=value": of the pod, and of all its apps */
	struct string_list arguments; /* what stood behind them, from the first image on */
	struct string_list
	    variables;		  /* NAME=value that options refer to, or NAME: there was none */
	struct string_list files; /* paths that options name; file N is kept as "file-N" */
	/* References of images in the store, the manifest's digest and the name for policies. */
	struct string_list references, digests, names;
};

/* Hands the bytes to the caller, who frees them. */
int launch_record_encode(const struct launch_record *record, void **data, size_t *len_bytes,
			 struct error *err);

/* launch_record_free() must follow, also after a failure: then the record is empty or a part. */
int launch_record_decode(struct launch_record *record, const void *data, size_t len_bytes,
			 struct error *err);

int launch_record_write(const struct launch_record *record, int dir_fd, bool durable,
			struct error *err);
int launch_record_read(struct launch_record *record, int dir_fd, struct error *err);
void launch_record_free(struct launch_record *record);

#endif
