/*
 * A tar archive as a set of named members: oci-archive: and docker-archive: are read so.
 *
 * A confined process reads the archive once from front to back, decompresses it if need be, and
 * reports where each member's bytes are. The importer looks members up by name and reads them by
 * offset; it never parses the archive itself. No name ever becomes a path.
 */
#ifndef NACELLE_IMAGES_ARCHIVE_H
#define NACELLE_IMAGES_ARCHIVE_H

#include <stddef.h>
#include <stdint.h>

#include "images/stream.h"
#include "vmm/base/error.h"

enum {
	ARCHIVE_MEMBERS_MAX = 65536,
	ARCHIVE_LINKS_MAX = 8, /* followed on the way to one member */
};

/* A file, or a link to another member. */
struct archive_member {
	char *name; /* without a leading "./" */
	char *link; /* the name of the member that it leads to; NULL: a file */
	uint64_t offset;
	uint64_t size_bytes;
};

struct archive {
	struct archive_member *members; /* by name, in ascending order of bytes; none twice */
	size_t count;
};

/*
 * Reads an archive from a stream: 0 with *out filled, or -1 with err filled and *out empty. An
 * archive that has a name twice, a sparse file, or more members than ARCHIVE_MEMBERS_MAX is
 * refused.
 */
int archive_read(struct archive *out, struct stream *source, struct error *err);
void archive_free(struct archive *archive);

/* The file that a name means, through links; NULL if there is none. */
const struct archive_member *archive_find(const struct archive *archive, const char *name);

/* As bytes. archive_decode() checks every field. Return 0, or -1 (with err filled). */
int archive_encode(const struct archive *archive, void **data, size_t *len);
int archive_decode(struct archive *out, const void *data, size_t len, struct error *err);

/*
 * The job of a confined process (images/worker.h); results in an encoded archive. It reads in_fd
 * until its end. Where out_fd is not -1, what it reads is decompressed if it is compressed, and
 * written there; offsets are then those of out_fd.
 */
struct archive_job {
	int in_fd;
	int out_fd;
};
int archive_index(void *context, int control, struct error *err);

#endif
