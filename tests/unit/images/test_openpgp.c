/* What gpgv may say, and the outside of OpenPGP packets. */
#include "tests/unit/images/test.h"

#include "images/openpgp.h"
#include "images/openpgp_packet.h"
#include "vmm/base/bytes.h"

#define FPR  "02731E663D787E9CAFE368D6DF669023E350C3C6"
#define HEAD "[GNUPG:] NEWSIG\n[GNUPG:] KEY_CONSIDERED " FPR " 0\n[GNUPG:] SIG_ID x 2026-11-22 1\n"
#define GOOD "[GNUPG:] GOODSIG DF669023E350C3C6 Test <t@example.com>\n"
#define VALID(created, expires, version, hash, class, primary)                                     \
	"[GNUPG:] VALIDSIG " FPR " 2026-11-22 " created " " expires " " version " 0 1 " hash       \
	" " class " " primary "\n"
#define SOUND VALID("1795314499", "0", "4", "10", "00", FPR)

enum { NOW = 1795314500 };

static void test_status(void **state)
{
	static const char *const bad[] = {
		"",
		HEAD,
		HEAD GOOD,
		HEAD SOUND,
		GOOD SOUND,
		HEAD GOOD GOOD SOUND,
		HEAD GOOD SOUND SOUND,
		HEAD HEAD GOOD SOUND,
		HEAD GOOD SOUND "[GNUPG:] BADSIG DF669023E350C3C6 Test\n",
		HEAD "[GNUPG:] EXPKEYSIG DF669023E350C3C6 Test\n" SOUND,
		HEAD "[GNUPG:] EXPSIG DF669023E350C3C6 Test\n" SOUND,
		HEAD "[GNUPG:] REVKEYSIG DF669023E350C3C6 Test\n" SOUND,
		HEAD GOOD "[GNUPG:] ERRSIG DF669023E350C3C6 1 10 00 1 9\n",
		HEAD GOOD SOUND "[GNUPG:] SOMETHING NEW\n",
		HEAD GOOD SOUND "gpgv: a warning\n",
		HEAD GOOD SOUND " [GNUPG:] NEWSIG\n",
		HEAD GOOD SOUND "[GNUPG:]\n",
		HEAD GOOD SOUND "[GNUPG:] NEWSIG", /* cut off */
		/* one word of what VALIDSIG says */
		HEAD GOOD VALID("1795399999", "0", "4", "10", "00", FPR),
		HEAD GOOD VALID("20261122T000000", "0", "4", "10", "00", FPR),
		HEAD GOOD VALID("1795314499", "1795314500", "4", "10", "00", FPR),
		HEAD GOOD VALID("1795314499", "0", "3", "10", "00", FPR),
		HEAD GOOD VALID("1795314499", "0", "4", "2", "00", FPR),
		HEAD GOOD VALID("1795314499", "0", "4", "11", "00", FPR),
		HEAD GOOD VALID("1795314499", "0", "4", "10", "01", FPR),
		HEAD GOOD VALID("1795314499", "0", "4", "10", "00", "02731E66"),
		HEAD GOOD VALID("1795314499", "0", "4", "10", "00", FPR " more"),
		HEAD GOOD "[GNUPG:] VALIDSIG " FPR "\n",
	};
	static const char good[] =
	    "[GNUPG:] KEYEXPIRED 1\n" HEAD GOOD "[GNUPG:] NOTATION_DATA [GNUPG:] BADSIG\n" VALID(
		"1795314499", "1795399999", "4", "8", "00", FPR);
	struct openpgp_result result;
	struct error why;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		why = (struct error)ERROR_NONE;
		if (openpgp_read_status(bad[i], strlen(bad[i]), NOW, &result, &why) == 0 ||
		    !why.text[0])
			fail_msg("%zu: %s", i, bad[i]);
	}
	assert_int_equal(openpgp_read_status(good, strlen(good), NOW, &result, &why), 0);
	assert_string_equal(result.key, "02731e663d787e9cafe368d6df669023e350c3c6");
	assert_int_equal(result.expires_s, 1795399999);
	for (size_t len = 0; len < strlen(good); len++)
		assert_int_equal(openpgp_read_status(good, len, NOW, &result, &why), -1);
}

/* A primary key of 2048 bits made at 1000, one user name, and a signature of it that says that it
 * is made at 1000, lasts 500 s, and that the key lasts 300 s. */
static size_t make_key_packets(uint8_t *out)
{
	static const uint8_t head[] = { 4, 0, 0, 3, 0xe8, 1, 8, 0 };
	static const uint8_t hashed[] = { 4, 0x13, 1, 8, 0,    18, 5, 2, 0, 0, 3,    0xe8, 5,
					  3, 0,	   0, 1, 0xf4, 5,  9, 0, 0, 1, 0x2c, 0,	   0 };
	size_t len = 0;

	out[len++] = 0xc6;
	out[len++] = sizeof(head);
	memcpy(out + len, head, sizeof(head));
	len += sizeof(head);
	memcpy(out + len, (uint8_t[]){ 0xcd, 1, 'a' }, 3);
	len += 3;
	out[len++] = 0xc2;
	out[len++] = sizeof(hashed);
	memcpy(out + len, hashed, sizeof(hashed));
	return len + sizeof(hashed);
}

static void test_key(void **state)
{
	struct error err = ERROR_NONE;
	struct openpgp_key key;
	uint8_t packets[128];
	size_t len = make_key_packets(packets);

	(void)state;
	if (openpgp_check_key(packets, len, &key, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(key.body_len, 8);
	assert_int_equal(openpgp_next_expiry(packets, len, 1000), 1300);
	assert_int_equal(openpgp_next_expiry(packets, len, 1300), 1500);
	assert_int_equal(openpgp_next_expiry(packets, len, 1500), 0);
	for (size_t cut = 0; cut < len; cut++) {
		if (cut != 10 && cut != 13) /* after a packet */
			assert_int_equal(openpgp_check_key(packets, cut, &key, NULL), -1);
	}
	packets[0] = 0xc5;
	assert_int_equal(openpgp_check_key(packets, len, &key, &err), -1);
	assert_non_null(strstr(err.text, "private key"));
	packets[0] = 0xc6;
	packets[8] = 7; /* 1792 bits */
	assert_int_equal(openpgp_check_key(packets, len, &key, &err), -1);
	assert_non_null(strstr(err.text, "2048"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
