/*
 * Bounded log files. A disk that is full or broken loses entries, which are counted and noted in
 * the log as soon as it takes some again; it never makes the app wait.
 */
#include "vmm/pod/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"

int log_options_choose(struct log_options *options, uint64_t size_bytes, uint64_t files,
		       const char *format, struct error *err)
{
	if (size_bytes && size_bytes < LOG_SIZE_MIN_BYTES)
		return error_set(err, 0, "--log-size: at least %ju bytes are expected",
				 (uintmax_t)LOG_SIZE_MIN_BYTES);
	if (files > LOG_FILES_MAX)
		return error_set(err, 0, "--log-files: at most %d are possible", LOG_FILES_MAX);
	if (format && strcmp(format, "json") != 0 && strcmp(format, "cri") != 0)
		return error_set(err, 0, "--log-format %s: json or cri is expected", format);
	options->format = format && strcmp(format, "cri") == 0 ? LOG_FORMAT_CRI : LOG_FORMAT_JSON;
	options->size_bytes = size_bytes ? size_bytes : LOG_SIZE_DEFAULT_BYTES;
	options->files = files ? (unsigned)files : LOG_FILES_DEFAULT;
	return 0;
}

void log_file_name(char name[LOG_NAME_MAX], const char *app, unsigned number)
{
	if (number)
		(void)snprintf(name, LOG_NAME_MAX, "%s.log.%u", app, number);
	else
		(void)snprintf(name, LOG_NAME_MAX, "%s.log", app);
}

/* Returns false if there is no file to write to. */
static bool open_current(struct log_file *file)
{
	char name[LOG_NAME_MAX];
	off_t size;

	if (file->fd >= 0)
		return true;
	log_file_name(name, file->app, 0);
	file->fd = openat(file->directory, name,
			  O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (file->fd < 0)
		return false;
	size = lseek(file->fd, 0, SEEK_END);
	file->size_bytes = size > 0 ? (uint64_t)size : 0;
	return true;
}

void log_file_open(struct log_file *file, int directory, const char *app,
		   const struct log_options *options)
{
	file->options = options;
	file->directory = directory;
	file->app = app;
	file->fd = -1;
	file->size_bytes = 0;
	file->used = 0;
	file->lost_entries = file->lost_bytes = 0;
	(void)open_current(file);
}

/* The oldest goes, every other one gets a higher number, from the oldest on: no name is lost. */
static void rotate(struct log_file *file)
{
	char from[LOG_NAME_MAX], to[LOG_NAME_MAX];

	if (file->options->files == 1) {
		if (file->fd >= 0 && ftruncate(file->fd, 0) == 0)
			file->size_bytes = 0;
		return;
	}
	if (file->fd >= 0)
		close(steal_fd(&file->fd));
	for (unsigned number = file->options->files - 1; number > 0; number--) {
		log_file_name(from, file->app, number - 1);
		log_file_name(to, file->app, number);
		(void)renameat(file->directory, from, file->directory, to);
	}
	file->size_bytes = 0;
	(void)open_current(file);
}

static void count_lost(struct log_file *file, const char *data, size_t len, int code)
{
	for (size_t i = 0; i < len; i++)
		file->lost_entries += data[i] == '\n';
	file->lost_bytes += len;
	file->lost_errno = code;
}

/* Writes whole entries; those that do not go are lost. Returns whether all went. */
static bool write_entries(struct log_file *file, const char *data, size_t len)
{
	size_t done = 0;
	int code = 0;

	if (file->fd < 0 && !open_current(file))
		code = errno;
	while (!code && done < len) {
		ssize_t n = write(file->fd, data + done, len - done);

		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			code = n < 0 ? errno : ENOSPC;
	}
	if (!code) {
		file->size_bytes += len;
		return true;
	}
	/* Half an entry would spoil the next one. */
	while (done && data[done - 1] != '\n')
		done--;
	file->size_bytes += done;
	if (file->fd >= 0 && ftruncate(file->fd, (off_t)file->size_bytes) < 0)
		close(steal_fd(&file->fd));
	count_lost(file, data + done, len - done, code);
	return false;
}

static bool write_note(struct log_file *file, uint64_t time_ns)
{
	char text[256], entry[6 * sizeof(text) + 128];
	struct log_record record = {
		.time_ns = time_ns, .stream = LOG_STDERR, .note = true, .text = text
	};
	uint64_t entries = file->lost_entries, bytes = file->lost_bytes;

	record.len = (size_t)snprintf(text, sizeof(text),
				      "nacelle: %" PRIu64 " entries of the log (%" PRIu64
				      " bytes) are lost: %s",
				      entries, bytes, strerrordesc_np(file->lost_errno));
	if (!write_entries(file, entry, log_record_write(file->options->format, &record, entry))) {
		/* The note itself is none of them. */
		file->lost_entries = entries;
		file->lost_bytes = bytes;
		return false;
	}
	file->lost_entries = file->lost_bytes = 0;
	return true;
}

void log_file_flush(struct log_file *file, uint64_t time_ns)
{
	size_t len = file->used;

	if (!len && !file->lost_entries)
		return;
	file->used = 0;
	if (file->lost_entries && !write_note(file, time_ns))
		count_lost(file, file->buffer, len, file->lost_errno);
	else if (len)
		(void)write_entries(file, file->buffer, len);
}

void log_file_add(struct log_file *file, const struct log_record *record)
{
	size_t len;

	if (sizeof(file->buffer) - file->used < LOG_RECORD_MAX)
		log_file_flush(file, record->time_ns);
	len = log_record_write(file->options->format, record, file->buffer + file->used);
	if (file->size_bytes + file->used + len > file->options->size_bytes &&
	    file->size_bytes + file->used) {
		log_file_flush(file, record->time_ns);
		rotate(file);
		len = log_record_write(file->options->format, record, file->buffer);
	}
	file->used += len;
}

void log_file_close(struct log_file *file, uint64_t time_ns)
{
	char name[LOG_NAME_MAX];

	log_file_flush(file, time_ns);
	if (file->fd >= 0) {
		(void)fsync(file->fd);
		close(steal_fd(&file->fd));
	}
	for (unsigned number = 1; number < file->options->files; number++) {
		_cleanup_fd_ int fd = -1;

		log_file_name(name, file->app, number);
		fd = openat(file->directory, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd >= 0)
			(void)fsync(fd);
	}
	(void)fsync(file->directory);
}
