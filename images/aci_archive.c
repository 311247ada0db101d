/*
 * Names of an App Container Image, and the first pass over its archive.
 */
#include "images/aci_archive.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "images/layer.h"
#include "vmm/base/cleanup.h"

#define ROOT	 "rootfs"
#define ROOT_LEN (sizeof(ROOT) - 1)

static bool is_below_root(const char *path)
{
	return !strncmp(path, ROOT, ROOT_LEN) && path[ROOT_LEN] == '/';
}

static int classify_entry(char *path, struct error *err)
{
	const char *last = strrchr(path, '/') + 1;

	if (!strncmp(last, ".wh.", 4))
		return error_set(err, 0, "App Container Images have no whiteouts");
	memmove(path, path + ROOT_LEN + 1, strlen(path + ROOT_LEN + 1) + 1);
	return 0;
}

int aci_classify(const struct tar_entry *entry, enum aci_member *member, char *path,
		 struct error *err)
{
	if (layer_clean_name(path, entry->name, err) < 0)
		return -1;
	if (is_below_root(path)) {
		*member = ACI_ENTRY;
		return classify_entry(path, err);
	}
	if (!path[0] || !strcmp(path, ROOT)) {
		if (entry->type != TAR_DIRECTORY)
			return error_set(err, 0, "it must be a directory");
		*member = path[0] ? ACI_ROOT : ACI_TOP;
	} else if (!strcmp(path, "manifest")) {
		if (entry->type != TAR_FILE)
			return error_set(err, 0, "the manifest must be a regular file");
		if (entry->size_bytes > IMAGE_DOCUMENT_MAX)
			return error_set(err, 0, "the manifest has more than %d bytes",
					 IMAGE_DOCUMENT_MAX);
		*member = ACI_MANIFEST;
	} else {
		return error_set(err, 0,
				 "an App Container Image has only manifest and rootfs in it");
	}
	path[0] = '\0';
	return 0;
}

int aci_clean_target(const char *target, char *path, struct error *err)
{
	if (layer_clean_name(path, target, err) < 0)
		return -1;
	if (!is_below_root(path))
		return error_set(err, 0, "it is not below rootfs");
	memmove(path, path + ROOT_LEN + 1, strlen(path + ROOT_LEN + 1) + 1);
	return 0;
}

/* What the first pass has found. */
struct archive {
	struct tar *tar;
	char *manifest;
	size_t len;
	bool has_root;
	bool is_known; /* the manifest is all that is asked for */
};

static int take_manifest(struct archive *archive, const struct tar_entry *entry, struct error *err)
{
	uint64_t offset;
	const uint8_t *data;
	size_t len;
	int more;

	if (archive->manifest)
		return error_set(err, 0, "it is there twice");
	archive->manifest = calloc(1, (size_t)entry->size_bytes + 1);
	if (!archive->manifest)
		return error_set(err, ENOMEM, "cannot read the manifest");
	archive->len = (size_t)entry->size_bytes;
	while ((more = tar_data(archive->tar, &data, &len, &offset, err)) > 0)
		memcpy(archive->manifest + offset, data, len);
	return more;
}

static int take_entry(struct archive *archive, const struct tar_entry *entry, struct error *err)
{
	char path[IMAGE_PATH_MAX + 1];
	enum aci_member member;

	if (aci_classify(entry, &member, path, err) < 0)
		return -1;
	if (member == ACI_MANIFEST)
		return take_manifest(archive, entry, err);
	archive->has_root = archive->has_root || member == ACI_ROOT || member == ACI_ENTRY;
	return 0;
}

static int read_entries(struct archive *archive, struct error *err)
{
	struct tar_entry entry;
	unsigned entries = 0;
	int more = 0;

	while (!(archive->is_known && archive->manifest) &&
	       (more = tar_next(archive->tar, &entry, err)) > 0) {
		if (++entries > IMAGE_LAYER_ENTRIES_MAX)
			return error_set(err, 0, "the archive has more than %d entries",
					 IMAGE_LAYER_ENTRIES_MAX);
		if (take_entry(archive, &entry, err) < 0)
			return error_prefix(err, "%.256s", entry.name);
	}
	if (more < 0)
		return -1;
	if (!archive->manifest)
		return error_set(err, 0, "the archive has no manifest");
	return archive->has_root || archive->is_known
		   ? 0
		   : error_set(err, 0, "the archive has no rootfs");
}

static int read_manifest(struct stream *stream, bool is_known, char **manifest, size_t *len,
			 struct error *err)
{
	struct archive archive = { .is_known = is_known };
	int result;

	if (tar_open(&archive.tar, stream, err) < 0)
		return -1;
	result = read_entries(&archive, err);
	tar_close(archive.tar);
	if (result < 0) {
		free(archive.manifest);
		return -1;
	}
	*manifest = archive.manifest;
	*len = archive.len;
	return 0;
}

int aci_read_manifest(struct stream *stream, char **manifest, size_t *len, struct error *err)
{
	return read_manifest(stream, false, manifest, len, err);
}

int aci_find_manifest(struct stream *stream, char **manifest, size_t *len, struct error *err)
{
	return read_manifest(stream, true, manifest, len, err);
}
