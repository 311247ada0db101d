/*
 * The device side of a split virtqueue (virtio 1.2, section 2.7), with indirect descriptors and
 * event indexes.
 *
 * Everything in the rings is written by the guest while we read it. The rules that keep it
 * harmless:
 * - Each field is loaded once into host memory and only the copy is looked at. A descriptor is 16
 *   bytes copied once; an indirect table is copied whole, once.
 * - A queue is checked when it becomes ready (size, alignment, each ring inside one region) and its
 *   registers are frozen until the device is reset.
 * - A chain has at most `size` buffers, one indirect table (its last descriptor, of at most `size`
 *   entries) and 2^32 - 1 bytes; readable buffers come first; every buffer lies in one region.
 *   Zero-length buffers count as steps and yield nothing.
 * - A head that the device holds already cannot be popped again, so at most `size` chains are held.
 * - Any breach makes the queue broken: no ring of it is touched again until the device is reset.
 *
 * Ordering: pop loads avail.idx with acquire before it reads the ring entry and descriptors; push
 * stores used.idx with release after the used element and all bytes of the buffers; a full barrier
 * stands between storing avail_event (or used.idx) and loading avail.idx (or used_event), because
 * each side publishes its index and then looks at what the other side asked for.
 *
 * A queue has no lock: its device's lock guards it (device.h).
 */
#ifndef NACELLE_VIRTIO_QUEUE_H
#define NACELLE_VIRTIO_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "virtio/memory.h"

enum { VIRTQ_SIZE_MAX = 256 };

struct virtqueue {
	const struct gmem *gmem;
	uint16_t size_max; /* offered: a power of two <= VIRTQ_SIZE_MAX */

	/* As the driver wrote them; good only while ready. */
	uint32_t size;
	uint64_t desc_gpa;
	uint64_t avail_gpa;
	uint64_t used_gpa;

	bool ready;
	bool broken;
	const char *broken_why; /* a static text, for one line in a log */

	/* Fixed when the queue becomes ready. */
	bool indirect;
	bool event_idx;
	const uint8_t *desc;
	uint8_t *avail;
	uint8_t *used;

	/* Free-running indexes (2.7.6, 2.7.8): ours, never read back from guest memory. */
	uint16_t next_avail;
	uint16_t next_used;
	uint16_t signalled_used; /* next_used when virtq_should_notify() was last asked */
	uint64_t in_flight[VIRTQ_SIZE_MAX / 64]; /* heads popped and not pushed, a bit each */
	unsigned in_flight_count;
};

/*
 * One request: readable buffers in iov[0 .. readable_count), writable ones after them. The pointers
 * are into guest memory, stay good after the chain is pushed, and may be copied with the struct.
 */
struct virtq_chain {
	uint16_t head;
	unsigned readable_count;
	unsigned writable_count;
	uint64_t readable_bytes; /* each sum, and both together, < 2^32 */
	uint64_t writable_bytes;
	struct iovec iov[VIRTQ_SIZE_MAX];
};

/* A chain that is given back, and the bytes that were written to it. */
struct virtq_used {
	uint16_t head;
	uint32_t written_bytes;
};

/* What a snapshot keeps of a queue; plain bytes, checked again by virtq_restore(). */
struct virtq_state {
	uint64_t desc_gpa;
	uint64_t avail_gpa;
	uint64_t used_gpa;
	uint32_t size;
	uint16_t next_avail;
	uint16_t next_used;
	uint16_t signalled_used;
	uint8_t ready;
	uint8_t broken;
};

/* An empty queue that is not ready. size_max: a power of two <= VIRTQ_SIZE_MAX. */
void virtq_init(struct virtqueue *q, const struct gmem *gmem, uint16_t size_max);

/* Back to the state of virtq_init(). The device must have dropped every chain that it holds. */
void virtq_reset(struct virtqueue *q);

/*
 * Checks size and the three addresses and makes the queue ready, with the two ring features as
 * negotiated. Returns 0; -1 (and the queue stays not ready) if anything is wrong.
 */
int virtq_enable(struct virtqueue *q, bool indirect, bool event_idx)
    __attribute__((warn_unused_result));

/* Marks the queue broken; why is a static text. */
void virtq_break(struct virtqueue *q, const char *why);

/*
 * Takes the next chain. Returns 1 with *chain filled, and the head is then held until it is pushed;
 * 0 if none is available or the queue is not ready; -1 if the queue is broken. On 0 the driver has
 * been asked to kick when it adds the next chain, so a device that stops for any other reason than
 * 0 or -1 must remember to come back (virtio_device_requeue()).
 */
int virtq_pop(struct virtqueue *q, struct virtq_chain *chain) __attribute__((warn_unused_result));

/*
 * Gives a held chain back with the number of bytes written to it (2.7.8: used.len, counted from its
 * first writable byte). All bytes must have been written. Ignored if the queue is not ready or is
 * broken; a head that is not held breaks the queue.
 */
void virtq_push(struct virtqueue *q, uint16_t head, uint32_t written_bytes);

/* The same for several held chains, of which the driver sees all or none. */
void virtq_push_many(struct virtqueue *q, const struct virtq_used *used, unsigned count);

/*
 * Puts the chain that was popped last, and is held, back to where it came from: the next pop takes
 * it again. Called again, it puts back the one before that, and so on. What lies there by then is
 * the driver's affair.
 */
void virtq_unpop(struct virtqueue *q, uint16_t head);

/*
 * Whether the driver wants an interrupt for what was pushed since this was last asked. Devices use
 * virtio_device_signal_used(), which asks this.
 */
bool virtq_should_notify(struct virtqueue *q) __attribute__((warn_unused_result));

/* Returns 0 with *state filled; -1 if chains are held: a device drains before it is saved. */
int virtq_save(const struct virtqueue *q, struct virtq_state *state)
    __attribute__((warn_unused_result));

/* The reverse, on a queue after virtq_init(). Returns 0; -1 if the state is not acceptable. */
int virtq_restore(struct virtqueue *q, const struct virtq_state *state, bool indirect,
		  bool event_idx) __attribute__((warn_unused_result));

/* The writable buffers of a chain (the readable ones begin at chain->iov). */
static inline const struct iovec *virtq_chain_writable(const struct virtq_chain *chain)
{
	return chain->iov + chain->readable_count;
}

/*
 * Copy between a host buffer and the readable or writable bytes of a chain, from a byte offset on.
 * Return the number of bytes copied: less than len where the chain ends, 0 for an offset behind it.
 */
size_t virtq_chain_read(const struct virtq_chain *chain, uint64_t offset, void *to, size_t len);
size_t virtq_chain_write(const struct virtq_chain *chain, uint64_t offset, const void *from,
			 size_t len);

/*
 * The pieces of the readable or writable buffers that hold the len bytes from offset on, for preadv
 * and friends. out has room for as many entries as the chain has buffers of that kind. Returns the
 * number of entries filled; they cover less than len where the chain ends.
 */
unsigned virtq_chain_readable_slice(const struct virtq_chain *chain, uint64_t offset, uint64_t len,
				    struct iovec *out);
unsigned virtq_chain_writable_slice(const struct virtq_chain *chain, uint64_t offset, uint64_t len,
				    struct iovec *out);

#endif
