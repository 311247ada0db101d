/*
 * The 9p codec: each T-message whole, cut short at every byte, and with a byte too many; and the
 * bounds of a reply.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "virtio/p9_wire.h"

/* Fields: b, w, d, q an integer of 1, 2, 4, 8 bytes, whose value is its place; s a string "ab". */
static const struct {
	uint8_t type;
	const char *fields;
} samples[] = {
	{ P9_TSTATFS, "d" },	  { P9_TLOPEN, "dd" },	   { P9_TLCREATE, "dsddd" },
	{ P9_TSYMLINK, "dssd" },  { P9_TMKNOD, "dsdddd" }, { P9_TRENAME, "dds" },
	{ P9_TREADLINK, "d" },	  { P9_TGETATTR, "dq" },   { P9_TSETATTR, "dddddqqqqq" },
	{ P9_TXATTRWALK, "dds" }, { P9_TFSYNC, "dd" },	   { P9_TXATTRCREATE, "dsqd" },
	{ P9_TREADDIR, "dqd" },	  { P9_TLOCK, "dbdqqds" }, { P9_TGETLOCK, "dbqqds" },
	{ P9_TLINK, "dds" },	  { P9_TMKDIR, "dsdd" },   { P9_TRENAMEAT, "dsds" },
	{ P9_TUNLINKAT, "dsd" },  { P9_TVERSION, "ds" },   { P9_TATTACH, "ddssd" },
	{ P9_TFLUSH, "w" },	  { P9_TREAD, "dqd" },	   { P9_TCLUNK, "d" },
	{ P9_TREMOVE, "d" },
};

struct message {
	uint8_t bytes[4096];
	size_t len;
};

static void add(struct message *m, uint64_t value, size_t size)
{
	le64 wire = le64_make(value);

	memcpy(m->bytes + m->len, &wire, size);
	m->len += size;
}

static void add_string(struct message *m, const char *s, size_t len)
{
	add(m, len, 2);
	memcpy(m->bytes + m->len, s, len);
	m->len += len;
}

static void set_size(struct message *m, size_t size)
{
	le32 wire = le32_make((uint32_t)size);

	memcpy(m->bytes, &wire, sizeof(wire));
}

static struct message begin(uint8_t type)
{
	struct message m = { .len = 0 };

	add(&m, 0, 4);
	add(&m, type, 1);
	add(&m, 0x1234, 2);
	return m;
}

static struct message build(uint8_t type, const char *fields)
{
	struct message m = begin(type);

	for (size_t i = 0; fields[i]; i++) {
		switch (fields[i]) {
		case 'b':
			add(&m, i, 1);
			break;
		case 'w':
			add(&m, i, 2);
			break;
		case 'd':
			add(&m, i, 4);
			break;
		case 'q':
			add(&m, i, 8);
			break;
		default:
			add_string(&m, "ab", 2);
		}
	}
	set_size(&m, m.len);
	return m;
}

static int decode(struct message *m, struct p9_request *req)
{
	return p9_decode(m->bytes, m->len, m->len, req);
}

static void test_every_message(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		struct message whole = build(samples[i].type, samples[i].fields);
		struct message m = whole;
		struct p9_request req;

		assert_int_equal(decode(&m, &req), 0);
		assert_int_equal(req.type, samples[i].type);
		assert_int_equal(req.tag, 0x1234);
		assert_true(p9_type_known(req.type));
		for (size_t len = 0; len < whole.len; len++) {
			m = whole;
			m.len = len;
			assert_int_equal(decode(&m, &req), -1); /* the size field is wrong */
			set_size(&m, len);
			if (len != P9_HEADER_BYTES || samples[i].fields[0])
				assert_int_equal(decode(&m, &req), -1);
		}
		m = whole;
		add(&m, 0, 1);
		assert_int_equal(decode(&m, &req), -1);
		set_size(&m, m.len);
		assert_int_equal(decode(&m, &req), -1);
	}
}

static void test_fields(void **state)
{
	struct message m = build(P9_TSETATTR, "dddddqqqqq");
	struct p9_request req;

	(void)state;
	assert_int_equal(decode(&m, &req), 0);
	assert_int_equal(req.valid, 1);
	assert_int_equal(req.gid, 4);
	assert_int_equal(req.size, 5);
	assert_int_equal(req.mtime.nsec, 9);
	m = build(P9_TLOCK, "dbdqqds");
	assert_int_equal(decode(&m, &req), 0);
	assert_int_equal(req.lock_type, 1);
	assert_int_equal(req.flags, 2);
	assert_int_equal(req.offset, 3);
	assert_int_equal(req.size, 4);
	assert_int_equal(req.proc_id, 5);
	assert_string_equal(req.name.data, "ab");
	m = build(P9_TGETLOCK, "dbqqds");
	assert_int_equal(decode(&m, &req), 0);
	assert_int_equal(req.offset, 2);
	m = build(P9_TRENAMEAT, "dsds");
	assert_int_equal(decode(&m, &req), 0);
	assert_int_equal(req.other_fid, 2);
	assert_string_equal(req.name.data, "ab");
	assert_string_equal(req.name2.data, "ab");
}

