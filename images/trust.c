/*
 * The decision. Policies and keys are read anew each time; what they say of one image is kept as a
 * verdict (verdict.h).
 */
#include "images/trust.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "images/key.h"
#include "images/openpgp.h"
#include "images/openpgp_packet.h"
#include "images/publish.h"
#include "images/signature_check.h"
#include "images/verdict.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"

/* One policy's rule for one image, while it is applied. */
struct judge {
	const struct trust_policy *policy;
	const struct policy_rule *rule; /* NULL: the default */
	const struct trust_subject *subject;
	uint64_t now_s;
	bool signed_by[POLICY_KEYS_MAX]; /* of the rule's keys */
	uint64_t expires_s;		 /* the first expiry of what counted, or 0 */
	struct trust_decision *decision;
};

static void note_expiry(struct judge *judge, uint64_t moment_s)
{
	if (moment_s && (!judge->expires_s || moment_s < judge->expires_s))
		judge->expires_s = moment_s;
}

static int note(struct judge *judge, size_t i, const char *what, const char *detail,
		struct error *err)
{
	struct error line; /* for its cleaning of what strangers wrote */

	(void)error_set(&line, 0, "signature %zu (%s): %s%s", i + 1,
			judge->subject->signatures->items[i].origin, what, detail);
	if (string_list_add(&judge->decision->notes, line.text, strlen(line.text)) < 0)
		return error_set(err, ENOMEM, "cannot decide about an image");
	return 0;
}

static int count_key(struct judge *judge, size_t i, size_t key, struct error *err)
{
	const struct trust_key *found = trust_policy_key(judge->policy, judge->rule->keys[key]);
	char detail[160];

	judge->signed_by[key] = true;
	(void)snprintf(detail, sizeof(detail), "%s (%s)", judge->rule->keys[key],
		       found && found->public_key ? public_key_name(found->public_key) : "OpenPGP");
	return note(judge, i, "good, by key ", detail, err);
}

static int judge_signature(struct judge *judge, size_t i, struct error *err)
{
	const struct trust_subject *subject = judge->subject;
	const struct simple_signing_claim claim = { .name = subject->is_aci ? "" : subject->name,
						    .manifest = subject->is_aci
								    ? subject->aci_digest
								    : subject->manifest,
						    .index = subject->signatures->index,
						    .index_len = subject->signatures->index_len };
	struct signature_keys keys = { .count = 0 };
	size_t place[POLICY_KEYS_MAX];
	struct error why = ERROR_NONE;
	uint32_t which = 0;
	int good;

	for (size_t k = 0; k < judge->rule->key_count; k++) {
		const struct trust_key *key = trust_policy_key(judge->policy, judge->rule->keys[k]);

		if (!key->public_key)
			continue;
		place[keys.count] = k;
		keys.keys[keys.count++] = key->public_key;
	}
	good = signature_check(&subject->signatures->items[i], &claim, &keys, &which, &why, err);
	if (good <= 0)
		return good < 0 ? -1 : note(judge, i, "does not count: ", why.text, err);
	for (size_t k = 0; k < keys.count; k++) {
		if (which >> k & 1 && count_key(judge, i, place[k], err) < 0)
			return -1;
	}
	return 0;
}

/* All OpenPGP keys of the rule as one keyring. Returns its length. */
static size_t make_keyring(const struct judge *judge, char **keyring)
{
	size_t len = 0;

	*keyring = NULL;
	for (size_t k = 0; k < judge->rule->key_count; k++) {
		const struct trust_key *key = trust_policy_key(judge->policy, judge->rule->keys[k]);
		char *grown;

		if (key->public_key)
			continue;
		grown = realloc(*keyring, len + key->file.len);
		if (!grown)
			return 0;
		memcpy(grown + len, key->file.data, key->file.len);
		*keyring = grown;
		len += key->file.len;
	}
	return len;
}

