/*
 * Image manifests of appc: the input is manifests with a NUL after each. What is taken must be what
 * a pod may be given.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "images/appc_image.h"
#include "images/appc_types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct appc_image *image)
{
	struct image_config config = { 0 };
	struct string_list unapplied = { 0 };

	assert(appc_is_identifier(image->name));
	for (size_t i = 0; i < image->whitelist.count; i++) {
		assert(image->whitelist.items[i][0] != '/');
		assert(i == 0 ||
		       strcmp(image->whitelist.items[i - 1], image->whitelist.items[i]) < 0);
	}
	assert(appc_image_config(image, &config, &unapplied, NULL) == 0);
	for (size_t i = 0; i < config.env.count; i++)
		assert(strchr(config.env.items[i], '=') > config.env.items[i]);
	for (size_t i = 0; i < config.volumes.count; i++)
		assert(appc_is_clean_path(config.volumes.items[i]));
	for (size_t i = 0; i < unapplied.count; i++)
		assert(!strpbrk(unapplied.items[i], "\n\033 "));
	assert(!config.working_dir[0] || appc_is_clean_path(config.working_dir));
	assert(!strchr(config.user, '\n'));
	image_config_free(&config);
	string_list_free(&unapplied);
}

static void read_one(const char *text, size_t len)
{
	struct error err = ERROR_NONE;
	struct appc_image image;

	if (appc_image_read(&image, text, len, &err) == 0) {
		check(&image);
		appc_image_free(&image);
	} else {
		assert(err.text[0]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	while (size) {
		const uint8_t *end = memchr(data, '\0', size);
		size_t len = end ? (size_t)(end - data) : size;

		read_one((const char *)data, len);
		data += len + (end != NULL);
		size -= len + (end != NULL);
	}
	return 0;
}
