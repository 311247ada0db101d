/*
 * What goes with a request for a command: its record, and the descriptors of its streams.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/pod/exec_internal.h"
#include "vmm/pod/record.h"
#include "vmm/pod/stdio.h"
#include "vmm/pod/terminal.h"

void exec_add_fd(struct exec_parcel *parcel, uint32_t flag, int fd)
{
	parcel->flags |= flag;
	parcel->fds[parcel->count++] = fd;
}

/* One of the standard descriptors, for the machine. */
static int add_stdio(struct exec_parcel *parcel, uint32_t flag, uint32_t private_flag,
		     uint32_t socket_flag, int fd, struct error *err)
{
	bool private_nonblocking;
	struct stat st;
	int copy = stdio_hand_over(fd, &private_nonblocking);

	if (copy < 0)
		return error_set(err, errno, "cannot hand over descriptor %d", fd);
	exec_add_fd(parcel, flag, copy);
	if (private_nonblocking)
		parcel->flags |= private_flag;
	else if (fstat(copy, &st) == 0 && S_ISSOCK(st.st_mode))
		parcel->flags |= socket_flag;
	return 0;
}

static int add_stdin(struct exec *exec, struct exec_parcel *parcel, struct error *err)
{
	int ends[2];

	/* An orphan that has no terminal of its own has no job control either. */
	exec->pumps = isatty(exec->stdio[0]) && (!exec->detach || exec->options->tty);
	if (!exec->pumps)
		return add_stdio(parcel, MACHINE_ADD_STDIN, MACHINE_ADD_STDIN_PRIVATE,
				 MACHINE_ADD_STDIN_SOCKET, exec->stdio[0], err);
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return error_set(err, errno, "cannot make a pipe");
	exec->input = ends[1];
	exec_add_fd(parcel, MACHINE_ADD_STDIN | MACHINE_ADD_STDIN_PRIVATE, ends[0]);
	return 0;
}

int exec_add_streams(struct exec *exec, struct exec_parcel *parcel, struct error *err)
{
	const struct exec_options *options = exec->options;

	if (options->detach)
		return 0;
	if (options->tty)
		parcel->flags |= MACHINE_ADD_TERMINAL;
	if (options->interactive && exec->stdio[0] >= 0 && add_stdin(exec, parcel, err) < 0)
		return -1;
	if (exec->stdio[1] >= 0 && add_stdio(parcel, MACHINE_ADD_STDOUT, MACHINE_ADD_STDOUT_PRIVATE,
					     MACHINE_ADD_STDOUT_SOCKET, exec->stdio[1], err) < 0)
		return -1;
	return options->tty || exec->stdio[2] < 0
		   ? 0
		   : add_stdio(parcel, MACHINE_ADD_STDERR, MACHINE_ADD_STDERR_PRIVATE,
			       MACHINE_ADD_STDERR_SOCKET, exec->stdio[2], err);
}

int exec_write_record(const void *record, size_t len, struct error *err)
{
	_cleanup_fd_ int fd = memfd_create("record", MFD_CLOEXEC);

	if (fd < 0 || io_write_all(fd, record, len) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return error_set(err, errno, "cannot write the command's record");
	return steal_fd(&fd);
}

static int write_record(const struct pod_app *process, struct error *err)
{
	_cleanup_free_ void *record = NULL;
	size_t len;

	return record_build_added(process, &record, &len, err) < 0
		   ? -1
		   : exec_write_record(record, len, err);
}

static void free_environment(const char **env)
{
	union {
		const char **list;
		char **mine;
	} entries = { env };

	for (size_t i = 0; entries.mine[i]; i++)
		free(entries.mine[i]);
	free(entries.mine);
}

/* What is set, and the caller's value of what is only named; NULL if there is no memory. */
static const char **make_environment(const struct text_list *given, struct error *err)
{
	char **env = calloc(given->count + 1, sizeof(*env));
	size_t used = 0;
	union {
		char **mine;
		const char **list;
	} entries = { env };

	for (size_t i = 0; env && i < given->count; i++) {
		const char *text = given->items[i];
		const char *value = strchr(text, '=') ? NULL : getenv(text);

		if (!strchr(text, '=') && !value)
			continue;
		if (asprintf(&env[used], value ? "%s=%s" : "%s", text, value) < 0) {
			env[used] = NULL;
			free_environment(entries.list);
			env = NULL;
		}
		used++;
	}
	if (!env)
		error_set(err, ENOMEM, "cannot write the command's environment");
	return env ? entries.list : NULL;
}

static void set_ports(const struct exec *exec, struct pod_app *process)
{
	const struct exec_options *options = exec->options;

	if (options->detach)
		return;
	if (options->tty) {
		process->stdin_port = 1;
		return;
	}
	if (options->interactive && exec->stdio[0] >= 0)
		process->stdin_port = 1;
	if (exec->stdio[1] >= 0)
		process->stdout_port = 2;
	if (exec->stdio[2] >= 0)
		process->stderr_port = 3;
}

void exec_complete_process(const struct exec *exec, struct pod_app *process)
{
	process->terminal = exec->options->tty;
	process->rows = 24;
	process->columns = 80;
	(void)terminal_size(exec->stdio[1], &process->rows, &process->columns);
	(void)terminal_size(exec->stdio[0], &process->rows, &process->columns);
	process->stdin_port = process->stdout_port = process->stderr_port = POD_NO_PORT;
	set_ports(exec, process);
}

int exec_add_record(const struct exec *exec, struct exec_parcel *parcel, const char **argv,
		    struct error *err)
{
	const struct exec_options *options = exec->options;
	struct pod_app process =
	    options->process ? *options->process : (struct pod_app){ .own = 0 };
	int fd;

	process.argv = argv;
	process.user = options->user;
	process.workdir = options->workdir;
	exec_complete_process(exec, &process);
	process.env = make_environment(&options->env, err);
	if (!process.env)
		return -1;
	fd = write_record(&process, err);
	free_environment(process.env);
	if (fd < 0)
		return -1;
	exec_add_fd(parcel, MACHINE_ADD_RECORD, fd);
	return 0;
}
