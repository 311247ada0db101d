/*
 * Start of an app's program. The file is the image's: its headers are read with every offset and
 * length checked, and only for the words of a message.
 */
#include "guest-init/exec.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

enum { ELF_SEGMENTS_MAX = 64, SCRIPT_LINE_MAX = 256 };

static void copy_name(char name[INTERPRETER_MAX], const char *from, size_t len)
{
	if (len >= INTERPRETER_MAX)
		len = INTERPRETER_MAX - 1;
	memcpy(name, from, len);
	name[len] = '\0';
}

static void script_interpreter(const char *line, size_t len, char name[INTERPRETER_MAX])
{
	size_t at = 2, end;

	while (at < len && (line[at] == ' ' || line[at] == '\t'))
		at++;
	for (end = at; end < len && !strchr(" \t\n", line[end]); end++)
		;
	copy_name(name, line + at, end - at);
}

static void elf_interpreter(int fd, const Elf64_Ehdr *header, char name[INTERPRETER_MAX])
{
	Elf64_Phdr segments[ELF_SEGMENTS_MAX];
	size_t count = header->e_phnum < ELF_SEGMENTS_MAX ? header->e_phnum : ELF_SEGMENTS_MAX;
	ssize_t got;

	if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_phentsize != sizeof(*segments))
		return;
	got = io_pread_full(fd, segments, count * sizeof(*segments), header->e_phoff);
	for (size_t i = 0; got > 0 && i < (size_t)got / sizeof(*segments); i++) {
		ssize_t len;

		if (segments[i].p_type != PT_INTERP)
			continue;
		len = io_pread_full(fd, name, INTERPRETER_MAX - 1, segments[i].p_offset);
		if (len < 0)
			len = 0;
		if (segments[i].p_filesz < (size_t)len)
			len = (ssize_t)segments[i].p_filesz;
		name[len] = '\0';
		return;
	}
}

void exec_interpreter(int fd, char name[INTERPRETER_MAX])
{
	union {
		char bytes[SCRIPT_LINE_MAX];
		Elf64_Ehdr elf;
	} head;
	ssize_t len = io_pread_full(fd, head.bytes, sizeof(head), 0);

	name[0] = '\0';
	if (len > 2 && head.bytes[0] == '#' && head.bytes[1] == '!')
		script_interpreter(head.bytes, (size_t)len, name);
	else if (len >= (ssize_t)sizeof(head.elf) && !memcmp(head.bytes, ELFMAG, SELFMAG))
		elf_interpreter(fd, &head.elf, name);
}

/* Why execve(path) failed with code, in words. */
static int explain(const char *path, int code, struct error *err)
{
	char interpreter[INTERPRETER_MAX] = "";
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd >= 0)
		exec_interpreter(fd, interpreter);
	if (code == ENOENT && access(path, F_OK) < 0) {
		error_set(err, 0, "cannot execute %s: there is no such file", path);
		err->code = code;
		return EXEC_NOT_FOUND;
	}
	if (interpreter[0] && (code == ENOENT || code == ENOTDIR))
		error_set(err, 0, "cannot execute %s: its interpreter %s is missing", path,
			  interpreter);
	else if (interpreter[0] && code == EACCES && access(path, X_OK) == 0)
		error_set(err, 0, "cannot execute %s: its interpreter %s may not be executed", path,
			  interpreter);
	else if (code == EACCES && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		error_set(err, 0, "cannot execute %s: it is a directory", path);
	else if (code == ENOEXEC)
		error_set(err, 0,
			  "cannot execute %s: it is neither a program for this machine nor a "
			  "script that begins with #!",
			  path);
	else
		error_set(err, code, "cannot execute %s", path);
	err->code = code;
	return EXEC_CANNOT;
}

/* One place where a program may be. Returns the errno of execve(). */
static int try_exec(const char *path, const char **argv, const char **env)
{
	union {
		const char **list;
		char *const *arg;
	} a = { argv }, e = { env };

	execve(path, a.arg, e.arg);
	return errno;
}

static const char *find_path(const char **env)
{
	for (; *env; env++) {
		if (!strncmp(*env, "PATH=", 5))
			return *env + 5;
	}
	return "";
}

/* Puts the name into the next directory of PATH. Returns whether there was another. */
static bool next_place(const char **next, const char *name, char path[PATH_MAX])
{
	while (*next) {
		const char *entry = *next;
		size_t len = strcspn(entry, ":");

		*next = entry[len] ? entry + len + 1 : NULL;
		if (snprintf(path, PATH_MAX, "%.*s%s%s", (int)len, entry, len ? "/" : "./", name) <
		    PATH_MAX)
			return true;
	}
	return false;
}

int exec_program(const char **argv, const char **env, struct error *err)
{
	const char *name = argv[0];
	char path[PATH_MAX], refused[PATH_MAX] = "";
	int refused_code = 0;
	const char *next = find_path(env);

	if (strchr(name, '/'))
		return explain(name, try_exec(name, argv, env), err);
	while (next_place(&next, name, path)) {
		int code = try_exec(path, argv, env);

		if (code == EACCES && !refused[0]) {
			memcpy(refused, path, sizeof(refused));
			refused_code = code;
		}
		if (code == EACCES || code == ENOTDIR || (code == ENOENT && access(path, F_OK) < 0))
			continue;
		return explain(path, code, err);
	}
	if (refused[0])
		return explain(refused, refused_code, err);
	error_set(err, 0, "cannot execute %s: it is in no directory of PATH (%s)", name,
		  find_path(env));
	err->code = ENOENT;
	return EXEC_NOT_FOUND;
}

/* Whether execve() would find a program there; what stands behind that is seen when it does. */
static int check_place(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno == EACCES ? EXEC_CANNOT : EXEC_NOT_FOUND;
	return S_ISREG(st.st_mode) && faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0
		   ? 0
		   : EXEC_CANNOT;
}

int exec_check(const char *name, const char **env, struct error *err)
{
	const char *next = find_path(env);
	int result = EXEC_NOT_FOUND, code;
	char path[PATH_MAX];

	if (strchr(name, '/')) {
		result = check_place(name);
	} else {
		while (result && next_place(&next, name, path)) {
			code = check_place(path);
			if (code != EXEC_NOT_FOUND)
				result = code;
		}
	}
	if (result == EXEC_CANNOT)
		error_set(err, 0, "cannot execute %s: it is not a file that may be executed", name);
	else if (result)
		error_set(err, 0, "cannot execute %s: there is no such file", name);
	if (result)
		err->code = result == EXEC_CANNOT ? EACCES : ENOENT;
	return result;
}
