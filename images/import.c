/*
 * The importer. It opens, sizes, hashes and names; every byte whose meaning an image author chose
 * is parsed by a confined process instead, one for the documents and, after that has gone, one for
 * the layers. So a layer that takes its parser over can change the image of these very layers
 * and nothing else: their digests, computed here, are the image's name.
 */
#include "images/import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/blob.h"
#include "images/erofs_format.h"
#include "images/layout.h"
#include "images/message.h"
#include "images/parser.h"
#include "images/publish.h"
#include "images/record.h"
#include "images/worker.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

enum {
	MARKER_SIZE_MAX = 4096,
	WANTED_MAX = IMAGE_INDEX_DEPTH_MAX + 2, /* documents: nested indexes, manifest, config */
	PIPE_SIZE = 1024 * 1024,
};

/* How much larger than the file data an image may be: names, inodes, ends of blocks. */
#define IMAGE_FILE_SIZE_MAX ((uint64_t)1 << 40)

/* One import, from its reference to its records. */
struct import {
	struct store *store;
	struct image_reference reference;
	char path[PATH_MAX]; /* of the layout, without symbolic links */
	int layout_fd;
	char *marker;
	size_t marker_len;
	char *index;
	size_t index_len;
	struct digest wanted[WANTED_MAX]; /* documents handed out */
	size_t wanted_count;
	struct image_plan plan;
	struct digest chain;
	uint64_t size_bytes;
	uint64_t dropped_xattrs;
	bool built;
};

static int open_layout(struct import *import, struct error *err)
{
	struct error why = ERROR_NONE;

	import->layout_fd = layout_open(&import->reference, import->path, err);
	if (import->layout_fd < 0)
		return -1;
	if (io_read_file(import->layout_fd, "oci-layout", MARKER_SIZE_MAX, &import->marker,
			 &import->marker_len, &why) < 0)
		return error_set(err, 0, "%s is not an OCI image layout: %s", import->path,
				 why.text);
	return layout_read_index(import->layout_fd, import->path, &import->index,
				 &import->index_len, err);
}

/* Hands a document out. What was asked for is checked as if a stranger asked. */
static int serve(struct import *import, int control, const char *request, size_t len,
		 struct error *err)
{
	_cleanup_free_ char *data = NULL;
	struct message_want want;
	struct digest digest;
	uint64_t size_bytes;

	if (len != sizeof(want) || import->wanted_count == WANTED_MAX)
		return error_set(err, 0, "the image parser asked for too much");
	memcpy(&want, request, sizeof(want));
	size_bytes = le64_get(want.size_bytes);
	if (size_bytes > IMAGE_DOCUMENT_MAX ||
	    digest_parse(&digest, want.digest, strnlen(want.digest, sizeof(want.digest)), err) < 0)
		return error_set(err, 0, "the image parser asked for too much");
	if (blob_read(import->layout_fd, &digest, size_bytes, &data, err) < 0)
		return -1;
	import->wanted[import->wanted_count++] = digest;
	if (message_send(control, MESSAGE_DOCUMENT, data, (size_t)size_bytes) < 0)
		return error_set(err, errno, "the image parser has gone");
	return 0;
}

/* The manifest that the parser reports must be one that it was given. */
static int check_plan(const struct import *import, struct error *err)
{
	for (size_t i = 0; i < import->wanted_count; i++) {
		if (digest_equal(&import->wanted[i], &import->plan.manifest))
			return 0;
	}
	return error_set(err, 0, "the image parser reported a manifest that it never saw");
}

static int read_documents(struct import *import, struct error *err)
{
	struct oci_layout layout = { .marker = import->marker,
				     .marker_len = import->marker_len,
				     .index = import->index,
				     .index_len = import->index_len,
				     .tag = import->reference.tag };
	const struct worker_job job = { .run = parser_documents, .context = &layout };
	struct worker worker;

	if (worker_start(&worker, &job, err) < 0)
		return -1;
	for (;;) {
		_cleanup_free_ char *data = NULL;
		size_t len;
		int kind = worker_receive(&worker, &data, &len, err);

		if (kind < 0)
			return -1;
		if (kind == MESSAGE_RESULT) {
			worker_kill(&worker);
			if (image_plan_decode(&import->plan, data, len, err) < 0)
				return -1;
			return check_plan(import, err);
		}
		if (serve(import, worker.control, data, len, err) < 0) {
			worker_kill(&worker);
			return -1;
		}
	}
}

