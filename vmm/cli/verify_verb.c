/*
 * nacelle image verify: the decision about an image of the store or a directory, and its reasons.
 * It is also what nacelle asks when no verdict was kept; then the image is given by the digest of
 * what was opened and by the name that it was imported under, so that nothing is looked up twice.
 */
#include "vmm/cli/verify_verb.h"

#include <stdio.h>
#include <string.h>

#include "images/blob_store.h"
#include "images/trust.h"
#include "images/trust_aci.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/json_writer.h"
#include "vmm/base/text.h"
#include "vmm/cli/store_verbs.h"

#define FIELD(name) offsetof(struct verify_verb_options, name)

const struct option_spec verify_options_table[VERIFY_OPTION_COUNT] = {
	OPTION_ROW_JSON(FIELD(json)),
	{ "name", 0, OPTION_TEXT, "NAME", VALUE_OTHER,
	  "the name that policies know it by (default: that of the reference)", FIELD(name) },
	{ "quiet", 'q', OPTION_FLAG, NULL, VALUE_OTHER, "print errors only", FIELD(quiet) },
	OPTION_ROW_STORE(FIELD(root)),
	{ "signature", 0, OPTION_LIST, "FILE", VALUE_FILE,
	  "a detached signature of the image; may be given again", FIELD(signatures) },
};

static void print_json(const struct trust_subject *subject, const struct trust_decision *decision)
{
	char digest[DIGEST_TEXT_SIZE];
	struct json_writer json;

	json_begin(&json, stdout);
	json_open(&json, NULL, '{');
	json_put_text(&json, "name", subject->name);
	if (subject->manifest) {
		digest_format(subject->manifest, digest);
		json_put_text(&json, "digest", digest);
	} else {
		json_put_null(&json, "digest");
	}
	json_put_bool(&json, "accepted", decision->accepted);
	json_put_text(&json, "rule", decision->rule);
	if (decision->accepted)
		json_put_null(&json, "reason");
	else
		json_put_text(&json, "reason", decision->reason);
	json_open(&json, "signatures", '[');
	for (size_t i = 0; i < decision->notes.count; i++)
		json_put_text(&json, NULL, decision->notes.items[i]);
	json_close(&json, ']');
	json_close(&json, '}');
	json_end(&json);
}

static void print_text(const struct trust_subject *subject, const struct trust_decision *decision)
{
	_cleanup_free_ char *name = strdup(subject->name); /* a path may hold anything */
	char digest[DIGEST_TEXT_SIZE];

	if (name)
		text_clean(name);
	printf("%s: %s\n", decision->accepted ? "accepted" : "refused", name ? name : "");
	if (subject->manifest) {
		digest_format(subject->manifest, digest);
		printf("digest: %s\n", digest);
	}
	printf("%s\n", decision->rule);
	for (size_t i = 0; i < decision->notes.count; i++)
		printf("%s\n", decision->notes.items[i]);
}

/* An image that is accepted, in a store that pods may not start from, is refused. */
static void decide_store(const struct store *store, struct trust_decision *decision)
{
	struct error why = ERROR_NONE;

	if (!decision->accepted || !store || trust_check_store(store, &why) == 0)
		return;
	decision->accepted = false;
	(void)snprintf(decision->reason, sizeof(decision->reason), "%s", why.text);
}

/* Decides, prints, and keeps the verdict. */
static int decide(const struct verify_verb_options *options, const struct store *store,
		  const struct trust_subject *subject, struct error *err)
{
	struct trust_decision decision;
	int result = 0;

	if (trust_decide(subject, &decision, err) < 0)
		return -1;
	decide_store(store, &decision);
	if (options->json)
		print_json(subject, &decision);
	else if (!options->quiet)
		print_text(subject, &decision);
	if (!decision.accepted)
		result = error_set(err, 0, "%s", decision.reason);
	else if (store)
		trust_decision_keep(store, &decision);
	trust_decision_free(&decision);
	return result;
}

static int verify_directory(const struct verify_verb_options *options, const char *text,
			    struct error *err)
{
	char canonical[IMAGE_NAME_SIZE], name[IMAGE_NAME_SIZE];
	struct trust_subject subject = { .name = name, .aci_fd = -1 };
	struct image_reference reference;

	if (options->name) {
		subject.name = options->name;
		return decide(options, NULL, &subject, err);
	}
	if (image_reference_parse(&reference, text, err) < 0 ||
	    image_reference_canonical(&reference, canonical, err) < 0)
		return -1;
	image_reference_name(canonical, name);
	return decide(options, NULL, &subject, err);
}

/* The signatures that are kept, and those that were given, which are kept if they helped. */
static int read_signatures(const struct verify_verb_options *options, const struct store *store,
			   const struct digest *manifest, struct signature_list *out,
			   struct error *err)
{
	if (trust_signatures_read(store, manifest, out, err) < 0)
		return -1;
	for (unsigned i = 0; i < options->signatures.count; i++) {
		if (trust_signature_file(out, options->signatures.items[i], err) < 0)
			return -1;
	}
	return 0;
}

/* Decides with the image's file and its dependencies. */
static int decide_aci(const struct verify_verb_options *options,
		      const struct store_verb_image *image, struct trust_subject *subject,
		      struct error *err)
{
	const struct image_record *record = &image->record;
	_cleanup_fd_ int fd = blob_store_open(image->store, &record->blobs[0], err);
	struct trust_dependencies dependencies;
	int result;

	if (fd < 0 || trust_dependencies_read(image->store, record->blobs + 1,
					      record->blob_count - 1, &dependencies, err) < 0)
		return -1;
	subject->is_aci = true;
	subject->aci_fd = fd;
	subject->aci_digest = &record->blobs[0].digest;
	subject->dependencies = dependencies.subjects;
	subject->dependency_count = dependencies.count;
	result = decide(options, image->store, subject, err);
	trust_dependencies_free(&dependencies);
	return result;
}

static int verify_image(const struct verify_verb_options *options,
			const struct store_verb_image *image, struct error *err)
{
	const char *name = options->name      ? options->name
			   : image->reference ? image->reference->name
					      : NULL;
	struct signature_list signatures = { .count = 0 };
	struct trust_subject subject = { .name = name,
					 .manifest = &image->record.manifest,
					 .signatures = &signatures,
					 .aci_fd = -1 };
	int result;

	if (!name)
		return error_set(err, 0,
				 "a digest has no name that a policy could know: give one "
				 "(--name)");
	result = read_signatures(options, image->store, subject.manifest, &signatures, err);
	if (result == 0)
		result = image->record.kind == IMAGE_KIND_ACI
			     ? decide_aci(options, image, &subject, err)
			     : decide(options, image->store, &subject, err);
	if (result == 0 && options->signatures.count)
		result = trust_signatures_keep(image->store, subject.manifest, &signatures, err);
	signature_list_free(&signatures);
	return result;
}

int cli_image_verify(const void *options, int argc, char **argv, struct error *err)
{
	const struct verify_verb_options *given = options;
	struct store_verb_image image;
	int result;

	(void)argc;
	if (strncmp(argv[0], "rootfs:", 7) == 0)
		return verify_directory(given, argv[0], err);
	if (store_verb_open(given->root, argv[0], &image, err) < 0)
		return -1;
	result = verify_image(given, &image, err);
	store_verb_close(&image);
	return result;
}
