/*
 * The flat encoding of the store's records and of what the confined parsers report: a magic of 16
 * bytes, then fields of {le32 tag, le32 length, bytes}, then an end field and nothing more.
 *
 * A reader skips tags that it does not know, and believes no field that it has not checked: the
 * writer had parsed hostile bytes.
 */
#ifndef NACELLE_IMAGES_FIELDS_H
#define NACELLE_IMAGES_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/digest.h"
#include "images/string_list.h"
#include "vmm/base/bytes.h"

enum { FIELDS_MAGIC_LEN = 16, FIELDS_SIZE_MAX = 16 * 1024 * 1024 };

enum field_tag {
	FIELD_END = 0,
	FIELD_MANIFEST = 1,
	FIELD_CHAIN = 2,
	FIELD_SIZE = 3,
	FIELD_ENTRYPOINT = 10,
	FIELD_CMD = 11,
	FIELD_ENV = 12,
	FIELD_VOLUME = 13,
	FIELD_USER = 14,
	FIELD_WORKING_DIR = 15,
	FIELD_STOP_SIGNAL = 16,
	FIELD_BLOB = 20,
	FIELD_BLOB_SIZE = 21, /* the last field of a blob */
	FIELD_VERITY = 22,
	FIELD_KIND = 23,
	FIELD_CANONICAL = 30,
	FIELD_NAME = 31,
	FIELD_WITNESS = 32,
	FIELD_CONFIG_BLOB = 33,
	FIELD_CONFIG_VERSION = 34,
	FIELD_LAYER_BLOB = 40,
	FIELD_LAYER_SIZE = 41,
	FIELD_LAYER_DIFF_ID = 42,
	FIELD_LAYER_COMPRESSION = 43, /* the last field of a layer */
	FIELD_MEMBER_NAME = 60,
	FIELD_MEMBER_LINK = 61,
	FIELD_MEMBER_OFFSET = 62,
	FIELD_MEMBER_SIZE = 63,
	FIELD_DOCKER_CONFIG = 64,
	FIELD_DOCKER_CONFIG_DIGEST = 65,
	FIELD_DOCKER_LAYER = 66,
	FIELD_MEDIA_TYPE = 50,
	FIELD_CONFIG_MEDIA_TYPE = 51,
	FIELD_LAYER_MEDIA_TYPE = 52,
	FIELD_CREATED = 53,
	FIELD_AUTHOR = 54,
	FIELD_ARCHITECTURE = 55,
	FIELD_OS = 56,
	FIELD_LABEL = 57,
	FIELD_ANNOTATION = 58,
	FIELD_PORT = 59,
	FIELD_SIGNATURE_KIND = 70,
	FIELD_SIGNATURE_ORIGIN = 71,
	FIELD_SIGNATURE_PAYLOAD = 72,
	FIELD_SIGNATURE_DATA = 73, /* the last field of a signature */
	FIELD_SIGNATURE_INDEX = 74,
	FIELD_VERDICT_NAME = 80,
	FIELD_VERDICT_MADE = 81,
	FIELD_VERDICT_EXPIRES = 82,
	FIELD_VERDICT_PATH = 83,
	FIELD_VERDICT_IDENTITY = 84,
	FIELD_VERDICT_BYTES = 85, /* the last field of a file */
	FIELD_ACI_NAME = 110,
	FIELD_ACI_LABEL = 111,
	FIELD_ACI_COMPRESSION = 112,
	FIELD_ACI_UNAPPLIED = 113,
	FIELD_ACI_WHITELIST = 114,
	FIELD_ACI_DEPENDENCY = 115, /* its name; what follows belongs to it */
	FIELD_ACI_DEPENDENCY_ID = 116,
	FIELD_ACI_DEPENDENCY_LABEL = 117,
	FIELD_ACI_DEPENDENCY_SIZE = 118,
	FIELD_NETWORK_NAME = 120,
	FIELD_NETWORK_ADDRESS = 121,
	FIELD_NETWORK_SERVER = 122,
	FIELD_NETWORK_DOMAIN = 123,
	FIELD_NETWORK_FILE = 124,   /* the configuration */
	FIELD_NETWORK_PLUGIN = 125, /* the program of its first plug-in */
	FIELD_GID = 130,
	FIELD_PRE_START = 131,
	FIELD_POST_STOP = 132,
	FIELD_MOUNT_POINT = 133, /* its name; what follows belongs to it */
	FIELD_MOUNT_POINT_PATH = 134,
	FIELD_MOUNT_POINT_READ_ONLY = 135,
	FIELD_APP_PORT = 136, /* its name; what follows belongs to it */
	FIELD_APP_PORT_UDP = 137,
	FIELD_APP_PORT_NUMBER = 138,
	FIELD_APP_PORT_COUNT = 139,
	FIELD_APP_PORT_SOCKET = 140,
	FIELD_MEMORY_LIMIT = 145,
	FIELD_MEMORY_REQUEST = 146,
	FIELD_CPU_LIMIT = 147,
	FIELD_CPU_REQUEST = 148,
	FIELD_CPU_SHARES = 149,
	FIELD_OOM_SCORE = 150, /* from 0 */
	FIELD_NO_NEW_PRIVILEGES = 151,
	FIELD_CAPABILITY_SET = 152,
	FIELD_CAPABILITY = 153,
	FIELD_SYSTEM_CALL_SET = 154,
	FIELD_SYSTEM_CALL = 155,
	FIELD_SECCOMP_ERRNO = 156,
	FIELD_SYSCTL = 157,
	FIELD_ISOLATOR_UNAPPLIED = 158,
	FIELD_POD_ANNOTATION = 170, /* of the pod; behind an app, of that */
	FIELD_POD_USER_ANNOTATION = 171,
	FIELD_POD_USER_LABEL = 172,
	FIELD_POD_VOLUME = 173, /* its name; what follows belongs to it */
	FIELD_POD_VOLUME_KIND = 174,
	FIELD_POD_VOLUME_SOURCE = 175,
	FIELD_POD_VOLUME_READ_ONLY = 176,
	FIELD_POD_VOLUME_RECURSIVE = 177,
	FIELD_POD_VOLUME_MODE = 178,
	FIELD_POD_VOLUME_UID = 179,
	FIELD_POD_VOLUME_GID = 180,
	FIELD_POD_PORT = 181, /* its name; what follows belongs to it */
	FIELD_POD_PORT_HOST = 182,
	FIELD_POD_PORT_IP = 183,
	FIELD_POD_PORT_POD = 184,
	FIELD_POD_PORT_POD_UDP = 185,
	FIELD_POD_PORT_POD_COUNT = 186,
	FIELD_POD_APP = 190, /* its name; what follows belongs to it */
	FIELD_POD_IMAGE_ID = 191,
	FIELD_POD_IMAGE_NAME = 192,
	FIELD_POD_REFERENCE = 193,
	FIELD_POD_HAS_APP = 194,
	FIELD_POD_READ_ONLY = 195,
	FIELD_POD_MOUNT = 196, /* a volume's name; its path follows */
	FIELD_POD_MOUNT_PATH = 197,
	FIELD_LAUNCH_NAME = 240,
	FIELD_LAUNCH_APP = 241,
	FIELD_LAUNCH_IMAGE = 242,
	FIELD_LAUNCH_DIRECTORY = 243,
	FIELD_LAUNCH_OPTION = 244,
	FIELD_LAUNCH_ARGUMENT = 245,
	FIELD_LAUNCH_VARIABLE = 246,
	FIELD_LAUNCH_FILE = 247,
	FIELD_LAUNCH_REFERENCE = 248,
	FIELD_LAUNCH_REFERENCE_DIGEST = 249,
	FIELD_LAUNCH_REFERENCE_NAME = 250,
	FIELD_OCI_TEXT = 300,	/* + enum oci_text */
	FIELD_OCI_LIST = 320,	/* + enum oci_list */
	FIELD_OCI_NUMBER = 340, /* + enum oci_number */
	FIELD_OCI_MOUNT = 370,	/* its target; what follows belongs to it */
	FIELD_OCI_MOUNT_SOURCE = 371,
	FIELD_OCI_MOUNT_FLAGS = 372,
	FIELD_OCI_MOUNT_MODE = 373,
	FIELD_OCI_MOUNT_UID = 374,
	FIELD_OCI_MOUNT_GID = 375,
	FIELD_OCI_MOUNT_SIZE = 376,
	FIELD_OCI_HOOK = 400, /* its path; what follows belongs to it */
	FIELD_OCI_HOOK_KIND = 401,
	FIELD_OCI_HOOK_ARG = 402,
	FIELD_OCI_HOOK_ENV = 403,
	FIELD_OCI_HOOK_TIMEOUT = 404,
};

