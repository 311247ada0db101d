/*
 * Names of capabilities (capabilities(7)).
 */
#include "vmm/pod/capabilities.h"

#include <linux/capability.h>
#include <string.h>
#include <strings.h>

#include "vmm/base/bytes.h"

#define BIT(capability) ((uint64_t)1 << (capability))

#define CAPABILITIES_DEFAULT                                                                       \
	(BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FSETID) | BIT(CAP_FOWNER) |              \
	 BIT(CAP_MKNOD) | BIT(CAP_NET_RAW) | BIT(CAP_SETGID) | BIT(CAP_SETUID) |                   \
	 BIT(CAP_SETFCAP) | BIT(CAP_SETPCAP) | BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_SYS_CHROOT) |   \
	 BIT(CAP_KILL) | BIT(CAP_AUDIT_WRITE))
#define CAPABILITIES_ALL (BIT(CAP_LAST_CAP + 1) - 1)

static const char *const names[] = {
	[CAP_CHOWN] = "CAP_CHOWN",
	[CAP_DAC_OVERRIDE] = "CAP_DAC_OVERRIDE",
	[CAP_DAC_READ_SEARCH] = "CAP_DAC_READ_SEARCH",
	[CAP_FOWNER] = "CAP_FOWNER",
	[CAP_FSETID] = "CAP_FSETID",
	[CAP_KILL] = "CAP_KILL",
	[CAP_SETGID] = "CAP_SETGID",
	[CAP_SETUID] = "CAP_SETUID",
	[CAP_SETPCAP] = "CAP_SETPCAP",
	[CAP_LINUX_IMMUTABLE] = "CAP_LINUX_IMMUTABLE",
	[CAP_NET_BIND_SERVICE] = "CAP_NET_BIND_SERVICE",
	[CAP_NET_BROADCAST] = "CAP_NET_BROADCAST",
	[CAP_NET_ADMIN] = "CAP_NET_ADMIN",
	[CAP_NET_RAW] = "CAP_NET_RAW",
	[CAP_IPC_LOCK] = "CAP_IPC_LOCK",
	[CAP_IPC_OWNER] = "CAP_IPC_OWNER",
	[CAP_SYS_MODULE] = "CAP_SYS_MODULE",
	[CAP_SYS_RAWIO] = "CAP_SYS_RAWIO",
	[CAP_SYS_CHROOT] = "CAP_SYS_CHROOT",
	[CAP_SYS_PTRACE] = "CAP_SYS_PTRACE",
	[CAP_SYS_PACCT] = "CAP_SYS_PACCT",
	[CAP_SYS_ADMIN] = "CAP_SYS_ADMIN",
	[CAP_SYS_BOOT] = "CAP_SYS_BOOT",
	[CAP_SYS_NICE] = "CAP_SYS_NICE",
	[CAP_SYS_RESOURCE] = "CAP_SYS_RESOURCE",
	[CAP_SYS_TIME] = "CAP_SYS_TIME",
	[CAP_SYS_TTY_CONFIG] = "CAP_SYS_TTY_CONFIG",
	[CAP_MKNOD] = "CAP_MKNOD",
	[CAP_LEASE] = "CAP_LEASE",
	[CAP_AUDIT_WRITE] = "CAP_AUDIT_WRITE",
	[CAP_AUDIT_CONTROL] = "CAP_AUDIT_CONTROL",
	[CAP_SETFCAP] = "CAP_SETFCAP",
	[CAP_MAC_OVERRIDE] = "CAP_MAC_OVERRIDE",
	[CAP_MAC_ADMIN] = "CAP_MAC_ADMIN",
	[CAP_SYSLOG] = "CAP_SYSLOG",
	[CAP_WAKE_ALARM] = "CAP_WAKE_ALARM",
	[CAP_BLOCK_SUSPEND] = "CAP_BLOCK_SUSPEND",
	[CAP_AUDIT_READ] = "CAP_AUDIT_READ",
	[CAP_PERFMON] = "CAP_PERFMON",
	[CAP_BPF] = "CAP_BPF",
	[CAP_CHECKPOINT_RESTORE] = "CAP_CHECKPOINT_RESTORE",
};

static const char prefix[] = "CAP_";

uint64_t capabilities_default(void)
{
	return CAPABILITIES_DEFAULT;
}

const char *capability_name(unsigned capability)
{
	return capability < ARRAY_SIZE(names) ? names[capability] : NULL;
}

bool capability_is_known(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* A name of this length, in any case, with or without CAP_. */
static int add_name(const char *what, const char *text, size_t len, uint64_t *mask,
		    struct error *err)
{
	if (len == 3 && strncasecmp(text, "ALL", 3) == 0) {
		*mask |= CAPABILITIES_ALL;
		return 0;
	}
	if (len > strlen(prefix) && strncasecmp(text, prefix, strlen(prefix)) == 0) {
		text += strlen(prefix);
		len -= strlen(prefix);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		const char *name = names[i] + strlen(prefix);

		if (strlen(name) == len && strncasecmp(name, text, len) == 0) {
			*mask |= BIT(i);
			return 0;
		}
	}
	return error_set(err, 0, "%s: \"%.*s\" is no capability", what, (int)len, text);
}

static int add_names(const char *what, const char *text, uint64_t *mask, struct error *err)
{
	for (;;) {
		size_t len = strcspn(text, ",");

		if (add_name(what, text, len, mask, err) < 0)
			return -1;
		if (!text[len])
			return 0;
		text += len + 1;
	}
}

static int read_option(const char *what, const struct text_list *list, uint64_t *mask,
		       struct error *err)
{
	*mask = 0;
	for (unsigned i = 0; i < list->count; i++)
		if (add_names(what, list->items[i], mask, err) < 0)
			return -1;
	return 0;
}

static int read_isolator(const struct image_isolators *isolators, uint64_t *mask, struct error *err)
{
	uint64_t named = 0;

	*mask = CAPABILITIES_DEFAULT;
	for (size_t i = 0; i < isolators->capabilities.count; i++)
		if (add_names("isolators", isolators->capabilities.items[i], &named, err) < 0)
			return -1;
	if (isolators->capability_set == IMAGE_SET_RETAIN)
		*mask = named;
	else if (isolators->capability_set == IMAGE_SET_REMOVE)
		*mask &= ~named;
	return 0;
}

int capabilities_settle(const struct app_options *options, const struct image_isolators *isolators,
			uint64_t *mask, struct error *err)
{
	uint64_t retain, remove, add, drop;

	if (options->caps_retain.count && options->caps_remove.count)
		return error_set(err, 0, "--caps-retain and --caps-remove exclude each other");
	if (read_option("--caps-retain", &options->caps_retain, &retain, err) < 0 ||
	    read_option("--caps-remove", &options->caps_remove, &remove, err) < 0 ||
	    read_option("--cap-add", &options->cap_add, &add, err) < 0 ||
	    read_option("--cap-drop", &options->cap_drop, &drop, err) < 0 ||
	    read_isolator(isolators, mask, err) < 0)
		return -1;
	if (options->caps_retain.count)
		*mask = retain;
	else if (options->caps_remove.count)
		*mask = CAPABILITIES_DEFAULT & ~remove;
	*mask = (*mask & ~drop) | add;
	return 0;
}
