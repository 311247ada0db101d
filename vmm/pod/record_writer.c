/*
 * Properties and nodes, over libfdt's sequential interface.
 */
#include "vmm/pod/record_writer.h"

#include <errno.h>
#include <libfdt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "guest-init/protocol.h"

void writer_fail(struct record_writer *w, const char *what, const char *why)
{
	if (!w->bad)
		error_set(w->err, EINVAL, "%s %s", what, why);
	w->bad = true;
}

void writer_check(struct record_writer *w, int code)
{
	if (code == 0 || w->bad)
		return;
	w->bad = true;
	w->full = code == -FDT_ERR_NOSPACE;
	if (w->full)
		error_set(w->err, E2BIG,
			  "arguments, environment and mounts need more than the %d MiB that a pod "
			  "may have",
			  RECORD_SIZE_MAX >> 20);
	else
		error_set(w->err, EINVAL, "cannot write the pod record: %s", fdt_strerror(code));
}

void writer_begin(struct record_writer *w, const char *name)
{
	if (!w->bad)
		writer_check(w, fdt_begin_node(w->dtb, name));
}

void writer_begin_indexed(struct record_writer *w, const char *prefix, size_t index)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "%s@%zu", prefix, index);
	writer_begin(w, name);
}

void writer_end(struct record_writer *w)
{
	if (!w->bad)
		writer_check(w, fdt_end_node(w->dtb));
}

void writer_put(struct record_writer *w, const char *name, const void *data, size_t len)
{
	if (!w->bad)
		writer_check(w, len > INT_MAX ? -FDT_ERR_NOSPACE
					      : fdt_property(w->dtb, name, data, (int)len));
}

void writer_u32(struct record_writer *w, const char *name, uint32_t value)
{
	fdt32_t cell = cpu_to_fdt32(value);

	writer_put(w, name, &cell, sizeof(cell));
}

void writer_u64(struct record_writer *w, const char *name, uint64_t value)
{
	fdt64_t cells = cpu_to_fdt64(value);

	writer_put(w, name, &cells, sizeof(cells));
}

void writer_u32_unless_0(struct record_writer *w, const char *name, uint32_t value)
{
	if (value)
		writer_u32(w, name, value);
}

void writer_u64_unless_0(struct record_writer *w, const char *name, uint64_t value)
{
	if (value)
		writer_u64(w, name, value);
}

void writer_flag(struct record_writer *w, const char *name, bool value)
{
	if (value)
		writer_put(w, name, "", 0);
}

void writer_string(struct record_writer *w, const char *name, const char *text)
{
	if (!text)
		return;
	if (!*text)
		writer_fail(w, name, "is empty");
	writer_put(w, name, text, strlen(text) + 1);
}

void writer_path(struct record_writer *w, const char *name, const char *path)
{
	if (!path || path[0] != '/')
		writer_fail(w, path ? path : name, "is not an absolute path");
	writer_string(w, name, path);
}

void writer_component(struct record_writer *w, const char *name, const char *text)
{
	if (!text || strchr(text, '/') || !strcmp(text, ".") || !strcmp(text, ".."))
		writer_fail(w, text ? text : name, "is not a plain name");
	writer_string(w, name, text);
}

void writer_list(struct record_writer *w, const char *name, const char *const *list)
{
	size_t count = 0, len = 0;
	char *at = NULL;
	void *slot;
	int code;

	for (; list && list[count]; count++)
		len += strlen(list[count]) + 1;
	if (!count || w->bad)
		return;
	if (count > RECORD_STRINGS_MAX || len > RECORD_SIZE_MAX) {
		writer_check(w, -FDT_ERR_NOSPACE);
		return;
	}
	code = fdt_property_placeholder(w->dtb, name, (int)len, &slot);
	writer_check(w, code);
	if (code != 0)
		return;
	at = slot;
	for (size_t i = 0; i < count; i++)
		at = stpcpy(at, list[i]) + 1;
}

void writer_paths(struct record_writer *w, const char *name, const char *const *list)
{
	for (size_t i = 0; list && list[i]; i++) {
		if (list[i][0] != '/')
			writer_fail(w, list[i], "is not an absolute path");
	}
	writer_list(w, name, list);
}
