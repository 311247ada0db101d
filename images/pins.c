/*
 * Images that prepared pods need. A pod goes from prepare/ to prepared/, so a walk in that order
 * sees each.
 */
#include "images/pins.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "images/layout.h"
#include "vmm/base/cleanup.h"

static const char *const places[] = { "../../pods/v1/prepare", "../../pods/v1/prepared" };

void pin_name(char name[DIGEST_TEXT_SIZE], const struct digest *manifest)
{
	digest_format(manifest, name);
	*strchr(name, ':') = '-';
}

/* Returns NULL with errno set. */
static DIR *open_directory(int parent_fd, const char *name)
{
	int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		cleanup_fd(&fd);
	return dir;
}

static int read_pod(int place_fd, const char *uuid, struct string_list *out)
{
	_cleanup_dir_ DIR *pod = open_directory(place_fd, uuid);
	_cleanup_dir_ DIR *dir = pod ? open_directory(dirfd(pod), PINS_DIR) : NULL;
	struct dirent *entry;

	/* It may have gone, or have no image of the store. */
	if (!dir)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' &&
		    string_list_add(out, entry->d_name, strlen(entry->d_name)) < 0)
			return -1;
	return 0;
}

int pins_read(const struct store *store, struct string_list *out, struct error *err)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		_cleanup_dir_ DIR *dir = open_directory(store_dir_fd(store), places[i]);
		struct dirent *entry;

		if (!dir && errno == ENOENT)
			continue;
		if (!dir)
			return error_set(err, errno, "cannot see which images pods need");
		while ((entry = readdir(dir)))
			if (entry->d_name[0] != '.' && read_pod(dirfd(dir), entry->d_name, out) < 0)
				return error_set(err, errno, "cannot see which images pods need");
	}
	return 0;
}

bool pins_have(const struct string_list *pins, const struct digest *manifest)
{
	char name[DIGEST_TEXT_SIZE];

	pin_name(name, manifest);
	for (size_t i = 0; i < pins->count; i++)
		if (strcmp(pins->items[i], name) == 0)
			return true;
	return false;
}
