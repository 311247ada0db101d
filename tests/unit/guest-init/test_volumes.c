/*
 * Where volumes are mounted in an app's root, whatever lies there, and what they begin with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "harness.h"

/* Runs a shell command in a directory of this machine. */
static void in_directory(const char *dir, const char *command)
{
	char line[2048];

	assert_true(snprintf(line, sizeof(line), "cd %s && { %s; }", dir, command) <
		    (int)sizeof(line));
	assert_int_equal(system(line), 0);
}

static void add(struct harness_pod *pod, struct pod_mount mount)
{
	pod->mounts[pod->app.mount_count++] = mount;
}

static struct pod_mount share_at(const char *target)
{
	return (struct pod_mount){ .source = "volume", .target = target };
}

static struct pod_mount volume_at(const char *target)
{
	return (struct pod_mount){ .type = POD_MOUNT_VOLUME, .source = "data", .target = target };
}

static void expect_output(struct harness_pod *pod, const char *out)
{
	struct outcome o;

	harness_run(&pod->pod, &(struct script){ 0 }, &o);
	assert_string_equal(o.err, "");
	assert_string_equal(o.out, out);
	assert_true(o.pod_exited && o.pod_kind == EXIT_KIND_CODE && o.pod_code == 0);
}

static void expect_refusal(struct harness_pod *pod, const char *message)
{
	struct outcome o;

	harness_run(&pod->pod, &(struct script){ 0 }, &o);
	assert_ptr_equal(strstr(o.err, message), o.err);
	assert_true(o.pod_exited && o.pod_kind != EXIT_KIND_CODE);
}

/* What a share that is mounted on `target` shows at `seen`. */
static void expect_at(const char *target, const char *seen)
{
	struct harness_pod pod;
	char script[512];

	(void)snprintf(script, sizeof(script), "cat %s/mark", seen);
	harness_pod(&pod, script);
	add(&pod, share_at(target));
	expect_output(&pod, "mark\n");
}

static void test_targets(void **state)
{
	struct harness_pod pod;

	(void)state;
	in_directory(harness_root(),
		     "mkdir -p full/sub real && touch full/hidden && ln -s /real absolute && "
		     "ln -s real relative && ln -s ../../../../../real up && "
		     "ln -s /no/where dangling && ln -s dangling twice && ln -s away/off loose");
	expect_at("/full", "/full");
	expect_at("/full/sub/", "/full/sub");
	expect_at("//full/./sub/../sub//", "/full/sub");
	expect_at("/absolute", "/real");
	expect_at("/relative/below", "/real/below");
	expect_at("/up/below", "/real/below");
	expect_at("/dangling", "/no/where");
	expect_at("/dangling/below", "/no/where/below");
	expect_at("/twice/x", "/no/where/x");
	expect_at("/loose", "/away/off");
	/* What was there does not show, and comes back for others. */
	harness_pod(&pod, "ls /full; stat -c '%a %u:%g' /new /new/deep; ls /new/deep/target");
	add(&pod, share_at("/full"));
	add(&pod, share_at("/new/deep/target"));
	expect_output(&pod, "mark\n755 0:0\n755 0:0\nmark\n");
	in_directory(harness_root(),
		     "test -e full/hidden && test ! -e new && test ! -e no && test ! -e away && "
		     "rm -r full real absolute relative up dangling twice loose");
}

static void test_targets_in_each_other(void **state)
{
	struct harness_pod pod;

	(void)state;
	harness_pod(&pod, "ls /a /a/b; touch /a/b/file /a/made");
	add(&pod, share_at("/a"));
	add(&pod, (struct pod_mount){ .type = POD_MOUNT_TMPFS, .target = "/a/b" });
	expect_output(&pod, "/a:\nb\nmark\n\n/a/b:\n");
	in_directory(harness_share(), "test -f made && rmdir b && rm made");
}

static void test_refused_targets(void **state)
{
	struct harness_pod pod;

	(void)state;
	in_directory(harness_root(),
		     "ln -s loop loop && touch file && mkdir dir && ln -s dir other");
	harness_pod(&pod, "echo started");
	add(&pod, share_at("/loop/x"));
	expect_refusal(&pod, "nacelle: cannot open /loop/x: ");
	harness_pod(&pod, "echo started");
	add(&pod, share_at("/file"));
	expect_refusal(&pod, "nacelle: cannot mount on /file: ");
	harness_pod(&pod, "echo started");
	add(&pod, share_at("/file/below"));
	expect_refusal(&pod, "nacelle: cannot open /file/below: ");
	/* The same directory, by a name that the host could not know. */
	harness_pod(&pod, "echo started");
	add(&pod, share_at("/dir"));
	add(&pod, (struct pod_mount){ .type = POD_MOUNT_TMPFS, .target = "/other" });
	expect_refusal(&pod, "nacelle: two volumes are to be mounted on /other: ");
	in_directory(harness_root(), "rm loop file other && rmdir dir");
}

