/*
 * virtio-blk requests. The header and the segments of a discard are copied out of guest memory once
 * and checked there; data goes straight between the file and the guest's buffers, and its content
 * is never looked at. A request that can be answered is answered, with S_IOERR or S_UNSUPP if need
 * be; one without room for the answer makes the device broken.
 */
#include "virtio/blk.h"

#include <assert.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <string.h>
#include <unistd.h>

#include "virtio/blk_io.h"
#include "vmm/base/bytes.h"

enum { QUEUE_REQUEST, QUEUE_COUNT };

enum {
	QUEUE_SIZE = 128,
	SEGMENTS_MAX = QUEUE_SIZE - 2, /* less one descriptor each for header and status */
	SEGMENT_BYTES_MAX = 65536,     /* what Linux uses anyway */
	DATA_BYTES_MAX = SEGMENTS_MAX * SEGMENT_BYTES_MAX,
	NOTIFY_BYTES_MAX = 4 << 20,    /* moved before others may have the lock */
	RANGES_MAX = 16,	       /* of one discard or write zeroes */
	DISCARD_SECTORS_MAX = 1 << 21, /* per range: 1 GiB */
	ZEROES_SECTORS_MAX = 1 << 14,  /* per range: 8 MiB, which may have to be written */
};

/* 5.2.6 */
struct wire_request {
	le32 type;
	le32 reserved;
	le64 sector;
};
_Static_assert(sizeof(struct wire_request) == 16, "request header layout");

/* 5.2.6: struct virtio_blk_discard_write_zeroes */
struct wire_range {
	le64 sector;
	le32 num_sectors;
	le32 flags;
};
_Static_assert(sizeof(struct wire_range) == 16, "range layout");

/* 5.2.4, as far as the features offered need it. */
struct wire_config {
	le64 capacity;
	le32 size_max;
	le32 seg_max;
	uint8_t geometry[4];
	le32 blk_size;
	uint8_t topology[8];
	uint8_t writeback;
	uint8_t unused0;
	le16 num_queues;
	le32 max_discard_sectors;
	le32 max_discard_seg;
	le32 discard_sector_alignment;
	le32 max_write_zeroes_sectors;
	le32 max_write_zeroes_seg;
	uint8_t write_zeroes_may_unmap;
	uint8_t unused1[3];
} __attribute__((packed));
_Static_assert(sizeof(struct wire_config) == VIRTIO_BLK_CONFIG_BYTES, "configuration layout");
_Static_assert(offsetof(struct wire_config, max_discard_sectors) == 36, "configuration layout");
_Static_assert(VIRTIO_BLK_ID_LEN == VIRTIO_BLK_ID_BYTES, "identifier length");

/* A request, decoded. data_* are what lies between the header and the status byte. */
struct request {
	const struct virtq_chain *chain;
	uint32_t type;
	uint64_t sector;
	uint64_t readable; /* bytes behind the header */
	uint64_t writable; /* bytes before the status */
};

static bool range_good(const struct virtio_blk *blk, uint64_t sector, uint64_t count)
{
	return sector <= blk->sectors && count <= blk->sectors - sector;
}

/* Whether len bytes from the request's sector on are whole sectors inside the disk. */
static bool data_good(const struct virtio_blk *blk, const struct request *r, uint64_t len)
{
	return len > 0 && len <= DATA_BYTES_MAX && len % VIRTIO_BLK_SECTOR_BYTES == 0 &&
	       range_good(blk, r->sector, len / VIRTIO_BLK_SECTOR_BYTES);
}

/* A driver that cannot flush expects what it wrote to be durable (5.2.6.2). */
static int settle(struct virtio_blk *blk)
{
	return virtio_device_has(&blk->dev, VIRTIO_BLK_F_FLUSH) ? 0 : fdatasync(blk->fd);
}

static uint8_t do_in(struct virtio_blk *blk, const struct request *r)
{
	struct iovec iov[VIRTQ_SIZE_MAX];
	unsigned count;

	if (r->readable || !data_good(blk, r, r->writable))
		return VIRTIO_BLK_S_IOERR;
	count = virtq_chain_writable_slice(r->chain, 0, r->writable, iov);
	blk->moved_bytes += r->writable;
	if (blk_io_read(blk->fd, iov, count, r->sector * VIRTIO_BLK_SECTOR_BYTES) < 0)
		return VIRTIO_BLK_S_IOERR;
	return VIRTIO_BLK_S_OK;
}

