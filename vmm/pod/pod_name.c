/*
 * Names of pods. Whoever changes a name that exists already holds the lock of the directory of
 * names, so that nobody takes away what another has just taken.
 */
#include "vmm/pod/pod_name.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/pod/pods.h"

#define NAMES_DIR "names"
#define NEW_NAME  ".new"

static bool is_name(const char *name)
{
	size_t length = strlen(name);

	return length > 0 && length <= POD_NAME_MAX && isalnum((unsigned char)name[0]) &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") ==
		   length &&
	       !uuid_is_canonical(name);
}

int pod_name_check(const char *name, struct error *err)
{
	if (is_name(name))
		return 0;
	return error_set(err, 0,
			 "--name %s: 1 to %d letters, digits, dots, dashes and underscores are "
			 "allowed, with a letter or a digit first, and no UUID",
			 name, POD_NAME_MAX);
}

/* Opens the directory of names, locked. */
static int lock_names(int pods_fd, bool create)
{
	_cleanup_fd_ int fd = -1;

	if (create && mkdirat(pods_fd, NAMES_DIR, 0700) < 0 && errno != EEXIST)
		return -1;
	fd = openat(pods_fd, NAMES_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -1;
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return -1;
	return steal_fd(&fd);
}

static bool read_name(int names_fd, const char *name, char uuid[UUID_TEXT_SIZE])
{
	ssize_t n = readlinkat(names_fd, name, uuid, UUID_TEXT_SIZE);

	if (n != UUID_TEXT_SIZE - 1)
		return false;
	uuid[n] = '\0';
	return uuid_is_canonical(uuid);
}

/* What the pod is doing that needs its name, or NULL. */
static const char *need_of(int pods_fd, const char *uuid)
{
	struct pod_directory pod;
	const char *state = NULL;
	bool is_held;

	if (pods_open_one(pods_fd, uuid, &pod, NULL) <= 0)
		return NULL;
	is_held = directory_is_held(&pod);
	if (pod.place == POD_PLACE_PREPARED || (pod.place <= POD_PLACE_RUN && is_held))
		state = pod_state_name(pod.place, is_held);
	directory_close(&pod);
	return state;
}

static bool is_there(int pods_fd, const char *uuid)
{
	struct pod_directory pod;
	int found = pods_open_one(pods_fd, uuid, &pod, NULL);

	if (found > 0)
		directory_close(&pod);
	return found != 0;
}

static int take(int pods_fd, const char *name, const char *uuid, bool from_ended, struct error *err)
{
	_cleanup_fd_ int fd = -1;
	char holder[UUID_TEXT_SIZE];
	const char *need;

	if (pod_name_check(name, err) < 0)
		return -1;
	fd = lock_names(pods_fd, true);
	if (fd < 0)
		return error_set(err, errno, "cannot name the pod %s", name);
	if (symlinkat(uuid, fd, name) == 0)
		return 0;
	if (errno != EEXIST)
		return error_set(err, errno, "cannot name the pod %s", name);
	if (!read_name(fd, name, holder))
		holder[0] = '\0';
	if (!from_ended && holder[0] && is_there(pods_fd, holder)) {
		error_set(err, 0, "the name %s belongs to the pod %s", name, holder);
		err->code = EEXIST;
		return -1;
	}
	need = holder[0] ? need_of(pods_fd, holder) : NULL;
	if (need)
		return error_set(err, 0, "the name %s belongs to the pod %s, which is %s", name,
				 holder, need);
	(void)unlinkat(fd, NEW_NAME, 0);
	if (symlinkat(uuid, fd, NEW_NAME) < 0 || renameat(fd, NEW_NAME, fd, name) < 0)
		return error_set(err, errno, "cannot name the pod %s", name);
	return 0;
}

int pod_name_take(int pods_fd, const char *name, const char *uuid, struct error *err)
{
	return take(pods_fd, name, uuid, true, err);
}

int pod_name_take_free(int pods_fd, const char *name, const char *uuid, struct error *err)
{
	return take(pods_fd, name, uuid, false, err);
}

bool pod_name_find(int pods_fd, const char *name, char uuid[UUID_TEXT_SIZE])
{
	_cleanup_fd_ int fd = -1;

	if (!is_name(name))
		return false;
	fd = openat(pods_fd, NAMES_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 && read_name(fd, name, uuid);
}

int pod_name_lock(int pods_fd, const char *name, const char *uuid)
{
	_cleanup_fd_ int fd = is_name(name) ? lock_names(pods_fd, false) : -1;
	char holder[UUID_TEXT_SIZE];

	if (fd >= 0 && read_name(fd, name, holder) && strcmp(holder, uuid) != 0)
		return -1;
	return steal_fd(&fd);
}

void pod_name_give_up(int names_fd, const char *name)
{
	(void)unlinkat(names_fd, name, 0);
	close(names_fd);
}

static void sweep_one(int pods_fd, int names_fd, const char *name)
{
	struct pod_directory pod;
	char uuid[UUID_TEXT_SIZE];
	int found = 0;

	if (name[0] == '.')
		return;
	if (read_name(names_fd, name, uuid))
		found = pods_open_one(pods_fd, uuid, &pod, NULL);
	if (found > 0)
		directory_close(&pod);
	else if (found == 0)
		(void)unlinkat(names_fd, name, 0);
}

void pod_names_sweep(int pods_fd)
{
	int fd = lock_names(pods_fd, false);
	_cleanup_dir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		cleanup_fd(&fd);
		return;
	}
	/* Of one who died; whoever lives and makes one has the lock. */
	(void)unlinkat(fd, NEW_NAME, 0);
	while ((entry = readdir(dir)))
		sweep_one(pods_fd, fd, entry->d_name);
}
