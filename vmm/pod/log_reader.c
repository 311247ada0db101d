/*
 * Reading logs. The files are found by their inodes, since their names change under the reader. In
 * them stands what the logger wrote, or whoever got hold of the logger: every line is parsed as if
 * it were foreign.
 */
#include "vmm/pod/log_reader.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

enum { TRIES_MAX = 100 };

static bool is_same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

/* The newest first: if they are rotated once meanwhile, one is met twice, but none is missed. */
static unsigned open_once(const struct log_reader *reader, int fds[LOG_FILES_MAX])
{
	unsigned count = 0;

	for (unsigned number = 0; number < LOG_FILES_MAX; number++) {
		char name[LOG_NAME_MAX];
		struct stat st;
		int fd;

		log_file_name(name, reader->app, number);
		fd =
		    openat(reader->directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (fd < 0)
			continue;
		if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
		    (count && is_same_file(fd, fds[count - 1])))
			close(fd);
		else
			fds[count++] = fd;
	}
	return count;
}

static bool is_newest(const struct log_reader *reader, int fd)
{
	char name[LOG_NAME_MAX];
	struct stat own, found;

	for (unsigned number = 0; number < LOG_FILES_MAX; number++) {
		log_file_name(name, reader->app, number);
		if (fstatat(reader->directory, name, &found, AT_SYMLINK_NOFOLLOW) == 0)
			return fstat(fd, &own) == 0 && own.st_dev == found.st_dev &&
			       own.st_ino == found.st_ino;
	}
	return false;
}

/*
 * Opens the files, the newest first, and returns how many. A logger that rotates several times
 * meanwhile would spoil the order, which shows in a newest file that is another one afterwards.
 */
static unsigned open_files(const struct log_reader *reader, int fds[LOG_FILES_MAX])
{
	unsigned count = open_once(reader, fds);

	for (int try = 1; try < TRIES_MAX && count && !is_newest(reader, fds[0]); try++) {
		while (count)
			close(fds[--count]);
		count = open_once(reader, fds);
	}
	return count;
}

/* Appends the first count of what open_files() found, in the order of time. */
static void take_files(struct log_reader *reader, const int *newest_first, unsigned count)
{
	while (count)
		reader->fds[reader->count++] = newest_first[--count];
}

void log_reader_open(struct log_reader *reader, int directory, const char *app)
{
	int fds[LOG_FILES_MAX];

	reader->directory = directory;
	reader->app = app;
	reader->count = 0;
	reader->unreadable = reader->gaps = 0;
	take_files(reader, fds, open_files(reader, fds));
	log_reader_rewind(reader);
}

void log_reader_close(struct log_reader *reader)
{
	while (reader->count)
		close(reader->fds[--reader->count]);
}

static void begin_file(struct log_reader *reader, unsigned index)
{
	reader->index = index;
	reader->offset = 0;
	reader->start = reader->end = 0;
	reader->is_skipping = false;
}

void log_reader_rewind(struct log_reader *reader)
{
	begin_file(reader, 0);
}

/* Returns whether something has been read. */
static bool fill(struct log_reader *reader)
{
	ssize_t n;

	if (reader->index == reader->count)
		return false;
	reader->end -= reader->start;
	memmove(reader->buffer, reader->buffer + reader->start, reader->end);
	reader->start = 0;
	if (reader->end == sizeof(reader->buffer)) {
		reader->unreadable += !reader->is_skipping;
		reader->is_skipping = true;
		reader->end = 0;
	}
	n = io_pread_full(reader->fds[reader->index], reader->buffer + reader->end,
			  sizeof(reader->buffer) - reader->end, reader->offset);
	if (n > 0) {
		reader->end += (size_t)n;
		reader->offset += (uint64_t)n;
	}
	return n > 0;
}

int log_reader_next(struct log_reader *reader, struct log_record *record)
{
	for (;;) {
		char *line = reader->buffer + reader->start;
		char *newline = memchr(line, '\n', reader->end - reader->start);

		if (newline) {
			bool is_rest = reader->is_skipping;

			reader->start = (size_t)(newline + 1 - reader->buffer);
			reader->is_skipping = false;
			if (is_rest)
				continue;
			if (log_record_read(line, (size_t)(newline - line), record) == 0)
				return 1;
			reader->unreadable++;
			continue;
		}
		if (fill(reader))
			continue;
		if (reader->index + 1 >= reader->count)
			return 0;
		/* What is left is an entry whose writer was killed. */
		begin_file(reader, reader->index + 1);
	}
}

/* The file has been made shorter: all of it is new, unless only half an entry was taken back. */
static bool check_truncated(struct log_reader *reader)
{
	struct stat st;

	if (fstat(reader->fds[reader->index], &st) < 0 || (uint64_t)st.st_size >= reader->offset)
		return false;
	if ((uint64_t)st.st_size >= reader->offset - (reader->end - reader->start)) {
		reader->offset -= reader->end - reader->start;
		reader->start = reader->end = 0;
		return true;
	}
	begin_file(reader, reader->index);
	return true;
}

bool log_reader_refresh(struct log_reader *reader)
{
	int fds[LOG_FILES_MAX], own = reader->count ? reader->fds[reader->index] : -1;
	unsigned count = open_files(reader, fds), newer = 0;

	while (newer < count && (own < 0 || !is_same_file(fds[newer], own)))
		newer++;
	if (own >= 0 && newer == count)
		reader->gaps++;
	for (unsigned i = newer; i < count; i++)
		close(fds[i]);
	if (!newer)
		return own >= 0 && check_truncated(reader);
	for (unsigned i = 0; i < reader->count; i++)
		if (reader->fds[i] != own)
			close(reader->fds[i]);
	reader->index = 0;
	reader->count = 0;
	if (own >= 0)
		reader->fds[reader->count++] = own;
	take_files(reader, fds, newer);
	return true;
}
