/*
 * Printing logs: those of several apps are merged by their times, as far as they are there; what
 * comes later is printed as it comes.
 */
#include "vmm/pod/logs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "guest-init/protocol.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/time_text.h"
#include "vmm/pod/log_reader.h"

struct source {
	char name[LOG_NAME_MAX];
	struct log_record record; /* the next one, if there is one */
	bool has_record;
	bool goes_on[LOG_STREAMS]; /* the last entry of the stream was no line's end */
	bool is_shown[LOG_STREAMS];
	uint64_t skip;		  /* lines that are not among the last ones */
	struct log_reader reader; /* large: what is small lies in the page of the name */
};

struct printer {
	const struct logs_request *request;
	struct source *sources[RECORD_APPS_MAX];
	unsigned count;
	FILE *last;
};

static int add_source(struct printer *printer, int directory, const char *name, struct error *err)
{
	struct source *source;

	for (unsigned i = 0; i < printer->count; i++)
		if (strcmp(printer->sources[i]->name, name) == 0)
			return 0;
	if (printer->count == RECORD_APPS_MAX)
		return 0;
	source = calloc(1, sizeof(*source));
	if (!source)
		return error_set(err, errno, "no memory");
	(void)snprintf(source->name, sizeof(source->name), "%s", name);
	log_reader_open(&source->reader, directory, source->name);
	printer->sources[printer->count++] = source;
	return 0;
}

static bool ends_with(const char *name, const char *end)
{
	size_t len = strlen(name), end_len = strlen(end);

	return len > end_len && strcmp(name + len - end_len, end) == 0;
}

/* While the logger rotates, there is no NAME.log for a moment. */
static int is_log(const struct dirent *entry)
{
	return ends_with(entry->d_name, ".log") || ends_with(entry->d_name, ".log.1");
}

static int open_sources(struct printer *printer, int directory, struct error *err)
{
	const char *app = printer->request->app;
	struct dirent **entries;
	int status = 0;
	int count = scandirat(directory, ".", &entries, is_log, alphasort);

	if (count < 0)
		return error_set(err, errno, "cannot read the directory of the pod's logs");
	for (int i = 0; i < count; i++) {
		char *name = entries[i]->d_name;

		name[strlen(name) - strlen(ends_with(name, ".log") ? ".log" : ".log.1")] = '\0';
		if (status == 0 && (!app || strcmp(name, app) == 0))
			status = add_source(printer, directory, name, err);
		free(entries[i]);
	}
	free(entries);
	if (status == 0 && !printer->count)
		return error_set(
		    err, 0, app ? "the pod keeps no log of an app %s" : "the pod keeps no logs",
		    app);
	return status;
}

static bool is_wanted(const struct printer *printer, const struct log_record *record)
{
	const struct logs_request *request = printer->request;

	return record->time_ns >= request->since_ns &&
	       (request->stream == LOGS_BOTH_STREAMS || (int)record->stream == request->stream);
}

/* Whether the entry is the first of its line. */
static bool begins_line(struct source *source, const struct log_record *record)
{
	bool begins = !source->goes_on[record->stream];

	source->goes_on[record->stream] = record->partial;
	return begins;
}

static void count_lines(struct printer *printer, struct source *source)
{
	struct log_record record;
	uint64_t lines = 0;

	while (log_reader_next(&source->reader, &record) > 0)
		if (is_wanted(printer, &record))
			lines += begins_line(source, &record);
	source->skip = lines > printer->request->tail ? lines - printer->request->tail : 0;
	memset(source->goes_on, 0, sizeof(source->goes_on));
	source->reader.unreadable = 0;
	log_reader_rewind(&source->reader);
}