/*
 * The name of the merged image: what goes into it and how it is made. The blobs' digests are in it
 * because the importer computes them itself, the diff_ids because the merge checks them.
 */
static int name_chain(struct import *import, struct error *err)
{
	static const char version[] = "nacelle erofs 1\n";
	char blob[DIGEST_TEXT_SIZE], diff_id[DIGEST_TEXT_SIZE];
	char line[2 * DIGEST_TEXT_SIZE + 2];
	struct hasher hasher;
	int result;

	if (hasher_init(&hasher, DIGEST_SHA256, err) < 0)
		return -1;
	result = hasher_update(&hasher, version, strlen(version), err);
	for (size_t i = 0; i < import->plan.layer_count && result == 0; i++) {
		digest_format(&import->plan.layers[i].blob, blob);
		digest_format(&import->plan.layers[i].diff_id, diff_id);
		(void)snprintf(line, sizeof(line), "%s %s\n", blob, diff_id);
		result = hasher_update(&hasher, line, strlen(line), err);
	}
	if (result == 0)
		return hasher_finish(&hasher, &import->chain, err);
	hasher_free(&hasher);
	return -1;
}

/* Whether the store has the image of this chain already; its superblock and its size must agree. */
static bool find_image(struct import *import)
{
	char name[STORE_NAME_MAX];
	_cleanup_fd_ int fd = -1;
	struct erofs_super super;
	struct stat st;

	store_image_name(name, &import->chain);
	fd = openat(store_dir_fd(import->store), name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    io_pread_full(fd, &super, sizeof(super), EROFS_SUPER_OFFSET) != sizeof(super) ||
	    le32_get(super.magic) != EROFS_MAGIC ||
	    (uint64_t)le32_get(super.blocks) * EROFS_BLOCK != (uint64_t)st.st_size)
		return false;
	import->size_bytes = (uint64_t)st.st_size;
	return true;
}

/* Feeds the layers to the worker, until it has them all or has gone. */
static int pump_layers(struct import *import, int pipe_fd, struct error *err)
{
	for (size_t i = 0; i < import->plan.layer_count; i++) {
		const struct image_layer *layer = &import->plan.layers[i];
		int result =
		    blob_pump(import->layout_fd, &layer->blob, layer->size_bytes, pipe_fd, err);

		if (result <= 0)
			return result;
	}
	return 0;
}

static int check_merged(struct import *import, int image_fd, const char *data, size_t len,
			struct error *err)
{
	struct parser_layers_result result;
	struct stat st;

	if (len != sizeof(result))
		return error_set(err, 0, "the image parser reported nonsense");
	memcpy(&result, data, sizeof(result));
	import->size_bytes = le64_get(result.size_bytes);
	import->dropped_xattrs = le64_get(result.dropped_xattrs);
	if (fstat(image_fd, &st) < 0)
		return error_set(err, errno, "cannot stat the image");
	if (import->size_bytes == 0 || import->size_bytes % EROFS_BLOCK ||
	    (uint64_t)st.st_size != import->size_bytes)
		return error_set(err, 0, "the image parser reported nonsense");
	return 0;
}

/* Merges the layers into the file, with a pipe between this process and the confined one. */
static int merge_through(struct import *import, int image_fd, int ends[2], struct error *err)
{
	struct parser_layers layers = { .plan = &import->plan,
					.pipe_fd = ends[0],
					.image_fd = image_fd,
					.uuid = import->chain.bytes };
	const int fds[] = { ends[0], image_fd };
	const struct worker_job job = { .run = parser_layers,
					.context = &layers,
					.fds = fds,
					.fd_count = 2,
					.file_max_bytes = IMAGE_FILE_SIZE_MAX };
	_cleanup_free_ char *data = NULL;
	struct worker worker;
	size_t len;

	if (worker_start(&worker, &job, err) < 0)
		return -1;
	close(steal_fd(&ends[0]));
	if (pump_layers(import, ends[1], err) < 0) {
		worker_kill(&worker);
		return -1;
	}
	close(steal_fd(&ends[1]));
	if (worker_receive(&worker, &data, &len, err) < 0)
		return -1;
	worker_kill(&worker);
	return check_merged(import, image_fd, data, len, err);
}

