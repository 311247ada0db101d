/*
 * passt: its addresses, arguments and last words. The routes are the kernel's to say, the last
 * words those of a program of the host's.
 */
#include "vmm/pod/passt.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"

enum { ARGUMENTS_MAX = 32 + 2 * POD_ADDRESSES_MAX + 2 * NET_PORTS_MAX, WORDS_MAX = 4096 };

/* A line of the kernel's table that leads everywhere: IFACE 00000000 GATEWAY FLAGS ... MASK ... */
static bool has_default_route4(void)
{
	_cleanup_file_ FILE *file = fopen("/proc/net/route", "re");
	char line[256];
	unsigned destination, mask;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%*s %x %*x %*x %*d %*d %*d %x", &destination, &mask) == 2 &&
		    destination == 0 && mask == 0)
			return true;
	return false;
}

/* DESTINATION PREFIX ... IFACE; on lo it is the one that rejects. */
static bool has_default_route6(void)
{
	_cleanup_file_ FILE *file = fopen("/proc/net/ipv6_route", "re");
	char line[256], destination[33], interface[33];
	unsigned prefix;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%32s %x %*s %*s %*s %*s %*s %*s %*s %32s", destination, &prefix,
			   interface) == 3 &&
		    prefix == 0 && strspn(destination, "0") == 32 && strcmp(interface, "lo") != 0)
			return true;
	return false;
}

bool passt_has_uplink(void)
{
	return has_default_route4() || has_default_route6();
}

int passt_addresses(struct pod_interface *interface, struct error *err)
{
	static const struct pod_address address4 = { 4, 24, { 10, 0, 2, 15 } };
	static const struct pod_address gateway4 = { 4, 0, { 10, 0, 2, 2 } };
	static const struct pod_address address6 = {
		6, 64, { 0xfd, 0, 0x6e, 0x61, 0x63, 0x65, 0x6c, 0x6c, [15] = 0x15 }
	};
	static const struct pod_address gateway6 = { 6, 0, { 0xfe, 0x80, [15] = 2 } };

	if (interface->address_count)
		return 0;
	if (has_default_route4()) {
		interface->addresses[interface->address_count++] = address4;
		interface->gateways[interface->gateway_count++] = gateway4;
	}
	if (has_default_route6()) {
		interface->addresses[interface->address_count++] = address6;
		interface->gateways[interface->gateway_count++] = gateway6;
	}
	if (!interface->address_count)
		return error_set(err, 0, "--net passt: this host has no default route");
	return 0;
}

#define HOW_TO_GET "install Debian's package passt, or run without a network: --net none"

int passt_check_installed(struct error *err)
{
	const char *directories = getenv("PATH");
	char path[PATH_MAX];

	/* What execvp() does without one. */
	if (!directories)
		directories = "/bin:/usr/bin";
	for (;;) {
		size_t len = strcspn(directories, ":");

		if (snprintf(path, sizeof(path), "%.*s%spasst", (int)len, directories,
			     len ? "/" : "") < (int)sizeof(path) &&
		    access(path, X_OK) == 0)
			return 0;
		if (!directories[len])
			break;
		directories += len + 1;
	}
	return error_set(err, 0, "passt, the pod's network, is not installed: " HOW_TO_GET);
}

