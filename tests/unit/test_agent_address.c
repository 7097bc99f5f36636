/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/net.h"

#define TEST(name) static void name(void **state)

static enum hf_err parse(const char *text, struct hf_address_plan *ret)
{
	memset(ret, 0xaa, sizeof(*ret));
	return hf_address_plan_parse(hf_span_text(text), ret);
}

TEST(words)
{
	struct hf_address_plan p;

	(void)state;
	assert_int_equal(parse("slaac", &p), HF_OK);
	assert_int_equal(p.kind, HF_ADDRESS_SLAAC);
	assert_string_equal(p.device, "");
	assert_int_equal(parse("dhcp", &p), HF_OK);
	assert_int_equal(p.kind, HF_ADDRESS_DHCP);
	assert_int_equal(parse("ip=dhcp", &p), HF_OK);
	assert_int_equal(p.kind, HF_ADDRESS_DHCP);
	assert_int_equal(parse("ip=:::::eth1:dhcp", &p), HF_OK);
	assert_int_equal(p.kind, HF_ADDRESS_DHCP);
	assert_string_equal(p.device, "eth1");
}

TEST(static_addresses)
{
	static const uint8_t client[4] = { 192, 0, 2, 7 }, gateway[4] = { 192, 0, 2, 1 }, none[4];
	static const char *const same[] = {
		"ip=192.0.2.7::192.0.2.1:255.255.255.0::eth0:off",
		"ip=192.0.2.7:10.0.0.1:192.0.2.1:255.255.255.0:host-7.example:eth0:none",
		"ip=192.0.2.7::192.0.2.1:255.255.255.0::eth0",
		"ip=192.0.2.7::192.0.2.1:255.255.255.0::eth0:off:192.0.2.53:192.0.2.54:192.0.2.123",
		"ip=192.0.2.7::192.0.2.1:255.255.255.0::eth0:off:::",
	};
	struct hf_address_plan p;

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		if (parse(same[i], &p) != HF_OK)
			fail_msg("%s", same[i]);
		assert_int_equal(p.kind, HF_ADDRESS_STATIC);
		assert_memory_equal(p.client, client, 4);
		assert_memory_equal(p.gateway, gateway, 4);
		assert_int_equal(p.prefix, 24);
		assert_string_equal(p.device, "eth0");
	}
	assert_int_equal(parse("ip=192.0.2.7:::255.255.255.255", &p), HF_OK);
	assert_int_equal(p.prefix, 32);
	assert_memory_equal(p.gateway, none, 4);
	assert_string_equal(p.device, "");
	assert_int_equal(parse("ip=192.0.2.7::0.0.0.0:255.255.255.254::", &p), HF_OK);
	assert_int_equal(p.prefix, 31);
	assert_int_equal(parse("ip=10.1.2.3::10.255.0.1:255.0.0.0", &p), HF_OK);
	assert_int_equal(p.prefix, 8);
	assert_int_equal(parse("ip=192.0.2.7:::255.255.255.0::abcdefghijklmno", &p), HF_OK);
	assert_string_equal(p.device, "abcdefghijklmno");
}

