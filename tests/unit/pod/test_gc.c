/*
 * What gc does with a pod in each place, held or not, early and late.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/pod/pods_fixture.h"
#include "vmm/pod/gc.h"
#include "vmm/pod/host_view.h"
#include "vmm/pod/pod_name.h"

#define AN_HOUR_NS ((uint64_t)3600 * 1000000000)

static char said[1024];

static void say(const char *uuid, const char *what)
{
	size_t used = strlen(said);

	(void)snprintf(said + used, sizeof(said) - used, "%s %s\n", what, uuid);
}

static void make(const struct fixture *f, enum pod_place place, struct pod_directory *pod)
{
	struct error err = ERROR_NONE;

	if (directory_create(f->pods_fd, POD_PLACE_PREPARE, pod, &err) < 0 ||
	    (place != POD_PLACE_PREPARE && directory_move(pod, place, false, &err) < 0))
		fail_msg("%s", err.text);
}

/* One whose owner is gone. */
static void leave(const struct fixture *f, enum pod_place place, char uuid[UUID_TEXT_SIZE])
{
	struct pod_directory pod;

	make(f, place, &pod);
	memcpy(uuid, pod.uuid, UUID_TEXT_SIZE);
	directory_close(&pod);
}

/* Where it is; -1: nowhere. */
static int find(const struct fixture *f, const char *uuid)
{
	for (int place = 0; place < POD_PLACE_COUNT; place++) {
		char path[128];

		(void)snprintf(path, sizeof(path), "%s/%s", pod_place_name((enum pod_place)place),
			       uuid);
		if (faccessat(f->pods_fd, path, F_OK, 0) == 0)
			return place;
	}
	return -1;
}

static int collect(const struct fixture *f, const struct gc_options *options, struct error *err)
{
	struct gc_options copy = *options;

	copy.say = say;
	said[0] = '\0';
	return pods_collect(f->pods_fd, &copy, err);
}

static const struct gc_options late = { 0 };
static const struct gc_options early = { .grace_ns = AN_HOUR_NS, .expire_prepared_ns = AN_HOUR_NS };

/* A pod that has ended is noted, waits, and goes; one that was prepared waits longer. */
static void test_places(void **state)
{
	struct fixture *f = *state;
	char uuids[POD_PLACE_COUNT][UUID_TEXT_SIZE], expected[256];
	struct error err = ERROR_NONE;

	for (unsigned i = 0; i < POD_PLACE_COUNT; i++)
		leave(f, (enum pod_place)i, uuids[i]);
	assert_int_equal(collect(f, &early, &err), 0);
	assert_int_equal(find(f, uuids[POD_PLACE_PREPARE]), -1);
	assert_int_equal(find(f, uuids[POD_PLACE_PREPARED]), POD_PLACE_PREPARED);
	assert_int_equal(find(f, uuids[POD_PLACE_RUN]), POD_PLACE_EXITED_GARBAGE);
	assert_int_equal(find(f, uuids[POD_PLACE_EXITED_GARBAGE]), POD_PLACE_EXITED_GARBAGE);
	assert_int_equal(find(f, uuids[POD_PLACE_GARBAGE]), -1);
	(void)snprintf(expected, sizeof(expected), "exited %s\n", uuids[POD_PLACE_RUN]);
	assert_non_null(strstr(said, expected));
	/* Nothing happens twice. */
	assert_int_equal(collect(f, &early, &err), 0);
	assert_string_equal(said, "");
	assert_int_equal(collect(f, &(struct gc_options){ .expire_prepared_ns = AN_HOUR_NS }, &err),
			 0);
	assert_int_equal(find(f, uuids[POD_PLACE_RUN]), -1);
	assert_int_equal(find(f, uuids[POD_PLACE_EXITED_GARBAGE]), -1);
	assert_int_equal(find(f, uuids[POD_PLACE_PREPARED]), POD_PLACE_PREPARED);
	assert_int_equal(collect(f, &late, &err), 0);
	assert_int_equal(find(f, uuids[POD_PLACE_PREPARED]), -1);
}

static void test_held(void **state)
{
	struct fixture *f = *state;
	struct pod_directory pods[POD_PLACE_COUNT];
	struct error err = ERROR_NONE;

	for (unsigned i = 0; i < POD_PLACE_COUNT; i++)
		make(f, (enum pod_place)i, &pods[i]);
	assert_int_equal(collect(f, &late, &err), 0);
	assert_string_equal(said, "");
	for (int i = 0; i < POD_PLACE_COUNT; i++) {
		assert_int_equal(find(f, pods[i].uuid), i);
		directory_close(&pods[i]);
	}
}

