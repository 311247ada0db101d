/*
 * Capabilities of an app: from names in options and isolators to a mask.
 */
#ifndef NACELLE_POD_CAPABILITIES_H
#define NACELLE_POD_CAPABILITIES_H

#include <stdbool.h>
#include <stdint.h>

#include "images/image_config.h"
#include "vmm/base/error.h"
#include "vmm/pod/run.h"

/* What container engines grant by default. */
uint64_t capabilities_default(void);

/*
 * Retain and remove sets of the options go before those of the isolators; --cap-drop and then
 * --cap-add change what is left. Returns 0 with *mask of CAP_* filled, or -1 with err filled.
 */
int capabilities_settle(const struct app_options *options, const struct image_isolators *isolators,
			uint64_t *mask, struct error *err);

/* Whether it is the name of a capability, with CAP_ and in that case. */
bool capability_is_known(const char *name);

/* The name with CAP_, or NULL. */
const char *capability_name(unsigned capability);

#endif
