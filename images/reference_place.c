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
#include "vmm/base/bytes.h"
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

/* Whether a path is one of the names that descriptors of this very process have. */
static bool is_own_descriptor(const char *path)
{
	static const char *const places[] = { "/dev/fd/", "/proc/self/fd/" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		const char *number = path + strlen(places[i]);

		if (!strncmp(path, places[i], strlen(places[i])))
			return number[0] && !number[strspn(number, "0123456789")];
	}
	return !strcmp(path, "/dev/stdin");
}

/*
 * Where the file really is. A pipe that is nowhere is what it is called, but only by a name that
 * says so: any other, with ".." or a link in it, would choose among the rules of a policy.
 */
static int find_place(const struct image_reference *reference, char path[PATH_MAX],
		      struct error *err)
{
	const char *prefix = image_transport_prefix(reference->transport);
	int why;

	if (realpath(reference->path, path))
		return 0;
	why = errno;
	if (!image_reference_is_pipe(reference))
		return error_set(err, why, "cannot find %s%s", prefix, reference->path);
	if (!is_own_descriptor(reference->path))
		return error_set(err, 0,
				 "%s%s is a pipe without a place: call it /dev/stdin or /dev/fd/N",
				 prefix, reference->path);
	memcpy(path, reference->path, PATH_MAX);
	return 0;
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
	if (find_place(reference, path, err) < 0)
		return -1;
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
	if (!is_own_descriptor(path) && !stands_at(fd, path, path_len))
		return error_set(err, 0, "%s%s was moved while it was opened", prefix, path);
	return steal_fd(&fd);
}