static void test_mark_only(void **state)
{
	const struct gc_options mark = { .mark_only = true };
	struct fixture *f = *state;
	char uuids[POD_PLACE_COUNT][UUID_TEXT_SIZE];
	struct error err = ERROR_NONE;

	for (unsigned i = 0; i < POD_PLACE_COUNT; i++)
		leave(f, (enum pod_place)i, uuids[i]);
	for (unsigned again = 0; again < 2; again++) {
		assert_int_equal(collect(f, &mark, &err), 0);
		assert_int_equal(find(f, uuids[POD_PLACE_PREPARE]), POD_PLACE_GARBAGE);
		assert_int_equal(find(f, uuids[POD_PLACE_PREPARED]), POD_PLACE_GARBAGE);
		assert_int_equal(find(f, uuids[POD_PLACE_RUN]), POD_PLACE_EXITED_GARBAGE);
		assert_int_equal(find(f, uuids[POD_PLACE_EXITED_GARBAGE]),
				 POD_PLACE_EXITED_GARBAGE);
		assert_int_equal(find(f, uuids[POD_PLACE_GARBAGE]), POD_PLACE_GARBAGE);
	}
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* What cannot be undone of one pod, the first that is looked at, keeps that pod, and no other. */
static void test_one_fails(void **state)
{
	struct fixture *f = *state;
	char uuids[3][UUID_TEXT_SIZE], path[128];
	struct error err = ERROR_NONE;
	struct pod_directory pod;

	for (unsigned i = 0; i < 3; i++)
		leave(f, POD_PLACE_EXITED_GARBAGE, uuids[i]);
	qsort(uuids, 3, sizeof(uuids[0]), compare);
	(void)snprintf(path, sizeof(path), "exited-garbage/%s/net", uuids[0]);
	assert_int_equal(directory_write(f->pods_fd, path, "", 0, false, &err), 0);
	assert_int_equal(collect(f, &late, &err), -1);
	assert_non_null(strstr(err.text, "cannot open net"));
	assert_int_equal(find(f, uuids[1]), -1);
	assert_int_equal(find(f, uuids[0]), POD_PLACE_EXITED_GARBAGE);
	assert_int_equal(find(f, uuids[2]), -1);
	/* rm keeps it too, unless it is told to give up. */
	assert_int_equal(directory_open(f->pods_fd, POD_PLACE_EXITED_GARBAGE, uuids[0], &pod, &err),
			 1);
	assert_int_equal(pod_remove(&pod, NULL, NULL, &err), -1);
	directory_close(&pod);
	assert_int_equal(find(f, uuids[0]), POD_PLACE_EXITED_GARBAGE);
	assert_int_equal(directory_open(f->pods_fd, POD_PLACE_EXITED_GARBAGE, uuids[0], &pod, &err),
			 1);
	assert_int_equal(pod_remove(&pod, NULL, &(struct error){ 0 }, &err), 0);
	directory_close(&pod);
	assert_int_equal(find(f, uuids[0]), -1);
}

/* Names go with their pods; only a whole collection takes them away. */
static void test_names(void **state)
{
	struct fixture *f = *state;
	char uuid[UUID_TEXT_SIZE], found[UUID_TEXT_SIZE];
	struct error err = ERROR_NONE;

	leave(f, POD_PLACE_RUN, uuid);
	assert_int_equal(pod_name_take(f->pods_fd, "web", uuid, &err), 0);
	assert_int_equal(collect(f, &early, &err), 0);
	assert_true(pod_name_find(f->pods_fd, "web", found));
	assert_string_equal(found, uuid);
	assert_int_equal(collect(f, &late, &err), 0);
	assert_false(pod_name_find(f->pods_fd, "web", found));
}

/* What a start that failed has left goes by its UUID: what has the name since then stays. */
static void test_clear_up(void **state)
{
	struct fixture *f = *state;
	char mine[UUID_TEXT_SIZE], theirs[UUID_TEXT_SIZE], found[UUID_TEXT_SIZE];
	struct error err = ERROR_NONE;

	/* The directory and the name; the name alone; and neither. */
	leave(f, POD_PLACE_RUN, mine);
	assert_int_equal(pod_name_take_free(f->pods_fd, "box", mine, &err), 0);
	pod_clear_up(f->pods_fd, mine, "box", NULL);
	assert_int_equal(find(f, mine), -1);
	assert_false(pod_name_find(f->pods_fd, "box", found));
	assert_int_equal(pod_name_take_free(f->pods_fd, "box", mine, &err), 0);
	pod_clear_up(f->pods_fd, mine, "box", NULL);
	assert_false(pod_name_find(f->pods_fd, "box", found));
	pod_clear_up(f->pods_fd, mine, "box", NULL);
	/* Another's. */
	leave(f, POD_PLACE_RUN, theirs);
	assert_int_equal(pod_name_take_free(f->pods_fd, "box", theirs, &err), 0);
	leave(f, POD_PLACE_RUN, mine);
	pod_clear_up(f->pods_fd, mine, "box", NULL);
	assert_int_equal(find(f, mine), -1);
	assert_int_equal(find(f, theirs), POD_PLACE_RUN);
	assert_true(pod_name_find(f->pods_fd, "box", found));
	assert_string_equal(found, theirs);
}

/* Cgroups of version 2 in their place, which the hosts of some machines do not have there. */
static bool has_cgroups(void)
{
	struct statfs fs;

	if (statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
		return true;
	return unshare(CLONE_NEWNS) == 0 && mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", "/sys/fs/cgroup", "cgroup2", 0, NULL) == 0;
}

/* Others may take names while the processes of a start that failed are awaited. */
static void test_clear_up_of_a_cgroup(void **state)
{
	struct fixture *f = *state;
	char mine[UUID_TEXT_SIZE], found[UUID_TEXT_SIZE], cgroup[64], path[128], name[32];
	struct error err = ERROR_NONE;
	pid_t member, clearer;
	int ready[2], status;
	char byte;

	(void)snprintf(cgroup, sizeof(cgroup), "/nacelle-test-%d", getpid());
	(void)snprintf(path, sizeof(path), "/sys/fs/cgroup%s", cgroup);
	if (!has_cgroups() || mkdir(path, 0755) < 0)
		skip();
	assert_int_equal(pipe(ready), 0);
	member = fork_helper();
	if (member == 0) {
		if (host_cgroup_join(cgroup, false, &err) == 0)
			(void)!write(ready[1], "", 1);
		close(ready[1]);
		for (;;)
			(void)pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	uuid_make(mine, &err);
	assert_int_equal(pod_name_take_free(f->pods_fd, "box", mine, &err), 0);
	clearer = fork_helper();
	if (clearer == 0) {
		pod_clear_up(f->pods_fd, mine, "box", cgroup);
		_exit(0);
	}
	for (int i = 0; i < 20; i++) {
		(void)snprintf(name, sizeof(name), "other%d", i);
		assert_int_equal(pod_name_take_free(f->pods_fd, name, mine, &err), 0);
		(void)poll(NULL, 0, 10);
	}
	/* Its own is kept until the cgroup goes. */
	assert_true(pod_name_find(f->pods_fd, "box", found));
	assert_int_equal(access(path, F_OK), 0);
	kill(member, SIGKILL);
	assert_int_equal(waitpid(member, NULL, 0), member);
	assert_int_equal(waitpid(clearer, &status, 0), clearer);
	assert_int_equal(status, 0);
	assert_false(pod_name_find(f->pods_fd, "box", found));
	assert_int_equal(access(path, F_OK), -1);
}

static void test_remove_held(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_NONE;
	struct pod_directory owner, other;

	make(f, POD_PLACE_RUN, &owner);
	assert_int_equal(directory_open(f->pods_fd, POD_PLACE_RUN, owner.uuid, &other, &err), 1);
	assert_int_equal(pod_remove(&other, NULL, NULL, &err), -1);
	assert_non_null(strstr(err.text, "; stop it first"));
	assert_int_equal(find(f, owner.uuid), POD_PLACE_RUN);
	directory_close(&owner);
	assert_int_equal(pod_remove(&other, NULL, NULL, &err), 0);
	assert_int_equal(find(f, owner.uuid), -1);
	directory_close(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_places, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_held, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_clear_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_clear_up_of_a_cgroup, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_mark_only, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_one_fails, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_remove_held, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
