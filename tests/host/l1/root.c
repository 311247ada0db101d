/*
 * From the initramfs to the final root, and the machine around it.
 *
 * The root is never the initramfs itself, and never a bare read-only share: container runtimes
 * pivot, and commands write. It is memory over the other side's / (9p), or memory alone with
 * busybox in it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "l1.h"

#define ROOT	       "/new"
#define MEMORY_OPTIONS "mode=755,size=90%"
#define NINEP_OPTIONS  "trans=virtio,version=9p2000.L,msize=512000"

static void mount_or_die(const char *source, const char *target, const char *type,
			 unsigned long flags, const char *options)
{
	if (mount(source, target, type, flags, options) < 0)
		die("cannot mount %s on %s: %s", type, target, strerror(errno));
}

static void make_directories(const char *path)
{
	char copy[4096];

	if (strlen(path) >= sizeof(copy))
		die("path too long: %s", path);
	strcpy(copy, path);
	for (char *slash = copy + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(copy, 0755);
		*slash = '/';
	}
	if (mkdir(copy, 0755) < 0 && errno != EEXIST)
		die("cannot make directory %s: %s", copy, strerror(errno));
}

static void run_busybox(char *const arguments[], const char *root)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		if (root && (chroot(root) < 0 || chdir("/") < 0))
			_exit(1);
		execv("/bin/busybox", arguments);
		_exit(1);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0)
		die("busybox %s failed", arguments[1]);
}

static void load_modules(void)
{
	struct dirent **names;
	int count = scandir("/l1/modules", &names, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		char path[512];
		int fd;

		if (names[i]->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/l1/modules/%s", names[i]->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
			die("cannot load %s: %s", path, strerror(errno));
		close(fd);
		unlink(path);
	}
}

static void mount_9p_root(void)
{
	mkdir("/lower", 0755);
	mkdir("/memory", 0755);
	/* Loosely cached: what changes on the other side during the run may not be seen. */
	mount_or_die("root", "/lower", "9p", MS_RDONLY, NINEP_OPTIONS ",cache=loose");
	mount_or_die("memory", "/memory", "tmpfs", 0, MEMORY_OPTIONS);
	mkdir("/memory/upper", 0755);
	mkdir("/memory/work", 0755);
	mount_or_die("root", ROOT, "overlay", 0,
		     "lowerdir=/lower,upperdir=/memory/upper,workdir=/memory/work");
}

static void mount_memory_root(void)
{
	static const char *const directories[] = { "bin",      "sbin", "usr", "usr/bin",
						   "usr/sbin", "etc",  "lib", "proc",
						   "sys",      "dev",  "run", "root",
						   "tmp",      "var",  "mnt", "var/tmp" };
	char path[64];

	mount_or_die("root", ROOT, "tmpfs", 0, MEMORY_OPTIONS);
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
		snprintf(path, sizeof(path), ROOT "/%s", directories[i]);
		mkdir(path, 0755);
	}
	chmod(ROOT "/tmp", 01777);
	chmod(ROOT "/var/tmp", 01777);
	run_busybox((char *[]){ "busybox", "cp", "/bin/busybox", ROOT "/bin/busybox", NULL }, NULL);
	run_busybox((char *[]){ "/bin/busybox", "--install", "-s", NULL }, ROOT);
	write_text(ROOT "/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
	write_text(ROOT "/etc/group", "root:x:0:\n");
}

