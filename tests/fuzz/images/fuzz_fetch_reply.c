/*
 * Messages of a fetching process that was taken over, as they lie in the importer's socket: heads
 * and lengths, then what their kinds say.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "images/fetch_reply.h"
#include "images/limits.h"
#include "images/message.h"
#include "vmm/base/io.h"

enum {
	INPUT_MAX = 65536,
	BLOBS = 3,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_one(int kind, const char *message, size_t len)
{
	struct error err = ERROR_NONE;
	struct fetch_manifest manifest;
	struct fetch_bytes bytes;
	int found;

	if (kind == MESSAGE_GOT) {
		found = fetch_read_manifest(&manifest, message, len, &err);
		assert(found >= 0 || err.text[0]);
		assert(found <= 0 || (manifest.media_type && manifest.len <= IMAGE_DOCUMENT_MAX));
		assert(found <= 0 || manifest.data + manifest.len == message + len);
		return;
	}
	if (fetch_read_bytes(&bytes, kind, message, len, BLOBS, &err) < 0) {
		assert(err.text[0]);
		return;
	}
	assert(bytes.slot < BLOBS && bytes.data + bytes.len == message + len);
	assert((kind == MESSAGE_END) == (bytes.len == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_NONE;
	int pair[2];

	if (size > INPUT_MAX || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return 0;
	if (io_write_all(pair[0], data, size) < 0)
		abort();
	close(pair[0]);
	for (;;) {
		char *message;
		uint32_t kind;
		size_t len;

		if (message_receive(pair[1], &kind, &message, &len, &err) <= 0)
			break;
		assert(message[len] == '\0');
		if (kind <= INT32_MAX)
			read_one((int)kind, message, len);
		free(message);
	}
	close(pair[1]);
	return 0;
}
