/*
 * From layers to an EROFS image. A confined process merges what this one pumps out of the store's
 * blobs and hashes on the way.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/erofs_format.h"
#include "images/import_internal.h"
#include "images/layout.h"
#include "images/message.h"
#include "images/parser.h"
#include "images/publish.h"
#include "images/record.h"
#include "images/verity.h"
#include "images/worker.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

enum { PIPE_SIZE = 1024 * 1024 };

/* How much larger than the file data an image may be: names, inodes, ends of blocks. */
#define IMAGE_FILE_SIZE_MAX ((uint64_t)1 << 40)

/*
 * The name of the merged image: what goes into it and how it is made. The blobs' digests are in it
 * because the importer computes them itself, the diff_ids because the merge checks them.
 */
static int name_chain(struct import *import, struct error *err)
{
	static const char version[] = "nacelle erofs 1\n";
	char blob[DIGEST_TEXT_SIZE], diff_id[DIGEST_TEXT_SIZE];
	char line[2 * DIGEST_TEXT_SIZE + 32];
	struct hasher hasher;
	int result;

	if (hasher_init(&hasher, DIGEST_SHA256, err) < 0)
		return -1;
	result = hasher_update(&hasher, version, strlen(version), err);
	for (size_t i = 0; i < import->plan.layer_count && result == 0; i++) {
		const struct image_layer *layer = &import->plan.layers[i];

		digest_format(&layer->blob, blob);
		digest_format(&layer->diff_id, diff_id);
		(void)snprintf(line, sizeof(line), "%s %s\n", blob, diff_id);
		if (layer->format == LAYER_ACI) /* how it is applied depends on one more */
			(void)snprintf(line, sizeof(line), "%s %s aci %zu\n", blob, diff_id,
				       layer->upper);
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
	verity_measure(fd, &import->verity);
	return true;
}

/* Feeds the layers to the worker, until it has them all or has gone. */
static int pump_layers(struct import *import, int pipe_fd, struct error *err)
{
	for (size_t i = 0; i < import->plan.layer_count; i++) {
		const struct image_layer *layer = &import->plan.layers[i];
		const struct image_blob blob = { layer->blob, layer->size_bytes };
		int result = blob_sink_made(&import->sink, &blob.digest)
				 ? blob_store_pass(import->store, &blob, pipe_fd, err)
				 : blob_store_pump(import->store, &blob, pipe_fd, err);

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
	const struct worker_job job = { .load = digest_load,
					.run = parser_layers,
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
		result = temporary_seal(&file, err);
	if (result == 0) {
		verity_measure(file.fd, &import->verity);
		result = temporary_publish(&file, import->store, name, err);
	}
	temporary_discard(&file, import->store);
	import->built = result == 0;
	return result;
}

static int publish_record(struct import *import, struct error *err)
{
	struct image_record record = { .manifest = import->plan.manifest,
				       .chain = import->chain,
				       .size_bytes = import->size_bytes,
				       .verity = import->verity,
				       .kind = IMAGE_KIND_OCI,
				       .config = import->plan.config,
				       .blobs = import->blobs,
				       .blob_count = import->blob_count };
	_cleanup_free_ void *data = NULL;
	char name[STORE_NAME_MAX];
	size_t len;

	if (import->aci) {
		const struct aci_report *report = import_aci_report(import);

		record.kind = IMAGE_KIND_ACI;
		record.aci_name = report->name;
		record.aci_labels = report->labels;
	}
	if (image_record_encode(&record, &data, &len) < 0)
		return error_set(err, ENOMEM, "cannot write an image record");
	store_record_name(name, &record.manifest);
	return store_publish(import->store, name, data, len, err);
}

/*
 * Whether the store has this manifest's record and image: 1, 0, -1 with err filled. Then nothing is
 * written over them: what stands there was made without the bytes of this source.
 */
static int find_record(struct import *import, struct error *err)
{
	struct image_record record;
	int fd;
	int found = store_open_image(import->store, &import->plan.manifest, &record, &fd, err);

	if (found <= 0)
		return found;
	close(fd);
	if (import->aci)
		found = import_aci_is_same(import, &record, err);
	import->size_bytes = record.size_bytes;
	import->verity = record.verity;
	if (found > 0 && import->aci && record.config_version < IMAGE_CONFIG_VERSION)
		found = publish_record(import, err) < 0 ? -1 : 1;
	image_record_free(&record);
	return found;
}

/* A record whose image is not what it was says that the image is to be made anew. */
static bool has_record(const struct import *import)
{
	char name[STORE_NAME_MAX];

	store_record_name(name, &import->plan.manifest);
	return faccessat(store_dir_fd(import->store), name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int import_make_record(struct import *import, struct error *err)
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
	if ((has_record(import) || !find_image(import)) && build_image(import, err) < 0)
		return -1;
	return publish_record(import, err);
}
