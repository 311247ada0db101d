/*
 * The decision about an image that is being imported. Its documents are known and verified; of its
 * layers nothing was read.
 *
 * Whatever goes wrong while signatures are looked for means that there are fewer of them: it is
 * told if the image is refused, and an image that needs none does not suffer from it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/import_internal.h"
#include "images/message.h"
#include "images/parser.h"
#include "images/simple_signing.h"
#include "images/trust_aci.h"
#include "images/worker.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"

enum { SIGNATURE_DOCUMENTS_MAX = SIGNATURE_ENTRIES_MAX };

/* Confined: lists the payloads that a document leads to. */
static int list_payloads(void *context, int control, struct error *err)
{
	const struct oci_source source = parser_source(&control);
	struct signature_entries entries;
	void *data;
	size_t len;
	int sent;

	if (simple_signing_list(context, &source, &entries, err) < 0)
		return -1;
	if (signature_entries_encode(&entries, &data, &len) < 0)
		return error_set(err, ENOMEM, "cannot list signatures");
	signature_entries_free(&entries);
	sent = message_send(control, MESSAGE_RESULT, data, len);
	free(data);
	return sent < 0 ? error_set(err, errno, "cannot list signatures") : 0;
}

static int list_confined(struct import *import, struct signature_search *search,
			 struct signature_entries *out, struct error *err)
{
	const struct worker_job job = { .load = digest_load,
					.run = list_payloads,
					.context = search };
	struct worker worker;

	if (worker_start(&worker, &job, err) < 0)
		return -1;
	for (unsigned served = 0;; served++) {
		_cleanup_free_ char *data = NULL;
		struct image_blob blob;
		size_t len;
		int kind = worker_receive(&worker, &data, &len, err);

		if (kind < 0)
			return -1;
		if (kind == MESSAGE_RESULT) {
			worker_kill(&worker);
			return signature_entries_decode(out, data, len, err);
		}
		if (served == SIGNATURE_DOCUMENTS_MAX ||
		    import_serve(import, worker.control, data, len, &blob, err) < 0) {
			worker_kill(&worker);
			return served == SIGNATURE_DOCUMENTS_MAX
				   ? error_set(err, 0, "there are too many signatures")
				   : -1;
		}
	}
}

/*
 * Whether a payload can be for one of the images at all. Nothing is parsed: no key has verified it
 * yet. Those for other images must not take the room of this image's.
 */
static bool names_image(const struct signature_search *search, const char *payload, size_t len)
{
	for (size_t i = 0; i < search->image_count; i++) {
		char text[DIGEST_TEXT_SIZE];

		digest_format(&search->images[i], text);
		if (memmem(payload, len, text, strlen(text)))
			return true;
	}
	return false;
}

/* 1, 0 if it is for another image, -1 with err filled. */
static int add_payload(struct import *import, const struct signature_search *search,
		       const struct signature_entry *entry, struct error *err)
{
	const struct image_blob blob = { entry->payload, entry->size_bytes };
	char digest[DIGEST_TEXT_SIZE], origin[DIGEST_TEXT_SIZE + 16];
	_cleanup_free_ char *payload = NULL;
	struct image_signature signature = { .kind = SIGNATURE_COSIGN,
					     .origin = origin,
					     .data = entry->signature,
					     .len = strlen(entry->signature),
					     .payload_len = (size_t)entry->size_bytes };

	digest_format(&entry->payload, digest);
	(void)snprintf(origin, sizeof(origin), "cosign %s", digest);
	if (import->source->ops->fetch(import->source, &blob, 1, &import->sink, err) < 0 ||
	    blob_store_read(import->store, &blob, &payload, err) < 0)
		return -1;
	if (!names_image(search, payload, signature.payload_len))
		return 0;
	signature.payload = payload;
	return signature_list_add(&import->signatures, &signature, err) < 0 ? -1 : 1;
}

static int add_listed(struct import *import, struct signature_search *search, struct error *err)
{
	struct signature_entries entries;
	size_t added = 0;
	int result = list_confined(import, search, &entries, err);

	if (result < 0)
		return -1;
	for (size_t i = 0; i < entries.count && result >= 0; i++) {
		result = add_payload(import, search, &entries.items[i], err);
		added += result > 0;
	}
	if (result >= 0 && entries.count && added == 0)
		result = error_set(err, 0, "%zu of cosign, none for this image", entries.count);
	signature_entries_free(&entries);
	return result < 0 ? -1 : 0;
}

/* The manifest, and the index that led to it, whose bytes a signature of it needs. */
static size_t name_images(struct import *import, struct digest images[2])
{
	const struct source_document *top = &import->document;
	struct error ignored;
	size_t count = 0;

	images[count++] = import->plan.manifest;
	if (top->kind == DOCUMENT_MANIFEST_OR_INDEX &&
	    !digest_equal(&top->blob.digest, &import->plan.manifest)) {
		(void)signature_list_set_index(&import->signatures, top->data, top->len, &ignored);
		images[count++] = top->blob.digest;
	} else if (import->wanted_count > 2 &&
		   !digest_equal(&import->wanted[0].digest, &import->plan.manifest)) {
		_cleanup_free_ char *data = NULL;

		if (blob_store_read(import->store, &import->wanted[0], &data, &ignored) == 0)
			(void)signature_list_set_index(&import->signatures, data,
						       (size_t)import->wanted[0].size_bytes,
						       &ignored);
		images[count++] = import->wanted[0].digest;
	}
	return count;
}

