/*
 * The shares of a 9p server: those that it begins with, and those that come and go. Every node has
 * a reference to the root of its share, so a share whose root nobody refers to is in no fid.
 */
#include "virtio/p9_server.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "virtio/p9_ops.h"
#include "vmm/base/cleanup.h"

static bool share_exists(const struct p9_server *s, const char *name)
{
	for (unsigned i = 0; i < s->share_count; i++) {
		if (s->shares[i] && !strcmp(s->shares[i]->root->name, name))
			return true;
	}
	return false;
}

static unsigned find_number(const struct p9_server *s)
{
	unsigned number = 0;

	while (number < s->share_count && s->shares[number])
		number++;
	return number;
}

int p9_share_add(struct p9_server *s, const struct p9_share_config *config, struct error *err)
{
	_cleanup_fd_ int fd = config->fd;
	_cleanup_free_ struct p9_share *share = NULL;
	unsigned number = find_number(s);

	if (p9_share_check(config, err) < 0)
		return -1;
	if (share_exists(s, config->name))
		return error_set(err, EEXIST, "two shares are named '%s'", config->name);
	if (number == P9_SHARES_MAX)
		return error_set(err, 0, "there are already %d shares", P9_SHARES_MAX);
	share = calloc(1, sizeof(*share));
	if (!share)
		return error_set(err, ENOMEM, "cannot share '%s'", config->name);
	share->read_only = config->read_only;
	share->recursive = config->recursive;
	share->number = number;
	share->root = p9_node_new_share(&s->nodes, s->root, share, config->name, fd);
	if (!share->root)
		return error_set(err, errno, "cannot share '%s'", config->name);
	/* The device gets its number. */
	(void)p9_qid_path(s, share, share->root->dev, share->root->ino);
	(void)steal_fd(&fd);
	s->shares[number] = steal_ptr(share);
	if (number == s->share_count)
		s->share_count++;
	return 0;
}

int p9_server_add_share(struct p9_server *s, const struct p9_share_config *config,
			struct error *err)
{
	const int reserved = p9_fd_reserve(&s->nodes);
	unsigned number = find_number(s);

	/* The share counts it itself. */
	if (reserved == 0)
		p9_fd_unreserve(&s->nodes);
	if (reserved < 0) {
		close(config->fd);
		return error_set(err, -reserved, "cannot share '%s'", config->name);
	}
	if (p9_share_add(s, config, err) < 0)
		return -1;
	s->shares[number]->added = true;
	return 0;
}

void p9_share_forget(struct p9_server *s, unsigned number)
{
	struct p9_share *share = s->shares[number];

	if (!share)
		return;
	assert(share->root->refs == 1);
	p9_node_unref(&s->nodes, share->root);
	for (unsigned i = 0; i < s->device_count; i++) {
		if (s->devices[i].share == share)
			s->devices[i].share = NULL;
	}
	free(share);
	s->shares[number] = NULL;
}

/* A removal moves later fids to places that are still to come, so that each is looked at. */
static void clunk_all(struct p9_server *s, const struct p9_share *share)
{
	struct p9_fid *fid;
	size_t at = 0;

	while ((fid = p9_fid_next(&s->fids, &at))) {
		if (fid->node->share != share) {
			at++;
			continue;
		}
		p9_fid_remove(&s->fids, fid);
		p9_fid_release(s, fid);
	}
}

void p9_server_remove_shares(struct p9_server *s, const char *prefix)
{
	for (unsigned i = 0; i < s->share_count; i++) {
		if (!s->shares[i] || !s->shares[i]->added ||
		    strncmp(s->shares[i]->root->name, prefix, strlen(prefix)) != 0)
			continue;
		clunk_all(s, s->shares[i]);
		p9_share_forget(s, i);
	}
}
