/*
 * Choosing an image by the manifest.json of a docker archive.
 */
#include "images/docker_archive.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "images/fields.h"
#include "images/json.h"
#include "images/message.h"
#include "images/reference.h"
#include "vmm/base/cleanup.h"

static const char image_magic[FIELDS_MAGIC_LEN + 1] = "nacelle docker1\n";

struct choice {
	unsigned count; /* images that fit */
	const struct cJSON *image;
	char names[600]; /* of all images, for the error text */
};

static void note_name(struct choice *choice, const char *name)
{
	size_t used = strlen(choice->names);

	(void)snprintf(choice->names + used, sizeof(choice->names) - used, "%s%.200s",
		       used ? ", " : "", name);
}

/* Names are compared in their normal form; one that has none is nobody's. */
static bool is_name(const char *name, const char *wanted)
{
	struct image_reference parsed = { 0 };
	char text[IMAGE_NAME_SIZE];

	if (image_reference_parse_docker(&parsed, name, strlen(name), NULL) < 0)
		return false;
	image_reference_format_docker(&parsed, text);
	return !strcmp(text, wanted);
}

static int consider(struct choice *choice, const struct cJSON *image, const char *wanted,
		    struct error *err)
{
	const struct cJSON *names;
	bool fits = !wanted[0];

	if (!json_is_object(image))
		return error_set(err, 0, "an image in manifest.json is not an object");
	if (json_array(image, "RepoTags", &names, err) < 0)
		return -1;
	for (const struct cJSON *n = names ? json_first(names) : NULL; n; n = json_next(n)) {
		if (!json_text(n))
			return error_set(err, 0, "a name in manifest.json is not a string");
		note_name(choice, json_text(n));
		fits = fits || is_name(json_text(n), wanted);
	}
	if (fits) {
		choice->count++;
		choice->image = image;
	}
	return 0;
}

static int find_image(const struct cJSON *manifest, const char *wanted, const struct cJSON **out,
		      struct error *err)
{
	struct choice choice = { 0 };

	if (!json_is_array(manifest))
		return error_set(err, 0, "it is not an array");
	for (const struct cJSON *i = json_first(manifest); i; i = json_next(i)) {
		if (consider(&choice, i, wanted, err) < 0)
			return -1;
	}
	if (choice.count == 1) {
		*out = choice.image;
		return 0;
	}
	if (choice.count > 1)
		return error_set(err, 0,
				 "the archive holds several images%s%s; name one as "
				 "docker-archive:FILE:NAME:TAG (it has: %s)",
				 wanted[0] ? " with the name " : "", wanted,
				 choice.names[0] ? choice.names : "no names");
	return error_set(err, 0, "the archive holds no image%s%s (it has: %s)",
			 wanted[0] ? " with the name " : "", wanted,
			 choice.names[0] ? choice.names : "no names");
}

static int find_member(const struct archive *archive, const char *name, uint64_t *out,
		       struct error *err)
{
	const struct archive_member *member = archive_find(archive, name);

	if (!member)
		return error_set(err, 0, "%.256s is missing from the archive", name);
	*out = (uint64_t)(member - archive->members);
	return 0;
}

/* HEX.json, or blobs/sha256/HEX since Docker 25. */
static int read_digest(struct digest *out, const char *name, struct error *err)
{
	static const char blobs[] = "blobs/sha256/", suffix[] = ".json";
	char text[DIGEST_TEXT_SIZE];
	size_t len = strlen(name);

	if (!strncmp(name, blobs, strlen(blobs)))
		(void)snprintf(text, sizeof(text), "sha256:%.100s", name + strlen(blobs));
	else if (len > strlen(suffix) && !strcmp(name + len - strlen(suffix), suffix))
		(void)snprintf(text, sizeof(text), "sha256:%.*s",
			       (int)(len - strlen(suffix) > 100 ? 100 : len - strlen(suffix)),
			       name);
	else
		text[0] = '\0';
	if (digest_parse(out, text, strlen(text), NULL) < 0)
		return error_set(err, 0, "the configuration is named %.100s, not by its digest",
				 name);
	return 0;
}

