/*
 * nacelle-oci exec.
 */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/cli/oci.h"
#include "vmm/pod/bundle.h"
#include "vmm/pod/bundle_exec.h"
#include "vmm/pod/detach.h"

/* That of a process that was killed with its container. */
enum { STATUS_LOST = 128 + SIGKILL };

static int check_container(const struct oci_container *container, const struct oci_options *options,
			   struct error *err)
{
	const char *status = container->status;

	if (strcmp(status, "running") == 0 || strcmp(status, "created") == 0 ||
	    (strcmp(status, "paused") == 0 && options->ignore_paused))
		return 0;
	if (strcmp(status, "paused") == 0)
		return error_set(err, 0,
				 "cannot exec in a paused container (use --ignore-paused to "
				 "override)");
	if (strcmp(status, "stopped") == 0)
		return error_set(err, 0, "cannot exec in a stopped container");
	return error_set(err, 0, "cannot exec in a container that is being created");
}

static int check_options(const struct oci_options *options, bool tty, int words, struct error *err)
{
	if (oci_check_descriptors(options, err) < 0)
		return -1;
	if (options->process ? words > 0 : words == 0)
		return error_set(err, 0, "exec takes a command or --process");
	if (tty && options->detach && !options->console_socket)
		return error_set(err, 0, "a terminal with --detach needs --console-socket");
	if (!tty && options->console_socket)
		return error_set(err, 0, "--console-socket is for a process with a terminal");
	return 0;
}

/* Its streams are this process's, or those of one of its own. */
static int run(const struct oci_options *options, const struct exec_options *exec,
	       const struct oci_bundle *process, const struct oci_container *container,
	       const char **argv, struct error *err)
{
	struct orphan_options streams = { .console_socket = options->console_socket,
					  .rows = (uint16_t)process->numbers[OCI_ROWS],
					  .columns = (uint16_t)process->numbers[OCI_COLUMNS] };
	int status;
	pid_t pid;

	if (!options->detach && !options->console_socket) {
		if (oci_write_pid(options->pid_file, getpid(), err) < 0)
			return -1;
		return exec_run(exec, &container->pod, argv, err);
	}
	memcpy(streams.stdio_present, oci_stdio_present, sizeof(streams.stdio_present));
	if (exec_orphan(exec, &streams, &container->pod, argv, &pid, err) < 0)
		return -1;
	if (oci_write_pid(options->pid_file, pid, err) < 0) {
		(void)kill(pid, SIGKILL);
		return -1;
	}
	if (options->detach)
		return 0;
	status = detach_exit_status(pid);
	return status < 0 ? error_set(err, 0, "cannot wait for the process") : status;
}

static int settle_and_run(const struct oci_options *options, const struct oci_container *container,
			  int words, char **argv, struct error *err)
{
	static struct oci_bundle process;
	static struct keep keep;
	const struct bundle_exec given = { .container = &container->bundle,
					   .process = options->process ? &process : NULL,
					   .cwd = options->cwd,
					   .user = options->user,
					   .env = options->env,
					   .gids = options->additional_gids,
					   .capabilities = options->capabilities,
					   .no_new_privileges = options->no_new_privileges };
	struct exec_options exec = { .ignore_paused = options->ignore_paused,
				     .host_cgroup = container->bundle.texts[OCI_CGROUP],
				     .lost_status = STATUS_LOST };
	union {
		char **theirs;
		const char **ours;
	} command = { argv };
	struct pod_app own;
	int status;

	if (options->process && bundle_load_process(&process, options->process, err) < 0)
		return -1;
	if (options->process)
		command.theirs = process.lists[OCI_ARGS].items;
	exec.tty = options->tty || process.numbers[OCI_TERMINAL];
	if (check_options(options, exec.tty, words, err) < 0 ||
	    bundle_settle_exec(&given, &exec, &own, &keep, err) < 0)
		return -1;
	status = run(options, &exec, &process, container, command.ours, err);
	if (status >= 0)
		oci_log_warnings(&process.lists[OCI_WARNINGS]);
	return status;
}

int oci_exec(const void *given, int argc, char **argv, struct error *err)
{
	const struct oci_options *options = given;
	struct oci_container container;
	int status;

	/* The supervisor may be busy with many. */
	if (oci_container_open(argv[0], OCI_ASK_PATIENTLY, &container, err) < 0)
		return -1;
	status = check_container(&container, options, err);
	if (status == 0)
		status = settle_and_run(options, &container, argc - 1, argv + 1, err);
	oci_container_close(&container);
	return status;
}
