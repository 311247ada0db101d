/*
 * What slows the starts of pods on this host, and what an administrator can do about it.
 */
#ifndef NACELLE_POD_HOST_SPEED_H
#define NACELLE_POD_HOST_SPEED_H

#include <stdbool.h>

enum { HOST_SPEED_TEXT_MAX = 320 };

/* One thing that was looked at: a sentence, with what it costs where that can be measured. */
struct host_speed {
	bool is_slow;
	char text[HOST_SPEED_TEXT_MAX];
};

/* Told of each, in order. */
typedef void host_speed_say(void *context, const struct host_speed *found);

/*
 * Looks at the files of /proc and /sys below root ("" for the host's own; a test has others).
 * Nothing is said of what a host does not have.
 */
void host_speed_look(const char *root, host_speed_say *say, void *context);

/*
 * Times what a start asks the host for: a VM of KVM, and memory in small and in huge pages. kvm_fd
 * is /dev/kvm.
 */
void host_speed_measure(int kvm_fd, host_speed_say *say, void *context);

#endif
