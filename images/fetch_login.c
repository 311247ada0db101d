/*
 * Logging in: Basic, or a token from the place that the registry names (distribution's token
 * specification; docker's oauth2 form for identity tokens). Credentials go to the registry itself
 * and to that place, over TLS unless the registry is spoken to without it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "images/base64.h"
#include "images/fetch_internal.h"
#include "images/json.h"
#include "vmm/base/cleanup.h"

enum { TOKEN_ANSWER_MAX = 256 * 1024 };

static int set_authorization(struct fetcher *fetcher, const char *scheme, const char *value,
			     struct error *err)
{
	int len = snprintf(fetcher->authorization, sizeof(fetcher->authorization), "%s %s", scheme,
			   value);

	if (len < 0 || (size_t)len >= sizeof(fetcher->authorization)) {
		fetcher->authorization[0] = '\0';
		return error_set(err, 0, "what %s wants as authorization is too long",
				 fetcher->host);
	}
	fetcher->login_count++;
	return 0;
}

/* Who logs in, for a refusal. */
static int refused(const struct fetcher *fetcher, struct error *err)
{
	const struct credential *credential = &fetcher->credential;

	if (credential->found)
		return error_set(err, 0,
				 "%s refuses the user or password that %s has for it, or has no "
				 "such image for this user",
				 fetcher->host, credential->path);
	if (credential->helper[0])
		return error_set(err, 0,
				 "%s wants a login, and %s keeps it in the credential helper "
				 "docker-credential-%s, which is not executed; log in with: skopeo "
				 "login %s",
				 fetcher->host, credential->path, credential->helper,
				 fetcher->host);
	return error_set(err, 0,
			 "%s wants a login for this image, or has no such image (log in with: "
			 "skopeo login %s)",
			 fetcher->host, fetcher->host);
}

/* "Basic " and user:password in base64, into a fresh allocation; NULL without memory. */
static char *basic(const struct credential *credential)
{
	size_t len = strlen(credential->user) + 1 + strlen(credential->secret);
	char *plain = malloc(len + 1), *text = malloc(BASE64_SIZE(len));

	if (plain && text) {
		(void)snprintf(plain, len + 1, "%s:%s", credential->user, credential->secret);
		base64_encode(text, plain, len);
		explicit_bzero(plain, len);
	} else {
		free(text);
		text = NULL;
	}
	free(plain);
	return text;
}

