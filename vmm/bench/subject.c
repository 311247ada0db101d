/*
 * How each runtime is asked for the same thing: the image, read-only or nearly so, no network, the
 * command. What takes long once (unpacking, importing) happens before the first start.
 */
#include "vmm/bench/subject.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/bench/bundle.h"
#include "vmm/bench/measure.h"

struct subject_kind {
	const char *name;
	const char *program; /* that must be found; NULL: nacelle itself */
	bool needs_root;
	int (*open)(struct subject *subject, struct bench_task *task, struct error *err);
	int (*before)(struct subject *subject, struct bench_task *task, struct error *err);
	int (*after)(struct subject *subject, struct bench_task *task, struct error *err);
	int (*clean_up)(struct subject *subject, struct bench_task *task, struct error *err);
	int (*arguments)(struct subject *subject, const struct bench_task *task,
			 struct argument_list *list, struct error *err);
};

/* Argument lists. The texts are not changed by anybody; argv's type is from before const. */

static int add(struct argument_list *list, const char *text, struct error *err)
{
	if (list->count == SUBJECT_ARGUMENTS_MAX)
		return error_set(err, E2BIG, "the command");
	list->items[list->count++] = (char *)(uintptr_t)text;
	list->items[list->count] = NULL;
	return 0;
}

static int add_all(struct argument_list *list, const char *const *texts, struct error *err)
{
	int status = 0;

	for (; texts && *texts && status == 0; texts++)
		status = add(list, *texts, err);
	return status;
}

#define ADD(list, err, ...) add_all(list, (const char *const[]){ __VA_ARGS__, NULL }, err)

static int run(struct bench_task *task, struct argument_list *list, struct error *err)
{
	return measure_run(list->items, task->error_path, err);
}

static int import(struct bench_task *task, struct error *err)
{
	struct argument_list list = { .count = 0 };

	if (task->is_imported)
		return 0;
	if (ADD(&list, err, task->nacelle, "image", "import", "--quiet") < 0 ||
	    (task->root && ADD(&list, err, "--root", task->root) < 0) ||
	    ADD(&list, err, task->image) < 0 || run(task, &list, err) < 0)
		return -1;
	task->is_imported = true;
	return 0;
}

/* The image as a bundle, once for all who need it. */
static int extract(struct bench_task *task, struct error *err)
{
	struct argument_list list = { .count = 0 };
	char bundle[PATH_MAX], rootfs[PATH_MAX];

	if (task->is_extracted)
		return 0;
	if (strncmp(task->image, "rootfs:", 7) == 0)
		return error_set(err, 0, "%s is no image, which other runtimes could be given",
				 task->image);
	(void)snprintf(bundle, sizeof(bundle), "%s/bundle", task->directory);
	(void)snprintf(rootfs, sizeof(rootfs), "%s/bundle/rootfs", task->directory);
	if (mkdir(bundle, 0755) < 0 && errno != EEXIST)
		return error_set(err, errno, "cannot make %s", bundle);
	if (import(task, err) < 0 || ADD(&list, err, task->nacelle, "image", "extract") < 0 ||
	    (task->root && ADD(&list, err, "--root", task->root) < 0) ||
	    ADD(&list, err, task->image, rootfs) < 0 || run(task, &list, err) < 0)
		return error_prefix(err, "cannot unpack the image");
	if (bundle_write_config(bundle, task->command, err) < 0)
		return -1;
	task->is_extracted = true;
	return 0;
}

static int open_bundle(struct subject *subject, struct bench_task *task, struct error *err)
{
	(void)subject;
	return extract(task, err);
}

/* nacelle */

static int add_nacelle_options(struct argument_list *list, const struct bench_task *task,
			       struct error *err)
{
	if (task->root && ADD(list, err, "--root", task->root) < 0)
		return -1;
	if (ADD(list, err, "--net", "none") < 0)
		return -1;
	return add_all(list, task->options, err);
}

