/*
 * nacelle image export.
 */
#include <stdio.h>
#include <string.h>

#include "images/describe.h"
#include "images/export.h"
#include "images/reference.h"
#include "images/trust.h"
#include "vmm/base/cleanup.h"
#include "vmm/cli/store_verbs.h"

const struct option_spec export_options_table[EXPORT_OPTION_COUNT] = {
	{ "quiet", 'q', OPTION_FLAG, NULL, VALUE_OTHER, "print errors only", STORE_FIELD(quiet) },
	STORE_OPTION_ROOT,
};

/* The tag that the image had in the reference, if it had one. */
static void choose_tag(const struct store_verb_image *image, char tag[IMAGE_TAG_MAX + 1])
{
	struct image_reference parsed;

	(void)snprintf(tag, IMAGE_TAG_MAX + 1, "latest");
	if (image->reference &&
	    image_reference_parse(&parsed, image->reference->canonical, NULL) == 0 && parsed.tag[0])
		(void)snprintf(tag, IMAGE_TAG_MAX + 1, "%s", parsed.tag);
}

/* Where it goes: a reference, or a path, which stands for oci: or for aci:. */
static int parse_target(const char *text, bool is_aci, struct image_reference *out,
			struct error *err)
{
	static const char *const known[] = { "oci:", "oci-archive:", "aci:" };
	char *whole = NULL;
	int result;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strncmp(text, known[i], strlen(known[i])) == 0)
			return image_reference_parse(out, text, err);
	}
	if (asprintf(&whole, "%s:%s", is_aci ? "aci" : "oci", text) < 0)
		return error_set(err, ENOMEM, "cannot export the image");
	result = image_reference_parse(out, whole, err);
	free(whole);
	return result;
}

static int write_oci(struct export *export, const struct image_reference *target, struct error *err)
{
	struct image_description description;
	int result;

	if (image_describe(export->store, export->record, &description, err) < 0)
		return -1;
	export->media_type = description.media_type;
	result = target->transport == IMAGE_OCI ? export_directory(export, target->path, err)
						: export_archive(export, target->path, err);
	image_description_free(&description);
	return result;
}

static int write_target(struct export *export, const struct image_reference *target,
			struct error *err)
{
	bool is_aci = export->record->kind == IMAGE_KIND_ACI;

	if (is_aci != (target->transport == IMAGE_ACI))
		return error_set(err, 0,
				 is_aci ? "the image is an ACI, which is exported to aci:FILE"
					: "the image is no ACI: it is exported to oci:DIR or "
					  "oci-archive:FILE");
	return is_aci ? export_aci(export, target->path, err) : write_oci(export, target, err);
}

int cli_image_export(const void *given, int argc, char **argv, struct error *err)
{
	const struct store_verb_options *options = given;
	struct signature_list signatures = { 0 };
	struct store_verb_image image;
	struct image_reference target;
	char tag[IMAGE_TAG_MAX + 1];
	struct export export;
	int result;

	(void)argc;
	if (store_verb_open(options->root, argv[0], &image, err) < 0)
		return -1;
	choose_tag(&image, tag);
	export = (struct export){ .store = image.store,
				  .record = &image.record,
				  .signatures = &signatures };
	result = parse_target(argv[1], image.record.kind == IMAGE_KIND_ACI, &target, err);
	export.tag = target.tag[0] ? target.tag : tag;
	if (result == 0)
		result =
		    trust_signatures_read(image.store, &image.record.manifest, &signatures, err) < 0
			? -1
			: 0;
	if (result == 0)
		result = write_target(&export, &target, err);
	if (result == 0 && !options->quiet && export_loses_signatures(&export))
		(void)fputs("nacelle-image: note: the signatures of the index that the image came "
			    "with were left out\n",
			    stderr);
	signature_list_free(&signatures);
	store_verb_close(&image);
	return result;
}
