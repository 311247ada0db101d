/*
 * Archives of images and the manifest.json of docker's: the input is a tar, of which the member
 * manifest.json is read when it has one. What the confined processes report must decode to the
 * same.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "images/archive.h"
#include "images/docker_archive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_reports(const uint8_t *data, size_t size)
{
	static struct archive_member member = { .name = (char *)(uintptr_t) "a" };
	static const struct archive one = { &member, 1 };
	struct archive archive;
	struct docker_image image;

	if (archive_decode(&archive, data, size, NULL) == 0)
		archive_free(&archive);
	(void)docker_image_decode(&image, &one, data, size, NULL);
}

static void try_docker(const struct archive *archive, const uint8_t *data, const char *tag)
{
	const struct archive_member *manifest = archive_find(archive, "manifest.json");
	struct docker_image image, back;
	struct error err = ERROR_NONE;
	void *encoded;
	size_t len;

	if (!manifest)
		return;
	if (docker_archive_choose(&image, archive, (const char *)data + manifest->offset,
				  (size_t)manifest->size_bytes, tag, &err) < 0) {
		assert(err.text[0]);
		return;
	}
	assert(docker_image_encode(&image, &encoded, &len) == 0);
	assert(docker_image_decode(&back, archive, encoded, len, NULL) == 0);
	assert(back.config == image.config && back.layer_count == image.layer_count);
	assert(digest_equal(&back.config_digest, &image.config_digest));
	free(encoded);
}

static void check(const struct archive *archive, size_t size)
{
	struct archive back;
	void *encoded;
	size_t len;

	for (size_t i = 0; i < archive->count; i++) {
		const struct archive_member *member = &archive->members[i];
		const struct archive_member *found = archive_find(archive, member->name);

		assert(member->offset + member->size_bytes <= size);
		assert(member->link ? !found || !found->link : found == member);
	}
	assert(archive_encode(archive, &encoded, &len) == 0);
	assert(archive_decode(&back, encoded, len, NULL) == 0);
	assert(back.count == archive->count);
	archive_free(&back);
	free(encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory_stream stream;
	struct archive archive;

	try_reports(data, size);
	memory_stream_init(&stream, data, size);
	if (archive_read(&archive, &stream.stream, NULL) < 0)
		return 0;
	check(&archive, size);
	try_docker(&archive, data, "");
	try_docker(&archive, data, "docker.io/library/bb:1");
	archive_free(&archive);
	return 0;
}
