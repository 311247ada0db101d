/*
 * The image of a run, and whether it may run. Importing and deciding are another program's, which
 * holds the libraries that images need; a verdict that was kept spares the question.
 */
#include "vmm/pod/image.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/verdict.h"
#include "vmm/base/cleanup.h"
#include "vmm/pod/image_program.h"

enum { ARGUMENTS_MAX = 12 };

/* Runs "nacelle-image VERB [--root ROOT] ARGUMENT..." for the first line that it prints. */
static int ask(const char *verb, const char *store_root, const char *const *more,
	       char line[IMAGE_PROGRAM_LINE_MAX], struct error *err)
{
	const char *arguments[ARGUMENTS_MAX] = { "nacelle-image", verb };
	size_t count = 2;

	if (store_root) {
		arguments[count++] = "--root";
		arguments[count++] = store_root;
	}
	for (size_t i = 0; more[i]; i++)
		arguments[count++] = more[i];
	return image_program_run(arguments, line, err);
}

static char *name_directory(int fd, struct error *err)
{
	char link[40], path[PATH_MAX], *text;
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path));
	if (n >= 0 && asprintf(&text, "rootfs:%.*s", (int)n, path) >= 0)
		return text;
	(void)error_set(err, errno, "cannot find the path of the root directory");
	return NULL;
}

/*
 * A directory has no digest, so its policy is asked each time, by the name of what was opened; what
 * stands at that name by then must not be looked at.
 */
static int check_directory(const char *reference, const char *store_root, struct error *err)
{
	const char *const arguments[] = { "--quiet", "--name", reference, "--", reference, NULL };
	char line[IMAGE_PROGRAM_LINE_MAX];
	int any = policy_exists(err);

	return any <= 0 ? any : ask("verify", store_root, arguments, line, err);
}

int pod_image_open_directory(struct pod_image *image, const char *path, enum image_links links,
			     struct error *err)
{
	int nofollow = links == IMAGE_LINKS_NOT_LAST ? O_NOFOLLOW : 0;
	_cleanup_fd_ int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC | nofollow);
	char *name;

	*image = (struct pod_image){ .directory_fd = -1, .image.fd = -1 };
	if (fd < 0)
		return error_set(err, errno, "cannot open the root directory %s", path);
	name = name_directory(fd, err);
	if (!name)
		return -1;
	if (links == IMAGE_LINKS_NONE && strcmp(name + strlen("rootfs:"), path) != 0) {
		free(name);
		return error_set(err, 0, "the root directory %s is now reached by a symbolic link",
				 path);
	}
	image->is_directory = true;
	image->directory_fd = steal_fd(&fd);
	image->directory = name;
	return 0;
}

static int open_directory(struct pod_image *image, const char *path, enum image_links links,
			  const char *store_root, struct error *err)
{
	if (pod_image_open_directory(image, path, links, err) < 0)
		return -1;
	if (check_directory(image->directory, store_root, err) == 0)
		return 0;
	pod_image_close(image);
	return -1;
}

/* What the import prints is what it has put into the store. */
static int import_image(struct store *store, struct store_image *image, const char *reference,
			const char *store_root, struct error *err)
{
	static const char number[] = { '0' + IMAGE_PROGRAM_TERMINAL, '\0' };
	const char *const arguments[] = { "--", reference, NULL };
	const char *const on_terminal[] = { "--progress-fd", number, "--", reference, NULL };
	char line[IMAGE_PROGRAM_LINE_MAX];
	struct digest manifest;
	int found;

	if (ask("import", store_root, isatty(STDERR_FILENO) ? on_terminal : arguments, line, err) <
		0 ||
	    digest_parse(&manifest, line, strlen(line), err) < 0)
		return -1;
	found = store_find_imported(store, reference, &manifest, image, err);
	if (found == 0)
		return error_set(err, 0, "the image %s changed while it was imported", reference);
	return found < 0 ? -1 : 0;
}

static int find_image(struct store *store, struct store_image *image, const char *reference,
		      const char *store_root, struct error *err)
{
	int found;

	if (store_is_digest(reference))
		return store_find_digest(store, reference, image, err);
	found = store_find(store, reference, image, err);
	if (found)
		return found < 0 ? -1 : 0;
	return import_image(store, image, reference, store_root, err);
}

/* What is open is asked about by its digest and its name: nothing is looked up again. */
static int check_image(struct store *store, const struct store_image *image, const char *store_root,
		       struct error *err)
{
	const char *const arguments[] = {
		"--quiet", "--name", image->name, "--", image->manifest_digest, NULL
	};
	char line[IMAGE_PROGRAM_LINE_MAX];
	struct digest manifest;
	int accepted;

