/*
 * Opening an image of the store by what a user calls it.
 */
#include "vmm/base/cleanup.h"
#include "vmm/cli/store_verbs.h"

int store_verb_open(const char *root, const char *text, struct store_verb_image *out,
		    struct error *err)
{
	const struct reference_record *reference;
	const struct catalog_image *image;
	int found = -1;

	*out = (struct store_verb_image){ .fd = -1 };
	if (store_open(&out->store, root, err) < 0)
		return -1;
	if (catalog_read(out->store, &out->catalog, err) == 0 &&
	    catalog_find(&out->catalog, text, &image, &reference, err) == 0) {
		out->reference = reference;
		out->image = image;
		found = store_open_image(out->store, &image->record.manifest, &out->record,
					 &out->fd, err);
	}
	if (found == 1)
		return 0;
	store_verb_close(out);
	return found < 0 ? -1
			 : error_set(err, 0, "%s is not whole in the store; import it again", text);
}

void store_verb_close(struct store_verb_image *image)
{
	cleanup_fd(&image->fd);
	image_record_free(&image->record);
	catalog_free(&image->catalog);
	store_close(image->store);
	*image = (struct store_verb_image){ .fd = -1 };
}
