/*
 * Compiling a profile: its bytes go into a confined process with the fork, a program comes out. The
 * guest's kernel checks the program; here only its size is.
 */
#include "images/seccomp_compile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/limits.h"
#include "images/message.h"
#include "images/seccomp_profile.h"
#include "images/worker.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

enum { NOTICE_MAX = 400 };

/* A job, and what it results in: the code, then the notice. */
struct document {
	const struct seccomp_app *app;
	const char *text;
	size_t len;
	bool is_json, in_bundle;
};

static void write_notice(const struct string_list *unknown, char notice[NOTICE_MAX])
{
	size_t at = 0;

	notice[0] = '\0';
	for (size_t i = 0; i < unknown->count && at < NOTICE_MAX; i++)
		at += (size_t)snprintf(notice + at, NOTICE_MAX - at, "%s%.64s", i ? ", " : "",
				       unknown->items[i]);
}

static int send_program(int control, const struct seccomp_program *program, const char *notice,
			struct error *err)
{
	size_t code = program->count * sizeof(program->code[0]), len = sizeof(le32) + code;
	_cleanup_free_ char *result = malloc(len + NOTICE_MAX);
	le32 size = le32_make((uint32_t)code);

	if (!result)
		return error_set(err, ENOMEM, "cannot report a system call filter");
	memcpy(result, &size, sizeof(size));
	memcpy(result + sizeof(size), program->code, code);
	memcpy(result + len, notice, strlen(notice));
	if (message_send(control, MESSAGE_RESULT, result, len + strlen(notice)) < 0)
		return error_set(err, errno, "cannot report a system call filter");
	return 0;
}

/* The confined process's work. */
static int compile(void *context, int control, struct error *err)
{
	static struct seccomp_program program;
	const struct document *document = context;
	struct seccomp_profile profile = { .app = document->app };
	char notice[NOTICE_MAX];
	int result = document->is_json ? seccomp_read_json(&profile, document->text, document->len,
							   document->in_bundle, err)
				       : seccomp_read_text(&profile, document->text, err);

	if (result == 0)
		result = seccomp_profile_compile(&profile, &program, err);
	write_notice(&profile.unknown, notice);
	seccomp_profile_free(&profile);
	return result < 0 ? -1 : send_program(control, &program, notice, err);
}

static int take_result(const char *data, size_t len, struct seccomp_program *program, char **notice,
		       struct error *err)
{
	struct cursor c = cursor_make(data, len);
	uint32_t size = cursor_le32(&c);
	const void *code = cursor_take(&c, size);

	if (c.bad || size > sizeof(program->code) || size % sizeof(program->code[0]))
		return error_set(err, 0, "the reader of the filter reported nonsense");
	memcpy(program->code, code, size);
	program->count = (unsigned)(size / sizeof(program->code[0]));
	*notice = NULL;
	if (cursor_left(&c) &&
	    asprintf(notice, "system calls that are not known and left out: %.*s",
		     (int)cursor_left(&c), (const char *)c.at) < 0)
		return error_set(err, ENOMEM, "cannot report a system call filter");
	return 0;
}

static int run_worker(struct document *document, struct seccomp_program *program, char **notice,
		      struct error *err)
{
	const struct worker_job job = { .run = compile, .context = document };
	_cleanup_free_ char *data = NULL;
	struct worker worker;
	size_t len;
	int kind;

	if (worker_start(&worker, &job, err) < 0)
		return -1;
	kind = worker_receive(&worker, &data, &len, err);
	if (kind < 0)
		return -1;
	worker_kill(&worker);
	if (kind != MESSAGE_RESULT)
		return error_set(err, 0, "the reader of the filter reported nonsense");
	return take_result(data, len, program, notice, err);
}

static int read_file(const char *path, char **text, size_t *len, struct error *err)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	_cleanup_free_ char *bytes = malloc(IMAGE_DOCUMENT_MAX + 1);
	ssize_t n;

	if (!bytes)
		return error_set(err, ENOMEM, "cannot read it");
	n = fd < 0 ? -1 : io_read_full(fd, bytes, IMAGE_DOCUMENT_MAX + 1);
	if (n < 0)
		return error_set(err, errno, "cannot read it");
	if (n > IMAGE_DOCUMENT_MAX)
		return error_set(err, 0, "it has more than %d bytes", IMAGE_DOCUMENT_MAX);
	*text = steal_ptr(bytes);
	*len = (size_t)n;
	return 0;
}

int seccomp_compile_profile(const char *profile, const struct seccomp_app *app,
			    struct seccomp_program *program, char **notice, struct error *err)
{
	struct document document = { .app = app, .text = profile };
	_cleanup_free_ char *text = NULL;

	document.is_json = strncmp(profile, "mode=", strlen("mode=")) != 0;
	document.in_bundle = strncmp(profile, SECCOMP_BUNDLE, strlen(SECCOMP_BUNDLE)) == 0;
	if (document.in_bundle)
		profile += strlen(SECCOMP_BUNDLE);
	if (document.is_json) {
		if (read_file(profile, &text, &document.len, err) < 0)
			return -1;
		document.text = text;
	}
	return run_worker(&document, program, notice, err);
}