TEST(what_is_malformed_is_refused)
{
	static const char *const wrong[] = {
		"", " ", "ip=", "ip", "IP=dhcp", "slaac ", " slaac", "dhcp6", "auto", "ip=on", "ip=any", "ip=off",
		"ip=none", "ip=both", "ip=auto6", "ip=192.0.2.7", "ip=192.0.2.7::192.0.2.1",
		"ip=192.0.2.7::192.0.2.1:", "ip=192.0.2.7:::", "ip=::::", "ip=:::255.255.255.0",
		"ip=192.0.2.7:::24", "ip=192.0.2.7/24:::255.255.255.0", "ip=192.0.2.7:::0.0.0.0",
		"ip=192.0.2.7:::255.0.255.0", "ip=192.0.2.7:::0.255.255.255", "ip=192.0.2.7:::255.255.255.1",
		"ip=0.0.0.0:::255.255.255.0", "ip=127.0.0.1:::255.0.0.0", "ip=224.0.0.1:::255.255.255.0",
		"ip=255.255.255.255:::255.255.255.0", "ip=192.0.2.0:::255.255.255.0",
		"ip=192.0.2.255:::255.255.255.0", "ip=192.0.2.7::192.0.3.1:255.255.255.0",
		"ip=192.0.2.7::192.0.2.7:255.255.255.0", "ip=192.0.2.7::192.0.2.1:255.255.255.255",
		"ip=192.0.2.7::x:255.255.255.0", "ip=192.0.2.07:::255.255.255.0", "ip=192.0.2.256:::255.255.255.0",
		"ip=192.0.2.7:x::255.255.255.0", "ip=192.0.2.7:::255.255.255.0:host name:eth0:off",
		"ip=192.0.2.7:::255.255.255.0::eth/0:off", "ip=192.0.2.7:::255.255.255.0::..:off",
		"ip=192.0.2.7:::255.255.255.0::abcdefghijklmnop:off", "ip=192.0.2.7:::255.255.255.0::eth0:dhcp",
		"ip=192.0.2.7:::255.255.255.0::eth0:on", "ip=192.0.2.7:::255.255.255.0::eth0:off:x",
		"ip=192.0.2.7:::255.255.255.0::eth0:off::::", "ip=:::::eth0:off", "ip=:::::eth0",
		"ip=::192.0.2.1:::eth0:dhcp", "ip=:::255.255.255.0::eth0:dhcp", "ip=dhcp:", "ip=dhcp ",
		"ip=[2001:db8::1]::[2001:db8::2]:64::eth0:off", "ip=\"192.0.2.7:::255.255.255.0\"",
		"ip= 192.0.2.7:::255.255.255.0", "ip=240.0.0.1:::255.255.255.0",
	};
	struct hf_address_plan p, poison;

	(void)state;
	memset(&poison, 0xaa, sizeof(poison));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (parse(wrong[i], &p) != HF_ERR_IP_SYNTAX)
			fail_msg("\"%s\" was taken", wrong[i]);
		assert_memory_equal(&p, &poison, sizeof(p));
	}
	assert_int_equal(hf_address_plan_parse((struct hf_span){ (const uint8_t *)"slaac\0", 6 }, &p),
			 HF_ERR_IP_SYNTAX);
	assert_int_equal(hf_address_plan_parse((struct hf_span){ (const uint8_t *)
			 "ip=192.0.2.7\0:::255.255.255.0", 30 }, &p), HF_ERR_IP_SYNTAX);
	assert_int_equal(hf_address_plan_parse((struct hf_span){ NULL, 0 }, &p), HF_ERR_IP_SYNTAX);
}

/* A good word with one field changed: what is refused then can only be that field. */
enum field { CLIENT, SERVER, GATEWAY, NETMASK, HOSTNAME, DEVICE, AUTOCONF, DNS0, DNS1, NTP, FIELDS };
static enum hf_err with(enum field field, const char *value, bool dhcp)
{
	static const char *const fixed[FIELDS] = {
		"192.0.2.7", "198.51.100.1", "192.0.2.1", "255.255.255.0", "host-7", "eth0", "off",
		"192.0.2.53", "192.0.2.54", "192.0.2.123",
	};
	static const char *const asked[FIELDS] = { "", "", "", "", "", "eth0", "dhcp", "", "", "" };
	struct hf_address_plan p;
	char text[256] = "ip=";
	size_t len = strlen(text);

	for (int i = 0; i < FIELDS; i++) {
		const char *const now = i == (int)field ? value : dhcp ? asked[i] : fixed[i];

		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i ? ":" : "", now);
		assert_true(len < sizeof(text));
	}
	return parse(text, &p);
}

static void field_is(enum field field, const char *value, enum hf_err fixed, enum hf_err dhcp)
{
	if (with(field, value, false) != fixed)
		fail_msg("field %d, off, \"%s\"", (int)field, value);
	if (with(field, value, true) != dhcp)
		fail_msg("field %d, dhcp, \"%s\"", (int)field, value);
}

static void each_is(enum field field, const char *const *values, enum hf_err fixed, enum hf_err dhcp)
{
	for (; *values; values++)
		field_is(field, *values, fixed, dhcp);
}

/* As inet_pton writes them and in no other way: in_aton of the kernel reads on where we stop. */
static const char *const no_addresses[] = {
	"x", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "1..2.3", "1.2.3.4x", "+1.2.3.4", " 1.2.3.4", "1.2.3.4 ",
	"0x1.2.3.4", "01.2.3.4", "1.2.3.256", "16909060", "-1.2.3.4", "1.2.3.4/24", "[2001", "host.example",
	"255.255.255.2555", NULL,
};

TEST(addresses_one_by_one)
{
	const enum hf_err no = HF_ERR_IP_SYNTAX;
	static const enum field unused[] = { SERVER, DNS0, DNS1, NTP };
	static const char *const anyone[] = { "", "10.0.0.1", "255.255.255.255", "0.0.0.0", NULL };
	static const char *const clients[] = { "192.0.2.2", "192.0.2.254", NULL };
	static const char *const gateways[] = { "", "0.0.0.0", "192.0.2.254", NULL };
	static const char *const no_gateways[] = {
		"192.0.2.7", "192.0.1.255", "192.0.3.0", "198.51.100.1", "127.0.0.1", "224.0.0.1", NULL,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(unused) / sizeof(unused[0]); i++) {
		each_is(unused[i], anyone, HF_OK, HF_OK);
		each_is(unused[i], no_addresses, no, no);
	}
	each_is(CLIENT, no_addresses, no, no);
	each_is(CLIENT, clients, HF_OK, no);	/* an address, and asked for another: which? */
	field_is(CLIENT, "", no, HF_OK);
	each_is(GATEWAY, no_addresses, no, no);
	each_is(GATEWAY, no_gateways, no, no);
	each_is(GATEWAY, gateways + 1, HF_OK, no);
	field_is(GATEWAY, gateways[0], HF_OK, HF_OK);
}

