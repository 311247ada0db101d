/*
 * A tree of pods of the test's own, gone after each case.
 */
#ifndef NACELLE_TESTS_PODS_FIXTURE_H
#define NACELLE_TESTS_PODS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <cmocka.h>

#include "images/remove_tree.h"
#include "vmm/pod/directory.h"
#include "vmm/pod/pods.h"

struct fixture {
	char root[64];
	int pods_fd;
};

static inline int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->root, "/tmp/nacelle-pods-XXXXXX");
	assert_non_null(mkdtemp(f->root));
	f->pods_fd = pods_open(f->root, true, NULL);
	assert_true(f->pods_fd >= 0);
	*state = f;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;

	close(f->pods_fd);
	assert_int_equal(remove_tree(AT_FDCWD, f->root), 0);
	free(f);
	return 0;
}

/* fork() of a child that ends with the test, however that ends. */
static inline pid_t fork_helper(void)
{
	pid_t parent = getpid(), pid = fork();

	assert_true(pid >= 0);
	if (pid == 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent))
		_exit(1);
	return pid;
}

#endif
