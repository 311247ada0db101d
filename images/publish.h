/*
 * Putting files into the store: complete and durable first, named last.
 *
 * A file in the making has no name (O_TMPFILE), or one in tmp/ where the file system cannot do
 * that; while it is being made it is locked, and a file in tmp/ that is not locked was left behind
 * by a process that died.
 */
#ifndef NACELLE_IMAGES_PUBLISH_H
#define NACELLE_IMAGES_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "images/digest.h"
#include "images/layout.h"
#include "images/store_lock.h"
#include "vmm/base/error.h"

/* What an interrupted pull has brought of a blob has this name, and the blob's digest. */
#define STORE_PARTIAL STORE_DIR_TMP "/partial-"

/* Whether a file in tmp/ has such a name, or that of a file in the making. */
bool store_is_temporary(const char *file);

struct temporary {
	int fd;			   /* read-write */
	char name[STORE_NAME_MAX]; /* in the store's directory; "" while it has none */
};

/* Returns 0, or -1 with err filled. temporary_discard() must follow. */
int temporary_open(struct temporary *file, const struct store *store, struct error *err);

/* Closes the file, and removes it unless it was published. */
void temporary_discard(struct temporary *file, const struct store *store);

/*
 * Ends all writing to the file, and lets the kernel guard its bytes (fs-verity) where that is to be
 * had. Returns 0, or -1 with err filled.
 */
int temporary_seal(struct temporary *file, struct error *err);

/*
 * Makes the file read-only and durable, then gives it its name, instead of what has it now, and
 * makes the name durable. Returns 0, or -1 with err filled; then the name is unchanged, or the
 * whole file stands there but a power cut might take it back.
 */
int temporary_publish(struct temporary *file, const struct store *store, const char *name,
		      struct error *err);

/*
 * Whether the name, in this directory, still leads to the file that was opened: others may have
 * removed or replaced it since.
 */
bool store_is_named(int dir_fd, const char *name, const struct stat *opened);

/* Publishes bytes. */
int store_publish(const struct store *store, const char *name, const void *data, size_t len,
		  struct error *err);

/*
 * Removes what processes that died have left in tmp/: files without a lock, and partial blobs older
 * than so many seconds. Failures do no harm and are not reported.
 */
enum { STORE_PARTIAL_AGE_MAX_S = 7 * 24 * 3600 };
void store_sweep(const struct store *store, int64_t partial_age_max_s);

#endif
