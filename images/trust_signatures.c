/*
 * The signatures that the store keeps, and those that a user brings.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/fields.h"
#include "images/publish.h"
#include "images/trust.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

static void record_name(char name[STORE_NAME_MAX], const struct digest *manifest)
{
	char text[DIGEST_TEXT_SIZE];

	digest_format_with(manifest, '-', text);
	(void)snprintf(name, STORE_NAME_MAX, STORE_DIR_SIGNATURES "/%s", text);
}

int trust_signatures_read(const struct store *store, const struct digest *manifest,
			  struct signature_list *out, struct error *err)
{
	_cleanup_free_ char *data = NULL;
	struct error why = ERROR_NONE;
	char name[STORE_NAME_MAX];
	size_t len;

	*out = (struct signature_list){ .count = 0 };
	record_name(name, manifest);
	if (io_read_file(store_dir_fd(store), name, FIELDS_SIZE_MAX, &data, &len, &why) < 0)
		return why.code == ENOENT ? 0 : error_set(err, 0, "the image store: %s", why.text);
	/* A damaged record counts as none: it can only have made the image acceptable. */
	return signature_list_decode(out, data, len, NULL) == 0;
}

int trust_signatures_keep(const struct store *store, const struct digest *manifest,
			  const struct signature_list *list, struct error *err)
{
	struct signature_list all = { .count = 0 };
	struct signature_list kept;
	_cleanup_free_ void *data = NULL;
	char name[STORE_NAME_MAX];
	size_t len;
	int result = trust_signatures_read(store, manifest, &kept, err);

	if (result < 0)
		return -1;
	result = 0;
	for (size_t i = 0; i < list->count && result == 0; i++)
		result = signature_list_add(&all, &list->items[i], err);
	for (size_t i = 0; i < kept.count && all.count < SIGNATURES_MAX && result == 0; i++)
		result = signature_list_add(&all, &kept.items[i], err);
	if (result == 0 && (list->index || kept.index))
		result =
		    signature_list_set_index(&all, list->index ? list->index : kept.index,
					     list->index ? list->index_len : kept.index_len, err);
	record_name(name, manifest);
	if (result == 0 && signature_list_encode(&all, &data, &len) < 0)
		result = error_set(err, ENOMEM, "cannot keep signatures");
	if (result == 0)
		result = store_publish(store, name, data, len, err);
	signature_list_free(&all);
	signature_list_free(&kept);
	return result;
}

int trust_signature_file(struct signature_list *list, const char *path, struct error *err)
{
	static const char armor[] = "-----BEGIN PGP ";
	_cleanup_free_ char *real = realpath(path, NULL);
	_cleanup_free_ char *data = NULL;
	struct image_signature signature = { .kind = SIGNATURE_DETACHED };

	if (!real)
		return error_set(err, errno, "cannot open the signature %s", path);
	if (io_read_file(AT_FDCWD, real, SIGNATURE_SIZE_MAX, &data, &signature.len, err) < 0)
		return error_prefix(err, "the signature");
	if (signature.len >= strlen(armor) && !memcmp(data, armor, strlen(armor)))
		signature.kind = SIGNATURE_OPENPGP;
	signature.data = data;
	signature.origin = real;
	return signature_list_add(list, &signature, err);
}
