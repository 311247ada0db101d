/*
 * hostname, hosts and resolv.conf. The image chose what lies in its /etc: links are followed inside
 * its root alone, and one that leads nowhere is replaced.
 */
#include "guest-init/etc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-init/inside.h"
#include "guest-init/mount_api.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

static const char *const names[ETC_FILES] = { "hostname", "hosts", "resolv.conf" };

static int write_file(const char *name, const char *text, const char *end, struct error *err)
{
	_cleanup_fd_ int fd = -1;
	char path[32];

	if (!text)
		return 0;
	(void)snprintf(path, sizeof(path), "/%s", name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || fchmod(fd, 0644) < 0 || io_write_all(fd, text, strlen(text)) < 0 ||
	    io_write_all(fd, end, strlen(end)) < 0)
		return error_set(err, errno, "cannot write the pod's %s", name);
	return 0;
}

int etc_write(const struct record *record, struct error *err)
{
	if (write_file(names[0], record->hostname, "\n", err) < 0 ||
	    write_file(names[1], record->hosts, "", err) < 0)
		return -1;
	return write_file(names[2], record->resolv_conf, "", err);
}

void etc_open(int files[ETC_FILES])
{
	for (unsigned i = 0; i < ETC_FILES; i++) {
		char path[32];

		(void)snprintf(path, sizeof(path), "/%s", names[i]);
		files[i] = mount_clone(AT_FDCWD, path);
	}
}

/* Opens /etc/NAME to be mounted on, made if it may be. Returns -1 if there is no place for it. */
static int open_target(int root, const char *name, bool make)
{
	struct error ignored = ERROR_NONE;
	_cleanup_fd_ int directory = -1;
	_cleanup_fd_ int made = -1;
	char path[32];
	int fd;

	(void)snprintf(path, sizeof(path), "/etc/%s", name);
	fd = inside_open(root, path, O_PATH);
	if (fd >= 0 || !make || errno != ENOENT)
		return fd;
	directory = inside_make(root, "/etc", true, &ignored);
	if (directory < 0)
		return -1;
	(void)unlinkat(directory, name, 0);
	made = openat(directory, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
	return made < 0 ? -1 : inside_open(root, path, O_PATH);
}

int etc_mount(int files[ETC_FILES], bool make, bool read_only, struct error *err)
{
	_cleanup_fd_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (unsigned i = 0; i < ETC_FILES; i++) {
		_cleanup_fd_ int file = steal_fd(&files[i]);
		_cleanup_fd_ int target = -1;
		struct stat st;

		if (file < 0)
			continue;
		target = open_target(root, names[i], make);
		if (target < 0 || fstat(target, &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		if ((read_only && mount_read_only(file, "", false) < 0) ||
		    mount_attach(file, target) < 0)
			return error_set(err, errno, "cannot mount /etc/%s", names[i]);
	}
	return 0;
}
