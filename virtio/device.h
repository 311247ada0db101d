/*
 * What every virtio device is, and the only things that it sees: guest memory, its queues, an
 * interrupt line (a function), and the descriptors that it was made with. No KVM, no paths, no
 * JSON. So a device runs unchanged in a unit test and in a fuzz target.
 *
 * A device embeds struct virtio_device as a member of its own struct, fills it with
 * virtio_device_init(), and finds itself again with container_of(). rng.c is the one to copy.
 *
 * Locking. Each device has one lock.
 * - The transport takes it around every register access, and so around every operation in struct
 *   virtio_device_ops: an operation never locks.
 * - Whoever else enters a device (the machine's loop thread when a back-end descriptor is ready, a
 *   timer, a save) brackets that with virtio_device_lock() and virtio_device_unlock(). A device's
 *   public functions say whether they want the lock held; the `raise` function is called with it
 * held.
 * - Nobody holds the locks of two devices, and `raise` takes no device's lock.
 * - Between two rounds of requeued work whoever waits for the lock gets it, and after each round
 *   (virtio_device_pause()) the work stops: no guest that refills a queue for ever keeps either
 * off.
 *
 * Misbehaving drivers. A queue that breaks (queue.h), or a request that makes no sense at all,
 * makes the device broken: DEVICE_NEEDS_RESET is set, the driver gets a configuration interrupt,
 * `breaks` counts it, and no ring is touched until the driver resets the device. An operation that
 * sees virtq_pop() return -1 just returns: virtio_device_unlock() sees to the rest. Nothing a guest
 * does may reach an assertion, an exit, or a log without a limit.
 */
#ifndef NACELLE_VIRTIO_DEVICE_H
#define NACELLE_VIRTIO_DEVICE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio/memory.h"
#include "virtio/queue.h"
#include "vmm/base/bytes.h"

enum {
	VIRTIO_QUEUES_MAX = 9,
	VIRTIO_CONFIG_MAX = 256, /* bytes: what a 512-byte register window has room for */
};

/* Feature bits that the transport itself offers with every device (6). */
#define VIRTIO_FEATURE(bit)   ((uint64_t)1 << (bit))
#define VIRTIO_FEATURES_BASIC (VIRTIO_FEATURE(28) | VIRTIO_FEATURE(29) | VIRTIO_FEATURE(32))

struct virtio_device;

/* Each is called with the lock held; all but notify may be NULL. */
struct virtio_device_ops {
	/* The driver wrote len bytes that lie inside the configuration space. */
	void (*config_write)(struct virtio_device *dev, uint32_t offset, const void *data,
			     uint32_t len);

	/* DRIVER_OK: queues and dev->features are final. */
	void (*activate)(struct virtio_device *dev);

	/*
	 * The driver kicked a queue that is ready, after DRIVER_OK. Takes chains until virtq_pop()
	 * returns 0 or -1, but at most queue-size many; if it stops with chains left, it calls
	 * virtio_device_requeue(). May block only as long as a request to a local file does.
	 */
	void (*notify)(struct virtio_device *dev, unsigned queue);

	/*
	 * The driver resets the device. When this returns, the device holds no chain, and nothing
	 * of it (another thread, another process) reads or writes guest memory on behalf of one.
	 */
	void (*reset)(struct virtio_device *dev);
};

/* What the maker of a device tells virtio_device_init(). */
struct virtio_device_params {
	const struct virtio_device_ops *ops;
	const struct gmem *gmem;
	uint32_t device_id; /* section 5, VIRTIO_ID_* */
	uint64_t features;  /* device-specific bits offered; the basic ones are added */
	unsigned queue_count;
	const uint16_t *queue_sizes; /* of each queue: a power of two <= VIRTQ_SIZE_MAX */
	const void *config;  /* configuration space as the wire has it; not owned, may be NULL */
	uint32_t config_len; /* <= VIRTIO_CONFIG_MAX */
	bool changes_config; /* virtio_device_config_changed() may be called */
};

struct virtio_device {
	/* Fixed by virtio_device_init(). */
	const struct virtio_device_ops *ops;
	const struct gmem *gmem;
	uint32_t device_id;
	uint64_t features_offered;
	unsigned queue_count;
	const void *config;
	uint32_t config_len;
	bool changes_config;
	pthread_mutex_t lock;
	pthread_mutex_t next; /* held by the one who waits for the lock and will have it next */

	/* Set by the machine with virtio_device_connect() before the first vCPU runs. */
	void (*raise)(void *ctx);
	void *raise_ctx;

	/* Guarded by the lock. */
	uint64_t features;	   /* negotiated; 0 before FEATURES_OK */
	uint8_t status;		   /* 2.1 */
	uint32_t interrupt_status; /* 4.2.2: bit 0 used buffers, bit 1 configuration */
	uint32_t config_generation;
	uint32_t requeued; /* queues whose notify stopped early, a bit each */
	bool paused;	   /* atomic, and not guarded */
	struct virtqueue queues[VIRTIO_QUEUES_MAX];