static int add_image(struct argument_list *list, const struct bench_task *task, struct error *err)
{
	if (ADD(list, err, task->image, "--") < 0)
		return -1;
	return add_all(list, task->command, err);
}

static int arguments_run(struct subject *subject, const struct bench_task *task,
			 struct argument_list *list, struct error *err)
{
	if (ADD(list, err, task->nacelle, "run", "--rm") < 0 ||
	    (subject->trace[0] && ADD(list, err, "--trace", subject->trace) < 0) ||
	    add_nacelle_options(list, task, err) < 0)
		return -1;
	return add_image(list, task, err);
}

/* The image must be in the store when the stopwatch starts. */
static int open_nacelle(struct subject *subject, struct bench_task *task, struct error *err)
{
	struct argument_list list = { .count = 0 };

	if (arguments_run(subject, task, &list, err) < 0 || run(task, &list, err) < 0)
		return -1;
	task->is_imported = true;
	return 0;
}

static int before_prepared(struct subject *subject, struct bench_task *task, struct error *err)
{
	struct argument_list list = { .count = 0 };
	_cleanup_free_ char *uuid = NULL;
	char path[PATH_MAX];
	size_t len;

	(void)snprintf(path, sizeof(path), "%s/uuid", task->directory);
	if (ADD(&list, err, task->nacelle, "prepare", "--uuid-file", path) < 0 ||
	    add_nacelle_options(&list, task, err) < 0 || add_image(&list, task, err) < 0 ||
	    run(task, &list, err) < 0 ||
	    io_read_file(AT_FDCWD, path, sizeof(subject->uuid), &uuid, &len, err) < 0)
		return -1;
	(void)snprintf(subject->uuid, sizeof(subject->uuid), "%.*s", (int)strcspn(uuid, "\n"),
		       uuid);
	return 0;
}

static int add_pod(struct subject *subject, const struct bench_task *task, const char *verb,
		   struct argument_list *list, struct error *err)
{
	if (ADD(list, err, task->nacelle, verb) < 0 ||
	    (task->root && ADD(list, err, "--root", task->root) < 0))
		return -1;
	return ADD(list, err, subject->uuid);
}

static int arguments_prepared(struct subject *subject, const struct bench_task *task,
			      struct argument_list *list, struct error *err)
{
	return add_pod(subject, task, "run-prepared", list, err);
}

static int after_prepared(struct subject *subject, struct bench_task *task, struct error *err)
{
	struct argument_list list = { .count = 0 };

	if (add_pod(subject, task, "rm", &list, err) < 0)
		return -1;
	return run(task, &list, err);
}

/* crun and runc */

static int arguments_bundle(struct subject *subject, const struct bench_task *task,
			    struct argument_list *list, struct error *err)
{
	static char bundle[PATH_MAX];

	(void)snprintf(bundle, sizeof(bundle), "%s/bundle", task->directory);
	return ADD(list, err, subject->kind->program, "run", "-b", bundle, subject->number);
}

/* A container that is not there is no failure to them. */
static int clean_up_container(struct subject *subject, struct bench_task *task, struct error *err)
{
	struct argument_list list = { .count = 0 };
	const char *runtime = subject->runtime ? subject->runtime : subject->kind->program;

	if (ADD(&list, err, runtime, "delete", "--force", subject->number) < 0)
		return -1;
	return run(task, &list, err);
}

/* Any OCI runtime, as engines drive it. */

static int arguments_oci(struct subject *subject, const struct bench_task *task,
			 struct argument_list *list, struct error *err)
{
	static char bundle[PATH_MAX], pid_file[PATH_MAX];

	(void)snprintf(bundle, sizeof(bundle), "%s/bundle", task->directory);
	(void)snprintf(pid_file, sizeof(pid_file), "%s/pid", task->directory);
	return ADD(list, err, task->oci_life, "oci-life", subject->runtime, bundle, subject->number,
		   pid_file);
}

/* podman */

