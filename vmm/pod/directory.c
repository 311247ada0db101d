/*
 * Pods as directories.
 *
 * Whoever clears up may take a new directory between its creation and its lock, when it looks as if
 * its maker had died. Then the maker finds it gone and makes another.
 */
#include "vmm/pod/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "images/remove_tree.h"
#include "images/store.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

/* Somebody who clears up may meet a new directory before it is locked, even more often than not. */
enum { PLACE_PATH_MAX = 64, CREATE_TRIES = 256 };

#define PODS_DIR "pods/v1"

static const char *const place_names[POD_PLACE_COUNT] = {
	[POD_PLACE_PREPARE] = "prepare", [POD_PLACE_PREPARED] = "prepared",
	[POD_PLACE_RUN] = "run",	 [POD_PLACE_EXITED_GARBAGE] = "exited-garbage",
	[POD_PLACE_GARBAGE] = "garbage",
};

const char *pod_place_name(enum pod_place place)
{
	return place_names[place];
}

const char *pod_state_name(enum pod_place place, bool is_held)
{
	switch (place) {
	case POD_PLACE_PREPARE:
		return is_held ? "preparing" : "aborted";
	case POD_PLACE_PREPARED:
		return is_held ? "starting" : "prepared";
	case POD_PLACE_RUN:
		return is_held ? "running" : "exited";
	case POD_PLACE_EXITED_GARBAGE:
	case POD_PLACE_GARBAGE:
		break;
	}
	return is_held ? "deleting" : "garbage";
}

static void place_path(char path[PLACE_PATH_MAX], enum pod_place place, const char *uuid)
{
	(void)snprintf(path, PLACE_PATH_MAX, "%s/%.36s", place_names[place], uuid);
}

void directory_link(char path[DIRECTORY_LINK_MAX], int dir_fd, const char *name)
{
	(void)snprintf(path, DIRECTORY_LINK_MAX, "/proc/self/fd/%d/%.32s", dir_fd, name);
}

/* Creates the directory and its missing parents, for the user alone. */
static int make_directories(char *path, struct error *err)
{
	for (char *at = path + 1;; at++) {
		char c = *at;

		if (c && c != '/')
			continue;
		*at = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return error_set(err, errno, "cannot create the directory %s", path);
		*at = c;
		if (!c)
			return 0;
	}
}

static int make_places(int pods_fd, struct error *err)
{
	for (int place = 0; place < POD_PLACE_COUNT; place++)
		if (mkdirat(pods_fd, place_names[place], 0700) < 0 && errno != EEXIST)
			return error_set(err, errno, "cannot create the directory %s of pods",
					 place_names[place]);
	return 0;
}

/* What others could write could be anything under the name of a pod. */
static int check_owner(int fd, const char *path, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_set(err, errno, "cannot stat %s", path);
	if (st.st_uid != geteuid())
		return error_set(err, EPERM, "%s belongs to user %u, not to the caller", path,
				 st.st_uid);
	if (st.st_mode & 022)
		return error_set(err, 0, "%s is writable by others: chmod go-w it", path);
	return 0;
}

int pods_open(const char *root, bool create, struct error *err)
{
	_cleanup_free_ char *default_root = NULL, *path = NULL;
	_cleanup_fd_ int fd = -1;

	if (!root && store_default_root(&default_root, err) < 0)
		return -1;
	if (asprintf(&path, "%s/" PODS_DIR, root ? root : default_root) < 0) {
		path = NULL;
		return error_set(err, ENOMEM, "cannot open the pods");
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && create) {
		if (make_directories(path, err) < 0)
			return -1;
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		return error_set(err, errno, "cannot open the pods' directory %s", path);
	if (check_owner(fd, path, err) < 0)
		return -1;
	return steal_fd(&fd);
}

static int make_new(int pods_fd, const char *path, struct error *err)
{
	if (mkdirat(pods_fd, path, 0700) == 0)
		return 0;
	if (errno == ENOENT) {
		if (make_places(pods_fd, err) < 0)
			return -1;
		if (mkdirat(pods_fd, path, 0700) == 0)
			return 0;
	}
	return error_set(err, errno, "cannot make the pod's directory pods/v1/%s", path);
}

/* Who only looks whether the lock is held has it for a moment too, but shared. */
static int lock_among_readers(int fd)
{
	static const struct timespec moment = { .tv_nsec = 1000000 };

	for (;;) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 1;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -1;
		if (flock(fd, LOCK_SH | LOCK_NB) < 0)
			return errno == EWOULDBLOCK ? 0 : -1;
		(void)flock(fd, LOCK_UN);
		(void)nanosleep(&moment, NULL);
	}
}

/* By the UUID that is in *out. Returns 1, 0 if somebody has cleared it up at once, -1. */
static int try_create(int pods_fd, enum pod_place place, struct pod_directory *out,
		      struct error *err)
{
	char path[PLACE_PATH_MAX];

