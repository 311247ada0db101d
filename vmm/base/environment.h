/*
 * The environment of a program that decides something: names that are known to say nothing about
 * what it loads or trusts. A dynamic linker or a library that can be told by a variable to load a
 * file (LD_PRELOAD, OPENSSL_CONF, ...) would do what the variable's author wants.
 */
#ifndef NACELLE_BASE_ENVIRONMENT_H
#define NACELLE_BASE_ENVIRONMENT_H

/*
 * The variables of environ that may be handed on, as an array that ends with a NULL. The strings
 * are environ's. Returns NULL when there is no memory; the caller frees the array.
 */
char **environment_clean(void);

#endif
