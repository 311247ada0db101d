/*
 * Ctrl-P Ctrl-Q, typed at a terminal whose keys go to an app: they end the attachment instead.
 */
#ifndef NACELLE_POD_DETACH_KEYS_H
#define NACELLE_POD_DETACH_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct detach_keys {
	bool is_held; /* a Ctrl-P waits for what comes next */
};

enum { DETACH_KEYS_HELD_MAX = 1 };

/*
 * Takes the keys out of *len bytes; data has room for DETACH_KEYS_HELD_MAX more. A Ctrl-P at the
 * end is held back until the next call. Returns false if the keys have been met; what was typed in
 * front of them is then in data.
 */
bool detach_keys_filter(struct detach_keys *keys, uint8_t *data, size_t *len);

#endif
