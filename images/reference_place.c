/*
 * The places that local references name: where they really are, and opening them.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/reference.h"
#include "vmm/base/cleanup.h"

static bool is_directory(enum image_transport transport)
{
	return transport == IMAGE_OCI || transport == IMAGE_ROOTFS;
}

/* Whether a colon ends the path. */
static bool has_tag(enum image_transport transport)
{
	return transport != IMAGE_ROOTFS && transport != IMAGE_ACI;
}

bool image_reference_is_pipe(const struct image_reference *reference)
{
	struct stat st;

	return reference->transport != IMAGE_DOCKER && stat(reference->path, &st) == 0 &&
	       S_ISFIFO(st.st_mode);
}

int image_reference_canonical(const struct image_reference *reference, char text[IMAGE_NAME_SIZE],
			      struct error *err)
{
	const char *prefix = image_transport_prefix(reference->transport);
	char path[PATH_MAX], docker[IMAGE_NAME_SIZE];

	if (reference->transport == IMAGE_DOCKER) {
		image_reference_format_docker(reference, docker);
		(void)snprintf(text, IMAGE_NAME_SIZE, "%s%.*s", prefix,
			       (int)(IMAGE_NAME_SIZE - sizeof("docker://")), docker);
		return 0;
	}
	/* Pipes have names that lead nowhere (/dev/stdin): they are what they are called. */
	if (image_reference_is_pipe(reference))
		memcpy(path, reference->path, sizeof(path));
	else if (!realpath(reference->path, path))
		return error_set(err, errno, "cannot find %s%s", prefix, reference->path);
	if (has_tag(reference->transport) && strchr(path, ':'))
		return error_set(err, 0, "%s%s: a path with a colon cannot hold images", prefix,
				 path);
	(void)snprintf(text, IMAGE_NAME_SIZE, "%s%s%s%s", prefix, path,
		       reference->tag[0] ? ":" : "", reference->tag);
	return 0;
}

/* Whether the descriptor's file stands at the path. Where /proc is not there, it is believed. */
static bool stands_at(int fd, const char *path, size_t path_len)
{
	char link[40], found[PATH_MAX + 1];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, found, sizeof(found));
	return n < 0 || ((size_t)n == path_len && !memcmp(found, path, path_len));
}

int image_reference_open(const struct image_reference *reference, char text[IMAGE_NAME_SIZE],
			 struct error *err)
{
	const char *prefix = image_transport_prefix(reference->transport);
	_cleanup_fd_ int fd = -1;
	char path[PATH_MAX];
	size_t path_len;

	assert(reference->transport != IMAGE_DOCKER);
	if (image_reference_canonical(reference, text, err) < 0)
		return -1;
	path_len = strlen(text) - strlen(prefix);
	if (reference->tag[0])
		path_len -= strlen(reference->tag) + 1;
	(void)snprintf(path, sizeof(path), "%.*s", (int)path_len, text + strlen(prefix));
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY |
			    (is_directory(reference->transport) ? O_DIRECTORY : 0));
	if (fd < 0)
		return error_set(err, errno, "cannot open %s%s", prefix, path);
	if (!image_reference_is_pipe(reference) && !stands_at(fd, path, path_len))
		return error_set(err, 0, "%s%s was moved while it was opened", prefix, path);
	return steal_fd(&fd);
}
