/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/conf.h"
#include "measure/log.h"

static enum hf_err parse(const char *text, struct hf_conf *ret, struct hf_fault *fault)
{
	memset(ret, 0xaa, sizeof(*ret));
	memset(fault, 0xaa, sizeof(*fault));
	return hf_conf_parse(hf_span_text(text), "holdfast.conf", ret, fault);
}

static void refused(const char *text, enum hf_err want, const char *line)
{
	struct hf_conf conf, poison;
	struct hf_fault fault;

	memset(&poison, 0xaa, sizeof(poison));
	assert_int_equal(parse(text, &conf, &fault), want);
	assert_memory_equal(&conf, &poison, sizeof(conf));
	assert_int_equal(fault.err, want);
	assert_non_null(strstr(fault.detail, line));
}

static void an_empty_file_is_the_strict_default(void **state)
{
	struct hf_conf conf;
	struct hf_fault fault;

	(void)state;
	assert_int_equal(parse("", &conf, &fault), HF_OK);
	assert_int_equal(conf.policy, HF_POLICY_CONTROLLER);
	assert_int_equal(conf.pcr, HF_PCR_DEFAULT);
	assert_string_equal(conf.store, "");
	assert_string_equal(conf.tcti, "");
	assert_string_equal(conf.evidence, "");
	assert_int_equal(conf.generation, 0);
	assert_int_equal(conf.revocations, 0);
	assert_int_equal(conf.device_seconds, 5);
	assert_false(conf.generation_index);
	assert_string_equal(conf.controller, "");
	assert_string_equal(conf.controller_name, "");
	assert_int_equal(conf.controller_seconds, 60);
	assert_string_equal(conf.link, "");
	assert_string_equal(conf.address, "slaac");
}

static void every_key_is_understood(void **state)
{
	struct hf_conf conf;
	struct hf_fault fault;

	(void)state;
	assert_int_equal(parse("# the lab\r\n policy = local\npcr=14\n\tstore = partname:tenant \n"
			       "tcti = swtpm:path=/tmp/a b\nevidence=/dev/ttyS1\ngeneration = 7\nrevocations = 3\n"
			       "device-seconds = 60",
			       &conf, &fault), HF_OK);
	assert_int_equal(conf.policy, HF_POLICY_LOCAL);
	assert_int_equal(conf.pcr, 14);
	assert_string_equal(conf.store, "partname:tenant");
	assert_string_equal(conf.tcti, "swtpm:path=/tmp/a b");
	assert_string_equal(conf.evidence, "/dev/ttyS1");
	assert_int_equal(conf.generation, 7);
	assert_int_equal(conf.revocations, 3);
	assert_int_equal(conf.device_seconds, 60);
}

static void the_way_to_the_controller(void **state)
{
	struct hf_conf conf;
	struct hf_fault fault;

	(void)state;
	assert_int_equal(parse("controller = https://192.0.2.1:8443 https://[2001:db8::1]:8443\n"
			       "controller-name = controller.example\ncontroller-seconds = 3600\n"
			       "link = pci0000:00/00:1c.0/00.0\n"
			       "address = ip=192.0.2.7::192.0.2.1:255.255.255.0::eth0:off\n",
			       &conf, &fault), HF_OK);
	assert_string_equal(conf.controller, "https://192.0.2.1:8443 https://[2001:db8::1]:8443");
	assert_string_equal(conf.controller_name, "controller.example");
	assert_int_equal(conf.controller_seconds, 3600);
	assert_string_equal(conf.link, "pci0000:00/00:1c.0/00.0");
	assert_string_equal(conf.address, "ip=192.0.2.7::192.0.2.1:255.255.255.0::eth0:off");
	assert_int_equal(parse("link = auto\naddress = command-line\ncontroller-seconds = 5\n", &conf, &fault),
			 HF_OK);
	assert_string_equal(conf.link, "");
	assert_string_equal(conf.address, "command-line");
	assert_int_equal(conf.controller_seconds, 5);
	refused("controller = controller.example\n", HF_ERR_CONFIG_SYNTAX, "line 1");
	refused("\ncontroller = https://controller.example:8443\n", HF_ERR_CONFIG_SYNTAX, "line 2");
	refused("controller = http://192.0.2.1\n", HF_ERR_CONFIG_SYNTAX, "line 1");
	refused("controller-name = a b\n", HF_ERR_CONFIG_SYNTAX, "line 1");
	refused("controller-name = *.example\n", HF_ERR_CONFIG_SYNTAX, "line 1");
	refused("controller-seconds = 4\n", HF_ERR_CONFIG_SYNTAX, "line 1");
	refused("controller-seconds = 3601\n", HF_ERR_CONFIG_SYNTAX, "line 1");
	refused("address = 192.0.2.7/24\n", HF_ERR_CONFIG_SYNTAX, "line 1");
	refused("address = SLAAC\n", HF_ERR_CONFIG_SYNTAX, "line 1");
	refused("address = slaac\naddress = dhcp\n", HF_ERR_CONFIG_SYNTAX, "line 2");
}

