/*
 * guest-init as a whole, in namespaces of this machine: what an app sees and what the host is told.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "harness.h"
#include "vmm/base/bytes.h"

/* A file below the root (or share) of the tests; made, or replaced. */
static void put_file(const char *dir, const char *name, const char *text, mode_t mode)
{
	char path[512];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
}

static void drop_file(const char *dir, const char *name)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(remove(path), 0);
}

/* Runs the pod and checks that it was a whole run. */
static void run_with(struct harness_pod *pod, const struct script *script, struct outcome *o)
{
	harness_run(&pod->pod, script, o);
	if (!o->pod_exited || o->died != -1)
		(void)fprintf(stderr, "no POD_EXIT; died %d, stderr: %s\n", o->died, o->err);
	assert_true(o->hello && o->app_exited && o->pod_exited);
	assert_int_equal(o->pod_kind, o->app_kind);
	assert_int_equal(o->pod_code, o->app_code);
}

static void run(struct harness_pod *pod, struct outcome *o)
{
	run_with(pod, &(struct script){ 0 }, o);
}

/* Runs a shell script; its output must be `out` and its status `code`. */
static void expect(const char *script, const char *out, unsigned code)
{
	struct harness_pod pod;
	struct outcome o;

	harness_pod(&pod, script);
	run(&pod, &o);
	assert_string_equal(o.err, "");
	assert_string_equal(o.out, out);
	assert_int_equal(o.app_kind, EXIT_KIND_CODE);
	assert_int_equal(o.app_code, code);
}

/* The app must not start; code and message are these. */
static void expect_not_started(struct harness_pod *pod, unsigned code, const char *message)
{
	struct outcome o;

	run(pod, &o);
	assert_string_equal(o.err, message);
	assert_false(o.started);
	assert_int_equal(o.app_kind, EXIT_KIND_NOT_STARTED);
	assert_int_equal(o.app_code, code);
}

static void test_streams_and_status(void **state)
{
	struct harness_pod pod;
	struct outcome o;

	(void)state;
	harness_pod(&pod, "echo hello; echo problem >&2; exit 3");
	run(&pod, &o);
	assert_string_equal(o.out, "hello\n");
	assert_string_equal(o.err, "problem\n");
	assert_true(o.started);
	assert_int_equal(o.app_kind, EXIT_KIND_CODE);
	assert_int_equal(o.app_code, 3);
	expect("exit 255", "", 255);
	expect(":", "", 0);
}

static void test_death_by_signal(void **state)
{
	struct harness_pod pod;
	struct outcome o;

	(void)state;
	/* PID 1 of its namespace cannot signal itself: the reaper's child can. */
	harness_pod(&pod, "kill -USR1 $$");
	pod.app.init = true;
	run(&pod, &o);
	assert_int_equal(o.app_kind, EXIT_KIND_SIGNAL);
	assert_int_equal(o.app_code, 10);
	harness_pod(&pod, "echo ready; while :; do sleep 1; done");
	run_with(&pod, &(struct script){ .signal_on = "ready", .signal = 9 }, &o);
	assert_int_equal(o.app_kind, EXIT_KIND_SIGNAL);
	assert_int_equal(o.app_code, 9);
}

static void test_signals_reach_the_app(void **state)
{
	struct harness_pod pod;
	struct outcome o;

	(void)state;
	for (int init = 0; init < 2; init++) {
		harness_pod(&pod, "trap 'echo got it; exit 7' TERM; echo ready; "
				  "while :; do sleep 0.01; done");
		pod.app.init = init;
		run_with(&pod, &(struct script){ .signal_on = "ready", .signal = 15 }, &o);
		assert_string_equal(o.out, "ready\ngot it\n");
		assert_int_equal(o.app_code, 7);
	}
	/* Without a handler it is deadly, although the kernel drops it for a PID 1. */
	for (int init = 0; init < 2; init++) {
		harness_pod(&pod, "echo ready; exec sleep 1000");
		pod.app.init = init;
		run_with(&pod, &(struct script){ .signal_on = "ready", .signal = 15 }, &o);
		assert_int_equal(o.app_kind, EXIT_KIND_SIGNAL);
		assert_int_equal(o.app_code, 15);
	}
	/* Ignored is ignored. */
	harness_pod(&pod, "trap '' TERM; echo ready; sleep 0.5; exit 3");
	run_with(&pod, &(struct script){ .signal_on = "ready", .signal = 15 }, &o);
	assert_int_equal(o.app_kind, EXIT_KIND_CODE);
	assert_int_equal(o.app_code, 3);
}

