/*
 * Reading certificates. They are parsed where they are used, by OpenSSL in the fetching process.
 */
#include "images/certs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

enum { CERTS_MAX = 4 * 1024 * 1024 };

/* Where distributions keep the certificate authorities. */
static const char *const bundles[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/ssl/cert.pem",
};

/* Appends a file, which may be reached over links, and a newline. */
static int append(int dir_fd, const char *name, char **to, size_t *len, struct error *err)
{
	_cleanup_fd_ int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	char *grown;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, errno, "cannot read the certificate file %s", name);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > CERTS_MAX - *len)
		return error_set(err, 0, "%s is no file of certificates", name);
	grown = realloc(*to, *len + (size_t)st.st_size + 2);
	if (!grown)
		return error_set(err, ENOMEM, "cannot read the certificate file %s", name);
	*to = grown;
	n = io_read_full(fd, grown + *len, (size_t)st.st_size);
	if (n < 0)
		return error_set(err, errno, "cannot read the certificate file %s", name);
	*len += (size_t)n;
	grown[(*len)++] = '\n';
	grown[*len] = '\0';
	return 0;
}

static int read_bundle(struct certs *certs, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(bundles); i++) {
		if (access(bundles[i], R_OK) == 0)
			return append(AT_FDCWD, bundles[i], &certs->ca, &certs->ca_len, err);
	}
	return 0;
}

static bool ends_with(const char *name, const char *end)
{
	size_t len = strlen(name), end_len = strlen(end);

	return len > end_len && strcmp(name + len - end_len, end) == 0;
}

static int read_pair(struct certs *certs, int dir_fd, const char *name, struct error *err)
{
	char key[NAME_MAX + 1];

	if (certs->cert)
		return error_set(err, 0, "there is more than one client certificate");
	(void)snprintf(key, sizeof(key), "%.*s.key", (int)(strlen(name) - strlen(".cert")), name);
	if (append(dir_fd, name, &certs->cert, &certs->cert_len, err) < 0)
		return -1;
	return append(dir_fd, key, &certs->key, &certs->key_len, err);
}

static int read_directory(struct certs *certs, int fd, struct error *err)
{
	_cleanup_dir_ DIR *dir = fdopendir(fd);
	const struct dirent *entry;

	if (!dir) {
		int saved = errno;

		close(fd);
		return error_set(err, saved, "cannot read a directory of certificates");
	}
	while (errno = 0, entry = readdir(dir)) {
		int result = 0;

		if (ends_with(entry->d_name, ".crt"))
			result = append(dirfd(dir), entry->d_name, &certs->ca, &certs->ca_len, err);
		else if (ends_with(entry->d_name, ".cert"))
			result = read_pair(certs, dirfd(dir), entry->d_name, err);
		if (result < 0)
			return -1;
	}
	return errno ? error_set(err, errno, "cannot read a directory of certificates") : 0;
}

/* The directory for a host in one of the usual places; false when there is no such place. */
static bool usual_path(size_t place, const char *host, char path[PATH_MAX])
{
	static const char *const places[] = { NULL, "/etc/containers/certs.d",
					      "/etc/docker/certs.d" };
	const char *home = getenv("HOME");
	int len;

	if (places[place])
		len = snprintf(path, PATH_MAX, "%s/%s", places[place], host);
	else if (geteuid() == 0 || !home || home[0] != '/')
		return false;
	else
		len = snprintf(path, PATH_MAX, "%s/.config/containers/certs.d/%s", home, host);
	return len > 0 && len < PATH_MAX;
}

static int read_for_host(struct certs *certs, const char *directory, const char *host,
			 struct error *err)
{
	char path[PATH_MAX];
	int fd;

	for (size_t place = 0; !directory && place < 3; place++) {
		if (usual_path(place, host, path) && access(path, F_OK) == 0)
			directory = path;
	}
	if (!directory)
		return 0;
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "cannot open the directory of certificates %s",
				 directory);
	if (read_directory(certs, fd, err) < 0)
		return error_prefix(err, "cannot use the certificates in %s", directory);
	return 0;
}

int certs_read(struct certs *certs, const char *directory, const char *host, struct error *err)
{
	*certs = (struct certs){ 0 };
	if (read_bundle(certs, err) == 0 && read_for_host(certs, directory, host, err) == 0)
		return 0;
	certs_free(certs);
	return -1;
}

void certs_free(struct certs *certs)
{
	if (certs->key)
		explicit_bzero(certs->key, certs->key_len);
	free(certs->ca);
	free(certs->cert);
	free(certs->key);
	*certs = (struct certs){ 0 };
}
