/*
 * What a guest says of its processes: any bytes come to files that can be read, of the form that
 * their readers expect, or to an error.
 */
#include <assert.h>
#include <linux/fuse.h>
#include <string.h>

#include "vmm/pod/proc_server.h"
#include "vmm/pod/processes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t ask(const struct processes *processes, uint32_t opcode, uint64_t node,
		  char answer[PROC_ANSWER_MAX])
{
	struct {
		struct fuse_in_header header;
		struct fuse_read_in body;
	} request = { .header = { .opcode = opcode, .nodeid = node },
		      .body = { .size = PROC_ANSWER_MAX } };
	size_t len = proc_server_answer(processes, &request, sizeof(request), answer);
	struct fuse_out_header header;

	memcpy(&header, answer, sizeof(header));
	assert(len >= sizeof(header) && len <= PROC_ANSWER_MAX && header.len == len);
	return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char answer[PROC_ANSWER_MAX], text[PROCESS_FILE_MAX];
	struct error err = ERROR_NONE;
	struct processes processes;

	if (processes_parse(&processes, data, size, &err) < 0) {
		assert(err.text[0]);
		return 0;
	}
	(void)ask(&processes, FUSE_READDIR, FUSE_ROOT_ID, answer);
	for (size_t i = 0; i < processes.count; i++) {
		const struct process *p = &processes.items[i];
		size_t len = process_render(p, PROCESS_STAT, text), fields = 1;

		assert(p->pid && processes_find(&processes, p->pid) == p);
		for (size_t at = 0; at < len; at++)
			fields += text[at] == ' ';
		assert(fields == 52);
		for (uint64_t kind = 0; kind < 8; kind++) {
			(void)ask(&processes, FUSE_GETATTR, (uint64_t)p->pid * 8 + kind, answer);
			(void)ask(&processes, FUSE_READ, (uint64_t)p->pid * 8 + kind, answer);
			(void)ask(&processes, FUSE_READLINK, (uint64_t)p->pid * 8 + kind, answer);
			(void)ask(&processes, FUSE_LOOKUP, (uint64_t)p->pid * 8 + kind, answer);
		}
	}
	processes_free(&processes);
	return 0;
}
