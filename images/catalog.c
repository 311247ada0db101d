/*
 * Reading all records of the store.
 */
#include "images/catalog.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/fields.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

enum { PREFIX_DIGITS_MIN = 6 };

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int store_file_names(const struct store *store, const char *directory, struct string_list *out,
		     struct error *err)
{
	int fd = openat(store_dir_fd(store), directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		cleanup_fd(&fd);
		return error_set(err, errno, "the image store: cannot read %s", directory);
	}
	while ((errno = 0, entry = readdir(dir))) {
		if (entry->d_name[0] != '.' &&
		    string_list_add(out, entry->d_name, strlen(entry->d_name)) < 0)
			return error_set(err, ENOMEM, "cannot read the image store");
	}
	if (errno)
		return error_set(err, errno, "the image store: cannot read %s", directory);
	if (out->count)
		qsort(out->items, out->count, sizeof(*out->items), compare_names);
	return 0;
}

/* Reads a record whole: 1, 0 if it cannot be had, which means that it is missing, -1: no memory. */
static int read_file(const struct store *store, const char *directory, const char *file,
		     char **data, size_t *len, int64_t *time_s)
{
	char name[STORE_NAME_MAX + 256];
	struct error why = ERROR_NONE;
	struct stat st;

	(void)snprintf(name, sizeof(name), "%s/%s", directory, file);
	if (fstatat(store_dir_fd(store), name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	*time_s = st.st_mtim.tv_sec;
	if (io_read_file(store_dir_fd(store), name, FIELDS_SIZE_MAX, data, len, &why) == 0)
		return 1;
	return why.code == ENOMEM ? -1 : 0;
}

static int read_image(const struct store *store, const char *file, struct catalog *out)
{
	struct catalog_image *image = &out->images[out->image_count];
	_cleanup_free_ char *data = NULL;
	char name[STORE_NAME_MAX];
	size_t len;
	int found = read_file(store, STORE_DIR_RECORDS, file, &data, &len, &image->imported_s);

	if (found <= 0 || image_record_decode(&image->record, data, len, NULL) < 0)
		return found;
	store_record_name(name, &image->record.manifest);
	if (strcmp(strchr(name, '/') + 1, file) == 0)
		out->image_count++;
	else
		image_record_free(&image->record);
	return 1;
}

static int read_reference(const struct store *store, const char *file, struct catalog *out)
{
	struct reference_record *record = &out->references[out->reference_count];
	_cleanup_free_ char *data = NULL;
	char name[STORE_NAME_MAX];
	int64_t time_s;
	size_t len;
	int found = read_file(store, STORE_DIR_REFERENCES, file, &data, &len, &time_s);

	if (found <= 0 || reference_record_decode(record, data, len, NULL) < 0)
		return found;
	store_reference_name(name, record->canonical);
	if (strcmp(strchr(name, '/') + 1, file) == 0)
		out->reference_count++;
	else
		reference_record_free(record);
	return 1;
}

static int compare_references(const void *a, const void *b)
{
	const struct reference_record *x = a, *y = b;

	return strcmp(x->canonical, y->canonical);
}

static int read_all(const struct store *store, struct catalog *out, struct string_list *records,
		    struct string_list *references, struct error *err)
{
	if (store_file_names(store, STORE_DIR_RECORDS, records, err) < 0 ||
	    store_file_names(store, STORE_DIR_REFERENCES, references, err) < 0)
		return -1;
	out->images = calloc(records->count + 1, sizeof(*out->images));
	out->references = calloc(references->count + 1, sizeof(*out->references));
	if (!out->images || !out->references)
		return error_set(err, ENOMEM, "cannot read the image store");
	for (size_t i = 0; i < records->count; i++) {
		if (read_image(store, records->items[i], out) < 0)
			return error_set(err, ENOMEM, "cannot read the image store");
	}
	for (size_t i = 0; i < references->count; i++) {
		if (read_reference(store, references->items[i], out) < 0)
			return error_set(err, ENOMEM, "cannot read the image store");
	}
	qsort(out->references, out->reference_count, sizeof(*out->references), compare_references);
	for (size_t i = 0; i < out->reference_count; i++) {
		struct catalog_image *image = catalog_image(out, &out->references[i].manifest);

		if (image)
			image->references++;
	}
	return 0;
}

int catalog_read(const struct store *store, struct catalog *out, struct error *err)
{
	struct string_list records = { 0 }, references = { 0 };
	int result;

	*out = (struct catalog){ 0 };
	result = read_all(store, out, &records, &references, err);
	string_list_free(&records);
	string_list_free(&references);
	return result;
}

void catalog_free(struct catalog *catalog)
{
	for (size_t i = 0; i < catalog->image_count; i++)
		image_record_free(&catalog->images[i].record);
	for (size_t i = 0; i < catalog->reference_count; i++)
		reference_record_free(&catalog->references[i]);
	free(catalog->images);
	free(catalog->references);
	*catalog = (struct catalog){ 0 };
}

struct catalog_image *catalog_image(const struct catalog *catalog, const struct digest *manifest)
{
	for (size_t i = 0; i < catalog->image_count; i++) {
		if (digest_equal(&catalog->images[i].record.manifest, manifest))
			return &catalog->images[i];
	}
	return NULL;
}

static const struct reference_record *find_reference(const struct catalog *catalog,
						     const char *canonical)
{
	for (size_t i = 0; i < catalog->reference_count; i++) {
		if (strcmp(catalog->references[i].canonical, canonical) == 0)
			return &catalog->references[i];
	}
	return NULL;
}

/* Whether the text looks like the beginning of a digest. */
static bool is_prefix(const char *text)
{
	const char *colon = strchr(text, ':');
	const char *digits = colon ? colon + 1 : text;

	if (colon && strncmp(text, "sha256:", 7) && strncmp(text, "sha512:", 7))
		return false;
	return digits[0] && digits[strspn(digits, "0123456789abcdef")] == '\0';
}

static int find_digest(const struct catalog *catalog, const char *text,
		       const struct catalog_image **out, struct error *err)
{
	size_t skip = strchr(text, ':') ? 0 : strlen("sha256:");
	size_t found = 0;

	if (strlen(text) + skip < strlen("sha256:") + PREFIX_DIGITS_MIN)
		return error_set(err, 0, "%s: at least %d digits of a digest are needed", text,
				 PREFIX_DIGITS_MIN);
	for (size_t i = 0; i < catalog->image_count; i++) {
		char digest[DIGEST_TEXT_SIZE];

		digest_format(&catalog->images[i].record.manifest, digest);
		if (strncmp(digest + skip, text, strlen(text)))
			continue;
		*out = &catalog->images[i];
		found++;
	}
	if (found == 1)
		return 0;
	return found ? error_set(err, 0, "%s is the beginning of %zu digests", text, found)
		     : error_set(err, 0, "no image in the store has the digest %s", text);
}

int catalog_find(const struct catalog *catalog, const char *text,
		 const struct catalog_image **image, const struct reference_record **reference,
		 struct error *err)
{
	struct image_reference parsed;
	char canonical[IMAGE_NAME_SIZE];

	*reference = find_reference(catalog, text);
	if (!*reference && is_prefix(text))
		return find_digest(catalog, text, image, err);
	if (!*reference) {
		if (image_reference_parse(&parsed, text, err) < 0)
			return -1;
		if (image_reference_canonical(&parsed, canonical, NULL) == 0)
			*reference = find_reference(catalog, canonical);
	}
	*image = *reference ? catalog_image(catalog, &(*reference)->manifest) : NULL;
	if (!*image)
		return error_set(err, 0, "%s is not in the store; nacelle image list shows what is",
				 text);
	return 0;
}
