/*
 * Collecting what is not needed. First it is decided which records stay; every file of the store
 * that no staying record names may then go.
 */
#include "images/collect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/pins.h"
#include "images/publish.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"

/* What digests name. A dependency's manifest may be one image's name and another's blob. */
enum kind {
	KIND_MANIFEST,
	KIND_CHAIN,
	KIND_BLOB,
	KIND_COUNT,
};

struct digests {
	struct digest *items; /* sorted */
	size_t count;
};

struct collection {
	const struct store *store;
	const struct catalog *catalog;
	bool everything; /* or only what the records that go name */
	bool dry_run;
	struct digests kept[KIND_COUNT]; /* by the records that stay */
	struct digests dropped[KIND_COUNT];
	struct string_list pins; /* images that prepared pods need */
	struct collect_result *result;
};

static int compare_digests(const void *a, const void *b)
{
	const struct digest *x = a, *y = b;

	if (x->algorithm != y->algorithm)
		return x->algorithm < y->algorithm ? -1 : 1;
	return memcmp(x->bytes, y->bytes, sizeof(x->bytes));
}

static bool has_digest(const struct digests *digests, const struct digest *digest)
{
	return digests->count && bsearch(digest, digests->items, digests->count,
					 sizeof(*digests->items), compare_digests);
}

/* Whether something that this digest names can go. */
static bool may_go(const struct collection *run, enum kind kind, const struct digest *digest)
{
	if (has_digest(&run->kept[kind], digest))
		return false;
	return run->everything || has_digest(&run->dropped[kind], digest);
}

/* The digest that a file name of the store begins with. Returns whether there is one. */
static bool name_digest(const char *file, struct digest *out)
{
	char text[DIGEST_TEXT_SIZE];
	size_t len = strlen(file);
	const char *second = strchr(file, '-');

	second = second ? strchr(second + 1, '-') : NULL; /* verdicts have more behind it */
	if (second)
		len = (size_t)(second - file);
	if (len >= sizeof(text))
		return false;
	memcpy(text, file, len);
	text[len] = '\0';
	if (!strchr(text, '-'))
		return false;
	*strchr(text, '-') = ':';
	return digest_parse(out, text, len, NULL) == 0;
}

