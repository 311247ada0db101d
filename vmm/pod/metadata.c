/*
 * A pod's metadata service, from the host's side.
 */
#include "vmm/pod/metadata.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "guest-init/metadata_protocol.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/pod/image_program.h"
#include "vmm/pod/manifest_json.h"
#include "vmm/pod/paths.h"

enum { TOKEN_RANDOM_LEN = 16, PROGRAM_SIZE_MAX = 4 * 1024 * 1024 };

static int check_token(const char *token, struct error *err)
{
	size_t len = strlen(token);

	if (len == 0 || len > METADATA_TOKEN_MAX ||
	    strspn(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~") !=
		len)
		return error_set(err, 0,
				 "--mds-token: 1 to %d letters, digits, dashes, "
				 "dots, underscores and tildes are allowed",
				 METADATA_TOKEN_MAX);
	return 0;
}

int metadata_settle(struct run_options *options, struct keep *list, struct error *err)
{
	uint8_t random[TOKEN_RANDOM_LEN];
	char *text;

	if (options->metadata_token)
		return check_token(options->metadata_token, err);
	if (!options->metadata)
		return 0;
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return error_set(err, errno, "no random bytes for the metadata service's token");
	text = keep(list, calloc(1, 2 * sizeof(random) + 1), err);
	if (!text)
		return -1;
	for (size_t i = 0; i < sizeof(random); i++)
		(void)snprintf(text + 2 * i, 3, "%02x", random[i]);
	options->metadata_token = text;
	return 0;
}

/* rkt has filled its manifest in; what a user has written is told as it was understood. */
static int open_manifest(const struct manifest_json *described, struct error *err)
{
	const struct run_options *options = described->options;
	_cleanup_fd_ int fd = -1;
	FILE *out;

	if (options->app_roots) {
		fd = open(options->pod_file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (fd < 0)
			return error_set(err, errno, "cannot open %s", options->pod_file);
		return steal_fd(&fd);
	}
	fd = memfd_create("pod-manifest", MFD_CLOEXEC);
	out = fd < 0 ? NULL : fdopen(dup(fd), "w");
	if (!out)
		return error_set(err, errno, "cannot write the pod's manifest");
	manifest_json_print(described, out);
	if (fclose(out) != 0)
		return error_set(err, errno, "cannot write the pod's manifest");
	return steal_fd(&fd);
}

/* Entries of all that JSON has to be read for. */
static int make_entries(const struct manifest_json *described, void **data, size_t *len,
			struct error *err)
{
	const struct run_options *options = described->options;
	_cleanup_fd_ int manifest = open_manifest(described, err);
	const char *arguments[8] = { "nacelle-image", "metadata" };
	unsigned count = 2;

	if (manifest < 0)
		return -1;
	if (options->app_roots) {
		arguments[count++] = "--app-roots";
		arguments[count++] = options->app_roots;
	} else if (options->store_root) {
		arguments[count++] = "--root";
		arguments[count++] = options->store_root;
	}
	return image_program_convert(arguments, manifest, METADATA_SIZE_MAX, data, len, err);
}

static void put(FILE *out, enum metadata_kind kind, const char *name, const char *body)
{
	const struct metadata_entry entry = { le32_make(kind), le32_make((uint32_t)strlen(name)),
					      le32_make((uint32_t)strlen(body)) };

	(void)fwrite(&entry, sizeof(entry), 1, out);
	(void)fprintf(out, "%s%s", name, body);
}

static int make_data(struct metadata *metadata, const struct manifest_json *described,
		     const char *uuid, struct error *err)
{
	_cleanup_free_ void *entries = NULL;
	char *text = NULL;
	size_t len;
	FILE *out;

	if (make_entries(described, &entries, &len, err) < 0)
		return error_prefix(err, "the pod's metadata");
	out = open_memstream(&text, &metadata->data_len);
	if (!out)
		return error_set(err, ENOMEM, "cannot gather the pod's metadata");
	put(out, METADATA_TOKEN, "", described->options->metadata_token);
	put(out, METADATA_TEXT, METADATA_UUID_NAME, uuid);
	(void)fwrite(entries, 1, len, out);
	if (fclose(out) != 0) {
		free(text);
		return error_set(err, ENOMEM, "cannot gather the pod's metadata");
	}
	metadata->data = text;
	return 0;
}

int metadata_gather(struct metadata *out, const struct manifest_json *described, const char *uuid,
		    struct error *err)
{
	char path[PATH_MAX];

	*out = (struct metadata){ .program = NULL };
	if (paths_find(path, "metadata-service", err) < 0 ||
	    io_read_file(AT_FDCWD, path, PROGRAM_SIZE_MAX, &out->program, &out->program_len, err) <
		0)
		return -1;
	if (make_data(out, described, uuid, err) == 0)
		return 0;
	metadata_free(out);
	return -1;
}

void metadata_free(struct metadata *metadata)
{
	free(metadata->program);
	free(metadata->data);
	*metadata = (struct metadata){ .program = NULL };
}
