/*
 * What nacelle-oci has to say: failures in the log and on stderr, warnings in the log, or on stderr
 * if there is none.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/base/time_text.h"
#include "vmm/cli/oci.h"
#include "vmm/pod/detach.h"

enum { STATUS_FAILURE = 1, LINE_BYTES = 6 * ERROR_TEXT_MAX, MESSAGES_MAX = 1024 * 1024 };

/* The text as a JSON string's inside, cut off where there is no room. */
static void escape(const char *text, char *out, size_t size)
{
	size_t len = 0;

	for (; *text && len + 7 < size; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\' || c < 0x20)
			len += (size_t)snprintf(out + len, size - len, "\\u%04x", c);
		else
			out[len++] = *text;
	}
	out[len] = '\0';
}

static size_t format_json(const char *level, const char *text, char *line, size_t size)
{
	char escaped[LINE_BYTES], when[TIME_TEXT_BYTES + 1];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	time_text_write(when, (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
	when[TIME_TEXT_BYTES] = '\0';
	escape(text, escaped, sizeof(escaped));
	return (size_t)snprintf(line, size, "{\"level\":\"%s\",\"msg\":\"%s\",\"time\":\"%s\"}\n",
				level, escaped, when);
}

static size_t format_plain(const char *level, const char *text, char *line, size_t size)
{
	bool is_error = strcmp(level, "error") == 0;

	return (size_t)snprintf(line, size, "%s: %s%s%.*s\n", oci_program.name,
				is_error ? "" : level, is_error ? "" : ": ", ERROR_TEXT_MAX, text);
}

/* Returns whether there is a log. */
static bool append(const char *level, const char *text)
{
	bool is_json = oci_globals.log_format && strcmp(oci_globals.log_format, "json") == 0;
	_cleanup_fd_ int fd = -1;
	char line[LINE_BYTES + 128];
	size_t len;

	if (oci_globals.log)
		fd = open(oci_globals.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	len = is_json ? format_json(level, text, line, sizeof(line))
		      : format_plain(level, text, line, sizeof(line));
	(void)io_write_all(fd < 0 ? STDERR_FILENO : fd, line, len);
	return fd >= 0;
}

/* One object at most is an error, since engines read the whole file as one then. */
int oci_fail(const struct error *err)
{
	char line[ERROR_TEXT_MAX + 32];

	if (append("error", err->text))
		(void)io_write_all(STDERR_FILENO, line,
				   format_plain("error", err->text, line, sizeof(line)));
	return STATUS_FAILURE;
}

void oci_warn(const char *text)
{
	(void)append("warning", text);
}

void oci_log_warnings(const struct string_list *warnings)
{
	for (size_t i = 0; oci_globals.log && i < warnings->count; i++)
		oci_warn(warnings->items[i]);
}

size_t oci_messages_size(const struct pod_directory *pod)
{
	struct stat st;

	return oci_globals.log && fstatat(pod->fd, DETACH_MESSAGES_NAME, &st, 0) == 0
		   ? (size_t)st.st_size
		   : 0;
}

void oci_log_messages(const struct pod_directory *pod, size_t from)
{
	static const char prefix[] = "nacelle: warning: ";
	_cleanup_free_ char *text = NULL;
	size_t len = 0;

	if (!oci_globals.log ||
	    io_read_file(pod->fd, DETACH_MESSAGES_NAME, MESSAGES_MAX, &text, &len, NULL) < 0)
		return;
	for (char *line = text + (from < len ? from : len), *end; (end = strchr(line, '\n'));
	     line = end + 1) {
		*end = '\0';
		if (strncmp(line, prefix, strlen(prefix)) == 0)
			oci_warn(line + strlen(prefix));
	}
}