TEST(no_host_has_these_addresses)
{
	static const char *const no_clients[] = {
		"0.0.0.0", "0.0.0.1", "0.255.255.254", "127.0.0.1", "127.255.255.254", "224.0.0.1", "239.1.2.3",
		"240.0.0.1", "255.255.255.254", NULL,
	};
	static const char *const clients[] = {
		"1.0.0.1", "126.255.255.254", "128.0.0.1", "169.254.1.1", "223.255.255.254", NULL,
	};
	struct hf_address_plan p;
	char text[64];

	(void)state;
	for (const char *const *c = no_clients; *c; c++) {
		snprintf(text, sizeof(text), "ip=%s:::255.0.0.0", *c);
		if (parse(text, &p) != HF_ERR_IP_SYNTAX)
			fail_msg("%s", text);
	}
	for (const char *const *c = clients; *c; c++) {
		snprintf(text, sizeof(text), "ip=%s:::255.0.0.0", *c);
		if (parse(text, &p) != HF_OK)
			fail_msg("%s", text);
	}
}

TEST(the_netmask)
{
	static const char *const no_masks[] = {
		"", "24", "/24", "0.0.0.0", "0.255.255.255", "255.0.255.0", "255.255.255.1", "255.255.254.255",
		"127.255.255.255", "254.255.255.0", "0xffffff00", NULL,
	};
	struct hf_address_plan p;
	char text[64];

	(void)state;
	each_is(NETMASK, no_addresses, HF_ERR_IP_SYNTAX, HF_ERR_IP_SYNTAX);
	each_is(NETMASK, no_masks + 1, HF_ERR_IP_SYNTAX, HF_ERR_IP_SYNTAX);
	field_is(NETMASK, no_masks[0], HF_ERR_IP_SYNTAX, HF_OK);	/* the kernel would guess it by class */
	for (unsigned prefix = 1; prefix <= 32; prefix++) {
		const uint32_t mask = (uint32_t)(UINT64_C(0xffffffff) << (32 - prefix));

		snprintf(text, sizeof(text), "ip=85.85.85.85:::%u.%u.%u.%u", mask >> 24, mask >> 16 & 255,
			 mask >> 8 & 255, mask & 255);
		if (parse(text, &p) != HF_OK)
			fail_msg("%s", text);
		assert_int_equal(p.prefix, prefix);
		assert_int_equal(p.client[3], 85);
	}
	/* Of two addresses none is the network's; of four two are. */
	assert_int_equal(parse("ip=192.0.2.6:::255.255.255.254", &p), HF_OK);
	assert_int_equal(parse("ip=192.0.2.7::192.0.2.6:255.255.255.254", &p), HF_OK);
	assert_int_equal(parse("ip=192.0.2.4:::255.255.255.252", &p), HF_ERR_IP_SYNTAX);
	assert_int_equal(parse("ip=192.0.2.7:::255.255.255.252", &p), HF_ERR_IP_SYNTAX);
	assert_int_equal(parse("ip=192.0.2.6:::255.255.255.252", &p), HF_OK);
}

#define NAME_63 "abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ_012345678"
TEST(names_one_by_one)
{
	const enum hf_err no = HF_ERR_IP_SYNTAX;
	static const char *const names[] = { "", "a", "eth0.100", "enp1s0f0_1", "...", NULL };
	static const char *const no_names[] = {
		".", "..", "a/b", "../x", "a b", "a%d", "a*", "a\n", "a\"", "a\x80", "a@b", "a[b", "a`b", "a{b", NULL,
	};
	static const enum field both[] = { HOSTNAME, DEVICE };

	(void)state;
	for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++) {
		each_is(both[i], names, HF_OK, HF_OK);
		each_is(both[i], no_names, no, no);
	}
	field_is(DEVICE, "abcdefghijklmno", HF_OK, HF_OK);
	field_is(DEVICE, "abcdefghijklmnop", no, no);
	field_is(HOSTNAME, NAME_63 "9", HF_OK, HF_OK);
	field_is(HOSTNAME, NAME_63 "90", no, no);
}

