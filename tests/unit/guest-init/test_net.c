/*
 * Interfaces by rtnetlink, in a network namespace of the test's with a tap device called eth0.
 */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <cmocka.h>

#include "guest-init/net.h"

static char text[8192];

/* What ip(8) says. */
static const char *ip(const char *arguments)
{
	char command[256];
	FILE *pipe;
	size_t len;

	(void)snprintf(command, sizeof(command), "ip %s", arguments);
	pipe = popen(command, "re");
	assert_non_null(pipe);
	len = fread(text, 1, sizeof(text) - 1, pipe);
	text[len] = '\0';
	assert_int_equal(pclose(pipe), 0);
	return text;
}

static void expect(const char *arguments, const char *has)
{
	if (!strstr(ip(arguments), has))
		fail_msg("ip %s says no \"%s\" but: %s", arguments, has, text);
}

static bool make_interface(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	return fd >= 0 && ioctl(fd, TUNSETIFF, &request) == 0; /* stays while we do */
}

static const struct record_interface first = {
	.addresses = { { .family = 4, .prefix = 24, .bytes = { 10, 1, 2, 3 } },
		       { .family = 4, .prefix = 32, .bytes = { 192, 0, 2, 1 } },
		       { .family = 6, .prefix = 64, .bytes = { 0xfd, [15] = 5 } } },
	.address_count = 3,
	.gateways = { { .family = 4, .bytes = { 203, 0, 113, 1 } },
		      { .family = 6, .bytes = { 0xfe, 0x80, [15] = 1 } } },
	.gateway_count = 2,
};

static void test_configure(void **state)
{
	const struct record record = { .interfaces = { first, { .address_count = 0 } },
				       .interface_count = 2 };
	struct error err = ERROR_NONE;

	(void)state;
	if (net_configure(&record, &err) < 0)
		fail_msg("%s", err.text);
	expect("-o link show eth0", "UP");
	expect("-o link show eth1", "UP");
	expect("-o -4 addr show eth0", "10.1.2.3/24");
	expect("-o -4 addr show eth0", "192.0.2.1/32");
	expect("-o -6 addr show eth0", "fd00::5/64");
	assert_null(strstr(ip("-o -6 addr show eth0 to fd00::/64"), "tentative"));
	expect("route", "default via 203.0.113.1 dev eth0");
	expect("-6 route", "default via fe80::1 dev eth0");
}

/* As CNI's ptp has it: not even the address's own network is on the link. */
static void test_routes(void **state)
{
	const struct record record = {
		.interfaces = { { .addresses = { { .family = 4,
						   .prefix = 24,
						   .bytes = { 10, 9, 0, 2 } },
						 { .family = 6,
						   .prefix = 64,
						   .bytes = { 0xfd, 9, [15] = 2 } } },
				  .address_count = 2,
				  .routes = { { { 4, 32, { 10, 9, 0, 1 } }, { 0 } },
					      { { 4, 24, { 10, 9, 0, 0 } }, { 10, 9, 0, 1 } },
					      { { 6, 16, { 0x20, 1 } }, { 0xfe, 0x80, [15] = 9 } },
					      { { 6, 128, { 0xfd, 9, [15] = 1 } }, { 0 } } },
				  .route_count = 4 } },
		.interface_count = 1
	};
	struct error err = ERROR_NONE;

	(void)state;
	if (net_configure(&record, &err) < 0)
		fail_msg("%s", err.text);
	expect("-o -4 addr show eth0", "10.9.0.2/24");
	expect("route", "10.9.0.1 dev eth0 proto static scope link");
	expect("route", "10.9.0.0/24 via 10.9.0.1 dev eth0");
	assert_null(strstr(ip("route show 10.9.0.0/24"), "kernel"));
	expect("-6 route", "2001::/16 via fe80::9 dev eth0");
	expect("-6 route", "fd09::1 dev eth0");
	assert_null(strstr(ip("-6 route show fd09::/64"), "kernel"));
}

/* What a namespace of the host's had. The last that uses eth1, whose name it takes. */
static void test_link(void **state)
{
	const struct record record = {
		.interfaces = { { .address_count = 0 },
				{ .name = "data",
				  .has_link = true,
				  .mtu = 1380,
				  .mac = { 2, 0, 0, 0, 0x90, 2 },
				  .addresses = { { 4, 24, { 10, 8, 0, 2 } } },
				  .address_count = 1,
				  .neighbours = { { { 4, 0, { 10, 8, 0, 9 } },
						    { 2, 0, 0, 0, 0x90, 9 } },
						  { { 6, 0, { 0xfd, 8, [15] = 9 } },
						    { 2, 0, 0, 0, 0x90, 10 } } },
				  .neighbour_count = 2 } },
		.interface_count = 2
	};
	struct error err = ERROR_NONE;

	(void)state;
	(void)ip("link set eth1 down");
	if (net_configure(&record, &err) < 0)
		fail_msg("%s", err.text);
	expect("-o link show data", "mtu 1380");
	expect("-o link show data", "02:00:00:00:90:02");
	expect("-o -4 addr show data", "10.8.0.2/24");
	expect("neigh show dev data", "10.8.0.9 lladdr 02:00:00:00:90:09 PERMANENT");
	expect("neigh show dev data", "fd08::9 lladdr 02:00:00:00:90:0a PERMANENT");
}

static void test_refused(void **state)
{
	struct record record = { .interface_count = 3 };
	struct error err = ERROR_NONE;

	(void)state;
	assert_int_equal(net_configure(&record, &err), -1);
	assert_string_equal(err.text, "there is no interface eth2: No such device");
	record.interface_count = 1;
	record.interfaces[0] = first;
	record.interfaces[0].addresses[1].prefix = 33;
	assert_int_equal(net_configure(&record, &err), -1);
	assert_string_equal(err.text, "cannot give eth0 an address: Invalid argument");
	record.interfaces[0] = first;
	memset(record.interfaces[0].gateways[0].bytes, 0xff, 4);
	assert_int_equal(net_configure(&record, &err), -1);
	assert_non_null(strstr(err.text, "cannot give eth0 a default route"));
	record.interface_count = 0;
	assert_int_equal(net_configure(&record, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_configure),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_link),
	};

	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0 || !make_interface("eth0") ||
	    !make_interface("eth1")) {
		printf("no network namespace with a tap device can be made here\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
