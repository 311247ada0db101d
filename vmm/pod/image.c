/*
 * The image of a run. The import is another program, which holds the libraries that parse images.
 */
#include "vmm/pod/image.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/pod/paths.h"

extern char **environ;

static int open_directory(struct pod_image *image, const char *path, struct error *err)
{
	image->is_directory = true;
	image->directory_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (image->directory_fd < 0)
		return error_set(err, errno, "cannot open the root directory %s", path);
	return 0;
}

/* The importer, with the read ends of its streams. */
struct importer {
	pid_t pid;
	int said;     /* its standard error: why it failed */
	int imported; /* its standard output: the digest of the manifest */
};

static int spawn_import(struct importer *importer, const char *program, const char **arguments,
			int said, int imported, struct error *err)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	int spawned;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, imported, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, said, STDERR_FILENO);
	/* Ctrl-C ends the import; this process, which has it blocked, looks at it afterwards. */
	sigemptyset(&none);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	/* posix_spawn() does not change the strings; its type is from before const. */
	spawned = posix_spawn(&importer->pid, program, &actions, &attributes,
			      (char **)(uintptr_t)arguments, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return spawned ? error_set(err, spawned, "cannot start %s", program) : 0;
}

/* Returns 0 with both streams open, or -1 with err filled. */
static int start_import(struct importer *importer, const char *reference, const char *store_root,
			struct error *err)
{
	const char *arguments[] = { "nacelle-image", "import", reference, NULL, NULL, NULL };
	int said[2], imported[2], result;
	char program[PATH_MAX];

	if (paths_find(program, "nacelle-image", err) < 0)
		return -1;
	if (store_root) {
		arguments[2] = "--root";
		arguments[3] = store_root;
		arguments[4] = reference;
	}
	if (pipe2(said, O_CLOEXEC) < 0)
		return error_set(err, errno, "cannot make a pipe");
	if (pipe2(imported, O_CLOEXEC) < 0) {
		(void)error_set(err, errno, "cannot make a pipe");
		close(said[0]);
		close(said[1]);
		return -1;
	}
	result = spawn_import(importer, program, arguments, said[1], imported[1], err);
	close(said[1]);
	close(imported[1]);
	importer->said = said[0];
	importer->imported = imported[0];
	if (result < 0) {
		close(said[0]);
		close(imported[0]);
	}
	return result;
}

/* The first line that the importer said, without its name and its newline. */
static void read_reason(int fd, char reason[ERROR_TEXT_MAX])
{
	static const char prefix[] = "nacelle-image: ";
	char rest[256];
	ssize_t n = io_read_full(fd, reason, ERROR_TEXT_MAX - 1);

	reason[n > 0 ? n : 0] = '\0';
	reason[strcspn(reason, "\n")] = '\0';
	if (strncmp(reason, prefix, strlen(prefix)) == 0)
		memmove(reason, reason + strlen(prefix), strlen(reason) - strlen(prefix) + 1);
	/* A writer that is not read would wait. */
	while (io_read_full(fd, rest, sizeof(rest)) > 0)
		;
}

static int read_digest(int fd, struct digest *out, struct error *err)
{
	char text[DIGEST_TEXT_SIZE];
	ssize_t n = io_read_full(fd, text, sizeof(text));

	/* A digest and a newline, which is not a part of it. */
	if (n <= 1 || digest_parse(out, text, (size_t)n - 1, NULL) < 0)
		return error_set(err, 0, "nacelle-image did not say what it imported");
	return 0;
}

/* What was verified is what runs: the image is opened by the digest that the import reports. */
static int import(const char *reference, const char *store_root, struct digest *manifest,
		  struct error *err)
{
	char reason[ERROR_TEXT_MAX];
	struct importer importer;
	int status, result;

	if (start_import(&importer, reference, store_root, err) < 0)
		return -1;
	read_reason(importer.said, reason);
	close(importer.said);
	result = read_digest(importer.imported, manifest, err);
	close(importer.imported);
	while (waitpid(importer.pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_set(err, errno, "cannot wait for the import");
	if (WIFSIGNALED(status))
		return error_set(err, 0, "the import of %s was killed by signal %d", reference,
				 WTERMSIG(status));
	if (WEXITSTATUS(status))
		return error_set(err, 0, "%s",
				 reason[0] ? reason : "the image could not be imported");
	return result;
}

static int open_image(struct pod_image *image, const char *reference, const char *store_root,
		      struct error *err)
{
	struct digest manifest;
	struct store *store;
	int found;

	if (store_open(&store, store_root, err) < 0)
		return -1;
	found = store_find(store, reference, &image->image, err);
	if (found == 0 && import(reference, store_root, &manifest, err) == 0) {
		found = store_find_manifest(store, &manifest, &image->image, err);
		if (found == 0)
			(void)error_set(err, 0, "the image %s was removed while it was imported",
					reference);
	}
	store_close(store);
	return found == 1 ? 0 : -1;
}

int pod_image_open(struct pod_image *image, const char *reference, const char *store_root,
		   struct error *err)
{
	struct image_reference parsed;

	*image = (struct pod_image){ .directory_fd = -1, .image.fd = -1 };
	if (image_reference_parse(&parsed, reference, err) < 0)
		return -1;
	if (parsed.transport == IMAGE_ROOTFS)
		return open_directory(image, parsed.path, err);
	return open_image(image, reference, store_root, err);
}

void pod_image_close(struct pod_image *image)
{
	if (image->is_directory)
		close(image->directory_fd);
	else
		store_image_free(&image->image);
}