static void mount_system(void)
{
	const unsigned long safe = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	mount_or_die("proc", ROOT "/proc", "proc", safe, "");
	mount_or_die("sys", ROOT "/sys", "sysfs", safe, "");
	mount_or_die("dev", ROOT "/dev", "devtmpfs", MS_NOSUID, "");
	mount_or_die("run", ROOT "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755");
	mkdir(ROOT "/dev/pts", 0755);
	mkdir(ROOT "/dev/shm", 0755);
	mkdir(ROOT "/dev/mqueue", 0755);
	mkdir(ROOT "/run/lock", 01777);
	mount_or_die("pts", ROOT "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		     "gid=5,mode=620,ptmxmode=666");
	mount_or_die("shm", ROOT "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
	mount_or_die("mqueue", ROOT "/dev/mqueue", "mqueue", safe, "");
	mount_or_die("cgroup", ROOT "/sys/fs/cgroup", "cgroup2", safe, "nsdelegate");
	mount_or_die("debug", ROOT "/sys/kernel/debug", "debugfs", safe, "");
	mount_or_die("trace", ROOT "/sys/kernel/tracing", "tracefs", safe, "");
}

static void mount_shares(const struct settings *settings)
{
	for (char *const *share = settings->shares; *share; share++) {
		char tag[32], mode[4], target[4096], path[4200];

		if (sscanf(*share, "%31[^:]:%3[^:]:%4095s", tag, mode, target) != 3)
			die("broken share %s", *share);
		snprintf(path, sizeof(path), ROOT "%s", target);
		make_directories(path);
		/* Written through at once, but writable shared mappings work. */
		mount_or_die(tag, path, "9p", strcmp(mode, "ro") == 0 ? MS_RDONLY : 0,
			     NINEP_OPTIONS ",cache=mmap,posixacl");
	}
}

static void place_files(const struct settings *settings)
{
	for (int i = 0; settings->files[i]; i++) {
		char source[32], target[4200];
		char *slash;

		snprintf(source, sizeof(source), "/files/%d", i);
		snprintf(target, sizeof(target), ROOT "%s", settings->files[i]);
		slash = strrchr(target, '/');
		*slash = '\0';
		make_directories(target);
		*slash = '/';
		/* What is there may be a link to something else. */
		unlink(target);
		run_busybox((char *[]){ "busybox", "cp", "-a", "-T", source, target, NULL }, NULL);
		run_busybox((char *[]){ "busybox", "rm", "-rf", source, NULL }, NULL);
	}
}

static void switch_root(void)
{
	if (chdir(ROOT) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
	    chdir("/") < 0)
		die("cannot switch to the root: %s", strerror(errno));
}

/* The group of /dev/kvm as distributions have it; made if there is none. */
static gid_t kvm_group(void)
{
	FILE *file = fopen("/etc/group", "a+e");
	unsigned int group = 994, found;
	char line[4096];
	int known = 0;

	if (!file)
		return 0;
	rewind(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "kvm:%*[^:]:%u", &found) == 1) {
			group = found;
			known = 1;
		}
	}
	if (!known)
		fprintf(file, "kvm:x:%u:\n", group);
	fclose(file);
	return group;
}

static void make_devices(void)
{
	symlink("/proc/self/fd", "/dev/fd");
	symlink("/proc/self/fd/0", "/dev/stdin");
	symlink("/proc/self/fd/1", "/dev/stdout");
	symlink("/proc/self/fd/2", "/dev/stderr");
	/* Opening these loads their modules. */
	mkdir("/dev/net", 0755);
	mknod("/dev/net/tun", S_IFCHR | 0666, makedev(10, 200));
	chmod("/dev/net/tun", 0666);
	mknod("/dev/fuse", S_IFCHR | 0666, makedev(10, 229));
	chmod("/dev/fuse", 0666);
	mknod("/dev/loop-control", S_IFCHR | 0660, makedev(10, 237));
	if (access("/dev/kvm", F_OK) == 0) {
		if (chown("/dev/kvm", 0, kvm_group()) < 0)
			die("/dev/kvm: %s", strerror(errno));
		chmod("/dev/kvm", 0660);
	}
}

static void raise_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		die("loopback: %s", strerror(errno));
	close(fd);
}

static void set_up_machine(const struct settings *settings)
{
	static const char *const controllers[] = { "+cpuset", "+cpu", "+io", "+memory", "+pids" };
	struct rlimit files = { .rlim_cur = 65536, .rlim_max = 524288 };
	char path[256];

	make_devices();
	raise_loopback();
	sethostname(settings->host, strlen(settings->host));
	setrlimit(RLIMIT_NOFILE, &files);
	for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]); i++)
		write_text("/sys/fs/cgroup/cgroup.subtree_control", controllers[i]);
	if (settings->modules[0]) {
		make_directories("/lib/modules");
		snprintf(path, sizeof(path), "/lib/modules/%s", settings->release);
		symlink(settings->modules, path);
	}
}

void root_enter(const struct settings *settings)
{
	mkdir(ROOT, 0755);
	load_modules();
	if (strcmp(settings->root, "9p") == 0)
		mount_9p_root();
	else
		mount_memory_root();
	mount_system();
	mount_shares(settings);
	place_files(settings);
	switch_root();
	set_up_machine(settings);
}
