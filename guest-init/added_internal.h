/*
 * One slot of added.c, for its files: from FRAME_ADD until its exit has been told.
 */
#ifndef NACELLE_GUEST_INIT_ADDED_INTERNAL_H
#define NACELLE_GUEST_INIT_ADDED_INTERNAL_H

#include "guest-init/added.h"
#include "guest-init/question.h"

struct added_process {
	uint32_t record_port;
	uint64_t number;  /* they come one after the other */
	struct app *home; /* whose namespaces it gets; NULL of a member */
	bool member;	  /* it is a container */
	bool running;	  /* app is in use; until then the record is awaited */
	/* Reserved, then connected: for the record, -1 when it is there; for streams, until used */
	int sockets[NACELLE_PORTS_ADDED];
	bool connected;
	size_t poll_at; /* where its entries are; SIZE_MAX: it has none yet */
	uint8_t *bytes;
	size_t len, size;
	struct record_app own;	  /* as the record says; of a question, what it asks for */
	struct record_app config; /* of a process: with all that is its app's */
	const char **env;
	struct answer answer; /* of a question, once it is there */
	int *answers_to;      /* which of sockets takes it */
	bool changes;	      /* limits: it waits for its turn, or for the process that does it */
	int freezing;	      /* a watch: it is answered when home is frozen; else -1 */
	struct app app;
};

/* What has gone wrong with a connection that is being made; 0: nothing. */
int added_socket_error(int socket);

/* Takes what has come of the record. 1 when it is whole, 0 if more is to come, -1 with errno set.
 */
int added_read_record(struct added_process *p, short events);

/*
 * The record is awaited, then what it asks for is begun, as soon as that can be; events: of the
 * connection. Returns as added_step().
 */
int added_step_record(struct added *added, struct added_process *p, short events,
		      struct error *err);

/* The record of a process: all that it does not say is the app's. -1 with errno set. */
int added_settle(struct added_process *p);

/*
 * The end of a slot: it could not even be tried, or what this process itself was to do is done.
 * Return as added_step().
 */
int added_give_up(struct added *added, struct added_process *p, int code, struct error *err);
int added_end_done(struct added *added, struct added_process *p, struct error *err);

/*
 * added_question.c: what is asked of this process; whether that has begun and is not done; the next
 * step of it, with what poll() said; and the end of the process that changes limits.
 */
int added_take_networks(struct added *added, struct added_process *p, struct error *err);
int added_take_question(struct added *added, struct added_process *p, int question,
			const struct record_app *asked, struct error *err);
bool added_is_asked(const struct added_process *p);
int added_step_question(struct added *added, struct added_process *p, short events,
			struct error *err);
int added_end_change(struct added *added, int wait_status, struct error *err);

/* The record of a member. -1 with errno set. */
int member_settle(struct added_process *p);

/* Starts a member; streams as those of app_join(). Returns 0, or -1 with err filled. */
int member_start(struct added_process *p, const int streams[APP_STREAMS], struct error *err);

/* What a member leaves in the guest is taken away. */
void member_remove(const struct added_process *p);

#endif
