/*
 * Kept verdicts. The record lies in the store, which is the caller's; it is still read as if it
 * were damaged, and a damaged one counts as none.
 */
#include "images/verdict.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "images/fields.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

static const char magic[FIELDS_MAGIC_LEN + 1] = "nacelle vdict 1\n";

/* On the wire, in this order. */
struct wire_identity {
	le64 device, inode, mode, uid, mtime_ns, ctime_ns;
};

void verdict_record_name(char out[STORE_NAME_MAX], const char *name, const struct digest *manifest)
{
	uint64_t hash = 0xcbf29ce484222325; /* FNV-1a; the record holds the name in full */
	char text[DIGEST_TEXT_SIZE];

	for (const char *at = name; *at; at++)
		hash = (hash ^ (uint8_t)*at) * 0x100000001b3;
	digest_format_with(manifest, '-', text);
	(void)snprintf(out, STORE_NAME_MAX, STORE_DIR_VERDICTS "/%s-%016" PRIx64, text, hash);
}

static bool path_is(const char *path, const struct policy_place *place, const char *name)
{
	size_t len = strlen(place->directory);

	return !strncmp(path, place->directory, len) && path[len] == '/' &&
	       !strcmp(path + len + 1, name);
}

bool verdict_has(const struct verdict *verdict, const struct policy_place *place, const char *name)
{
	for (size_t i = 0; i < verdict->file_count; i++) {
		if (path_is(verdict->files[i].path, place, name))
			return true;
	}
	return false;
}

int verdict_add(struct verdict *verdict, const struct policy_place *place, const char *name,
		struct policy_file *file)
{
	char *path = NULL;

	if (verdict->file_count == VERDICT_FILES_MAX) {
		verdict->is_incomplete = true;
		policy_file_free(file);
		return 0;
	}
	if (asprintf(&path, "%s/%s", place->directory, name) < 0) {
		policy_file_free(file);
		return -1;
	}
	verdict->files[verdict->file_count++] =
	    (struct verdict_file){ .path = path, .file = *file };
	*file = (struct policy_file){ 0 };
	return 0;
}

void verdict_free(struct verdict *verdict)
{
	for (size_t i = 0; i < verdict->file_count; i++) {
		free(verdict->files[i].path);
		policy_file_free(&verdict->files[i].file);
	}
	free(verdict->name);
	*verdict = (struct verdict){ 0 };
}

int verdict_encode(const struct verdict *verdict, void **data, size_t *len)
{
	struct field_writer w;

	fields_begin(&w, magic);
	fields_put_text(&w, FIELD_VERDICT_NAME, verdict->name);
	fields_put_digest(&w, FIELD_MANIFEST, &verdict->manifest);
	fields_put_u64(&w, FIELD_VERDICT_MADE, verdict->made_s);
	fields_put_u64(&w, FIELD_VERDICT_EXPIRES, verdict->expires_s);
	for (size_t i = 0; i < verdict->file_count; i++) {
		const struct verdict_file *f = &verdict->files[i];
		const struct policy_identity *id = &f->file.identity;
		const struct wire_identity wire = {
			le64_make(id->device), le64_make(id->inode),	le64_make(id->mode),
			le64_make(id->uid),    le64_make(id->mtime_ns), le64_make(id->ctime_ns),
		};

		fields_put_text(&w, FIELD_VERDICT_PATH, f->path);
		fields_put(&w, FIELD_VERDICT_IDENTITY, &wire, sizeof(wire));
		fields_put(&w, FIELD_VERDICT_BYTES, f->file.data, f->file.len);
	}
	return fields_finish(&w, data, len);
}

static int take_bytes(struct verdict *verdict, const struct field *field)
{
	struct verdict_file *f = &verdict->files[verdict->file_count];

	if (!f->path || !f->file.identity.mode)
		return -1;
	f->file.data = malloc(field->len + 1);
	if (!f->file.data)
		return -1;
	memcpy(f->file.data, field->data, field->len);
	f->file.data[field->len] = '\0';
	f->file.len = field->len;
	verdict->file_count++;
	return 0;
}

static int take_identity(struct policy_identity *out, const struct field *field)
{
	struct wire_identity wire;

	if (field->len != sizeof(wire))
		return -1;
	memcpy(&wire, field->data, sizeof(wire));
	*out = (struct policy_identity){ .device = le64_get(wire.device),
					 .inode = le64_get(wire.inode),
					 .mode = le64_get(wire.mode),
					 .uid = le64_get(wire.uid),
					 .mtime_ns = le64_get(wire.mtime_ns),
					 .ctime_ns = le64_get(wire.ctime_ns) };
	return 0;
}

static int take_field(struct verdict *verdict, const struct field *field)
{
	bool is_file = field->tag == FIELD_VERDICT_PATH || field->tag == FIELD_VERDICT_IDENTITY ||
		       field->tag == FIELD_VERDICT_BYTES;
	struct verdict_file *f = &verdict->files[verdict->file_count];

	if (is_file && verdict->file_count == VERDICT_FILES_MAX)
		return -1;
	switch (field->tag) {
	case FIELD_VERDICT_NAME:
		return field_take_text(field, &verdict->name);
	case FIELD_MANIFEST:
		return field_take_digest(field, &verdict->manifest);
	case FIELD_VERDICT_MADE:
		return field_take_u64(field, INT64_MAX, &verdict->made_s);
	case FIELD_VERDICT_EXPIRES:
		return field_take_u64(field, INT64_MAX, &verdict->expires_s);
	case FIELD_VERDICT_PATH:
		return field_take_text(field, &f->path);
	case FIELD_VERDICT_IDENTITY:
		return take_identity(&f->file.identity, field);
	case FIELD_VERDICT_BYTES:
		return take_bytes(verdict, field);
	default:
		return 0;
	}
}

