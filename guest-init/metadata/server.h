/*
 * The loop of the metadata service: connections, each with one request and its answer.
 */
#ifndef NACELLE_METADATA_SERVER_H
#define NACELLE_METADATA_SERVER_H

#include "guest-init/metadata/documents.h"
#include "guest-init/metadata/identity.h"

enum {
	SERVER_CONNECTIONS = 16, /* at once; one more ends the oldest */
	SERVER_TIME_MS = 10000,	 /* of one connection, from its beginning to its end */
};

/* Serves a listening socket that does not block. Ends the process if that fails. */
_Noreturn void server_run(int listener, const struct documents *documents,
			  struct identity *identity);

#endif
