/*
 * From an App Container Image to the plan of what to merge: the image, and every image that it
 * depends on, as far as the store has them. Each is read by a confined process of its own.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/import_internal.h"
#include "images/layout.h"
#include "images/message.h"
#include "images/parser_aci.h"
#include "images/worker.h"
#include "vmm/base/cleanup.h"

/* An image that was read, and the file that it is in. */
struct known_image {
	struct aci_report report;
	struct image_blob blob;
};

enum { WHITELISTS_MAX = 4 * 1024 * 1024 }; /* bytes, of all images together */

/* What is kept until the import is over; the first image is the one that is imported. */
struct import_aci {
	struct known_image known[IMAGE_LAYERS_MAX];
	size_t count;
	size_t whitelist_bytes;
	struct aci_graph graph;
};

/* The file is hashed again when it is merged. */
int import_examine_aci(const struct store *store, const struct image_blob *blob,
		       struct aci_report *report, struct error *err)
{
	_cleanup_fd_ int fd = blob_store_open(store, blob, err);
	struct parser_aci parser = { .fd = fd, .size_bytes = blob->size_bytes };
	const struct worker_job job = { .load = digest_load,
					.run = parser_aci,
					.context = &parser,
					.fds = &fd,
					.fd_count = 1 };
	_cleanup_free_ char *data = NULL;
	struct worker worker;
	size_t len;

	if (fd < 0 || worker_start(&worker, &job, err) < 0)
		return -1;
	if (worker_receive(&worker, &data, &len, err) < 0)
		return -1;
	worker_kill(&worker);
	return aci_report_decode(report, data, len, err);
}

static struct known_image *add_known(struct import *import, const struct image_blob *blob,
				     struct error *err)
{
	struct import_aci *aci = import->aci;
	struct known_image *known = &aci->known[aci->count];

	if (aci->count == IMAGE_LAYERS_MAX) {
		(void)error_set(err, 0, "the image consists of more than %d images",
				IMAGE_LAYERS_MAX);
		return NULL;
	}
	known->blob = *blob;
	if (import_examine_aci(import->store, blob, &known->report, err) < 0)
		return NULL;
	aci->count++;
	for (size_t i = 0; i < known->report.whitelist.count; i++)
		aci->whitelist_bytes += strlen(known->report.whitelist.items[i]) + 1;
	if (aci->whitelist_bytes <= WHITELISTS_MAX)
		return known;
	(void)error_set(err, 0, "the whitelists of the images have more than %d bytes",
			WHITELISTS_MAX);
	return NULL;
}

/* A sentence about a dependency, which is called by its name and its id or labels. */
static int refuse(const struct appc_dependency *dependency, const char *why, struct error *err)
{
	char more[256] = "";
	size_t len = 0;

	for (size_t i = 0; i < dependency->labels.count && len < sizeof(more) - 1; i++) {
		(void)snprintf(more + len, sizeof(more) - len, "%s%s", i ? ", " : "",
			       dependency->labels.items[i]);
		len = strlen(more);
	}
	if (dependency->id.algorithm)
		digest_format_with(&dependency->id, '-', more);
	return error_set(err, 0, "it depends on %s%s%s%s, %s", dependency->name,
			 more[0] ? " (" : "", more, more[0] ? ")" : "", why);
}

static bool is_match(const struct appc_dependency *dependency, const struct image_record *record)
{
	return record->kind == IMAGE_KIND_ACI &&
	       aci_satisfies(dependency, &record->manifest, record->aci_name, &record->aci_labels);
}

/* Looks at one file of records/: whether it is an image that the dependency may mean. */
static int try_record(struct import *import, const char *name,
		      const struct appc_dependency *dependency, struct image_record *record,
		      struct error *err)
{
	struct digest id;
	char text[DIGEST_TEXT_SIZE];
	int found;

	if (strlen(name) != DIGEST_TEXT_SIZE - 1 || strncmp(name, "sha512-", 7))
		return 0;
	memcpy(text, name, sizeof(text));
	text[6] = ':';
	if (digest_parse(&id, text, strlen(text), NULL) < 0)
		return 0;
	found = store_find_record(import->store, &id, record, err);
	if (found > 0 && !is_match(dependency, record)) {
		image_record_free(record);
		found = 0;
	}
	return found;
}

/* The one image of the store that has the dependency's name and labels. */
static int search_records(struct import *import, DIR *directory,
			  const struct appc_dependency *dependency, struct image_record *out,
			  struct error *err)
{
	const struct dirent *entry;
	int count = 0, found = 0;

	while (found >= 0 && (entry = readdir(directory))) {
		struct image_record record;

		found = try_record(import, entry->d_name, dependency, &record, err);
		if (found <= 0)
			continue;
		if (count++ == 0) {
			*out = record;
			continue;
		}
		image_record_free(&record);
		found = refuse(dependency,
			       "of which the store has several; its manifest must say which, by "
			       "imageID or labels",
			       err);
	}
	if (found < 0 && count)
		image_record_free(out);
	return found < 0 ? -1 : count;
}

static int find_record(struct import *import, const struct appc_dependency *dependency,
		       struct image_record *out, struct error *err)
{
	_cleanup_dir_ DIR *directory = NULL;
	int fd, found;

