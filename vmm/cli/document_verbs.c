/*
 * nacelle-image pod-manifest FILE, image-manifest FILE, bundle FILE, process FILE, resources FILE:
 * flat fields on stdout. nacelle-image metadata: what a metadata service tells of the pod manifest
 * on stdin, in the form of guest-init/protocol.h, on stdout. nacelle-image seccomp PROFILE: a
 * filter of system calls, as struct sock_filter[] on stdout; what the user should know on stderr.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "images/oci_bundle_convert.h"
#include "images/pod_manifest_convert.h"
#include "images/seccomp_compile.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/cli/internal_verbs.h"
#include "vmm/pod/metadata_make.h"

struct seccomp_options {
	const char *capabilities;
	bool vsock;
};

/* Converts a file to fields on stdout. */
static int convert(const char *what, const char *path,
		   int (*converter)(int fd, void **data, size_t *len, struct error *err),
		   struct error *err)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	_cleanup_free_ void *data = NULL;
	size_t len;

	if (fd < 0)
		return error_set(err, errno, "cannot open %s", path);
	if (converter(fd, &data, &len, err) < 0)
		return error_prefix(err, "%s%s", what, path);
	if (io_write_all(STDOUT_FILENO, data, len) < 0)
		return error_set(err, errno, "cannot write to standard output");
	return 0;
}

static int verb_pod_manifest(const void *options, int argc, char **argv, struct error *err)
{
	(void)options;
	(void)argc;
	return convert("the pod manifest ", argv[0], pod_manifest_convert, err);
}

static int verb_image_manifest(const void *options, int argc, char **argv, struct error *err)
{
	(void)options;
	(void)argc;
	return convert("the image manifest ", argv[0], pod_manifest_convert_image, err);
}

static int verb_bundle(const void *options, int argc, char **argv, struct error *err)
{
	(void)options;
	(void)argc;
	return convert("", argv[0], oci_bundle_convert, err);
}

static int verb_process(const void *options, int argc, char **argv, struct error *err)
{
	(void)options;
	(void)argc;
	return convert("", argv[0], oci_process_convert, err);
}

static int verb_resources(const void *options, int argc, char **argv, struct error *err)
{
	(void)options;
	(void)argc;
	return convert("", argv[0], oci_resources_convert, err);
}

static const struct option_spec metadata_options_table[] = {
	{ "app-roots", 0, OPTION_TEXT, "DIR", VALUE_DIRECTORY,
	  "image manifests are DIR/APP/manifest", offsetof(struct metadata_places, app_roots) },
	{ "root", 0, OPTION_TEXT, "DIR", VALUE_DIRECTORY, "the store of images",
	  offsetof(struct metadata_places, root) },
};

static int verb_metadata(const void *given, int argc, char **argv, struct error *err)
{
	(void)argc;
	(void)argv;
	if (metadata_make(given, STDIN_FILENO, stdout, err) < 0)
		return -1;
	return fflush(stdout) == 0 ? 0 : error_set(err, errno, "cannot write to standard output");
}

static const struct option_spec seccomp_options_table[] = {
	{ "capabilities", 0, OPTION_TEXT, "MASK", VALUE_OTHER,
	  "the app's capabilities, in hexadecimal",
	  offsetof(struct seccomp_options, capabilities) },
	{ "vsock", 0, OPTION_FLAG, NULL, VALUE_OTHER, "the app may use vsock",
	  offsetof(struct seccomp_options, vsock) },
};

static int verb_seccomp(const void *given, int argc, char **argv, struct error *err)
{
	static struct seccomp_program program;
	const struct seccomp_options *options = given;
	struct seccomp_app app = { .vsock = options->vsock };
	_cleanup_free_ char *notice = NULL;

	(void)argc;
	if (options->capabilities)
		app.capabilities = strtoull(options->capabilities, NULL, 16);
	if (seccomp_compile_profile(argv[0], &app, &program, &notice, err) < 0)
		return -1;
	if (io_write_all(STDOUT_FILENO, program.code, program.count * sizeof(program.code[0])) < 0)
		return error_set(err, errno, "cannot write to standard output");
	if (notice)
		(void)fprintf(stderr, "%s\n", notice);
	return 0;
}

static const struct verb verbs[] = {
	{ .name = "bundle",
	  .usage = "FILE",
	  .help = "Read the config.json of an OCI bundle",
	  .arguments_min = 1,
	  .arguments_max = 1,
	  .run = verb_bundle },
	{ .name = "image-manifest",
	  .usage = "FILE",
	  .help = "Read the app section of an image manifest",
	  .arguments_min = 1,
	  .arguments_max = 1,
	  .run = verb_image_manifest },
	{ .name = "metadata",
	  .usage = "[OPTIONS]",
	  .help = "Gather what a metadata service tells",
	  .options = metadata_options_table,
	  .option_count = 2,
	  .options_size = sizeof(struct metadata_places),
	  .run = verb_metadata },
	{ .name = "pod-manifest",
	  .usage = "FILE",
	  .help = "Read a pod manifest",
	  .arguments_min = 1,
	  .arguments_max = 1,
	  .run = verb_pod_manifest },
	{ .name = "process",
	  .usage = "FILE",
	  .help = "Read a process that is added to an OCI container",
	  .arguments_min = 1,
	  .arguments_max = 1,
	  .run = verb_process },
	{ .name = "resources",
	  .usage = "FILE",
	  .help = "Read other limits of an OCI container",
	  .arguments_min = 1,
	  .arguments_max = 1,
	  .run = verb_resources },
	{ .name = "seccomp",
	  .usage = "[OPTIONS] PROFILE",
	  .help = "Compile a filter of system calls",
	  .options = seccomp_options_table,
	  .option_count = 2,
	  .options_size = sizeof(struct seccomp_options),
	  .arguments_min = 1,
	  .arguments_max = 1,
	  .run = verb_seccomp },
	{ .name = NULL },
};

const struct program document_program = {
	.name = "nacelle-image",
	.command = "nacelle-image",
	.about = "Reads documents for nacelle",
	.manual = "nacelle(1)",
	.verbs = verbs,
};
