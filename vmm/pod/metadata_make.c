/*
 * What a pod's metadata service tells. Manifests are read by confined processes; their text goes on
 * as it is.
 */
#include "vmm/pod/metadata_make.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest-init/metadata_protocol.h"
#include "images/image_manifest.h"
#include "images/limits.h"
#include "images/pod_manifest.h"
#include "images/pod_manifest_convert.h"
#include "images/store.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/base/json_writer.h"
#include "vmm/pod/manifest.h"

struct maker {
	const struct metadata_places *places;
	struct store *store; /* unless there are app_roots */
	FILE *out;
};

/* "pod/NAME", or "apps/APP/NAME". */
static int put(struct maker *maker, enum metadata_kind kind, const char *app, const char *name,
	       const char *body, size_t len, struct error *err)
{
	_cleanup_free_ char *path = NULL;
	int n = app ? asprintf(&path, "apps/%s/%s", app, name) : asprintf(&path, "pod/%s", name);
	struct metadata_entry entry = { .kind = le32_make(kind) };

	if (n < 0) {
		path = NULL;
		return error_set(err, ENOMEM, "cannot gather the pod's metadata");
	}
	entry.name_len = le32_make((uint32_t)n);
	entry.body_len = le32_make((uint32_t)len);
	if (fwrite(&entry, sizeof(entry), 1, maker->out) != 1 || fputs(path, maker->out) == EOF ||
	    (len && fwrite(body, len, 1, maker->out) != 1))
		return error_set(err, errno, "cannot gather the pod's metadata");
	return 0;
}

static const char *find(const struct string_list *pairs, const char *name)
{
	for (size_t i = 0; i < pairs->count; i += 2)
		if (strcmp(pairs->items[i], name) == 0)
			return pairs->items[i + 1];
	return NULL;
}

static void put_pair(struct json_writer *json, const char *name, const char *value)
{
	json_open(json, NULL, '{');
	json_put_text(json, "name", name);
	json_put_text(json, "value", value);
	json_close(json, '}');
}

/* Those of the image, with the values of the app where it has some, and then the app's others. */
static int put_annotations(struct maker *maker, const char *app, const struct string_list *image,
			   const struct string_list *own, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	struct json_writer json;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return error_set(err, ENOMEM, "cannot gather the pod's metadata");
	json_begin(&json, out);
	json_open(&json, NULL, '[');
	for (size_t i = 0; i < image->count; i += 2) {
		const char *value = find(own, image->items[i]);

		put_pair(&json, image->items[i], value ? value : image->items[i + 1]);
	}
	for (size_t i = 0; i < own->count; i += 2)
		if (!find(image, own->items[i]))
			put_pair(&json, own->items[i], own->items[i + 1]);
	json_close(&json, ']');
	json_end(&json);
	if (fclose(out) != 0)
		return error_set(err, ENOMEM, "cannot gather the pod's metadata");
	return put(maker, METADATA_JSON, app, "annotations", text, len, err);
}

/* Returns 1 with *out filled, 0 if the image has no such manifest, -1. */
static int find_manifest(const struct maker *maker, const struct manifest_app *app,
			 struct image_manifest *out, struct error *err)
{
	_cleanup_free_ char *text = app->image_id ? strdup(app->image_id) : NULL;
	struct image_record record;
	struct digest id;
	int found;

	if (maker->places->app_roots) {
		_cleanup_fd_ int fd = manifest_open_section(app, maker->places->app_roots, err);

		return fd < 0 || image_manifest_read(out, fd, err) < 0 ? -1 : 1;
	}
	if (!text)
		return 0;
	text[strcspn(text, "-")] = ':';
	if (digest_parse(&id, text, strlen(text), err) < 0)
		return -1;
	found = store_find_record(maker->store, &id, &record, err);
	if (found <= 0)
		return found < 0 ? -1 : error_set(err, 0, "the store has no image %s", text);
	found = record.kind != IMAGE_KIND_ACI				    ? 0
		: image_manifest_find(out, maker->store, &record, err) == 0 ? 1
									    : -1;
	image_record_free(&record);
	return found;
}

static int put_app(struct maker *maker, const struct manifest_app *app, struct error *err)
{
	struct image_manifest image = { .text = NULL };
	int result = find_manifest(maker, app, &image, err);

	if (result >= 0 &&
	    put_annotations(maker, app->name, &image.annotations, &app->annotations, err) < 0)
		result = -1;
	if (result >= 0 && app->image_id &&
	    put(maker, METADATA_TEXT, app->name, "image/id", app->image_id, strlen(app->image_id),
		err) < 0)
		result = -1;
	if (result > 0 &&
	    put(maker, METADATA_JSON, app->name, "image/manifest", image.text, image.len, err) < 0)
		result = -1;
	image_manifest_free(&image);
	return result < 0 ? error_prefix(err, "the app %s", app->name) : 0;
}

static int put_pod(struct maker *maker, const struct pod_manifest *manifest, const char *text,
		   size_t len, struct error *err)
{
	static const struct string_list none;
	static const char null[] = "null";

	if (put(maker, METADATA_JSON, NULL, "manifest", text, len, err) < 0)
		return -1;
	/* As rkt's service said it, whose readers compare it with the manifest's own null. */
	if (!manifest->annotations.count
		? put(maker, METADATA_JSON, NULL, "annotations", null, strlen(null), err) < 0
		: put_annotations(maker, NULL, &none, &manifest->annotations, err) < 0)
		return -1;
	for (size_t i = 0; i < manifest->app_count; i++)
		if (put_app(maker, &manifest->apps[i], err) < 0)
			return -1;
	return 0;
}

static int read_manifest(int fd, struct pod_manifest *manifest, char *text, size_t *len,
			 struct error *err)
{
	_cleanup_free_ void *fields = NULL;
	size_t fields_len;
	ssize_t n = io_pread_full(fd, text, IMAGE_DOCUMENT_MAX, 0);

	if (n < 0)
		return error_set(err, errno, "cannot read the pod manifest");
	*len = (size_t)n;
	if (pod_manifest_convert(fd, &fields, &fields_len, err) < 0)
		return error_prefix(err, "the pod manifest");
	return pod_manifest_decode(manifest, fields, fields_len, err);
}

int metadata_make(const struct metadata_places *places, int manifest_fd, FILE *out,
		  struct error *err)
{
	_cleanup_free_ char *text = malloc(IMAGE_DOCUMENT_MAX);
	struct maker maker = { .places = places, .out = out };
	struct pod_manifest manifest;
	size_t len = 0;
	int result;

	if (!text)
		return error_set(err, ENOMEM, "cannot read the pod manifest");
	if (read_manifest(manifest_fd, &manifest, text, &len, err) < 0)
		return -1;
	result = places->app_roots ? 0 : store_open(&maker.store, places->root, err);
	if (result == 0)
		result = put_pod(&maker, &manifest, text, len, err);
	if (maker.store)
		store_close(maker.store);
	pod_manifest_free(&manifest);
	return result;
}