static int count_openpgp(struct judge *judge, size_t i, const struct openpgp_result *result,
			 struct error *err)
{
	for (size_t k = 0; k < judge->rule->key_count; k++) {
		const struct trust_key *key = trust_policy_key(judge->policy, judge->rule->keys[k]);

		if (key->public_key || strcmp(judge->rule->keys[k], result->key))
			continue;
		note_expiry(judge, result->expires_s);
		note_expiry(judge, openpgp_next_expiry((const uint8_t *)key->file.data,
						       key->file.len, judge->now_s));
		return count_key(judge, i, k, err);
	}
	return note(judge, i, "does not count: ", "no key of the rule made it", err);
}

static int judge_openpgp(struct judge *judge, size_t i, struct error *err)
{
	const struct image_signature *signature = &judge->subject->signatures->items[i];
	_cleanup_free_ char *keyring = NULL;
	struct openpgp_result result;
	struct error why = ERROR_NONE;
	size_t len;
	int good;

	if (judge->subject->aci_fd < 0)
		return note(judge, i, "does not count: ", "OpenPGP signs ACIs only", err);
	len = make_keyring(judge, &keyring);
	if (!len)
		return note(judge, i, "does not count: ", "the rule has no OpenPGP key", err);
	good = openpgp_verify(signature->data, signature->len, judge->subject->aci_fd, keyring, len,
			      judge->now_s, &result, &why, err);
	if (good <= 0)
		return good < 0 ? -1 : note(judge, i, "does not count: ", why.text, err);
	return count_openpgp(judge, i, &result, err);
}

/* Says what is missing, and what was wrong with the signatures that are there. */
static void refuse_unsigned(const struct judge *judge, size_t count)
{
	struct trust_decision *decision = judge->decision;
	size_t used, shown = 0;
	char *text = decision->reason;

	(void)snprintf(text, ERROR_TEXT_MAX,
		       "refused by %.400s: %zu of %zu needed keys signed it;"
		       " without a good signature:",
		       decision->rule, count, judge->rule->threshold);
	for (size_t k = 0; k < judge->rule->key_count && shown < 3; k++) {
		if (judge->signed_by[k])
			continue;
		used = strlen(text);
		(void)snprintf(text + used, ERROR_TEXT_MAX - used, "%s %s", shown ? "," : "",
			       judge->rule->keys[k]);
		shown++;
	}
	used = strlen(text);
	if (!decision->notes.count)
		(void)snprintf(text + used, ERROR_TEXT_MAX - used, "; no signature was found");
	else if (count == 0)
		(void)snprintf(text + used, ERROR_TEXT_MAX - used, "; %.300s",
			       decision->notes.items[decision->notes.count - 1]);
}

static int judge_signatures(struct judge *judge, struct error *err)
{
	const struct signature_list *list = judge->subject->signatures;
	size_t count = 0;

	if (!judge->subject->manifest) {
		(void)snprintf(judge->decision->reason, ERROR_TEXT_MAX,
			       "refused by %.800s: a directory cannot be signed",
			       judge->decision->rule);
		return 0;
	}
	for (size_t i = 0; list && i < list->count; i++) {
		int result = list->items[i].kind == SIGNATURE_OPENPGP
				 ? judge_openpgp(judge, i, err)
				 : judge_signature(judge, i, err);

		if (result < 0)
			return -1;
	}
	for (size_t k = 0; k < judge->rule->key_count; k++)
		count += judge->signed_by[k];
	if (count < judge->rule->threshold) {
		refuse_unsigned(judge, count);
		return 0;
	}
	return 1;
}

/* Finds the rule. What an ACI says of its own name cannot make it acceptable. */
static enum policy_rule_kind choose(struct judge *judge)
{
	const struct policy *policy = &judge->policy->policy;
	const struct policy_rule *rule = policy_match(policy, judge->subject->name);
	bool claimed = rule && rule->kind == POLICY_ACCEPT && judge->subject->is_aci;
	enum policy_rule_kind kind;

