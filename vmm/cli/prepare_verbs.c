/*
 * nacelle prepare and nacelle run-prepared. What is prepared is kept as the command line that it
 * was, so that both verbs and run read it by the same tables.
 */
#include "vmm/cli/prepare_verbs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/cli/pod_verbs.h"
#include "vmm/cli/run.h"
#include "vmm/cli/run_arguments.h"
#include "vmm/cli/verbs.h"
#include "vmm/pod/keep.h"
#include "vmm/pod/life.h"
#include "vmm/pod/prepare.h"

#define FIELD(name) offsetof(struct run_options, name)

const struct option_spec run_prepared_options[RUN_PREPARED_OPTION_COUNT] = {
	{ "console", 0, OPTION_FLAG, NULL, VALUE_OTHER,
	  "show the guest kernel's messages on stderr", FIELD(console) },
	{ "detach", 'd', OPTION_FLAG, NULL, VALUE_OTHER,
	  "run in the background; print the UUID once the pod has started", FIELD(is_detached) },
	{ "json-log", 0, OPTION_FLAG, NULL, VALUE_OTHER,
	  "print nacelle's own messages as JSON, one object a line", FIELD(json_log) },
	{ "rm", 0, OPTION_FLAG, NULL, VALUE_OTHER,
	  "remove the pod when it has ended, with its exit status", FIELD(remove) },
	OPTION_ROW_ROOT(FIELD(store_root)),
	{ "trace", 0, OPTION_TEXT, "FILE", VALUE_FILE,
	  "write a timeline of the start, host and guest", FIELD(trace) },
	{ "uuid-file", 0, OPTION_TEXT, "FILE", VALUE_FILE,
	  "take the UUID from this file; no POD is given", FIELD(uuid_file) },
};

static int keep_option(void *context, const struct option_spec *option, const char *text)
{
	static const char *const of_the_process[] = { "detach", "json-log", "root", "trace",
						      "uuid-file" };
	struct launch_record *record = context;

	for (size_t i = 0; i < sizeof(of_the_process) / sizeof(*of_the_process); i++)
		if (strcmp(option->name, of_the_process[i]) == 0)
			return 0;
	return string_list_add(&record->options, text, strlen(text));
}

int cli_keep_command_line(struct launch_record *record, const struct run_options *options, int argc,
			  char **argv, struct error *err)
{
	int result =
	    options_write(verb_find(&nacelle_program, "run"), options, keep_option, record);

	for (int i = 0; i < argc && result == 0; i++)
		result = string_list_add(&record->arguments, argv[i], strlen(argv[i]));
	return result ? error_set(err, ENOMEM, "cannot keep the command line") : 0;
}

int cli_prepare(const void *given, int argc, char **argv, struct error *err)
{
	static struct app_options apps[RUN_APPS_MAX];
	struct run_options options = *(const struct run_options *)given;
	struct launch_record record = { 0 };
	char uuid[UUID_TEXT_SIZE];
	int status;

	if (options.is_detached || options.trace)
		return error_set(err, 0, "--%s goes with run-prepared",
				 options.trace ? "trace" : "detach");
	/* What such a pod has changed is there after its end, for export. */
	if (!options.upper)
		options.upper = "disk";
	status = cli_keep_command_line(&record, &options, argc, argv, err);
	if (status == 0)
		status = cli_run_arguments(&options, apps, argc, argv, err);
	if (status == 0)
		status = prepare_pod(&options, apps, &record, uuid, err);
	if (status == 0 && options.uuid_file)
		status = life_write_uuid_file(options.uuid_file, uuid, err);
	if (status == 0)
		printf("%s\n", uuid);
	cli_run_arguments_free(&options, apps);
	launch_record_free(&record);
	return status;
}

/* Since the working directory changes to that of prepare. */
static int make_absolute(const char **path, struct error *err)
{
	_cleanup_free_ char *directory = NULL;
	char *absolute;

	if (!*path || **path == '/')
		return 0;
	directory = getcwd(NULL, 0);
	if (!directory || asprintf(&absolute, "%s/%s", directory, *path) < 0)
		return error_set(err, errno, "cannot find %s", *path);
	*path = absolute;
	return 0;
}

int cli_restore_command_line(const struct launch_record *record, struct keep *keep,
			     struct run_options *options, struct app_options *apps,
			     struct error *err)
{
	size_t count = 1 + record->options.count;
	char **argv = keep_array(keep, count + record->arguments.count + 1, sizeof(*argv), err);
	int argc = (int)count;
	bool help;

	if (!argv)
		return -1;
	for (size_t i = 0; i < record->options.count; i++)
		argv[1 + i] = record->options.items[i];
	if (options_parse(&nacelle_program, verb_find(&nacelle_program, "run"), &argc, argv,
			  options, &help, err) < 0)
		return error_prefix(err, "the pod was prepared by another version of nacelle");
	for (size_t i = 0; i < record->arguments.count; i++)
		argv[count + i] = record->arguments.items[i];
	return cli_run_arguments(options, apps, (int)record->arguments.count, argv + count, err);
}

static void set_own(struct run_options *options, const struct run_options *own)
{
	options->console |= own->console;
	options->is_detached = own->is_detached;
	options->json_log = own->json_log;
	options->remove |= own->remove;
	options->store_root = own->store_root;
	options->trace = own->trace;
}

static int run_one(struct pod_directory *pod, const struct run_options *own, struct error *err)
{
	static struct app_options apps[RUN_APPS_MAX];
	static struct launch_record record;
	static struct keep keep;
	struct run_options options = { 0 };
	char uuid[UUID_TEXT_SIZE];

	if (pod->place != POD_PLACE_PREPARED)
		return error_set(err, 0, "the pod %s is not prepared: it is %s", pod->uuid,
				 pod_state_name(pod->place, directory_is_held(pod)));
	if (launch_record_read(&record, pod->fd, err) < 0 ||
	    cli_restore_command_line(&record, &keep, &options, apps, err) < 0)
		return -1;
	set_own(&options, own);
	if (make_absolute(&options.store_root, err) < 0 || make_absolute(&options.trace, err) < 0 ||
	    prepare_restore(&options, apps, &record, pod, err) < 0)
		return -1;
	memcpy(uuid, pod->uuid, sizeof(uuid));
	options.prepared_uuid = uuid;
	options.launch = &record;
	directory_close(pod);
	return cli_run_pod(&options);
}

int cli_run_prepared(const void *options, int argc, char **argv, struct error *err)
{
	const struct run_options *own = options;
	struct pod_directory pod;

	if (cli_only_pod(own->store_root, own->uuid_file, argc, argv, &pod, err) < 0)
		return -1;
	return run_one(&pod, own, err);
}
