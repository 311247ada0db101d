/*
 * Texts whose bytes somebody else chose.
 */
#ifndef NACELLE_BASE_TEXT_H
#define NACELLE_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/*
 * The length of the UTF-8 character (RFC 3629) at a text that ends with a NUL, with its number in
 * *code; 0 where the bytes are none.
 */
size_t text_decode(const char *text, uint32_t *code);

/*
 * Replaces control characters, those that change the direction of a line, and bytes that are not
 * UTF-8 by '?', so that the text can neither steer a terminal nor mislead its reader.
 */
void text_clean(char *text);

#endif
