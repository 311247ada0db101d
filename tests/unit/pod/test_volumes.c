/*
 * Volumes of a pod together: what is there once, the order of mounts, and the opening on the host.
 * The forms of the options have golden cases.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/pod/volume_options.h"

static struct volume_set set;
static struct pod_mount mounts[RECORD_MOUNTS_MAX];
static size_t count;
static char directory[] = "/tmp/nacelle-volumes-XXXXXX";

static int setup(void **state)
{
	(void)state;
	volume_set_init(&set, 1);
	count = 0;
	return 0;
}

static int mount_one(const char *text, enum volume_flag read_only, struct volume *volume,
		     struct error *err)
{
	if (volume_parse(text, volume, err) < 0)
		return -1;
	return volume_set_mount(&set, volume, volume->target ? volume->target : "/named", read_only,
				&mounts[count++], err);
}

static void test_same_source_is_one_share(void **state)
{
	static const char *const texts[] = { "/a:/1", "/a:/2",	     "/a:/3:ro",
					     "/b:/4", "/a:/5:norec", "/a:/6:ro,cache=mmap" };
	struct error err = ERROR_NONE;
	struct volume volumes[6];

	(void)state;
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(mount_one(texts[i], VOLUME_UNSET, &volumes[i], &err), 0);
	assert_int_equal(set.share_count, 5);
	assert_string_equal(mounts[0].source, mounts[1].source);
	assert_int_equal(volume_set_count(&set, PLAN_FILES_CACHED), 1);
	assert_int_equal(volume_set_count(&set, PLAN_FILES_CHANGING), 4);
	for (size_t i = 0; i < 6; i++)
		volume_free(&volumes[i]);
}

static void test_read_only(void **state)
{
	static const struct {
		const char *text;
		enum volume_flag mount;
		bool read_only;
	} cases[] = {
		{ "v,kind=empty", VOLUME_UNSET, false },
		{ "v,kind=empty", VOLUME_YES, true },
		{ "v,kind=empty,readOnly=false", VOLUME_YES, false },
		{ "v,kind=empty,readOnly=true", VOLUME_NO, true },
		{ "v,kind=empty,readOnly=true", VOLUME_UNSET, true },
	};
	struct error err = ERROR_NONE;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct volume volume;

		assert_int_equal(mount_one(cases[i].text, cases[i].mount, &volume, &err), 0);
		assert_int_equal(mounts[0].read_only, cases[i].read_only);
		volume_free(&volume);
		setup(NULL);
	}
}

static void test_targets(void **state)
{
	static const char *const sorted[] = { "/", "//b/", "/a", "/a/./b", "/a/b/c" };
	struct pod_mount five[] = { { .target = "/a/b/c" },
				    { .target = "//b/" },
				    { .target = "/a/./b" },
				    { .target = "/" },
				    { .target = "/a" } };
	struct error err = ERROR_NONE;

	(void)state;
	assert_true(volume_same_target("/a//b/", "/a/./b/."));
	assert_true(volume_same_target("/", "//."));
	assert_false(volume_same_target("/a", "/a/b"));
	assert_false(volume_same_target("/a/b", "/a"));
	assert_false(volume_same_target("/a", "/.a"));
	assert_false(volume_same_target("/ab", "/a"));
	volume_sort_targets(five, 5);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(five[i].target, sorted[i]);
	assert_int_equal(volume_check_targets(five, 5, &err), 0);
	five[0].target = "/a/b/";
	assert_int_equal(volume_check_targets(five, 5, &err), -1);
}

static void make_file(const char *name, off_t size)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

/* One disk, opened in a set of its own; -1 if that is refused. */
static int open_disk(const char *text, struct volume_set *disks, struct error *err)
{
	struct volume volume;
	int r;

	volume_set_init(disks, 0);
	assert_int_equal(volume_parse(text, &volume, err), 0);
	assert_int_equal(volume_set_mount(disks, &volume, volume.target, VOLUME_UNSET, mounts, err),
			 0);
	r = volume_set_open(disks, err);
	if (r < 0)
		volume_set_close(disks);
	volume_free(&volume);
	return r;
}

