/*
 * Which files with several names have been met, and under which name first.
 */
#ifndef NACELLE_GUEST_INIT_HARD_LINKS_H
#define NACELLE_GUEST_INIT_HARD_LINKS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	HARD_LINKS_MAX = 1 << 19, /* files */
	HARD_LINKS_NAMES_BYTES = 96 << 20,
};

/*
 * Fixed tables, whose pages the kernel hands out as they are used. A slot with name 0 is free;
 * names begin at 1.
 */
struct hard_links {
	struct hard_link *slots; /* 2 * HARD_LINKS_MAX */
	char *names;
	size_t names_used;
	size_t count;
};

/* Returns 0, or -1 with errno. */
int hard_links_begin(struct hard_links *links);
void hard_links_end(struct hard_links *links);

/*
 * *first is the name under which the file has been met before, or NULL if this is the first time;
 * then path is kept. Returns 0; -1 with errno ENOSPC if there are too many.
 */
int hard_links_meet(struct hard_links *links, dev_t device, ino_t inode, const char *path,
		    const char **first);

#endif
