/*
 * The decision whether an image may be used: one way for import, pull, run and verify.
 *
 * Every policy that binds the caller has to accept (policy_place.h). The rule with the longest
 * prefix of the image's name decides; signed-by counts different keys of the rule whose signature
 * of this manifest's digest verifies. Nothing in an image can choose a rule: names are places. The
 * one exception is an ACI, whose name its author wrote: for it, "accept" of a prefix says nothing,
 * and the default decides.
 *
 * Keys and policies are the administrator's. Signatures are a stranger's and are taken apart in
 * confined processes (signature_check.h, openpgp.h).
 */
#ifndef NACELLE_IMAGES_TRUST_H
#define NACELLE_IMAGES_TRUST_H

#include <stdbool.h>
#include <stddef.h>

#include "images/digest.h"
#include "images/layout.h"
#include "images/policy_place.h"
#include "images/signature.h"
#include "images/string_list.h"
#include "images/verdict.h"
#include "vmm/base/error.h"

struct trust_subject {
	const char *name;			 /* as policies know it (image_reference_name()) */
	const struct digest *manifest;		 /* NULL: a directory, which has none */
	const struct signature_list *signatures; /* NULL: none are known */
	bool is_aci;
	int aci_fd; /* of an ACI: the file; else -1 */
	/* Of an ACI: the digest of the file, which detached signatures are of. */
	const struct digest *aci_digest;
	const struct trust_subject *dependencies; /* other images that this one is made of */
	size_t dependency_count;
};

struct trust_decision {
	bool accepted;
	char rule[ERROR_TEXT_MAX];   /* "rule signed-by for example.com in /etc/nacelle/..." */
	char reason[ERROR_TEXT_MAX]; /* why not; "" if accepted */
	struct string_list notes;    /* one line for each signature that was looked at */
	struct verdict verdict;	     /* if accepted by a policy */
};

/*
 * Decides. Returns 0 with *out filled, to be released by trust_decision_free(); -1 with err filled
 * when a policy or a key cannot be read or trusted, which refuses every image.
 */
int trust_decide(const struct trust_subject *subject, struct trust_decision *out,
		 struct error *err);
void trust_decision_free(struct trust_decision *decision);

/*
 * Keeps the verdict of an accepted image in the store, for the starts to come. Without it the next
 * start only takes longer, so a failure is not reported.
 */
void trust_decision_keep(const struct store *store, const struct trust_decision *decision);

/* Whether signatures of an image with this name can matter: 1, 0, -1 with err filled. */
int trust_wants_signatures(struct error *err);

/*
 * Whether a pod may be started from what the store holds. For root under a policy this is the
 * default store or one that the policy lists: any other could have been filled by anybody.
 */
int trust_check_store(const struct store *store, struct error *err);

/* The same with other places, at another time: for tests. */
int trust_decide_at(const struct policy_place *places, size_t count,
		    const struct trust_subject *subject, uint64_t now_s, struct trust_decision *out,
		    struct error *err);

/*
 * The signatures that the store keeps for a manifest. Reading: 1, 0 if there are none, -1 with err
 * filled. Keeping adds to those that are there.
 */
int trust_signatures_read(const struct store *store, const struct digest *manifest,
			  struct signature_list *out, struct error *err);
int trust_signatures_keep(const struct store *store, const struct digest *manifest,
			  const struct signature_list *list, struct error *err);

/* A file with a detached signature, of at most 64 KiB; ".asc" files are OpenPGP. */
int trust_signature_file(struct signature_list *list, const char *path, struct error *err);

#endif
