/*
 * Pod manifests: read by nacelle-image, whose flat fields are checked here, and turned into the
 * options that a command line would give.
 */
#ifndef NACELLE_POD_MANIFEST_H
#define NACELLE_POD_MANIFEST_H

#include "images/pod_manifest.h"
#include "vmm/base/error.h"
#include "vmm/pod/keep.h"
#include "vmm/pod/run.h"

/*
 * Reads a file. Apps without a section get that of their image, app_roots/APP/manifest, unless
 * app_roots is NULL. Returns 0, or -1 with err naming the file and the place in it.
 */
int manifest_load(struct pod_manifest *manifest, const char *file, const char *app_roots,
		  struct error *err);

/*
 * Opens app_roots/APP/manifest, a file that no link leads to: an image may have unpacked there
 * what it likes. Returns a descriptor, or -1 with err filled.
 */
int manifest_open_section(const struct manifest_app *app, const char *app_roots, struct error *err);

/*
 * The options of a pod as everything after this sees them: of a manifest (NULL: none) one app each,
 * with what its annotations say where the command line says nothing; variables of --env-file are
 * among env. *options begins as the command line's. What is made is kept.
 *
 * Annotations of an app: nacelle/restart, stop-signal, pids-limit, init, tty, stdin, stdout,
 * stderr, seccomp, oom-score-adj, ulimit, and those of rkt, coreos.com/rkt/stage2/stdin, stdout,
 * stderr. Of the pod: nacelle/memory, cpus, hostname.
 */
int manifest_settle_options(struct run_options *options, const struct pod_manifest *manifest,
			    struct keep *keep, struct error *err);

#endif
