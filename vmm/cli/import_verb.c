/*
 * nacelle image import and nacelle image pull.
 */
#include "vmm/cli/import_verb.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "images/import.h"

#define FIELD(name) offsetof(struct import_verb_options, name)

const struct option_spec import_options_table[IMPORT_OPTION_COUNT] = {
	{ "authfile", 0, OPTION_TEXT, "FILE", VALUE_FILE,
	  "credentials for registries, as docker and podman keep them", FIELD(authfile) },
	{ "cert-dir", 0, OPTION_TEXT, "DIR", VALUE_DIRECTORY,
	  "certificates for a registry (*.crt, client.cert, client.key)", FIELD(cert_dir) },
	{ "progress-fd", 0, OPTION_NUMBER, "FD", VALUE_OTHER,
	  "show progress on this terminal (default: standard error)", FIELD(progress_fd) },
	{ "quiet", 'q', OPTION_FLAG, NULL, VALUE_OTHER, "print errors only", FIELD(quiet) },
	OPTION_ROW_STORE(FIELD(root)),
	{ "signature", 0, OPTION_LIST, "FILE", VALUE_FILE,
	  "a detached signature of the image; may be given again", FIELD(signatures) },
	{ "tls-verify", 0, OPTION_TEXT, "BOOL", VALUE_OTHER,
	  "false: trust any registry, also one without TLS", FIELD(tls_verify) },
};

static void print_result(const struct import_result *result)
{
	char digest[DIGEST_TEXT_SIZE];

	digest_format(&result->manifest, digest);
	if (result->dropped_xattrs)
		(void)fprintf(stderr,
			      "nacelle-image: note: %" PRIu64 " extended attributes were dropped "
			      "(user.*, security.capability and ACLs are kept)\n",
			      result->dropped_xattrs);
	if (result->unapplied[0])
		(void)fprintf(stderr, "nacelle-image: note: pods do not apply %s yet\n",
			      result->unapplied);
	printf("%s\n", digest);
}

static int read_options(struct import_options *out, const struct import_verb_options *given,
			struct error *err)
{
	const char *verify = given->tls_verify;

	*out = (struct import_options){ .root = given->root,
					.signature_files = given->signatures.items,
					.signature_file_count = given->signatures.count,
					.authfile = given->authfile,
					.cert_dir = given->cert_dir,
					.quiet = given->quiet };
	if (verify && strcmp(verify, "true") != 0 && strcmp(verify, "false") != 0)
		return error_set(err, 0, "--tls-verify is true or false, not \"%s\"", verify);
	if (given->progress_fd > INT_MAX)
		return error_set(err, 0, "--progress-fd is no descriptor");
	out->insecure_tls = verify && strcmp(verify, "false") == 0;
	out->progress_fd = given->progress_fd ? (int)given->progress_fd : STDERR_FILENO;
	return 0;
}

static int run(const char *verb, const struct import_verb_options *given, const char *reference,
	       struct error *err)
{
	struct import_options options;
	struct import_result result;

	if (read_options(&options, given, err) < 0)
		return -1;
	if (import_image(&options, reference, &result, err) < 0)
		return error_prefix(err, "cannot %s %.200s", verb, reference);
	if (!given->quiet)
		print_result(&result);
	return 0;
}

int cli_image_import(const void *options, int argc, char **argv, struct error *err)
{
	(void)argc;
	return run("import", options, argv[0], err);
}

int cli_image_pull(const void *options, int argc, char **argv, struct error *err)
{
	(void)argc;
	if (strncmp(argv[0], "docker://", 9) != 0)
		return error_set(err, 0,
				 "%.200s is in no registry (docker://HOST/NAME:TAG): "
				 "import it instead",
				 argv[0]);
	return run("pull", options, argv[0], err);
}
