/*
 * Blobs in the store: every manifest, configuration, layer and signature, byte for byte as it came,
 * in blobs/ under its digest.
 *
 * A blob gets its name when all its bytes are there, have the size and the digest that were asked
 * for, and are durable. Who reads one hashes it again: a disk may lie.
 */
#ifndef NACELLE_IMAGES_BLOB_STORE_H
#define NACELLE_IMAGES_BLOB_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/digest.h"
#include "images/layout.h"
#include "images/publish.h"
#include "images/record.h"
#include "vmm/base/error.h"

/* Whether the store holds a blob of this digest and size. Its bytes are not looked at. */
bool blob_store_has(const struct store *store, const struct image_blob *blob);

/* Opens a blob. Returns the descriptor, or -1 with err filled; ENOENT when it is not there. */
int blob_store_open(const struct store *store, const struct image_blob *blob, struct error *err);

/* Reads a small blob whole and verifies it; the caller frees *data, which has a NUL after it. */
int blob_store_read(const struct store *store, const struct image_blob *blob, char **data,
		    struct error *err);

/*
 * Writes a blob into a pipe, byte for byte what is hashed. Returns 1 if all of it was written and
 * verified; 0 if the reader has gone away, but the blob is sound; -1 with err filled. A blob that
 * is damaged is removed, so that the next import brings it anew.
 */
int blob_store_pump(const struct store *store, const struct image_blob *blob, int pipe_fd,
		    struct error *err);

/*
 * The same without hashing, for a blob that this very process has verified and named in this import
 * (blob_sink_made()): its bytes go from the page cache into the pipe, and nobody else may write to
 * the store.
 */
int blob_store_pass(const struct store *store, const struct image_blob *blob, int pipe_fd,
		    struct error *err);

/* Where sources put blobs. One sink belongs to one import. */
struct blob_sink {
	const struct store *store;
	bool keep_partial;   /* what an interrupted transfer has brought stays, to be resumed */
	struct digest *made; /* the blobs that this sink has named */
	size_t made_count;
};

/* One blob on its way into the store. */
struct blob_writer {
	struct blob_sink *sink;
	struct image_blob blob;
	uint64_t len_bytes; /* what is there so far */
	struct hasher hasher;
	struct temporary file;
	bool is_partial; /* its name in tmp/ is that of its digest */
};

/*
 * Begins a blob. Returns 0 with writer->len_bytes set: the offset from which bytes are missing,
 * which is not 0 when an earlier transfer was interrupted; 1 when the store has the blob already,
 * then there is nothing to do and nothing to end; or -1 with err filled. A blob with
 * digest.algorithm 0 is one whose digest is not known yet: it will be its sha256.
 * After 0, blob_sink_end() or blob_sink_abandon() must follow.
 */
int blob_sink_begin(struct blob_sink *sink, const struct image_blob *blob,
		    struct blob_writer *writer, struct error *err);

/* Appends bytes. Returns 0, or -1 with err filled: the disk is full, or more than the size came. */
int blob_sink_write(struct blob_writer *writer, const void *data, size_t len, struct error *err);

/*
 * Verifies size and digest, makes the blob durable and names it. Returns 0 with writer->blob
 * complete, or -1 with err filled; then nothing of it is kept.
 */
int blob_sink_end(struct blob_writer *writer, struct error *err);

/* Gives up: what came so far is kept if the sink keeps partial blobs, and removed if not. */
void blob_sink_abandon(struct blob_writer *writer);

/* Drops what came so far, and begins at offset 0: the other side could not go on in the middle. */
int blob_sink_restart(struct blob_writer *writer, struct error *err);

/* Puts a blob that is in memory; with blob->digest.algorithm 0 the digest is computed. */
int blob_sink_put(struct blob_sink *sink, struct image_blob *blob, const void *data,
		  struct error *err);

/* Copies a blob from a descriptor, at this offset. Returns 0 with *blob complete, or -1. */
int blob_sink_copy(struct blob_sink *sink, struct image_blob *blob, int fd, uint64_t offset,
		   struct error *err);

/* Whether this sink has verified and named the blob. */
bool blob_sink_made(const struct blob_sink *sink, const struct digest *digest);

void blob_sink_free(struct blob_sink *sink);

/*
 * Removes what this sink has named and no image of the store needs, if no other process is at work
 * on the store; if one is, the blobs are left to `image gc`. The caller holds no lock of the store.
 */
void blob_sink_forget(struct blob_sink *sink);

#endif