static void test_namespaces(void **state)
{
	(void)state;
	expect("echo $$ /proc/[0-9]*; hostname; cat /proc/self/cgroup | "
	       "grep '^0::'; ls /; cut -d' ' -f5 /proc/self/mountinfo | sort",
	       "1 /proc/1\npod\n0::/\nbin\ndev\netc\nproc\nsys\ntmp\n"
	       "/\n/dev\n/dev/full\n/dev/mqueue\n/dev/null\n/dev/pts\n/dev/random\n/dev/shm\n"
	       "/dev/tty\n/dev/urandom\n/dev/zero\n/etc/hostname\n/proc\n/sys\n/sys/fs/"
	       "cgroup\n",
	       0);
	/* The upper layer is thrown away. */
	expect("echo x >/new && cat /new", "x\n", 0);
	expect("test -e /new", "", 1);
	/* No way up and out: "init" would be there. */
	expect("mkdir d; chroot d /bin/sh 2>/dev/null; cd ../../..; ls ../.. | head -n 2",
	       "bin\nd\n", 0);
}

static void test_reaper(void **state)
{
	struct harness_pod pod;
	struct outcome o;

	(void)state;
	harness_pod(&pod, "echo $$; (sleep 0.01 &); sleep 0.1; cat /proc/[0-9]*/stat | "
			  "grep -c ' Z '; exit 9");
	pod.app.init = true;
	run(&pod, &o);
	assert_string_equal(o.out, "2\n0\n");
	assert_int_equal(o.app_code, 9);
	/* The reaper has what the app has, not what guest-init has. */
	harness_pod(&pod, "grep -E 'Cap(Prm|Bnd)|NoNewPrivs|Uid' /proc/1/status; ls /proc/1/fd");
	pod.app.init = true;
	pod.app.user = "0:0";
	pod.app.capabilities = 0x21;
	run(&pod, &o);
	assert_string_equal(o.out, "Uid:\t0\t0\t0\t0\nCapPrm:\t0000000000000021\n"
				   "CapBnd:\t0000000000000021\nNoNewPrivs:\t0\n0\n");
}

static void test_orphans_are_reaped(void **state)
{
	(void)state;
	/* What outlives the app ends with it, and holds nothing up. */
	expect("(sleep 1000 &) ; (sleep 1000 >/dev/null 2>&1 &); echo done", "done\n", 0);
}

static void test_not_found(void **state)
{
	struct harness_pod pod;

	(void)state;
	harness_pod(&pod, "");
	pod.argv[0] = "/bin/nothing";
	expect_not_started(&pod, 127,
			   "nacelle: cannot execute /bin/nothing: there is no such file\n");
	pod.argv[0] = "nothing";
	pod.env[0] = "PATH=/bin:/sbin";
	expect_not_started(&pod, 127,
			   "nacelle: cannot execute nothing: it is in no directory of PATH "
			   "(/bin:/sbin)\n");
	pod.app.init = true;
	expect_not_started(&pod, 127,
			   "nacelle: cannot execute nothing: it is in no directory of PATH "
			   "(/bin:/sbin)\n");
}