struct field_writer {
	uint8_t *data;
	size_t len;
	size_t capacity;
	bool failed; /* sticky: no memory, or too large */
};

void fields_begin(struct field_writer *w, const char magic[FIELDS_MAGIC_LEN + 1]);
void fields_put(struct field_writer *w, enum field_tag tag, const void *data, size_t len);
void fields_put_text(struct field_writer *w, enum field_tag tag, const char *text);
void fields_put_list(struct field_writer *w, enum field_tag tag, const struct string_list *list);
void fields_put_digest(struct field_writer *w, enum field_tag tag, const struct digest *digest);
void fields_put_u64(struct field_writer *w, enum field_tag tag, uint64_t value);

/* Hands the encoded bytes to the caller, who frees them. Returns 0, or -1: the writer has failed.
 */
int fields_finish(struct field_writer *w, void **data, size_t *len);

struct field {
	uint32_t tag;
	size_t len;
	const uint8_t *data;
};

/* Returns whether the bytes begin with the magic; then the cursor stands at the first field. */
bool fields_open(struct cursor *c, const void *data, size_t len,
		 const char magic[FIELDS_MAGIC_LEN + 1]);

/* The next field: 1, 0 at the end field with nothing after it, -1 if the bytes are damaged. */
int fields_next(struct cursor *c, struct field *out);

/* Take a field's contents. Return 0, or -1: malformed, given twice, or no memory. */
int field_take_text(const struct field *field, char **out);
int field_take_item(const struct field *field, struct string_list *list);
int field_take_digest(const struct field *field, struct digest *out);
int field_take_bytes(const struct field *field, uint8_t **out, size_t *len);
int field_take_u64(const struct field *field, uint64_t max, uint64_t *out);

#endif
