/*
 * The arguments of nacelle run. "--" begins an app's arguments, "---" ends them.
 */
#include "vmm/cli/run_arguments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/cli/options.h"
#include "vmm/cli/run.h"
#include "vmm/cli/verbs.h"

static const struct option_group options_of_the_pod = {
	.heading =
	    "an option of the pod: it stands before the first image, and the arguments of an "
	    "app behind --",
	.options = run_options_table,
	.count = RUN_OPTION_COUNT,
};

static const struct verb app_verb = {
	.name = "run",
	.options = app_options_table,
	.option_count = APP_OPTION_COUNT,
	.options_size = sizeof(struct app_options),
	.options_first = true,
	.elsewhere = &options_of_the_pod,
};

static int copy_list(struct text_list *list, struct error *err)
{
	const char **items = calloc(list->count + 1, sizeof(*items));

	if (!items)
		return error_set(err, ENOMEM, "cannot read the command line");
	if (list->count)
		memcpy(items, list->items, list->count * sizeof(*items));
	list->items = items;
	return 0;
}

/* An app begins with the options of all; its lists are its own. */
static int begin_app(struct app_options *app, const struct app_options *common, struct error *err)
{
	int result = 0;

	*app = *common;
	for (size_t i = 0; i < APP_OPTION_COUNT; i++) {
		const struct option_spec *option = &app_options_table[i];

		if (option->kind == OPTION_LIST &&
		    copy_list((struct text_list *)(void *)((char *)app + option->offset), err) < 0)
			result = -1;
	}
	return result;
}

/* argv holds count arguments, the first of which is the image, and a NULL. */
static int read_app(struct app_options *app, int count, char **argv, struct error *err)
{
	bool help;

	if (argv[0][0] == '-')
		return error_set(err, 0, "an image is expected, not %s", argv[0]);
	if (options_parse(&nacelle_program, &app_verb, &count, argv, app, &help, err) < 0)
		return -1;
	if (help)
		return error_set(err, 0, "--help stands before the image");
	app->reference = argv[0];
	app->command = (const char *const *)(argv + 1);
	return 0;
}

static int read_apps(struct run_options *options, struct app_options apps[RUN_APPS_MAX],
		     char **argv, struct error *err)
{
	options->apps = apps;
	for (;;) {
		int count = 0;
		bool last;

		while (argv[count] && strcmp(argv[count], "---") != 0)
			count++;
		last = !argv[count];
		argv[count] = NULL;
		if (count == 0)
			return error_set(err, 0, "an image is expected before and after ---");
		if (options->app_count == RUN_APPS_MAX)
			return error_set(err, 0, "a pod has at most %d apps", RUN_APPS_MAX);
		if (begin_app(&apps[options->app_count++], &options->common, err) < 0 ||
		    read_app(&apps[options->app_count - 1], count, argv, err) < 0)
			return -1;
		if (last)
			return 0;
		argv += count + 1;
	}
}

int cli_run_arguments(struct run_options *options, struct app_options apps[RUN_APPS_MAX], int argc,
		      char **argv, struct error *err)
{
	static const char *const nothing[] = { NULL };

	options->common.command = nothing;
	if (!options->boot_timeout_s)
		options->boot_timeout_s = RUN_BOOT_TIMEOUT_DEFAULT_S;
	if (options->pod_file && argc)
		return error_set(err, 0, "--pod goes with no image: %s", argv[0]);
	if (options->pod_file)
		return 0;
	if (argc == 0)
		return error_set(err, 0,
				 "which image? oci:DIR[:TAG], docker://NAME[:TAG], aci:FILE "
				 "or rootfs:DIR, for example");
	return read_apps(options, apps, argv, err);
}

void cli_run_arguments_free(const struct run_options *options,
			    struct app_options apps[RUN_APPS_MAX])
{
	for (unsigned i = 0; i < options->app_count; i++)
		options_free(&app_verb, &apps[i]);
}
