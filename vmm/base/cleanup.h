/*
 * Scope-bound release of resources, by the compiler's cleanup attribute.
 *
 * A variable marked with one of these releases what it holds when it leaves its scope; ownership is
 * handed on with steal_fd() or steal_ptr(). Every release keeps errno.
 */
#ifndef NACELLE_BASE_CLEANUP_H
#define NACELLE_BASE_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(fn)  __attribute__((cleanup(fn)))
#define _cleanup_free_ _cleanup_(cleanup_free)
#define _cleanup_fd_   _cleanup_(cleanup_fd)
#define _cleanup_file_ _cleanup_(cleanup_file)
#define _cleanup_dir_  _cleanup_(cleanup_dir)

static inline void cleanup_free(void *slot)
{
	int saved = errno;

	free(*(void **)slot);
	errno = saved;
}

/* Closes *fd unless it is negative. */
static inline void cleanup_fd(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

static inline void cleanup_file(FILE **file)
{
	int saved = errno;

	if (*file)
		fclose(*file);
	errno = saved;
}

static inline void cleanup_dir(DIR **dir)
{
	int saved = errno;

	if (*dir)
		closedir(*dir);
	errno = saved;
}

/* Returns *fd and leaves -1 behind: the caller now owns the descriptor. */
static inline int steal_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* Evaluates to the pointer held by the variable and leaves NULL behind. */
#define steal_ptr(slot)                                                                            \
	({                                                                                         \
		__typeof__(slot) *slot_ = &(slot);                                                 \
		__typeof__(slot) taken_ = *slot_;                                                  \
		*slot_ = NULL;                                                                     \
		taken_;                                                                            \
	})

#endif
