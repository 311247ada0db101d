/*
 * Starting a pod from what the store has, by digest.
 */
#include <errno.h>
#include <string.h>

#include "images/catalog.h"
#include "images/store.h"
#include "images/verdict.h"
#include "vmm/base/cleanup.h"

bool store_is_digest(const char *text)
{
	return !strncmp(text, "sha256:", 7) || !strncmp(text, "sha512:", 7);
}

/*
 * The name that policies know the image by: that of the references that lead to it, which have to
 * agree where there is a policy, or else there would be a choice between what two rules say.
 */
static const char *name_of(const struct catalog *catalog, const struct catalog_image *image,
			   const char *text, struct error *err)
{
	const char *name = NULL;

	for (size_t i = 0; i < catalog->reference_count; i++) {
		const struct reference_record *record = &catalog->references[i];

		if (!digest_equal(&record->manifest, &image->record.manifest))
			continue;
		if (name && !strcmp(name, record->name))
			continue;
		if (name) {
			int any = policy_exists(err);

			if (any == 0)
				break;
			if (any < 0)
				return NULL;
			(void)error_set(err, 0,
					"several references lead to %s: run one of them, %s for "
					"instance",
					text, record->canonical);
			return NULL;
		}
		name = record->name;
	}
	if (!name)
		(void)error_set(err, 0, "no reference leads to %s any more; import it again", text);
	return name;
}

static int find(struct store *store, const struct catalog *catalog, const char *text,
		struct store_image *out, struct error *err)
{
	const struct reference_record *reference;
	const struct catalog_image *image;
	const char *name;
	int found;

	if (catalog_find(catalog, text, &image, &reference, err) < 0)
		return -1;
	name = name_of(catalog, image, text, err);
	if (!name)
		return -1;
	found = store_find_manifest(store, &image->record.manifest, out, err);
	if (found <= 0)
		return found < 0 ? -1
				 : error_set(err, 0,
					     "%s is not whole in the store; import it again", text);
	free(out->name);
	out->name = strdup(name);
	if (out->name)
		return 0;
	store_image_free(out);
	return error_set(err, ENOMEM, "cannot read the image store");
}

int store_find_digest(struct store *store, const char *text, struct store_image *out,
		      struct error *err)
{
	struct catalog catalog;
	int result = catalog_read(store, &catalog, err);

	if (result == 0)
		result = find(store, &catalog, text, out, err);
	catalog_free(&catalog);
	return result;
}
