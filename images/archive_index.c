/*
 * Reading an archive in a confined process: from a file, or from a pipe or a compressed file, whose
 * plain bytes it writes down on the way.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "images/archive.h"
#include "images/decompress.h"
#include "images/message.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

/* All bytes of a descriptor until its end, however many. */
struct input_stream {
	struct stream stream;
	int fd;
	uint8_t *buffer; /* STREAM_WINDOW_MAX bytes */
};

static int input_fill(struct stream *stream, struct error *err)
{
	struct input_stream *self = (struct input_stream *)stream;
	ssize_t n = io_read_full(self->fd, self->buffer, STREAM_WINDOW_MAX);

	if (n < 0)
		return error_set(err, errno, "cannot read an archive");
	stream->at = self->buffer;
	stream->left = (size_t)n;
	return n > 0;
}

/* Writes down every byte that passes. */
struct tee_stream {
	struct stream stream;
	struct stream *source;
	int fd;
};

static int tee_fill(struct stream *stream, struct error *err)
{
	struct tee_stream *self = (struct tee_stream *)stream;
	int more = stream_fill(self->source, err);

	if (more <= 0)
		return more;
	if (io_write_all(self->fd, self->source->at, self->source->left) < 0)
		return error_set(err, errno, "cannot write an archive down");
	stream->at = self->source->at;
	stream->left = self->source->left;
	stream_consume(self->source, self->source->left);
	return 1;
}

static int read_through(struct archive *archive, const struct archive_job *job,
			struct stream *input, struct error *err)
{
	struct tee_stream tee = { .stream.fill = tee_fill, .fd = job->out_fd };
	struct decompressor plain;
	int result;

	if (job->out_fd < 0)
		return archive_read(archive, input, err);
	if (stream_fill(input, err) < 0 ||
	    decompress_open(&plain, decompress_sniff(input->at, input->left), input, err) < 0)
		return -1;
	tee.source = &plain.stream;
	result = archive_read(archive, &tee.stream, err);
	decompress_close(&plain);
	return result;
}

int archive_index(void *context, int control, struct error *err)
{
	const struct archive_job *job = context;
	struct input_stream input = { .stream.fill = input_fill, .fd = job->in_fd };
	_cleanup_free_ uint8_t *buffer = malloc(STREAM_WINDOW_MAX);
	_cleanup_free_ void *data = NULL;
	struct archive archive;
	size_t len;
	int result;

	if (!buffer)
		return error_set(err, ENOMEM, "cannot read an archive");
	input.buffer = buffer;
	if (read_through(&archive, job, &input.stream, err) < 0)
		return -1;
	result = archive_encode(&archive, &data, &len);
	archive_free(&archive);
	if (result < 0)
		return error_set(err, 0, "the names in the archive are too long");
	if (message_send(control, MESSAGE_RESULT, data, len) < 0)
		return error_set(err, errno, "cannot report an archive");
	return 0;
}
