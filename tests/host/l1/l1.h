/*
 * The first program of an emulated host (L1): what its files share.
 *
 * It is PID 1 from the initramfs to the end: loads what the root needs, mounts the root and the
 * usual file systems, runs the one command and reports how that ended. It trusts its settings,
 * which tests/host/run wrote, and no one else is there. Whatever goes wrong before the command
 * starts ends in die(): a line on the host's console, which tests/host/run prints, and power off.
 */
#ifndef NACELLE_TESTS_HOST_L1_H
#define NACELLE_TESTS_HOST_L1_H

#include <stddef.h>
#include <stdio.h>

#define LIST_MAX 256

/* From /l1/settings: records "name=value", each ended by a NUL byte. Strings point into one buffer.
 */
struct settings {
	const char *host;	   /* svm, count, vtx */
	const char *root;	   /* "9p": the other side's /; "tmpfs": busybox alone */
	const char *release;	   /* of this kernel */
	const char *modules;	   /* its module tree below the root, or "" */
	const char *streams;	   /* "virtio": ports; "serial": frames on /dev/ttyS1 */
	const char *directory;	   /* for the command; / if it is not there */
	char *shares[LIST_MAX];	   /* TAG:ro|rw:TARGET */
	char *files[LIST_MAX];	   /* TARGET of /files/INDEX */
	char *variables[LIST_MAX]; /* the command's environment */
	char *arguments[LIST_MAX]; /* and its arguments; each list ends with NULL */
};

/* settings.c */
void settings_read(struct settings *settings, const char *path);

/* root.c: everything up to being in the final root, machine set up. */
void root_enter(const struct settings *settings);

/* streams.c: where the command's output goes. */
void streams_open(const struct settings *settings);
/* Relays between the streams and these pipe ends, each in a thread of its own. */
void streams_relay(int input_fd, int output_fd, int error_fd);
/* Says that the command begins now, where there is a stream for that. */
void streams_begin(void);
/* Waits until output and errors are relayed to their end, then reports the exit status. */
void streams_finish(int status);

/* init.c */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
void write_text(const char *path, const char *text);
void write_all(int fd, const void *data, size_t len_bytes);

#endif
