/*
 * nacelle run: the options of a pod with one app.
 */
#include "vmm/cli/run.h"

#include <string.h>

#include "vmm/pod/run.h"
#include "vmm/pod/stdio.h"

#define FIELD(name) offsetof(struct run_options, name)

const struct option_spec run_options_table[RUN_OPTION_COUNT] = {
	{ "add-host", 0, OPTION_LIST, "NAME:IP", VALUE_OTHER,
	  "add a line to the pod's /etc/hosts (repeatable)", FIELD(add_host) },
	{ "boot-timeout", 0, OPTION_NUMBER, "SECONDS", VALUE_OTHER,
	  "give up if the guest has not reported by then (default 30)", FIELD(boot_timeout_s) },
	{ "console", 0, OPTION_FLAG, NULL, VALUE_OTHER,
	  "show the guest kernel's messages on stderr", FIELD(console) },
	{ "cpus", 'c', OPTION_NUMBER, "N", VALUE_OTHER, "virtual CPUs, 1 to 32 (default 1)",
	  FIELD(cpus) },
	{ "dns", 0, OPTION_LIST, "IP", VALUE_OTHER,
	  "ask this name server (repeatable; default the host's)", FIELD(dns) },
	{ "dns-search", 0, OPTION_LIST, "DOMAIN", VALUE_OTHER,
	  "complete names with this domain (repeatable)", FIELD(dns_search) },
	{ "entrypoint", 0, OPTION_TEXT, "PROGRAM", VALUE_OTHER,
	  "run this instead of the image's entrypoint; \"\" for none", FIELD(entrypoint) },
	{ "env", 'e', OPTION_LIST, "NAME[=VALUE]", VALUE_OTHER,
	  "set a variable, or pass on the caller's (repeatable)", FIELD(env) },
	{ "hostname", 0, OPTION_TEXT, "NAME", VALUE_OTHER, "host name in the pod",
	  FIELD(hostname) },
	{ "init", 0, OPTION_FLAG, NULL, VALUE_OTHER,
	  "run a small init as the app's PID 1, which reaps and passes on signals", FIELD(init) },
	{ "interactive", 'i', OPTION_FLAG, NULL, VALUE_OTHER,
	  "connect stdin (without it the app's stdin is /dev/null)", FIELD(interactive) },
	{ "json-log", 0, OPTION_FLAG, NULL, VALUE_OTHER,
	  "print nacelle's own messages as JSON, one object a line", FIELD(json_log) },
	{ "kernel", 0, OPTION_TEXT, "FILE", VALUE_FILE,
	  "boot this vmlinux instead of the installed one", FIELD(kernel) },
	{ "kernel-args", 0, OPTION_TEXT, "ARGS", VALUE_OTHER,
	  "append to the guest kernel's command line", FIELD(kernel_args) },
	{ "memory", 'm', OPTION_SIZE, "SIZE", VALUE_OTHER,
	  "memory of the pod, at least 32M (default 512M)", FIELD(memory_bytes) },
	{ "name", 0, OPTION_TEXT, "NAME", VALUE_OTHER,
	  "name of the pod, in messages and as its host name", FIELD(name) },
	{ "net", 0, OPTION_LIST, "NETWORK", VALUE_OTHER,
	  "none (default), passt, or tap:NAME[,address=IP/PREFIX][,gateway=IP][,...]",
	  FIELD(nets) },
	{ "publish", 'p', OPTION_LIST, "[IP:]HOST:POD[/udp]", VALUE_OTHER,
	  "forward a port of the host, with --net passt (repeatable)", FIELD(publish) },
	{ "read-only", 0, OPTION_FLAG, NULL, VALUE_OTHER, "the root cannot be written",
	  FIELD(read_only) },
	{ "root", 0, OPTION_TEXT, "DIR", VALUE_DIRECTORY,
	  "the store of images (default /var/lib/nacelle for root)", FIELD(store_root) },
	{ "trace", 0, OPTION_TEXT, "FILE", VALUE_FILE,
	  "write a timeline of the start, host and guest", FIELD(trace) },
	{ "tty", 't', OPTION_FLAG, NULL, VALUE_OTHER, "give the app a terminal", FIELD(tty) },
	{ "upper", 0, OPTION_TEXT, "KIND", VALUE_OTHER,
	  "where changes to the root go: tmpfs[:SIZE] (default), none", FIELD(upper) },
	{ "user", 'u', OPTION_TEXT, "USER[:GROUP]", VALUE_OTHER,
	  "run as this user, by name or number (default the image's)", FIELD(user) },
	{ "volume", 'v', OPTION_LIST, "SRC:DST[:ro]", VALUE_FILE,
	  "share a directory or file of the host (repeatable)", FIELD(volumes) },
	{ "workdir", 'w', OPTION_TEXT, "DIR", VALUE_OTHER, "working directory", FIELD(workdir) },
};

static struct timeline timeline;
static bool stdio_present[3];

void cli_run_started(void)
{
	timeline_stamp(&timeline, TIMELINE_STARTED);
	stdio_reserve(stdio_present);
}

int cli_run(const void *given, int argc, char **argv, struct error *err)
{
	struct run_options options = *(const struct run_options *)given;

	if (argc == 0)
		return error_set(err, 0,
				 "which image? oci:DIR[:TAG], docker://NAME[:TAG], aci:FILE "
				 "or rootfs:DIR, for example");
	options.reference = *argv++;
	if (*argv && strcmp(*argv, "--") == 0)
		argv++;
	options.command = (const char *const *)argv;
	if (!options.boot_timeout_s)
		options.boot_timeout_s = RUN_BOOT_TIMEOUT_DEFAULT_S;
	return run_pod(&options, stdio_present, &timeline);
}
