/*
 * Signals as people and images name them.
 */
#ifndef NACELLE_BASE_SIGNAL_TEXT_H
#define NACELLE_BASE_SIGNAL_TEXT_H

enum { SIGNAL_TEXT_MAX = 64 };

/* A number, or a name with or without SIG, or SIGRTMIN+n and SIGRTMAX-n. 0: there is none such. */
int signal_text_number(const char *text);

#endif
