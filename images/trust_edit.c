/*
 * Writing policies and keys: without a name first, then durable, then named.
 */
#include "images/trust_edit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/fs.h>

#include "images/key.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

#define TEMPORARY ".new"

int trust_edit_place(struct policy_place *out, struct error *err)
{
	struct policy_place places[POLICY_PLACES_MAX];
	size_t count = policy_places(places);

	if (geteuid() != 0 && count < POLICY_PLACES_MAX)
		return error_set(err, 0, "no place for a policy: HOME is not set");
	*out = places[count - 1];
	return 0;
}

/* Root's directories are for everybody to read, a user's are the user's. */
static mode_t directory_mode(void)
{
	return geteuid() == 0 ? 0755 : 0700;
}

static int make_directory(const char *path, struct error *err)
{
	if (mkdir(path, 0700) < 0)
		return errno == EEXIST ? 0 : error_set(err, errno, "cannot create %s", path);
	if (chmod(path, directory_mode()) < 0) /* whatever the umask is */
		return error_set(err, errno, "cannot create %s", path);
	return 0;
}

static int make_directories(const char *directory, struct error *err)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s", directory);
	for (char *at = path + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (make_directory(path, err) < 0)
			return -1;
		*at = '/';
	}
	return make_directory(path, err);
}

static int open_place(struct trust_edit *edit, struct error *err)
{
	if (trust_edit_place(&edit->place, err) < 0 ||
	    make_directories(edit->place.directory, err) < 0)
		return -1;
	edit->dir_fd = policy_place_open(&edit->place, false, err);
	if (edit->dir_fd < 0)
		return -1;
	while (flock(edit->dir_fd, LOCK_EX) < 0) {
		if (errno != EINTR)
			return error_set(err, errno, "cannot lock %s", edit->place.directory);
	}
	return 0;
}

int trust_edit_open(struct trust_edit *edit, bool unlock, struct error *err)
{
	struct policy_file file = { 0 };
	int found, result = 0;

	*edit = (struct trust_edit){ .dir_fd = -1, .policy.fallback = POLICY_ACCEPT };
	if (open_place(edit, err) < 0)
		return -1;
	found = policy_place_read(&edit->place, POLICY_FILE_NAME, POLICY_SIZE_MAX, &file, err);
	if (found <= 0)
		return found;
	if (policy_parse(&edit->policy, file.data, file.len, err) < 0)
		result = error_prefix(err, "%s/" POLICY_FILE_NAME, edit->place.directory);
	else if (edit->policy.locked && !unlock)
		result = error_set(err, 0,
				   "%s/" POLICY_FILE_NAME " is locked (nacelle trust "
				   "unlock)",
				   edit->place.directory);
	edit->was_locked = edit->policy.locked;
	policy_file_free(&file);
	return result;
}

void trust_edit_close(struct trust_edit *edit)
{
	policy_free(&edit->policy);
	cleanup_fd(&edit->dir_fd);
	edit->dir_fd = -1;
}

