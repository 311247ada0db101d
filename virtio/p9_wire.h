/*
 * The 9P2000.L wire format: a T-message in, a struct of checked numbers out; an R-message built in
 * a bounded buffer. No system calls, no allocation, no state.
 *
 * The bytes of a T-message come from the guest. The decoder wants them in private memory, so that
 * nobody changes them between check and use, and reads each once. It checks everything that can be
 * checked without knowing fids: that the size field is the message's size, that every field lies
 * inside it, that nothing is left over, that a walk has at most 16 names. Whether a name is a
 * proper file name is the question of p9_name_check().
 *
 * Specification: the 9P2000 manual (intro(5) and its siblings) and diod's protocol.md for the .L
 * messages; as the Linux client speaks it (net/9p/client.c).
 */
#ifndef NACELLE_VIRTIO_P9_WIRE_H
#define NACELLE_VIRTIO_P9_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "vmm/base/bytes.h"

enum p9_type {
	P9_RLERROR = 7,
	P9_TSTATFS = 8,
	P9_TLOPEN = 12,
	P9_TLCREATE = 14,
	P9_TSYMLINK = 16,
	P9_TMKNOD = 18,
	P9_TRENAME = 20,
	P9_TREADLINK = 22,
	P9_TGETATTR = 24,
	P9_TSETATTR = 26,
	P9_TXATTRWALK = 30,
	P9_TXATTRCREATE = 32,
	P9_TREADDIR = 40,
	P9_TFSYNC = 50,
	P9_TLOCK = 52,
	P9_TGETLOCK = 54,
	P9_TLINK = 70,
	P9_TMKDIR = 72,
	P9_TRENAMEAT = 74,
	P9_TUNLINKAT = 76,
	P9_TVERSION = 100,
	P9_TAUTH = 102,
	P9_TATTACH = 104,
	P9_TFLUSH = 108,
	P9_TWALK = 110,
	P9_TREAD = 116,
	P9_TWRITE = 118,
	P9_TCLUNK = 120,
	P9_TREMOVE = 122,
};

enum {
	P9_HEADER_BYTES = 7,  /* size[4] type[1] tag[2] */
	P9_ERROR_BYTES = 11,  /* of a whole Rlerror: the smallest reply buffer that we accept */
	P9_READ_BYTES = 11,   /* of an Rread or Rreaddir in front of its data */
	P9_WRITE_BYTES = 23,  /* of a Twrite in front of its data */
	P9_IO_BYTES = 24,     /* what both sides subtract from msize for one transfer */
	P9_DIRENT_BYTES = 24, /* of a directory entry without its name */
	P9_NAME_MAX = 255,
	P9_WALK_MAX = 16,
	P9_MSIZE_MIN = 4096,
	P9_MSIZE_MAX = 512 * 1024,
	/* The longest message but Twrite: two strings of the longest kind, and change. */
	P9_HEAD_MAX = 128 * 1024 + 64,
};

#define P9_NOFID ((uint32_t)~0)
#define P9_NOID	 ((uint32_t)~0)

/* The decoder puts a NUL behind every string; a string can hold more NULs. */
struct p9_string {
	const char *data;
	size_t len;
};

struct p9_qid {
	uint8_t type;
	uint32_t version;
	uint64_t path;
};

enum { P9_QID_DIR = 0x80, P9_QID_SYMLINK = 0x02, P9_QID_FILE = 0x00 };

/* Open flags on the wire: Linux's numbers of x86. */
enum {
	P9_OPEN_ACCMODE = 03,
	P9_OPEN_CREATE = 0100,
	P9_OPEN_EXCL = 0200,
	P9_OPEN_TRUNC = 01000,
	P9_OPEN_APPEND = 02000,
	P9_OPEN_DSYNC = 010000,
	P9_OPEN_DIRECTORY = 0200000,
	P9_OPEN_SYNC = 04000000,
};

enum { P9_UNLINK_REMOVEDIR = 0x200 };

/* The valid bits of Tsetattr. */
enum {
	P9_SET_MODE = 1 << 0,
	P9_SET_UID = 1 << 1,
	P9_SET_GID = 1 << 2,
	P9_SET_SIZE = 1 << 3,
	P9_SET_ATIME = 1 << 4,
	P9_SET_MTIME = 1 << 5,
	P9_SET_CTIME = 1 << 6,
	P9_SET_ATIME_SET = 1 << 7,
	P9_SET_MTIME_SET = 1 << 8,
};

