/*
 * Converting a document: what comes out of the confined process is checked once here, so that
 * nothing else gets what is malformed.
 */
#include "images/document_convert.h"

#include <errno.h>
#include <stdlib.h>

#include "images/limits.h"
#include "images/message.h"
#include "images/worker.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

struct document {
	const struct document_kind *kind;
	char *text;
	size_t len;
};

/* The confined process's work. */
static int convert(void *context, int control, struct error *err)
{
	const struct document *document = context;
	_cleanup_free_ void *data = NULL;
	size_t len;

	if (document->kind->read(document->text, document->len, &data, &len, err) < 0)
		return -1;
	if (message_send(control, MESSAGE_RESULT, data, len) < 0)
		return error_set(err, errno, "cannot report what the %s says",
				 document->kind->name);
	return 0;
}

static int run_worker(struct document *document, void **data, size_t *len, struct error *err)
{
	const struct worker_job job = { .run = convert, .context = document };
	_cleanup_free_ char *reported = NULL;
	struct worker worker;
	int kind;

	if (worker_start(&worker, &job, err) < 0)
		return -1;
	kind = worker_receive(&worker, &reported, len, err);
	if (kind < 0)
		return -1;
	worker_kill(&worker);
	if (kind != MESSAGE_RESULT)
		return error_set(err, 0, "the reader of the %s reported nonsense",
				 document->kind->name);
	if (document->kind->check(reported, *len, err) < 0)
		return -1;
	*data = steal_ptr(reported);
	return 0;
}

int document_convert(int fd, const struct document_kind *kind, void **data, size_t *len,
		     struct error *err)
{
	_cleanup_free_ char *text = malloc(IMAGE_DOCUMENT_MAX + 1);
	struct document document = { .kind = kind, .text = text };
	ssize_t n;

	if (!text)
		return error_set(err, ENOMEM, "cannot read it");
	n = io_read_full(fd, text, IMAGE_DOCUMENT_MAX + 1);
	if (n < 0)
		return error_set(err, errno, "cannot read it");
	if (n > IMAGE_DOCUMENT_MAX)
		return error_set(err, 0, "it has more than %d bytes", IMAGE_DOCUMENT_MAX);
	document.len = (size_t)n;
	return run_worker(&document, data, len, err);
}