static void count_bytes(struct collection *run, const char *name)
{
	struct stat st;

	if (fstatat(store_dir_fd(run->store), name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		run->result->freed_bytes += (uint64_t)st.st_blocks * 512;
}

/* Removes one file, which may be gone already. */
static int drop(struct collection *run, const char *name, uint64_t *counter, struct error *err)
{
	uint64_t before = run->result->freed_bytes;

	count_bytes(run, name);
	if (!run->dry_run && unlinkat(store_dir_fd(run->store), name, 0) < 0 && errno != ENOENT) {
		run->result->freed_bytes = before;
		return error_set(err, errno, "the image store: cannot remove %s", name);
	}
	(*counter)++;
	return 0;
}

/* Makes durable what was removed from a directory, so that nothing later can outlive it. */
static int settle(const struct collection *run, const char *directory, struct error *err)
{
	_cleanup_fd_ int fd =
	    openat(store_dir_fd(run->store), directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (run->dry_run)
		return 0;
	if (fd < 0 || fsync(fd) < 0)
		return error_set(err, errno, "the image store: cannot sync %s", directory);
	return 0;
}

/* Opens and locks the image against new pods: the descriptor, or -1 with errno EWOULDBLOCK. */
static int lock_unused(const struct store *store, const char *name)
{
	_cleanup_fd_ int fd =
	    openat(store_dir_fd(store), name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -1;
	return steal_fd(&fd);
}

static bool is_in_use(const struct collection *run, const struct image_record *record)
{
	char name[STORE_NAME_MAX];
	_cleanup_fd_ int fd = -1;

	if (pins_have(&run->pins, &record->manifest))
		return true;
	store_image_name(name, &record->chain);
	fd = lock_unused(run->store, name);
	return fd < 0 && errno == EWOULDBLOCK;
}

static void add_digests(struct digests lists[KIND_COUNT], const struct image_record *record)
{
	lists[KIND_MANIFEST].items[lists[KIND_MANIFEST].count++] = record->manifest;
	lists[KIND_CHAIN].items[lists[KIND_CHAIN].count++] = record->chain;
	for (size_t i = 0; i < record->blob_count; i++)
		lists[KIND_BLOB].items[lists[KIND_BLOB].count++] = record->blobs[i].digest;
}

static int make_lists(struct collection *run, struct error *err)
{
	size_t blobs = 1, images = run->catalog->image_count + 1;

	for (size_t i = 0; i < run->catalog->image_count; i++)
		blobs += run->catalog->images[i].record.blob_count;
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		size_t count = kind == KIND_BLOB ? blobs : images;

		run->kept[kind].items = calloc(count, sizeof(struct digest));
		run->dropped[kind].items = calloc(count, sizeof(struct digest));
		if (!run->kept[kind].items || !run->dropped[kind].items)
			return error_set(err, ENOMEM, "cannot clean the image store");
	}
	return 0;
}

static void sort_lists(struct digests lists[KIND_COUNT])
{
	for (int kind = 0; kind < KIND_COUNT; kind++)
		qsort(lists[kind].items, lists[kind].count, sizeof(*lists[kind].items),
		      compare_digests);
}

static int note(struct string_list *list, const struct digest *manifest, struct error *err)
{
	char text[DIGEST_TEXT_SIZE];

	digest_format(manifest, text);
	if (string_list_add(list, text, strlen(text)) < 0)
		return error_set(err, ENOMEM, "cannot clean the image store");
	return 0;
}

/* Sorts the records into those that stay and those that go. */
static int decide(struct collection *run, const bool *goes, struct error *err)
{
	if (make_lists(run, err) < 0 || pins_read(run->store, &run->pins, err) < 0)
		return -1;
	for (size_t i = 0; i < run->catalog->image_count; i++) {
		const struct image_record *record = &run->catalog->images[i].record;
		bool in_use = goes[i] && is_in_use(run, record);

		if (in_use && note(&run->result->in_use, &record->manifest, err) < 0)
			return -1;
		if (goes[i] && !in_use) {
			add_digests(run->dropped, record);
			if (note(&run->result->images, &record->manifest, err) < 0)
				return -1;
		} else {
			add_digests(run->kept, record);
		}
	}
	sort_lists(run->kept);
	sort_lists(run->dropped);
	return 0;
}

/* Removes the files of a directory whose digests may go; those of images that pods use stay. */
static int drop_files(struct collection *run, const char *directory, enum kind kind,
		      uint64_t *counter, struct error *err)
{
	struct string_list files = { 0 };
	int result = store_file_names(run->store, directory, &files, err);

	for (size_t i = 0; i < files.count && result == 0; i++) {
		char name[STORE_NAME_MAX + 256];
		_cleanup_fd_ int fd = -1;
		struct digest digest;

		(void)snprintf(name, sizeof(name), "%s/%s", directory, files.items[i]);
		if (!name_digest(files.items[i], &digest) || !may_go(run, kind, &digest))
			continue;
		if (kind == KIND_CHAIN) {
			fd = lock_unused(run->store, name);
			if (fd < 0 && (errno == EWOULDBLOCK || errno == ENOENT))
				continue;
			if (fd < 0)
				result =
				    error_set(err, errno, "the image store: cannot open %s", name);
		}
		if (result == 0)
			result = drop(run, name, counter, err);
	}
	string_list_free(&files);
	return result < 0 ? -1 : settle(run, directory, err);
}

/* Damaged records are not in the catalog; what is not there may go like the rest. */
static int drop_references(struct collection *run, struct error *err)
{
	struct string_list files = { 0 };
	int result = store_file_names(run->store, STORE_DIR_REFERENCES, &files, err);

	for (size_t i = 0; i < files.count && result == 0; i++) {
		char name[STORE_NAME_MAX], wanted[STORE_NAME_MAX];
		bool leads = false;

		(void)snprintf(name, sizeof(name), STORE_DIR_REFERENCES "/%.64s", files.items[i]);
		for (size_t j = 0; j < run->catalog->reference_count && !leads; j++) {
			const struct reference_record *record = &run->catalog->references[j];

			store_reference_name(wanted, record->canonical);
			leads = strcmp(name, wanted) == 0 &&
				catalog_image(run->catalog, &record->manifest);
		}
		if (!leads)
			result = drop(run, name, &run->result->references, err);
	}
	string_list_free(&files);
	return result < 0 ? -1 : settle(run, STORE_DIR_REFERENCES, err);
}

/* What processes that died have left, and what interrupted pulls have brought. */
static int drop_temporary(struct collection *run, struct error *err)
{
	struct string_list files = { 0 };
	int result = store_file_names(run->store, STORE_DIR_TMP, &files, err);

	for (size_t i = 0; i < files.count && result == 0; i++) {
		char name[STORE_NAME_MAX + 256];
		_cleanup_fd_ int fd = -1;

		(void)snprintf(name, sizeof(name), STORE_DIR_TMP "/%s", files.items[i]);
		if (!store_is_temporary(files.items[i]))
			continue;
		fd = lock_unused(run->store, name);
		if (fd >= 0)
			result = drop(run, name, &run->result->others, err);
	}
	string_list_free(&files);
	return result;
}

/* From records to blobs. */
static int drop_all(struct collection *run, struct error *err)
{
	struct collect_result *result = run->result;
	uint64_t records = 0;

	if (drop_files(run, STORE_DIR_RECORDS, KIND_MANIFEST, &records, err) < 0 ||
	    drop_files(run, STORE_DIR_VERDICTS, KIND_MANIFEST, &result->others, err) < 0 ||
	    drop_files(run, STORE_DIR_SIGNATURES, KIND_MANIFEST, &result->others, err) < 0 ||
	    drop_files(run, STORE_DIR_EROFS, KIND_CHAIN, &result->erofs, err) < 0)
		return -1;
	return drop_files(run, STORE_DIR_BLOBS, KIND_BLOB, &result->blobs, err);
}

static void release(struct collection *run)
{
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		free(run->kept[kind].items);
		free(run->dropped[kind].items);
	}
	string_list_free(&run->pins);
}

static int collect(struct collection *run, struct error *err)
{
	_cleanup_free_ bool *goes = calloc(run->catalog->image_count + 1, sizeof(*goes));

	if (!goes)
		return error_set(err, ENOMEM, "cannot clean the image store");
	for (size_t i = 0; i < run->catalog->image_count; i++)
		goes[i] = run->catalog->images[i].references == 0;
	if (decide(run, goes, err) < 0 || drop_references(run, err) < 0 || drop_all(run, err) < 0)
		return -1;
	return drop_temporary(run, err);
}

int collect_all(const struct store *store, bool dry_run, struct collect_result *out,
		struct error *err)
{
	struct catalog catalog;
	struct collection run = { .store = store,
				  .catalog = &catalog,
				  .everything = true,
				  .dry_run = dry_run,
				  .result = out };
	int result;

	*out = (struct collect_result){ 0 };
	result = catalog_read(store, &catalog, err);
	if (result == 0)
		result = collect(&run, err);
	release(&run);
	catalog_free(&catalog);
	return result;
}

/* Removes the references; goes says in the end which images have lost their last one. */
static int drop_named(struct collection *run, const bool *references, bool *goes, size_t *left,
		      struct error *err)
{
	const struct catalog *catalog = run->catalog;

	for (size_t i = 0; i < catalog->image_count; i++)
		left[i] = catalog->images[i].references;
	for (size_t i = 0; i < catalog->reference_count; i++) {
		const struct reference_record *record = &catalog->references[i];
		const struct catalog_image *image = catalog_image(catalog, &record->manifest);
		char name[STORE_NAME_MAX];

		if (!references[i])
			continue;
		store_reference_name(name, record->canonical);
		if (drop(run, name, &run->result->references, err) < 0)
			return -1;
		if (image) {
			goes[image - catalog->images] = true;
			left[image - catalog->images]--;
		}
	}
	for (size_t i = 0; i < catalog->image_count; i++)
		goes[i] = goes[i] && left[i] == 0;
	return settle(run, STORE_DIR_REFERENCES, err);
}

int collect_named(const struct store *store, const struct catalog *catalog, const bool *references,
		  const bool *images, struct collect_result *out, struct error *err)
{
	struct collection run = { .store = store, .catalog = catalog, .result = out };
	_cleanup_free_ size_t *left = calloc(catalog->image_count + 1, sizeof(*left));
	_cleanup_free_ bool *goes = calloc(catalog->image_count + 1, sizeof(*goes));
	int result = -1;

	*out = (struct collect_result){ 0 };
	if (!left || !goes)
		return error_set(err, ENOMEM, "cannot clean the image store");
	memcpy(goes, images, catalog->image_count * sizeof(*goes));
	if (drop_named(&run, references, goes, left, err) == 0 && decide(&run, goes, err) == 0)
		result = drop_all(&run, err);
	release(&run);
	return result;
}

void collect_result_free(struct collect_result *result)
{
	string_list_free(&result->images);
	string_list_free(&result->in_use);
	*result = (struct collect_result){ 0 };
}
