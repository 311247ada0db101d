/*
 * Messages between the importing process and its confined parsers, over a stream socket:
 * {le32 kind, le32 length} and so many bytes.
 */
#ifndef NACELLE_IMAGES_MESSAGE_H
#define NACELLE_IMAGES_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/base/error.h"

enum message_kind {
	MESSAGE_ERROR = 1,    /* parser: a sentence; it has given up */
	MESSAGE_RESULT = 2,   /* parser: what it was asked for; it has ended */
	MESSAGE_WANT = 3,     /* parser: struct message_want */
	MESSAGE_DOCUMENT = 4, /* importer: the verified bytes of what was wanted */
	MESSAGE_ENTRY = 32,   /* image reader: what stands in the image (extract_entry.h) */

	/* Between importer and fetcher, see fetch.h. */
	MESSAGE_ERROR_PASSING = 15, /* MESSAGE_ERROR, with EAGAIN as the error's code */
	MESSAGE_LOGIN = 16,
	MESSAGE_GET = 17,
	MESSAGE_GOT = 18,
	MESSAGE_GET_BLOBS = 19,
	MESSAGE_PIECE = 20,
	MESSAGE_END = 21,
};

/* Enough for a document or a plan. */
enum { MESSAGE_SIZE_MAX = 16 * 1024 * 1024 };

/* Sends one message. Returns 0, or -1 with errno set. */
int message_send(int fd, enum message_kind kind, const void *data, size_t len);

/*
 * Receives one message; the caller frees *data, which has a NUL after it. Returns 1, 0 when the
 * other side has closed, -1 with err filled: the message is cut off, too large, or there is no
 * memory.
 */
int message_receive(int fd, uint32_t *kind, char **data, size_t *len, struct error *err);

#endif
