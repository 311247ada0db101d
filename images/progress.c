/*
 * The progress line.
 */
#include "images/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "images/clock.h"
#include "vmm/base/io.h"

enum {
	REDRAW_MS = 200,
	LINE_SIZE = 256,
	COLUMNS_DEFAULT = 80,
	WORTH_SHOWING_BYTES = 256 * 1024, /* at once, and not only if it takes its time */
};

/* "12.3 MB", in powers of ten as speeds of networks are. */
static void format_bytes(uint64_t bytes, char text[32])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	size_t unit = 0;
	uint64_t tenths = bytes * 10;

	if (bytes > UINT64_MAX / 10)
		tenths = UINT64_MAX;
	while (tenths >= 10000 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		tenths /= 1000;
		unit++;
	}
	if (unit == 0)
		(void)snprintf(text, 32, "%" PRIu64 " B", tenths / 10);
	else
		(void)snprintf(text, 32, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10,
			       units[unit]);
}

void progress_format(const struct progress *progress, uint64_t elapsed_ms, size_t columns,
		     char *line, size_t size)
{
	char done[32], total[32], speed[32];
	uint64_t moved = progress->done_bytes - progress->begun_bytes;
	uint64_t percent =
	    progress->total_bytes
		? (uint64_t)((double)progress->done_bytes * 100.0 / (double)progress->total_bytes)
		: 100;

	format_bytes(progress->done_bytes, done);
	format_bytes(progress->total_bytes, total);
	format_bytes(elapsed_ms ? (uint64_t)((double)moved * 1000.0 / (double)elapsed_ms) : 0,
		     speed);
	(void)snprintf(line, size, "%3" PRIu64 " %%  %s of %s  %s/s  %.*s", percent, done, total,
		       speed, (int)(size / 2), progress->what);
	for (char *at = line; *at; at++) {
		if ((unsigned char)*at < 0x20 || (unsigned char)*at >= 0x7f)
			*at = '?';
	}
	if (columns && strlen(line) >= columns)
		line[columns - 1] = '\0';
}

static void draw(struct progress *progress)
{
	char line[LINE_SIZE], shown[LINE_SIZE + 16];
	struct winsize window = { 0 };
	size_t columns = COLUMNS_DEFAULT;
	int len;

	if (ioctl(progress->fd, TIOCGWINSZ, &window) == 0 && window.ws_col)
		columns = window.ws_col;
	progress_format(progress, clock_now_ms() - progress->begun_ms, columns, line, sizeof(line));
	len = snprintf(shown, sizeof(shown), "\r%s\033[K", line);
	if (len > 0)
		(void)io_write_all(progress->fd, shown, (size_t)len);
	progress->drawn_ms = clock_now_ms();
	progress->is_drawn = true;
}

void progress_begin(struct progress *progress, int fd, const char *what, uint64_t done_bytes,
		    uint64_t total_bytes)
{
	*progress = (struct progress){ .fd = fd >= 0 && isatty(fd) ? fd : -1,
				       .what = what,
				       .done_bytes = done_bytes,
				       .begun_bytes = done_bytes,
				       .total_bytes = total_bytes,
				       .begun_ms = clock_now_ms() };
	progress->drawn_ms = progress->begun_ms;
	if (progress->fd >= 0 && total_bytes - done_bytes >= WORTH_SHOWING_BYTES)
		draw(progress);
}

void progress_add(struct progress *progress, uint64_t bytes)
{
	progress->done_bytes += bytes;
	if (progress->fd >= 0 && clock_now_ms() - progress->drawn_ms >= REDRAW_MS)
		draw(progress);
}

void progress_end(struct progress *progress)
{
	if (progress->is_drawn)
		(void)io_write_all(progress->fd, "\r\033[K", 4);
	progress->is_drawn = false;
	progress->fd = -1;
}
