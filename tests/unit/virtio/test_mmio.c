/*
 * The transport: the driver's set-up in the right order, and every way to leave it.
 */
#include "tests/unit/virtio/test.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "tests/driver/driver.h"
#include "vmm/base/bytes.h"

enum { ACK = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, NEEDS_RESET = 64, FAILED = 128 };
enum { OWN_FEATURE = 5 };

/* A device that pops and pushes everything, and counts its calls. */
struct echo {
	struct virtio_device dev;
	uint8_t config[12];
	unsigned activated, notified, resets, config_writes;
	unsigned budget; /* chains per notify; 0: no limit */
};

static void config_write(struct virtio_device *dev, uint32_t offset, const void *data, uint32_t len)
{
	struct echo *e = container_of(dev, struct echo, dev);

	memcpy(e->config + offset, data, len);
	e->config_writes++;
}

static void activate(struct virtio_device *dev)
{
	container_of(dev, struct echo, dev)->activated++;
}

static void notify(struct virtio_device *dev, unsigned queue)
{
	struct echo *e = container_of(dev, struct echo, dev);
	unsigned taken = 0;
	struct virtq_chain chain;

	e->notified++;
	while (virtq_pop(&dev->queues[queue], &chain) > 0) {
		virtq_push(&dev->queues[queue], chain.head, 0);
		if (++taken == e->budget) {
			virtio_device_requeue(dev, queue);
			break;
		}
	}
	virtio_device_signal_used(dev, queue);
}

static void reset(struct virtio_device *dev)
{
	container_of(dev, struct echo, dev)->resets++;
}

static const struct virtio_device_ops echo_ops = {
	.config_write = config_write,
	.activate = activate,
	.notify = notify,
	.reset = reset,
};

struct fixture {
	struct driver d;
	struct echo e;
};

static void begin(struct fixture *f)
{
	static const uint16_t sizes[] = { 8, 256 };

	memset(f, 0, sizeof(*f));
	for (unsigned i = 0; i < sizeof(f->e.config); i++)
		f->e.config[i] = (uint8_t)(0x10 + i);
	driver_init(&f->d, 65536);
	virtio_device_init(&f->e.dev, &(struct virtio_device_params){
					  .ops = &echo_ops,
					  .gmem = &f->d.gmem,
					  .device_id = 42,
					  .features = VIRTIO_FEATURE(OWN_FEATURE),
					  .queue_count = 2,
					  .queue_sizes = sizes,
					  .config = f->e.config,
					  .config_len = sizeof(f->e.config),
					  .changes_config = true,
				      });
	driver_attach(&f->d, &f->e.dev);
}

static void end(struct fixture *f)
{
	virtio_device_fini(&f->e.dev);
	driver_fini(&f->d);
}

static uint32_t status(struct fixture *f, uint32_t value)
{
	driver_write(&f->d, VIRTIO_MMIO_STATUS, value);
	return driver_read(&f->d, VIRTIO_MMIO_STATUS);
}

