/*
 * What the logger and one who has attached say to each other: packets of a SOCK_SEQPACKET socket,
 * each with this header and the bytes of the app behind it. Of this machine, of one build.
 */
#ifndef NACELLE_POD_ATTACH_PACKET_H
#define NACELLE_POD_ATTACH_PACKET_H

#include <stdint.h>

enum attach_kind {
	ATTACH_STDOUT = 1, /* to who attached: output of the app, also of its terminal */
	ATTACH_STDERR,
	ATTACH_LOST,  /* to who attached, who was too slow: how many bytes there were, a uint64_t */
	ATTACH_STDIN, /* from who attached */
};

enum { ATTACH_DATA_MAX = 32768 };

struct attach_packet {
	uint32_t kind;
	uint32_t zero;
	uint8_t data[ATTACH_DATA_MAX];
};

enum { ATTACH_HEADER_BYTES = 8 };

#endif
