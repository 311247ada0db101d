/*
 * OpenPGP's outside and what gpgv says. The first byte says which: armor, packets or status lines.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "images/openpgp.h"
#include "images/openpgp_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW = 1800000000 };

static void try_packets(const uint8_t *data, size_t size)
{
	struct openpgp_key key;

	(void)openpgp_check_signature(data, size, NULL);
	if (openpgp_check_key(data, size, &key, NULL) == 0)
		assert(key.body >= data && key.body + key.body_len <= data + size);
	assert(!openpgp_next_expiry(data, size, NOW) || openpgp_next_expiry(data, size, NOW) > NOW);
}

static void try_armor(const uint8_t *data, size_t size)
{
	uint8_t *out = malloc(size + 1);
	size_t len;

	assert(out);
	if (openpgp_dearmor((const char *)data, size, "SIGNATURE", out, &len, NULL) == 0) {
		assert(len && len < size);
		try_packets(out, len);
	}
	free(out);
}

static void try_status(const uint8_t *data, size_t size)
{
	struct openpgp_result result;

	if (openpgp_read_status((const char *)data, size, NOW, &result, NULL) < 0)
		return;
	assert(strlen(result.key) == 40 && strspn(result.key, "0123456789abcdef") == 40);
	assert(memmem(data, size, "GOODSIG", 7) && memmem(data, size, "VALIDSIG", 8));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] == 'a')
		try_armor(data + 1, size - 1);
	else if (data[0] == 'p')
		try_packets(data + 1, size - 1);
	else
		try_status(data + 1, size - 1);
	return 0;
}