static void test_walk(void **state)
{
	struct p9_request req;

	(void)state;
	for (unsigned names = 0; names <= 17; names++) {
		struct message m = begin(P9_TWALK);

		add(&m, 1, 4);
		add(&m, 2, 4);
		add(&m, names, 2);
		for (unsigned i = 0; i < names; i++)
			add_string(&m, "xyz", i % 4);
		set_size(&m, m.len);
		assert_int_equal(decode(&m, &req), names <= P9_WALK_MAX ? 0 : -1);
		if (names > P9_WALK_MAX)
			continue;
		assert_int_equal(req.walk_count, names);
		for (unsigned i = 0; i < names; i++) {
			assert_int_equal(req.walk[i].len, i % 4);
			assert_int_equal(strlen(req.walk[i].data), i % 4);
		}
	}
}

static void test_write(void **state)
{
	struct message m = build(P9_TWRITE, "dqd");
	struct p9_request req;

	(void)state;
	/* Its count says 2; the data is not looked at. */
	set_size(&m, m.len + 2);
	assert_int_equal(p9_decode(m.bytes, m.len, m.len + 2, &req), 0);
	assert_int_equal(req.count, 2);
	assert_int_equal(p9_decode(m.bytes, m.len - 1, m.len + 2, &req), -1);
	set_size(&m, m.len + 1);
	assert_int_equal(p9_decode(m.bytes, m.len, m.len + 1, &req), -1);
	set_size(&m, m.len + 3);
	assert_int_equal(p9_decode(m.bytes, m.len, m.len + 3, &req), -1);
}

static void test_unknown_types(void **state)
{
	struct p9_request req;

	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		struct message m = build((uint8_t)type, "");

		if (!p9_type_known((uint8_t)type)) {
			assert_int_equal(decode(&m, &req), 0);
			assert_int_equal(req.type, type);
		}
	}
	assert_false(p9_type_known(P9_TAUTH));
	assert_false(p9_type_known(P9_TREAD + 1));
}

static int check_name(const char *name, size_t len)
{
	struct p9_string s = { name, len };

	return p9_name_check(&s);
}

static void test_names(void **state)
{
	char name[257];

	(void)state;
	memset(name, 'x', sizeof(name));
	assert_int_equal(check_name(name, 1), 0);
	assert_int_equal(check_name(name, 255), 0);
	assert_int_equal(check_name(name, 256), -ENAMETOOLONG);
	assert_int_equal(check_name("", 0), -EINVAL);
	assert_int_equal(check_name(".", 1), -EINVAL);
	assert_int_equal(check_name("..", 2), -EINVAL);
	assert_int_equal(check_name("...", 3), 0);
	assert_int_equal(check_name("a/b", 3), -EINVAL);
	assert_int_equal(check_name("/", 1), -EINVAL);
	assert_int_equal(check_name("a\0b", 3), -EINVAL);
	assert_int_equal(check_name("..\0", 3), -EINVAL);
}

static void test_reply(void **state)
{
	uint8_t bytes[32];
	struct p9_qid qid = { P9_QID_DIR, 0x01020304, 0x1122334455667788 };
	struct p9_reply r;

	(void)state;
	memset(bytes, 0xa5, sizeof(bytes));
	r = p9_reply_begin(bytes, 24);
	p9_put_qid(&r, &qid);
	p9_put_string(&r, "xy", 2);
	assert_false(r.bad);
	assert_int_equal(p9_reply_end(&r, P9_TATTACH + 1, 5), 24);
	assert_memory_equal(bytes,
			    "\x18\0\0\0\x69\x05\0\x80\4\3\2\1\x88\x77\x66\x55\x44\x33\x22\x11"
			    "\2\0xy",
			    24);
	r = p9_reply_begin(bytes, 24);
	p9_put_u64(&r, 1);
	p9_put_u64(&r, 1);
	p9_put_u16(&r, 1);
	assert_true(r.bad);
	assert_null(p9_put_space(&r, 0));
	assert_int_equal(p9_reply_error(&r, 6, ENOENT), 11);
	assert_memory_equal(bytes, "\x0b\0\0\0\x07\x06\0\x02\0\0\0", 11);
	assert_int_equal(bytes[24], 0xa5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_message), cmocka_unit_test(test_fields),
		cmocka_unit_test(test_walk),	      cmocka_unit_test(test_write),
		cmocka_unit_test(test_unknown_types), cmocka_unit_test(test_names),
		cmocka_unit_test(test_reply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
