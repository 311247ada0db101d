/*
 * The working directory. An image's directories in it may be such that their owner may not write,
 * or even read them.
 */
#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/bench/subject.h"

int bench_task_open(struct bench_task *task, struct error *err)
{
	const char *parent = getenv("TMPDIR");
	int n = snprintf(task->directory, sizeof(task->directory), "%s/nacelle-bench-XXXXXX",
			 parent && parent[0] == '/' ? parent : "/tmp");

	if (n >= (int)sizeof(task->directory) || !mkdtemp(task->directory)) {
		n = errno;
		task->directory[0] = '\0';
		return error_set(err, n, "cannot make a directory in %s", parent ? parent : "/tmp");
	}
	(void)snprintf(task->error_path, sizeof(task->error_path), "%s/stderr", task->directory);
	return 0;
}

void bench_task_close(struct bench_task *task)
{
	char *const paths[] = { task->directory, NULL };
	FTSENT *entry;
	FTS *tree;

	if (!task->directory[0])
		return;
	tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	while (tree && (entry = fts_read(tree)))
		switch (entry->fts_info) {
		case FTS_D: /* before it is read */
			if ((entry->fts_statp->st_mode & S_IRWXU) != S_IRWXU)
				(void)chmod(entry->fts_path, 0700);
			break;
		case FTS_DP:
		case FTS_DNR:
			(void)rmdir(entry->fts_path);
			break;
		default:
			(void)unlink(entry->fts_path);
		}
	if (tree)
		(void)fts_close(tree);
	task->directory[0] = '\0';
}