static void test_cannot_execute(void **state)
{
	struct harness_pod pod;

	(void)state;
	harness_pod(&pod, "");
	put_file(harness_root(), "tmp/script", "#! /no/such -x\n", 0755);
	pod.argv[0] = "/tmp/script";
	expect_not_started(
	    &pod, 126,
	    "nacelle: cannot execute /tmp/script: its interpreter /no/such is missing\n");
	put_file(harness_root(), "tmp/script", "#!/etc\n", 0755);
	expect_not_started(
	    &pod, 126,
	    "nacelle: cannot execute /tmp/script: its interpreter /etc may not be executed\n");
	put_file(harness_root(), "tmp/script", "plain text\n", 0755);
	expect_not_started(&pod, 126,
			   "nacelle: cannot execute /tmp/script: it is neither a program for this "
			   "machine nor a script that begins with #!\n");
	put_file(harness_root(), "tmp/script", "plain text\n", 0644);
	expect_not_started(&pod, 126, "nacelle: cannot execute /tmp/script: Permission denied\n");
	pod.argv[0] = "script";
	pod.env[0] = "PATH=/bin:/tmp";
	expect_not_started(&pod, 126, "nacelle: cannot execute /tmp/script: Permission denied\n");
	pod.argv[0] = "/etc";
	expect_not_started(&pod, 126, "nacelle: cannot execute /etc: it is a directory\n");
	drop_file(harness_root(), "tmp/script");
}

static void test_missing_loader(void **state)
{
	struct harness_pod pod;
	char command[512];

	(void)state;
	harness_pod(&pod, "");
	(void)snprintf(command, sizeof(command), "cp /bin/ls %s/tmp/ls", harness_root());
	assert_int_equal(system(command), 0);
	pod.argv[0] = "/tmp/ls";
	expect_not_started(&pod, 126,
			   "nacelle: cannot execute /tmp/ls: its interpreter "
			   "/lib64/ld-linux-x86-64.so.2 is missing\n");
	drop_file(harness_root(), "tmp/ls");
}

static void test_environment(void **state)
{
	struct harness_pod pod;
	struct outcome o;

	(void)state;
	harness_pod(&pod, "");
	pod.argv[0] = "env";
	pod.argv[1] = NULL;
	run(&pod, &o);
	assert_string_equal(
	    o.out, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nHOME=/\n");
	pod.env[0] = "HOME=/tmp";
	pod.env[1] = "X=a b\tc";
	pod.env[2] = "PATH=/bin";
	run(&pod, &o);
	assert_string_equal(o.out, "HOME=/tmp\nX=a b\tc\nPATH=/bin\n");
}

static void test_users(void **state)
{
	struct harness_pod pod;
	struct outcome o;

	(void)state;
	put_file(harness_root(), "etc/passwd",
		 "root:x:0:0:root:/root:/bin/sh\nweb:x:1000:100:Web:/home/web:/bin/sh\n", 0644);
	put_file(harness_root(), "etc/group", "users:x:100:\nwww:x:33:web\nlog:x:4:web,root\n",
		 0644);
	harness_pod(&pod, "echo $(id -u):$(id -g):$(id -G) $HOME; echo out >/dev/stdout");
	pod.app.user = "web";
	run(&pod, &o);
	assert_string_equal(o.err, "");
	assert_string_equal(o.out, "1000:100:100 4 33 /home/web\nout\n");
	pod.app.user = "web:www";
	run(&pod, &o);
	assert_string_equal(o.out, "1000:33:33 /home/web\nout\n");
	pod.app.user = "4711";
	run(&pod, &o);
	assert_string_equal(o.out, "4711:0:0 /\nout\n");
	pod.app.user = NULL;
	run(&pod, &o);
	assert_string_equal(o.out, "0:0:0 /root\nout\n");
	pod.app.user = "nobody";
	expect_not_started(&pod, 126,
			   "nacelle: there is no user \"nobody\" in the image's /etc/passwd\n");
	pod.app.user = "web:nothing";
	expect_not_started(&pod, 126,
			   "nacelle: there is no group \"nothing\" in the image's /etc/group\n");
	drop_file(harness_root(), "etc/passwd");
	drop_file(harness_root(), "etc/group");
}

static void test_hostile_passwd(void **state)
{
	struct harness_pod pod;
	char path[512];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/etc/passwd", harness_root());
	assert_int_equal(symlink("/proc/1/environ", path), 0);
	harness_pod(&pod, "");
	pod.app.user = "web";
	/* A file of /proc has no size. */
	expect_not_started(&pod, 126,
			   "nacelle: there is no user \"web\" in the image's /etc/passwd\n");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0666), 0);
	expect_not_started(&pod, 126,
			   "nacelle: cannot read the image's /etc/passwd: Invalid argument\n");
	assert_int_equal(unlink(path), 0);
}

