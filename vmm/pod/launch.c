/*
 * From a settled pod to a plan.
 */
#include "vmm/pod/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-init/protocol.h"
#include "vmm/base/cleanup.h"
#include "vmm/machine/files.h"
#include "vmm/machine/kvm.h"
#include "vmm/pod/app_streams.h"
#include "vmm/pod/initramfs.h"
#include "vmm/pod/paths.h"
#include "vmm/pod/record.h"
#include "vmm/pod/stdio.h"
#include "vmm/pod/upper.h"

/*
 * reboot=t: a triple fault, which ends the VM at once, instead of waiting for a keyboard
 * controller. panic=-1: the same after a panic. noreplace-smp: no patching of the kernel's text for
 * one CPU, so that its pages stay shared. percpu_alloc=page: no 2 MiB unit to clear.
 * tsc=nowatchdog: KVM says whether the TSC can be relied on; comparing it twice a second would wake
 * idle pods.
 */
#define COMMAND_LINE "reboot=t panic=-1 noreplace-smp percpu_alloc=page tsc=nowatchdog"

int launch_open_kvm(struct error *err)
{
	enum kvm_quality quality;
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0 && errno == EACCES)
		return error_set(err, 0,
				 "/dev/kvm may not be opened by this user; add the user to the "
				 "group kvm and log in again");
	if (fd < 0 && errno == ENOENT)
		return error_set(err, 0,
				 "there is no /dev/kvm; load the module kvm_intel or kvm_amd, and "
				 "see that virtualization is turned on in the firmware");
	if (fd < 0)
		return error_set(err, errno, "cannot open /dev/kvm");
	if (kvm_check(fd, err) < 0 || kvm_probe_quality(fd, &quality, err) < 0) {
		close(fd);
		return -1;
	}
	if (quality == KVM_INTERPRETED) {
		close(fd);
		return error_set(
		    err, 0,
		    "this host's /dev/kvm interprets guest code instead of running it "
		    "on the processor (no VT-x or SVM): Linux would not get through its "
		    "boot; use a host with hardware virtualization");
	}
	return fd;
}

