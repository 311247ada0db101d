/*
 * Wire integers and a bounded cursor: the only ways in which bytes from outside become numbers.
 *
 * A le16/le32/le64 is a struct, so that arithmetic on an unconverted field does not compile. A
 * cursor never reads past its end: a read that does not fit returns zero and marks the cursor bad,
 * and the caller checks the mark once, after the last read and before it uses what it read.
 */
#ifndef NACELLE_BASE_BYTES_H
#define NACELLE_BASE_BYTES_H

#include <assert.h>
#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* The struct whose member ptr points to. */
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

typedef struct {
	uint16_t raw;
} le16;
typedef struct {
	uint32_t raw;
} le32;
typedef struct {
	uint64_t raw;
} le64;

static inline uint16_t le16_get(le16 v)
{
	return le16toh(v.raw);
}
static inline uint32_t le32_get(le32 v)
{
	return le32toh(v.raw);
}
static inline uint64_t le64_get(le64 v)
{
	return le64toh(v.raw);
}
static inline le16 le16_make(uint16_t v)
{
	return (le16){ htole16(v) };
}
static inline le32 le32_make(uint32_t v)
{
	return (le32){ htole32(v) };
}
static inline le64 le64_make(uint64_t v)
{
	return (le64){ htole64(v) };
}

/* Rounds up to a multiple of align, a power of two. The caller knows that it does not wrap. */
static inline uint64_t align_up(uint64_t value, uint64_t align)
{
	return (value + align - 1) & ~(align - 1);
}

struct cursor {
	const uint8_t *at;
	const uint8_t *end;
	bool bad; /* sticky: a read went past the end */
};

static inline struct cursor cursor_make(const void *data, size_t len_bytes)
{
	return (struct cursor){ .at = data, .end = (const uint8_t *)data + len_bytes };
}

static inline size_t cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->at);
}

/* The next len bytes, or NULL with the cursor marked bad and emptied. */
static inline const void *cursor_take(struct cursor *c, size_t len)
{
	const uint8_t *taken = c->at;

	if (len > cursor_left(c)) {
		c->bad = true;
		c->at = c->end;
		return NULL;
	}
	c->at += len;
	return taken;
}

static inline uint8_t cursor_u8(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 1);

	return p ? *p : 0;
}
static inline uint16_t cursor_le16(struct cursor *c)
{
	const void *p = cursor_take(c, sizeof(le16));
	le16 v = { 0 };

	if (p)
		memcpy(&v, p, sizeof(v));
	return le16_get(v);
}
static inline uint32_t cursor_le32(struct cursor *c)
{
	const void *p = cursor_take(c, sizeof(le32));
	le32 v = { 0 };

	if (p)
		memcpy(&v, p, sizeof(v));
	return le32_get(v);
}
static inline uint64_t cursor_le64(struct cursor *c)
{
	const void *p = cursor_take(c, sizeof(le64));
	le64 v = { 0 };

	if (p)
		memcpy(&v, p, sizeof(v));
	return le64_get(v);
}

#endif
