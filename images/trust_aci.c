/*
 * Dependencies of App Container Images, by their records in the store.
 */
#include "images/trust_aci.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/blob_store.h"
#include "vmm/base/cleanup.h"

struct trust_dependency {
	struct digest manifest;
	struct signature_list signatures;
	char *name;
	int fd;
};

void trust_dependencies_free(struct trust_dependencies *dependencies)
{
	for (size_t i = 0; i < dependencies->count; i++) {
		signature_list_free(&dependencies->details[i].signatures);
		free(dependencies->details[i].name);
		cleanup_fd(&dependencies->details[i].fd);
	}
	free(dependencies->details);
	free(dependencies->subjects);
	*dependencies = (struct trust_dependencies){ .count = 0 };
}

/* Fills the dependency whose file the record is about. */
static int take(const struct store *store, struct trust_dependencies *out,
		const struct image_blob *blobs, struct image_record *record, struct error *err)
{
	for (size_t i = 0; i < out->count; i++) {
		struct trust_dependency *details = &out->details[i];

		if (details->name || !digest_equal(&blobs[i].digest, &record->blobs[0].digest))
			continue;
		details->name = steal_ptr(record->aci_name);
		details->manifest = record->manifest;
		details->fd = blob_store_open(store, &blobs[i], err);
		if (details->fd < 0 ||
		    trust_signatures_read(store, &details->manifest, &details->signatures, err) < 0)
			return -1;
		out->subjects[i] = (struct trust_subject){ .name = details->name,
							   .manifest = &details->manifest,
							   .signatures = &details->signatures,
							   .is_aci = true,
							   .aci_fd = details->fd,
							   .aci_digest = &blobs[i].digest };
		return 0;
	}
	return 0;
}

static int read_records(const struct store *store, DIR *directory, const struct image_blob *blobs,
			struct trust_dependencies *out, struct error *err)
{
	const struct dirent *entry;
	int result = 0;

	while (result >= 0 && (entry = readdir(directory))) {
		char text[DIGEST_TEXT_SIZE];
		struct image_record record;
		struct digest id;

		if (strlen(entry->d_name) != sizeof(text) - 1)
			continue;
		memcpy(text, entry->d_name, sizeof(text));
		text[strcspn(text, "-")] = ':';
		if (digest_parse(&id, text, strlen(text), NULL) < 0)
			continue;
		result = store_find_record(store, &id, &record, err);
		if (result <= 0)
			continue;
		if (record.kind == IMAGE_KIND_ACI && record.aci_name)
			result = take(store, out, blobs, &record, err);
		image_record_free(&record);
	}
	return result < 0 ? -1 : 0;
}

static int check_all(const struct trust_dependencies *found, const struct image_blob *blobs,
		     struct error *err)
{
	char text[DIGEST_TEXT_SIZE];

	for (size_t i = 0; i < found->count; i++) {
		if (found->details[i].name)
			continue;
		digest_format(&blobs[i].digest, text);
		return error_set(err, 0,
				 "it consists of another image (the file %s), of which the "
				 "store has no record: import that one again",
				 text);
	}
	return 0;
}

int trust_dependencies_read(const struct store *store, const struct image_blob *blobs, size_t count,
			    struct trust_dependencies *out, struct error *err)
{
	_cleanup_dir_ DIR *directory = NULL;
	int fd;

	*out = (struct trust_dependencies){ .subjects = calloc(count + 1, sizeof(*out->subjects)),
					    .details = calloc(count + 1, sizeof(*out->details)) };
	if (!out->subjects || !out->details) {
		trust_dependencies_free(out);
		return error_set(err, ENOMEM, "cannot decide about an image");
	}
	for (out->count = 0; out->count < count; out->count++)
		out->details[out->count].fd = -1;
	if (!count)
		return 0;
	fd = openat(store_dir_fd(store), STORE_DIR_RECORDS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	directory = fd < 0 ? NULL : fdopendir(fd);
	if (!directory) {
		(void)error_set(err, errno, "the image store: cannot read %s", STORE_DIR_RECORDS);
		cleanup_fd(&fd);
	} else if (read_records(store, directory, blobs, out, err) == 0 &&
		   check_all(out, blobs, err) == 0) {
		return 0;
	}
	trust_dependencies_free(out);
	return -1;
}