static void test_disks(void **state)
{
	static struct volume_set first, second;
	struct error err = ERROR_NONE;

	(void)state;
	make_file("disk", 1 << 20);
	make_file("odd", 1000);
	assert_int_equal(open_disk("disk:/x:block", &first, &err), 0);
	assert_int_equal(first.disks[0].size_bytes, 1 << 20);
	assert_string_equal(mounts[0].file_system, "ext4");
	assert_string_equal(mounts[0].source, "vda");
	assert_int_equal(open_disk("disk:/x:block", &second, &err), -1);
	assert_non_null(strstr(err.text, "another pod or process uses disk"));
	assert_int_equal(open_disk("disk:/x:block,ro", &second, &err), -1);
	volume_set_close(&first);
	assert_int_equal(open_disk("disk:/dev/x:block,ro", &first, &err), 0);
	assert_null(mounts[0].file_system);
	assert_int_equal(open_disk("disk:/x:block,ro", &second, &err), 0);
	volume_set_close(&second);
	assert_int_equal(open_disk("disk:/x:block", &second, &err), -1);
	volume_set_close(&first);
	assert_int_equal(open_disk("odd:/x:block", &first, &err), -1);
	assert_int_equal(open_disk("/dev/null:/x:block", &first, &err), -1);
}

static void test_one_disk_two_ways(void **state)
{
	struct error err = ERROR_NONE;
	struct volume volumes[3];

	(void)state;
	assert_int_equal(mount_one("disk:/a:block", VOLUME_UNSET, &volumes[0], &err), 0);
	assert_int_equal(mount_one("disk:/b:block", VOLUME_UNSET, &volumes[1], &err), 0);
	assert_int_equal(set.disk_count, 1);
	assert_string_equal(set.disks[0].name, "vdb");
	assert_int_equal(mount_one("disk:/c:block,ro", VOLUME_UNSET, &volumes[2], &err), -1);
	for (int i = 0; i < 3; i++)
		volume_free(&volumes[i]);
}

/* As root the kernel itself keeps what was opened read-only. */
static void test_read_only_on_the_host(void **state)
{
	struct error err = ERROR_NONE;
	struct volume volume;
	struct stat st;

	(void)state;
	if (geteuid() != 0)
		skip();
	make_file("kept", 0);
	assert_int_equal(mount_one(".:/x:ro", VOLUME_UNSET, &volume, &err), 0);
	assert_int_equal(volume_set_open(&set, &err), 0);
	assert_int_equal(fstatat(set.shares[0].fd, "kept", &st, 0), 0);
	assert_int_equal(unlinkat(set.shares[0].fd, "kept", 0), -1);
	assert_int_equal(errno, EROFS);
	volume_set_close(&set);
	volume_free(&volume);
}

static void test_options_of_an_app(void **state)
{
	const char *pod_texts[] = { "/a:/a", "data,kind=empty", NULL };
	const char *own_texts[] = { "/b:/a/b", NULL };
	const char *mount_texts[] = { "volume=data,target=/data", NULL };
	const char *tmpfs_texts[] = { "/tmp:size=1M", NULL };
	const char *declared[] = { "/data/", "/var/lib/x", NULL };
	const struct text_list pod = { pod_texts, 2 }, own = { own_texts, 1 },
			       named = { mount_texts, 1 }, tmpfs = { tmpfs_texts, 1 };
	const struct volume_wishes wishes = { .app = "web",
					      .volumes = &own,
					      .mounts = &named,
					      .tmpfs = &tmpfs,
					      .declared = declared };
	struct volume_options options;
	struct error err = ERROR_NONE;

	(void)state;
	assert_int_equal(volume_options_read(&options, &pod, &err), 0);
	assert_int_equal(volume_options_mount(&options, &wishes, &set, mounts, &count, &err), 0);
	assert_int_equal(count, 5);
	assert_string_equal(mounts[1].target, "/data");
	assert_string_equal(mounts[3].target, "/a/b");
	assert_string_equal(mounts[4].target, "/var/lib/x");
	assert_string_equal(mounts[4].source, "web-1");
	assert_true(mounts[4].prefill && !mounts[1].prefill);
	assert_int_equal(set.volume_count, 2);
	volume_options_free(&options);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_same_source_is_one_share, setup),
		cmocka_unit_test_setup(test_read_only, setup),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_disks),
		cmocka_unit_test_setup(test_one_disk_two_ways, setup),
		cmocka_unit_test_setup(test_read_only_on_the_host, setup),
		cmocka_unit_test_setup(test_options_of_an_app, setup),
	};
	char command[64];
	int failed;

	if (!mkdtemp(directory) || chdir(directory) < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)snprintf(command, sizeof(command), "rm -r %s", directory);
	return system(command) != 0 || failed;
}