static int clean_up_podman(struct subject *subject, struct bench_task *task, struct error *err)
{
	struct argument_list list = { .count = 0 };

	if (ADD(&list, err, "podman", "rm", "--force", "--ignore", "--time", "0", subject->number) <
	    0)
		return -1;
	return run(task, &list, err);
}

static int arguments_podman(struct subject *subject, const struct bench_task *task,
			    struct argument_list *list, struct error *err)
{
	static char rootfs[PATH_MAX];

	(void)snprintf(rootfs, sizeof(rootfs), "%s/bundle/rootfs", task->directory);
	if (ADD(list, err, "podman", "run", "--rm", "--name", subject->number, "--network", "none",
		"--read-only", "--rootfs", rootfs) < 0)
		return -1;
	return add_all(list, task->command, err);
}

/* QEMU's microvm machine at its leanest: qboot, PVH, one console, the image as an initramfs. */

static int open_qemu(struct subject *subject, struct bench_task *task, struct error *err)
{
	/* cpio walks the tree; the words of the command become those of init's line. */
	static const char script[] =
	    "cd \"$1/bundle/rootfs\" && init=$1/init && shift && { "
	    "echo '#!/bin/sh'; for word; do printf \"'%s' \" \"$word\"; done; echo; "
	    "echo 'exec reboot -f'; } >\"$init\" && chmod 755 \"$init\" && "
	    "{ find . | cpio --quiet -o -H newc; cd \"${init%/*}\" && "
	    "echo init | cpio --quiet -o -H newc; } >initrd";
	struct argument_list list = { .count = 0 };

	(void)subject;
	if (!task->qemu_kernel)
		return error_set(err, 0,
				 "it needs a kernel with a PVH entry: --qemu-kernel names one");
	if (extract(task, err) < 0 ||
	    ADD(&list, err, "sh", "-c", script, "sh", task->directory) < 0 ||
	    add_all(&list, task->command, err) < 0)
		return -1;
	return run(task, &list, err);
}

static int arguments_qemu(struct subject *subject, const struct bench_task *task,
			  struct argument_list *list, struct error *err)
{
	static const char machine[] = "microvm,pit=off,pic=off,rtc=off,acpi=off,"
				      "auto-kernel-cmdline=on,isa-serial=off";
	static char initrd[PATH_MAX];

	(void)snprintf(initrd, sizeof(initrd), "%s/initrd", task->directory);
	return ADD(list, err, subject->kind->program, "-M", machine, "-bios", "qboot.rom", "-accel",
		   "kvm", "-cpu", "host", "-m", "128", "-smp", "1", "-nodefaults",
		   "-no-user-config", "-display", "none", "-no-reboot", "-kernel",
		   task->qemu_kernel, "-initrd", initrd, "-append",
		   "noreplace-smp quiet loglevel=0 console=hvc0 reboot=t panic=-1", "-chardev",
		   "stdio,id=out,signal=off", "-device", "virtio-serial-device", "-device",
		   "virtconsole,chardev=out");
}

/* Any other command. */

static int arguments_shell(struct subject *subject, const struct bench_task *task,
			   struct argument_list *list, struct error *err)
{
	(void)task;
	return ADD(list, err, "/bin/sh", "-c", subject->shell_command);
}

static const struct subject_kind kinds[] = {
	{ .name = "nacelle", .open = open_nacelle, .arguments = arguments_run },
	{ .name = "prepared",
	  .open = open_nacelle,
	  .before = before_prepared,
	  .after = after_prepared,
	  .arguments = arguments_prepared },
	{ .name = "crun",
	  .program = "crun",
	  .needs_root = true,
	  .open = open_bundle,
	  .clean_up = clean_up_container,
	  .arguments = arguments_bundle },
	{ .name = "runc",
	  .program = "runc",
	  .needs_root = true,
	  .open = open_bundle,
	  .clean_up = clean_up_container,
	  .arguments = arguments_bundle },
	{ .name = "podman",
	  .program = "podman",
	  .needs_root = true,
	  .open = open_bundle,
	  .clean_up = clean_up_podman,
	  .arguments = arguments_podman },
	{ .name = "qemu",
	  .program = "qemu-system-x86_64",
	  .open = open_qemu,
	  .arguments = arguments_qemu },
};
static const struct subject_kind shell_kind = { .name = "command", .arguments = arguments_shell };
static const struct subject_kind oci_kind = { .name = "oci",
					      .clean_up = clean_up_container,
					      .arguments = arguments_oci };