/* Binds as passt does, but that two sockets of UDP never share a port. */
static int try_port(const struct net_port *port, unsigned family)
{
	struct sockaddr_in ip4 = { .sin_family = AF_INET, .sin_port = htons(port->host) };
	struct sockaddr_in6 ip6 = { .sin6_family = AF_INET6, .sin6_port = htons(port->host) };
	_cleanup_fd_ int fd = socket(family == 6 ? AF_INET6 : AF_INET,
				     (port->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	const int one = 1;

	if (fd < 0)
		return errno == EAFNOSUPPORT ? 0 : -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, port->udp ? 0 : sizeof(one));
	if (family == 4) {
		memcpy(&ip4.sin_addr, port->ip.bytes, sizeof(ip4.sin_addr));
		return bind(fd, (const struct sockaddr *)&ip4, sizeof(ip4));
	}
	memcpy(&ip6.sin6_addr, port->ip.bytes, sizeof(ip6.sin6_addr));
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	return bind(fd, (const struct sockaddr *)&ip6, sizeof(ip6));
}

int passt_check_ports(const struct pod_interface *interface, const struct net_port *ports,
		      unsigned count, struct error *err)
{
	bool families[2] = { false, false };

	for (size_t i = 0; i < interface->address_count; i++)
		families[interface->addresses[i].family == 6] = true;
	for (unsigned i = 0; i < count; i++) {
		const struct net_port *port = &ports[i];

		for (unsigned family = 4; family <= 6; family += 2) {
			if (!families[family == 6] ||
			    (port->ip.family && port->ip.family != family))
				continue;
			if (try_port(port, family) < 0)
				return error_set(err, errno,
						 "--publish: port %s%s cannot be bound for IPv%u",
						 port->text, port->udp ? "/udp" : "", family);
		}
	}
	return 0;
}

/* Arguments, and the texts of addresses that they point to. */
struct arguments {
	const char *items[ARGUMENTS_MAX + 1];
	unsigned count;
	char texts[POD_ADDRESSES_MAX + POD_GATEWAYS_MAX][INET6_ADDRSTRLEN];
	unsigned text_count;
};

static void add(struct arguments *arguments, const char *option, const char *value)
{
	if (arguments->count + 2 > ARGUMENTS_MAX)
		return;
	arguments->items[arguments->count++] = option;
	if (value)
		arguments->items[arguments->count++] = value;
}

static void add_address(struct arguments *arguments, const char *option,
			const struct pod_address *address)
{
	char *text = arguments->texts[arguments->text_count++];

	(void)inet_ntop(address->family == 6 ? AF_INET6 : AF_INET, address->bytes, text,
			INET6_ADDRSTRLEN);
	add(arguments, option, text);
}

/*
 * --no-map-gw: otherwise whoever connects to the gateway's address reaches what listens on the
 * host's loopback interface. The guest is configured from the pod record, so nobody asks passt for
 * addresses; neighbours are still looked for.
 */
static void fill_arguments(struct arguments *arguments, const struct passt_request *request,
			   const char *socket, const char *mtu)
{
	static const char *const fixed[] = { "passt",	  "--foreground", "--quiet", "--no-map-gw",
					     "--no-dhcp", "--no-dhcpv6",  "--no-ra", "--dns",
					     "none",	  "--search",	  "none",    "--fd" };
	bool families[2] = { false, false };
	bool tcp = false, udp = false;

	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
		add(arguments, fixed[i], NULL);
	add(arguments, socket, NULL);
	add(arguments, "--mtu", mtu);
	for (size_t i = 0; i < request->interface->address_count; i++) {
		families[request->interface->addresses[i].family == 6] = true;
		add_address(arguments, "--address", &request->interface->addresses[i]);
	}
	for (size_t i = 0; i < request->interface->gateway_count; i++)
		add_address(arguments, "--gateway", &request->interface->gateways[i]);
	if (!families[0] || !families[1])
		add(arguments, families[0] ? "-4" : "-6", NULL);
	for (unsigned i = 0; i < request->port_count; i++) {
		add(arguments, request->ports[i].udp ? "-u" : "-t", request->ports[i].text);
		tcp |= !request->ports[i].udp;
		udp |= request->ports[i].udp;
	}
	if (!tcp)
		add(arguments, "-t", "none");
	if (!udp)
		add(arguments, "-u", "none"); /* its default is the ports of TCP */
}

/*
 * In the new process. A process group of its own: what the terminal sends is for the supervisor and
 * the app. Of what is open, also what our own caller left open, it gets its socket alone. It dies
 * with the supervisor; the kernel forgets that when passt changes its user, but then the end of the
 * machine, which dies with the supervisor too, is the end of its socket, and passt ends by itself.
 */
static _Noreturn void become_passt(const struct passt_request *request, int words, pid_t parent)
{
	struct arguments arguments = { .count = 0 };
	char socket[16], mtu[16];
	sigset_t none;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)snprintf(socket, sizeof(socket), "%d", request->socket);
	(void)snprintf(mtu, sizeof(mtu), "%u", request->mtu);
	fill_arguments(&arguments, request, socket, mtu);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() != parent)
		_exit(1);
	if (null >= 0 && setpgid(0, 0) == 0 && dup2(null, STDIN_FILENO) >= 0 &&
	    dup2(words, STDOUT_FILENO) >= 0 && dup2(words, STDERR_FILENO) >= 0 &&
	    syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) == 0 &&
	    fcntl(request->socket, F_SETFD, 0) == 0) {
		/* execvp() does not write to its arguments; its type is older than const. */
		union {
			const char **from;
			char *const *to;
		} argv = { arguments.items };

		execvp("passt", argv.to);
	}
	(void)dprintf(words, "cannot execute passt: %s; " HOW_TO_GET "\n", strerror(errno));
	_exit(1);
}

pid_t passt_start(const struct passt_request *request, int *words, struct error *err)
{
	pid_t parent = getpid();
	int ends[2];
	pid_t pid;

	/* Non-blocking: what nobody reads in the end is lost, and passt does not wait for it. */
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return error_set(err, errno, "cannot make a pipe");
	pid = fork();
	if (pid == 0)
		become_passt(request, ends[1], parent);
	close(ends[1]);
	*words = ends[0];
	return pid < 0 ? error_set(err, errno, "cannot start passt") : pid;
}

void passt_last_words(int words, char line[PASST_WORDS_MAX])
{
	char text[WORDS_MAX + 1];
	ssize_t n = words < 0 ? 0 : read(words, text, WORDS_MAX);
	const char *last;

	line[0] = '\0';
	while (n > 0 && text[n - 1] == '\n')
		n--;
	if (n <= 0)
		return;
	text[n] = '\0';
	last = strrchr(text, '\n');
	(void)snprintf(line, PASST_WORDS_MAX, "%.*s", PASST_WORDS_MAX - 1, last ? last + 1 : text);
}