	place_path(path, place, out->uuid);
	if (make_new(pods_fd, path, err) < 0)
		return -1;
	out->pods_fd = pods_fd;
	out->place = place;
	out->fd = openat(pods_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (out->fd < 0 && errno != ENOENT)
		return error_set(err, errno, "cannot open the pod's directory pods/v1/%s", path);
	if (out->fd >= 0 && lock_among_readers(out->fd) > 0 &&
	    faccessat(pods_fd, path, F_OK, 0) == 0)
		return 1;
	directory_close(out);
	return 0;
}

int directory_create(int pods_fd, enum pod_place place, struct pod_directory *out,
		     struct error *err)
{
	for (int i = 0; i < CREATE_TRIES; i++) {
		int made = uuid_make(out->uuid, err);

		if (made == 0)
			made = try_create(pods_fd, place, out, err);
		if (made)
			return made < 0 ? -1 : 0;
	}
	return error_set(err, EAGAIN, "cannot make a directory for the pod");
}

int directory_create_as(int pods_fd, enum pod_place place, const char *uuid,
			struct pod_directory *out, struct error *err)
{
	if (!uuid_is_canonical(uuid))
		return error_set(err, 0, "%.64s is no UUID", uuid);
	for (int i = 0; i < CREATE_TRIES; i++) {
		int made;

		(void)snprintf(out->uuid, sizeof(out->uuid), "%s", uuid);
		made = try_create(pods_fd, place, out, err);
		if (made)
			return made < 0 ? -1 : 0;
	}
	return error_set(err, EAGAIN, "cannot make a directory for the pod");
}

int directory_open(int pods_fd, enum pod_place place, const char *uuid, struct pod_directory *out,
		   struct error *err)
{
	char path[PLACE_PATH_MAX];
	struct stat st;
	int fd;

	place_path(path, place, uuid);
	fd = openat(pods_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return error_set(err, errno, "cannot open the pod's directory pods/v1/%s", path);
	if (fstat(fd, &st) < 0 || st.st_uid != geteuid()) {
		close(fd);
		return error_set(err, 0, "the pod's directory pods/v1/%s belongs to somebody else",
				 path);
	}
	*out = (struct pod_directory){ .pods_fd = pods_fd, .fd = fd, .place = place };
	(void)snprintf(out->uuid, sizeof(out->uuid), "%s", uuid);
	return 1;
}

void directory_close(struct pod_directory *directory)
{
	cleanup_fd(&directory->fd);
	directory->fd = -1;
}

bool directory_is_held(const struct pod_directory *directory)
{
	if (flock(directory->fd, LOCK_SH | LOCK_NB) < 0)
		return true;
	(void)flock(directory->fd, LOCK_UN);
	return false;
}

int directory_wait(const struct pod_directory *directory, struct error *err)
{
	while (flock(directory->fd, LOCK_SH) < 0)
		if (errno != EINTR)
			return error_set(err, errno, "cannot wait for the pod's end");
	(void)flock(directory->fd, LOCK_UN);
	return 0;
}

int directory_lock(struct pod_directory *directory, struct error *err)
{
	char path[PLACE_PATH_MAX];
	struct stat there, ours;
	int locked = lock_among_readers(directory->fd);

	if (locked < 0)
		return error_set(err, errno, "cannot lock the pod %s", directory->uuid);
	if (locked == 0)
		return 0;
	place_path(path, directory->place, directory->uuid);
	if (fstatat(directory->pods_fd, path, &there, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fstat(directory->fd, &ours) < 0 || there.st_ino != ours.st_ino) {
		(void)flock(directory->fd, LOCK_UN);
		error_set(err, 0, "the pod %s has gone", directory->uuid);
		if (err)
			err->code = ENOENT;
		return -1;
	}
	return 1;
}

int directory_sync(int pods_fd, enum pod_place place)
{
	_cleanup_fd_ int fd =
	    openat(pods_fd, place_names[place], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -1 : fsync(fd);
}

/* Whoever made the tree may have died before it made the place. */
static int rename_to(int pods_fd, const char *from, const char *to)
{
	if (renameat(pods_fd, from, pods_fd, to) == 0)
		return 0;
	if (errno != ENOENT || make_places(pods_fd, NULL) < 0)
		return -1;
	return renameat(pods_fd, from, pods_fd, to);
}

int directory_move(struct pod_directory *directory, enum pod_place to, bool durable,
		   struct error *err)
{
	char from_path[PLACE_PATH_MAX], to_path[PLACE_PATH_MAX];

	place_path(from_path, directory->place, directory->uuid);
	place_path(to_path, to, directory->uuid);
	if ((durable && fsync(directory->fd) < 0) ||
	    rename_to(directory->pods_fd, from_path, to_path) < 0 ||
	    (durable && (directory_sync(directory->pods_fd, to) < 0 ||
			 directory_sync(directory->pods_fd, directory->place) < 0)))
		return error_set(err, errno, "cannot move the pod %s to %s", directory->uuid,
				 place_names[to]);
	directory->place = to;
	return 0;
}

int directory_remove(struct pod_directory *directory, struct error *err)
{
	char path[PLACE_PATH_MAX];

	/* Half of a pod must not look like a whole one. */
	if (directory->place < POD_PLACE_EXITED_GARBAGE &&
	    directory_move(directory, POD_PLACE_GARBAGE, false, err) < 0)
		return -1;
	place_path(path, directory->place, directory->uuid);
	if (remove_tree(directory->pods_fd, path) < 0)
		return error_set(err, errno, "cannot remove the pod's directory pods/v1/%s", path);
	return 0;
}

int directory_write(int dir_fd, const char *name, const void *data, size_t len_bytes, bool durable,
		    struct error *err)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int failure = 0;

	if (fd < 0)
		return error_set(err, errno, "cannot make the pod's file %s", name);
	if (io_write_all(fd, data, len_bytes) < 0 || (durable && fsync(fd) < 0))
		failure = errno;
	close(fd);
	if (failure == 0)
		return 0;
	(void)unlinkat(dir_fd, name, 0);
	return error_set(err, failure, "cannot write the pod's file %s", name);
}