	if (dependency->id.algorithm) {
		found = store_find_record(import->store, &dependency->id, out, err);
		if (found <= 0 || is_match(dependency, out))
			return found;
		image_record_free(out);
		return refuse(dependency, "but the image of that id has another name", err);
	}
	fd = openat(store_dir_fd(import->store), STORE_DIR_RECORDS,
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	directory = fd < 0 ? NULL : fdopendir(fd);
	if (!directory) {
		(void)error_set(err, errno, "the image store: cannot read %s", STORE_DIR_RECORDS);
		cleanup_fd(&fd);
		return -1;
	}
	return search_records(import, directory, dependency, out, err);
}

/* Takes the file that a record names, unless it was read before. */
static const struct aci_report *take_record(struct import *import,
					    const struct image_record *record, struct error *err)
{
	struct import_aci *aci = import->aci;
	struct known_image *known;

	for (size_t i = 0; i < aci->count; i++) {
		if (digest_equal(&aci->known[i].blob.digest, &record->blobs[0].digest))
			return &aci->known[i].report;
	}
	known = add_known(import, &record->blobs[0], err);
	if (known && digest_equal(&known->report.id, &record->manifest))
		return &known->report;
	if (known)
		(void)error_set(err, 0, "the record of the image %s in the store is damaged",
				record->aci_name);
	return NULL;
}

static const struct aci_report *find(void *context, const struct appc_dependency *dependency,
				     struct error *err)
{
	struct import *import = context;
	const struct aci_report *report = NULL;
	struct image_record record;
	int found = find_record(import, dependency, &record, err);

	if (found < 0)
		return NULL;
	if (found == 0) {
		(void)refuse(dependency, "which the store does not have; import that image first",
			     err);
		return NULL;
	}
	if (dependency->size_bytes && dependency->size_bytes != record.blobs[0].size_bytes)
		(void)refuse(dependency, "but the file of that image has another size", err);
	else
		report = take_record(import, &record, err);
	if (!report)
		(void)error_prefix(err, "dependency %s", dependency->name);
	image_record_free(&record);
	return report;
}

static size_t index_of(const struct import_aci *aci, size_t node)
{
	const struct known_image *known = aci->known;
	size_t i = 0;

	while (&known[i].report != aci->graph.nodes[node].report)
		i++;
	return i;
}

static void fill_layers(struct import *import)
{
	const struct import_aci *aci = import->aci;

	for (size_t i = 0; i < aci->graph.count; i++) {
		const struct known_image *known = &aci->known[index_of(aci, i)];

		import->plan.layers[i] = (struct image_layer){
			.blob = known->blob.digest,
			.size_bytes = known->blob.size_bytes,
			.diff_id = known->report.id,
			.compression = known->report.compression,
			.format = LAYER_ACI,
			.whitelist = &known->report.whitelist,
			.upper = (size_t)(aci_graph_upper(&aci->graph, (int)i) + 1),
		};
	}
	import->plan.layer_count = aci->graph.count;
}

/* The image's configuration moves to the plan; execution details of others are not looked at. */
static void fill_plan(struct import *import)
{
	struct import_aci *aci = import->aci;
	struct aci_report *report = &aci->known[0].report;

	import->plan.manifest = report->id;
	import->plan.config = report->config;
	report->config = (struct image_config){ 0 };
	strcpy(import->name, report->name);
	for (size_t i = 0; i < aci->count; i++)
		import->blobs[import->blob_count++] = aci->known[i].blob;
	fill_layers(import);
}

int import_read_aci(struct import *import, struct error *err)
{
	const struct known_image *image;

	import->aci = calloc(1, sizeof(*import->aci));
	if (!import->aci)
		return error_set(err, ENOMEM, "cannot import an App Container Image");
	image = add_known(import, &import->document.blob, err);
	if (!image || aci_graph_build(&import->aci->graph, &image->report, find, import, err) < 0)
		return -1;
	fill_plan(import);
	return 0;
}

void import_aci_free(struct import_aci *aci)
{
	for (size_t i = 0; aci && i < aci->count; i++)
		aci_report_free(&aci->known[i].report);
	free(aci);
}

const struct aci_report *import_aci_report(const struct import *import)
{
	return &import->aci->known[0].report;
}

int import_aci_is_same(const struct import *import, const struct image_record *record,
		       struct error *err)
{
	if (record->kind != IMAGE_KIND_ACI ||
	    !digest_equal(&record->blobs[0].digest, &import->blobs[0].digest))
		return error_set(err, 0,
				 "the store has an image with this id from another file; remove "
				 "it first, if it is to be replaced");
	return digest_equal(&record->chain, &import->chain);
}

void import_aci_list_unapplied(const struct import *import, char text[IMPORT_UNAPPLIED_SIZE])
{
	const struct string_list *names;
	size_t len = 0;

	if (!import->aci)
		return;
	names = &import_aci_report(import)->unapplied;
	for (size_t i = 0; i < names->count; i++) {
		const char *name = names->items[i];

		if (len + strlen(name) + sizeof(", and more") > IMPORT_UNAPPLIED_SIZE) {
			(void)strcpy(text + len, " and more");
			return;
		}
		len += (size_t)sprintf(text + len, "%s%s", i ? ", " : "", name);
	}
}
