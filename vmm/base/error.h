/*
 * The error object: a user's mistake or a host's refusal, as one sentence on its way up to the
 *front end that prints it once.
 *
 * Convention: a function that can fail takes `struct error *err` last, returns 0 (or a useful
 * non-negative value) on success and leaves err untouched, and returns -1 with err filled on
 *failure. error_set() and error_prefix() return -1, so that the error is the return expression:
 *
 *	return error_set(err, errno, "cannot open %s", path);
 *
 * Bytes from outside that end up in a message are escaped by error_set() itself.
 */
#ifndef NACELLE_BASE_ERROR_H
#define NACELLE_BASE_ERROR_H

enum { ERROR_TEXT_MAX = 1024 };

struct error {
	int code; /* an errno value, or 0 where none applies */
	char
	    text[ERROR_TEXT_MAX]; /* one sentence without a final newline; "" while there is none */
};

#define ERROR_NONE                                                                                 \
	{                                                                                          \
		.code = 0                                                                          \
	}

/*
 * Fills err with the formatted sentence, followed by ": " and the text of code if code is not 0.
 * Control characters, those that change the direction of a line, and bytes that are not UTF-8 are
 * replaced by '?' in the result. err may be NULL. Returns -1.
 */
int error_set(struct error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts the formatted context and ": " in front of what err says. Returns -1. */
int error_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