static void test_credentials(void **state)
{
	static const char *const show = "grep -E 'Cap|NoNewPrivs|Sig(Blk|Ign)|Umask' "
					"/proc/self/status; ulimit -n; ls /proc/self/fd";
	const struct pod_rlimit limit = { .resource = 7, .soft = 100, .hard = 200 };
	struct harness_pod pod;
	struct outcome o;

	(void)state;
	harness_pod(&pod, show);
	pod.app.no_new_privileges = true;
	pod.app.rlimits = &limit;
	pod.app.rlimit_count = 1;
	run(&pod, &o);
	assert_string_equal(o.out,
			    "Umask:\t0022\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"
			    "CapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\n"
			    "CapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\n"
			    "CapAmb:\t0000000000000000\nNoNewPrivs:\t1\n100\n0\n1\n2\n3\n");
	harness_pod(&pod, show);
	pod.app.user = "12:34";
	run(&pod, &o);
	assert_non_null(strstr(o.out, "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
				      "CapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\n"
				      "NoNewPrivs:\t0\n"));
}

/* mkdir() fails as nothing else does. */
static const struct sock_filter no_mkdir[] = {
	{ BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr) },
	{ BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_mkdir },
	{ BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EXFULL },
	{ BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW },
};

static void filter(struct harness_pod *pod, const struct sock_filter *code, size_t count)
{
	pod->app.seccomp = code;
	pod->app.seccomp_count = count;
}

/* Without no_new_privs, and without a trace of the capability that this takes. */
static void test_seccomp(void **state)
{
	static const char *const show = "mkdir /tmp/new 2>&1; "
					"grep -E 'Cap(Prm|Eff|Amb)|NoNewPrivs|Seccomp:' "
					"/proc/self/status";
	struct harness_pod pod;
	struct outcome o;

	(void)state;
	harness_pod(&pod, show);
	filter(&pod, no_mkdir, ARRAY_SIZE(no_mkdir));
	run(&pod, &o);
	assert_string_equal(o.out, "mkdir: can't create directory '/tmp/new': Exchange full\n"
				   "CapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\n"
				   "CapAmb:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t2\n");
	pod.app.user = "12:34";
	run(&pod, &o);
	assert_string_equal(o.out, "mkdir: can't create directory '/tmp/new': Exchange full\n"
				   "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
				   "CapAmb:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t2\n");
	pod.app.no_new_privileges = true;
	run(&pod, &o);
	assert_non_null(strstr(o.out, "Exchange full"));
	assert_non_null(strstr(o.out, "NoNewPrivs:\t1\nSeccomp:\t2\n"));
}

/* The reaper has no filter, nor what it takes to load one, and the app cannot touch it. */
static void test_seccomp_and_reaper(void **state)
{
	struct harness_pod pod;
	struct outcome o;

	(void)state;
	harness_pod(&pod, "grep -E 'Cap(Prm|Eff)|Seccomp:' /proc/1/status; "
			  "cat /proc/1/environ >/dev/null 2>&1 || echo no; mkdir /tmp/new 2>&1");
	filter(&pod, no_mkdir, ARRAY_SIZE(no_mkdir));
	pod.app.init = true;
	run(&pod, &o);
	assert_string_equal(o.out, "CapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\n"
				   "Seccomp:\t0\nno\n"
				   "mkdir: can't create directory '/tmp/new': Exchange full\n");
}

static void test_seccomp_refused(void **state)
{
	static const struct sock_filter nonsense[] = { { .code = 0xffff } };
	struct harness_pod pod;

	(void)state;
	harness_pod(&pod, "echo here");
	filter(&pod, nonsense, ARRAY_SIZE(nonsense));
	expect_not_started(
	    &pod, 126,
	    "nacelle: the kernel refuses the filter of system calls: Invalid argument\n");
}

