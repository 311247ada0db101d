/*
 * The volumes of a pod together. Paths are the caller's and are resolved once, here: links in them
 * lead where they lead for everybody; what a guest does later starts from the descriptor.
 */
#include "vmm/pod/volume_set.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/pod/disk_name.h"

enum { SECTOR_BYTES = 512 };

void volume_set_init(struct volume_set *set, unsigned first_disk)
{
	memset(set, 0, sizeof(*set));
	set->first_disk = first_disk;
}

static struct volume_share *new_share(struct volume_set *set, const char *prefix, struct error *err)
{
	struct volume_share *share = &set->shares[set->share_count];

	if (set->share_count == P9_SHARES_MAX) {
		(void)error_set(err, 0, "more than %d directories and files of the host",
				P9_SHARES_MAX);
		return NULL;
	}
	*share = (struct volume_share){ .fd = -1 };
	(void)snprintf(share->name, sizeof(share->name), "%.8s%u", prefix, set->share_count++);
	return share;
}

const char *volume_set_adopt(struct volume_set *set, const char *prefix, int fd, bool read_only,
			     struct error *err)
{
	struct volume_share *share = new_share(set, prefix, err);

	if (!share) {
		close(fd);
		return NULL;
	}
	share->fd = fd;
	share->read_only = read_only;
	share->cache = read_only ? POD_CACHE_LOOSE : POD_CACHE_MMAP;
	return share->name;
}

/* A share of the same directory, shared alike, or a new one. */
static struct volume_share *find_share(struct volume_set *set, const struct volume *volume,
				       const struct volume_share *like, struct error *err)
{
	struct volume_share *share;

	for (unsigned i = 0; i < set->share_count; i++) {
		share = &set->shares[i];
		if (share->path && strcmp(share->path, like->path) == 0 &&
		    share->read_only == like->read_only && share->recursive == like->recursive &&
		    share->cache == like->cache)
			return share;
	}
	share = new_share(set, "vol", err);
	if (!share)
		return NULL;
	share->text = volume->text;
	share->path = like->path;
	share->read_only = like->read_only;
	share->recursive = like->recursive;
	share->cache = like->cache;
	return share;
}

static int mount_host(struct volume_set *set, const struct volume *volume, struct pod_mount *mount,
		      struct error *err)
{
	const struct volume_share like = {
		.path = volume->source,
		.read_only = mount->read_only,
		.recursive = volume->recursive != VOLUME_NO,
		.cache = volume->has_cache  ? volume->cache
			 : mount->read_only ? POD_CACHE_LOOSE
					    : POD_CACHE_MMAP,
	};
	struct volume_share *share = find_share(set, volume, &like, err);

	if (!share)
		return -1;
	mount->type = POD_MOUNT_SHARE;
	mount->source = share->name;
	mount->recursive = share->recursive;
	mount->cache = share->cache;
	return 0;
}

static int mount_block(struct volume_set *set, const struct volume *volume, struct pod_mount *mount,
		       struct error *err)
{
	struct volume_disk *disk = set->disks;

	while (disk < set->disks + set->disk_count && strcmp(disk->path, volume->source) != 0)
		disk++;
	if (disk == set->disks + set->disk_count) {
		if (set->first_disk + set->disk_count >= PLAN_DISKS_MAX)
			return error_set(err, 0, "--volume %s: a pod has at most %d disks",
					 volume->text, PLAN_DISKS_MAX);
		*disk = (struct volume_disk){
			.text = volume->text,
			.path = volume->source,
			.fd = -1,
			.read_only = mount->read_only,
		};
		disk_name(disk->name, set->first_disk + set->disk_count++);
	}
	if (disk->read_only != mount->read_only)
		return error_set(err, 0, "--volume %s: the same disk is also used %s", volume->text,
				 disk->read_only ? "read-only" : "for writing");
	mount->type = POD_MOUNT_BLOCK;
	mount->source = disk->name;
	mount->file_system = volume->file_system;
	return 0;
}

static int mount_empty(struct volume_set *set, const struct pod_volume *like,
		       struct pod_mount *mount, struct error *err)
{
	struct pod_volume *volume = set->volumes;

	while (volume < set->volumes + set->volume_count && strcmp(volume->name, like->name) != 0)
		volume++;
	if (volume == set->volumes + set->volume_count) {
		if (set->volume_count == RECORD_VOLUMES_MAX)
			return error_set(err, 0, "a pod has at most %d empty volumes",
					 RECORD_VOLUMES_MAX);
		*volume = *like;
		set->volume_count++;
	}
	mount->type = POD_MOUNT_VOLUME;
	mount->source = volume->name;
	return 0;
}

int volume_set_mount(struct volume_set *set, const struct volume *volume, const char *target,
		     enum volume_flag read_only, struct pod_mount *mount, struct error *err)
{
	const struct pod_volume empty = {
		.name = volume->name,
		.mode = volume->mode,
		.uid = volume->uid,
		.gid = volume->gid,
		.size_bytes = volume->size_bytes,
	};

	*mount = (struct pod_mount){
		.target = target,
		.read_only = volume_read_only(volume, read_only),
		.nodev = true,
		.nosuid = volume->nosuid,
		.noexec = volume->noexec,
	};
	switch (volume->kind) {
	case VOLUME_HOST:
		return mount_host(set, volume, mount, err);
	case VOLUME_BLOCK:
		return mount_block(set, volume, mount, err);
	case VOLUME_EMPTY:
		break;
	}
	return mount_empty(set, &empty, mount, err);
}

