/*
 * virtio-9p. The lengths of chains come from the guest, records from a server that may have been
 * taken over by one; both are checked against the slots, whose places we alone decide.
 */
#include "virtio/p9.h"

#include <errno.h>
#include <linux/virtio_ids.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

enum { QUEUE_REQUEST, QUEUE_COUNT };
enum {
	WAIT_NS = 200000,	 /* most requests take a tenth of it */
	IMPATIENT_REQUESTS = 16, /* after one that took longer */
};
enum { QUEUE_SIZE = 128 }; /* Linux's driver uses as many buffers in one request at most */

static void release(struct virtio_p9 *p9, uint32_t slot)
{
	p9->slots[slot].state = VIRTIO_P9_FREE;
	p9->free[p9->free_count++] = (uint8_t)slot;
}

/* Copies one chain into a free slot. Returns 0, or -1 if this cannot be a message. */
static int take_chain(struct virtio_p9 *p9, uint32_t number, struct p9_record *record)
{
	struct virtio_p9_slot *slot = &p9->slots[number];
	const struct virtq_chain *chain = &slot->chain;

	if (chain->readable_bytes < P9_HEADER_BYTES || chain->readable_bytes > P9_MSIZE_MAX ||
	    chain->writable_bytes < P9_ERROR_BYTES)
		return -1;
	slot->reply_max =
	    chain->writable_bytes < P9_MSIZE_MAX ? (uint32_t)chain->writable_bytes : P9_MSIZE_MAX;
	*record = (struct p9_record){
		.slot = number,
		.len = (uint32_t)virtq_chain_read(
		    chain, 0, p9_slot_request(p9->slots_memory, number), chain->readable_bytes),
		.reply_max = slot->reply_max,
	};
	slot->state = VIRTIO_P9_BUSY;
	return 0;
}

static int take_reply(struct virtio_p9 *p9, const struct p9_record *record);

/* Waits a moment for the reply to the only request that was just sent, whose word has begun. */
static void wait_for_reply(struct virtio_p9 *p9, uint32_t slot)
{
	struct p9_wait *wait = p9_slot_wait(p9->slots_memory, slot);
	struct p9_record reply = { .slot = slot };

	if (!p9_wait_for(wait, WAIT_NS)) {
		p9->impatient = IMPATIENT_REQUESTS;
		return;
	}
	__atomic_store_n(&wait->word, P9_WAIT_NONE, __ATOMIC_RELAXED);
	reply.len = __atomic_load_n(&wait->len, __ATOMIC_RELAXED);
	if (take_reply(p9, &reply) < 0) {
		p9->gone = true;
		virtio_device_break(&p9->dev, "the 9p server is gone");
	}
	virtio_device_signal_used(&p9->dev, QUEUE_REQUEST);
}

/* Whether the first of these requests may be waited for: then the server is to know. */
static bool begin_wait(struct virtio_p9 *p9, const struct p9_record *records, unsigned count)
{
	if (count != 1 || p9->free_count != P9_SLOTS - 1)
		return false;
	if (p9->impatient) {
		p9->impatient--;
		return false;
	}
	__atomic_store_n(&p9_slot_wait(p9->slots_memory, records[0].slot)->word, P9_WAIT_BEGUN,
			 __ATOMIC_RELEASE);
	return true;
}

/*
 * Sends what the ring has to the server, as far as there are slots. may_wait: the caller is a vCPU.
 */
