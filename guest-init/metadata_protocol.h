/*
 * What the host and guest-init agree upon of the metadata service, beside the record's flag.
 */
#ifndef NACELLE_GUEST_INIT_METADATA_PROTOCOL_H
#define NACELLE_GUEST_INIT_METADATA_PROTOCOL_H

#include <assert.h>

#include "vmm/base/bytes.h"

/*
 * The metadata service of an appc pod (spec 0.8.11, ace.md), if the record asks for one: guest-init
 * runs the program METADATA_PROGRAM_PATH of the initramfs, which answers on METADATA_PORT of the
 * pod's loopback interface out of the file METADATA_PATH: entries one after the other, each a
 * struct metadata_entry, a name and a body. A text or JSON document is found as
 * http://127.0.0.1:METADATA_PORT/TOKEN/acMetadata/v1/NAME.
 */
#define METADATA_PROGRAM_PATH "/metadata-service"
#define METADATA_PATH	      "/metadata"
#define METADATA_UUID_NAME    "pod/uuid" /* a text that must be there */
#define METADATA_SIGN_NAME    "pod/hmac/sign"
#define METADATA_VERIFY_NAME  "pod/hmac/verify"
enum metadata_kind {
	METADATA_TOKEN = 1, /* once; without a name */
	METADATA_TEXT,
	METADATA_JSON,
};
struct metadata_entry {
	le32 kind;
	le32 name_len;
	le32 body_len;
};
static_assert(sizeof(struct metadata_entry) == 12, "metadata");
enum {
	METADATA_PORT = 18112, /* rkt's */
	METADATA_SIZE_MAX = 4 * 1024 * 1024,
	METADATA_ENTRIES_MAX = 256,
	METADATA_TOKEN_MAX = 128,
};

#endif
