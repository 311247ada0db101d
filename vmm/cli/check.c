/*
 * nacelle check: the same checks as a start makes, each with its answer in plain words.
 */
#include "vmm/cli/check.h"

#include <stdio.h>
#include <unistd.h>

#include "images/store.h"
#include "vmm/base/cleanup.h"
#include "vmm/pod/cni.h"
#include "vmm/pod/host_speed.h"
#include "vmm/pod/launch.h"
#include "vmm/pod/passt.h"
#include "vmm/pod/paths.h"

static int failures;

static void say(int status, const char *what, const struct error *err)
{
	if (status < 0) {
		failures++;
		printf("no   %s: %s\n", what, err->text);
	} else {
		printf("ok   %s\n", what);
	}
}

static void check_kvm(void)
{
	struct error err = ERROR_NONE;
	_cleanup_fd_ int fd = launch_open_kvm(&err);

	say(fd, "KVM runs guests on the processor", &err);
}

static void check_part(const char *name, const char *what)
{
	struct error err = ERROR_NONE;
	char path[PATH_MAX];
	int status = paths_find(path, name, &err);

	if (status == 0 && access(path, R_OK) < 0)
		status = error_set(&err, errno, "%s", path);
	say(status, what, &err);
}

static void check_store(void)
{
	struct error err = ERROR_NONE;
	struct store *store;
	int status = store_open(&store, NULL, &err);

	say(status, "the store of images can be used", &err);
	if (status == 0)
		store_close(store);
}

/* What a pod may do without: these lines are no failures. */
static void check_networks(void)
{
	struct error err = ERROR_NONE;
	char names[256];

	if (passt_check_installed(&err) < 0)
		printf("--   %s\n", err.text);
	else if (!passt_has_uplink())
		printf("--   passt is installed, but this host has no default route: pods have no "
		       "network unless one is named\n");
	else
		printf("ok   passt gives pods a network\n");
	err = (struct error)ERROR_NONE;
	if (cni_list_networks(NULL, names, sizeof(names), &err) < 0)
		printf("--   CNI networks: %s\n", err.text);
	else if (names[0])
		printf("ok   CNI networks: %s%s\n", names,
		       geteuid() == 0 ? "" : " (for root only)");
	else
		printf("--   there are no CNI networks in /etc/cni/net.d\n");
}

static void say_speed(void *context, const struct host_speed *found)
{
	(void)context;
	printf("%s %s\n", found->is_slow ? "slow" : "ok  ", found->text);
}

/* What pods can do with, but start later for. */
static void check_speed(void)
{
	_cleanup_fd_ int fd = launch_open_kvm(NULL);

	if (fd < 0)
		return;
	host_speed_look("", say_speed, NULL);
	host_speed_measure(fd, say_speed, NULL);
}

int cli_check(const void *options, int argc, char **argv, struct error *err)
{
	(void)options;
	(void)argc;
	(void)argv;
	(void)err;
	check_kvm();
	check_part("vmlinux", "the guest kernel is installed");
	check_part("initramfs.cpio", "guest-init is installed");
	check_part("nacelle-image", "the image importer is installed");
	check_store();
	check_networks();
	check_speed();
	if (failures)
		printf("\nPods cannot run here until the lines marked \"no\" are dealt with.\n");
	else
		printf("\nPods can run here.\n");
	return failures ? 1 : 0;
}