static void take_chains(struct virtio_p9 *p9, bool may_wait)
{
	struct virtqueue *q = &p9->dev.queues[QUEUE_REQUEST];
	struct p9_record records[P9_SLOTS];
	unsigned count = 0;
	bool waits;

	p9->waiting = false;
	while (p9->free_count) {
		uint32_t slot = p9->free[p9->free_count - 1];

		if (virtq_pop(q, &p9->slots[slot].chain) <= 0)
			break;
		if (take_chain(p9, slot, &records[count]) < 0) {
			virtio_device_break(&p9->dev, "a 9p request of an impossible size");
			break;
		}
		p9->free_count--;
		count++;
	}
	p9->waiting = !p9->free_count;
	waits = may_wait && begin_wait(p9, records, count);
	if (count && send(p9->socket, records, count * sizeof(records[0]),
			  MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		p9->gone = true;
		virtio_device_break(&p9->dev, "the 9p server is gone");
	} else if (waits) {
		wait_for_reply(p9, records[0].slot);
	}
}

static void notify(struct virtio_device *dev, unsigned queue)
{
	struct virtio_p9 *p9 = container_of(dev, struct virtio_p9, dev);

	(void)queue;
	if (p9->gone)
		virtio_device_break(dev, "the 9p server is gone");
	else
		take_chains(p9, true);
}

static void reset(struct virtio_device *dev)
{
	struct virtio_p9 *p9 = container_of(dev, struct virtio_p9, dev);

	for (unsigned i = 0; i < P9_SLOTS; i++) {
		if (p9->slots[i].state == VIRTIO_P9_BUSY)
			p9->slots[i].state = VIRTIO_P9_ORPHANED;
	}
	p9->waiting = false;
}

static const struct virtio_device_ops p9_ops = {
	.notify = notify,
	.reset = reset,
};

int virtio_p9_init(struct virtio_p9 *p9, const struct gmem *gmem, const char *tag, int socket,
		   int memory_fd, struct error *err)
{
	static const uint16_t sizes[QUEUE_COUNT] = { QUEUE_SIZE };
	size_t tag_len = strlen(tag);
	le16 wire_len = le16_make((uint16_t)tag_len);

	memset(p9, 0, sizeof(*p9));
	if (!tag_len || tag_len > VIRTIO_P9_TAG_MAX)
		return error_set(err, EINVAL, "a 9p tag has 1 to %d bytes", VIRTIO_P9_TAG_MAX);
	p9->slots_memory = p9_channel_map(memory_fd, err);
	if (!p9->slots_memory)
		return -1;
	p9->socket = socket;
	memcpy(p9->config, &wire_len, sizeof(wire_len));
	memcpy(p9->config + sizeof(wire_len), tag, tag_len);
	for (unsigned i = P9_SLOTS; i-- > 0;)
		release(p9, i);
	virtio_device_init(&p9->dev, &(struct virtio_device_params){
					 .ops = &p9_ops,
					 .gmem = gmem,
					 .device_id = VIRTIO_ID_9P,
					 .features = VIRTIO_FEATURE(VIRTIO_P9_MOUNT_TAG),
					 .queue_count = QUEUE_COUNT,
					 .queue_sizes = sizes,
					 .config = p9->config,
					 .config_len = (uint32_t)(sizeof(wire_len) + tag_len),
				     });
	return 0;
}

void virtio_p9_fini(struct virtio_p9 *p9)
{
	virtio_device_fini(&p9->dev);
	p9_channel_unmap(p9->slots_memory);
	p9->slots_memory = NULL;
}

/* One reply. Returns 0, or -1 if the server says something that it cannot mean. */
static int take_reply(struct virtio_p9 *p9, const struct p9_record *record)
{
	struct virtio_p9_slot *slot;

	if (record->slot >= P9_SLOTS)
		return -1;
	slot = &p9->slots[record->slot];
	if (slot->state == VIRTIO_P9_FREE || record->len > slot->reply_max)
		return -1;
	if (slot->state == VIRTIO_P9_BUSY && !record->len) {
		virtio_device_break(&p9->dev, "a message that breaks the 9p protocol");
	} else if (slot->state == VIRTIO_P9_BUSY && virtio_device_running(&p9->dev)) {
		(void)virtq_chain_write(&slot->chain, 0,
					p9_slot_reply(p9->slots_memory, record->slot), record->len);
		virtq_push(&p9->dev.queues[QUEUE_REQUEST], slot->chain.head, record->len);
	}
	release(p9, record->slot);
	return 0;
}

/* Takes one packet. Returns 1, 0 if there is none, or -1 if the server is gone or out of its mind.
 */
static int take_packet(struct virtio_p9 *p9)
{
	struct p9_record records[P9_SLOTS];
	ssize_t n = recv(p9->socket, records, sizeof(records), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0 || (size_t)n % sizeof(records[0]))
		return -1;
	for (size_t i = 0; i < (size_t)n / sizeof(records[0]); i++) {
		if (take_reply(p9, &records[i]) < 0)
			return -1;
	}
	return 1;
}

int virtio_p9_ready(struct virtio_p9 *p9)
{
	int r = -1;

	virtio_device_lock(&p9->dev);
	while (!p9->gone && (r = take_packet(p9)) > 0)
		;
	if (r < 0 && !p9->gone) {
		p9->gone = true;
		virtio_device_break(&p9->dev, "the 9p server is gone");
	}
	if (p9->waiting && p9->free_count && !virtio_device_paused(&p9->dev) &&
	    virtio_device_running(&p9->dev))
		take_chains(p9, false);
	virtio_device_signal_used(&p9->dev, QUEUE_REQUEST);
	r = p9->gone ? -1 : 0;
	virtio_device_unlock(&p9->dev);
	return r;
}
