/* What every unit test of this room includes first: cmocka wants these headers before its own. */
#ifndef NACELLE_TESTS_VIRTIO_TEST_H
#define NACELLE_TESTS_VIRTIO_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#endif