static int merge_layers(struct import *import, int image_fd, struct error *err)
{
	int ends[2];
	int result;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, errno, "cannot make a pipe");
	(void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_SIZE);
	result = merge_through(import, image_fd, ends, err);
	cleanup_fd(&ends[0]);
	cleanup_fd(&ends[1]);
	return result;
}

static int build_image(struct import *import, struct error *err)
{
	char name[STORE_NAME_MAX];
	struct temporary file;
	int result = temporary_open(&file, import->store, err);

	if (result == 0)
		result = merge_layers(import, file.fd, err);
	store_image_name(name, &import->chain);
	if (result == 0)
		result = temporary_publish(&file, import->store, name, err);
	temporary_discard(&file, import->store);
	import->built = result == 0;
	return result;
}

static int publish_record(struct import *import, struct error *err)
{
	struct image_record record = { .manifest = import->plan.manifest,
				       .chain = import->chain,
				       .size_bytes = import->size_bytes,
				       .config = import->plan.config };
	_cleanup_free_ void *data = NULL;
	char name[STORE_NAME_MAX];
	size_t len;

	if (image_record_encode(&record, &data, &len) < 0)
		return error_set(err, ENOMEM, "cannot write an image record");
	store_record_name(name, &record.manifest);
	return store_publish(import->store, name, data, len, err);
}

static int publish_reference(struct import *import, struct error *err)
{
	const struct reference_key key = { .layout_path = import->path,
					   .tag = import->reference.tag,
					   .index = import->index,
					   .index_len = import->index_len };
	_cleanup_free_ void *data = NULL;
	char name[STORE_NAME_MAX];
	size_t len;

	if (reference_record_encode(&key, &import->plan.manifest, &data, &len) < 0)
		return error_set(err, ENOMEM, "cannot write a reference record");
	store_reference_name(name, import->path, import->reference.tag);
	return store_publish(import->store, name, data, len, err);
}

/*
 * Whether the store has this manifest's record and image: 1, 0, -1 with err filled. Then nothing is
 * written over them: what stands there was made without the bytes of this layout.
 */
static int find_record(struct import *import, struct error *err)
{
	struct image_record record;
	int fd;
	int found = store_open_image(import->store, &import->plan.manifest, &record, &fd, err);

	if (found <= 0)
		return found;
	import->size_bytes = record.size_bytes;
	image_record_free(&record);
	close(fd);
	return 1;
}

static int make_record(struct import *import, struct error *err)
{
	_cleanup_fd_ int lock_fd = -1;
	int found;

	if (name_chain(import, err) < 0)
		return -1;
	lock_fd = store_lock_image(import->store, &import->chain, err);
	if (lock_fd < 0)
		return -1;
	found = find_record(import, err); /* another process may have made it meanwhile */
	if (found)
		return found < 0 ? -1 : 0;
	if (!find_image(import) && build_image(import, err) < 0)
		return -1;
	return publish_record(import, err);
}

static int run(struct import *import, struct error *err)
{
	store_sweep(import->store);
	if (open_layout(import, err) < 0 || read_documents(import, err) < 0 ||
	    make_record(import, err) < 0)
		return -1;
	return publish_reference(import, err);
}

int import_image(const char *root, const char *reference, struct import_result *out,
		 struct error *err)
{
	struct import *import = calloc(1, sizeof(*import));
	int result = -1;

	if (!import)
		return error_set(err, ENOMEM, "cannot import an image");
	import->layout_fd = -1;
	if (image_reference_parse(&import->reference, reference, err) == 0) {
		if (import->reference.transport == IMAGE_ROOTFS)
			(void)error_set(err, 0, "%s is a directory, which needs no import",
					reference);
		else if (import->reference.transport != IMAGE_OCI)
			(void)error_set(err, 0, "%s is of a kind that is not supported yet",
					reference);
		else if (store_open(&import->store, root, err) == 0)
			result = run(import, err);
	}
	if (result == 0)
		*out = (struct import_result){ .manifest = import->plan.manifest,
					       .size_bytes = import->size_bytes,
					       .dropped_xattrs = import->dropped_xattrs,
					       .built = import->built };
	store_close(import->store);
	cleanup_fd(&import->layout_fd);
	image_config_free(&import->plan.config);
	free(import->marker);
	free(import->index);
	free(import);
	return result;
}
