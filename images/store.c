/*
 * The reader of the store. It opens nothing through a symbolic link inside the store and believes
 * no record that it has not checked; a damaged one counts as missing, so that an import repairs it.
 */
#include "images/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/fields.h"
#include "images/layout.h"
#include "images/record.h"
#include "images/verity.h"
#include "images/witness.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

struct store {
	int dir_fd;
};

int store_default_root(char **out, struct error *err)
{
	const char *data = getenv("XDG_DATA_HOME");
	const char *home = getenv("HOME");
	char *root = NULL;
	int n;

	if (geteuid() == 0)
		n = asprintf(&root, STORE_SYSTEM_ROOT);
	else if (data && data[0] == '/')
		n = asprintf(&root, "%s/nacelle", data);
	else if (home && home[0] == '/')
		n = asprintf(&root, "%s/.local/share/nacelle", home);
	else
		return error_set(err, 0, "no place for the image store: HOME is not set");
	if (n < 0)
		return error_set(err, ENOMEM, "no place for the image store");
	*out = root;
	return 0;
}

/* Creates the directory and its missing parents, for the user alone. */
static int make_directories(const char *path, struct error *err)
{
	_cleanup_free_ char *part = strdup(path);

	if (!part)
		return error_set(err, ENOMEM, "cannot create %s", path);
	for (char *at = part + 1;; at++) {
		char c = *at;

		if (c && c != '/')
			continue;
		*at = '\0';
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			return error_set(err, errno, "cannot create the store's directory %s",
					 part);
		*at = c;
		if (!c)
			return 0;
	}
}

/* A store that others can write could hold anything under the name of a verified image. */
static int check_directory(int fd, const char *path, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_set(err, errno, "cannot stat %s", path);
	if (st.st_uid != geteuid())
		return error_set(err, 0, "%s belongs to user %u, not to the caller", path,
				 st.st_uid);
	if (st.st_mode & 022)
		return error_set(err, 0, "%s is writable by others: chmod go-w it", path);
	return 0;
}

/*
 * Makes a directory of the store, or checks the one that is there: somebody else may have made it
 * while the store was open to others.
 */