/* The file's immutable attribute, which not every file system has. */
static void set_immutable(int dir_fd, const char *name, bool immutable)
{
	_cleanup_fd_ int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int flags;

	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return;
	flags = immutable ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
	(void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

/* An unnamed file, or one under a name that a process which died may have left. */
static int open_new(int dir_fd, bool *named)
{
	int fd = openat(dir_fd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

	*named = false;
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd;
	*named = true;
	(void)unlinkat(dir_fd, TEMPORARY, 0);
	return openat(dir_fd, TEMPORARY, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

static int name_file(int fd, int dir_fd, const char *name, bool named)
{
	char path[40];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!named) {
		(void)unlinkat(dir_fd, TEMPORARY, 0);
		if (linkat(AT_FDCWD, path, dir_fd, TEMPORARY, AT_SYMLINK_FOLLOW) < 0)
			return -1;
	}
	if (renameat(dir_fd, TEMPORARY, dir_fd, name) == 0)
		return fsync(dir_fd);
	(void)unlinkat(dir_fd, TEMPORARY, 0);
	return -1;
}

static int write_file(int dir_fd, const char *name, const char *data, size_t len)
{
	mode_t mode = geteuid() == 0 ? 0644 : 0600;
	bool named;
	_cleanup_fd_ int fd = open_new(dir_fd, &named);

	if (fd < 0)
		return -1;
	if (io_write_all(fd, data, len) == 0 && fchmod(fd, mode) == 0 && fsync(fd) == 0)
		return name_file(fd, dir_fd, name, named);
	if (named)
		(void)unlinkat(dir_fd, TEMPORARY, 0);
	return -1;
}

/* A policy that could not be read back would refuse every image, and every change too. */
static int check_text(const char *text, size_t len, struct error *err)
{
	struct policy back;

	if (len > POLICY_SIZE_MAX)
		return error_set(err, 0, "a policy has at most %d bytes", POLICY_SIZE_MAX);
	if (policy_parse(&back, text, len, err) < 0)
		return error_prefix(err, "the policy would be unreadable");
	policy_free(&back);
	return 0;
}

int trust_edit_write(struct trust_edit *edit, struct error *err)
{
	size_t len;
	int result;
	_cleanup_free_ char *text = policy_format(&edit->policy, &len);

	if (!text)
		return error_set(err, ENOMEM, "cannot write a policy");
	if (check_text(text, len, err) < 0)
		return -1;
	if (edit->was_locked)
		set_immutable(edit->dir_fd, POLICY_FILE_NAME, false);
	result = write_file(edit->dir_fd, POLICY_FILE_NAME, text, len);
	if (result < 0)
		(void)error_set(err, errno, "cannot write %s/" POLICY_FILE_NAME,
				edit->place.directory);
	/* A policy that could not be replaced is the one that was there. */
	if (result < 0 ? edit->was_locked : edit->policy.locked)
		set_immutable(edit->dir_fd, POLICY_FILE_NAME, true);
	return result;
}

/* The directory of keys, made if it is missing. */
static int open_keys(struct trust_edit *edit, struct error *err)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/" POLICY_KEYS_DIR, edit->place.directory) < 0) {
		path = NULL;
		return error_set(err, ENOMEM, "cannot keep a key");
	}
	if (make_directory(path, err) < 0)
		return -1;
	return policy_place_open(&edit->place, true, err);
}

static int read_key(const char *path, char id[POLICY_KEY_ID_SIZE], char **data, size_t *len,
		    struct error *err)
{
	_cleanup_free_ char *real = realpath(path, NULL);
	_cleanup_free_ char *given = NULL;
	size_t given_len;

	if (!real)
		return error_set(err, errno, "cannot open the key %s", path);
	if (io_read_file(AT_FDCWD, real, POLICY_KEY_SIZE_MAX, &given, &given_len, err) < 0)
		return -1;
	if (trust_key_read(given, given_len, id, data, len, err) < 0)
		return error_prefix(err, "the key %s", path);
	return 0;
}

int trust_edit_add_key(struct trust_edit *edit, const char *path, char id[POLICY_KEY_ID_SIZE],
		       struct error *err)
{
	_cleanup_free_ char *data = NULL;
	_cleanup_fd_ int keys_fd = -1;
	char name[KEY_NAME_SIZE];
	size_t len;

	if (read_key(path, id, &data, &len, err) < 0)
		return -1;
	keys_fd = open_keys(edit, err);
	if (keys_fd < 0)
		return -1;
	trust_key_name(id, name);
	if (write_file(keys_fd, strchr(name, '/') + 1, data, len) < 0)
		return error_set(err, errno, "cannot write %s/%s", edit->place.directory, name);
	return 0;
}

void trust_edit_drop_key(struct trust_edit *edit, const char *id)
{
	char name[KEY_NAME_SIZE];

	for (size_t i = 0; i < edit->policy.rule_count; i++) {
		for (size_t k = 0; k < edit->policy.rules[i].key_count; k++) {
			if (!strcmp(edit->policy.rules[i].keys[k], id))
				return;
		}
	}
	trust_key_name(id, name);
	(void)unlinkat(edit->dir_fd, name, 0);
}