static uint8_t do_out(struct virtio_blk *blk, const struct request *r)
{
	struct iovec iov[VIRTQ_SIZE_MAX];
	unsigned count;

	if (blk->read_only || r->writable || !data_good(blk, r, r->readable))
		return VIRTIO_BLK_S_IOERR;
	count = virtq_chain_readable_slice(r->chain, sizeof(struct wire_request), r->readable, iov);
	blk->moved_bytes += r->readable;
	if (blk_io_write(blk->fd, iov, count, r->sector * VIRTIO_BLK_SECTOR_BYTES) < 0 ||
	    settle(blk) < 0)
		return VIRTIO_BLK_S_IOERR;
	return VIRTIO_BLK_S_OK;
}

static uint8_t do_flush(struct virtio_blk *blk, const struct request *r)
{
	if (r->readable || r->writable)
		return VIRTIO_BLK_S_IOERR;
	return fdatasync(blk->fd) < 0 ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
}

static uint8_t do_get_id(struct virtio_blk *blk, const struct request *r)
{
	if (r->writable != sizeof(blk->id))
		return VIRTIO_BLK_S_IOERR;
	virtq_chain_write(r->chain, 0, blk->id, sizeof(blk->id));
	return VIRTIO_BLK_S_OK;
}

/* 5.2.6.2: what one range of a discard or write zeroes must keep to. Returns a status. */
static uint8_t check_range(const struct virtio_blk *blk, const struct wire_range *range,
			   bool zeroes)
{
	uint32_t count = le32_get(range->num_sectors);
	uint32_t flags = zeroes ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0;

	if (le32_get(range->flags) & ~flags)
		return VIRTIO_BLK_S_UNSUPP;
	if (count == 0 || count > (uint32_t)(zeroes ? ZEROES_SECTORS_MAX : DISCARD_SECTORS_MAX))
		return VIRTIO_BLK_S_IOERR;
	return range_good(blk, le64_get(range->sector), count) ? VIRTIO_BLK_S_OK
							       : VIRTIO_BLK_S_IOERR;
}

static int apply_range(struct virtio_blk *blk, const struct wire_range *range, bool zeroes)
{
	uint64_t offset = le64_get(range->sector) * VIRTIO_BLK_SECTOR_BYTES;
	uint64_t len = (uint64_t)le32_get(range->num_sectors) * VIRTIO_BLK_SECTOR_BYTES;

	if (!zeroes)
		return blk_io_discard(blk->fd, offset, len);
	blk->moved_bytes += len;
	return blk_io_zero(blk->fd, offset, len,
			   le32_get(range->flags) & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP);
}

/* DISCARD and WRITE_ZEROES. All ranges are checked before the first is applied. */
static uint8_t do_ranges(struct virtio_blk *blk, const struct request *r, bool zeroes)
{
	struct wire_range ranges[RANGES_MAX];
	size_t count = (size_t)(r->readable / sizeof(ranges[0]));

	if (!virtio_device_has(&blk->dev,
			       zeroes ? VIRTIO_BLK_F_WRITE_ZEROES : VIRTIO_BLK_F_DISCARD))
		return VIRTIO_BLK_S_UNSUPP;
	if (blk->read_only || r->writable || r->readable == 0 || r->readable > sizeof(ranges) ||
	    r->readable % sizeof(ranges[0]))
		return VIRTIO_BLK_S_IOERR;
	virtq_chain_read(r->chain, sizeof(struct wire_request), ranges, (size_t)r->readable);
	for (size_t i = 0; i < count; i++) {
		uint8_t status = check_range(blk, &ranges[i], zeroes);

		if (status != VIRTIO_BLK_S_OK)
			return status;
	}
	for (size_t i = 0; i < count; i++) {
		if (apply_range(blk, &ranges[i], zeroes) < 0)
			return VIRTIO_BLK_S_IOERR;
	}
	return settle(blk) < 0 ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
}