TEST(the_way_of_asking)
{
	static const char *const no_ways[] = {
		"on", "any", "bootp", "rarp", "both", "OFF", "None", "dhcp6", "DHCP", "auto6", "ibft", "link6",
		"off ", " off", "offf", "of", NULL,
	};

	(void)state;
	each_is(AUTOCONF, no_ways, HF_ERR_IP_SYNTAX, HF_ERR_IP_SYNTAX);
	field_is(AUTOCONF, "off", HF_OK, HF_ERR_IP_SYNTAX);
	field_is(AUTOCONF, "none", HF_OK, HF_ERR_IP_SYNTAX);
	field_is(AUTOCONF, "", HF_OK, HF_ERR_IP_SYNTAX);
	field_is(AUTOCONF, "dhcp", HF_ERR_IP_SYNTAX, HF_OK);
}

/* Of the kernel, of dracut and of klibc, as administrators have them in their boot loaders. */
TEST(what_others_write_is_refused)
{
	static const char *const others[] = {
		"ip=bootp", "ip=rarp", "ip=any", "ip=on", "ip=both", "ip=ibft", "ip=single-dhcp", "ip=either6",
		"ip=link-local", "ip=eth0:dhcp", "ip=eth0:on", "ip=eth0", "ip=dhcp:eth0", "ip=::dhcp", "ip=dhcp::",
		"ip=192.0.2.7::192.0.2.1:24:host-7:eth0:none", "ip=192.0.2.7::192.0.2.1:255.255.255.0:h:eth0:none:1500",
		"ip=192.0.2.7::192.0.2.1:255.255.255.0:h:eth0:none:9000:02:00:00:00:00:01",
		"ip=[2001:db8::7]::[2001:db8::1]:64:h:eth0:none", "ip=2001:db8::7", "ip=192.0.2.7,192.0.2.8",
		"ip=192.0.2.7:::255.255.255.0;x", "ip==192.0.2.7:::255.255.255.0", "ip=ip=dhcp", "ip=dhcp,dhcp6",
		"nfsaddrs=192.0.2.7:::255.255.255.0", "ip", "ip:dhcp", "iP=dhcp", "=dhcp", "sla", "dhc", "slaacdhcp",
	};
	struct hf_address_plan p;

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (parse(others[i], &p) != HF_ERR_IP_SYNTAX)
			fail_msg("\"%s\" was taken", others[i]);
}

/* A word is bytes with a length: what lies behind it is not read (a sanitizer would tell). Good is
 * what has a whole netmask, and after it whatever is no piece of "off". */
TEST(every_prefix_of_a_good_word)
{
	static const char good[] = "ip=192.0.2.7:198.51.100.1:192.0.2.1:255.255.255.0:host-7:eth0:off:::";
	const size_t least = (size_t)(strstr(good, ":host") - good), off = (size_t)(strstr(good, "off") - good);
	struct hf_address_plan p;

	(void)state;
	for (size_t len = 0; len <= sizeof(good); len++) {
		const bool want = len >= least && len < sizeof(good) && len != off + 1 && len != off + 2;
		uint8_t *exact = malloc(len ? len : 1);
		enum hf_err err;

		assert_non_null(exact);
		memcpy(exact, good, len);
		err = hf_address_plan_parse((struct hf_span){ exact, len }, &p);
		free(exact);
		if ((err == HF_OK) != want)
			fail_msg("%zu bytes: %.*s: %s", len, (int)len, good, hf_err_name(err));
	}
}

static void found(const char *line, const char *want)
{
	const struct hf_span word = hf_address_of_command_line(line);

	if (!hf_span_equal(word, hf_span_text(want)))
		fail_msg("%s: \"%.*s\"", line, (int)word.len, (const char *)word.ptr);
}

TEST(the_command_line)
{
	(void)state;
	found("", "");
	found("quiet", "");
	found("ip=dhcp", "ip=dhcp");
	found("console=ttyS0 ip=dhcp quiet\n", "ip=dhcp");
	found("ip=dhcp ip=192.0.2.7:::255.255.255.0", "ip=192.0.2.7:::255.255.255.0");
	found("ipv6.disable=1 zip=dhcp", "");
	found("x=\"a ip=dhcp\" b", "");
	found("x=\"a ip=dhcp", "");
	found("\"ip=dhcp\"", "");
	found("a\tip=dhcp", "ip=dhcp");
	found("ip= quiet", "ip=");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(static_addresses),
		cmocka_unit_test(what_is_malformed_is_refused),
		cmocka_unit_test(addresses_one_by_one),
		cmocka_unit_test(no_host_has_these_addresses),
		cmocka_unit_test(the_netmask),
		cmocka_unit_test(names_one_by_one),
		cmocka_unit_test(the_way_of_asking),
		cmocka_unit_test(what_others_write_is_refused),
		cmocka_unit_test(every_prefix_of_a_good_word),
		cmocka_unit_test(the_command_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