static void test_identity(void **state)
{
	struct fixture f;
	struct virtio_mmio empty;
	le32 value;

	(void)state;
	begin(&f);
	assert_int_equal(driver_read(&f.d, VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
	assert_int_equal(driver_read(&f.d, VIRTIO_MMIO_VERSION), 2);
	assert_int_equal(driver_read(&f.d, VIRTIO_MMIO_DEVICE_ID), 42);
	assert_int_equal(driver_read(&f.d, VIRTIO_MMIO_SHM_LEN_LOW), UINT32_MAX);
	assert_int_equal(driver_read(&f.d, VIRTIO_MMIO_SHM_LEN_HIGH), UINT32_MAX);

	virtio_mmio_init(&empty);
	for (uint64_t i = 0; i < 2 * VIRTIO_MMIO_WINDOW_BYTES; i += 4) {
		uint32_t want = i == 0 ? 0x74726976 : i == 4 ? 2 : 0;

		value = le32_make(77);
		virtio_mmio_write(&empty, i, &value, 4);
		virtio_mmio_read(&empty, i, &value, 4);
		assert_int_equal(le32_get(value), want);
	}
	end(&f);
}

/* Every width but the right one, and every misalignment, reads zeroes and writes nothing. */
static void test_widths(void **state)
{
	static const uint64_t beyond[] = { 0x1fc, 0x200, UINT64_MAX - 3 };
	static const uint8_t ones[16] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
	uint8_t data[16], zero[16] = { 0 };
	struct fixture f;

	(void)state;
	begin(&f);
	for (uint64_t offset = 0; offset < 0x100; offset++) {
		for (uint32_t len = 0; len <= 16; len++) {
			if (len == 4 && offset % 4 == 0)
				continue;
			memset(data, 0xee, sizeof(data));
			virtio_mmio_read(&f.d.slot, offset, data, len);
			assert_memory_equal(data, zero, len);
			virtio_mmio_write(&f.d.slot, offset, ones, len);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(beyond); i++) {
		virtio_mmio_read(&f.d.slot, beyond[i], data, 4);
		assert_memory_equal(data, zero, 4);
		virtio_mmio_write(&f.d.slot, beyond[i], ones, 8);
	}
	assert_int_equal(status(&f, ACK), ACK);
	assert_int_equal(f.e.config_writes + f.e.resets + f.e.activated + f.e.notified, 0);
	end(&f);
}

static void test_config(void **state)
{
	uint8_t data[8];
	struct fixture f;

	(void)state;
	begin(&f);
	virtio_mmio_read(&f.d.slot, 0x100, data, 8);
	assert_memory_equal(data, f.e.config, 8);
	virtio_mmio_read(&f.d.slot, 0x10b, data, 1);
	assert_int_equal(data[0], 0x1b);
	virtio_mmio_read(&f.d.slot, 0x10b, data, 2);
	assert_memory_equal(data, "\0\0", 2);
	virtio_mmio_read(&f.d.slot, 0x108, data, 8);
	assert_memory_equal(data, "\0\0\0\0\0\0\0\0", 8);
	virtio_mmio_read(&f.d.slot, 0x100, data, 3);
	assert_memory_equal(data, "\0\0\0", 3);

	virtio_mmio_write(&f.d.slot, 0x102, "zz", 2);
	assert_memory_equal(f.e.config + 1, "\x11zz\x14", 4);
	virtio_mmio_write(&f.d.slot, 0x10a, "zzzz", 4);
	virtio_mmio_write(&f.d.slot, 0x10c, "z", 1);
	assert_int_equal(f.e.config_writes, 1);

	assert_int_equal(driver_read(&f.d, VIRTIO_MMIO_CONFIG_GENERATION), 0);
	virtio_device_lock(&f.e.dev);
	virtio_device_config_changed(&f.e.dev);
	virtio_device_unlock(&f.e.dev);
	assert_int_equal(driver_read(&f.d, VIRTIO_MMIO_CONFIG_GENERATION), 1);
	assert_int_equal(f.d.raised, 0);
	driver_start(&f.d, ~0ULL);
	virtio_device_lock(&f.e.dev);
	virtio_device_config_changed(&f.e.dev);
	virtio_device_unlock(&f.e.dev);
	assert_int_equal(f.d.raised, 1);
	assert_int_equal(driver_read(&f.d, VIRTIO_MMIO_INTERRUPT_STATUS), 2);
	end(&f);
}

static void set_features(struct fixture *f, uint64_t features)
{
	for (uint32_t i = 0; i < 2; i++) {
		driver_write(&f->d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, i);
		driver_write(&f->d, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32 * i));
	}
}

static void test_features(void **state)
{
	const uint64_t all = VIRTIO_FEATURES_BASIC | VIRTIO_FEATURE(OWN_FEATURE);
	const struct {
		uint64_t features;
		bool good;
	} cases[] = {
		{ all, true },
		{ VIRTIO_FEATURE(VIRTIO_F_VERSION_1), true },
		{ 0, false },
		{ all & ~VIRTIO_FEATURE(VIRTIO_F_VERSION_1), false },
		{ all | 1, false },
		{ all | VIRTIO_FEATURE(63), false },
		{ all | VIRTIO_FEATURE(VIRTIO_F_RING_PACKED), false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture f;

		begin(&f);
		driver_write(&f.d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
		assert_int_equal(driver_read(&f.d, VIRTIO_MMIO_DEVICE_FEATURES), (uint32_t)all);
		driver_write(&f.d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
		assert_int_equal(driver_read(&f.d, VIRTIO_MMIO_DEVICE_FEATURES), all >> 32);
		driver_write(&f.d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 2);
		assert_int_equal(driver_read(&f.d, VIRTIO_MMIO_DEVICE_FEATURES), 0);

		set_features(&f, all); /* before DRIVER: ignored */
		status(&f, ACK);
		status(&f, ACK | DRIVER);
		set_features(&f, cases[i].features);
		driver_write(&f.d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 2);
		driver_write(&f.d, VIRTIO_MMIO_DRIVER_FEATURES, UINT32_MAX);
		assert_int_equal(status(&f, ACK | DRIVER | FEATURES_OK),
				 ACK | DRIVER | (cases[i].good ? FEATURES_OK : 0));
		assert_int_equal(f.e.dev.features, cases[i].good ? cases[i].features : 0);
		/* A refused driver may try again; an accepted one may not. */
		set_features(&f, all);
		assert_int_equal(status(&f, ACK | DRIVER | FEATURES_OK),
				 ACK | DRIVER | FEATURES_OK);
		assert_int_equal(f.e.dev.features, cases[i].good ? cases[i].features : all);
		end(&f);
	}
}

static void test_status_order(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	assert_int_equal(status(&f, DRIVER), 0);
	assert_int_equal(status(&f, FEATURES_OK), 0);
	assert_int_equal(status(&f, DRIVER_OK), 0);
	assert_int_equal(status(&f, 15), 0);
	assert_int_equal(status(&f, ACK | 16), 0);
	assert_int_equal(status(&f, ACK | 0x100), 0);
	assert_int_equal(status(&f, ACK), ACK);
	assert_int_equal(status(&f, ACK | DRIVER_OK), ACK);
	assert_int_equal(status(&f, ACK | DRIVER), ACK | DRIVER);
	assert_int_equal(status(&f, ACK), ACK | DRIVER);
	assert_int_equal(status(&f, ACK | DRIVER | DRIVER_OK), ACK | DRIVER);
	set_features(&f, VIRTIO_FEATURES_BASIC);
	assert_int_equal(status(&f, 15), ACK | DRIVER); /* without reading FEATURES_OK back */
	assert_int_equal(status(&f, 11), 11);
	assert_int_equal(status(&f, 11 | NEEDS_RESET), 11);
	assert_int_equal(f.e.activated, 0);
	assert_int_equal(status(&f, 15), 15);
	assert_int_equal(status(&f, 15), 15);
	assert_int_equal(f.e.activated, 1);
	assert_int_equal(status(&f, 11), 15);
	assert_int_equal(status(&f, 15 | FAILED), 15 | FAILED);
	assert_int_equal(status(&f, 15), 15 | FAILED);
	assert_int_equal(status(&f, 0), 0);
	assert_int_equal(f.e.resets, 1);
	assert_int_equal(f.e.dev.features, 0);
	end(&f);
}

static void test_queue_registers(void **state)
{
	static const uint32_t no_queue[] = { 2, 64, UINT32_MAX };
	static const uint32_t bad_sizes[] = { 0, 3, 16, 65535, 65536 + 8, UINT32_MAX };
	struct driver_queue *q;
	struct fixture f;

	(void)state;
	begin(&f);
	assert_false(driver_setup_queue(&f.d, 0, 8)); /* before FEATURES_OK */
	driver_negotiate(&f.d, ~0ULL);
	driver_write(&f.d, VIRTIO_MMIO_QUEUE_SEL, 1);
	assert_int_equal(driver_read(&f.d, VIRTIO_MMIO_QUEUE_NUM_MAX), 256);
	for (size_t i = 0; i < ARRAY_SIZE(no_queue); i++) {
		driver_write(&f.d, VIRTIO_MMIO_QUEUE_SEL, no_queue[i]);
		assert_int_equal(driver_read(&f.d, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
		driver_write(&f.d, VIRTIO_MMIO_QUEUE_NUM, 8);
		driver_write(&f.d, VIRTIO_MMIO_QUEUE_READY, 1);
		assert_int_equal(driver_read(&f.d, VIRTIO_MMIO_QUEUE_READY), 0);
	}

	assert_true(driver_setup_queue(&f.d, 0, 8));
	driver_write(&f.d, VIRTIO_MMIO_QUEUE_READY, 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad_sizes); i++) {
		driver_write(&f.d, VIRTIO_MMIO_QUEUE_NUM, bad_sizes[i]);
		driver_write(&f.d, VIRTIO_MMIO_QUEUE_READY, 1);
		assert_int_equal(driver_read(&f.d, VIRTIO_MMIO_QUEUE_READY), 0);
	}
	driver_write(&f.d, VIRTIO_MMIO_QUEUE_NUM, 8);
	driver_write(&f.d, VIRTIO_MMIO_QUEUE_READY, 2);
	assert_int_equal(driver_read(&f.d, VIRTIO_MMIO_QUEUE_READY), 0);
	driver_write(&f.d, VIRTIO_MMIO_QUEUE_READY, 1);
	assert_int_equal(driver_read(&f.d, VIRTIO_MMIO_QUEUE_READY), 1);

	/* Frozen while ready. */
	q = &f.d.queues[0];
	for (uint32_t offset = VIRTIO_MMIO_QUEUE_NUM; offset < 0xb0; offset += 4) {
		if (offset != VIRTIO_MMIO_QUEUE_READY && offset != VIRTIO_MMIO_STATUS)
			driver_write(&f.d, offset, 2);
	}
	assert_int_equal(f.e.dev.queues[0].size, 8);
	assert_int_equal(f.e.dev.queues[0].desc_gpa, q->desc_gpa);
	assert_int_equal(f.e.dev.queues[0].avail_gpa, q->avail_gpa);
	assert_int_equal(f.e.dev.queues[0].used_gpa, q->used_gpa);

	/* Taken away while the driver runs, it does not come back before a reset. */
	driver_ok(&f.d);
	driver_write(&f.d, VIRTIO_MMIO_QUEUE_SEL, 0);
	driver_write(&f.d, VIRTIO_MMIO_QUEUE_READY, 0);
	driver_write(&f.d, VIRTIO_MMIO_QUEUE_READY, 1);
	assert_int_equal(driver_read(&f.d, VIRTIO_MMIO_QUEUE_READY), 0);
	driver_kick(&f.d, 0);
	assert_int_equal(f.e.notified, 0);
	assert_int_equal(driver_start(&f.d, ~0ULL), 15);
	driver_kick(&f.d, 0);
	assert_int_equal(f.e.notified, 1);
	end(&f);
}

static void test_notify(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	driver_kick(&f.d, 0);
	driver_negotiate(&f.d, ~0ULL);
	assert_true(driver_setup_queue(&f.d, 0, 8));
	driver_kick(&f.d, 0);
	assert_int_equal(f.e.notified, 0);
	driver_ok(&f.d);
	driver_kick(&f.d, 0);
	assert_int_equal(f.e.notified, 1);
	driver_write(&f.d, VIRTIO_MMIO_QUEUE_NOTIFY, 1); /* not ready */
	driver_write(&f.d, VIRTIO_MMIO_QUEUE_NOTIFY, 2);
	driver_write(&f.d, VIRTIO_MMIO_QUEUE_NOTIFY, 0x10000);
	driver_write(&f.d, VIRTIO_MMIO_QUEUE_NOTIFY, UINT32_MAX);
	assert_int_equal(f.e.notified, 1);
	status(&f, 15 | FAILED);
	driver_kick(&f.d, 0);
	status(&f, 0);
	driver_kick(&f.d, 0);
	assert_int_equal(f.e.notified, 1);
	end(&f);
}

static void test_interrupts(void **state)
{
	struct driver_buf buf = { .len = 4 };
	struct fixture f;

	(void)state;
	begin(&f);
	driver_start(&f.d, ~VIRTIO_FEATURE(VIRTIO_RING_F_EVENT_IDX));
	driver_add(&f.d, 0, &buf, 1, 0);
	driver_kick(&f.d, 0);
	assert_int_equal(f.d.raised, 1);
	driver_write(&f.d, VIRTIO_MMIO_INTERRUPT_ACK, 0xfffffffe);
	assert_int_equal(driver_read(&f.d, VIRTIO_MMIO_INTERRUPT_STATUS), 1);
	driver_add(&f.d, 0, &buf, 1, 0);
	driver_kick(&f.d, 0);
	assert_int_equal(f.d.raised, 2);
	driver_write(&f.d, VIRTIO_MMIO_INTERRUPT_ACK, 1);
	assert_int_equal(driver_read(&f.d, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	end(&f);
}

static void test_broken(void **state)
{
	struct driver_buf buf = { .len = 4 };
	struct virtq_chain chain;
	struct driver_used used;
	struct fixture f;

	(void)state;
	begin(&f);
	driver_start(&f.d, ~0ULL);
	for (unsigned i = 0; i < 3; i++) {
		driver_offer(&f.d, 0, 8);
		assert_int_equal(driver_read(&f.d, VIRTIO_MMIO_STATUS), 15 | NEEDS_RESET);
		assert_int_equal(driver_read(&f.d, VIRTIO_MMIO_INTERRUPT_STATUS), 2);
		assert_int_equal(f.d.raised, i + 1);
		assert_int_equal(f.e.dev.breaks, i + 1);
		assert_string_equal(f.e.dev.break_why, "head out of range");
		/* Nothing moves, on the other queue either, until a reset. */
		driver_add(&f.d, 1, &buf, 1, 0);
		driver_kick(&f.d, 1);
		driver_kick(&f.d, 0);
		assert_int_equal(driver_device_used_idx(&f.d, 1), 0);
		assert_int_equal(virtq_pop(&f.e.dev.queues[1], &chain), -1);
		assert_int_equal(status(&f, 15), 15 | NEEDS_RESET);
		assert_int_equal(f.e.dev.breaks, i + 1);

		assert_int_equal(driver_start(&f.d, ~0ULL), 15);
		driver_add(&f.d, 0, &buf, 1, 0);
		driver_kick(&f.d, 0);
		assert_true(driver_collect(&f.d, 0, &used));
		driver_start(&f.d, ~0ULL);
		f.d.raised = i + 1;
	}
	end(&f);
}

/* A device that takes one chain at a time gets all of them served, and none while it is paused. */
static void test_requeue(void **state)
{
	struct driver_buf buf = { .len = 4 };
	struct fixture f;

	(void)state;
	begin(&f);
	f.e.budget = 1;
	driver_start(&f.d, ~0ULL);
	for (unsigned i = 0; i < 6; i++)
		driver_add(&f.d, 0, &buf, 1, 0);
	virtio_device_pause(&f.e.dev);
	driver_kick(&f.d, 0);
	assert_int_equal(f.e.notified, 0);
	virtio_device_resume(&f.e.dev);
	virtio_device_catch_up(&f.e.dev);
	assert_int_equal(driver_device_used_idx(&f.d, 0), 6);
	assert_true(f.e.notified >= 7);
	end(&f);
}

static void test_save(void **state)
{
	struct driver_buf buf = { .len = 4 };
	struct virtio_mmio_state saved, bad;
	struct fixture f, g;

	(void)state;
	begin(&f);
	driver_start(&f.d, ~0ULL);
	driver_add(&f.d, 1, &buf, 1, 0);
	driver_kick(&f.d, 1);
	assert_int_equal(virtio_mmio_save(&f.d.slot, &saved), 0);

	/* Another device over the same memory goes on where the first one was. */
	begin(&g);
	memcpy(g.d.ram, f.d.ram, f.d.ram_len);
	memcpy(g.d.queues, f.d.queues, sizeof(f.d.queues));
	g.d.next_gpa = f.d.next_gpa;
	assert_int_equal(virtio_mmio_restore(&g.d.slot, &saved), 0);
	assert_int_equal(g.e.activated, 1);
	assert_int_equal(driver_read(&g.d, VIRTIO_MMIO_STATUS), 15);
	assert_int_equal(driver_read(&g.d, VIRTIO_MMIO_INTERRUPT_STATUS), 1);
	driver_add(&g.d, 1, &buf, 1, DRIVER_INDIRECT);
	virtio_device_resume(&g.e.dev);
	virtio_device_catch_up(&g.e.dev);
	assert_int_equal(driver_device_used_idx(&g.d, 1), 2);

#define REFUSED(change)                                                                            \
	do {                                                                                       \
		bad = saved;                                                                       \
		change;                                                                            \
		assert_int_equal(virtio_mmio_restore(&g.d.slot, &bad), -1);                        \
	} while (0)
	REFUSED(bad.device.device_id++);
	REFUSED(bad.device.queue_count = 3);
	REFUSED(bad.device.status = 5);
	REFUSED(bad.device.status = 3);
	REFUSED(bad.device.status |= 16);
	REFUSED(bad.device.features |= 1);
	REFUSED(bad.device.features = 0);
	REFUSED(bad.device.interrupt_status = 4);
	REFUSED(bad.device.queues[1].desc_gpa = 0);
	REFUSED((bad.device.status = 3, bad.device.features = 0));
	assert_int_equal(virtio_mmio_restore(&g.d.slot, &saved), 0);
	end(&g);
	end(&f);
}

/* A guest that has filled the queue again whenever the device looks. */
struct refilled {
	struct virtio_device dev;
	unsigned rounds;
	bool watched;	/* each round goes on until somebody waits for the lock, */
	unsigned turns; /* who has then had it so often */
	unsigned turns_due, turns_missed;
};

static void refilled_notify(struct virtio_device *dev, unsigned queue)
{
	struct refilled *r = container_of(dev, struct refilled, dev);

	__atomic_add_fetch(&r->rounds, 1, __ATOMIC_SEQ_CST);
	virtio_device_requeue(dev, queue);
	r->turns_missed += r->turns < r->turns_due;
	while (r->watched && pthread_mutex_trylock(&dev->next) == 0) {
		pthread_mutex_unlock(&dev->next);
		sched_yield();
	}
	r->turns_due = r->turns + r->watched;
}

static void *kick_for_ever(void *arg)
{
	virtio_device_kick(arg, 0);
	return NULL;
}

static void await_round(const struct refilled *r, unsigned round)
{
	while (__atomic_load_n(&r->rounds, __ATOMIC_SEQ_CST) < round)
		sched_yield();
}

/* It keeps nobody from the lock for more than a round, and a pause ends it. */
static void test_endless_queue(void **state)
{
	static const struct virtio_device_ops ops = { .notify = refilled_notify };
	static const uint16_t sizes[] = { 8 };
	struct refilled r = { .rounds = 0 };
	struct fixture f;
	pthread_t thread;
	unsigned before;

	(void)state;
	begin(&f);
	virtio_device_init(&r.dev, &(struct virtio_device_params){ .ops = &ops,
								   .gmem = f.e.dev.gmem,
								   .queue_count = 1,
								   .queue_sizes = sizes });
	r.dev.status = 15;
	r.dev.queues[0].ready = true;
	for (unsigned i = 0; i < 100; i++) {
		before = r.rounds;
		r.watched = true;
		assert_int_equal(pthread_create(&thread, NULL, kick_for_ever, &r.dev), 0);
		await_round(&r, before + 1);
		for (unsigned turn = 0; turn < 20; turn++) {
			virtio_device_lock(&r.dev);
			r.turns++;
			r.watched = turn < 19;
			virtio_device_unlock(&r.dev);
		}
		virtio_device_pause(&r.dev);
		pthread_join(thread, NULL);
		assert_int_equal(r.turns_missed, 0);
		/* What is left is done after the resume, by whoever catches up. */
		before = r.rounds;
		virtio_device_catch_up(&r.dev);
		assert_int_equal(r.rounds, before);
		virtio_device_resume(&r.dev);
		assert_int_equal(r.dev.requeued, 1);
	}
	r.dev.queues[0].ready = false;
	virtio_device_fini(&r.dev);
	end(&f);
}

struct kicker {
	struct fixture *f;
	unsigned rounds;
};

static void *kick_often(void *arg)
{
	struct kicker *k = arg;

	for (unsigned i = 0; i < k->rounds; i++) {
		driver_write(&k->f->d, VIRTIO_MMIO_QUEUE_NOTIFY, i & 1);
		driver_write(&k->f->d, VIRTIO_MMIO_INTERRUPT_ACK, 3);
		(void)driver_read(&k->f->d, VIRTIO_MMIO_INTERRUPT_STATUS);
	}
	return NULL;
}

/* Resets and set-up on one thread, kicks on another, pauses on both: for the sanitizers. */
static void test_threads(void **state)
{
	struct driver_buf buf = { .len = 4 };
	struct fixture f;
	struct kicker k = { .f = &f, .rounds = 20000 };
	pthread_t thread;

	(void)state;
	begin(&f);
	assert_int_equal(pthread_create(&thread, NULL, kick_often, &k), 0);
	for (unsigned i = 0; i < 500; i++) {
		assert_int_equal(driver_start(&f.d, ~0ULL), 15);
		driver_add(&f.d, 0, &buf, 1, 0);
		virtio_device_pause(&f.e.dev);
		virtio_device_resume(&f.e.dev);
		virtio_device_catch_up(&f.e.dev);
		assert_int_equal(driver_device_used_idx(&f.d, 0), 1);
	}
	pthread_join(thread, NULL);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_endless_queue),	cmocka_unit_test(test_identity),
		cmocka_unit_test(test_widths),		cmocka_unit_test(test_config),
		cmocka_unit_test(test_features),	cmocka_unit_test(test_status_order),
		cmocka_unit_test(test_queue_registers), cmocka_unit_test(test_notify),
		cmocka_unit_test(test_interrupts),	cmocka_unit_test(test_broken),
		cmocka_unit_test(test_requeue),		cmocka_unit_test(test_save),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
