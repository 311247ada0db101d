/*
 * What the files of an app share.
 */
#ifndef NACELLE_GUEST_INIT_APP_INTERNAL_H
#define NACELLE_GUEST_INIT_APP_INTERNAL_H

#include "guest-init/app.h"

/* It runs: it gets the signals that came before. */
void app_send_held_signals(struct app *app);

/*
 * What came while it starts ends it: SIGKILL at once, whatever keeps it; if it is held, all that
 * may, since there is no program yet that could wish for anything else.
 */
void app_end_held(struct app *app);

#endif
