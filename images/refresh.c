/*
 * Bringing a record to the present version. The image's file is read by a confined process, as when
 * it was imported; nothing but the configuration in the record changes.
 */
#include "images/refresh.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/import_internal.h"
#include "images/publish.h"
#include "vmm/base/cleanup.h"

static int publish(const struct store *store, const struct image_record *record, struct error *err)
{
	_cleanup_free_ void *data = NULL;
	char name[STORE_NAME_MAX];
	size_t len;

	if (image_record_encode(record, &data, &len) < 0)
		return error_set(err, ENOMEM, "cannot write an image record");
	store_record_name(name, &record->manifest);
	return store_publish(store, name, data, len, err);
}

static int read_anew(const struct store *store, struct image_record *record, struct error *err)
{
	_cleanup_free_ struct aci_report *report = calloc(1, sizeof(*report));
	struct image_config old = record->config;
	int result;

	if (!report)
		return error_set(err, ENOMEM, "cannot read an App Container Image");
	if (import_examine_aci(store, &record->blobs[0], report, err) < 0)
		return -1;
	if (!digest_equal(&report->id, &record->manifest)) {
		result = error_set(err, 0, "its file in the store is damaged");
	} else {
		record->config = report->config;
		result = publish(store, record, err);
		record->config = old;
	}
	aci_report_free(report);
	return result;
}

/* Nobody else may write or remove the record meanwhile. */
static int refresh(struct store *store, const struct digest *id, struct error *err)
{
	_cleanup_fd_ int lock_fd = -1, image_lock_fd = -1;
	struct image_record record;
	int result;

	if (store_lock(store, STORE_LOCK_SHARED, true, &lock_fd, err) < 0)
		return -1;
	result = store_find_record(store, id, &record, err);
	if (result <= 0)
		return result < 0 ? -1 : error_set(err, 0, "the store has no such image");
	image_lock_fd = store_lock_image(store, &record.chain, err);
	result = image_lock_fd < 0 ? -1 : 0;
	if (result == 0 && record.kind == IMAGE_KIND_ACI &&
	    record.config_version < IMAGE_CONFIG_VERSION)
		result = read_anew(store, &record, err);
	image_record_free(&record);
	return result;
}

int image_refresh(const char *root, const char *digest, struct error *err)
{
	struct store *store;
	struct digest id;
	int result;

	if (digest_parse(&id, digest, strlen(digest), err) < 0 || store_open(&store, root, err) < 0)
		return -1;
	result = refresh(store, &id, err);
	store_close(store);
	return result < 0 ? error_prefix(err, "the image %s", digest) : 0;
}
