/*
 * The reader of HTTP requests.
 */
#include "guest-init/metadata/request.h"

#include <string.h>
#include <strings.h>

struct text {
	const char *at;
	size_t len;
};

/* What is read of the headers beside what the request has. */
struct headers {
	bool has_length;
	bool is_chunked;
	size_t length;
};

static bool is_token(struct text text)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      (c && strchr(others, c))))
			return false;
	}
	return text.len > 0;
}

static bool is_printable(struct text text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static bool is_same(struct text text, const char *word)
{
	return text.len == strlen(word) && memcmp(text.at, word, text.len) == 0;
}

static bool is_name(struct text text, const char *name)
{
	return text.len == strlen(name) && strncasecmp(text.at, name, text.len) == 0;
}

/* What stands before the mark, which must be there; *rest begins behind it. */
static bool split(struct text *rest, char mark, struct text *out)
{
	const char *end = memchr(rest->at, mark, rest->len);

	if (!end)
		return false;
	*out = (struct text){ rest->at, (size_t)(end - rest->at) };
	rest->len -= out->len + 1;
	rest->at = end + 1;
	return true;
}

static int read_request_line(struct request *request, struct text line)
{
	struct text method, target;

	if (!split(&line, ' ', &method) || !split(&line, ' ', &target) || !is_token(method) ||
	    !target.len || target.at[0] != '/')
		return 400;
	if (!is_same(line, "HTTP/1.1") && !is_same(line, "HTTP/1.0"))
		return line.len >= 5 && memcmp(line.at, "HTTP/", 5) == 0 ? 505 : 400;
	request->method = is_same(method, "GET")    ? REQUEST_GET
			  : is_same(method, "POST") ? REQUEST_POST
						    : REQUEST_OTHER;
	request->path = target.at;
	request->path_len = target.len;
	return 200;
}

static int read_length(struct headers *headers, struct text value)
{
	enum { DIGITS_MAX = 9 };

	if (headers->has_length || !value.len)
		return 400;
	headers->has_length = true;
	for (size_t i = 0; i < value.len; i++) {
		if (value.at[i] < '0' || value.at[i] > '9')
			return 400;
		if (i < DIGITS_MAX)
			headers->length = headers->length * 10 + (size_t)(value.at[i] - '0');
	}
	return value.len > DIGITS_MAX ? 413 : 200;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static int read_header(struct request *request, struct headers *headers, struct text line)
{
	struct text name, value;

	if (!split(&line, ':', &name) || !is_token(name))
		return 400;
	value = line;
	while (value.len && is_blank(value.at[0])) {
		value.at++;
		value.len--;
	}
	while (value.len && is_blank(value.at[value.len - 1]))
		value.len--;
	if (is_name(name, "Content-Length"))
		return read_length(headers, value);
	if (is_name(name, "Transfer-Encoding"))
		headers->is_chunked = true;
	if (is_name(name, "Metadata-Flavor") && is_same(value, "AppContainer"))
		request->has_flavor = true;
	return 200;
}

static int read_lines(struct request *request, struct headers *headers, struct text rest)
{
	bool is_first = true;
	struct text line;
	int status = 200;

	/* Each line ends with a CR here, and its LF begins what follows. */
	while (status == 200 && split(&rest, '\r', &line)) {
		if (!rest.len || rest.at[0] != '\n' || !is_printable(line))
			return 400;
		rest.at++;
		rest.len--;
		status = is_first ? read_request_line(request, line)
				  : read_header(request, headers, line);
		is_first = false;
	}
	return status == 200 && rest.len ? 400 : status;
}

static int settle_body(struct request *request, const struct headers *headers)
{
	if (headers->is_chunked || (request->method == REQUEST_POST && !headers->has_length))
		return 411;
	if (headers->length > REQUEST_SIZE_MAX - request->head_len)
		return 413;
	request->body_len = headers->length;
	return 200;
}

int request_read(struct request *request, const char *data, size_t len)
{
	static const char end_mark[] = "\r\n\r\n";
	const size_t mark_len = sizeof(end_mark) - 1;
	size_t searched = len < REQUEST_HEAD_MAX ? len : REQUEST_HEAD_MAX;
	const char *end = memmem(data, searched, end_mark, mark_len);
	struct headers headers = { 0 };
	int status;

	*request = (struct request){ 0 };
	if (!end)
		return len < REQUEST_HEAD_MAX ? 0 : 431;
	request->head_len = (size_t)(end - data) + mark_len;
	status = read_lines(request, &headers, (struct text){ data, request->head_len - 2 });
	return status == 200 ? settle_body(request, &headers) : status;
}
