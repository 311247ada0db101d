/*
 * Any driver, and any server, against virtio-9p: the server is played by the script too, so its
 * records are as it likes. What a device without a server would leave behind is the oracle's
 * affair.
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/driver/script.h"
#include "virtio/p9.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool good)
{
	if (!good)
		abort();
}

struct fixture {
	struct virtio_p9 p9;
	struct p9_channel_fds fds;
	uint8_t *slots;
	struct p9_record heard[P9_SLOTS];
	unsigned heard_count;
};

static void hear(struct fixture *f)
{
	struct p9_record records[P9_SLOTS];
	ssize_t n = recv(f->fds.server_socket, records, sizeof(records), MSG_DONTWAIT);

	for (ssize_t i = 0; i < n / (ssize_t)sizeof(records[0]); i++) {
		require(records[i].slot < P9_SLOTS && records[i].len >= P9_HEADER_BYTES &&
			records[i].len <= P9_MSIZE_MAX && records[i].reply_max >= P9_ERROR_BYTES);
		require(f->heard_count < P9_SLOTS);
		f->heard[f->heard_count++] = records[i];
	}
}

/* Answers the last message that was heard, with as many bytes as the script likes, if they fit. */
static void answer(struct fixture *f, struct cursor *in)
{
	uint32_t len = cursor_le16(in);
	struct p9_record *last;

	if (!f->heard_count)
		return;
	last = &f->heard[--f->heard_count];
	if (len > last->reply_max)
		len = last->reply_max;
	p9_slot_reply(f->slots, last->slot)[0] = (uint8_t)len;
	last->len = len;
	(void)send(f->fds.server_socket, last, sizeof(*last), MSG_DONTWAIT);
}

/* Anything at all; the slots are not told apart any more then. */
static void babble(struct fixture *f, struct cursor *in)
{
	struct p9_record record = { .slot = cursor_u8(in), .len = cursor_le16(in) };
	size_t len = cursor_u8(in) % (sizeof(record) * 2);

	(void)send(f->fds.server_socket, &record, len < sizeof(record) ? len : sizeof(record),
		   MSG_DONTWAIT);
	f->heard_count = 0;
}

static void own_op(void *ctx, unsigned op, struct cursor *in)
{
	struct fixture *f = ctx;

	if (op == 0) {
		hear(f);
		answer(f, in);
	} else if (op == 1) {
		(void)virtio_p9_ready(&f->p9);
	} else if (op == 2) {
		babble(f, in);
	} else if (op == 3) {
		(void)shutdown(f->fds.server_socket, SHUT_RDWR);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct driver d;

	require(f && p9_channel_create(&f->fds, NULL) == 0);
	f->slots = p9_channel_map(f->fds.memory_fd, NULL);
	require(f->slots);
	driver_init(&d, 256 * KIB);
	require(virtio_p9_init(&f->p9, &d.gmem, "tag", f->fds.device_socket, f->fds.memory_fd,
			       NULL) == 0);
	driver_attach(&d, &f->p9.dev);
	script_run(&d, data, size, own_op, f);
	virtio_p9_fini(&f->p9);
	driver_fini(&d);
	p9_channel_unmap(f->slots);
	close(f->fds.memory_fd);
	close(f->fds.device_socket);
	close(f->fds.server_socket);
	free(f);
	return 0;
}