	if (claimed)
		rule = NULL;
	kind = rule ? rule->kind : policy->fallback;
	judge->rule = rule;
	if (rule)
		(void)snprintf(judge->decision->rule, ERROR_TEXT_MAX,
			       "rule %s for \"%.200s\" in %.500s/" POLICY_FILE_NAME,
			       policy_kind_name(kind), rule->prefix,
			       judge->policy->place->directory);
	else
		(void)snprintf(judge->decision->rule, ERROR_TEXT_MAX,
			       "default %s in %.500s/" POLICY_FILE_NAME "%s",
			       policy_kind_name(kind), judge->policy->place->directory,
			       claimed ? " (\"accept\" of a name says nothing about an ACI, whose "
					 "author chose it)"
				       : "");
	return kind;
}

/* 1 accepted, 0 refused with the reason in the decision, -1 with err filled. */
static int judge_image(struct judge *judge, struct error *err)
{
	switch (choose(judge)) {
	case POLICY_ACCEPT:
		return 1;
	case POLICY_SIGNED_BY:
		return judge_signatures(judge, err);
	case POLICY_REJECT:
		(void)snprintf(judge->decision->reason, ERROR_TEXT_MAX, "refused by %.900s",
			       judge->decision->rule);
		return 0;
	}
	return 0;
}

static int copy_file(struct verdict *verdict, const struct policy_place *place, const char *name,
		     const struct policy_file *file)
{
	struct policy_file copy = *file;

	if (verdict_has(verdict, place, name))
		return 0;
	copy.data = malloc(file->len + 1);
	if (!copy.data)
		return -1;
	memcpy(copy.data, file->data, file->len + 1);
	return verdict_add(verdict, place, name, &copy);
}

/* Adds what this policy decided by. */
static int add_to_verdict(struct verdict *verdict, const struct judge *judge)
{
	const struct trust_policy *policy = judge->policy;

	if (copy_file(verdict, policy->place, POLICY_FILE_NAME, &policy->file) < 0)
		return -1;
	for (size_t k = 0; judge->rule && k < judge->rule->key_count; k++) {
		const struct trust_key *key = trust_policy_key(policy, judge->rule->keys[k]);
		char name[KEY_NAME_SIZE];

		trust_key_name(key->id, name);
		if (copy_file(verdict, policy->place, name, &key->file) < 0)
			return -1;
	}
	if (judge->expires_s && (!verdict->expires_s || judge->expires_s < verdict->expires_s))
		verdict->expires_s = judge->expires_s;
	return 0;
}

void trust_decision_keep(const struct store *store, const struct trust_decision *decision)
{
	_cleanup_free_ void *data = NULL;
	char name[STORE_NAME_MAX];
	size_t len;

	if (!decision->accepted || !decision->verdict.name ||
	    verdict_encode(&decision->verdict, &data, &len) < 0)
		return;
	verdict_record_name(name, decision->verdict.name, &decision->verdict.manifest);
	(void)store_publish(store, name, data, len, NULL);
}

/* Asks one policy. */
static int ask(const struct policy_place *place, const struct trust_subject *subject,
	       uint64_t now_s, struct trust_decision *decision, struct error *err)
{
	struct trust_policy policy;
	struct judge judge = { .subject = subject, .now_s = now_s, .decision = decision };
	int found = trust_policy_load(&policy, place, err);

	if (found <= 0)
		return found < 0 ? -1 : 1;
	judge.policy = &policy;
	found = judge_image(&judge, err);
	if (found > 0 && add_to_verdict(&decision->verdict, &judge) < 0)
		found = error_set(err, ENOMEM, "cannot keep a verdict");
	trust_policy_free(&policy);
	return found;
}

