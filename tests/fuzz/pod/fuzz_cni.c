/*
 * Any text as a CNI configuration list, as a plug-in's result and as its error; any bytes as what
 * the confined reader of a result reports.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/pod/cni_config.h"
#include "vmm/pod/cni_result.h"

static void try_list(const char *text, size_t size)
{
	struct error err = ERROR_NONE;
	struct cni_list list;

	if (cni_list_parse(&list, text, size, &err) < 0) {
		assert(err.text[0]);
		return;
	}
	assert(cni_is_name(list.name) && cni_is_version(list.version));
	assert(list.plugin_count > 0 && list.plugin_count <= CNI_PLUGINS_MAX);
	for (unsigned i = 0; i < list.plugin_count; i++)
		assert(cni_is_name(list.plugins[i].type));
	cni_list_free(&list);
}

static void check_words(const struct string_list *words, size_t max)
{
	assert(words->count <= max);
	for (size_t i = 0; i < words->count; i++)
		assert(words->items[i][0] && !strpbrk(words->items[i], " \t\r\n"));
}

static void check_result(const struct cni_result *result)
{
	check_words(&result->addresses, CNI_ADDRESSES_MAX);
	check_words(&result->servers, CNI_SERVERS_MAX);
	check_words(&result->domains, CNI_DOMAINS_MAX);
}

static void try_result(const char *text, size_t size)
{
	struct error err = ERROR_NONE;
	struct cni_result result, again;
	size_t data_len;
	void *data;

	if (cni_result_parse(&result, text, size, &err) < 0) {
		assert(err.text[0]);
		return;
	}
	check_result(&result);
	/* What its reader reports comes back as it was. */
	assert(cni_result_encode(&result, &data, &data_len) == 0);
	assert(cni_result_decode(&again, data, data_len, &err) == 0);
	assert(again.addresses.count == result.addresses.count &&
	       again.servers.count == result.servers.count &&
	       again.domains.count == result.domains.count);
	cni_result_free(&again);
	cni_result_free(&result);
	free(data);
}

/* A reader that has been taken over. */
static void try_message(const uint8_t *data, size_t size)
{
	struct error err = ERROR_NONE;
	struct cni_result result;

	if (cni_result_decode(&result, data, size, &err) < 0) {
		assert(err.text[0]);
		return;
	}
	check_result(&result);
	cni_result_free(&result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_NONE;

	try_list((const char *)data, size);
	try_result((const char *)data, size);
	try_message(data, size);
	assert(cni_error_parse((const char *)data, size, size % 2 ? "words\nmore" : "", &err) < 0);
	assert(err.text[0]);
	return 0;
}
