/*
 * Images in registries. This side has the store and no network; it starts the process that has the
 * network (fetch.h), tells it what is wanted, and hashes, counts and names what comes back.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/authfile.h"
#include "images/certs.h"
#include "images/fetch.h"
#include "images/fetch_reply.h"
#include "images/message.h"
#include "images/progress.h"
#include "images/source.h"
#include "vmm/base/cleanup.h"

struct registry_source {
	struct source source;
	struct image_reference reference;
	struct certs certs;
	struct fetch_context context;
	struct worker worker; /* pid -1 once it has gone */
	int progress_fd;      /* -1: none */
};

/* A blob on its way. */
struct slot {
	struct blob_writer writer;
	bool is_open;	 /* the writer is to be ended or abandoned */
	bool is_resumed; /* began with bytes of an earlier transfer */
	bool again;	 /* those bytes were wrong: it is to be fetched anew */
};

/* The rest of the message decides nothing: why the process has gone is in what it said last. */
static int tell(struct registry_source *self, enum message_kind kind, const void *data, size_t len,
		struct error *err)
{
	_cleanup_free_ char *said = NULL;
	size_t said_len;

	if (self->worker.pid < 0)
		return error_set(err, 0, "the connection to %s was given up", self->reference.host);
	if (message_send(self->worker.control, kind, data, len) == 0)
		return 0;
	if (worker_receive_any(&self->worker, &said, &said_len, err) >= 0)
		return error_set(err, 0, "%s said something unexpected", fetch_role.name);
	return -1;
}

static int start(struct registry_source *self, bool verify, struct error *err)
{
	const struct worker_job job = { .role = &fetch_role,
					.load = digest_load,
					.run = fetch_run,
					.context = &self->context };

	self->context = (struct fetch_context){ .reference = &self->reference,
						.trust = { .verify = verify,
							   .ca = self->certs.ca,
							   .ca_len = self->certs.ca_len,
							   .cert = self->certs.cert,
							   .cert_len = self->certs.cert_len,
							   .key = self->certs.key,
							   .key_len = self->certs.key_len } };
	if (verify && !self->certs.ca)
		return error_set(err, 0,
				 "this host has no certificate authorities to check %s with "
				 "(package ca-certificates)",
				 self->reference.host);
	return worker_start(&self->worker, &job, err);
}

/* What the user has for this registry; the fetching process learns that and no other login. */
static int log_in(struct registry_source *self, const char *authfile, struct error *err)
{
	struct credential *credential = malloc(sizeof(*credential));
	int result;

	if (!credential)
		return error_set(err, ENOMEM, "cannot read credentials");
	result =
	    authfile_find(credential, authfile, self->reference.host, self->reference.path, err);
	if (result == 0)
		result = tell(self, MESSAGE_LOGIN, credential, sizeof(*credential), err);
	credential_wipe(credential);
	free(credential);
	return result;
}

/* Asks for a manifest: 1 with *message the caller's and *manifest in it, 0 if there is none, -1. */
static int get(struct registry_source *self, const char *reference, bool optional, char **message,
	       struct fetch_manifest *manifest, struct error *err)
{
	struct fetch_get request = { .optional = le32_make(optional) };
	_cleanup_free_ char *data = NULL;
	size_t len;
	int kind, found;

	(void)snprintf(request.reference, sizeof(request.reference), "%s", reference);
	if (tell(self, MESSAGE_GET, &request, sizeof(request), err) < 0)
		return -1;
	kind = worker_receive_any(&self->worker, &data, &len, err);
	if (kind < 0)
		return -1;
	if (kind != MESSAGE_GOT)
		return error_set(err, 0, "%s said something unexpected", fetch_role.name);
	found = fetch_read_manifest(manifest, data, len, err);
	if (found > 0)
		*message = steal_ptr(data);
	return found;
}

/* What the manifest must have: the digest that the user named, and the one that came with it. */
static int check_digests(const struct registry_source *self, const struct fetch_manifest *manifest,
			 struct digest *digest, struct error *err)
{
	const char *wanted = self->reference.digest;
	struct digest found;
	char text[DIGEST_TEXT_SIZE];