/* Asks every policy. Returns 1, 0 with the reason in the decision, -1 with err filled. */
static int ask_all(const struct policy_place *places, size_t count,
		   const struct trust_subject *subject, uint64_t now_s,
		   struct trust_decision *decision, struct error *err)
{
	int accepted = 1;

	for (size_t i = 0; i < count && accepted > 0; i++)
		accepted = ask(&places[i], subject, now_s, decision, err);
	return accepted;
}

static int ask_about_dependencies(const struct policy_place *places, size_t count,
				  const struct trust_subject *subject, uint64_t now_s,
				  struct trust_decision *decision, struct error *err)
{
	char rule[ERROR_TEXT_MAX];
	int accepted = 1;

	memcpy(rule, decision->rule, sizeof(rule));
	for (size_t i = 0; i < subject->dependency_count && accepted > 0; i++) {
		struct error reason;

		accepted = ask_all(places, count, &subject->dependencies[i], now_s, decision, err);
		if (accepted != 0)
			continue;
		(void)error_set(&reason, 0, "its dependency %.200s: %s",
				subject->dependencies[i].name, decision->reason);
		memcpy(decision->reason, reason.text, sizeof(reason.text));
		return 0;
	}
	memcpy(decision->rule, rule, sizeof(rule));
	return accepted;
}

int trust_decide_at(const struct policy_place *places, size_t count,
		    const struct trust_subject *subject, uint64_t now_s, struct trust_decision *out,
		    struct error *err)
{
	struct trust_decision decision = { .rule = "no policy: every image is accepted",
					   .verdict.made_s = now_s };
	int accepted = ask_all(places, count, subject, now_s, &decision, err);

	if (accepted > 0)
		accepted = ask_about_dependencies(places, count, subject, now_s, &decision, err);
	if (accepted < 0) {
		trust_decision_free(&decision);
		return -1;
	}
	decision.accepted = accepted > 0;
	if (decision.accepted && subject->manifest && decision.verdict.file_count &&
	    !decision.verdict.is_incomplete) {
		decision.verdict.manifest = *subject->manifest;
		decision.verdict.name = strdup(subject->name);
	}
	*out = decision;
	return 0;
}

int trust_decide(const struct trust_subject *subject, struct trust_decision *out, struct error *err)
{
	struct policy_place places[POLICY_PLACES_MAX];
	size_t count = policy_places(places);
	time_t now = time(NULL);

	return trust_decide_at(places, count, subject, now > 0 ? (uint64_t)now : 0, out, err);
}

void trust_decision_free(struct trust_decision *decision)
{
	string_list_free(&decision->notes);
	verdict_free(&decision->verdict);
	*decision = (struct trust_decision){ .accepted = false };
}

int trust_wants_signatures(struct error *err)
{
	return policy_exists(err);
}

/* Whether the store is in the directory that a policy lists. */
static bool is_listed(const struct store *store, const char *root)
{
	_cleanup_free_ char *path = NULL;
	struct stat here, there;

	if (asprintf(&path, "%s/" STORE_DIR, root) < 0) {
		path = NULL;
		return false;
	}
	return fstat(store_dir_fd(store), &here) == 0 && stat(path, &there) == 0 &&
	       here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

int trust_check_store(const struct store *store, struct error *err)
{
	struct policy_place places[POLICY_PLACES_MAX];
	struct trust_policy policy;
	bool listed = false;
	int found;

	(void)policy_places(places);
	if (store_is_default(store))
		return 0;
	found = trust_policy_load(&policy, &places[0], err);
	if (found <= 0)
		return found;
	for (size_t i = 0; i < policy.policy.stores.count; i++)
		listed = listed || is_listed(store, policy.policy.stores.items[i]);
	trust_policy_free(&policy);
	if (listed)
		return 0;
	return error_set(err, 0,
			 "%s/" POLICY_FILE_NAME
			 " is in force: pods of root start from " STORE_SYSTEM_ROOT
			 " alone, or from a directory that it names in "
			 "\"stores\"",
			 places[0].directory);
}
