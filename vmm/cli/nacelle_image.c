/*
 * nacelle-image: the program that has the libraries which images need (OpenSSL, zlib, cJSON), so
 * that nacelle itself has none of them. `nacelle run` executes it when an image is not in the
 * store.
 */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "images/import.h"

enum { EXIT_OURS = 125 };

static const char help[] =
    "Usage: nacelle-image import [OPTION...] oci:DIR[:TAG]\n"
    "\n"
    "Verifies the image, merges its layers into one read-only EROFS image in the\n"
    "store, and prints the digest of its manifest.\n"
    "\n"
    "  --root DIR   the store (default: /var/lib/nacelle for root, otherwise\n"
    "               $XDG_DATA_HOME/nacelle or ~/.local/share/nacelle)\n"
    "  --quiet      print errors only\n"
    "  --help       print this\n"
    "\n"
    "Exit status: 0, or 125 with one line on standard error.\n";

struct arguments {
	const char *root;
	const char *reference;
	bool quiet;
	bool help;
};

static int fail(const char *text)
{
	(void)fprintf(stderr, "nacelle-image: %s\n", text);
	return EXIT_OURS;
}

static int parse_arguments(int argc, char **argv, struct arguments *out)
{
	static const struct option options[] = {
		{ "root", required_argument, NULL, 'r' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	*out = (struct arguments){ 0 };
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'r')
			out->root = optarg;
		else if (option == 'q')
			out->quiet = true;
		else if (option == 'h')
			out->help = true;
		else
			return -1;
	}
	if (out->help)
		return 0;
	if (argc - optind != 2 || strcmp(argv[optind], "import"))
		return -1;
	out->reference = argv[optind + 1];
	return 0;
}

static int print_result(const struct import_result *result)
{
	char digest[DIGEST_TEXT_SIZE];

	digest_format(&result->manifest, digest);
	if (result->dropped_xattrs)
		(void)fprintf(stderr,
			      "nacelle-image: note: %" PRIu64 " extended attributes were dropped "
			      "(user.*, security.capability and ACLs are kept)\n",
			      result->dropped_xattrs);
	if (printf("%s\n", digest) < 0 || fflush(stdout) != 0)
		return fail("cannot write the digest to standard output");
	return 0;
}

int main(int argc, char **argv)
{
	struct error err = ERROR_NONE;
	struct import_result result;
	struct arguments arguments;

	if (parse_arguments(argc, argv, &arguments) < 0)
		return fail("usage: nacelle-image import [--root DIR] [--quiet] oci:DIR[:TAG] "
			    "(see --help)");
	if (arguments.help) {
		if (fputs(help, stdout) < 0 || fflush(stdout) != 0)
			return EXIT_OURS;
		return 0;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	if (import_image(arguments.root, arguments.reference, &result, &err) < 0) {
		(void)error_prefix(&err, "cannot import %.200s", arguments.reference);
		return fail(err.text);
	}
	return arguments.quiet ? 0 : print_result(&result);
}
