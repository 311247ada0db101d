/*
 * The pod's disk. mke2fs of e2fsprogs makes its file system while it is empty; from then on the
 * guest alone reads and writes it, and the host neither mounts nor checks it.
 */
#include "vmm/pod/upper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/number.h"

#define NEW_NAME UPPER_FILE_NAME ".new" /* until it is complete */

static int read_size(const char *text, uint64_t *size_bytes)
{
	*size_bytes = 0;
	if (!*text)
		return 0;
	return *text != ':' || number_parse_size(text + 1, size_bytes) < 0 || !*size_bytes ? -1 : 0;
}

int upper_parse(const char *text, enum pod_upper *kind, uint64_t *size_bytes, struct error *err)
{
	*kind = POD_UPPER_TMPFS;
	*size_bytes = 0;
	if (!text)
		return 0;
	if (strcmp(text, "none") == 0) {
		*kind = POD_UPPER_NONE;
		return 0;
	}
	if (strncmp(text, "tmpfs", 5) == 0 && read_size(text + 5, size_bytes) == 0)
		return 0;
	if (strncmp(text, "disk", 4) != 0 || read_size(text + 4, size_bytes) < 0)
		return error_set(err, 0,
				 "--upper %s: tmpfs[:SIZE], disk[:SIZE] or none is expected", text);
	if (*size_bytes && *size_bytes < UPPER_DISK_MIN_BYTES)
		return error_set(err, 0, "--upper %s: a disk has at least 16 MiB", text);
	*kind = POD_UPPER_DISK;
	return 0;
}

/*
 * Nothing of the host's configuration, so that every host makes the same. The file is new and has
 * only holes, so nothing is written but what is not zero.
 */
static void execute_mke2fs(char *path)
{
	static const char *const programs[] = { "/sbin/mke2fs", "/usr/sbin/mke2fs" };
	char *const environment[] = { (char[]){ "MKE2FS_CONFIG=/nonexistent" }, NULL };
	char features[] = "none,has_journal,ext_attr,dir_index,filetype,extent,64bit,flex_bg,"
			  "sparse_super,large_file,huge_file,dir_nlink,extra_isize";
	char *const argv[] = { (char[]){ "mke2fs" },
			       (char[]){ "-q" },
			       (char[]){ "-F" },
			       (char[]){ "-t" },
			       (char[]){ "ext4" },
			       (char[]){ "-m" },
			       (char[]){ "0" },
			       (char[]){ "-b" },
			       (char[]){ "4096" },
			       (char[]){ "-I" },
			       (char[]){ "256" },
			       (char[]){ "-J" },
			       (char[]){ "size=4" },
			       (char[]){ "-O" },
			       features,
			       (char[]){ "-E" },
			       (char[]){ "assume_storage_prezeroed=1,nodiscard,root_owner=0:0" },
			       path,
			       NULL };

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		(void)execve(programs[i], argv, environment);
	(void)dprintf(STDERR_FILENO, "nacelle: cannot execute mke2fs, of Debian's e2fsprogs: %s\n",
		      strerror(errno));
	_exit(127);
}

static int make_file_system(int directory, struct error *err)
{
	char path[64];
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return error_set(err, errno, "cannot start mke2fs");
	if (pid == 0) {
		sigset_t none;
		int inherited = fcntl(directory, F_DUPFD, 3);

		(void)dup2(STDERR_FILENO, STDOUT_FILENO);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/" NEW_NAME, inherited);
		execute_mke2fs(path);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_set(err, errno, "cannot wait for mke2fs");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return error_set(err, 0, "mke2fs could not make the pod's disk");
	return 0;
}

static int make_disk(int directory, uint64_t size_bytes, struct error *err)
{
	/* Of a pod that was prepared; it has this name only when it is complete. */
	_cleanup_fd_ int fd = openat(directory, UPPER_FILE_NAME, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd >= 0)
		return steal_fd(&fd);
	if (errno != ENOENT)
		return error_set(err, errno, "cannot open the pod's disk");
	fd = openat(directory, NEW_NAME, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)size_bytes) < 0)
		return error_set(err, errno, "cannot make the pod's disk");
	if (make_file_system(directory, err) < 0)
		return -1;
	if (renameat(directory, NEW_NAME, directory, UPPER_FILE_NAME) < 0)
		return error_set(err, errno, "cannot make the pod's disk");
	return steal_fd(&fd);
}

static const struct pod_root *find_disk(const struct pod_app *apps, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (apps[i].root.upper == POD_UPPER_DISK)
			return &apps[i].root;
	return NULL;
}

static int make_disk_of(int directory, const struct pod_root *root, struct error *err)
{
	return make_disk(directory,
			 root->upper_size_bytes ? root->upper_size_bytes : UPPER_DISK_DEFAULT_BYTES,
			 err);
}

int upper_prepare_disk(int pod_directory, const struct pod_app *apps, size_t app_count,
		       struct error *err)
{
	const struct pod_root *root = find_disk(apps, app_count);
	_cleanup_fd_ int fd = root ? make_disk_of(pod_directory, root, err) : -1;

	if (!root)
		return 0;
	if (fd >= 0 && fsync(fd) < 0)
		return error_set(err, errno, "cannot make the pod's disk");
	return fd < 0 ? -1 : 0;
}

int upper_make_disk(struct plan *plan, int pod_directory, struct pod_app *apps, size_t app_count,
		    struct pod_volume *volumes, size_t volume_count, char name[DISK_NAME_SIZE],
		    struct error *err)
{
	const struct pod_root *root = find_disk(apps, app_count);
	struct plan_disk *disk = &plan->disks[plan->disk_count];
	off_t size;

	if (!root)
		return 0;
	if (plan->disk_count == PLAN_DISKS_MAX)
		return error_set(err, 0, "the pod has more than %d disks", PLAN_DISKS_MAX);
	disk->fd = make_disk_of(pod_directory, root, err);
	if (disk->fd < 0)
		return -1;
	/* Held until the machine's process has ended, which a killed supervisor does not wait for.
	 */
	if (flock(disk->fd, LOCK_EX) < 0)
		return error_set(err, errno, "cannot lock the pod's disk");
	size = lseek(disk->fd, 0, SEEK_END);
	disk->size_bytes = size > 0 ? (uint64_t)size : 0;
	disk->read_only = false;
	disk_name(name, plan->disk_count++);
	for (size_t i = 0; i < app_count; i++) {
		if (apps[i].root.upper != POD_UPPER_DISK)
			continue;
		apps[i].root.upper_device = name;
		apps[i].root.upper_directory = apps[i].name;
	}
	for (size_t i = 0; i < volume_count; i++)
		if (!volumes[i].share)
			volumes[i].upper_device = name;
	return 0;
}
