/*
 * Two confined processes, one after the other, because the one that reads a payload must not be the
 * one that says whose it is.
 */
#include "images/signature_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/message.h"
#include "images/worker.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"

struct check {
	const struct image_signature *signature;
	const struct simple_signing_claim *claim;
	const struct signature_keys *keys;
};

static uint32_t verify_with(const struct check *check, const void *message, size_t message_len,
			    const void *signature, size_t signature_len)
{
	uint32_t which = 0;

	for (size_t i = 0; i < check->keys->count; i++) {
		if (public_key_verify(check->keys->keys[i], message, message_len, signature,
				      signature_len))
			which |= (uint32_t)1 << i;
	}
	return which;
}

/* Confined: the mask of the keys that made the signature. */
static int verify(void *context, int control, struct error *err)
{
	const struct check *check = context;
	const struct image_signature *signature = check->signature;
	_cleanup_free_ uint8_t *bytes = malloc(signature->len + 1);
	const char *message = signature->payload;
	char text[DIGEST_TEXT_SIZE + 1];
	size_t message_len = signature->payload_len, len;
	uint32_t which = 0;
	le32 wire;

	if (!bytes)
		return error_set(err, ENOMEM, "cannot check a signature");
	if (signature->kind == SIGNATURE_DETACHED) {
		digest_format(check->claim->manifest, text);
		message_len = strlen(text);
		text[message_len++] = '\n'; /* in the place of the NUL */
		message = text;
		which = verify_with(check, message, message_len, signature->data, signature->len);
	}
	if (!which && signature_decode_base64(signature->data, signature->len, bytes, &len))
		which = verify_with(check, message, message_len, bytes, len);
	wire = le32_make(which);
	if (message_send(control, MESSAGE_RESULT, &wire, sizeof(wire)) < 0)
		return error_set(err, errno, "cannot report a signature");
	return 0;
}

/* Confined: what a verified payload says. */
static int read_payload(void *context, int control, struct error *err)
{
	const struct check *check = context;

	if (simple_signing_check(check->signature->payload, check->signature->payload_len,
				 check->claim, err) < 0)
		return -1;
	if (message_send(control, MESSAGE_RESULT, "", 0) < 0)
		return error_set(err, errno, "cannot report a payload");
	return 0;
}

/* Runs a job that results in len bytes: 1, 0 with why filled, -1 with err filled. */
static int run(int (*job_run)(void *, int, struct error *), struct check *check, void *out,
	       size_t len, struct error *why, struct error *err)
{
	const struct worker_job job = { .load = digest_load, .run = job_run, .context = check };
	_cleanup_free_ char *data = NULL;
	struct worker worker;
	size_t got;
	int kind;

	if (worker_start(&worker, &job, err) < 0)
		return -1;
	kind = worker_receive(&worker, &data, &got, why);
	if (kind < 0)
		return 0;
	worker_kill(&worker);
	if (kind != MESSAGE_RESULT || got != len)
		return error_set(err, 0, "the reader of signatures reported nonsense");
	if (len)
		memcpy(out, data, len);
	return 1;
}

int signature_check(const struct image_signature *signature,
		    const struct simple_signing_claim *claim, const struct signature_keys *keys,
		    uint32_t *which, struct error *why, struct error *err)
{
	struct check check = { signature, claim, keys };
	le32 wire;
	int result;

	if (!keys->count) {
		(void)error_set(why, 0, "no key of the rule made it");
		return 0;
	}
	result = run(verify, &check, &wire, sizeof(wire), why, err);
	if (result <= 0)
		return result;
	*which = le32_get(wire);
	if (keys->count < 32)
		*which &= ((uint32_t)1 << keys->count) - 1;
	if (!*which) {
		(void)error_set(why, 0, "no key of the rule made it, or it is for another image");
		return 0;
	}
	if (signature->kind == SIGNATURE_DETACHED)
		return 1;
	return run(read_payload, &check, NULL, 0, why, err);
}
