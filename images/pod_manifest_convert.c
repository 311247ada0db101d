/*
 * Converting a pod manifest: its bytes go into a confined process with the fork, fields come out,
 * and are decoded once here, so that nothing else gets what is malformed.
 */
#include "images/pod_manifest_convert.h"

#include <errno.h>
#include <stdlib.h>

#include "images/limits.h"
#include "images/message.h"
#include "images/pod_manifest.h"
#include "images/worker.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

struct document {
	char *text;
	size_t len;
};

/* The confined process's work. */
static int convert(void *context, int control, struct error *err)
{
	const struct document *document = context;
	_cleanup_free_ void *data = NULL;
	struct pod_manifest manifest;
	size_t len;
	int result;

	if (pod_manifest_read(&manifest, document->text, document->len, err) < 0)
		return -1;
	result = pod_manifest_encode(&manifest, &data, &len);
	pod_manifest_free(&manifest);
	if (result < 0)
		return error_set(err, ENOMEM, "cannot report what the manifest says");
	if (message_send(control, MESSAGE_RESULT, data, len) < 0)
		return error_set(err, errno, "cannot report what the manifest says");
	return 0;
}

static int run_worker(struct document *document, void **data, size_t *len, struct error *err)
{
	const struct worker_job job = { .run = convert, .context = document };
	_cleanup_free_ char *reported = NULL;
	struct pod_manifest manifest;
	struct worker worker;
	int kind;

	if (worker_start(&worker, &job, err) < 0)
		return -1;
	kind = worker_receive(&worker, &reported, len, err);
	if (kind < 0)
		return -1;
	worker_kill(&worker);
	if (kind != MESSAGE_RESULT)
		return error_set(err, 0, "the reader of the pod manifest reported nonsense");
	if (pod_manifest_decode(&manifest, reported, *len, err) < 0)
		return -1;
	pod_manifest_free(&manifest);
	*data = steal_ptr(reported);
	return 0;
}

int pod_manifest_convert(int fd, void **data, size_t *len, struct error *err)
{
	_cleanup_free_ char *text = malloc(IMAGE_DOCUMENT_MAX + 1);
	struct document document = { .text = text };
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