/* The mask of Tgetattr and Rgetattr. */
#define P9_STATS_BASIC ((uint64_t)0x7ff)
#define P9_STATS_BTIME ((uint64_t)0x800)
#define P9_STATS_GEN   ((uint64_t)0x1000)

enum { P9_LOCK_READ = 0, P9_LOCK_WRITE = 1, P9_LOCK_UNLOCK = 2 };
enum { P9_LOCK_SUCCESS = 0, P9_LOCK_BLOCKED = 1 };

struct p9_time {
	uint64_t sec;
	uint64_t nsec;
};

/* A decoded T-message. Only the fields of its type mean anything. */
struct p9_request {
	uint8_t type;
	uint16_t tag;
	uint16_t old_tag; /* flush */
	uint32_t fid;
	uint32_t other_fid; /* afid, newfid, and the second directory of rename, renameat, link */
	struct p9_string name;	/* also uname, version, client_id */
	struct p9_string name2; /* also aname, a symbolic link's target */
	uint32_t flags;
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	uint64_t offset; /* also a lock's start */
	uint64_t size;	 /* also a lock's length */
	uint32_t count;
	uint32_t msize;
	uint32_t valid; /* setattr */
	uint64_t mask;	/* getattr */
	struct p9_time atime;
	struct p9_time mtime;
	uint8_t lock_type;
	uint32_t proc_id;
	uint16_t walk_count;
	struct p9_string walk[P9_WALK_MAX];
};

/*
 * Decodes the message of total_len bytes whose first head_len bytes are at head, with one writable
 * byte behind them. All of a message must be there, except the data of a Twrite, of which the
 * decoder wants only the first P9_WRITE_BYTES bytes. Strings in *req point into head, which the
 * decoder changes to terminate them. Returns 0; -1 if this is no well-formed message of a type that
 * exists, or its size is not total_len. A well-formed header is enough for Tauth and types that we
 * do not know: p9_type_known() says which.
 */
int p9_decode(void *head, size_t head_len, size_t total_len, struct p9_request *req)
    __attribute__((warn_unused_result));

/* Whether the server speaks this type. */
bool p9_type_known(uint8_t type);

/* Whether this byte of a message's header says that it is a Twrite. */
static inline bool p9_is_write(const uint8_t *header)
{
	return header[4] == P9_TWRITE;
}

/* 0 if the string may name a file in a directory; -EINVAL or -ENAMETOOLONG otherwise. */
int p9_name_check(const struct p9_string *name) __attribute__((warn_unused_result));

/* Whether the string is exactly this text. */
static inline bool p9_string_is(const struct p9_string *s, const char *text)
{
	return s->len == strlen(text) && !memcmp(s->data, text, s->len);
}

/*
 * Builds an R-message. Begins behind the header; a put that does not fit marks the reply bad and
 * writes nothing.
 */
struct p9_reply {
	uint8_t *start;
	uint8_t *at;
	uint8_t *end;
	bool bad;
};

/* A reply in the max bytes at data, of which there are at least P9_ERROR_BYTES. */
struct p9_reply p9_reply_begin(void *data, size_t max);

/* The next len bytes of the reply to be filled by the caller, or NULL with the reply marked bad. */
void *p9_put_space(struct p9_reply *r, size_t len);
void p9_put_u8(struct p9_reply *r, uint8_t v);
void p9_put_u16(struct p9_reply *r, uint16_t v);
void p9_put_u32(struct p9_reply *r, uint32_t v);
void p9_put_u64(struct p9_reply *r, uint64_t v);
void p9_put_string(struct p9_reply *r, const char *data, size_t len); /* len <= 65535 */
void p9_put_qid(struct p9_reply *r, const struct p9_qid *qid);

/* Writes the header in front and returns the size of the whole message. The reply is not bad. */
size_t p9_reply_end(struct p9_reply *r, uint8_t type, uint16_t tag);

/* Makes an Rlerror of it, whatever was put, and returns its size. code: a positive errno value. */
size_t p9_reply_error(struct p9_reply *r, uint16_t tag, int code);

#endif
