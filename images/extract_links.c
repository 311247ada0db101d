/*
 * Hard links of an extracted tree.
 */
#include "images/extract_links.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/limits.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"

/* Bytes of all paths that are remembered. */
enum { LINKS_BYTES_MAX = 256 * 1024 * 1024 };

struct first_name {
	uint64_t identity;
	char path[];
};

static int compare(const void *a, const void *b)
{
	const struct first_name *x = a, *y = b;

	return (x->identity > y->identity) - (x->identity < y->identity);
}

const char *extract_links_find(const struct extract_links *links, uint64_t identity)
{
	const struct first_name wanted = { .identity = identity };
	struct first_name *const *found = tfind(&wanted, &links->nodes, compare);

	return found ? (*found)->path : NULL;
}

int extract_links_add(struct extract_links *links, uint64_t identity, const char *path,
		      struct error *err)
{
	size_t size = sizeof(struct first_name) + strlen(path) + 1;
	struct first_name *node = NULL;

	if (size <= LINKS_BYTES_MAX - links->total_bytes)
		node = malloc(size);
	if (!node)
		return error_set(err, ENOMEM, "cannot remember hard links");
	node->identity = identity;
	memcpy(node->path, path, strlen(path) + 1);
	if (!tsearch(node, &links->nodes, compare)) {
		free(node);
		return error_set(err, ENOMEM, "cannot remember hard links");
	}
	links->total_bytes += size;
	return 0;
}

void extract_links_free(struct extract_links *links)
{
	tdestroy(links->nodes, free);
	*links = (struct extract_links){ 0 };
}

int extract_links_make(int top_fd, const char *path, int directory_fd, const char *name)
{
	_cleanup_fd_ int at = openat(top_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const char *slash;

	while (at >= 0 && (slash = strchr(path, '/'))) {
		char component[IMAGE_NAME_MAX + 1];
		int next;

		memcpy(component, path, (size_t)(slash - path));
		component[slash - path] = '\0';
		next = openat(at, component, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		cleanup_fd(&at);
		at = next;
		path = slash + 1;
	}
	return at < 0 ? -1 : linkat(at, path, directory_fd, name, 0);
}
