/*
 * Where auth.json lies.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/authfile.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

enum { AUTHFILE_SIZE_MAX = 1024 * 1024 };

/* Reads one file: 1, 0 when it does not exist, -1 with err filled. */
static int read_file(struct credential *out, const char *path, const char *host,
		     const char *repository, struct error *err)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	_cleanup_free_ char *text = NULL;
	ssize_t len;
	int result;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return error_set(err, errno, "cannot open %s", path);
	text = malloc(AUTHFILE_SIZE_MAX + 1);
	if (!text)
		return error_set(err, ENOMEM, "cannot read %s", path);
	len = io_read_full(fd, text, AUTHFILE_SIZE_MAX + 1);
	if (len < 0)
		return error_set(err, errno, "cannot read %s", path);
	if (len > AUTHFILE_SIZE_MAX)
		result = error_set(err, 0, "%s is larger than %d bytes", path, AUTHFILE_SIZE_MAX);
	else
		result = authfile_match(out, text, (size_t)len, host, repository, err);
	explicit_bzero(text, (size_t)len);
	if (result < 0)
		return error_prefix(err, "cannot use the credentials in %s", path);
	(void)snprintf(out->path, sizeof(out->path), "%s", path);
	return 1;
}

enum place {
	PLACE_RUNTIME,
	PLACE_RUNTIME_UID,
	PLACE_CONFIG,
	PLACE_HOME_CONFIG,
	PLACE_DOCKER,
	PLACE_END,
};

/* The path of one of the usual places; false where it has none. */
static bool usual_path(enum place place, char path[PATH_MAX])
{
	const char *runtime = getenv("XDG_RUNTIME_DIR"), *config = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME"), *base = home, *rest = "/.docker/config.json";
	bool has_runtime = runtime && runtime[0], has_config = config && config[0];
	int len;

	if (place == PLACE_RUNTIME_UID) {
		(void)snprintf(path, PATH_MAX, "/run/containers/%ju/auth.json",
			       (uintmax_t)getuid());
		return !has_runtime;
	}
	if (place == PLACE_RUNTIME)
		base = has_runtime ? runtime : NULL;
	else if (place == PLACE_CONFIG)
		base = has_config ? config : NULL;
	if (place == PLACE_RUNTIME || place == PLACE_CONFIG)
		rest = "/containers/auth.json";
	else if (place == PLACE_HOME_CONFIG)
		rest = "/.config/containers/auth.json";
	if (!base || base[0] != '/' || (place == PLACE_HOME_CONFIG && has_config))
		return false;
	len = snprintf(path, PATH_MAX, "%s%s", base, rest);
	return len > 0 && len < PATH_MAX;
}

int authfile_find(struct credential *out, const char *path, const char *host,
		  const char *repository, struct error *err)
{
	char usual[PATH_MAX];
	int found;

	credential_wipe(out);
	if (!path || !path[0])
		path = getenv("REGISTRY_AUTH_FILE");
	if (path && path[0]) {
		found = read_file(out, path, host, repository, err);
		if (found == 0)
			return error_set(err, 0, "the file of credentials %s does not exist", path);
		return found < 0 ? -1 : 0;
	}
	for (enum place place = PLACE_RUNTIME; place < PLACE_END; place++) {
		if (!usual_path(place, usual))
			continue;
		if (read_file(out, usual, host, repository, err) < 0)
			return -1;
		if (out->found || out->helper[0])
			return 0;
	}
	return 0;
}
