/*
 * One node of the pod record while it is read. For the files that read it alone.
 *
 * The first mistake is kept: `bad` is set, err says what and where, and what is read after it is a
 * harmless value. What a property may be when it is absent is said with each function.
 */
#ifndef NACELLE_GUEST_INIT_RECORD_READER_H
#define NACELLE_GUEST_INIT_RECORD_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest-init/record.h"
#include "vmm/base/error.h"

enum {
	READER_LISTED_MAX = 48, /* a node with more is read from its bytes each time */
	READER_LISTED_NONE = -1,
};

struct reader_listed {
	const char *name;
	const void *data;
	int len;
};

struct record_reader {
	const void *dtb; /* whole: see is_whole() in record.c */
	int node;
	const char *where; /* for messages */
	bool bad;
	struct error *err;

	/* The properties of that node, found once: most of those that are asked for are absent. */
	int listed_node; /* READER_LISTED_NONE at first */
	size_t listed_count;
	struct reader_listed listed[READER_LISTED_MAX];
};

void reader_fail(struct record_reader *r, const char *name, const char *why);

/* The bytes of a property; NULL if it is absent. */
const void *reader_property(struct record_reader *r, const char *name, size_t *len);

/*
 * A property of groups of `group` cells, at most max groups; *groups is how many. NULL if it is
 * absent, empty or not that.
 */
const uint8_t *reader_cells(struct record_reader *r, const char *name, size_t group, size_t max,
			    size_t *groups);
uint32_t reader_cell(const uint8_t *cells, size_t index);
uint64_t reader_cell64(const uint8_t *cells, size_t index); /* at index and index + 1 */

/* `otherwise` if absent. reader_number() refuses what is above max. */
uint32_t reader_u32(struct record_reader *r, const char *name, uint32_t otherwise);
uint32_t reader_number(struct record_reader *r, const char *name, uint32_t otherwise, uint32_t max);
uint64_t reader_u64(struct record_reader *r, const char *name, uint64_t otherwise);
bool reader_flag(struct record_reader *r, const char *name);

/* NULL if absent, which the need_ functions refuse. A component may become a part of a path. */
const char *reader_string(struct record_reader *r, const char *name);
const char *reader_component(struct record_reader *r, const char *name);
const char *reader_need_string(struct record_reader *r, const char *name);
const char *reader_need_path(struct record_reader *r, const char *name);
const char *reader_need_component(struct record_reader *r, const char *name);

/* Which of the names, a NULL-terminated list, the property is; 0 if it is none, an error. */
unsigned reader_choice(struct record_reader *r, const char *name, const char *const *names);

/* Memory for `count` entries, zeroed; NULL, and an error, if there is none. */
void *reader_allocate(struct record_reader *r, const char *name, size_t count, size_t size);

/* A fresh NULL-terminated array with `spare` more entries; absent means empty. */
const char **reader_list(struct record_reader *r, const char *name, size_t spare, size_t *count);
const char **reader_paths(struct record_reader *r, const char *name);

/*
 * How many children the node has. An error if there are more than max, or if they are not
 * called PREFIX@0, PREFIX@1, ... in this order.
 */
size_t reader_count_children(struct record_reader *r, int node, const char *prefix, size_t max);

/*
 * What a process is, an app's or an added one, of its node: argv, environment, user, working
 * directory (which only an added one may lack) and streams. In record_app.c, as what follows.
 */
void record_read_process(struct record_reader *r, struct record_app *app, bool is_added);

/* What an added process has of its own beside that. */
void record_read_own(struct record_reader *r, struct record_app *process);

/* What of an app is limited in its cgroup. */
void record_read_limits(struct record_reader *r, struct record_app *app);

/* The node of an app. What it allocates is free_app()'s, also after an error. */
void record_read_app(struct record_reader *r, struct record_app *app);
void record_free_app(struct record_app *app);

/* A part of that: its hooks. */
void record_read_hooks(struct record_reader *app, struct record_app *out);
void record_free_hooks(struct record_app *app);

#endif