	if (manifest->has_digest) {
		if (digest_compute(&found, manifest->digest.algorithm, manifest->data,
				   manifest->len, err) < 0)
			return -1;
		if (!digest_equal(&found, &manifest->digest))
			return error_set(err, 0,
					 "%s sent a manifest that does not have the digest in its "
					 "own Docker-Content-Digest",
					 self->reference.host);
	}
	*digest = (struct digest){ .algorithm = DIGEST_SHA256 };
	if (wanted[0] && digest_parse(digest, wanted, strlen(wanted), err) < 0)
		return -1;
	if (digest_compute(&found, digest->algorithm, manifest->data, manifest->len, err) < 0)
		return -1;
	digest_format(&found, text);
	if (wanted[0] && !digest_equal(&found, digest))
		return error_set(err, 0, "%s sent a manifest with the digest %s instead",
				 self->reference.host, text);
	*digest = found;
	return 0;
}

static int top(struct source *source, struct source_document *out, struct error *err)
{
	struct registry_source *self = (struct registry_source *)source;
	const struct image_reference *reference = &self->reference;
	_cleanup_free_ char *message = NULL;
	struct fetch_manifest manifest;

	if (get(self, reference->digest[0] ? reference->digest : reference->tag, false, &message,
		&manifest, err) <= 0)
		return err->text[0] ? -1 : error_set(err, 0, "the registry sent no manifest");
	if (check_digests(self, &manifest, &out->blob.digest, err) < 0)
		return -1;
	out->kind = DOCUMENT_MANIFEST_OR_INDEX;
	out->blob.size_bytes = manifest.len;
	(void)snprintf(out->media_type, sizeof(out->media_type), "%s", manifest.media_type);
	out->data = malloc(manifest.len + 1);
	if (!out->data)
		return error_set(err, ENOMEM, "cannot read a manifest");
	memcpy(out->data, manifest.data, manifest.len);
	out->data[manifest.len] = '\0';
	out->len = manifest.len;
	return 0;
}

/* All of it has come. Bytes of an earlier transfer that were wrong are worth one more try. */
static int end_slot(struct slot *slot, struct error *err)
{
	struct error why = ERROR_NONE;

	slot->is_open = false;
	if (blob_sink_end(&slot->writer, &why) == 0)
		return 0;
	if (!slot->is_resumed)
		return error_set(err, why.code, "%s", why.text);
	slot->again = true;
	return 0;
}

static int receive(struct registry_source *self, struct slot *slots, size_t count, size_t open,
		   struct progress *progress, struct error *err)
{
	while (open) {
		_cleanup_free_ char *data = NULL;
		struct fetch_bytes bytes;
		struct slot *slot;
		size_t len;
		int kind = worker_receive_any(&self->worker, &data, &len, err);

		if (kind < 0 || fetch_read_bytes(&bytes, kind, data, len, count, err) < 0)
			return -1;
		slot = &slots[bytes.slot];
		if (!slot->is_open)
			return error_set(err, 0, "%s sent bytes of a blob that is whole",
					 fetch_role.name);
		if (kind == MESSAGE_END) {
			if (end_slot(slot, err) < 0)
				return -1;
			open--;
			continue;
		}
		if (blob_sink_write(&slot->writer, bytes.data, bytes.len, err) < 0)
			return -1;
		progress_add(progress, bytes.len);
	}
	return 0;
}

/* Fetches what the slots have open. */
static int transfer(struct registry_source *self, struct slot *slots, size_t count,
		    struct error *err)
{
	_cleanup_free_ struct fetch_blob *request = calloc(count, sizeof(*request));
	char what[IMAGE_NAME_SIZE];
	struct progress progress;
	uint64_t done = 0, total = 0;
	int result;

	if (!request)
		return error_set(err, ENOMEM, "cannot fetch blobs");
	for (size_t i = 0; i < count; i++) {
		const struct blob_writer *writer = &slots[i].writer;

		digest_format(&writer->blob.digest, request[i].digest);
		request[i].size_bytes = le64_make(writer->blob.size_bytes);
		request[i].offset = le64_make(writer->len_bytes);
		done += writer->len_bytes;
		total += writer->blob.size_bytes;
	}
	image_reference_format_docker(&self->reference, what);
	if (tell(self, MESSAGE_GET_BLOBS, request, count * sizeof(*request), err) < 0)
		return -1;
	progress_begin(&progress, self->progress_fd, what, done, total);
	result = receive(self, slots, count, count, &progress, err);
	progress_end(&progress);
	return result;
}

