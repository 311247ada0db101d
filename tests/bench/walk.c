/*
 * Walks trees of files and says how long it took, as find(1) with a look at each file does.
 *
 *	walk make DIR FILES		makes 500 directories with so many files each
 *	walk measure DIR COPY FILES	makes the same tree at COPY, walks each until it is warm,
 *					then again, and prints the times and the number of
 *					entries, as one object of JSON
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { DIRECTORIES = 500, DEPTH_MAX = 8, ROUNDS_WARM = 2 };

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void make(const char *dir, int files)
{
	char name[64];

	if ((mkdir(dir, 0755) < 0 && access(dir, F_OK) < 0) || chdir(dir) < 0)
		fail(dir);
	for (int d = 0; d < DIRECTORIES; d++) {
		(void)snprintf(name, sizeof(name), "%d", d);
		if (mkdir(name, 0755) < 0)
			fail(name);
		for (int f = 0; f < files; f++) {
			int fd;

			(void)snprintf(name, sizeof(name), "%d/%d", d, f);
			fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
			if (fd < 0 || close(fd) < 0)
				fail(name);
		}
	}
}

/* Takes over fd. Returns how many entries are below it. */
static unsigned walk(int fd, int depth)
{
	DIR *dir = fd < 0 || depth == DEPTH_MAX ? NULL : fdopendir(fd);
	struct dirent *entry;
	unsigned count = 0;

	if (!dir)
		fail("walk");
	while ((entry = readdir(dir))) {
		struct stat st;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			fail(entry->d_name);
		count++;
		if (S_ISDIR(st.st_mode))
			count += walk(openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY),
				      depth + 1);
	}
	(void)closedir(dir);
	return count;
}

static long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long timed(const char *path, unsigned *count)
{
	long long begin = now_ns();

	*count = walk(open(path, O_RDONLY | O_DIRECTORY), 0);
	return now_ns() - begin;
}

static long long warm(const char *path, unsigned *count, long long *cold)
{
	*cold = timed(path, count);
	for (int i = 1; i < ROUNDS_WARM; i++)
		(void)timed(path, count);
	return timed(path, count);
}

int main(int argc, char **argv)
{
	long long share, share_cold, base, base_cold;
	unsigned count, base_count;

	if (argc == 4 && !strcmp(argv[1], "make")) {
		make(argv[2], atoi(argv[3]));
		return 0;
	}
	if (argc != 5 || strcmp(argv[1], "measure") != 0)
		return 2;
	share = warm(argv[2], &count, &share_cold);
	make(argv[3], atoi(argv[4]));
	base = warm(argv[3], &base_count, &base_cold);
	printf("{\"name\": \"walk\", \"files\": %u, \"failed\": %s, \"share_ns\": %lld, "
	       "\"share_cold_ns\": %lld, \"base_ns\": %lld}\n",
	       count, count == base_count ? "false" : "true", share, share_cold, base);
	return 0;
}
