/*
 * The 9p decoder on any bytes. What it accepts keeps to its header: strings lie inside the message
 * and end with a NUL, a walk has at most 16 names.
 */
#include <stdlib.h>
#include <string.h>

#include "virtio/p9_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_string(const struct p9_string *s, const char *start, size_t len)
{
	bool inside = s->data >= start && s->data + s->len <= start + len;

	if ((s->len && !inside) || s->data[s->len] != '\0')
		abort();
	if (p9_name_check(s) == 0 && (s->len == 0 || memchr(s->data, '/', s->len)))
		abort();
}

/* A reply of every kind of field in a buffer of any size. */
static void reply(const uint8_t *data, size_t size)
{
	struct p9_qid qid = { P9_QID_DIR, 1, 2 };
	size_t max = size ? P9_ERROR_BYTES + data[0] % 64 : P9_ERROR_BYTES;
	uint8_t *buffer = malloc(max);
	struct p9_reply r;

	if (!buffer)
		abort();
	r = p9_reply_begin(buffer, max);
	p9_put_qid(&r, &qid);
	p9_put_u16(&r, 3);
	p9_put_u64(&r, 4);
	p9_put_string(&r, (const char *)data, size % 64);
	if (r.bad ? p9_reply_error(&r, 5, 1) != P9_ERROR_BYTES : p9_reply_end(&r, 6, 7) > max)
		abort();
	free(buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct p9_request req;
	char *copy = malloc(size + 1);
	size_t total = size;

	if (!copy)
		abort();
	memcpy(copy, data, size);
	/* A Twrite comes without its data. */
	if (size >= P9_WRITE_BYTES && p9_is_write(data)) {
		struct cursor c = cursor_make(data, size);

		total = cursor_le32(&c);
	}
	if (p9_decode(copy, size, total, &req) == 0 && p9_type_known(req.type) &&
	    req.type != P9_TWRITE) {
		if (req.walk_count > P9_WALK_MAX)
			abort();
		for (unsigned i = 0; i < req.walk_count; i++)
			check_string(&req.walk[i], copy, size);
		if (req.name.data)
			check_string(&req.name, copy, size);
		if (req.name2.data)
			check_string(&req.name2, copy, size);
	}
	free(copy);
	reply(data, size < 64 ? size : 63);
	return 0;
}
