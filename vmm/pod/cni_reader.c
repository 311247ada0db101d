/*
 * Reading what plug-ins print. They run as root, and what they print goes through many hands (a
 * DHCP server's, say): it comes into a confined process with the fork, and fields or a sentence
 * come out of it, which are checked. This process looks at the grammar alone (json_scan(): one
 * loop, no memory of its own), since it hands a result on as it is.
 */
#include "vmm/pod/cni_reader.h"

#include <errno.h>
#include <string.h>

#include "images/json.h"
#include "images/message.h"
#include "images/worker.h"
#include "vmm/base/cleanup.h"

static const struct worker_role reader = { .name = "the reader of its output" };

struct printed {
	const char *text;
	size_t len;
	const char *words;
};

/* The confined processes' work. */
static int find_result(void *context, int control, struct error *err)
{
	const struct printed *printed = context;
	_cleanup_free_ void *data = NULL;
	struct cni_result result;
	size_t len;
	int status;

	if (cni_result_parse(&result, printed->text, printed->len, err) < 0)
		return -1;
	status = cni_result_encode(&result, &data, &len);
	cni_result_free(&result);
	if (status < 0)
		return error_set(err, ENOMEM, "cannot report a result");
	if (message_send(control, MESSAGE_RESULT, data, len) < 0)
		return error_set(err, errno, "cannot report a result");
	return 0;
}

static int find_error(void *context, int control, struct error *err)
{
	const struct printed *printed = context;

	(void)control;
	return cni_error_parse(printed->text, printed->len, printed->words, err);
}

static int run_worker(int (*run)(void *context, int control, struct error *err),
		      struct printed *printed, char **data, size_t *len, struct error *err)
{
	const struct worker_job job = { .role = &reader, .run = run, .context = printed };
	struct worker worker;
	int kind;

	if (worker_start(&worker, &job, err) < 0)
		return -1;
	kind = worker_receive(&worker, data, len, err);
	if (kind < 0)
		return -1;
	worker_kill(&worker);
	return kind == MESSAGE_RESULT ? 0 : error_set(err, 0, "%s sent nonsense", reader.name);
}

int cni_result_read(struct cni_result *result, const char *text, size_t len, struct error *err)
{
	struct printed printed = { .text = text, .len = len };
	_cleanup_free_ char *data = NULL;
	size_t data_len;

	*result = (struct cni_result){ 0 };
	if (json_scan(text, len, err) < 0 ||
	    run_worker(find_result, &printed, &data, &data_len, err) < 0)
		return -1;
	return cni_result_decode(result, data, data_len, err);
}

int cni_error_read(const char *text, size_t len, const char *words, struct error *err)
{
	struct printed printed = { .text = text, .len = len, .words = words };
	_cleanup_free_ char *data = NULL;
	size_t data_len;

	if (run_worker(find_error, &printed, &data, &data_len, err) == 0)
		return error_set(err, 0, "%s sent nonsense", reader.name);
	return -1;
}
