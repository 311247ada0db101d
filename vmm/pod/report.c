/*
 * Messages on stderr. Each is one write, so that lines of several processes do not mix.
 */
#include "vmm/pod/report.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/error.h"
#include "vmm/base/io.h"

static bool json;
static const char *pod_name;

static const char *const level_names[] = {
	[REPORT_INFO] = "info",
	[REPORT_WARNING] = "warning",
	[REPORT_ERROR] = "error",
};

void report_use_json(const char *name)
{
	json = true;
	pod_name = name;
}

/* Appends text as the inside of a JSON string (RFC 8259, section 7). It holds no control
 * characters. */
static size_t append_escaped(char *out, size_t used, size_t size, const char *text)
{
	for (; *text && used + 7 < size; text++) {
		if (*text == '"' || *text == '\\')
			out[used++] = '\\';
		out[used++] = *text;
	}
	return used;
}

static size_t format_json(char *line, size_t size, enum report_level level, const char *text)
{
	struct timespec now;
	struct tm tm;
	char stamp[32];
	size_t used;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	(void)strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	used = (size_t)snprintf(line, size, "{\"time\":\"%s.%06ldZ\",\"level\":\"%s\",\"pod\":\"",
				stamp, now.tv_nsec / 1000, level_names[level]);
	used = append_escaped(line, used, size - 16, pod_name ? pod_name : "");
	used += (size_t)snprintf(line + used, size - used, "\",\"msg\":\"");
	used = append_escaped(line, used, size - 4, text);
	return used + (size_t)snprintf(line + used, size - used, "\"}\n");
}

void report(enum report_level level, const char *format, ...)
{
	struct error cleaned = ERROR_NONE;
	char text[ERROR_TEXT_MAX];
	char line[2 * ERROR_TEXT_MAX + 256];
	va_list args;
	size_t used;

	if (level == REPORT_INFO && !json)
		return;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	error_set(&cleaned, 0, "%s", text);
	if (json)
		used = format_json(line, sizeof(line), level, cleaned.text);
	else
		used = (size_t)snprintf(line, sizeof(line), "nacelle: %s%s\n",
					level == REPORT_WARNING ? "warning: " : "", cleaned.text);
	(void)io_write_all(STDERR_FILENO, line, used);
}
