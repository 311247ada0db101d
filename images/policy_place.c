/*
 * Reading policies and keys. The files are an administrator's or the user's own; what is checked is
 * that nobody else could have written them.
 */
#include "images/policy_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

#define SYSTEM_DIRECTORY "/etc/nacelle"

static bool user_directory(char path[PATH_MAX])
{
	const char *config = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");
	int n = 0;

	if (config && config[0] == '/')
		n = snprintf(path, PATH_MAX, "%s/nacelle", config);
	else if (home && home[0] == '/')
		n = snprintf(path, PATH_MAX, "%s/.config/nacelle", home);
	return n > 0 && n < PATH_MAX;
}

size_t policy_places(struct policy_place places[POLICY_PLACES_MAX])
{
	places[0] = (struct policy_place){ .directory = SYSTEM_DIRECTORY, .owner = 0 };
	if (geteuid() == 0 || getuid() == 0 || !user_directory(places[1].directory))
		return 1;
	places[1].owner = geteuid();
	return 2;
}

static int check_owner(const struct stat *st, const struct policy_place *place, const char *name,
		       struct error *err)
{
	if (st->st_uid != 0 && st->st_uid != place->owner)
		return error_set(err, 0,
				 "%s%s belongs to user %u: it is not trusted, so every "
				 "image is refused",
				 place->directory, name, st->st_uid);
	if (st->st_mode & 022)
		return error_set(err, 0,
				 "%s%s is writable by others: it is not trusted, so every "
				 "image is refused (chmod go-w it)",
				 place->directory, name);
	return 0;
}

static int open_checked(int at, const char *path, const struct policy_place *place,
			const char *name, struct error *err)
{
	_cleanup_fd_ int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, errno, "cannot open %s%s", place->directory, name);
	if (check_owner(&st, place, name, err) < 0)
		return -1;
	return steal_fd(&fd);
}

int policy_place_open(const struct policy_place *place, bool keys, struct error *err)
{
	_cleanup_fd_ int fd = open_checked(AT_FDCWD, place->directory, place, "", err);

	if (fd < 0 || !keys)
		return steal_fd(&fd);
	return open_checked(fd, POLICY_KEYS_DIR, place, "/" POLICY_KEYS_DIR, err);
}

static uint64_t nanoseconds(struct timespec t)
{
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int read_checked(int fd, const struct policy_place *place, const char *name, size_t max,
			struct policy_file *out, struct error *err)
{
	_cleanup_free_ char *data = NULL;
	char shown[NAME_MAX + 32];
	struct stat st;
	ssize_t n;

	(void)snprintf(shown, sizeof(shown), "/%s", name);
	if (fstat(fd, &st) < 0)
		return error_set(err, errno, "cannot read %s%s", place->directory, shown);
	if (!S_ISREG(st.st_mode))
		return error_set(err, 0, "%s%s is not a regular file", place->directory, shown);
	if (check_owner(&st, place, shown, err) < 0)
		return -1;
	if ((uint64_t)st.st_size > max)
		return error_set(err, 0, "%s%s is larger than %zu bytes", place->directory, shown,
				 max);
	data = malloc((size_t)st.st_size + 1);
	if (!data)
		return error_set(err, ENOMEM, "cannot read %s%s", place->directory, shown);
	n = io_read_full(fd, data, (size_t)st.st_size);
	if (n != st.st_size)
		return error_set(err, n < 0 ? errno : 0, "cannot read %s%s", place->directory,
				 shown);
	data[n] = '\0';
	*out = (struct policy_file){ .data = steal_ptr(data),
				     .len = (size_t)n,
				     .identity = { .device = st.st_dev,
						   .inode = st.st_ino,
						   .mode = st.st_mode,
						   .uid = st.st_uid,
						   .mtime_ns = nanoseconds(st.st_mtim),
						   .ctime_ns = nanoseconds(st.st_ctim) } };
	return 1;
}

int policy_place_read(const struct policy_place *place, const char *name, size_t max,
		      struct policy_file *out, struct error *err)
{
	const char *slash = strrchr(name, '/');
	struct error why = ERROR_NONE;
	_cleanup_fd_ int dir_fd = policy_place_open(place, slash != NULL, &why);
	_cleanup_fd_ int fd = -1;

	if (dir_fd < 0)
		return why.code == ENOENT ? 0 : error_set(err, 0, "%s", why.text);
	fd = openat(dir_fd, slash ? slash + 1 : name,
		    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return error_set(err, errno, "cannot open %s/%s", place->directory, name);
	return read_checked(fd, place, name, max, out, err);
}

bool policy_file_equal(const struct policy_file *a, const struct policy_file *b)
{
	return a->identity.device == b->identity.device && a->identity.inode == b->identity.inode &&
	       a->identity.mode == b->identity.mode && a->identity.uid == b->identity.uid &&
	       a->identity.mtime_ns == b->identity.mtime_ns &&
	       a->identity.ctime_ns == b->identity.ctime_ns && a->len == b->len &&
	       !memcmp(a->data, b->data, a->len);
}

void policy_file_free(struct policy_file *file)
{
	free(file->data);
	*file = (struct policy_file){ 0 };
}
