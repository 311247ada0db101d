/* What every cmocka test of this room includes. */
#ifndef NACELLE_TESTS_UNIT_IMAGES_TEST_H
#define NACELLE_TESTS_UNIT_IMAGES_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#endif
