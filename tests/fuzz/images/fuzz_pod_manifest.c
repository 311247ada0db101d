/*
 * Pod manifests: the input is documents with a NUL after each, or flat fields if it begins as they
 * do. What is read must come back from its fields; what is decoded must have the form that the rest
 * of the program counts on.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "images/appc_types.h"
#include "images/pod_manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char fields_start[] = "nacelle pod";

static void check_config(const struct image_config *config)
{
	assert(config->user && config->working_dir);
	for (size_t i = 0; i < config->mount_point_count; i++)
		assert(config->mount_points[i].path[0] == '/');
	for (size_t i = 0; i < config->port_count; i++)
		assert(config->ports[i].port && config->ports[i].count);
}

static void check(const struct pod_manifest *manifest)
{
	assert(manifest->app_count > 0 && manifest->app_count <= POD_MANIFEST_APPS_MAX);
	for (size_t i = 0; i < manifest->app_count; i++) {
		const struct manifest_app *app = &manifest->apps[i];

		assert(appc_is_name(app->name));
		for (size_t j = 0; j < app->mount_count; j++)
			assert(appc_is_name(app->mounts[j].volume) && app->mounts[j].path);
		if (app->has_app)
			check_config(&app->app);
	}
	for (size_t i = 0; i < manifest->volume_count; i++)
		assert(appc_is_name(manifest->volumes[i].name));
	for (size_t i = 0; i < manifest->port_count; i++)
		assert(manifest->ports[i].host_port);
}

static void decode(const void *data, size_t len, bool must)
{
	struct error err = ERROR_NONE;
	struct pod_manifest manifest;

	if (pod_manifest_decode(&manifest, data, len, &err) < 0) {
		assert(!must && err.text[0]);
		return;
	}
	check(&manifest);
	pod_manifest_free(&manifest);
}

static void read_one(const char *text, size_t len)
{
	struct error err = ERROR_NONE;
	struct pod_manifest manifest;
	void *data;
	size_t data_len;

	if (pod_manifest_read(&manifest, text, len, &err) < 0) {
		assert(err.text[0]);
		return;
	}
	check(&manifest);
	for (size_t i = 0; i < manifest.app_count; i++)
		assert(manifest.apps[i].image_id || manifest.apps[i].reference);
	assert(pod_manifest_encode(&manifest, &data, &data_len) == 0);
	decode(data, data_len, true);
	free(data);
	pod_manifest_free(&manifest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > strlen(fields_start) && !memcmp(data, fields_start, strlen(fields_start))) {
		decode(data, size, false);
		return 0;
	}
	while (size) {
		const uint8_t *end = memchr(data, '\0', size);
		size_t len = end ? (size_t)(end - data) : size;

		read_one((const char *)data, len);
		data += len + (end != NULL);
		size -= len + (end != NULL);
	}
	return 0;
}