/* Appends text in which all but unreserved characters are escaped. False: no room. */
static bool append_escaped(char *url, size_t size, const char *text)
{
	static const char plain[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
	size_t len = strlen(url);

	for (; *text; text++) {
		if (len + 4 > size)
			return false;
		if (strchr(plain, *text))
			url[len++] = *text;
		else
			len += (size_t)snprintf(url + len, 4, "%%%02X", (unsigned char)*text);
		url[len] = '\0';
	}
	return true;
}

static bool append(char *url, size_t size, const char *text)
{
	size_t len = strlen(url);

	if (len + strlen(text) >= size)
		return false;
	memcpy(url + len, text, strlen(text) + 1);
	return true;
}

/* "NAME=value" with '?' or '&' in front, or without ("" as separator). */
static bool append_field(char *url, size_t size, const char *separator, const char *name,
			 const char *value)
{
	return append(url, size, separator) && append(url, size, name) &&
	       append_escaped(url, size, value);
}

static void scope_of(const struct fetcher *fetcher, const struct challenge *challenge,
		     char scope[CHALLENGE_TEXT_SIZE])
{
	if (challenge->scope[0])
		(void)snprintf(scope, CHALLENGE_TEXT_SIZE, "%s", challenge->scope);
	else
		(void)snprintf(scope, CHALLENGE_TEXT_SIZE, "repository:%.*s:pull",
			       IMAGE_REPOSITORY_MAX, fetcher->context->reference->path);
}

/* The token's request as a GET, or as a form that exchanges an identity token. */
static int make_request(const struct fetcher *fetcher, const struct challenge *challenge,
			struct http_exchange *exchange, char **form, struct error *err)
{
	enum { FORM_SIZE = 3 * (CREDENTIAL_SECRET_SIZE + 2 * CHALLENGE_TEXT_SIZE) + 256 };
	const struct credential *credential = &fetcher->credential;
	char scope[CHALLENGE_TEXT_SIZE];
	char *to = exchange->url;
	size_t size = sizeof(exchange->url);
	const char *separator = strchr(challenge->realm, '?') ? "&" : "?";
	bool fits;

	scope_of(fetcher, challenge, scope);
	(void)snprintf(exchange->url, sizeof(exchange->url), "%s", challenge->realm);
	if (credential->is_identity_token) {
		*form = calloc(1, FORM_SIZE);
		if (!*form)
			return error_set(err, ENOMEM, "cannot log in");
		to = *form;
		size = FORM_SIZE;
		separator = "";
	}
	fits = append_field(to, size, separator, "service=", challenge->service) &&
	       append_field(to, size, "&", "scope=", scope);
	if (fits && credential->is_identity_token)
		fits = append_field(to, size, "&",
				    "grant_type=refresh_token&client_id=nacelle"
				    "&refresh_token=",
				    credential->secret);
	else if (fits && credential->found)
		fits = append_field(to, size, "&", "account=", credential->user);
	return fits ? 0 : error_set(err, 0, "the realm of %s is too long", fetcher->host);
}

/* Where the token is asked for must be as well protected as the registry is. */
static int check_realm(const struct fetcher *fetcher, const struct challenge *challenge,
		       struct error *err)
{
	char origin[HTTP_ORIGIN_SIZE];
	struct error why = ERROR_NONE;

	if (http_origin(challenge->realm, origin, &why) < 0)
		return error_set(err, 0, "%s hands out tokens at a place that is not usable: %s",
				 fetcher->host, why.text);
	if (strncmp(fetcher->base, "https:", 6) == 0 && strncmp(origin, "https:", 6) != 0)
		return error_set(err, 0,
				 "%s hands out tokens at %.200s, which is not https; nothing was "
				 "sent there",
				 fetcher->host, challenge->realm);
	return 0;
}

static int read_token(struct fetcher *fetcher, const struct http_exchange *exchange,
		      struct error *err)
{
	struct cJSON *answer;
	const char *token = NULL;
	int found, result;

	if (json_parse(&answer, exchange->body ? exchange->body : "", exchange->body_len, err) < 0)
		return error_prefix(err, "the token of %s cannot be read", fetcher->host);
	found = json_is_object(answer) ? json_string(answer, "token", &token, err) : 0;
	if (found == 0 && json_is_object(answer))
		found = json_string(answer, "access_token", &token, err);
	if (found < 0)
		result = -1;
	else if (!found || !token[0])
		result =
		    error_set(err, 0, "%s was to hand out a token, and did not", fetcher->host);
	else if (strspn(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			       "-._~+/=:") != strlen(token))
		result = error_set(err, 0, "the token of %s has characters that none may have",
				   fetcher->host);
	else
		result = set_authorization(fetcher, "Bearer", token, err);
	json_free(answer);
	return result;
}

/* Asks for the token, again if the answer is that there is none at the moment. */
static int ask(struct fetcher *fetcher, struct http_exchange *exchange, struct error *err)
{
	for (unsigned attempt = 0;; attempt++) {
		const struct timespec pause = { 1, 0 };
		bool again;

		if (fetch_alone(fetcher->login_http, exchange, err) < 0)
			return -1;
		again = exchange->outcome == HTTP_LOST ||
			(exchange->outcome == HTTP_ANSWERED &&
			 (exchange->status == 429 || exchange->status >= 500));
		if (!again || attempt + 1 == FETCH_ATTEMPTS_MAX)
			break;
		http_finish(fetcher->login_http, exchange);
		(void)nanosleep(&pause, NULL);
	}
	if (exchange->outcome != HTTP_ANSWERED)
		return fetch_describe(exchange, err);
	if (exchange->status == 200)
		return read_token(fetcher, exchange, err);
	if (exchange->status == 400 || exchange->status == 401 || exchange->status == 403 ||
	    exchange->status == 404)
		return refused(fetcher, err);
	return error_set(err, 0, "%s answered with status %d to a request for a token",
			 fetcher->host, exchange->status);
}

static int bearer(struct fetcher *fetcher, const struct challenge *challenge, struct error *err)
{
	struct http_exchange *exchange = calloc(1, sizeof(*exchange));
	_cleanup_free_ char *form = NULL;
	_cleanup_free_ char *password = NULL;
	char authorization[BASE64_SIZE(CREDENTIAL_USER_SIZE + CREDENTIAL_SECRET_SIZE) + 8];
	int result = -1;

	if (!exchange)
		return error_set(err, ENOMEM, "cannot log in");
	if (fetcher->credential.found && !fetcher->credential.is_identity_token) {
		password = basic(&fetcher->credential);
		(void)snprintf(authorization, sizeof(authorization), "Basic %s",
			       password ? password : "");
		exchange->authorization = authorization;
	}
	exchange->body_max = TOKEN_ANSWER_MAX;
	exchange->is_document = true;
	if (check_realm(fetcher, challenge, err) == 0 &&
	    make_request(fetcher, challenge, exchange, &form, err) == 0) {
		exchange->form = form;
		result = ask(fetcher, exchange, err);
	}
	http_finish(fetcher->login_http, exchange);
	free(exchange);
	return result;
}

int fetch_login(struct fetcher *fetcher, const struct challenge *challenge, struct error *err)
{
	_cleanup_free_ char *password = NULL;

	if (challenge->scheme == CHALLENGE_BEARER)
		return bearer(fetcher, challenge, err);
	if (challenge->scheme != CHALLENGE_BASIC)
		return error_set(err, 0,
				 "%s wants a kind of login that is not known here (neither Basic "
				 "nor Bearer)",
				 fetcher->host);
	/* The same password twice is refused twice. */
	if (!fetcher->credential.found || fetcher->credential.is_identity_token ||
	    strncmp(fetcher->authorization, "Basic ", 6) == 0)
		return refused(fetcher, err);
	password = basic(&fetcher->credential);
	if (!password)
		return error_set(err, ENOMEM, "cannot log in");
	return set_authorization(fetcher, "Basic", password, err);
}