	/* Counters for whoever reports on the machine. */
	uint64_t kicks;
	uint64_t interrupts;
	uint32_t breaks;
	const char *break_why; /* of the last break: a static text, or NULL */
};

/* What a snapshot keeps of a device and its transport registers; plain bytes. */
struct virtio_device_state {
	uint64_t features;
	uint32_t device_id;
	uint32_t interrupt_status;
	uint32_t config_generation;
	uint32_t queue_count;
	uint8_t status;
	uint8_t reserved[7];
	struct virtq_state queues[VIRTIO_QUEUES_MAX];
};

/* Fills *dev. Everything in params that is a pointer must outlive the device (but queue_sizes). */
void virtio_device_init(struct virtio_device *dev, const struct virtio_device_params *params);
/* Releases the lock's resources; the device must not be in use. */
void virtio_device_fini(struct virtio_device *dev);

/*
 * Gives the device its interrupt line: raise(ctx) sends one edge. It is called with the device's
 * lock held, from any thread, also when an earlier edge is not acknowledged yet.
 */
void virtio_device_connect(struct virtio_device *dev, void (*raise)(void *ctx), void *ctx);

/*
 * Bracket every use of a device that does not come from its transport. Unlocking makes the device
 * broken if one of its queues is.
 */
void virtio_device_lock(struct virtio_device *dev);
void virtio_device_unlock(struct virtio_device *dev);

/* Whether the driver is done setting up and the device is not broken. Wants the lock. */
bool virtio_device_running(const struct virtio_device *dev);

/* Whether a feature was negotiated. Wants the lock. */
static inline bool virtio_device_has(const struct virtio_device *dev, unsigned feature_bit)
{
	return dev->features & VIRTIO_FEATURE(feature_bit);
}

/* Interrupts the driver if it wants to hear of what was pushed to this queue. Wants the lock. */
void virtio_device_signal_used(struct virtio_device *dev, unsigned queue);

/*
 * After the device changed its configuration space: new generation, interrupt. Only for one that
 * was made with changes_config: a driver may have been told that others never do. Wants the lock.
 */
void virtio_device_config_changed(struct virtio_device *dev);

/* Makes the device broken; why is a static text. Wants the lock. */
void virtio_device_break(struct virtio_device *dev, const char *why);

/*
 * For notify: comes back to this queue after others have had the lock (immediately after this
 * notify, unless the device is paused). Wants the lock.
 */
void virtio_device_requeue(struct virtio_device *dev, unsigned queue);

/*
 * Runs notify for a queue if the device runs and the queue is ready, and again for as long as it is
 * requeued. Takes the lock itself. The transport calls this on QueueNotify; so does a test.
 */
void virtio_device_kick(struct virtio_device *dev, unsigned queue);

/*
 * Pausing ends requeued work after the notify that runs, so that vCPU threads come back to the
 * machine's loop. Both are called by any thread, with or without the lock, and do not wait.
 * Whatever was left undone, virtio_device_catch_up() does after the resume, by a kick of every
 * queue; a vCPU thread calls it, without the lock, since it may take as long as the guest likes.
 */
void virtio_device_pause(struct virtio_device *dev);
void virtio_device_resume(struct virtio_device *dev);
bool virtio_device_paused(const struct virtio_device *dev);
void virtio_device_catch_up(struct virtio_device *dev);

/* Resets the device as a write of 0 to Status does. Wants the lock. */
void virtio_device_reset(struct virtio_device *dev);

/*
 * For the transport: the driver writes Status, having asked for these features (2.1). 0 resets;
 * bits are otherwise only ever added, in the order ACKNOWLEDGE, DRIVER, FEATURES_OK (withheld
 * unless the features are a subset of those offered and have VERSION_1), DRIVER_OK; FAILED at any
 * time. A write that does not fit is ignored. Wants the lock.
 */
void virtio_device_write_status(struct virtio_device *dev, uint32_t value, uint64_t features);

/* For the transport: virtq_enable() with the ring features negotiated. Wants the lock. */
int virtio_device_enable_queue(struct virtio_device *dev, unsigned queue)
    __attribute__((warn_unused_result));

/*
 * Save and restore what the driver negotiated, with the lock held and the vCPUs stopped. Saving
 * returns -1 if chains are held. Restoring, on a device that was just made with the same
 * parameters, checks the state as it would check the driver, and returns -1 if it is not
 * acceptable; the device's own state, if it has any, is its own affair.
 */
int virtio_device_save(const struct virtio_device *dev, struct virtio_device_state *state)
    __attribute__((warn_unused_result));
int virtio_device_restore(struct virtio_device *dev, const struct virtio_device_state *state)
    __attribute__((warn_unused_result));

#endif