static void test_workdir(void **state)
{
	struct harness_pod pod;
	struct outcome o;

	(void)state;
	harness_pod(&pod, "pwd; ls -ld . | cut -c1-10");
	pod.app.workdir = "/a/b/../c";
	run(&pod, &o);
	assert_string_equal(o.out, "/a/c\ndrwxr-xr-x\n");
	pod.app.workdir = "/a/b";
	run(&pod, &o);
	assert_string_equal(o.out, "/a/b\ndrwxr-xr-x\n");
	pod.app.workdir = "/bin/sh";
	expect_not_started(
	    &pod, 126, "nacelle: cannot enter the working directory /bin/sh: Not a directory\n");
}

static void test_paths(void **state)
{
	static const char *masked[] = { "/proc/version", "/etc", "/not/there", "/sys/firmware",
					NULL };
	static const char *read_only[] = { "/proc/sys", "/tmp", NULL };
	struct harness_pod pod;
	struct outcome o;

	(void)state;
	put_file(harness_root(), "etc/secret", "secret\n", 0644);
	harness_pod(&pod, "cat /proc/version; ls /etc /sys/firmware; touch /etc/x; touch /tmp/x; "
			  "echo 1 >/proc/sys/kernel/panic; touch /y && echo fine");
	pod.app.masked_paths = masked;
	pod.app.read_only_paths = read_only;
	run(&pod, &o);
	assert_string_equal(o.out, "/etc:\n\n/sys/firmware:\nfine\n");
	assert_string_equal(
	    o.err, "touch: /etc/x: Read-only file system\ntouch: /tmp/x: Read-only file system\n"
		   "/bin/sh: can't create /proc/sys/kernel/panic: Read-only file system\n");
	drop_file(harness_root(), "etc/secret");
}

static void test_read_only_root(void **state)
{
	struct harness_pod pod;
	struct outcome o;

	(void)state;
	harness_pod(&pod, "touch /x; echo $?; touch /dev/shm/x; echo $?; touch /vol/x; echo $?");
	pod.app.root.read_only = true;
	pod.mounts[0] = (struct pod_mount){ .type = POD_MOUNT_TMPFS, .target = "/vol" };
	pod.app.mount_count = 1;
	run(&pod, &o);
	assert_string_equal(o.out, "1\n0\n0\n");
}

static void test_devices(void **state)
{
	(void)state;
	expect(
	    "for d in null zero full random urandom tty; do test -c /dev/$d || echo no $d; done; "
	    "echo x >/dev/null; head -c 3 /dev/zero | od -An -tx1; echo x 2>&1 >/dev/full; "
	    "for l in fd stdin stdout stderr ptmx; do readlink /dev/$l; done; "
	    "stat -c %a /dev/shm /dev/null /dev/pts/ptmx; ls /dev | tr '\\n' ' '",
	    " 00 00 00\nsh: write error: No space left on device\n/proc/self/fd\n"
	    "/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\npts/ptmx\n1777\n666\n666\n"
	    "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero ",
	    0);
}

static void test_mounts(void **state)
{
	struct harness_pod pod;
	struct outcome o;
	char path[512];

	(void)state;
	put_file(harness_share(), "data", "shared\n", 0644);
	(void)snprintf(path, sizeof(path), "%s/link", harness_root());
	assert_int_equal(symlink("../../../../tmp", path), 0);
	harness_pod(&pod, "cat /tmp/deep/er/data; echo more >>/tmp/deep/er/data; "
			  "touch /ro/x; cat /ro/data; stat -f -c %T /t; stat -c %a /t");
	pod.mounts[0] = (struct pod_mount){ .source = "volume", .target = "/link/deep/er" };
	pod.mounts[1] =
	    (struct pod_mount){ .source = "volume", .target = "/ro", .read_only = true };
	pod.mounts[2] = (struct pod_mount){ .type = POD_MOUNT_TMPFS, .target = "/t" };
	pod.app.mount_count = 3;
	run(&pod, &o);
	assert_string_equal(o.out, "shared\nshared\nmore\ntmpfs\n1777\n");
	assert_string_equal(o.err, "touch: /ro/x: Read-only file system\n");
	(void)snprintf(path, sizeof(path), "%s/data", harness_share());
	drop_file(harness_root(), "link");
	drop_file(harness_share(), "data");
}

