/*
 * The pod record while it is written. For the files that write it alone.
 *
 * The first failure stays, with err filled, and all later calls do nothing. The checks are those of
 * the reader in the guest (guest-init/record_reader.h).
 */
#ifndef NACELLE_POD_RECORD_WRITER_H
#define NACELLE_POD_RECORD_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/error.h"
#include "vmm/pod/pod.h"

struct record_writer {
	void *dtb;
	bool bad;
	bool full; /* the failure is that the buffer is too small */
	struct error *err;
};

void writer_fail(struct record_writer *w, const char *what, const char *why);
void writer_check(struct record_writer *w, int code); /* a result of libfdt */

void writer_begin(struct record_writer *w, const char *name);
void writer_begin_indexed(struct record_writer *w, const char *prefix, size_t index);
void writer_end(struct record_writer *w);

void writer_put(struct record_writer *w, const char *name, const void *data, size_t len);
void writer_u32(struct record_writer *w, const char *name, uint32_t value);
void writer_u64(struct record_writer *w, const char *name, uint64_t value);
void writer_flag(struct record_writer *w, const char *name, bool value);

/* Absent if 0. */
void writer_u32_unless_0(struct record_writer *w, const char *name, uint32_t value);
void writer_u64_unless_0(struct record_writer *w, const char *name, uint64_t value);

/* Absent if NULL; "" is refused. */
void writer_string(struct record_writer *w, const char *name, const char *text);

/* Refused if NULL; a component is one name of a path. */
void writer_path(struct record_writer *w, const char *name, const char *path);
void writer_component(struct record_writer *w, const char *name, const char *text);

/* Absent if NULL or empty. */
void writer_list(struct record_writer *w, const char *name, const char *const *list);
void writer_paths(struct record_writer *w, const char *name, const char *const *list);

/* What a process is, an app's or an added one: argv, environment, streams. In record_app.c. */
void record_write_process(struct record_writer *w, const struct pod_app *process);

/* What an added process has of its own beside that. */
void record_write_own(struct record_writer *w, const struct pod_app *process);

/* What of an app is limited in its cgroup. */
void record_write_limits(struct record_writer *w, const struct pod_app *app);

/* The properties and nodes of an app into the node that has begun, in record_app.c. */
void record_write_app(struct record_writer *w, const struct pod_app *app);

/* The same of a member's, with what only a member has. */
void record_write_member(struct record_writer *w, const struct pod_app *app);

/* A part of that, in record_hooks.c. */
void record_write_hooks(struct record_writer *w, const struct pod_app *app);

#endif
