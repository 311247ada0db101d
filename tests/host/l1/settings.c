/*
 * Reads the settings of an emulated host.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "l1.h"

/* A command line of 2 MiB is all that Linux takes. */
static char buffer[4 << 20];

static void append(char *list[], char *value)
{
	size_t count = 0;

	while (list[count])
		count++;
	if (count == LIST_MAX - 1)
		die("more than %d entries in a list of settings", LIST_MAX - 1);
	list[count] = value;
}

static void take(struct settings *settings, const char *name, char *value)
{
	const struct {
		const char *name;
		const char **one;
		char **list;
	} fields[] = {
		{ "host", &settings->host, NULL },
		{ "root", &settings->root, NULL },
		{ "release", &settings->release, NULL },
		{ "modules", &settings->modules, NULL },
		{ "streams", &settings->streams, NULL },
		{ "directory", &settings->directory, NULL },
		{ "share", NULL, settings->shares },
		{ "file", NULL, settings->files },
		{ "variable", NULL, settings->variables },
		{ "argument", NULL, settings->arguments },
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (strcmp(name, fields[i].name) != 0)
			continue;
		if (fields[i].one)
			*fields[i].one = value;
		else
			append(fields[i].list, value);
		return;
	}
	die("unknown setting %s", name);
}

void settings_read(struct settings *settings, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len_bytes = 0;
	ssize_t got;

	while (fd >= 0 && len_bytes < sizeof(buffer) - 1 &&
	       (got = read(fd, buffer + len_bytes, sizeof(buffer) - 1 - len_bytes)) > 0)
		len_bytes += (size_t)got;
	close(fd);
	for (char *record = buffer; record < buffer + len_bytes; record += strlen(record) + 1) {
		char *value = strchr(record, '=');

		if (!value)
			die("broken settings");
		*value++ = '\0';
		take(settings, record, value);
		record = value;
	}
	if (!settings->root || !settings->streams || !settings->arguments[0])
		die("incomplete settings");
}