static int read_image(struct docker_image *out, const struct archive *archive,
		      const struct cJSON *image, struct error *err)
{
	const struct cJSON *layers;
	const char *config;

	if (json_string(image, "Config", &config, err) < 0 ||
	    json_array(image, "Layers", &layers, err) < 0)
		return -1;
	if (!config || !layers)
		return error_set(err, 0, "an image has no Config or no Layers");
	if (read_digest(&out->config_digest, config, err) < 0 ||
	    find_member(archive, config, &out->config, err) < 0)
		return -1;
	for (const struct cJSON *l = json_first(layers); l; l = json_next(l)) {
		if (!json_text(l))
			return error_set(err, 0, "the name of a layer is not a string");
		if (out->layer_count == IMAGE_LAYERS_MAX)
			return error_set(err, 0, "the image has more than %d layers",
					 IMAGE_LAYERS_MAX);
		if (find_member(archive, json_text(l), &out->layers[out->layer_count++], err) < 0)
			return -1;
	}
	return 0;
}

int docker_archive_choose(struct docker_image *out, const struct archive *archive,
			  const char *manifest, size_t manifest_len, const char *tag,
			  struct error *err)
{
	const struct cJSON *image;
	struct cJSON *json;
	int result;

	*out = (struct docker_image){ 0 };
	if (json_parse(&json, manifest, manifest_len, err) < 0)
		return error_prefix(err, "manifest.json");
	result = find_image(json, tag, &image, err);
	if (result == 0)
		result = read_image(out, archive, image, err);
	json_free(json);
	return result < 0 ? error_prefix(err, "manifest.json") : 0;
}

int docker_image_encode(const struct docker_image *image, void **data, size_t *len)
{
	struct field_writer w;

	fields_begin(&w, image_magic);
	fields_put_u64(&w, FIELD_DOCKER_CONFIG, image->config);
	fields_put_digest(&w, FIELD_DOCKER_CONFIG_DIGEST, &image->config_digest);
	for (size_t i = 0; i < image->layer_count; i++)
		fields_put_u64(&w, FIELD_DOCKER_LAYER, image->layers[i]);
	return fields_finish(&w, data, len);
}

static int take_member(const struct archive *archive, const struct field *field, uint64_t *out)
{
	if (archive->count == 0 || field_take_u64(field, archive->count - 1, out) < 0)
		return -1;
	return archive->members[*out].link ? -1 : 0;
}

static int take_field(struct docker_image *image, const struct archive *archive,
		      const struct field *field)
{
	switch (field->tag) {
	case FIELD_DOCKER_CONFIG:
		return take_member(archive, field, &image->config);
	case FIELD_DOCKER_CONFIG_DIGEST:
		return field_take_digest(field, &image->config_digest);
	case FIELD_DOCKER_LAYER:
		if (image->layer_count == IMAGE_LAYERS_MAX)
			return -1;
		return take_member(archive, field, &image->layers[image->layer_count++]);
	default:
		return -1;
	}
}

int docker_image_decode(struct docker_image *image, const struct archive *archive, const void *data,
			size_t len, struct error *err)
{
	struct cursor c;
	struct field field;
	int more = fields_open(&c, data, len, image_magic) ? 1 : -1;

	*image = (struct docker_image){ .config = UINT64_MAX };
	while (more > 0) {
		more = fields_next(&c, &field);
		if (more > 0 && take_field(image, archive, &field) < 0)
			more = -1;
	}
	if (more < 0 || image->config == UINT64_MAX || !image->config_digest.algorithm)
		return error_set(err, 0, "the parser of archives reported nonsense");
	return 0;
}

int docker_archive_parse(void *context, int control, struct error *err)
{
	const struct docker_archive_job *job = context;
	_cleanup_free_ void *data = NULL;
	struct docker_image image;
	size_t len;

	if (docker_archive_choose(&image, job->archive, job->manifest, job->manifest_len, job->tag,
				  err) < 0)
		return -1;
	if (docker_image_encode(&image, &data, &len) < 0)
		return error_set(err, ENOMEM, "cannot report an image");
	if (message_send(control, MESSAGE_RESULT, data, len) < 0)
		return error_set(err, errno, "cannot report an image");
	return 0;
}