static int open_part(const char *option, const char *chosen, const char *name, struct error *err)
{
	char path[PATH_MAX];
	struct stat st;
	int fd;

	if (chosen) {
		if (snprintf(path, sizeof(path), "%s", chosen) >= (int)sizeof(path))
			return error_set(err, ENAMETOOLONG, "%s", option);
	} else if (paths_find(path, name, err) < 0) {
		return -1;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return error_set(err, errno, "cannot open %s", path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return error_set(err, 0, "%s is not a regular file", path);
	}
	return fd;
}

static int set_command_line(struct plan *plan, const struct run_options *options, struct error *err)
{
	const char *extra = options->kernel_args ? options->kernel_args : "";
	const char *log = " quiet";
	int n;

	/* A timeline has the kernel's boot from the kernel's log, which is not kept when quiet. */
	if (options->console)
		log = " earlyprintk=serial console=hvc0 log_buf_len=128K";
	else if (options->trace)
		log = " log_buf_len=32K";
	/* What follows "--" goes to guest-init, which must know before it has read the record. */
	n = snprintf(plan->command_line, sizeof(plan->command_line), "%s%s %s%s", COMMAND_LINE, log,
		     extra, options->trace ? " -- trace" : "");
	if (n >= (int)sizeof(plan->command_line))
		return error_set(err, 0, "--kernel-args: the command line may have %d bytes",
				 PLAN_COMMAND_LINE_MAX - 1);
	return 0;
}

/* The disks of volumes are the set's until they are the plan's. */
static void add_volume_disks(struct plan *plan, struct volume_set *set)
{
	for (unsigned i = 0; i < set->disk_count; i++) {
		plan->disks[plan->disk_count++] = (struct plan_disk){
			.fd = steal_fd(&set->disks[i].fd),
			.read_only = set->disks[i].read_only,
			.size_bytes = set->disks[i].size_bytes,
		};
	}
}

static int add_image(struct plan *plan, const struct store_image *image, struct error *err)
{
	struct plan_disk *disk = &plan->disks[plan->disk_count];

	disk->fd = fcntl(image->fd, F_DUPFD_CLOEXEC, 3);
	if (disk->fd < 0)
		return error_set(err, errno, "cannot duplicate the image's descriptor");
	disk->size_bytes = image->size_bytes;
	disk->read_only = true;
	plan->disk_count++;
	return 0;
}

/* Images first: their disks have their names by that. */
static int set_disks(struct plan *plan, const struct pod_images *images, struct volume_set *set,
		     struct error *err)
{
	if (images->disk_count + set->disk_count > PLAN_DISKS_MAX)
		return error_set(err, 0, "the pod has more than %d disks", PLAN_DISKS_MAX);
	for (unsigned i = 0; i < images->count; i++)
		if (!images->images[i].is_directory &&
		    add_image(plan, &images->images[i].image, err) < 0)
			return -1;
	add_volume_disks(plan, set);
	return 0;
}

/* What the guest is told of its networks is known once they are attached. */
static int set_nets(struct plan *plan, struct assembly *assembly, const struct run_options *options,
		    const struct pod_directory *directory, struct error *err)
{
	struct networks *networks = &assembly->networks;
	struct pod *pod = &assembly->pod;

	if (networks_attach(networks, directory, plan, err) < 0 ||
	    networks_make_names(networks, options, pod->hostname, err) < 0)
		return -1;
	pod->interfaces = networks->interfaces;
	pod->interface_count = networks->count;
	pod->hosts = networks->hosts;
	pod->resolv_conf = networks->resolv_conf;
	return 0;
}

static int set_streams(struct launch *launch, struct pod_app *apps, size_t count,
		       const struct run_options *options, const int stdio[3], struct error *err)
{
	static struct app_streams streams[RECORD_APPS_MAX];
	enum app_stdio by_default = options->is_detached ? APP_STDIO_LOG : APP_STDIO_INHERIT;
	struct log_options *log = &launch->logs.request.options;

	if (log_options_choose(log, options->log_size_bytes, options->log_files,
			       options->log_format, err) < 0)
		return -1;
	for (unsigned i = 0; i < count; i++)
		if (app_streams_choose(&streams[i], run_app_options(options, i), by_default, err) <
			0 ||
		    pod_logs_add(&launch->logs, launch->directory->fd, i, apps[i].name, &streams[i],
				 err) < 0)
			return -1;
	app_streams_set(&launch->plan, apps, streams, count, stdio);
	return 0;
}

static int make_socket(int *ours, int *theirs, struct error *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(err, errno, "cannot make a socket pair");
	*ours = pair[0];
	*theirs = pair[1];
	return 0;
}

static int make_channel(struct launch *launch, const struct assembly *assembly,
			enum plan_files_kind kind, bool always, struct error *err)
{
	struct p9_channel_fds fds;

	if (!always && volume_set_count(&assembly->volumes, kind) == 0)
		return 0;
	if (p9_channel_create(&fds, err) < 0)
		return -1;
	launch->plan.files[kind] = (struct plan_files){ fds.device_socket, fds.memory_fd };
	launch->files_server[kind] = fds.server_socket;
	return 0;
}

static int build_record(struct launch *launch, const struct assembly *assembly, struct error *err)
{
	_cleanup_free_ void *record = NULL;
	struct initramfs_file files[3];
	size_t record_bytes, count = 1;

	if (record_build(&assembly->pod, &record, &record_bytes, err) < 0)
		return -1;
	files[0] = (struct initramfs_file){ "pod.dtb", record, record_bytes, false };
	if (assembly->pod.metadata) {
		const struct metadata *metadata = &assembly->metadata;

		files[count++] = (struct initramfs_file){ "metadata-service", metadata->program,
							  metadata->program_len, true };
		files[count++] = (struct initramfs_file){ "metadata", metadata->data,
							  metadata->data_len, false };
	}
	return initramfs_build(files, count, &launch->archive, &launch->archive_bytes, err);
}

int launch_begin_plan(struct plan *plan, const struct run_options *options, struct error *err)
{
	plan->console_fd = plan->vsock_listener = -1;
	for (unsigned i = 0; i < PLAN_FILES; i++)
		plan->files[i] = (struct plan_files){ -1, -1 };
	plan->change_ids = geteuid() == 0;
	if (set_command_line(plan, options, err) < 0)
		return -1;
	plan->kvm_fd = launch_open_kvm(err);
	if (plan->kvm_fd < 0)
		return -1;
	plan->kernel_fd = open_part("--kernel", options->kernel, "vmlinux", err);
	if (plan->kernel_fd < 0)
		return -1;
	plan->initramfs_fd = open_part("initramfs", NULL, "initramfs.cpio", err);
	return plan->initramfs_fd < 0 ? -1 : 0;
}

int launch_prepare(struct launch *launch, const struct run_options *options,
		   struct pod_directory *directory, struct detach *detach,
		   struct assembly *assembly, const struct pod_images *images, const int stdio[3],
		   struct error *err)
{
	struct plan *plan = &launch->plan;

	*launch = (struct launch){ .directory = directory,
				   .detach = detach,
				   .logs = POD_LOGS_NONE,
				   .supervisor_socket = -1,
				   .files_server = { -1, -1 },
				   .vsock = VSOCK_PATH_NONE };
	plan->cpus = assembly->pod.cpus;
	plan->memory_bytes = assembly->memory_bytes;
	plan->trace = assembly->pod.trace;
	if (launch_begin_plan(plan, options, err) < 0)
		return -1;
	if (options->console) {
		plan->console_fd = stdio_hand_over(STDERR_FILENO, &plan->console_private);
		if (plan->console_fd < 0)
			return error_set(err, errno, "--console: stderr cannot be used");
	}
	if (set_disks(plan, images, &assembly->volumes, err) < 0 ||
	    upper_make_disk(plan, directory->fd, assembly->apps, assembly->pod.app_count,
			    assembly->volumes.volumes, assembly->volumes.volume_count,
			    launch->upper_name, err) < 0 ||
	    set_nets(plan, assembly, options, directory, err) < 0 ||
	    make_channel(launch, assembly, PLAN_FILES_CHANGING, options->members, err) < 0 ||
	    make_channel(launch, assembly, PLAN_FILES_CACHED, false, err) < 0 ||
	    make_socket(&launch->supervisor_socket, &plan->supervisor_socket, err) < 0 ||
	    set_streams(launch, assembly->apps, assembly->pod.app_count, options, stdio, err) < 0)
		return -1;
	if (build_record(launch, assembly, err) < 0)
		return -1;
	/* The last that can fail: from here on, the supervisor takes the socket away. */
	if (options->vsock)
		plan->vsock_listener = vsock_path_listen(&launch->vsock, options->vsock, err);
	return options->vsock && plan->vsock_listener < 0 ? -1 : 0;
}