/* Opens slots for those that the store lacks. Returns their number, or -1 with err filled. */
static ssize_t open_slots(const struct image_blob *wants, size_t count, struct blob_sink *sink,
			  struct slot *slots, struct error *err)
{
	size_t open = 0;

	for (size_t i = 0; i < count; i++) {
		struct slot *slot = &slots[open];
		int begun = blob_sink_begin(sink, &wants[i], &slot->writer, err);

		if (begun < 0)
			return -1;
		if (begun)
			continue;
		slot->is_open = true;
		slot->is_resumed = slot->writer.len_bytes > 0;
		open++;
	}
	return (ssize_t)open;
}

static int fetch_some(struct registry_source *self, const struct image_blob *wants, size_t count,
		      struct blob_sink *sink, bool *again, struct error *err)
{
	_cleanup_free_ struct slot *slots = calloc(count, sizeof(*slots));
	ssize_t open;
	int result = 0;

	if (!slots)
		return error_set(err, ENOMEM, "cannot fetch blobs");
	open = open_slots(wants, count, sink, slots, err);
	if (open < 0)
		result = -1;
	else if (open)
		result = transfer(self, slots, (size_t)open, err);
	for (size_t i = 0; i < count; i++) {
		if (slots[i].is_open)
			blob_sink_abandon(&slots[i].writer);
		*again |= slots[i].again;
	}
	return result;
}

static int fetch(struct source *source, const struct image_blob *wants, size_t count,
		 struct blob_sink *sink, struct error *err)
{
	struct registry_source *self = (struct registry_source *)source;

	while (count) {
		size_t some = count < FETCH_BLOBS_MAX ? count : FETCH_BLOBS_MAX;
		bool again = false;

		/* What was wrong in partial blobs is gone then, so a second time nothing is
		 * resumed. */
		if (fetch_some(self, wants, some, sink, &again, err) < 0 ||
		    (again && fetch_some(self, wants, some, sink, &again, err) < 0))
			return -1;
		wants += some;
		count -= some;
	}
	return 0;
}

static int signatures(struct source *source, const struct digest *manifest, char **data,
		      size_t *len, struct error *err)
{
	struct registry_source *self = (struct registry_source *)source;
	_cleanup_free_ char *message = NULL;
	struct fetch_manifest found_manifest;
	char tag[DIGEST_TEXT_SIZE + 4];
	char text[DIGEST_TEXT_SIZE];
	int found;

	/* A tag has at most 128 characters, so a sha512 has none. */
	if (manifest->algorithm != DIGEST_SHA256)
		return 0;
	digest_format_with(manifest, '-', text);
	(void)snprintf(tag, sizeof(tag), "%s.sig", text);
	found = get(self, tag, true, &message, &found_manifest, err);
	if (found <= 0)
		return found;
	*data = malloc(found_manifest.len + 1);
	if (!*data)
		return error_set(err, ENOMEM, "cannot read signatures");
	memcpy(*data, found_manifest.data, found_manifest.len);
	(*data)[found_manifest.len] = '\0';
	*len = found_manifest.len;
	return 1;
}

static void close_registry(struct source *source)
{
	struct registry_source *self = (struct registry_source *)source;

	if (self->worker.pid > 0)
		worker_kill(&self->worker);
	certs_free(&self->certs);
	free(self);
}

static const struct source_ops ops = {
	.top = top, .fetch = fetch, .signatures = signatures, .close = close_registry
};

int source_registry_open(struct source **out, const struct image_reference *reference,
			 const struct import_options *options, struct error *err)
{
	struct registry_source *self = calloc(1, sizeof(*self));

	if (!self)
		return error_set(err, ENOMEM, "cannot open a registry");
	self->source.ops = &ops;
	self->source.has_witness = true; /* what was pulled stays until somebody pulls again */
	self->reference = *reference;
	self->worker.pid = -1;
	self->progress_fd = options->quiet || !options->progress_fd ? -1 : options->progress_fd;
	if (image_reference_canonical(reference, self->source.canonical, err) == 0 &&
	    certs_read(&self->certs, options->cert_dir, reference->host, err) == 0 &&
	    start(self, !options->insecure_tls, err) == 0 &&
	    log_in(self, options->authfile, err) == 0) {
		*out = &self->source;
		return 0;
	}
	close_registry(&self->source);
	return -1;
}