/* What cosign has put beside the image, in the same layout or registry. */
static int find_cosign(struct import *import, struct error *err)
{
	const struct source_document *top = &import->document;
	struct digest images[2];
	size_t count = name_images(import, images);
	struct signature_search search = { .document = top->data,
					   .len = top->len,
					   .is_index = true,
					   .images = images,
					   .image_count = count };

	if (top->kind == DOCUMENT_LAYOUT_INDEX) {
		/* Most layouts have none, and then no process is started to find that out. */
		if (!memmem(top->data, top->len, ".sig", 4) &&
		    !memmem(top->data, top->len, "cosign", 6))
			return 0;
		return add_listed(import, &search, err);
	}
	for (size_t i = 0; import->source->ops->signatures && i < count; i++) {
		_cleanup_free_ char *data = NULL;
		int found = import->source->ops->signatures(import->source, &images[i], &data,
							    &search.len, err);

		if (found < 0)
			return -1;
		search.document = data;
		search.is_index = false;
		if (found && add_listed(import, &search, err) < 0)
			return -1;
	}
	return 0;
}

/* FILE.sig beside an archive, FILE.asc beside an ACI. */
static int find_beside(struct import *import, struct error *err)
{
	const struct image_reference *reference = &import->reference;
	static const char *const endings[] = { ".sig", ".asc" };

	if (reference->transport != IMAGE_OCI_ARCHIVE &&
	    reference->transport != IMAGE_DOCKER_ARCHIVE && reference->transport != IMAGE_ACI)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		char path[PATH_MAX + 8];

		(void)snprintf(path, sizeof(path), "%s%s", reference->path, endings[i]);
		if (access(path, F_OK) == 0 &&
		    trust_signature_file(&import->signatures, path, err) < 0)
			return -1;
	}
	return 0;
}

/* All of them. Only files that the user named have to be there. */
static int find_signatures(struct import *import, struct error *missing, struct error *err)
{
	const struct import_options *options = import->options;
	struct signature_list kept = { .count = 0 };
	int found;

	for (size_t i = 0; i < options->signature_file_count; i++) {
		if (trust_signature_file(&import->signatures, options->signature_files[i], err) < 0)
			return -1;
	}
	if (find_beside(import, missing) == 0)
		(void)find_cosign(import, missing);
	found = trust_signatures_read(import->store, &import->plan.manifest, &kept, missing);
	for (size_t i = 0; found > 0 && i < kept.count; i++)
		(void)signature_list_add(&import->signatures, &kept.items[i], NULL);
	signature_list_free(&kept);
	return 0;
}

/*
 * What an App Container Image depends on may be another image than when a verdict was kept, and
 * its id is the same. A new verdict follows if there is a policy.
 */
static void forget_verdict(const struct import *import)
{
	char name[STORE_NAME_MAX];

	verdict_record_name(name, import->name, &import->plan.manifest);
	(void)unlinkat(store_dir_fd(import->store), name, 0);
}

/* Fills in what only an App Container Image has, and decides. */
static int decide_aci(struct import *import, struct trust_subject *subject, struct error *err)
{
	struct trust_dependencies dependencies;
	_cleanup_fd_ int fd = blob_store_open(import->store, &import->document.blob, err);
	int result;

	if (fd < 0 || trust_dependencies_read(import->store, import->blobs + 1,
					      import->blob_count - 1, &dependencies, err) < 0)
		return -1;
	subject->is_aci = true;
	subject->aci_fd = fd;
	subject->aci_digest = &import->document.blob.digest;
	subject->dependencies = dependencies.subjects;
	subject->dependency_count = dependencies.count;
	forget_verdict(import);
	result = trust_decide(subject, &import->decision, err);
	trust_dependencies_free(&dependencies);
	return result;
}

int import_decide(struct import *import, struct error *err)
{
	struct trust_subject subject = { .name = import->name,
					 .manifest = &import->plan.manifest,
					 .signatures = &import->signatures,
					 .aci_fd = -1 };
	struct error missing = ERROR_NONE;
	int wanted = trust_wants_signatures(err);

	if (wanted < 0)
		return -1;
	/* A registry would be asked for nothing. */
	if ((wanted || import->reference.transport != IMAGE_DOCKER) &&
	    find_signatures(import, &missing, err) < 0)
		return -1;
	/* Whether there is a policy by now is asked again, and it must know an ACI as one. */
	if (import->document.kind == DOCUMENT_ACI) {
		if (decide_aci(import, &subject, err) < 0)
			return -1;
	} else if (trust_decide(&subject, &import->decision, err) < 0) {
		return -1;
	}
	if (import->decision.accepted)
		return 0;
	(void)error_set(err, 0, "%s", import->decision.reason);
	if (missing.text[0])
		(void)error_set(err, 0, "%.700s (looking for signatures: %.250s)",
				import->decision.reason, missing.text);
	return -1;
}

int import_keep_decision(struct import *import, struct error *err)
{
	const struct signature_list *list = &import->signatures;

	if ((list->count || list->index) &&
	    trust_signatures_keep(import->store, &import->plan.manifest, list, err) < 0)
		return -1;
	trust_decision_keep(import->store, &import->decision);
	return 0;
}
