/*
 * Images that prepared pods need: each such pod has an empty file images/DIGEST in its directory,
 * pods/v1/prepare/UUID or pods/v1/prepared/UUID beside the store, DIGEST being that of a manifest
 * with a dash for its colon. When the pod is removed or run, its directory is not there any more.
 *
 * Whoever pins holds the store's lock, shared, from before he opens the image until it is pinned;
 * whoever collects holds it alone.
 */
#ifndef NACELLE_IMAGES_PINS_H
#define NACELLE_IMAGES_PINS_H

#include <stdbool.h>

#include "images/store.h"
#include "images/string_list.h"

#define PINS_DIR "images"

/* The name of the file for an image. */
void pin_name(char name[DIGEST_TEXT_SIZE], const struct digest *manifest);

/* All that are pinned, by name. Returns 0, or -1 with err filled. */
int pins_read(const struct store *store, struct string_list *out, struct error *err);

bool pins_have(const struct string_list *pins, const struct digest *manifest);

#endif
