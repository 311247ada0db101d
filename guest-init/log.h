/*
 * Lines for whoever looks at the guest's console: the kernel's log.
 */
#ifndef NACELLE_GUEST_INIT_LOG_H
#define NACELLE_GUEST_INIT_LOG_H

/* Writes "nacelle: ", the text and a newline to /dev/kmsg, as an error. */
void log_error(const char *text);

#endif
