/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An interface and its address, in a network namespace of the test's own, with a scripted
 * neighbour (tests/trees/neighbour.py) at the other end of the cable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/net_internal.h"

#define TEST(name) static void name(void **state)
#define ENOUGH 20000
#define SHORT 2500	/* where nothing will come */

static bool namespaced;		/* false: this user may make none */

struct neighbour {
	pid_t pid;
	int in;
};

static void run(const char *command)
{
	if (system(command) != 0)
		fail_msg("%s", command);
}

static void neighbour_start(struct neighbour *n, const char *mode)
{
	int in[2], out[2];
	char byte;

	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	n->pid = fork();
	if (n->pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		close(out[0]);
		execlp("python3", "python3", "tests/trees/neighbour.py", mode, "peer0", (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	n->in = in[1];
	do
		assert_int_equal(read(out[0], &byte, 1), 1);
	while (byte != '\n');
	close(out[0]);
}

/* A namespace with a cable between hf0 and peer0, which is up, and a second pair. */
static void begin(struct neighbour *n, const char *mode)
{
	if (!namespaced) {
		printf("SKIP no network namespace can be made here (not root?)\n");
		skip();
	}
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	run("ip link add hf0 type veth peer name peer0");
	run("ip link add hf1 type veth peer name peer1");
	run("ip link set peer0 up && ip link set hf1 up && ip link set peer1 up");
	neighbour_start(n, mode);
}

static void end(struct neighbour *n)
{
	close(n->in);
	waitpid(n->pid, NULL, 0);
	assert_int_equal(unshare(CLONE_NEWNET), 0);	/* the old one ends with its last user */
}

static void show(const char *command, char *out, size_t cap)
{
	FILE *pipe = popen(command, "r");
	size_t n;

	assert_non_null(pipe);
	n = fread(out, 1, cap - 1, pipe);
	out[n] = '\0';
	pclose(pipe);
}

static void assert_shows(const char *command, const char *words)
{
	char text[4096];

	show(command, text, sizeof(text));
	if (!strstr(text, words))
		fail_msg("%s: no \"%s\" in\n%s", command, words, text);
}

static void assert_shows_not(const char *command, const char *words)
{
	char text[4096];

	show(command, text, sizeof(text));
	if (strstr(text, words))
		fail_msg("%s: \"%s\" in\n%s", command, words, text);
}

static struct hf_address_plan plan_of(const char *text)
{
	struct hf_address_plan plan;

	assert_int_equal(hf_address_plan_parse(hf_span_text(text), &plan), HF_OK);
	return plan;
}

static void up(const char *text)
{
	const struct hf_address_plan plan = plan_of(text);
	struct hf_fault fault = { 0 };

	if (hf_net_up_within("hf0", &plan, ENOUGH, &fault) != HF_OK)
		fail_msg("%s: %s: %s", text, hf_err_name(fault.err), fault.detail);
}

static void up_fails(const char *text, enum hf_err err, const char *words)
{
	const struct hf_address_plan plan = plan_of(text);
	struct hf_fault fault = { 0 };

	if (hf_net_up_within("hf0", &plan, SHORT, &fault) != err || !strstr(fault.detail, words))
		fail_msg("%s: %s: %s", text, hf_err_name(fault.err), fault.detail);
	assert_string_equal(fault.where, "hf0");
}

TEST(slaac_takes_what_a_router_advertises)
{
	struct neighbour n;

	(void)state;
	begin(&n, "router");
	up("slaac");
	assert_shows("ip -6 addr show dev hf0", "inet6 2001:db8:5:");
	assert_shows_not("ip -6 addr show dev hf0 scope global tentative", "inet6");
	assert_shows_not("ip -6 addr show dev hf0", "temporary");
	assert_shows("ip -6 route show default", "via fe80::1 dev hf0");
	hf_net_down("hf0");
	assert_shows_not("ip -6 addr show dev hf0", "inet6");
	assert_shows_not("ip link show dev hf0", "UP");
	up("slaac");	/* as before the ticket */
	hf_net_down("hf0");
	end(&n);
}

TEST(ipv6_is_off_elsewhere)
{
	struct neighbour n;

	(void)state;
	begin(&n, "router");
	assert_shows("ip -6 addr show dev hf1", "inet6 fe80:");
	up("slaac");
	assert_shows_not("ip -6 addr show dev hf1", "inet6");
	assert_shows("cat /proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	end(&n);
}

TEST(slaac_wants_router_and_prefix)
{
	struct neighbour n;

	(void)state;
	begin(&n, "quiet");
	up_fails("slaac", HF_ERR_LINK_ADDRESS, "no router advertised anything");
	end(&n);
	begin(&n, "no-router");
	up_fails("slaac", HF_ERR_LINK_ADDRESS, "no router advertised itself");
	end(&n);
	begin(&n, "no-prefix");
	up_fails("slaac", HF_ERR_LINK_ADDRESS, "no router advertised a prefix");
	end(&n);
}

TEST(an_address_that_somebody_has_is_not_used)
{
	struct neighbour n;

	(void)state;
	begin(&n, "duplicate");
	up_fails("slaac", HF_ERR_LINK_ADDRESS, "a prefix with an address that is free");
	end(&n);
}

TEST(static_addresses)
{
	struct neighbour n;

	(void)state;
	begin(&n, "router");
	up("ip=198.51.100.20::198.51.100.1:255.255.255.192::hf0:off");
	assert_shows("ip -4 addr show dev hf0", "inet 198.51.100.20/26");
	assert_shows("ip -4 route show default", "via 198.51.100.1 dev hf0");
	usleep(600000);		/* the router goes on advertising */
	assert_shows_not("ip -6 addr show dev hf0", "inet6");
	hf_net_down("hf0");
	assert_shows_not("ip -4 addr show dev hf0", "inet ");
	up("ip=198.51.100.20::198.51.100.1:255.255.255.192::hf0:off");
	hf_net_down("hf0");
	up("ip=198.51.100.20:::255.255.255.0");
	assert_shows("ip -4 addr show dev hf0", "inet 198.51.100.20/24");
	assert_shows_not("ip -4 route show default", "via");
	up_fails("ip=198.51.100.20:::255.255.255.0::eth7:off", HF_ERR_LINK_ADDRESS, "ip= is for eth7");
	end(&n);
}

TEST(no_carrier)
{
	struct neighbour n;

	(void)state;
	begin(&n, "router");
	run("ip link set peer0 down");
	up_fails("slaac", HF_ERR_LINK_DOWN, "no carrier");
	up_fails("ip=198.51.100.20:::255.255.255.0", HF_ERR_LINK_DOWN, "no carrier");
	up_fails("dhcp", HF_ERR_LINK_DOWN, "no carrier");
	end(&n);
}

static bool has_client(void)
{
	if (access(HF_NET_DHCP_CLIENT, X_OK) == 0)
		return true;
	printf("SKIP there is no " HF_NET_DHCP_CLIENT " (klibc-utils)\n");
	return false;
}

TEST(dhcp_by_the_client_of_klibc)
{
	struct neighbour n;

	(void)state;
	if (!has_client())
		skip();
	begin(&n, "dhcp");
	up("dhcp");
	assert_shows("ip -4 addr show dev hf0", "inet 198.51.100.77/24");
	assert_shows("ip -4 route show default", "via 198.51.100.1 dev hf0");
	hf_net_down("hf0");
	assert_shows_not("ip -4 addr show dev hf0", "inet ");
	end(&n);
	begin(&n, "dhcp-no-router");
	up("ip=dhcp");
	assert_shows("ip -4 addr show dev hf0", "inet 198.51.100.77/24");
	end(&n);
	begin(&n, "quiet");
	up_fails("dhcp", HF_ERR_LINK_ADDRESS, "no DHCP server");
	end(&n);
}

/* In a mount namespace in which the program is hidden. */
TEST(dhcp_without_its_client)
{
	struct neighbour n;
	int status;
	pid_t pid;

	(void)state;
	if (!has_client())
		skip();
	begin(&n, "dhcp");
	pid = fork();
	if (pid == 0) {
		const struct hf_address_plan plan = { .kind = HF_ADDRESS_DHCP };
		struct hf_fault fault = { 0 };

		if (unshare(CLONE_NEWNS) != 0 || system("mount --make-rprivate / && mount -t tmpfs none /usr/lib/klibc") != 0)
			_exit(2);
		_exit(hf_net_up_within("hf0", &plan, ENOUGH, &fault) == HF_ERR_LINK_ADDRESS &&
		      strstr(fault.detail, "klibc-utils") ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	end(&n);
}

/* ---- whose interface it is ---- */

static void made(const char *root, const char *dir)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", root, dir);
	assert_int_equal(mkdir(path, 0755), 0);
}

TEST(the_interface_of_a_function)
{
	static const char *const dirs[] = {
		"bus", "bus/pci", "bus/pci/devices", "bus/pci/devices/0000:01:00.0",
		"bus/pci/devices/0000:01:00.0/net", "bus/pci/devices/0000:01:00.0/net/enp2",
		"bus/pci/devices/0000:01:00.0/net/enp1", "bus/pci/devices/0000:02:00.0",
		"bus/pci/devices/0000:02:00.0/virtio3", "bus/pci/devices/0000:02:00.0/virtio3/net",
		"bus/pci/devices/0000:02:00.0/virtio3/net/eth5", "bus/pci/devices/0000:03:00.0",
	};
	char root[] = "/tmp/holdfast-net-XXXXXX", name[HF_INTERFACE_MAX], command[64];
	struct hf_fault fault = { 0 };
	struct hf_host host;

	(void)state;
	assert_non_null(mkdtemp(root));
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		made(root, dirs[i]);
	assert_int_equal(hf_host_open(root, &host, &fault), HF_OK);
	assert_int_equal(hf_net_interface(&host, &(struct hf_address){ .bus = 1 }, name, &fault), HF_OK);
	assert_string_equal(name, "enp1");
	assert_int_equal(hf_net_interface(&host, &(struct hf_address){ .bus = 2 }, name, &fault), HF_OK);
	assert_string_equal(name, "eth5");
	assert_int_equal(hf_net_interface(&host, &(struct hf_address){ .bus = 3 }, name, &fault), HF_ERR_LINK_NO_NIC);
	assert_int_equal(hf_net_interface(&host, &(struct hf_address){ .bus = 4 }, name, &fault), HF_ERR_LINK_NO_NIC);
	hf_host_close(&host);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	run(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slaac_takes_what_a_router_advertises),
		cmocka_unit_test(ipv6_is_off_elsewhere),
		cmocka_unit_test(slaac_wants_router_and_prefix),
		cmocka_unit_test(an_address_that_somebody_has_is_not_used),
		cmocka_unit_test(static_addresses),
		cmocka_unit_test(no_carrier),
		cmocka_unit_test(dhcp_by_the_client_of_klibc),
		cmocka_unit_test(dhcp_without_its_client),
		cmocka_unit_test(the_interface_of_a_function),
	};

	namespaced = unshare(CLONE_NEWNET) == 0 && system("ip link show >/dev/null 2>&1") == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
