/*
 * The locks of the store: bytes of one file.
 */
#include "images/store_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>

#include "images/layout.h"
#include "vmm/base/cleanup.h"

#define LOCK_NAME STORE_DIR_TMP "/lock"

/* Locks bytes of the lock file, by open file description: 1, 0 busy, -1 with err filled. */
static int lock_bytes(const struct store *store, struct flock lock, bool wait, int *lock_fd,
		      struct error *err)
{
	_cleanup_fd_ int fd =
	    openat(store_dir_fd(store), LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return error_set(err, errno, "cannot lock the image store");
	while (fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &lock) < 0) {
		if (!wait && (errno == EAGAIN || errno == EACCES))
			return 0;
		if (errno != EINTR)
			return error_set(err, errno, "cannot lock the image store");
	}
	*lock_fd = steal_fd(&fd);
	return 1;
}

int store_lock(const struct store *store, enum store_lock kind, bool wait, int *lock_fd,
	       struct error *err)
{
	const struct flock lock = { .l_type = kind == STORE_LOCK_SHARED ? F_RDLCK : F_WRLCK,
				    .l_whence = SEEK_SET,
				    .l_len = 1 };

	return lock_bytes(store, lock, wait, lock_fd, err);
}

int store_lock_image(const struct store *store, const struct digest *chain, struct error *err)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	uint64_t place;
	int fd;

	/* One byte of the file stands for one chain; that two chains share it costs a wait. */
	memcpy(&place, chain->bytes, sizeof(place));
	lock.l_start = 1 + (off_t)(place & (INT64_MAX >> 1));
	return lock_bytes(store, lock, true, &fd, err) < 0 ? -1 : fd;
}