static int open_part(int dir_fd, const char *path, const char *part, struct error *err)
{
	struct stat st;

	if (mkdirat(dir_fd, part, 0700) < 0 && errno != EEXIST)
		return error_set(err, errno, "cannot create %s/%s", path, part);
	if (fstatat(dir_fd, part, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set(err, errno, "cannot stat %s/%s", path, part);
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 022)
		return error_set(err, 0,
				 "%s/%s is not a directory that the caller alone can write: remove "
				 "it, and import again",
				 path, part);
	return 0;
}

static int open_directories(int *dir_fd, const char *root, struct error *err)
{
	static const char *const parts[] = {
		STORE_DIR_BLOBS,      STORE_DIR_EROFS,	  STORE_DIR_RECORDS, STORE_DIR_REFERENCES,
		STORE_DIR_SIGNATURES, STORE_DIR_VERDICTS, STORE_DIR_TMP,
	};
	_cleanup_free_ char *path = NULL;
	_cleanup_fd_ int fd = -1;

	if (asprintf(&path, "%s/" STORE_DIR, root) < 0) {
		path = NULL;
		return error_set(err, ENOMEM, "cannot open the store %s", root);
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		if (make_directories(path, err) < 0)
			return -1;
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		return error_set(err, errno, "cannot open the store %s", path);
	if (check_directory(fd, path, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (open_part(fd, path, parts[i], err) < 0)
			return -1;
	}
	*dir_fd = steal_fd(&fd);
	return 0;
}

int store_open(struct store **out, const char *root, struct error *err)
{
	_cleanup_free_ char *default_root = NULL;
	_cleanup_free_ struct store *store = malloc(sizeof(*store));

	if (!store)
		return error_set(err, ENOMEM, "cannot open the image store");
	if (!root) {
		if (store_default_root(&default_root, err) < 0)
			return -1;
		root = default_root;
	}
	if (open_directories(&store->dir_fd, root, err) < 0)
		return -1;
	*out = steal_ptr(store);
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	close(store->dir_fd);
	free(store);
}

int store_dir_fd(const struct store *store)
{
	return store->dir_fd;
}

void store_image_name(char name[STORE_NAME_MAX], const struct digest *chain)
{
	char text[DIGEST_TEXT_SIZE];

	digest_format_with(chain, '-', text);
	(void)snprintf(name, STORE_NAME_MAX, STORE_DIR_EROFS "/%s", text);
}

void store_record_name(char name[STORE_NAME_MAX], const struct digest *manifest)
{
	char text[DIGEST_TEXT_SIZE];

	digest_format_with(manifest, '-', text);
	(void)snprintf(name, STORE_NAME_MAX, STORE_DIR_RECORDS "/%s", text);
}

void store_blob_name(char name[STORE_NAME_MAX], const struct digest *digest)
{
	char text[DIGEST_TEXT_SIZE];

	digest_format_with(digest, '-', text);
	(void)snprintf(name, STORE_NAME_MAX, STORE_DIR_BLOBS "/%s", text);
}

/*
 * FNV-1a. It only spreads: the record holds the whole text and is compared with it, so two
 * references with one name cost an import each time and never mix.
 */
void store_reference_name(char name[STORE_NAME_MAX], const char *canonical)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (const char *at = canonical; *at; at++)
		hash = (hash ^ (uint8_t)*at) * 0x100000001b3;
	(void)snprintf(name, STORE_NAME_MAX, STORE_DIR_REFERENCES "/%016" PRIx64, hash);
}

/* Reads a file of the store: 1, 0 if it is not there, -1 with err filled. */
static int read_record(const struct store *store, const char *name, char **data, size_t *len,
		       struct error *err)
{
	struct error why = ERROR_NONE;

	if (io_read_file(store->dir_fd, name, FIELDS_SIZE_MAX, data, len, &why) == 0)
		return 1;
	if (why.code == ENOENT)
		return 0;
	return error_set(err, 0, "the image store: %s", why.text);
}

/* Whether the kernel guards the very bytes that were published, if it did then. */
static bool is_measured(int fd, const struct digest *verity)
{
	struct digest now;

	if (!verity->algorithm)
		return true;
	verity_measure(fd, &now);
	return digest_equal(&now, verity);
}

/* Opens and locks an image of this record: the descriptor, -1 if it is not there or on its way out.
 */
static int open_locked(const struct store *store, const char *name,
		       const struct image_record *record)
{
	_cleanup_fd_ int fd = openat(store->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB) < 0 || fstat(fd, &st) < 0)
		return -1;
	if (S_ISREG(st.st_mode) && st.st_nlink > 0 && (uint64_t)st.st_size == record->size_bytes &&
	    is_measured(fd, &record->verity))
		return steal_fd(&fd);
	errno = ENOENT;
	return -1;
}

int store_find_record(const struct store *store, const struct digest *manifest,
		      struct image_record *record, struct error *err)
{
	_cleanup_free_ char *data = NULL;
	char name[STORE_NAME_MAX];
	size_t len;
	int found;

	store_record_name(name, manifest);
	found = read_record(store, name, &data, &len, err);
	if (found <= 0)
		return found;
	if (image_record_decode(record, data, len, NULL) < 0)
		return 0;
	if (digest_equal(&record->manifest, manifest))
		return 1;
	image_record_free(record);
	return 0;
}

int store_open_image(const struct store *store, const struct digest *manifest,
		     struct image_record *record, int *image_fd, struct error *err)
{
	char name[STORE_NAME_MAX];
	int found = store_find_record(store, manifest, record, err);

	if (found <= 0)
		return found;
	store_image_name(name, &record->chain);
	*image_fd = open_locked(store, name, record);
	if (*image_fd >= 0)
		return 1;
	image_record_free(record);
	if (errno != ENOENT && errno != EWOULDBLOCK)
		return error_set(err, errno, "the image store: cannot open %s", name);
	return 0;
}

int store_find_reference(const struct store *store, const char *canonical,
			 struct reference_record *out, struct error *err)
{
	_cleanup_free_ char *data = NULL;
	char name[STORE_NAME_MAX];
	size_t len;
	int found;

	store_reference_name(name, canonical);
	found = read_record(store, name, &data, &len, err);
	if (found <= 0)
		return found;
	if (reference_record_decode(out, data, len, NULL) < 0)
		return 0;
	if (!strcmp(out->canonical, canonical))
		return 1;
	reference_record_free(out);
	return 0;
}

/* The manifest that the reference named when it was imported, if its source is still the same. */
static int find_manifest(const struct store *store, const struct image_reference *reference,
			 struct digest *manifest, char **name, struct error *err)
{
	_cleanup_free_ uint8_t *witness = NULL;
	char canonical[IMAGE_NAME_SIZE];
	struct reference_record record;
	size_t len;
	int found;

	if (witness_read(reference, canonical, &witness, &len, err) < 0)
		return -1;
	found = store_find_reference(store, canonical, &record, err);
	if (found <= 0)
		return found;
	*manifest = record.manifest;
	found = record.has_witness && record.witness_len == len &&
		!memcmp(record.witness, witness, len);
	if (found)
		*name = steal_ptr(record.name);
	reference_record_free(&record);
	return found;
}

static int fill_image(struct store_image *out, struct image_record *record)
{
	struct image_config *config = &record->config;

	digest_format(&record->manifest, out->manifest_digest);
	out->size_bytes = record->size_bytes;
	out->stop_signal = config->stop_signal;
	out->is_aci = record->kind == IMAGE_KIND_ACI;
	out->name = strdup("");
	out->user = steal_ptr(config->user);
	out->working_dir = steal_ptr(config->working_dir);
	out->entrypoint = string_list_steal(&config->entrypoint);
	out->cmd = string_list_steal(&config->cmd);
	out->env = string_list_steal(&config->env);
	out->volumes = string_list_steal(&config->volumes);
	out->rest = *config;
	*config = (struct image_config){ 0 };
	out->is_old = out->is_aci && record->config_version < IMAGE_CONFIG_VERSION;
	return out->name && out->entrypoint && out->cmd && out->env && out->volumes ? 0 : -1;
}

int store_find_manifest(struct store *store, const struct digest *manifest, struct store_image *out,
			struct error *err)
{
	struct store_image image = { .fd = -1 };
	struct image_record record = { 0 };
	int found = store_open_image(store, manifest, &record, &image.fd, err);

	if (found <= 0)
		return found;
	if (fill_image(&image, &record) < 0) {
		image_record_free(&record);
		store_image_free(&image);
		return error_set(err, ENOMEM, "cannot read the image's configuration");
	}
	image_record_free(&record);
	*out = image;
	return 1;
}

/* Opens the image of a manifest under the name that a reference gave it, which it takes over. */
static int find_named(struct store *store, const struct digest *manifest, char **name,
		      struct store_image *out, struct error *err)
{
	int found = store_find_manifest(store, manifest, out, err);

	if (found > 0) {
		free(out->name);
		out->name = steal_ptr(*name);
	}
	return found;
}

int store_find(struct store *store, const char *reference, struct store_image *out,
	       struct error *err)
{
	_cleanup_free_ char *name = NULL;
	struct image_reference parsed;
	struct digest manifest;
	int found;

	if (image_reference_parse(&parsed, reference, err) < 0)
		return -1;
	if (parsed.transport == IMAGE_ROOTFS)
		return error_set(err, 0, "%s is a directory, not an image of the store", reference);
	found = find_manifest(store, &parsed, &manifest, &name, err);
	return found > 0 ? find_named(store, &manifest, &name, out, err) : found;
}

int store_find_imported(struct store *store, const char *reference, const struct digest *manifest,
			struct store_image *out, struct error *err)
{
	_cleanup_free_ char *name = NULL;
	char canonical[IMAGE_NAME_SIZE];
	struct reference_record record;
	struct image_reference parsed;
	int found;

	if (image_reference_parse(&parsed, reference, err) < 0 ||
	    image_reference_canonical(&parsed, canonical, err) < 0)
		return -1;
	found = store_find_reference(store, canonical, &record, err);
	if (found <= 0)
		return found;
	found = digest_equal(&record.manifest, manifest);
	name = steal_ptr(record.name);
	reference_record_free(&record);
	return found ? find_named(store, manifest, &name, out, err) : 0;
}

void store_image_free(struct store_image *image)
{
	if (image->fd >= 0)
		close(image->fd);
	string_list_free_items(image->entrypoint);
	string_list_free_items(image->cmd);
	string_list_free_items(image->env);
	string_list_free_items(image->volumes);
	free(image->name);
	free(image->user);
	free(image->working_dir);
	image_config_free(&image->rest);
	*image = (struct store_image){ .fd = -1 };
}
