/*
 * One stream of an app: a connection to the host on one side, a pipe or a terminal on the other.
 *
 * The caller polls: stream_wants() says for what, stream_step() does what can be done without
 * waiting. Each direction has a buffer of its own, and its source is read only when the buffer is
 * empty; so a reader that stalls stalls its own stream and nothing else.
 */
#ifndef NACELLE_GUEST_INIT_STREAMS_H
#define NACELLE_GUEST_INIT_STREAMS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FLOW_SIZE = 65536, STREAM_POLLFDS = 3 };

/* One direction. */
struct flow {
	size_t start, end; /* what of data is still to be handed over */
	bool ended;	   /* nothing more will be read from its source */
	uint8_t data[FLOW_SIZE];
};

struct stream {
	int socket;	 /* -1: closed, or never asked for */
	int sink;	 /* the app's input: pipe or terminal; -1: none (any more) */
	int source;	 /* the app's output; a terminal is sink and source at once */
	bool connected;	 /* the socket is */
	bool shut;	 /* all output has been handed over, and its end */
	bool host_ended; /* the host sends no more */
	bool app_ended;	 /* no app is left that could write */
	struct flow to_app, to_host;
};

/*
 * Fills a stream that is all zero bytes and takes ownership of the descriptors, which are
 * non-blocking; -1 where there is none.
 */
void stream_open(struct stream *stream, int socket, int sink, int source);

/* Fills STREAM_POLLFDS entries for poll(). */
void stream_wants(const struct stream *stream, struct pollfd fds[STREAM_POLLFDS]);

/*
 * Moves what can be moved after poll() filled the entries. Returns 0, or -1 with errno set if the
 * connection to the host could not be made. All other ends of either side are dealt with here.
 */
int stream_step(struct stream *stream, const struct pollfd fds[STREAM_POLLFDS]);

/* The app has ended: what it left in the pipe is still handed over, then the stream ends. */
void stream_app_ended(struct stream *stream);

/* True if nothing is left to hand over to the host. */
bool stream_is_done(const struct stream *stream);

/* Closes everything. */
void stream_close(struct stream *stream);

#endif
