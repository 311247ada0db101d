/*
 * Putting files into the store.
 */
#include "images/publish.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "images/verity.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

#define FILE_PREFIX    "file-"
#define PARTIAL_PREFIX (&STORE_PARTIAL[sizeof(STORE_DIR_TMP)])

bool store_is_temporary(const char *file)
{
	return strncmp(file, FILE_PREFIX, strlen(FILE_PREFIX)) == 0 ||
	       strncmp(file, PARTIAL_PREFIX, strlen(PARTIAL_PREFIX)) == 0;
}

static int make_name(char name[STORE_NAME_MAX], struct error *err)
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return error_set(err, errno, "cannot get a random number");
	(void)snprintf(name, STORE_NAME_MAX, STORE_DIR_TMP "/" FILE_PREFIX "%016" PRIx64, random);
	return 0;
}

/* For file systems without O_TMPFILE. The name is locked before anybody could sweep it, or again.
 */
static int open_named(struct temporary *file, int dir_fd, struct error *err)
{
	struct stat st;

	do {
		if (file->fd >= 0)
			close(file->fd);
		if (make_name(file->name, err) < 0)
			return -1;
		file->fd = openat(dir_fd, file->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (file->fd < 0)
			file->name[0] = '\0'; /* whoever has it, it is not ours */
		if (file->fd < 0 || flock(file->fd, LOCK_EX) < 0 || fstat(file->fd, &st) < 0)
			return error_set(err, errno, "cannot create a file in the image store");
	} while (st.st_nlink == 0);
	return 0;
}

int temporary_open(struct temporary *file, const struct store *store, struct error *err)
{
	int dir_fd = store_dir_fd(store);

	*file = (struct temporary){ .fd = openat(dir_fd, STORE_DIR_TMP,
						 O_RDWR | O_TMPFILE | O_CLOEXEC, 0600) };
	if (file->fd >= 0) {
		if (flock(file->fd, LOCK_EX) < 0)
			return error_set(err, errno, "cannot lock a file in the image store");
		return 0;
	}
	if (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)
		return open_named(file, dir_fd, err);
	return error_set(err, errno, "cannot create a file in the image store");
}

void temporary_discard(struct temporary *file, const struct store *store)
{
	if (file->name[0])
		(void)unlinkat(store_dir_fd(store), file->name, 0);
	if (file->fd >= 0)
		close(file->fd);
	*file = (struct temporary){ .fd = -1 };
}

/* Gives an unnamed file a name in tmp/. The link by descriptor needs a privilege or /proc. */
static int name_it(struct temporary *file, int dir_fd, struct error *err)
{
	char path[40];

	if (file->name[0])
		return 0;
	if (make_name(file->name, err) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file->fd);
	if (linkat(AT_FDCWD, path, dir_fd, file->name, AT_SYMLINK_FOLLOW) == 0 ||
	    linkat(file->fd, "", dir_fd, file->name, AT_EMPTY_PATH) == 0)
		return 0;
	file->name[0] = '\0';
	return error_set(err, errno, "cannot name a file in the image store");
}

static int sync_directory_of(int dir_fd, const char *name, struct error *err)
{
	char directory[STORE_NAME_MAX];
	_cleanup_fd_ int fd = -1;

	(void)snprintf(directory, sizeof(directory), "%.*s", (int)strcspn(name, "/"), name);
	fd = openat(dir_fd, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return error_set(err, errno, "cannot make %s durable", name);
	return 0;
}

int temporary_seal(struct temporary *file, struct error *err)
{
	_cleanup_fd_ int fd = -1;
	char path[40];

	/* A named one would be swept without its lock; no file system with fs-verity needs names.
	 */
	if (file->name[0])
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file->fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0; /* no /proc: no fs-verity */
	close(file->fd);
	file->fd = steal_fd(&fd);
	if (flock(file->fd, LOCK_EX) < 0)
		return error_set(err, errno, "cannot lock a file in the image store");
	return verity_enable(file->fd, err);
}

int temporary_publish(struct temporary *file, const struct store *store, const char *name,
		      struct error *err)
{
	int dir_fd = store_dir_fd(store);

	if (fchmod(file->fd, 0400) < 0 || fsync(file->fd) < 0)
		return error_set(err, errno, "cannot write to the image store");
	if (name_it(file, dir_fd, err) < 0)
		return -1;
	if (renameat(dir_fd, file->name, dir_fd, name) < 0)
		return error_set(err, errno, "cannot write to the image store");
	file->name[0] = '\0';
	return sync_directory_of(dir_fd, name, err);
}

int store_publish(const struct store *store, const char *name, const void *data, size_t len,
		  struct error *err)
{
	struct temporary file;
	int result = temporary_open(&file, store, err);

	if (result == 0 && io_write_all(file.fd, data, len) < 0)
		result = error_set(err, errno, "cannot write to the image store");
	if (result == 0)
		result = temporary_publish(&file, store, name, err);
	temporary_discard(&file, store);
	return result;
}

bool store_is_named(int dir_fd, const char *name, const struct stat *opened)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_ino == opened->st_ino && st.st_dev == opened->st_dev;
}

/* A partial blob is nobody's while nobody writes it, so only its age tells. */
static bool is_young(const struct stat *st, int64_t age_max_s)
{
	return time(NULL) - st->st_mtim.tv_sec < age_max_s;
}

static void sweep_one(int tmp_fd, const char *name, int64_t partial_age_max_s)
{
	bool is_partial = strncmp(name, PARTIAL_PREFIX, strlen(PARTIAL_PREFIX)) == 0;
	_cleanup_fd_ int fd = -1;
	struct stat st;

	if (!store_is_temporary(name))
		return;
	fd = openat(tmp_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &st) < 0 ||
	    !store_is_named(tmp_fd, name, &st))
		return;
	if (!is_partial || !is_young(&st, partial_age_max_s))
		(void)unlinkat(tmp_fd, name, 0);
}

void store_sweep(const struct store *store, int64_t partial_age_max_s)
{
	int fd = openat(store_dir_fd(store), STORE_DIR_TMP, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		cleanup_fd(&fd);
		return;
	}
	while ((entry = readdir(dir)))
		sweep_one(dirfd(dir), entry->d_name, partial_age_max_s);
}