static void test_files_as_volumes(void **state)
{
	struct harness_pod pod;

	(void)state;
	in_directory(harness_share(), "echo text >../single");
	in_directory(harness_root(), "touch there && ln -s /etc/made-by-link link");
	harness_pod(&pod, "cat /there /new/file /etc/made-by-link; echo x >/there && echo written");
	for (int i = 0; i < 3; i++) {
		static const char *const targets[] = { "/there", "/new/file", "/link" };
		struct pod_mount mount = share_at(targets[i]);

		mount.source = "single";
		add(&pod, mount);
	}
	expect_output(&pod, "text\ntext\ntext\nwritten\n");
	harness_pod(&pod, "echo started");
	add(&pod, share_at("/tmp"));
	pod.mounts[0].source = "single";
	expect_refusal(&pod, "nacelle: cannot mount on /tmp: ");
	in_directory(harness_root(), "rm there link");
	in_directory(harness_share(), "rm ../single");
}

static void test_read_only_root(void **state)
{
	struct harness_pod pod;

	(void)state;
	/* With an upper layer a target can be made; without, it must be there. */
	harness_pod(&pod, "cat /new/mark; touch /new/x /new2 2>/dev/null; ls /new");
	pod.app.root.read_only = true;
	add(&pod, share_at("/new"));
	pod.mounts[0].read_only = true;
	expect_output(&pod, "mark\nmark\n");
}

static void test_tmpfs_options(void **state)
{
	struct harness_pod pod;

	(void)state;
	harness_pod(&pod,
		    "stat -c '%a %u:%g' /t; dd if=/dev/zero of=/t/x bs=64k count=2 2>/dev/null "
		    "|| echo full; cp /bin/busybox /e/ && /e/busybox true || echo no execution; "
		    "touch /r/x 2>/dev/null || echo read-only");
	add(&pod, (struct pod_mount){ .type = POD_MOUNT_TMPFS,
				      .target = "/t",
				      .mode = 0701,
				      .uid = 5,
				      .gid = 6,
				      .size_bytes = 65536 });
	add(&pod, (struct pod_mount){ .type = POD_MOUNT_TMPFS, .target = "/e", .noexec = true });
	add(&pod, (struct pod_mount){ .type = POD_MOUNT_TMPFS, .target = "/r", .read_only = true });
	{
		struct outcome o;

		harness_run(&pod.pod, &(struct script){ 0 }, &o);
		assert_string_equal(o.out, "701 5:6\nfull\nno execution\nread-only\n");
	}
}

static void test_empty_volumes(void **state)
{
	const struct pod_volume volume = { .name = "data", .mode = 02775, .uid = 7, .gid = 8 };
	struct harness_pod pod;

	(void)state;
	harness_pod(&pod, "stat -c '%a %u:%g' /one; echo x >/one/file; cat /two/file; ls /one");
	pod.pod.volumes = &volume;
	pod.pod.volume_count = 1;
	add(&pod, volume_at("/one"));
	add(&pod, volume_at("/two"));
	pod.mounts[1].read_only = true;
	expect_output(&pod, "2775 7:8\nx\nfile\n");
}

/* The volume begins with what the image has, also where the way leads through a link. */
static void test_prefill(void **state)
{
	const struct pod_volume volume = { .name = "data" };
	struct harness_pod pod;

	(void)state;
	in_directory(harness_root(),
		     "mkdir -p var/data/deep/er && ln -s var/data srv && cd var/data && "
		     "echo content >deep/er/file && chmod 6751 deep/er/file && "
		     "chown 11:12 deep && chmod 1770 deep && ln -s /nowhere link && "
		     "chown -h 3:4 link && mkfifo -m 640 pipe && chown 21:22 . && chmod 711 . && "
		     "touch -d @1000000000 deep/er/file deep && chown 5:6 deep/er");
	harness_pod(&pod, "cd /srv; cat deep/er/file; readlink link; "
			  "stat -c '%a %u:%g %Y' deep/er/file deep | sed s/.$//; "
			  "stat -c '%a %u:%g %F' . deep/er link pipe; echo more >more; ls /again");
	pod.pod.volumes = &volume;
	pod.pod.volume_count = 1;
	add(&pod, volume_at("/srv"));
	pod.mounts[0].prefill = true;
	add(&pod, volume_at("/again"));
	pod.mounts[1].prefill = true;
	expect_output(&pod, "content\n/nowhere\n6751 0:0 100000000\n1770 11:12 100000000\n"
			    "711 21:22 directory\n755 5:6 directory\n777 3:4 symbolic link\n"
			    "640 0:0 fifo\ndeep\nlink\nmore\npipe\n");
	in_directory(harness_root(), "test ! -e var/data/more && rm -r var srv");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_targets_in_each_other),
		cmocka_unit_test(test_refused_targets),
		cmocka_unit_test(test_files_as_volumes),
		cmocka_unit_test(test_read_only_root),
		cmocka_unit_test(test_tmpfs_options),
		cmocka_unit_test(test_empty_volumes),
		cmocka_unit_test(test_prefill),
	};
	const char *reason = harness_prepare(argc > 1 && argv[1][0] ? argv[1] : NULL);
	int failed;

	if (argc > 2)
		cmocka_set_test_filter(argv[2]);
	if (reason) {
		printf("SKIPPED: guest-init in namespaces: %s\n", reason);
		return 77;
	}
	in_directory(harness_share(), "echo mark >mark");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	harness_finish();
	return failed;
}
