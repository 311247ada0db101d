#include "tests/unit/virtio/test.h"

#include <linux/virtio_blk.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/driver/driver.h"
#include "virtio/blk.h"
#include "vmm/base/bytes.h"

enum { SECTORS = 64, DISK_BYTES = SECTORS * 512 };

struct fixture {
	struct driver d;
	struct virtio_blk blk;
	int fd;
	uint8_t status;
	uint32_t used_len;
};

struct header {
	le32 type;
	le32 reserved;
	le64 sector;
};

struct range {
	le64 sector;
	le32 count;
	le32 flags;
};

static void begin(struct fixture *f, bool read_only, uint64_t features)
{
	uint8_t bytes[DISK_BYTES];

	memset(f, 0, sizeof(*f));
	f->fd = memfd_create("disk", MFD_CLOEXEC);
	assert_true(f->fd >= 0);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(1 + i / 512);
	assert_int_equal(pwrite(f->fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	driver_init(&f->d, 4 << 20);
	virtio_blk_init(&f->blk, &f->d.gmem,
			&(struct virtio_blk_params){ .fd = f->fd,
						     .size_bytes = DISK_BYTES + 100,
						     .read_only = read_only,
						     .block_bytes = 512,
						     .id = "a-name-longer-than-20-bytes" });
	driver_attach(&f->d, &f->blk.dev);
	assert_int_equal(driver_start(&f->d, features), 15);
}

static void end(struct fixture *f)
{
	struct stat st;

	assert_int_equal(fstat(f->fd, &st), 0);
	assert_int_equal(st.st_size, DISK_BYTES);
	assert_int_equal(f->blk.dev.breaks, 0);
	virtio_blk_fini(&f->blk);
	driver_fini(&f->d);
	close(f->fd);
}

/* Header, the given buffers, status. Returns the status; 0xee where none was written. */
static uint8_t request(struct fixture *f, uint32_t type, uint64_t sector, struct driver_buf *data,
		       unsigned count)
{
	struct header header = { .type = le32_make(type), .sector = le64_make(sector) };
	struct driver_buf bufs[20] = { { .data = &header, .len = sizeof(header) } };
	struct driver_used used;
	uint8_t *status;
	uint16_t head;

	for (unsigned i = 0; i < count; i++)
		bufs[1 + i] = data[i];
	bufs[1 + count] = (struct driver_buf){ .len = 1, .writable = true };
	head = driver_add(&f->d, 0, bufs, count + 2, DRIVER_INDIRECT);
	status = driver_at(&f->d, bufs[1 + count].gpa, 1);
	*status = 0xee;
	driver_kick(&f->d, 0);
	assert_true(driver_collect(&f->d, 0, &used));
	assert_int_equal(used.id, head);
	for (unsigned i = 0; i < count; i++)
		data[i].gpa = bufs[1 + i].gpa;
	f->used_len = used.len;
	return *status;
}

static uint8_t disk_byte(struct fixture *f, uint64_t sector)
{
	uint8_t byte = 0;

	assert_int_equal(pread(f->fd, &byte, 1, (off_t)(sector * 512)), 1);
	return byte;
}

static void test_config(void **state)
{
	struct fixture f;
	le64 capacity;

	(void)state;
	begin(&f, false, ~0ULL);
	virtio_mmio_read(&f.d.slot, 0x100, &capacity, 8);
	assert_int_equal(le64_get(capacity), SECTORS);
	assert_int_equal(driver_read(&f.d, 0x100 + 8), 65536); /* size_max */
	assert_int_equal(driver_read(&f.d, 0x100 + 12), 126);  /* seg_max */
	assert_int_equal(driver_read(&f.d, 0x100 + 20), 512);  /* blk_size */
	assert_true(virtio_device_has(&f.blk.dev, VIRTIO_BLK_F_DISCARD));
	assert_false(virtio_device_has(&f.blk.dev, VIRTIO_BLK_F_RO));
	end(&f);

	begin(&f, true, ~0ULL);
	assert_false(virtio_device_has(&f.blk.dev, VIRTIO_BLK_F_DISCARD));
	assert_true(virtio_device_has(&f.blk.dev, VIRTIO_BLK_F_RO));
	end(&f);
}

static void test_read(void **state)
{
	struct driver_buf bufs[] = { { .len = 500, .writable = true },
				     { .len = 524, .writable = true } };
	struct fixture f;

	(void)state;
	begin(&f, true, ~0ULL);
	assert_int_equal(request(&f, VIRTIO_BLK_T_IN, 62, bufs, 2), VIRTIO_BLK_S_OK);
	assert_int_equal(f.used_len, 1025);
	assert_int_equal(*(uint8_t *)driver_at(&f.d, bufs[0].gpa, 1), 63);
	assert_int_equal(*(uint8_t *)driver_at(&f.d, bufs[1].gpa + 11, 1), 63);
	assert_int_equal(*(uint8_t *)driver_at(&f.d, bufs[1].gpa + 12, 1), 64);
	assert_int_equal(*(uint8_t *)driver_at(&f.d, bufs[1].gpa + 523, 1), 64);
	end(&f);
}

static void test_ranges_refused(void **state)
{
	static const struct {
		uint64_t sector;
		uint32_t len;
	} cases[] = {
		{ 64, 512 },	     { 63, 1024 },	  { 0, 0 },
		{ 0, 511 },	     { UINT64_MAX, 512 }, { UINT64_MAX / 512, 1024 },
		{ 1ULL << 55, 512 }, { 0, 513 },
	};
	struct fixture f;

	(void)state;
	begin(&f, false, ~0ULL);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct driver_buf buf = { .len = cases[i].len, .writable = true };

		f.d.next_gpa = DRIVER_RAM_GPA + (1 << 20);
		assert_int_equal(request(&f, VIRTIO_BLK_T_IN, cases[i].sector, &buf, 1),
				 VIRTIO_BLK_S_IOERR);
		assert_int_equal(f.used_len, cases[i].len + 1);
		buf = (struct driver_buf){ .len = cases[i].len };
		assert_int_equal(request(&f, VIRTIO_BLK_T_OUT, cases[i].sector, &buf, 1),
				 VIRTIO_BLK_S_IOERR);
		assert_int_equal(f.used_len, 1);
	}
	assert_int_equal(f.blk.errors, 2 * ARRAY_SIZE(cases));
	for (uint64_t i = 0; i < SECTORS; i++)
		assert_int_equal(disk_byte(&f, i), i + 1);
	end(&f);
}

static void test_write(void **state)
{
	uint8_t bytes[1024];
	struct driver_buf bufs[] = { { .data = bytes, .len = 1 }, { .data = bytes, .len = 1023 } };
	struct driver_buf back = { .len = 1, .writable = true };
	struct fixture f;

	(void)state;
	memset(bytes, 0xaa, sizeof(bytes));
	for (unsigned flush = 0; flush < 2; flush++) {
		begin(&f, false, flush ? ~0ULL : ~VIRTIO_FEATURE(VIRTIO_BLK_F_FLUSH));
		bufs[0].gpa = bufs[1].gpa = back.gpa = 0;
		assert_int_equal(request(&f, VIRTIO_BLK_T_OUT, 5, bufs, 2), VIRTIO_BLK_S_OK);
		assert_int_equal(f.used_len, 1);
		assert_int_equal(disk_byte(&f, 4), 5);
		assert_int_equal(disk_byte(&f, 5), 0xaa);
		assert_int_equal(disk_byte(&f, 6), 0xaa);
		assert_int_equal(disk_byte(&f, 7), 8);
		assert_int_equal(request(&f, VIRTIO_BLK_T_FLUSH, 0, NULL, 0), VIRTIO_BLK_S_OK);
		assert_int_equal(request(&f, VIRTIO_BLK_T_FLUSH, 0, &back, 1), VIRTIO_BLK_S_IOERR);
		end(&f);
	}
}

static void test_read_only(void **state)
{
	struct range range = { .count = le32_make(1) };
	struct driver_buf data = { .len = 512 };
	struct driver_buf ranges = { .data = &range, .len = sizeof(range) };
	struct fixture f;

	(void)state;
	begin(&f, true, ~0ULL);
	assert_int_equal(request(&f, VIRTIO_BLK_T_OUT, 0, &data, 1), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(&f, VIRTIO_BLK_T_DISCARD, 0, &ranges, 1), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(request(&f, VIRTIO_BLK_T_WRITE_ZEROES, 0, &ranges, 1),
			 VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(request(&f, VIRTIO_BLK_T_FLUSH, 0, NULL, 0), VIRTIO_BLK_S_OK);
	for (uint64_t i = 0; i < SECTORS; i++)
		assert_int_equal(disk_byte(&f, i), i + 1);
	end(&f);
}

static uint8_t zero(struct fixture *f, uint32_t type, uint64_t sector, uint32_t count,
		    uint32_t flags)
{
	struct range ranges[2] = { { le64_make(sector), le32_make(count), le32_make(flags) },
				   { le64_make(40), le32_make(1), le32_make(0) } };
	struct driver_buf bufs[2] = { { .data = ranges, .len = 5 },
				      { .data = (uint8_t *)ranges + 5, .len = 27 } };

	return request(f, type, 0, bufs, 2);
}

static void test_discard_and_zeroes(void **state)
{
	struct driver_buf odd = { .len = 15 }, many = { .len = 17 * 16 };
	struct fixture f;

	(void)state;
	begin(&f, false, ~0ULL);
	assert_int_equal(zero(&f, VIRTIO_BLK_T_WRITE_ZEROES, 2, 3, 0), VIRTIO_BLK_S_OK);
	for (uint64_t i = 0; i < SECTORS; i++)
		assert_int_equal(disk_byte(&f, i), (i >= 2 && i < 5) || i == 40 ? 0 : i + 1);
	assert_int_equal(zero(&f, VIRTIO_BLK_T_WRITE_ZEROES, 10, 2, 1), VIRTIO_BLK_S_OK);
	assert_int_equal(disk_byte(&f, 10), 0);
	assert_int_equal(zero(&f, VIRTIO_BLK_T_DISCARD, 20, 2, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(disk_byte(&f, 19), 20);
	assert_int_equal(disk_byte(&f, 22), 23);
	end(&f);

	/* All or nothing: the second range is good, the first is not. */
	begin(&f, false, ~0ULL);
	assert_int_equal(zero(&f, VIRTIO_BLK_T_WRITE_ZEROES, 64, 1, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(zero(&f, VIRTIO_BLK_T_WRITE_ZEROES, 0, 0, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(zero(&f, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16385, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(zero(&f, VIRTIO_BLK_T_WRITE_ZEROES, UINT64_MAX, 2, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(zero(&f, VIRTIO_BLK_T_WRITE_ZEROES, 0, 1, 2), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(zero(&f, VIRTIO_BLK_T_DISCARD, 0, 1, 1), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(zero(&f, VIRTIO_BLK_T_DISCARD, 0, UINT32_MAX, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(&f, VIRTIO_BLK_T_DISCARD, 0, &odd, 1), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(&f, VIRTIO_BLK_T_DISCARD, 0, &many, 1), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(&f, VIRTIO_BLK_T_DISCARD, 0, NULL, 0), VIRTIO_BLK_S_IOERR);
	for (uint64_t i = 0; i < SECTORS; i++)
		assert_int_equal(disk_byte(&f, i), i + 1);
	end(&f);
}

static void test_get_id(void **state)
{
	struct driver_buf id = { .len = 20, .writable = true };
	struct driver_buf longer = { .len = 21, .writable = true };
	struct fixture f;

	(void)state;
	begin(&f, true, ~0ULL);
	assert_int_equal(request(&f, VIRTIO_BLK_T_GET_ID, 0, &id, 1), VIRTIO_BLK_S_OK);
	assert_memory_equal(driver_at(&f.d, id.gpa, 20), "a-name-longer-than-20-bytes", 20);
	assert_int_equal(f.used_len, 21);
	assert_int_equal(request(&f, VIRTIO_BLK_T_GET_ID, 0, &longer, 1), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(&f, 77, 0, &longer, 1), VIRTIO_BLK_S_UNSUPP);
	end(&f);
}

/* The header and the status in pieces of one byte, mixed with data. */
static void test_pieces(void **state)
{
	struct header header = { .type = le32_make(VIRTIO_BLK_T_IN), .sector = le64_make(1) };
	struct driver_buf bufs[18];
	struct driver_used used;
	struct fixture f;

	(void)state;
	begin(&f, true, ~0ULL);
	for (unsigned i = 0; i < 16; i++)
		bufs[i] = (struct driver_buf){ .data = (uint8_t *)&header + i, .len = 1 };
	bufs[16] = (struct driver_buf){ .len = 1, .writable = true };
	bufs[17] = (struct driver_buf){ .len = 512, .writable = true };
	driver_add(&f.d, 0, bufs, 18, 0);
	*(uint8_t *)driver_at(&f.d, bufs[17].gpa + 511, 1) = 0xee;
	driver_kick(&f.d, 0);
	assert_true(driver_collect(&f.d, 0, &used));
	assert_int_equal(used.len, 513);
	assert_int_equal(*(uint8_t *)driver_at(&f.d, bufs[16].gpa, 1), 2);
	assert_int_equal(*(uint8_t *)driver_at(&f.d, bufs[17].gpa + 510, 1), 2);
	assert_int_equal(*(uint8_t *)driver_at(&f.d, bufs[17].gpa + 511, 1), VIRTIO_BLK_S_OK);

	/* A header that is too short is still answered. */
	bufs[15].len = 0;
	bufs[0].gpa = 0;
	driver_add(&f.d, 0, bufs, 18, 0);
	driver_kick(&f.d, 0);
	assert_true(driver_collect(&f.d, 0, &used));
	assert_int_equal(*(uint8_t *)driver_at(&f.d, bufs[17].gpa + 511, 1), VIRTIO_BLK_S_IOERR);
	end(&f);
}

static void test_no_status(void **state)
{
	struct driver_buf header = { .len = 16 };
	struct fixture f;

	(void)state;
	begin(&f, true, ~0ULL);
	driver_add(&f.d, 0, &header, 1, 0);
	driver_kick(&f.d, 0);
	assert_int_equal(driver_device_used_idx(&f.d, 0), 0);
	assert_int_equal(f.blk.dev.breaks, 1);
	assert_int_equal(driver_start(&f.d, ~0ULL), 15);
	f.blk.dev.breaks = 0;
	end(&f);
}

/* A whole queue of requests for the whole disk: more than one round. */
static void test_rounds(void **state)
{
	struct header header = { .type = le32_make(VIRTIO_BLK_T_IN) };
	struct driver_buf bufs[] = {
		{ .data = &header, .len = sizeof(header) },
		{ .gpa = DRIVER_RAM_GPA + (2 << 20), .len = DISK_BYTES, .writable = true },
		{ .len = 1, .writable = true }
	};
	struct driver_used used;
	struct fixture f;

	(void)state;
	begin(&f, true, ~0ULL);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 128; i++) {
			bufs[0].gpa = bufs[2].gpa = 0;
			driver_add(&f.d, 0, bufs, 3, DRIVER_INDIRECT);
		}
		driver_kick(&f.d, 0);
		for (unsigned i = 0; i < 128; i++)
			assert_true(driver_collect(&f.d, 0, &used));
	}
	assert_int_equal(f.blk.moved_bytes, 2 * 128 * DISK_BYTES);
	assert_int_equal(f.blk.errors, 0);
	end(&f);
}

/* A request that is far too large, in buffers that all name the same memory. */
static void test_too_large(void **state)
{
	struct driver_buf bufs[17];
	struct fixture f;

	(void)state;
	begin(&f, true, ~0ULL);
	for (unsigned i = 0; i < 17; i++)
		bufs[i] = (struct driver_buf){ .gpa = DRIVER_RAM_GPA + (2 << 20),
					       .len = 1 << 19,
					       .writable = true };
	assert_int_equal(request(&f, VIRTIO_BLK_T_IN, 0, bufs, 17), VIRTIO_BLK_S_IOERR);
	assert_int_equal(f.used_len, 126 << 16);
	end(&f);
}

/* The file ends before the disk does, or cannot be written. */
static void test_host_errors(void **state)
{
	struct driver_buf in = { .len = 1024, .writable = true }, out = { .len = 512 };
	struct fixture f;

	(void)state;
	begin(&f, false, ~0ULL);
	assert_int_equal(ftruncate(f.fd, 63 * 512), 0);
	memset(f.d.ram + (1 << 20), 0xcc, 4096);
	assert_int_equal(request(&f, VIRTIO_BLK_T_IN, 62, &in, 1), VIRTIO_BLK_S_IOERR);
	/* Also what was read before the error is not left there. */
	assert_int_equal(*(uint8_t *)driver_at(&f.d, in.gpa, 1), 0);
	assert_int_equal(f.used_len, 1025);
	assert_int_equal(ftruncate(f.fd, DISK_BYTES), 0);

	f.blk.fd = -1;
	assert_int_equal(request(&f, VIRTIO_BLK_T_OUT, 0, &out, 1), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(&f, VIRTIO_BLK_T_FLUSH, 0, NULL, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(zero(&f, VIRTIO_BLK_T_WRITE_ZEROES, 0, 1, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(zero(&f, VIRTIO_BLK_T_DISCARD, 0, 1, 0), VIRTIO_BLK_S_IOERR);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config),	       cmocka_unit_test(test_read),
		cmocka_unit_test(test_ranges_refused), cmocka_unit_test(test_write),
		cmocka_unit_test(test_read_only),      cmocka_unit_test(test_discard_and_zeroes),
		cmocka_unit_test(test_get_id),	       cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_no_status),      cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_rounds),	       cmocka_unit_test(test_host_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
