/*
 * The keys that detach, in a stream of them that may be cut anywhere.
 */
#include "vmm/pod/detach_keys.h"

#include <string.h>

enum { CTRL_P = 0x10, CTRL_Q = 0x11 };

bool detach_keys_filter(struct detach_keys *keys, uint8_t *data, size_t *len)
{
	if (keys->is_held) {
		memmove(data + 1, data, *len);
		data[0] = CTRL_P;
		*len += 1;
		keys->is_held = false;
	}
	for (size_t i = 0; i + 1 < *len; i++) {
		if (data[i] == CTRL_P && data[i + 1] == CTRL_Q) {
			*len = i;
			return false;
		}
	}
	if (*len && data[*len - 1] == CTRL_P) {
		keys->is_held = true;
		*len -= 1;
	}
	return true;
}