/* hostname, hosts and resolv.conf, whatever the image has in their places. */
static void test_etc(void **state)
{
	static const char script[] =
	    "cd /etc; cat hostname hosts resolv.conf; stat -c '%a %u' hosts; "
	    "echo more >>hosts; echo $?";
	struct harness_pod pod;
	struct outcome o;
	char path[512];

	(void)state;
	harness_pod(&pod, script);
	pod.pod.hosts = "127.0.0.1 localhost\n";
	pod.pod.resolv_conf = "nameserver 192.0.2.53\n";
	run(&pod, &o);
	assert_string_equal(o.out, "pod\n127.0.0.1 localhost\nnameserver 192.0.2.53\n644 0\n0\n");
	/* A file of the image, a link to nowhere, a directory; links do not leave the root. */
	put_file(harness_root(), "etc/hosts", "the image's\n", 0600);
	(void)snprintf(path, sizeof(path), "%s/etc/resolv.conf", harness_root());
	assert_int_equal(symlink("../../../run/nothing/stub", path), 0);
	(void)snprintf(path, sizeof(path), "%s/etc/hostname", harness_root());
	assert_int_equal(mkdir(path, 0755), 0);
	harness_pod(&pod, "cat /etc/hosts /etc/resolv.conf; ls -d /etc/hostname; "
			  "readlink /etc/resolv.conf");
	pod.pod.hosts = "ours\n";
	pod.pod.resolv_conf = "nameserver 192.0.2.53\n";
	run(&pod, &o);
	assert_string_equal(o.out, "ours\nnameserver 192.0.2.53\n/etc/hostname\n");
	/* A directory of the host is not added to. */
	pod.app.root.upper = POD_UPPER_NONE;
	run(&pod, &o);
	assert_string_equal(o.out, "ours\n/etc/hostname\n../../../run/nothing/stub\n");
	assert_int_equal(rmdir(path), 0);
	drop_file(harness_root(), "etc/resolv.conf");
	harness_pod(&pod, "ls /etc");
	pod.pod.resolv_conf = "nameserver 192.0.2.53\n";
	pod.app.root.upper = POD_UPPER_NONE;
	run(&pod, &o);
	assert_null(strstr(o.out, "resolv.conf"));
	drop_file(harness_root(), "etc/hosts");
	/* What the user mounts there is on top. */
	put_file(harness_share(), "mine", "mine\n", 0644);
	harness_pod(&pod, "cat /etc/hosts; ls /etc");
	pod.pod.hosts = "ours\n";
	pod.app.root.read_only = true;
	pod.mounts[0] = (struct pod_mount){ .source = "volume", .target = "/etc" };
	pod.app.mount_count = 1;
	run(&pod, &o);
	assert_string_equal(o.out, "mine\n");
	drop_file(harness_share(), "mine");
}

static void test_hostile_mount_targets(void **state)
{
	struct harness_pod pod;
	struct outcome o;
	char path[512];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/evil", harness_root());
	assert_int_equal(symlink("/proc/self/fd/4", path), 0);
	harness_pod(&pod, "echo started");
	pod.mounts[0] = (struct pod_mount){ .source = "volume", .target = "/evil" };
	pod.app.mount_count = 1;
	harness_run(&pod.pod, &(struct script){ 0 }, &o);
	assert_string_equal(o.out, "");
	assert_true(o.pod_exited);
	assert_int_not_equal(o.pod_kind, EXIT_KIND_CODE);
	assert_ptr_equal(strstr(o.err, "nacelle: cannot open /evil: "), o.err);
	drop_file(harness_root(), "evil");
}

static void test_standard_input(void **state)
{
	struct harness_pod pod;
	struct outcome o;

	(void)state;
	harness_pod(&pod, "cat; echo end");
	run_with(&pod, &(struct script){ .input = "a\0b\n", .input_len = 4 }, &o);
	assert_int_equal(o.out_len, 8);
	assert_memory_equal(o.out, "a\0b\nend\n", 8);
	/* An app that does not read holds nothing up. */
	harness_pod(&pod, "exec 0<&-; echo closed; exit 4");
	run_with(&pod, &(struct script){ .keep_stdin_open = true }, &o);
	assert_string_equal(o.out, "closed\n");
	assert_int_equal(o.app_code, 4);
	/* No port: /dev/null. */
	harness_pod(&pod, "cat; readlink /proc/self/fd/0");
	pod.app.stdin_port = POD_NO_PORT;
	run_with(&pod, &(struct script){ 0 }, &o);
	assert_string_equal(o.out, "/dev/null\n");
}