int verdict_decode(struct verdict *verdict, const void *data, size_t len)
{
	struct cursor c;
	struct field field;
	int more = fields_open(&c, data, len, magic) ? 1 : -1;

	*verdict = (struct verdict){ 0 };
	while (more > 0) {
		more = fields_next(&c, &field);
		if (more > 0 && take_field(verdict, &field) < 0)
			more = -1;
	}
	if (verdict->file_count < VERDICT_FILES_MAX) {
		free(verdict->files[verdict->file_count].path); /* of a file that was cut off */
		verdict->files[verdict->file_count].path = NULL;
	}
	if (more == 0 && verdict->name && verdict->manifest.algorithm && verdict->file_count)
		return 0;
	verdict_free(verdict);
	return -1;
}

/* The name of a kept file in its place; NULL if it is of none of them. */
static const char *name_in(const struct verdict_file *kept, const struct policy_place *places,
			   size_t count, const struct policy_place **place)
{
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(places[i].directory);

		*place = &places[i];
		if (!strncmp(kept->path, places[i].directory, len) && kept->path[len] == '/')
			return kept->path + len + 1;
	}
	return NULL;
}

/* Whether a kept file is as it was: 1, 0, -1 with err filled. */
static int is_unchanged(const struct verdict_file *kept, const struct policy_place *places,
			size_t count, struct error *err)
{
	const struct policy_place *place = NULL;
	const char *name = name_in(kept, places, count, &place);
	struct policy_file now = { 0 };
	int found;

	if (!name)
		return 0;
	found = policy_place_read(place, name, POLICY_SIZE_MAX, &now, err);
	if (found > 0)
		found = policy_file_equal(&kept->file, &now);
	policy_file_free(&now);
	return found;
}

/* Whether the verdict still holds, for places of which exists[] says which have a policy. */
static int holds(const struct verdict *verdict, const struct policy_place *places,
		 const bool *exists, size_t count, struct error *err)
{
	for (size_t i = 0; i < verdict->file_count; i++) {
		int same = is_unchanged(&verdict->files[i], places, count, err);

		if (same <= 0)
			return same;
	}
	/* A policy that has appeared since then was never asked. */
	for (size_t i = 0; i < count; i++) {
		if (exists[i] && !verdict_has(verdict, &places[i], POLICY_FILE_NAME))
			return 0;
	}
	return 1;
}

static int find_policies(const struct policy_place *places, size_t count,
			 bool exists[POLICY_PLACES_MAX], struct error *err)
{
	int any = 0;

	for (size_t i = 0; i < count; i++) {
		struct policy_file file = { 0 };
		int found =
		    policy_place_read(&places[i], POLICY_FILE_NAME, POLICY_SIZE_MAX, &file, err);

		policy_file_free(&file);
		if (found < 0)
			return -1;
		exists[i] = found;
		any |= found;
	}
	return any;
}

int policy_exists(struct error *err)
{
	struct policy_place places[POLICY_PLACES_MAX];
	bool exists[POLICY_PLACES_MAX];

	return find_policies(places, policy_places(places), exists, err);
}

bool store_is_default(const struct store *store)
{
	struct stat here, there;

	if (geteuid() != 0)
		return true;
	return fstat(store_dir_fd(store), &here) == 0 &&
	       stat(STORE_SYSTEM_ROOT "/" STORE_DIR, &there) == 0 && here.st_dev == there.st_dev &&
	       here.st_ino == there.st_ino;
}

/* The kept verdict: 1, 0 if there is none that can be read. */
static int read_verdict(const struct store *store, const char *name, const struct digest *manifest,
			struct verdict *out)
{
	_cleanup_free_ char *data = NULL;
	char record[STORE_NAME_MAX];
	size_t len;

	verdict_record_name(record, name, manifest);
	if (io_read_file(store_dir_fd(store), record, FIELDS_SIZE_MAX, &data, &len, NULL) < 0)
		return 0;
	return verdict_decode(out, data, len) == 0;
}

int verdict_find_at(const struct store *store, const struct policy_place *places, size_t count,
		    const char *name, const struct digest *manifest, uint64_t now_s,
		    struct error *err)
{
	bool exists[POLICY_PLACES_MAX];
	int found = find_policies(places, count, exists, err);
	struct verdict verdict;

	if (found <= 0)
		return found < 0 ? -1 : 1;
	if (!read_verdict(store, name, manifest, &verdict))
		return 0;
	found = 0;
	/* A clock before the verdict's own time would make expired keys good again. */
	if (!strcmp(verdict.name, name) && digest_equal(&verdict.manifest, manifest) &&
	    now_s >= verdict.made_s && (!verdict.expires_s || now_s < verdict.expires_s))
		found = holds(&verdict, places, exists, count, err);
	verdict_free(&verdict);
	return found;
}

int verdict_find(const struct store *store, const char *name, const struct digest *manifest,
		 struct error *err)
{
	struct policy_place places[POLICY_PLACES_MAX];
	size_t count = policy_places(places);
	time_t now = time(NULL);

	if (!store_is_default(store)) {
		int any = policy_exists(err);

		return any < 0 ? -1 : !any;
	}
	return verdict_find_at(store, places, count, name, manifest, now > 0 ? (uint64_t)now : 0,
			       err);
}
