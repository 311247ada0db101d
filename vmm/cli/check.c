/*
 * nacelle check: the same checks as a start makes, each with its answer in plain words.
 */
#include "vmm/cli/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "images/store.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/json_writer.h"
#include "vmm/pod/cni.h"
#include "vmm/pod/host_cost.h"
#include "vmm/pod/host_speed.h"
#include "vmm/pod/launch.h"
#include "vmm/pod/passt.h"
#include "vmm/pod/paths.h"

/* How a line begins, and what it is for a program. */
enum answer { ANSWER_OK, ANSWER_NO, ANSWER_WITHOUT, ANSWER_SLOW };

static const struct {
	const char *mark;
	const char *status;
} answers[] = {
	[ANSWER_OK] = { "ok  ", "ok" },
	[ANSWER_NO] = { "no  ", "no" },
	[ANSWER_WITHOUT] = { "--  ", "without" },
	[ANSWER_SLOW] = { "slow", "slow" },
};

struct check {
	struct json_writer *json; /* NULL: text for a person */
	unsigned failures;
};

static void put(struct check *check, const char *name, enum answer answer, int64_t cost_ns,
		const char *text)
{
	check->failures += answer == ANSWER_NO;
	if (!check->json) {
		printf("%s %s\n", answers[answer].mark, text);
		return;
	}
	json_open(check->json, NULL, '{');
	json_put_text(check->json, "name", name);
	json_put_text(check->json, "status", answers[answer].status);
	json_put_text(check->json, "text", text);
	if (cost_ns >= 0)
		json_put_number(check->json, "cost_ns", (uint64_t)cost_ns);
	json_close(check->json, '}');
}

static void say(struct check *check, const char *name, enum answer answer, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void say(struct check *check, const char *name, enum answer answer, const char *format, ...)
{
	char text[ERROR_TEXT_MAX + 128];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	put(check, name, answer, -1, text);
}

/* What a pod needs. */
static void say_needed(struct check *check, const char *name, int status, const char *what,
		       const struct error *err)
{
	if (status < 0)
		say(check, name, ANSWER_NO, "%s: %s", what, err->text);
	else
		say(check, name, ANSWER_OK, "%s", what);
}

static void check_kvm(struct check *check, int *kvm_fd)
{
	struct error err = ERROR_NONE;

	*kvm_fd = launch_open_kvm(&err);
	say_needed(check, "kvm", *kvm_fd, "KVM runs guests on the processor", &err);
}

static void check_part(struct check *check, const char *name, const char *what)
{
	struct error err = ERROR_NONE;
	char path[PATH_MAX];
	int status = paths_find(path, name, &err);

	if (status == 0 && access(path, R_OK) < 0)
		status = error_set(&err, errno, "%s", path);
	say_needed(check, name, status, what, &err);
}

static void check_store(struct check *check)
{
	struct error err = ERROR_NONE;
	struct store *store;
	int status = store_open(&store, NULL, &err);

	say_needed(check, "store", status, "the store of images can be used", &err);
	if (status == 0)
		store_close(store);
}

/* What a pod may do without: these lines are no failures. */
static void check_networks(struct check *check)
{
	struct error err = ERROR_NONE;
	char names[256];

	if (passt_check_installed(&err) < 0)
		say(check, "passt", ANSWER_WITHOUT, "%s", err.text);
	else if (!passt_has_uplink())
		say(check, "passt", ANSWER_WITHOUT,
		    "passt is installed, but this host has no default route: pods have no "
		    "network unless one is named");
	else
		say(check, "passt", ANSWER_OK, "passt gives pods a network");
	err = (struct error)ERROR_NONE;
	if (cni_list_networks(NULL, names, sizeof(names), &err) < 0)
		say(check, "cni", ANSWER_WITHOUT, "CNI networks: %s", err.text);
	else if (names[0])
		say(check, "cni", ANSWER_OK, "CNI networks: %s%s", names,
		    geteuid() == 0 ? "" : " (for root only)");
	else
		say(check, "cni", ANSWER_WITHOUT, "there are no CNI networks in /etc/cni/net.d");
}

static void say_speed(void *context, const struct host_speed *found)
{
	put(context, found->name, found->is_slow ? ANSWER_SLOW : ANSWER_OK, found->cost_ns,
	    found->text);
}

/* What pods can do with, but start later for. */
static void check_speed(struct check *check, int kvm_fd)
{
	struct host_costs costs;

	if (kvm_fd < 0)
		return;
	host_cost_measure(kvm_fd, "/sys/fs/cgroup", &costs);
	host_speed_look("", &costs, say_speed, check);
}

static void check_all(struct check *check)
{
	_cleanup_fd_ int kvm_fd = -1;

	check_kvm(check, &kvm_fd);
	check_part(check, "vmlinux", "the guest kernel is installed");
	check_part(check, "initramfs.cpio", "guest-init is installed");
	check_part(check, "nacelle-image", "the image importer is installed");
	check_store(check);
	check_networks(check);
	check_speed(check, kvm_fd);
}

static void check_in_json(struct check *check)
{
	struct json_writer json;

	check->json = &json;
	json_begin(&json, stdout);
	json_open(&json, NULL, '{');
	json_open(&json, "checks", '[');
	check_all(check);
	json_close(&json, ']');
	json_put_bool(&json, "can_run", check->failures == 0);
	json_close(&json, '}');
	json_end(&json);
}

int cli_check(const void *opaque, int argc, char **argv, struct error *err)
{
	const struct check_options *options = opaque;
	struct check check = { .json = NULL };

	(void)argc;
	(void)argv;
	(void)err;
	if (options->json) {
		check_in_json(&check);
		return check.failures ? 1 : 0;
	}
	check_all(&check);
	if (check.failures)
		printf("\nPods cannot run here until the lines marked \"no\" are dealt with.\n");
	else
		printf("\nPods can run here.\n");
	return check.failures ? 1 : 0;
}