int volume_set_implicit(struct volume_set *set, const char *name, const char *target,
			struct pod_mount *mount, struct error *err)
{
	const struct pod_volume empty = { .name = name };

	*mount = (struct pod_mount){ .target = target, .prefill = true, .nodev = true };
	return mount_empty(set, &empty, mount, err);
}

/* The next component of a path that counts; its length in *len, 0 at the end. */
static const char *next_component(const char *path, size_t *len)
{
	do {
		path += strspn(path, "/");
		*len = strcspn(path, "/");
		if (*len != 1 || *path != '.')
			return path;
		path += *len;
	} while (true);
}

bool volume_same_target(const char *a, const char *b)
{
	size_t a_len, b_len;

	do {
		a = next_component(a, &a_len);
		b = next_component(b, &b_len);
		if (a_len != b_len || memcmp(a, b, a_len) != 0)
			return false;
		a += a_len;
		b += b_len;
	} while (a_len);
	return true;
}

enum plan_files_kind volume_share_kind(const struct volume_share *share)
{
	return share->cache == POD_CACHE_LOOSE ? PLAN_FILES_CACHED : PLAN_FILES_CHANGING;
}

unsigned volume_set_count(const struct volume_set *set, enum plan_files_kind kind)
{
	unsigned count = 0;

	for (unsigned i = 0; i < set->share_count; i++)
		count += volume_share_kind(&set->shares[i]) == kind;
	return count;
}

static unsigned depth_of(const char *target)
{
	unsigned depth = 0;
	size_t len;

	for (;; depth++) {
		target = next_component(target, &len);
		if (!len)
			return depth;
		target += len;
	}
}

void volume_sort_targets(struct pod_mount *mounts, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		const struct pod_mount moving = mounts[i];
		size_t at = i;

		for (; at && depth_of(mounts[at - 1].target) > depth_of(moving.target); at--)
			mounts[at] = mounts[at - 1];
		mounts[at] = moving;
	}
}

int volume_check_targets(const struct pod_mount *mounts, size_t count, struct error *err)
{
	for (size_t i = 1; i < count; i++) {
		for (size_t j = 0; j < i; j++) {
			if (volume_same_target(mounts[i].target, mounts[j].target))
				return error_set(err, 0, "two volumes are to be mounted on %s",
						 mounts[i].target);
		}
	}
	return 0;
}

void volume_isolate(int *fd, bool read_only, bool recursive)
{
	struct mount_attr attributes = { .attr_set = MOUNT_ATTR_RDONLY };
	unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
	_cleanup_fd_ int tree = -1;

	if (geteuid() != 0 || (!read_only && recursive))
		return;
	tree = (int)syscall(SYS_open_tree, *fd, "", flags | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0 || (read_only && syscall(SYS_mount_setattr, tree, "", flags, &attributes,
					      sizeof(attributes)) < 0))
		return;
	close(*fd);
	*fd = steal_fd(&tree);
}

static int open_share(struct volume_share *share, struct error *err)
{
	_cleanup_fd_ int fd = open(share->path, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return error_set(err, errno, "--volume %s: cannot open %s", share->text,
				 share->path);
	if (fstat(fd, &st) < 0 || (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)))
		return error_set(err, 0,
				 "--volume %s: %s is neither a directory nor a regular file",
				 share->text, share->path);
	volume_isolate(&fd, share->read_only, share->recursive);
	share->fd = steal_fd(&fd);
	return 0;
}

static int size_of_disk(int fd, uint64_t *bytes)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -1;
	if (S_ISBLK(st.st_mode))
		return ioctl(fd, BLKGETSIZE64, bytes);
	*bytes = (uint64_t)st.st_size;
	errno = EINVAL;
	return S_ISREG(st.st_mode) ? 0 : -1;
}

static int open_disk(struct volume_disk *disk, struct error *err)
{
	int flags = disk->read_only ? O_RDONLY : O_RDWR;
	_cleanup_fd_ int fd = open(disk->path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return error_set(err, errno, "--volume %s: cannot open %s", disk->text, disk->path);
	if (size_of_disk(fd, &disk->size_bytes) < 0)
		return error_set(err, 0,
				 "--volume %s: %s is neither a regular file nor a block device",
				 disk->text, disk->path);
	if (!disk->size_bytes || disk->size_bytes % SECTOR_BYTES)
		return error_set(err, 0,
				 "--volume %s: the size of %s is not a multiple of %d bytes",
				 disk->text, disk->path, SECTOR_BYTES);
	if (flock(fd, (disk->read_only ? LOCK_SH : LOCK_EX) | LOCK_NB) < 0)
		return errno == EWOULDBLOCK
			   ? error_set(err, 0, "--volume %s: another pod or process uses %s%s",
				       disk->text, disk->path,
				       disk->read_only ? " for writing" : "")
			   : error_set(err, errno, "--volume %s: cannot lock %s", disk->text,
				       disk->path);
	disk->fd = steal_fd(&fd);
	return 0;
}

int volume_set_open(struct volume_set *set, struct error *err)
{
	for (unsigned i = 0; i < set->share_count; i++) {
		if (set->shares[i].fd < 0 && open_share(&set->shares[i], err) < 0)
			return -1;
	}
	for (unsigned i = 0; i < set->disk_count; i++) {
		if (open_disk(&set->disks[i], err) < 0)
			return -1;
	}
	return 0;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void volume_set_close(struct volume_set *set)
{
	for (unsigned i = 0; i < set->share_count; i++)
		close_one(&set->shares[i].fd);
	for (unsigned i = 0; i < set->disk_count; i++)
		close_one(&set->disks[i].fd);
}
