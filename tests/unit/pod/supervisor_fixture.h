/*
 * A supervisor whose control socket is in a directory of the test's own, in the test's process.
 */
#ifndef NACELLE_TESTS_SUPERVISOR_FIXTURE_H
#define NACELLE_TESTS_SUPERVISOR_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "images/remove_tree.h"
#include "vmm/pod/client.h"
#include "vmm/pod/control_socket.h"
#include "vmm/pod/supervisor.h"

enum { SUPERVISOR_DIRECTORY_MAX = 64 };

/* A directory for a control socket. Returns its descriptor. */
static inline int make_directory(char directory[SUPERVISOR_DIRECTORY_MAX])
{
	strcpy(directory, "/tmp/nacelle-control-XXXXXX");
	assert_non_null(mkdtemp(directory));
	return open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static inline void remove_directory(const char *directory, int dir_fd)
{
	close(dir_fd);
	assert_int_equal(remove_tree(AT_FDCWD, directory), 0);
}

static inline void begin_supervisor(struct supervisor *s, int dir_fd)
{
	assert_int_equal(loop_init(&s->loop, NULL), 0);
	assert_int_equal(
	    control_socket_open(&s->control, s, &s->loop, control_socket_bind(dir_fd, NULL), NULL),
	    0);
}

/* What has come is served. */
static inline void turn_loop(struct supervisor *s)
{
	for (int i = 0; i < 4; i++)
		assert_int_equal(loop_run_once(&s->loop, 0, NULL), 0);
}

static inline void end_supervisor(struct supervisor *s)
{
	control_socket_close(&s->control);
	loop_fini(&s->loop);
}

#endif
