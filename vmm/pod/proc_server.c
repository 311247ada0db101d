/*
 * The numbers of files say what they are: 1 is the root, 2 its file "stat"; those of a process are
 * its number times eight and what it is. The requests are the host's kernel's.
 */
#include "vmm/pod/proc_server.h"

#include <errno.h>
#include <linux/fuse.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "vmm/base/bytes.h"

enum { NODE_STAT = 2, NODES_PER_PROCESS = 8, BLOCK_BYTES = 4096, WRITE_MAX = 4096, NAME_SIZE = 16 };

/* What belongs to a process, beside its files, whose kinds are those of process_file. */
enum { KIND_NAMESPACES = PROCESS_FILES, KIND_PID_NAMESPACE, KIND_DIRECTORY };
static_assert((int)KIND_DIRECTORY < (int)NODES_PER_PROCESS, "each has a number");

/* Of no namespace on the host: these processes are in none of them. */
static const char namespace_name[] = "pid:[0]";

struct node {
	uint64_t number;
	const struct process *process; /* NULL: of the root */
	unsigned kind;
};

struct session {
	const struct processes *processes;
	const struct fuse_in_header *header;
	struct cursor body;
	struct fuse_out_header *out;
	char *data; /* what comes behind it: DATA_MAX bytes */
};

enum { DATA_MAX = PROC_ANSWER_MAX - sizeof(struct fuse_out_header) };
static_assert((size_t)DATA_MAX >= (size_t)PROCESS_FILE_MAX, "a file fits");

static size_t end(struct session *s, int error, size_t len)
{
	s->out->len = (uint32_t)(sizeof(*s->out) + len);
	s->out->error = -error;
	s->out->unique = s->header->unique;
	return s->out->len;
}

static struct node make_node(const struct process *process, unsigned kind)
{
	return (struct node){ .number = (uint64_t)process->pid * NODES_PER_PROCESS + kind,
			      .process = process,
			      .kind = kind };
}

static bool find_node(const struct session *s, struct node *node)
{
	uint64_t number = s->header->nodeid, pid = number / NODES_PER_PROCESS;

	*node = (struct node){ .number = number };
	if (number == FUSE_ROOT_ID || number == NODE_STAT)
		return true;
	node->kind = number % NODES_PER_PROCESS;
	node->process = pid > UINT32_MAX ? NULL : processes_find(s->processes, (uint32_t)pid);
	return node->process && node->kind <= KIND_DIRECTORY;
}

static bool is_directory(const struct node *node)
{
	return node->process ? node->kind == KIND_NAMESPACES || node->kind == KIND_DIRECTORY
			     : node->number == FUSE_ROOT_ID;
}

static bool is_link(const struct node *node)
{
	return node->process && node->kind == KIND_PID_NAMESPACE;
}

/* Of what is no directory. */
static size_t render(const struct session *s, const struct node *node, char out[PROCESS_FILE_MAX])
{
	if (!node->process)
		return (size_t)snprintf(out, PROCESS_FILE_MAX, "btime %ju\n",
					(uintmax_t)s->processes->begun_s);
	if (node->kind < PROCESS_FILES)
		return process_render(node->process, (enum process_file)node->kind, out);
	memcpy(out, namespace_name, sizeof(namespace_name));
	return sizeof(namespace_name) - 1;
}

static struct fuse_attr attributes(const struct session *s, const struct node *node)
{
	struct fuse_attr attr = { .ino = node->number, .nlink = 1, .blksize = BLOCK_BYTES };
	char text[PROCESS_FILE_MAX];

	attr.mode = is_directory(node) ? S_IFDIR | 0555
		    : is_link(node)    ? S_IFLNK | 0777
				       : S_IFREG | 0444;
	if (!is_directory(node))
		attr.size = render(s, node, text);
	return attr;
}

/* The entry of that index in a directory, with its name. */
static bool find_entry(const struct session *s, const struct node *dir, uint64_t index,
		       struct node *entry, char name[NAME_SIZE])
{
	const struct processes *all = s->processes;

	if (!dir->process && index == 0) {
		*entry = (struct node){ .number = NODE_STAT };
		return snprintf(name, NAME_SIZE, "stat") > 0;
	}
	if (!dir->process && index <= all->count) {
		*entry = make_node(&all->items[index - 1], KIND_DIRECTORY);
		return snprintf(name, NAME_SIZE, "%u", all->items[index - 1].pid) > 0;
	}
	if (!dir->process)
		return false;
	if (dir->kind == KIND_NAMESPACES) {
		*entry = make_node(dir->process, KIND_PID_NAMESPACE);
		return index == 0 && snprintf(name, NAME_SIZE, "pid") > 0;
	}
	*entry = make_node(dir->process, (unsigned)index);
	return index <= KIND_NAMESPACES &&
	       snprintf(name, NAME_SIZE, "%s",
			index < PROCESS_FILES ? process_file_names[index] : "ns") > 0;
}