const char *const subject_names[] = {
	"nacelle", "prepared", "crun", "runc", "podman", "qemu", NULL
};

static bool is_in_path(const char *program)
{
	const char *at = getenv("PATH");
	char path[PATH_MAX];

	while (at && *at) {
		size_t len = strcspn(at, ":");

		if (snprintf(path, sizeof(path), "%.*s/%s", (int)len, at, program) <
			(int)sizeof(path) &&
		    access(path, X_OK) == 0)
			return true;
		at += len + (at[len] == ':');
	}
	return false;
}

int subject_open(struct subject *subject, const char *name, struct bench_task *task,
		 struct error *err)
{
	*subject = (struct subject){ .kind = NULL };
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			subject->kind = &kinds[i];
	if (!subject->kind)
		return error_set(err, 0, "nothing that can be measured has this name");
	(void)snprintf(subject->name, sizeof(subject->name), "%s", name);
	if (subject->kind->program && !is_in_path(subject->kind->program))
		return error_set(err, 0, "there is no %s on this machine", subject->kind->program);
	if (subject->kind->needs_root && geteuid() != 0)
		return error_set(err, 0, "it is measured as root only");
	return subject->kind->open(subject, task, err);
}

void subject_open_nacelle(struct subject *subject)
{
	*subject = (struct subject){ .kind = &kinds[0] };
	(void)snprintf(subject->name, sizeof(subject->name), "%s", kinds[0].name);
}

int subject_open_oci(struct subject *subject, const char *runtime, struct bench_task *task,
		     struct error *err)
{
	const char *slash = strrchr(runtime, '/');

	*subject = (struct subject){ .kind = &oci_kind, .runtime = runtime };
	if (snprintf(subject->name, sizeof(subject->name), "oci %s", slash ? slash + 1 : runtime) >=
	    (int)sizeof(subject->name))
		return error_set(err, ENAMETOOLONG, "the runtime %s", runtime);
	if (slash ? access(runtime, X_OK) < 0 : !is_in_path(runtime))
		return error_set(err, 0, "there is no %s on this machine", runtime);
	return extract(task, err);
}

int subject_open_command(struct subject *subject, const char *name, const char *command,
			 struct error *err)
{
	*subject = (struct subject){ .kind = &shell_kind, .shell_command = command };
	if (snprintf(subject->name, sizeof(subject->name), "%s", name) >=
	    (int)sizeof(subject->name))
		return error_set(err, ENAMETOOLONG, "the row %s", name);
	return 0;
}

int subject_before(struct subject *subject, struct bench_task *task, unsigned run_number,
		   struct error *err)
{
	(void)snprintf(subject->number, sizeof(subject->number), "nacelle-bench-%d-%u",
		       (int)getpid(), run_number);
	return subject->kind->before ? subject->kind->before(subject, task, err) : 0;
}

int subject_after(struct subject *subject, struct bench_task *task, struct error *err)
{
	return subject->kind->after ? subject->kind->after(subject, task, err) : 0;
}

void subject_clean_up(struct subject *subject, struct bench_task *task)
{
	if (subject->kind->clean_up)
		(void)subject->kind->clean_up(subject, task, NULL);
}

int subject_arguments(struct subject *subject, const struct bench_task *task,
		      struct argument_list *list, struct error *err)
{
	list->count = 0;
	return subject->kind->arguments(subject, task, list, err);
}