static uint8_t dispatch(struct virtio_blk *blk, const struct request *r)
{
	switch (r->type) {
	case VIRTIO_BLK_T_IN:
		return do_in(blk, r);
	case VIRTIO_BLK_T_OUT:
		return do_out(blk, r);
	case VIRTIO_BLK_T_FLUSH:
		return do_flush(blk, r);
	case VIRTIO_BLK_T_GET_ID:
		return do_get_id(blk, r);
	case VIRTIO_BLK_T_DISCARD:
		return do_ranges(blk, r, false);
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return do_ranges(blk, r, true);
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

/*
 * used.len counts from the first writable byte and the status is the last one, so everything before
 * it has to be written also when there is nothing to say. Returns the bytes cleared.
 */
static uint64_t clear_data(const struct request *r)
{
	struct iovec iov[VIRTQ_SIZE_MAX];
	uint64_t len = r->writable < DATA_BYTES_MAX ? r->writable : DATA_BYTES_MAX;
	unsigned count = virtq_chain_writable_slice(r->chain, 0, len, iov);

	for (unsigned i = 0; i < count; i++)
		memset(iov[i].iov_base, 0, iov[i].iov_len);
	return len;
}

/* Serves one chain that has room for a status. Returns used.len. */
static uint32_t serve(struct virtio_blk *blk, const struct virtq_chain *chain)
{
	struct request r = { .chain = chain, .writable = chain->writable_bytes - 1 };
	struct wire_request header;
	uint64_t written = chain->writable_bytes;
	uint8_t status = VIRTIO_BLK_S_IOERR;

	if (virtq_chain_read(chain, 0, &header, sizeof(header)) == sizeof(header)) {
		r.type = le32_get(header.type);
		r.sector = le64_get(header.sector);
		r.readable = chain->readable_bytes - sizeof(header);
		status = dispatch(blk, &r);
	}
	blk->requests++;
	if (status != VIRTIO_BLK_S_OK) {
		blk->errors++;
		if (clear_data(&r) < r.writable)
			written = DATA_BYTES_MAX;
	}
	virtq_chain_write(chain, r.writable, &status, sizeof(status));
	return (uint32_t)written;
}

static void notify(struct virtio_device *dev, unsigned queue)
{
	struct virtio_blk *blk = container_of(dev, struct virtio_blk, dev);
	struct virtqueue *q = &dev->queues[queue];
	struct virtq_chain chain;
	uint64_t before = blk->moved_bytes;
	unsigned chains = 0;

	while (virtq_pop(q, &chain) > 0) {
		if (chain.writable_bytes == 0) {
			virtio_device_break(dev, "block request without room for its status");
			return;
		}
		virtq_push(q, chain.head, serve(blk, &chain));
		/* One that moves nothing may still take its time, as a flush does. */
		if (++chains == q->size || blk->moved_bytes - before >= NOTIFY_BYTES_MAX ||
		    virtio_device_paused(dev)) {
			virtio_device_requeue(dev, queue);
			break;
		}
	}
	virtio_device_signal_used(dev, queue);
}

static const struct virtio_device_ops blk_ops = {
	.notify = notify,
};

static uint64_t features(bool read_only)
{
	uint64_t bits = VIRTIO_FEATURE(VIRTIO_BLK_F_SIZE_MAX) |
			VIRTIO_FEATURE(VIRTIO_BLK_F_SEG_MAX) |
			VIRTIO_FEATURE(VIRTIO_BLK_F_BLK_SIZE) | VIRTIO_FEATURE(VIRTIO_BLK_F_FLUSH);

	if (read_only)
		return bits | VIRTIO_FEATURE(VIRTIO_BLK_F_RO);
	return bits | VIRTIO_FEATURE(VIRTIO_BLK_F_DISCARD) |
	       VIRTIO_FEATURE(VIRTIO_BLK_F_WRITE_ZEROES);
}

static void fill_config(struct virtio_blk *blk, uint32_t block_bytes)
{
	struct wire_config config = {
		.capacity = le64_make(blk->sectors),
		.size_max = le32_make(SEGMENT_BYTES_MAX),
		.seg_max = le32_make(SEGMENTS_MAX),
		.blk_size = le32_make(block_bytes),
		.num_queues = le16_make(QUEUE_COUNT),
		.max_discard_sectors = le32_make(DISCARD_SECTORS_MAX),
		.max_discard_seg = le32_make(RANGES_MAX),
		.discard_sector_alignment = le32_make(block_bytes / VIRTIO_BLK_SECTOR_BYTES),
		.max_write_zeroes_sectors = le32_make(ZEROES_SECTORS_MAX),
		.max_write_zeroes_seg = le32_make(RANGES_MAX),
		.write_zeroes_may_unmap = 1,
	};

	memcpy(blk->config, &config, sizeof(config));
}

void virtio_blk_init(struct virtio_blk *blk, const struct gmem *gmem,
		     const struct virtio_blk_params *params)
{
	static const uint16_t sizes[QUEUE_COUNT] = { QUEUE_SIZE };

	assert(params->block_bytes == 512 || params->block_bytes == 4096);
	memset(blk, 0, sizeof(*blk));
	blk->fd = params->fd;
	blk->read_only = params->read_only;
	blk->sectors = params->size_bytes / VIRTIO_BLK_SECTOR_BYTES;
	if (params->id)
		memcpy(blk->id, params->id, strnlen(params->id, sizeof(blk->id)));
	fill_config(blk, params->block_bytes);
	virtio_device_init(&blk->dev, &(struct virtio_device_params){
					  .ops = &blk_ops,
					  .gmem = gmem,
					  .device_id = VIRTIO_ID_BLOCK,
					  .features = features(params->read_only),
					  .queue_count = QUEUE_COUNT,
					  .queue_sizes = sizes,
					  .config = blk->config,
					  .config_len = sizeof(blk->config),
				      });
}

void virtio_blk_fini(struct virtio_blk *blk)
{
	virtio_device_fini(&blk->dev);
}