static size_t look_up(struct session *s, const struct node *dir)
{
	size_t len = strnlen((const char *)s->body.at, cursor_left(&s->body));
	struct fuse_entry_out out = { .generation = 0 };
	char name[NAME_SIZE];
	struct node entry;

	if (!is_directory(dir))
		return end(s, ENOTDIR, 0);
	for (uint64_t i = 0; find_entry(s, dir, i, &entry, name); i++)
		if (strlen(name) == len && memcmp(name, s->body.at, len) == 0) {
			out.nodeid = entry.number;
			out.attr = attributes(s, &entry);
			memcpy(s->data, &out, sizeof(out));
			return end(s, 0, sizeof(out));
		}
	return end(s, ENOENT, 0);
}

static size_t get_attributes(struct session *s, const struct node *node)
{
	const struct fuse_attr_out out = { .attr = attributes(s, node) };

	memcpy(s->data, &out, sizeof(out));
	return end(s, 0, sizeof(out));
}

/* The kernel keeps none of it: it is of this moment. */
static size_t open_node(struct session *s, const struct node *node)
{
	const struct fuse_open_out out = { .open_flags = is_directory(node) ? 0 : FOPEN_DIRECT_IO };

	memcpy(s->data, &out, sizeof(out));
	return end(s, 0, sizeof(out));
}

static size_t list(struct session *s, const struct node *dir, const struct fuse_read_in *in)
{
	size_t most = in->size < DATA_MAX ? in->size : DATA_MAX, len = 0;
	char name[NAME_SIZE];
	struct node entry;

	for (uint64_t i = in->offset; find_entry(s, dir, i, &entry, name); i++) {
		struct fuse_dirent dirent = { .ino = entry.number,
					      .off = i + 1,
					      .namelen = (uint32_t)strlen(name),
					      .type = attributes(s, &entry).mode >> 12 };
		size_t size = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + dirent.namelen);

		if (size > most - len)
			break;
		memset(s->data + len, 0, size);
		memcpy(s->data + len, &dirent, FUSE_NAME_OFFSET);
		memcpy(s->data + len + FUSE_NAME_OFFSET, name, dirent.namelen);
		len += size;
	}
	return end(s, 0, len);
}

static size_t read_node(struct session *s, const struct node *node)
{
	const void *body = cursor_take(&s->body, sizeof(struct fuse_read_in));
	struct fuse_read_in in;
	size_t len;

	if (!body)
		return end(s, EINVAL, 0);
	memcpy(&in, body, sizeof(in));
	if (is_directory(node) != (s->header->opcode == FUSE_READDIR))
		return end(s, is_directory(node) ? EISDIR : ENOTDIR, 0);
	if (is_directory(node))
		return list(s, node, &in);
	len = render(s, node, s->data);
	if (in.offset >= len)
		return end(s, 0, 0);
	len -= in.offset;
	memmove(s->data, s->data + in.offset, len);
	return end(s, 0, len < in.size ? len : in.size);
}

static size_t begin(struct session *s)
{
	const struct fuse_init_out out = { .major = FUSE_KERNEL_VERSION,
					   .minor = FUSE_KERNEL_MINOR_VERSION,
					   .max_readahead = BLOCK_BYTES,
					   .max_write = WRITE_MAX,
					   .time_gran = 1 };

	memcpy(s->data, &out, sizeof(out));
	return end(s, 0, sizeof(out));
}

static size_t answer_about(struct session *s, const struct node *node)
{
	switch (s->header->opcode) {
	case FUSE_LOOKUP:
		return look_up(s, node);
	case FUSE_GETATTR:
		return get_attributes(s, node);
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		return open_node(s, node);
	case FUSE_READ:
	case FUSE_READDIR:
		return read_node(s, node);
	case FUSE_READLINK:
		return is_link(node) ? end(s, 0, render(s, node, s->data)) : end(s, EINVAL, 0);
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
		return end(s, 0, 0);
	default:
		return end(s, ENOSYS, 0);
	}
}

size_t proc_server_answer(const struct processes *processes, const void *request, size_t len,
			  char answer[PROC_ANSWER_MAX])
{
	struct fuse_out_header out;
	struct fuse_in_header header;
	struct session s = { .processes = processes,
			     .header = &header,
			     .body = cursor_make(request, len),
			     .out = &out,
			     .data = answer + sizeof(out) };
	const void *head = cursor_take(&s.body, sizeof(header));
	struct node node;
	size_t size;

	if (!head)
		return 0;
	memcpy(&header, head, sizeof(header));
	switch (header.opcode) {
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
	case FUSE_DESTROY:
		return 0;
	case FUSE_INIT:
		size = begin(&s);
		break;
	default:
		size = find_node(&s, &node) ? answer_about(&s, &node) : end(&s, ENOENT, 0);
	}
	memcpy(answer, &out, sizeof(out));
	return size;
}
