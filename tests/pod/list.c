/*
 * Prints a tree, one line for each name, sorted: what a pod sees of its image, to be compared with
 * what the same program sees of the tree that the image was made from. Static, so that it runs in
 * both.
 *
 * list DIRECTORY
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void print_bytes(const void *data, size_t len)
{
	const unsigned char *at = data;

	for (size_t i = 0; i < len; i++)
		printf(at[i] > ' ' && at[i] < 127 && at[i] != '%' ? "%c" : "%%%02x", at[i]);
}

/* FNV-1a */
static void print_hash(const char *path)
{
	static unsigned char buffer[65536];
	uint64_t hash = 0xcbf29ce484222325;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		die(path);
	while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			hash = (hash ^ buffer[i]) * 0x100000001b3;
	}
	close(fd);
	printf(" hash=%016lx", (unsigned long)hash);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print_attributes(const char *path)
{
	static char list[65536], value[65536];
	char *names[256];
	ssize_t len = llistxattr(path, list, sizeof(list));
	size_t count = 0;

	for (char *at = list; len > 0 && at < list + len && count < 256; at += strlen(at) + 1) {
		if (!strncmp(at, "user.", 5) || !strncmp(at, "system.posix_acl", 16) ||
		    !strcmp(at, "security.capability"))
			names[count++] = at;
	}
	qsort(names, count, sizeof(names[0]), compare_names);
	for (size_t i = 0; i < count; i++) {
		ssize_t n = lgetxattr(path, names[i], value, sizeof(value));

		if (n < 0)
			die(names[i]);
		printf(" %s=", names[i]);
		print_bytes(value, (size_t)n);
	}
}

static void print_node(const char *path)
{
	char target[4096];
	struct stat st;
	ssize_t len;

	if (lstat(path, &st) < 0)
		die(path);
	print_bytes(path, strlen(path));
	printf(" mode=%o owner=%u:%u time=%ld.%09ld", st.st_mode, st.st_uid, st.st_gid,
	       st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	if (!S_ISDIR(st.st_mode))
		printf(" size=%ld links=%lu", st.st_size, (unsigned long)st.st_nlink);
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
		printf(" device=%u:%u", major(st.st_rdev), minor(st.st_rdev));
	if (S_ISLNK(st.st_mode)) {
		len = readlink(path, target, sizeof(target));
		printf(" target=");
		print_bytes(target, len < 0 ? 0 : (size_t)len);
	}
	if (S_ISREG(st.st_mode))
		print_hash(path);
	print_attributes(path);
	putchar('\n');
}

static void visit(const char *path)
{
	struct dirent **entries;
	struct stat st;
	int count;

	print_node(path);
	if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return;
	count = scandir(path, &entries, NULL, NULL);
	if (count < 0)
		die(path);
	for (int i = 1; i < count; i++) { /* by bytes, whatever the locale */
		struct dirent *entry = entries[i];
		int j = i;

		for (; j > 0 && strcmp(entries[j - 1]->d_name, entry->d_name) > 0; j--)
			entries[j] = entries[j - 1];
		entries[j] = entry;
	}
	for (int i = 0; i < count; i++) {
		char *child;

		if (strcmp(entries[i]->d_name, ".") && strcmp(entries[i]->d_name, "..")) {
			if (asprintf(&child, "%s/%s", path, entries[i]->d_name) < 0)
				die(path);
			visit(child);
			free(child);
		}
		free(entries[i]);
	}
	free(entries);
}

int main(int argc, char **argv)
{
	if (argc != 2 || chdir(argv[1]) < 0)
		die("list");
	visit(".");
	return 0;
}