	if (digest_parse(&manifest, image->manifest_digest, strlen(image->manifest_digest), err) <
	    0)
		return -1;
	accepted = verdict_find(store, image->name, &manifest, err);
	if (accepted)
		return accepted < 0 ? -1 : 0;
	return ask("verify", store_root, arguments, line, err);
}

/*
 * An App Container Image can be made anew, with other dependencies, under the same id. Who was
 * asked about it by its id may then have judged others than those that are open.
 */
static int check_same(struct store *store, const struct store_image *image, struct error *err)
{
	struct stat opened = { 0 }, judged = { 0 };
	struct store_image now;
	struct digest manifest;
	int found;
	bool same;

	if (!image->is_aci)
		return 0;
	if (digest_parse(&manifest, image->manifest_digest, strlen(image->manifest_digest), err) <
	    0)
		return -1;
	found = store_find_manifest(store, &manifest, &now, err);
	if (found < 0)
		return -1;
	same = found > 0 && fstat(image->fd, &opened) == 0 && fstat(now.fd, &judged) == 0 &&
	       opened.st_dev == judged.st_dev && opened.st_ino == judged.st_ino;
	if (found > 0)
		store_image_free(&now);
	return same ? 0
		    : error_set(err, 0, "the image %s was replaced while a policy was asked",
				image->manifest_digest);
}

/* A record of an earlier version lacks what the image says about running it. */
static int refresh(struct store *store, struct store_image *image, const char *store_root,
		   struct error *err)
{
	const char *const arguments[] = { "--", image->manifest_digest, NULL };
	char line[IMAGE_PROGRAM_LINE_MAX];
	struct store_image now;
	struct digest manifest;
	int found;

	if (!image->is_old)
		return 0;
	if (ask("refresh", store_root, arguments, line, err) < 0 ||
	    digest_parse(&manifest, image->manifest_digest, strlen(image->manifest_digest), err) <
		0)
		return -1;
	found = store_find_manifest(store, &manifest, &now, err);
	if (found <= 0)
		return found < 0
			   ? -1
			   : error_set(err, 0, "the image %s has vanished", image->manifest_digest);
	free(now.name);
	now.name = steal_ptr(image->name);
	store_image_free(image);
	*image = now;
	return 0;
}

static int open_image(struct pod_image *image, const char *reference, const char *store_root,
		      struct error *err)
{
	struct store *store;
	int result;

	if (store_open(&store, store_root, err) < 0)
		return -1;
	result = find_image(store, &image->image, reference, store_root, err);
	if (result == 0 && (refresh(store, &image->image, store_root, err) < 0 ||
			    check_image(store, &image->image, store_root, err) < 0 ||
			    check_same(store, &image->image, err) < 0)) {
		store_image_free(&image->image);
		result = -1;
	}
	store_close(store);
	return result;
}

int pod_image_open(struct pod_image *image, const char *reference, enum image_links links,
		   const char *store_root, struct error *err)
{
	struct image_reference parsed;

	*image = (struct pod_image){ .directory_fd = -1, .image.fd = -1 };
	if (!store_is_digest(reference)) {
		if (image_reference_parse(&parsed, reference, err) < 0)
			return -1;
		if (parsed.transport == IMAGE_ROOTFS)
			return open_directory(image, parsed.path, links, store_root, err);
	}
	return open_image(image, reference, store_root, err);
}

static int find_pinned(struct store *store, struct store_image *image, const char *digest,
		       const char *name, struct error *err)
{
	struct digest manifest;
	char *copy;
	int found;

	if (digest_parse(&manifest, digest, strlen(digest), err) < 0)
		return -1;
	found = store_find_manifest(store, &manifest, image, err);
	if (found <= 0)
		return found < 0
			   ? -1
			   : error_set(err, 0, "the pod's image %s is not in the store any more",
				       digest);
	copy = strdup(name);
	if (!copy) {
		store_image_free(image);
		return error_set(err, ENOMEM, "cannot open the pod's image");
	}
	free(image->name);
	image->name = copy;
	return 0;
}

int pod_image_open_pinned(struct pod_image *image, const char *digest, const char *name,
			  const char *store_root, struct error *err)
{
	struct store *store;
	int result;

	*image = (struct pod_image){ .directory_fd = -1, .image.fd = -1 };
	if (store_open(&store, store_root, err) < 0)
		return -1;
	result = find_pinned(store, &image->image, digest, name, err);
	if (result == 0 && (check_image(store, &image->image, store_root, err) < 0 ||
			    check_same(store, &image->image, err) < 0)) {
		store_image_free(&image->image);
		result = -1;
	}
	store_close(store);
	return result;
}

void pod_image_close(struct pod_image *image)
{
	if (image->is_directory) {
		close(image->directory_fd);
		free(image->directory);
	} else {
		store_image_free(&image->image);
	}
}
