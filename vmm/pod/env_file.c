/*
 * Files of variables. They are the user's own; no quoting is known, as in those of other engines.
 */
#include "vmm/pod/env_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

enum { FILE_MAX = 1024 * 1024, VARIABLES_MAX = 65536 };

static int add(struct text_list *list, const char *text, struct error *err)
{
	if (list->count == VARIABLES_MAX)
		return error_set(err, 0, "--env-file: more than %d variables", VARIABLES_MAX);
	list->items[list->count++] = text;
	return 0;
}

/* Cuts the text into lines. */
static int add_lines(const char *file, char *text, struct text_list *out, struct error *err)
{
	unsigned number = 0;
	char *line;

	while ((line = strsep(&text, "\n"))) {
		size_t len = strlen(line);

		number++;
		if (len && line[len - 1] == '\r')
			line[len - 1] = '\0';
		line += strspn(line, " \t");
		if (!*line || *line == '#')
			continue;
		if (*line == '=' || strcspn(line, " \t") < strcspn(line, "="))
			return error_set(err, 0, "--env-file %s, line %u: NAME=VALUE is expected",
					 file, number);
		if (add(out, line, err) < 0)
			return -1;
	}
	return 0;
}

static int add_file(const char *file, struct text_list *out, struct keep *list, struct error *err)
{
	_cleanup_fd_ int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char *text = keep_array(list, FILE_MAX + 1, 1, err);
	ssize_t n;

	if (!text)
		return -1;
	n = fd < 0 ? -1 : io_read_full(fd, text, FILE_MAX + 1);
	if (n < 0)
		return error_set(err, errno, "--env-file %s", file);
	if (n > FILE_MAX || memchr(text, '\0', (size_t)n))
		return error_set(err, 0, "--env-file %s: it is no text of at most %d bytes", file,
				 FILE_MAX);
	return add_lines(file, text, out, err);
}

int env_files_read(const struct text_list *files, struct text_list *env, struct keep *list,
		   struct error *err)
{
	struct text_list out = { .items =
				     keep_array(list, VARIABLES_MAX + 1, sizeof(*out.items), err) };

	if (!out.items)
		return -1;
	for (unsigned i = 0; i < files->count; i++)
		if (add_file(files->items[i], &out, list, err) < 0)
			return -1;
	for (unsigned i = 0; i < env->count; i++)
		if (add(&out, env->items[i], err) < 0)
			return -1;
	*env = out;
	return 0;
}
