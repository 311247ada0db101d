/*
 * Host name, loopback, networks.
 */
#include "guest-init/system.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-init/etc.h"
#include "guest-init/net.h"
#include "guest-init/platform.h"
#include "vmm/base/cleanup.h"

/* The kernel gives 127.0.0.1 and ::1 to a loopback interface that comes up. */
static int loopback_up(struct error *err)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return error_set(err, errno, "cannot bring the loopback interface up");
	return 0;
}

int system_proc(struct error *err)
{
	if ((mkdir("/proc", 0555) < 0 && errno != EEXIST) ||
	    (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 &&
	     errno != EBUSY))
		return error_set(err, errno, "cannot mount /proc");
	return 0;
}

/* "net.ipv4.ip_forward=1", or with slashes, as sysctl(8) takes them. */
static int set_sysctl(const char *setting, struct error *err)
{
	size_t len = strcspn(setting, "=");
	const char *value = setting + len + 1;
	_cleanup_fd_ int fd = -1;
	char path[256];
	int n = snprintf(path, sizeof(path), "/proc/sys/%.*s", (int)len, setting);

	if (n < 0 || (size_t)n >= sizeof(path))
		return error_set(err, ENAMETOOLONG, "cannot set the sysctl %s", setting);
	for (char *at = path; !memchr(setting, '/', len) && *at; at++) {
		if (*at == '.')
			*at = '/';
	}
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		return error_set(err, errno, "cannot set the sysctl %s", setting);
	return 0;
}

static int set_sysctls(const struct record *record, struct error *err)
{
	if (record->sysctls[0] && system_proc(err) < 0)
		return -1;
	for (const char **setting = record->sysctls; *setting; setting++) {
		if (set_sysctl(*setting, err) < 0)
			return -1;
	}
	return 0;
}

/* Another value than the kernel's own is somebody's wish. */
static void change_default(const char *path, const char *from, const char *to)
{
	_cleanup_fd_ int fd = open(path, O_RDWR | O_CLOEXEC);
	char value[16];
	ssize_t n = fd < 0 ? -1 : read(fd, value, sizeof(value));

	if (n > 0 && (size_t)n == strlen(from) && memcmp(value, from, (size_t)n) == 0)
		(void)!pwrite(fd, to, strlen(to), 0);
}

void system_calm(void)
{
	static bool is_done;
	struct error err = ERROR_NONE;

	if (is_done || system_proc(&err) < 0)
		return;
	is_done = true;
	change_default("/proc/sys/vm/compaction_proactiveness", "20\n", "0");
	change_default("/proc/sys/vm/stat_interval", "1\n", "15");
	platform_late_devices();
}

int system_prepare(const struct record *record, struct error *err)
{
	if (record->hostname && sethostname(record->hostname, strlen(record->hostname)) < 0)
		return error_set(err, errno, "cannot set the host name \"%s\"", record->hostname);
	if (loopback_up(err) < 0 || net_configure(record, err) < 0 || etc_write(record, err) < 0 ||
	    set_sysctls(record, err) < 0)
		return -1;
	return 0;
}
