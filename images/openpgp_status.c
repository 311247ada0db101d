/*
 * What gpgv says. It is a program of the host's, but its lines quote what strangers wrote, so a
 * line that is not known to be harmless refuses the signature.
 */
#include "images/openpgp.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/bytes.h"
#include "vmm/base/number.h"

enum {
	WORDS_MAX = 16,
	LINE_SIZE = 1024,
	FUTURE_MAX_S = 300, /* clocks differ; a signature may be so much ahead of ours */
};

static const struct {
	const char *keyword;
	const char *why; /* NULL: it is harmless */
} keywords[] = {
	{ "NEWSIG", NULL },
	{ "KEY_CONSIDERED", NULL },
	{ "SIG_ID", NULL },
	{ "GOODSIG", NULL },
	{ "VALIDSIG", NULL },
	{ "NOTATION_NAME", NULL },
	{ "NOTATION_FLAGS", NULL },
	{ "NOTATION_DATA", NULL },
	{ "POLICY_URL", NULL },
	{ "KEYEXPIRED", NULL }, /* some subkey; of the signing one EXPKEYSIG tells */
	{ "VERIFICATION_COMPLIANCE_MODE", NULL },
	{ "BADSIG", "it does not fit the file" },
	{ "ERRSIG", "no key of the rule made it, or its algorithm is not allowed" },
	{ "NO_PUBKEY", "no key of the rule made it" },
	{ "EXPSIG", "it has expired" },
	{ "SIGEXPIRED", "it has expired" },
	{ "EXPKEYSIG", "its key has expired" },
	{ "REVKEYSIG", "its key was revoked" },
	{ "KEYREVOKED", "its key was revoked" },
	{ "NODATA", "it holds no signature" },
	{ "UNEXPECTED", "it holds something else than a signature" },
};

struct status {
	unsigned news, good, valid;
	struct openpgp_result result;
};

static int check_keyword(const char *keyword, struct error *why)
{
	for (size_t i = 0; i < ARRAY_SIZE(keywords); i++) {
		if (strcmp(keywords[i].keyword, keyword))
			continue;
		return keywords[i].why ? error_set(why, 0, "%s", keywords[i].why) : 0;
	}
	return error_set(why, 0, "gpgv said %.40s of it", keyword);
}

/* VALIDSIG fpr date created expires version reserved key-algorithm hash-algorithm class primary */
static int read_valid(struct status *status, char **words, size_t count, uint64_t now_s,
		      struct error *why)
{
	uint64_t created_s, expires_s, hash;
	char *primary;

	if (count != 11 || number_parse(words[3], &created_s) < 0 ||
	    number_parse(words[4], &expires_s) < 0 || number_parse(words[8], &hash) < 0)
		return error_set(why, 0, "gpgv said something unknown of it");
	if (strcmp(words[5], "4") || strcmp(words[9], "00"))
		return error_set(why, 0, "it is not a signature of a binary file");
	if (hash < 8 || hash > 10)
		return error_set(why, 0, "its hash is not SHA-256, SHA-384 or SHA-512");
	if (created_s > now_s + FUTURE_MAX_S)
		return error_set(why, 0, "it was made in the future");
	if (expires_s && expires_s <= now_s)
		return error_set(why, 0, "it has expired");
	primary = words[10];
	if (strlen(primary) != 40 || primary[strspn(primary, "0123456789ABCDEF")])
		return error_set(why, 0, "gpgv named no fingerprint");
	for (size_t i = 0; i <= 40; i++) {
		bool letter = primary[i] >= 'A' && primary[i] <= 'F';

		status->result.key[i] = (char)(letter ? primary[i] - 'A' + 'a' : primary[i]);
	}
	status->result.expires_s = expires_s;
	return 0;
}

static int read_line(struct status *status, char *line, uint64_t now_s, struct error *why)
{
	static const char mark[] = "[GNUPG:]";
	char *words[WORDS_MAX], *rest = NULL;
	size_t count = 0;

	for (char *word = strtok_r(line, " ", &rest); word && count < WORDS_MAX;
	     word = strtok_r(NULL, " ", &rest))
		words[count++] = word;
	if (count < 2 || strcmp(words[0], mark))
		return error_set(why, 0, "gpgv said something unknown of it");
	if (check_keyword(words[1], why) < 0)
		return -1;
	status->news += !strcmp(words[1], "NEWSIG");
	status->good += !strcmp(words[1], "GOODSIG");
	if (strcmp(words[1], "VALIDSIG"))
		return 0;
	status->valid++;
	return read_valid(status, words + 1, count - 1, now_s, why);
}

int openpgp_read_status(const char *text, size_t len, uint64_t now_s, struct openpgp_result *out,
			struct error *why)
{
	struct status status = { 0 };
	const char *end = text + len;
	char line[LINE_SIZE];

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t n = newline ? (size_t)(newline - text) : 0;

		if (!newline || n >= sizeof(line) || memchr(text, '\0', n))
			return error_set(why, 0, "gpgv said something unknown of it");
		memcpy(line, text, n);
		line[n] = '\0';
		text = newline + 1;
		if (read_line(&status, line, now_s, why) < 0)
			return -1;
	}
	if (status.news != 1 || status.good != 1 || status.valid != 1)
		return error_set(why, 0, "gpgv did not find exactly one good signature in it");
	*out = status.result;
	return 0;
}