static void test_large_streams(void **state)
{
	enum { SIZE = 5 * 1024 * 1024 + 13 };
	struct harness_pod pod;
	struct outcome o;
	uint8_t *data = malloc(SIZE);

	(void)state;
	assert_non_null(data);
	for (size_t i = 0; i < SIZE; i++)
		data[i] = (uint8_t)(i * 2654435761U >> 13);
	harness_pod(&pod, "exec cat");
	run_with(&pod, &(struct script){ .input = data, .input_len = SIZE }, &o);
	assert_int_equal(o.out_len, SIZE);
	assert_memory_equal(o.out, data, SIZE);
	/* The last bytes before the exit, on both streams. */
	harness_pod(&pod, "head -c 3000000 /dev/zero; head -c 200000 /dev/zero >&2");
	run(&pod, &o);
	assert_int_equal(o.out_len, 3000000);
	assert_int_equal(o.err_len, 200000);
	free(data);
}

static void test_host_closes_output(void **state)
{
	struct harness_pod pod;
	struct outcome o;

	(void)state;
	harness_pod(&pod, "exec yes");
	run_with(&pod, &(struct script){ .close_stdout = true }, &o);
	/* A PID 1 ignores the SIGPIPE and sees EPIPE; below a reaper it dies. */
	assert_int_equal(o.app_code, 1);
	pod.app.init = true;
	run_with(&pod, &(struct script){ .close_stdout = true }, &o);
	assert_int_equal(o.app_kind, EXIT_KIND_SIGNAL);
	assert_int_equal(o.app_code, 13);
}

static void test_terminal(void **state)
{
	struct harness_pod pod;
	struct outcome o;

	(void)state;
	harness_pod(&pod, "tty; stty size; echo $TERM; test -c /dev/console && ls -l /dev/console "
			  "| cut -c1; trap 'stty size; exit 5' WINCH; echo ready; "
			  "while :; do sleep 0.01; done");
	pod.app.terminal = true;
	pod.app.rows = 31;
	pod.app.columns = 97;
	pod.app.stdout_port = pod.app.stderr_port = POD_NO_PORT;
	run_with(&pod,
		 &(struct script){
		     .keep_stdin_open = true, .signal_on = "ready", .rows = 40, .columns = 100 },
		 &o);
	assert_string_equal(o.out, "/dev/pts/0\r\n31 97\r\nxterm\r\nc\r\nready\r\n40 100\r\n");
	assert_int_equal(o.app_code, 5);
	/* It is the controlling terminal: ^C is a signal; a job's output is whole at the exit. */
	harness_pod(&pod, "trap 'echo INT; exit 6' INT; echo ready; while :; do sleep 0.01; done");
	pod.app.terminal = true;
	pod.app.user = "1000:1000";
	pod.app.stdout_port = pod.app.stderr_port = POD_NO_PORT;
	run_with(&pod,
		 &(struct script){ .input = "\003",
				   .input_len = 1,
				   .keep_stdin_open = true,
				   .input_late = true,
				   .signal_on = "ready" },
		 &o);
	assert_non_null(strstr(o.out, "INT\r\n"));
	assert_int_equal(o.app_code, 6);
}

static void test_terminal_output_is_whole(void **state)
{
	struct harness_pod pod;
	struct outcome o;

	(void)state;
	harness_pod(&pod, "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done");
	pod.app.terminal = true;
	pod.app.init = true;
	pod.app.stdout_port = pod.app.stderr_port = POD_NO_PORT;
	run_with(&pod, &(struct script){ .keep_stdin_open = true }, &o);
	assert_true(o.out_len > 12);
	assert_string_equal(o.out + o.out_len - 12, "line 19999\r\n");
}

