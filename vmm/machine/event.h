/*
 * What the machine tells the supervisor: records of one fixed size, made from the guest's control
 * frames after they have been checked. They are all that leaves the jail besides the opaque bytes
 * of streams; the supervisor may rely on the ranges written here, and checks them nevertheless.
 */
#ifndef NACELLE_MACHINE_EVENT_H
#define NACELLE_MACHINE_EVENT_H

#include <assert.h>
#include <stdint.h>

enum machine_event_type {
	MACHINE_EVENT_HELLO = 1,      /* guest-init is there; code: its minor protocol version */
	MACHINE_EVENT_APP_START,      /* app; code: its pid in the guest */
	MACHINE_EVENT_APP_EXIT,	      /* app, kind and so on as in struct frame_app_exit */
	MACHINE_EVENT_APP_RESTART,    /* the same; it will start again. Some may be left out */
	MACHINE_EVENT_APP_HELD,	      /* app; code: as APP_START. It waits for its start */
	MACHINE_EVENT_POD_EXIT,	      /* kind, code as in struct frame_pod_exit; the last event */
	MACHINE_EVENT_PROTOCOL_ERROR, /* code: enum control_fault; the last event */
};

/* Why the control connection ended without POD_EXIT. */
enum control_fault {
	CONTROL_FAULT_CLOSED = 1, /* by the guest */
	CONTROL_FAULT_NO_HELLO,	  /* another frame came first, or a second HELLO */
	CONTROL_FAULT_VERSION,	  /* the guest's major version is not ours */
	CONTROL_FAULT_FRAME,	  /* a type that does not exist, or a wrong length */
	CONTROL_FAULT_CONTENT,	  /* a value out of its range */
	CONTROL_FAULT_ORDER,	  /* an app that starts or exits twice, or never started */
};

struct machine_event {
	uint32_t type;
	uint32_t app;
	uint32_t kind; /* enum exit_kind of guest-init/protocol.h */
	uint32_t code;
	uint32_t flags; /* EXIT_FLAG_* */
	uint32_t count; /* APP_RESTART: how many there have been of this app */
	uint8_t step;	/* enum start_step of guest-init/protocol.h */
	uint8_t hook;
	uint16_t error;
};
static_assert(sizeof(struct machine_event) == 28, "machine event");

#endif