static void print(struct printer *printer, struct source *source, const struct log_record *record)
{
	FILE *out = record->stream == LOG_STDOUT ? stdout : stderr;

	if (!is_wanted(printer, record))
		return;
	if (begins_line(source, record)) {
		source->is_shown[record->stream] = !source->skip;
		if (source->skip)
			source->skip--;
		else if (printer->last && printer->last != out)
			(void)fflush(printer->last);
		if (source->is_shown[record->stream] && printer->request->timestamps) {
			char text[TIME_TEXT_BYTES];

			time_text_write(text, record->time_ns);
			(void)fprintf(out, "%.*s ", TIME_TEXT_BYTES, text);
		}
		if (source->is_shown[record->stream] && !printer->request->app &&
		    printer->count > 1)
			(void)fprintf(out, "%s: ", source->name);
	}
	if (!source->is_shown[record->stream])
		return;
	(void)fwrite(record->text, 1, record->len, out);
	if (!record->partial)
		(void)fputc('\n', out);
	printer->last = out;
}

/* The source whose next entry is the oldest, or NULL. */
static struct source *next_source(struct printer *printer)
{
	struct source *first = NULL;

	for (unsigned i = 0; i < printer->count; i++) {
		struct source *source = printer->sources[i];

		if (!source->has_record)
			source->has_record = log_reader_next(&source->reader, &source->record) > 0;
		if (source->has_record &&
		    (!first || source->record.time_ns < first->record.time_ns))
			first = source;
	}
	return first;
}

static int print_all(struct printer *printer, struct error *err)
{
	struct source *source;

	while ((source = next_source(printer))) {
		print(printer, source, &source->record);
		source->has_record = false;
		if (ferror(stdout) || ferror(stderr))
			break;
	}
	if (fflush(stdout) != 0 || fflush(stderr) != 0 || ferror(stdout) || ferror(stderr))
		return error_set(err, errno, "cannot write the log");
	return 0;
}

static bool refresh(struct printer *printer)
{
	bool any = false;

	for (unsigned i = 0; i < printer->count; i++)
		any = log_reader_refresh(&printer->sources[i]->reader) || any;
	return any;
}

static int watch(int directory, struct error *err)
{
	_cleanup_fd_ int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", directory);
	if (fd < 0 || inotify_add_watch(fd, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
		return error_set(err, errno, "cannot watch the pod's logs");
	return steal_fd(&fd);
}

/* Until the pod has ended, and all that it left has been printed. */
static int follow(struct printer *printer, int changes, struct error *err)
{
	char events[4096] __attribute__((aligned(8)));
	struct pollfd fds[2] = {
		{ .fd = changes, .events = POLLIN },
		{ .fd = printer->request->follow_fd, .events = POLLIN },
	};

	for (;;) {
		do {
			if (print_all(printer, err) < 0)
				return -1;
		} while (refresh(printer));
		if (fds[1].revents)
			return 0;
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return error_set(err, errno, "cannot wait for the pod's logs");
		while (fds[0].revents && read(changes, events, sizeof(events)) > 0)
			;
	}
}

static int print_logs(struct printer *printer, int directory, struct error *err)
{
	bool follows = printer->request->follow_fd >= 0;
	/* Before the first look, so that nothing falls in between. */
	_cleanup_fd_ int changes = follows ? watch(directory, err) : -1;

	if ((follows && changes < 0) || open_sources(printer, directory, err) < 0)
		return -1;
	for (unsigned i = 0; printer->request->has_tail && i < printer->count; i++)
		count_lines(printer, printer->sources[i]);
	return follows ? follow(printer, changes, err) : print_all(printer, err);
}

int logs_print(int directory, const struct logs_request *request, struct error *err)
{
	struct printer printer = { .request = request };
	int status = print_logs(&printer, directory, err);
	uint64_t unreadable = 0, gaps = 0;

	for (unsigned i = 0; i < printer.count; i++) {
		unreadable += printer.sources[i]->reader.unreadable;
		gaps += printer.sources[i]->reader.gaps;
		log_reader_close(&printer.sources[i]->reader);
		free(printer.sources[i]);
	}
	if (status == 0 && unreadable)
		return error_set(err, 0, "%ju lines of the log could not be read",
				 (uintmax_t)unreadable);
	if (status == 0 && gaps)
		return error_set(err, 0,
				 "the log was rotated faster than it could be printed; "
				 "entries are missing");
	return status;
}