static void test_two_apps(void **state)
{
	static const char *argv[] = { "/bin/sh", "-c",
				      "trap 'exit 0' TERM; echo there >/dev/shm/word; "
				      "while :; do sleep 0.01; done",
				      NULL };
	struct pod_app apps[2];
	struct harness_pod pod;
	struct outcome o;

	(void)state;
	/* Namespaces of their own, shared memory in common; one that fails ends the other. */
	harness_pod(&pod, "while ! test -s /dev/shm/word; do sleep 0.01; done; cat /dev/shm/word; "
			  "echo /proc/[0-9]*; exit 4");
	apps[0] = apps[1] = pod.app;
	apps[1].argv = argv;
	apps[1].stdin_port = apps[1].stdout_port = apps[1].stderr_port = POD_NO_PORT;
	pod.pod.apps = apps;
	pod.pod.app_count = 2;
	run(&pod, &o);
	assert_string_equal(o.out, "there\n/proc/1\n");
	assert_int_equal(o.exits, 2);
	assert_int_equal(o.pod_code, 4);
	/* Without a failure the pod goes on until the last has ended. */
	apps[1].argv = pod.argv;
	pod.argv[2] = "sleep 0.05";
	run(&pod, &o);
	assert_int_equal(o.exits, 2);
	assert_int_equal(o.pod_code, 0);
}

static void test_host_gone(void **state)
{
	struct harness_pod pod;
	struct outcome o;

	(void)state;
	harness_pod(&pod, "trap '' TERM INT HUP; echo ready; while :; do sleep 0.01; done");
	harness_run(&pod.pod, &(struct script){ .signal_on = "ready", .hang_up = true }, &o);
	assert_false(o.pod_exited);
	/* What platform_die() of the tests does. */
	assert_true(WIFEXITED(o.died));
	assert_int_equal(WEXITSTATUS(o.died), 99);
}

static void test_bad_records(void **state)
{
	struct harness_pod pod;
	struct outcome o;

	(void)state;
	harness_pod(&pod, "");
	harness_run(&pod.pod, &(struct script){ .record = "nothing", .record_len = 7 }, &o);
	assert_true(o.hello && o.pod_exited);
	assert_int_equal(o.pod_kind, EXIT_KIND_INIT_FAILURE);
	harness_pod(&pod, "");
	pod.app.root.source = "no-such-share";
	harness_run(&pod.pod, &(struct script){ 0 }, &o);
	assert_true(o.hello && o.pod_exited);
	assert_int_equal(o.pod_kind, EXIT_KIND_INIT_FAILURE);
	assert_non_null(strstr(o.err, "nacelle: cannot prepare the upper layer"));
}

static void test_many_runs(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		expect("echo hello; exit 3", "hello\n", 3);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_streams_and_status),
		cmocka_unit_test(test_death_by_signal),
		cmocka_unit_test(test_signals_reach_the_app),
		cmocka_unit_test(test_namespaces),
		cmocka_unit_test(test_reaper),
		cmocka_unit_test(test_orphans_are_reaped),
		cmocka_unit_test(test_not_found),
		cmocka_unit_test(test_cannot_execute),
		cmocka_unit_test(test_missing_loader),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_users),
		cmocka_unit_test(test_hostile_passwd),
		cmocka_unit_test(test_credentials),
		cmocka_unit_test(test_seccomp),
		cmocka_unit_test(test_seccomp_and_reaper),
		cmocka_unit_test(test_seccomp_refused),
		cmocka_unit_test(test_workdir),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_read_only_root),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_etc),
		cmocka_unit_test(test_hostile_mount_targets),
		cmocka_unit_test(test_standard_input),
		cmocka_unit_test(test_large_streams),
		cmocka_unit_test(test_host_closes_output),
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_terminal_output_is_whole),
		cmocka_unit_test(test_two_apps),
		cmocka_unit_test(test_host_gone),
		cmocka_unit_test(test_bad_records),
		cmocka_unit_test(test_many_runs),
	};
	const char *reason = harness_prepare(argc > 1 && argv[1][0] ? argv[1] : NULL);
	int failed;

	/* A pattern of test names may follow: for one test under strace, say. */
	if (argc > 2)
		cmocka_set_test_filter(argv[2]);
	if (reason) {
		printf("SKIPPED: guest-init in namespaces: %s\n", reason);
		return 77;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	harness_finish();
	return failed;
}
