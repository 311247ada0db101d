/*
 * Where an archive goes.
 */
#include "vmm/pod/export_output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"

static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

/* For the handler: what there is to remove. */
static const char *volatile unfinished;

static void on_end(int number)
{
	const char *path = unfinished;

	if (path)
		(void)unlink(path);
	/* The handler has been reset: this ends the process when it returns. */
	(void)raise(number);
}

/* What was ignored (nohup) stays so. */
static void watch_signals(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		struct sigaction action;

		if (sigaction(ends[i], NULL, &action) < 0 || action.sa_handler == SIG_IGN)
			continue;
		action = (struct sigaction){ .sa_handler = on_end, .sa_flags = (int)SA_RESETHAND };
		(void)sigaction(ends[i], &action, NULL);
	}
	(void)signal(SIGPIPE, SIG_IGN);
}

int export_output_check(const char *path, struct error *err)
{
	return !path && isatty(STDOUT_FILENO)
		   ? error_set(
			 err, 0,
			 "an archive is nothing for a terminal: name a file with --output, or "
			 "redirect standard output")
		   : 0;
}

static bool is_special(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

/* /dev/stdout, say: it is the file that is to be replaced, never the link. */
static int resolve(struct export_output *output, struct error *err)
{
	struct stat st;

	if (lstat(output->path, &st) < 0 || !S_ISLNK(st.st_mode))
		return 0;
	output->resolved = realpath(output->path, NULL);
	if (!output->resolved)
		return error_set(err, errno, "--output: cannot follow the link %s", output->path);
	output->path = output->resolved;
	return 0;
}

static int open_partial(struct export_output *output, struct error *err)
{
	mode_t mask = umask(0);

	(void)umask(mask);
	if (asprintf(&output->partial, "%s.XXXXXX", output->path) < 0) {
		output->partial = NULL;
		return error_set(err, ENOMEM, "cannot export");
	}
	output->fd = mkostemp(output->partial, O_CLOEXEC);
	if (output->fd >= 0)
		unfinished = output->partial;
	if (output->fd < 0 || fchmod(output->fd, 0666 & ~mask) < 0)
		return error_set(err, errno, "--output: cannot make %s", output->partial);
	return 0;
}

int export_output_open(struct export_output *output, const char *path, struct error *err)
{
	*output = (struct export_output){ .fd = path ? -1 : STDOUT_FILENO, .path = path };
	watch_signals();
	if (!path)
		return 0;
	if (!is_special(path)) {
		if (resolve(output, err) == 0 && open_partial(output, err) == 0)
			return 0;
		(void)export_output_close(output, false, err);
		return -1;
	}
	output->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (output->fd < 0)
		return error_set(err, errno, "--output: cannot open %s", path);
	return 0;
}

int export_output_close(struct export_output *output, bool whole, struct error *err)
{
	int result = whole ? 0 : -1;

	/* What has its name is whole after a crash too. */
	if (whole && output->partial && fdatasync(output->fd) < 0)
		result = error_set(err, errno, "cannot write %s", output->path);
	/* Some file systems say at the end only that they are full. */
	if (output->path && output->fd >= 0 && close(output->fd) < 0 && result == 0)
		result = error_set(err, errno, "cannot write %s", output->path);
	if (result == 0 && output->partial && rename(output->partial, output->path) < 0)
		result = error_set(err, errno, "--output: cannot make %s", output->path);
	if (result < 0 && unfinished)
		(void)unlink(unfinished);
	unfinished = NULL;
	cleanup_free(&output->partial);
	cleanup_free(&output->resolved);
	return result;
}
