/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

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
		cmocka_unit_test(the_command_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
