/*
 * What nacelle is told of a CNI network's result, in flat fields (images/fields.h).
 */
#ifndef NACELLE_POD_CNI_RECORD_H
#define NACELLE_POD_CNI_RECORD_H

#define CNI_RECORD_MAGIC "nacelle-network1"

enum { CNI_RECORD_MAX = 64 * 1024 };

/* The most interfaces that a pod has, and the names that they have in its namespace. */
enum { CNI_INTERFACES_MAX = 4 };

#endif
