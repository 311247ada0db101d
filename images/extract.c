/*
 * Extracting an image: the directories that are open form a stack, and every name is created in the
 * one on top. So the confined reader, whatever became of it, chooses names and contents within a
 * fresh directory and nothing else.
 */
#include "images/extract.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "images/extract_entry.h"
#include "images/extract_links.h"
#include "images/extract_node.h"
#include "images/message.h"
#include "images/partial.h"
#include "images/remove_tree.h"
#include "images/worker.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"

enum {
	LEVELS_MAX = IMAGE_DEPTH_MAX + 1,
	PATH_BYTES_MAX = LEVELS_MAX * (IMAGE_NAME_MAX + 1),
};

/* A directory that is being filled. */
struct level {
	int fd;
	size_t path_len; /* of the path to it, with a final slash */
	struct extract_entry entry;
};

struct extraction {
	int image_fd;
	uint64_t image_bytes;
	uint64_t left_bytes; /* contents of files that the image can still have */
	struct level *levels;
	size_t depth;
	char *path; /* to the directory on top */
	struct extract_links links;
	struct extract_result result;
};

static int refuse(struct error *err)
{
	return error_set(err, 0, "the image reader reported nonsense");
}

/* No two files of an image share contents, so they cannot fill a disk beyond its size. */
static int account(struct extraction *run, const struct extract_entry *entry, struct error *err)
{
	uint64_t blocks_bytes = align_up(entry->size_bytes, EROFS_BLOCK);

	if (!S_ISREG(entry->mode))
		return 0;
	if (blocks_bytes > run->left_bytes)
		return error_set(err, 0, "the image has more contents than it has room for");
	run->left_bytes -= blocks_bytes;
	return 0;
}

/* Opens the directory that was just made, or is the root, and makes it the top of the stack. */
static int push(struct extraction *run, struct extract_entry *entry, int fd)
{
	struct level *level = &run->levels[run->depth++];
	size_t len = strlen(entry->name);

	level->fd = fd;
	level->path_len = run->depth > 1 ? level[-1].path_len : 0;
	if (len) {
		memcpy(run->path + level->path_len, entry->name, len);
		run->path[level->path_len + len] = '/';
		level->path_len += len + 1;
	}
	level->entry = *entry;
	entry->xattrs = NULL; /* the level's now */
	return 0;
}

static int enter(struct extraction *run, struct extract_entry *entry, struct error *err)
{
	int parent_fd = run->levels[run->depth - 1].fd;
	_cleanup_fd_ int fd = -1;

	if (run->depth == LEVELS_MAX)
		return refuse(err);
	if (mkdirat(parent_fd, entry->name, 0700) == 0)
		fd =
		    openat(parent_fd, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "cannot create %s", entry->name);
	return push(run, entry, steal_fd(&fd));
}

static int leave(struct extraction *run, struct error *err)
{
	struct level *level = &run->levels[--run->depth];
	int result;

	/* The directory of it all stays the caller's. */
	if (run->depth == 0) {
		extract_entry_free(&level->entry);
		return 0;
	}
	result = extract_node_finish(&level->entry, level->fd, &run->result, err);
	extract_entry_free(&level->entry);
	close(level->fd);
	return result;
}

static int add_name(struct extraction *run, struct extract_entry *entry, struct error *err)
{
	const struct level *top = &run->levels[run->depth - 1];
	const char *first = NULL;
	int made;

	if (entry->identity)
		first = extract_links_find(&run->links, entry->identity);
	if (first) {
		if (extract_links_make(run->levels[0].fd, first, top->fd, entry->name) < 0)
			return error_set(err, errno, "cannot create the hard link %s", entry->name);
		return 0;
	}
	if (account(run, entry, err) < 0)
		return -1;
	made = extract_node_make(entry, run->image_fd, top->fd, &run->result, err);
	if (made <= 0 || !entry->identity)
		return made < 0 ? -1 : 0;
	memcpy(run->path + top->path_len, entry->name, strlen(entry->name) + 1);
	return extract_links_add(&run->links, entry->identity, run->path, err);
}