static void the_index_is_demanded_by_its_word_alone(void **state)
{
	struct hf_conf conf;
	struct hf_fault fault;

	(void)state;
	assert_int_equal(parse("generation-index = required\n", &conf, &fault), HF_OK);
	assert_true(conf.generation_index);
	assert_int_equal(parse("generation-index = optional\n", &conf, &fault), HF_OK);
	assert_false(conf.generation_index);
}

static void what_is_not_understood_is_refused(void **state)
{
	(void)state;
	refused("policy = local\nmode = audit\n", HF_ERR_CONFIG_SYNTAX, "line 2");
	refused("\n\npolicy = Local\n", HF_ERR_CONFIG_SYNTAX, "line 3");
	refused("policy = controller-or-local\n", HF_ERR_CONFIG_SYNTAX, "line 1");
	refused("policy\n", HF_ERR_CONFIG_SYNTAX, "line 1");
	refused("policy =\n", HF_ERR_CONFIG_SYNTAX, "line 1");
	refused("store =   \n", HF_ERR_CONFIG_SYNTAX, "line 1");
	refused("= local\n", HF_ERR_CONFIG_SYNTAX, "line 1");
	refused("store = a\nstore = b\n", HF_ERR_CONFIG_SYNTAX, "line 2");
	refused("policy = local\npolicy = local\n", HF_ERR_CONFIG_SYNTAX, "line 2");
	refused("generation = -1\n", HF_ERR_CONFIG_SYNTAX, "line 1");
	refused("generation-index = yes\n", HF_ERR_CONFIG_SYNTAX, "line 1");
	refused("generation-index = required\ngeneration-index = optional\n", HF_ERR_CONFIG_SYNTAX,
		"line 2");
	refused("revocations = none\n", HF_ERR_CONFIG_SYNTAX, "line 1");
	refused("device-seconds = 0\n", HF_ERR_CONFIG_SYNTAX, "line 1");
	refused("device-seconds = 61\n", HF_ERR_CONFIG_SYNTAX, "line 1");
	refused("generation = 99999999999999999999\n", HF_ERR_CONFIG_SYNTAX, "line 1");
	refused("pcr = x\n", HF_ERR_CONFIG_SYNTAX, "line 1");
	refused("pcr = 0x0d\n", HF_ERR_CONFIG_SYNTAX, "line 1");
	refused("store = a\x01" "b\n", HF_ERR_CONFIG_SYNTAX, "line 1");
}

static void only_pcrs_that_cannot_be_undone_serve(void **state)
{
	static const bool serves[32] = { [8] = true, [9] = true, [11] = true, [12] = true,
					 [13] = true, [14] = true, [15] = true };
	char text[32];

	(void)state;
	for (unsigned pcr = 0; pcr < 32; pcr++) {
		struct hf_conf conf;
		struct hf_fault fault;

		snprintf(text, sizeof(text), "pcr = %u\n", pcr);
		assert_int_equal(parse(text, &conf, &fault), serves[pcr] ? HF_OK : HF_ERR_PCR_REFUSED);
	}
	refused("pcr = 4294967309\n", HF_ERR_CONFIG_SYNTAX, "line 1");
}

static void long_values_and_files_have_limits(void **state)
{
	static char text[HF_CONF_MAX + 2];
	struct hf_conf conf;
	struct hf_fault fault;

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	memcpy(text, "store = ", 8);
	text[8 + HF_CONF_VALUE_MAX] = '\0';
	assert_int_equal(parse(text, &conf, &fault), HF_OK);
	assert_int_equal(strlen(conf.store), HF_CONF_VALUE_MAX);
	text[8 + HF_CONF_VALUE_MAX] = 'a';
	text[9 + HF_CONF_VALUE_MAX] = '\0';
	refused(text, HF_ERR_CONFIG_SYNTAX, "line 1");
	memset(text, '\n', sizeof(text) - 1);
	assert_int_equal(parse(text, &conf, &fault), HF_ERR_FILE_TOO_LARGE);
	text[HF_CONF_MAX] = '\0';
	assert_int_equal(parse(text, &conf, &fault), HF_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_file_is_the_strict_default),
		cmocka_unit_test(every_key_is_understood),
		cmocka_unit_test(the_way_to_the_controller),
		cmocka_unit_test(the_index_is_demanded_by_its_word_alone),
		cmocka_unit_test(what_is_not_understood_is_refused),
		cmocka_unit_test(only_pcrs_that_cannot_be_undone_serve),
		cmocka_unit_test(long_values_and_files_have_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
