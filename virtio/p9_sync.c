/*
 * One thread and a ring of what is to be done, as long as there are slots. The thread touches
 * nothing of the server's: it has a descriptor of its own for each file.
 */
#include "virtio/p9_sync.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "virtio/p9_channel.h"
#include "virtio/p9_wire.h"

struct task {
	uint32_t slot;
	uint16_t tag;
	bool data_only;
	int fd; /* -1: a flush, for which there is nothing left to do */
};

struct p9_sync {
	int socket;
	uint8_t *slots;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	/* Guarded by the mutex. A task stays in the ring until it is answered. */
	struct task tasks[P9_SLOTS];
	unsigned first, count;
	bool started, ending;
};

/* The device's end of the socket may be gone: then nobody wants to know. */
static void answer(const struct p9_sync *sync, const struct task *task, int error)
{
	struct p9_reply r = p9_reply_begin(p9_slot_reply(sync->slots, task->slot), P9_ERROR_BYTES);
	struct p9_record record = { .slot = task->slot };

	record.len =
	    (uint32_t)(error ? p9_reply_error(&r, task->tag, error)
			     : p9_reply_end(&r, task->fd < 0 ? P9_TFLUSH + 1 : P9_TFSYNC + 1,
					    task->tag));
	if (p9_wait_done(p9_slot_wait(sync->slots, task->slot), record.len))
		return;
	while (send(sync->socket, &record, sizeof(record), MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

static void perform(const struct p9_sync *sync, const struct task *task)
{
	int error = 0;

	if (task->fd >= 0) {
		if ((task->data_only ? fdatasync(task->fd) : fsync(task->fd)) < 0)
			error = errno;
		close(task->fd);
	}
	answer(sync, task, error);
}

static void *run(void *context)
{
	struct p9_sync *sync = context;

	pthread_mutex_lock(&sync->mutex);
	sync->started = true;
	pthread_cond_broadcast(&sync->changed);
	for (;;) {
		struct task task;

		while (!sync->count && !sync->ending)
			pthread_cond_wait(&sync->changed, &sync->mutex);
		if (!sync->count)
			break;
		task = sync->tasks[sync->first];
		pthread_mutex_unlock(&sync->mutex);
		perform(sync, &task);
		pthread_mutex_lock(&sync->mutex);
		sync->first = (sync->first + 1) % P9_SLOTS;
		if (--sync->count == 0)
			pthread_cond_broadcast(&sync->changed);
	}
	pthread_mutex_unlock(&sync->mutex);
	return NULL;
}

struct p9_sync *p9_sync_new(int socket, uint8_t *slots, struct error *err)
{
	struct p9_sync *sync = calloc(1, sizeof(*sync));
	int r = ENOMEM;

	if (sync) {
		sync->socket = socket;
		sync->slots = slots;
		pthread_mutex_init(&sync->mutex, NULL);
		pthread_cond_init(&sync->changed, NULL);
		r = pthread_create(&sync->thread, NULL, run, sync);
	}
	if (r) {
		free(sync);
		(void)error_set(err, r, "cannot start a thread of the 9p server");
		return NULL;
	}
	pthread_mutex_lock(&sync->mutex);
	while (!sync->started)
		pthread_cond_wait(&sync->changed, &sync->mutex);
	pthread_mutex_unlock(&sync->mutex);
	return sync;
}

void p9_sync_free(struct p9_sync *sync)
{
	if (!sync)
		return;
	pthread_mutex_lock(&sync->mutex);
	sync->ending = true;
	pthread_cond_broadcast(&sync->changed);
	pthread_mutex_unlock(&sync->mutex);
	(void)pthread_join(sync->thread, NULL);
	pthread_cond_destroy(&sync->changed);
	pthread_mutex_destroy(&sync->mutex);
	free(sync);
}

/* Returns 0, or -1 if the ring is full. With the mutex held. */
static int add(struct p9_sync *sync, const struct task *task)
{
	if (sync->count == P9_SLOTS)
		return -1;
	sync->tasks[(sync->first + sync->count++) % P9_SLOTS] = *task;
	if (sync->count == 1)
		pthread_cond_broadcast(&sync->changed);
	return 0;
}

int p9_sync_fsync(struct p9_sync *sync, uint32_t slot, uint16_t tag, int fd, bool data_only)
{
	struct task task = { .slot = slot, .tag = tag, .data_only = data_only };
	int r;

	task.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (task.fd < 0)
		return -1;
	pthread_mutex_lock(&sync->mutex);
	r = add(sync, &task);
	pthread_mutex_unlock(&sync->mutex);
	if (r < 0)
		close(task.fd);
	return r;
}

int p9_sync_flush(struct p9_sync *sync, uint32_t slot, uint16_t tag, uint16_t old_tag)
{
	const struct task task = { .slot = slot, .tag = tag, .fd = -1 };
	int r = -1;

	pthread_mutex_lock(&sync->mutex);
	for (unsigned i = 0; i < sync->count && r < 0; i++) {
		if (sync->tasks[(sync->first + i) % P9_SLOTS].tag == old_tag)
			r = add(sync, &task);
	}
	pthread_mutex_unlock(&sync->mutex);
	return r;
}

void p9_sync_drain(struct p9_sync *sync)
{
	pthread_mutex_lock(&sync->mutex);
	while (sync->count)
		pthread_cond_wait(&sync->changed, &sync->mutex);
	pthread_mutex_unlock(&sync->mutex);
}
