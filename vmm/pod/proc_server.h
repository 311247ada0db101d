/*
 * A file system that shows an app's processes as a /proc does, for readers on the host: requests of
 * the kernel's FUSE (linux/fuse.h) in, answers out. It can only be read; what else is asked for is
 * refused. Nothing is kept between two requests, so that the processes may be others each time.
 */
#ifndef NACELLE_POD_PROC_SERVER_H
#define NACELLE_POD_PROC_SERVER_H

#include <stddef.h>

#include "vmm/pod/processes.h"

enum { PROC_REQUEST_MAX = 8192, PROC_ANSWER_MAX = 8192 };

/* Returns the answer's length, 0 for a request that gets none. */
size_t proc_server_answer(const struct processes *processes, const void *request, size_t len,
			  char answer[PROC_ANSWER_MAX]);

#endif