static int take_entry(struct extraction *run, struct extract_entry *entry, struct error *err)
{
	if (run->depth == 0)
		return refuse(err);
	if (entry->is_end)
		return leave(run, err);
	if (!entry->name[0] || ++run->result.names > IMAGE_ENTRIES_MAX)
		return refuse(err);
	return S_ISDIR(entry->mode) ? enter(run, entry, err) : add_name(run, entry, err);
}

/* The first entry is the root, whose directory is there already. */
static int take_message(struct extraction *run, bool is_first, int top_fd, const char *data,
			size_t len, struct error *err)
{
	struct extract_entry entry;
	int result = extract_entry_decode(&entry, run->image_bytes, data, len, err);

	if (result == 0 && is_first)
		result =
		    S_ISDIR(entry.mode) && !entry.name[0] ? push(run, &entry, top_fd) : refuse(err);
	else if (result == 0)
		result = take_entry(run, &entry, err);
	extract_entry_free(&entry);
	return result;
}

static int take_all(struct extraction *run, struct worker *worker, int top_fd, struct error *err)
{
	for (bool is_first = true;; is_first = false) {
		_cleanup_free_ char *data = NULL;
		size_t len;
		int kind = worker_receive_any(worker, &data, &len, err);

		if (kind < 0)
			return -1;
		if (kind == MESSAGE_ENTRY &&
		    take_message(run, is_first, top_fd, data, len, err) == 0)
			continue;
		worker_kill(worker);
		if (kind == MESSAGE_ENTRY)
			return -1;
		if (kind == MESSAGE_RESULT && run->depth == 0 && !is_first)
			return 0;
		return refuse(err);
	}
}

static int read_image(struct extraction *run, int top_fd, struct error *err)
{
	static const struct lockdown_rule rules[] = {
		{ SYS_pread64, LOCKDOWN_ANY, 0, "the image" },
	};
	static const struct worker_role role = { .name = "the image reader",
						 .rules = rules,
						 .rule_count = ARRAY_SIZE(rules) };
	struct extract_read reading = { run->image_fd, run->image_bytes };
	const struct worker_job job = { .role = &role,
					.run = extract_read,
					.context = &reading,
					.fds = &run->image_fd,
					.fd_count = 1 };
	struct worker worker;

	if (worker_start(&worker, &job, err) < 0)
		return -1;
	return take_all(run, &worker, top_fd, err);
}

int extract_into(int image_fd, uint64_t size_bytes, int directory_fd, struct extract_result *out,
		 struct error *err)
{
	_cleanup_free_ struct level *levels = calloc(LEVELS_MAX, sizeof(*levels));
	_cleanup_free_ char *path = malloc(PATH_BYTES_MAX + IMAGE_NAME_MAX + 1);
	struct extraction run = { .image_fd = image_fd,
				  .image_bytes = size_bytes,
				  .left_bytes = size_bytes,
				  .levels = levels,
				  .path = path };
	mode_t mask;
	int result;

	if (!levels || !path)
		return error_set(err, ENOMEM, "cannot extract the image");
	mask = umask(0);
	result = read_image(&run, directory_fd, err);
	umask(mask);
	while (run.depth) {
		struct level *level = &levels[--run.depth];

		extract_entry_free(&level->entry);
		if (run.depth)
			close(level->fd);
	}
	extract_links_free(&run.links);
	*out = run.result;
	return result;
}

static int fill_and_name(int image_fd, uint64_t size_bytes, const char *partial, const char *path,
			 struct extract_result *out, struct error *err)
{
	_cleanup_fd_ int fd = open(partial, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return error_set(err, errno, "cannot open %s", partial);
	if (extract_into(image_fd, size_bytes, fd, out, err) < 0)
		return -1;
	if (syncfs(fd) < 0)
		return error_set(err, errno, "cannot write %s", partial);
	return partial_publish(partial, path, err);
}

int extract_image(int image_fd, uint64_t size_bytes, const char *path, struct extract_result *out,
		  struct error *err)
{
	char partial[PATH_MAX];

	if (partial_name(partial, path, err) < 0)
		return -1;
	if (mkdir(partial, 0700) < 0)
		return partial_cannot_create(partial, err);
	if (fill_and_name(image_fd, size_bytes, partial, path, out, err) == 0)
		return 0;
	if (remove_tree(AT_FDCWD, partial) < 0)
		return error_prefix(err, "%s is not whole and could not be removed", partial);
	return -1;
}
