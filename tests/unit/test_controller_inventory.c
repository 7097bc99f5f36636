/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inventories: what is understood, and that everything else is refused by its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/inventory.h"

#define EK "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define EK2 "10112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff"

static struct hf_arena arena;
static struct hf_inventory *hosts;
static struct hf_fault fault;
static size_t count;

static int setup(void **state)
{
	(void)state;
	hosts = NULL;
	count = 99;
	memset(&fault, 0xaa, sizeof(fault));
	return hf_arena_make(HF_INVENTORY_ARENA, &arena) ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	hf_arena_drop(&arena);
	return 0;
}

static enum hf_err parse(const char *text)
{
	return hf_inventory_parse(hf_span_text(text), &arena, &hosts, &count, &fault);
}

static void refused(const char *text, const char *words)
{
	hosts = NULL;
	count = 99;
	assert_int_equal(parse(text), HF_ERR_INVENTORY_SYNTAX);
	assert_int_equal(fault.err, HF_ERR_INVENTORY_SYNTAX);
	if (!strstr(fault.detail, words))
		fail_msg("%s does not say: %s", fault.detail, words);
	assert_null(hosts);
	assert_int_equal(count, 99);
}

static void check_first(void)
{
	assert_string_equal(hosts[0].id, "rack1-03");
	assert_int_equal(hosts[0].ek_id.len, 32);
	assert_memory_equal(hosts[0].ek_id.ptr, "\x00\x11\x22\x33", 4);
	assert_string_equal(hosts[0].serial, "CN7, \"792\"");
	assert_string_equal(hosts[0].model, "r7525");
	assert_int_equal(hosts[0].banks, HF_ALG_MASK(HF_ALG_SHA256) | HF_ALG_MASK(HF_ALG_SHA384));
	assert_string_equal(hosts[0].tenant, "metal");
	assert_int_equal(hosts[0].first_use_until, 1798761599);	/* date -ud '2026-12-31 23:59:59' */
	assert_true(hosts[0].ek_accepted);
}

static void check_empty(const struct hf_inventory *host, const char *id)
{
	assert_string_equal(host->id, id);
	assert_int_equal(host->ek_id.len, 0);
	assert_null(host->serial);
	assert_null(host->model);
	assert_null(host->tenant);
	assert_int_equal(host->banks, 0);
	assert_int_equal(host->first_use_until, 0);
	assert_false(host->ek_accepted);
}

static void test_csv(void **state)
{
	(void)state;
	assert_int_equal(parse("id,ek-sha256,serial,model,banks,tenant,first-use-until,ek-accepted\n"
			       "rack1-03," EK ",\"CN7, \"\"792\"\"\",r7525,sha256+sha384,metal,2026-12-31,yes\n"
			       "rack1-04,,,,,,,\n"), HF_OK);
	assert_int_equal(count, 2);
	check_first();
	check_empty(&hosts[1], "rack1-04");
}

/* What spreadsheets write. */
static void test_csv_forms(void **state)
{
	(void)state;
	assert_int_equal(parse("\xef\xbb\xbf\"serial\",\"id\"\r\n\"S 1\",a\r\n\r\n,\r\nS2,b"), HF_OK);
	assert_int_equal(count, 2);
	assert_string_equal(hosts[0].serial, "S 1");
	assert_string_equal(hosts[1].id, "b");
	assert_int_equal(parse("id,serial\na,\" b \"\n"), HF_OK);
	assert_string_equal(hosts[0].serial, " b ");
	assert_int_equal(parse("id\na\nb\n"), HF_OK);
	assert_int_equal(count, 2);
	check_empty(&hosts[0], "a");
	assert_int_equal(parse("id\n"), HF_OK);
	assert_int_equal(count, 0);
	assert_int_equal(parse("id,ek-accepted\na,no\n"), HF_OK);
	assert_false(hosts[0].ek_accepted);
}

static void test_csv_refused(void **state)
{
	static const char *const cases[][2] = {
		{ "", "line 1: no such column: \"\"" },
		{ "\n", "line 1: no such column" },
		{ "serial\nx\n", "line 1: the first line must name the columns" },
		{ "id;serial\na;b\n", "semicolons" },
		{ "id,colour\na,b\n", "line 1: no such column: \"colour\"" },
		{ "ID\na\n", "no such column: \"ID\"" },
		{ "id,id\na,b\n", "line 1, id: is there twice" },
		{ "id,serial\na\n", "line 2: 1 fields for 2 columns" },
		{ "id\na,b\n", "line 2: more fields than columns" },
		{ "id\n\na b\n", "line 3, id: only letters" },
		{ "id\n-a\n", "line 2, id: only letters" },
		{ "id\n..\n", "line 2, id: only letters" },
		{ "id\na/b\n", "line 2, id: only letters" },
		{ "id\n\xc3\xa9\n", "line 2, id: only letters" },
		{ "id\n a\n", "line 2: spaces around" },
		{ "id,serial\na,b \n", "line 2: spaces around" },
		{ "id,serial\na,\"b\nc\"\nd,e\n", "line 2, serial: has bytes" },
		{ "id,serial\na,\"b\"c\n", "line 2: something follows" },
		{ "id,serial\na,b\"c\n", "line 2: a quote inside" },
		{ "id,serial\na,\"b\n", "line 2: a quote is not closed" },
		{ "id,serial\ra,b\r", "line 1: something follows" },
		{ "id,serial\n,b\n", "line 2, id: is missing" },
		{ "id,ek-sha256\na," EK "0\n", "line 2, ek-sha256: not 64" },
		{ "id,ek-sha256\na,0011\n", "line 2, ek-sha256: not 64" },
		{ "id,model\na,b/c\n", "line 2, model: no name" },
		{ "id,tenant\na,b/c\n", "line 2, tenant: no name" },
		{ "id,banks\na,sha1\n", "line 2, banks: sha256 is missing" },
		{ "id,banks\na,sha256+\n", "line 2, banks: no bank: \"\"" },
		{ "id,banks\na,sha256+sha256\n", "sha256 is there twice" },
		{ "id,banks\na,sha3-256\n", "no bank: \"sha3-256\"" },
		{ "id,first-use-until\na,31.12.2026\n", "line 2, first-use-until: not a date" },
		{ "id,first-use-until\na,2026-02-30\n", "line 2, first-use-until: not a date" },
		{ "id,ek-accepted\na,yes\n", "line 2, ek-accepted: ek-sha256 must say" },
		{ "id,ek-accepted,ek-sha256\na,true," EK "\n", "line 2, ek-accepted: neither yes nor no" },
		{ "id\na\nb\na\n", "line 4, id: a is already at line 2" },
		{ "id,ek-sha256\na," EK2 "\nb," EK "\nc," EK "\n", "line 4, ek-sha256: c has the TPM of b, line 3" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		refused(cases[i][0], cases[i][1]);
	assert_int_equal(hf_inventory_parse((struct hf_span){ (const uint8_t *)"id\na\0b\n", 7 }, &arena,
					    &hosts, &count, &fault), HF_ERR_INVENTORY_SYNTAX);
	assert_non_null(strstr(fault.detail, "line 2: a NUL byte"));
}

static void test_json(void **state)
{
	(void)state;
	assert_int_equal(parse(" \n[{\"id\":\"rack1-03\",\"ek-sha256\":\"" EK "\",\"serial\":\"CN7, \\\"792\\\"\","
			       "\"model\":\"r7525\",\"banks\":\"sha256+sha384\",\"tenant\":\"metal\","
			       "\"first-use-until\":\"2026-12-31\",\"ek-accepted\":true},"
			       "{\"id\":\"rack1-04\",\"model\":null,\"serial\":\"\",\"ek-accepted\":false}]"),
			 HF_OK);
	assert_int_equal(count, 2);
	check_first();
	check_empty(&hosts[1], "rack1-04");
	assert_int_equal(parse("[]"), HF_OK);
	assert_int_equal(count, 0);
}

static void test_json_refused(void **state)
{
	static const char *const cases[][2] = {
		{ "[", "line 1: " },
		{ "[{\"id\":\"a\",\"id\":\"b\"}]", "duplicate" },
		{ "[{\"id\":\"a\"}] x", "end of file" },
		{ "[1]", "host 1: is no object" },
		{ "[{\"id\":\"a\"},{\"id\":7}]", "host 2, id: must be text" },
		{ "[{}]", "host 1, id: is missing" },
		{ "[{\"id\":\"a\",\"ek\":\"b\"}]", "host 1: no such member: \"ek\"" },
		{ "[{\"id\":\"a\",\"banks\":true}]", "host 1, banks: must be text" },
		{ "[{\"id\":\"a\",\"ek-accepted\":true}]", "ek-sha256 must say" },
		{ "[{\"id\":\"a\\u0000b\"}]", "line 1: " },
		{ "[{\"id\":\"a\",\"serial\":\"\xc3\x28\"}]", "line 1: " },
		{ "[{\"id\":\"a\"},{\"id\":\"a\"}]", "host 2, id: a is already at host 1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		refused(cases[i][0], cases[i][1]);
}

static void test_limits(void **state)
{
	struct hf_span huge = { (const uint8_t *)"x", HF_INVENTORY_BYTES_MAX + 1u };
	char *text = malloc(1 << 20);
	struct hf_arena small;
	char id[HF_HOST_ID_MAX + 2];

	(void)state;
	assert_non_null(text);
	assert_int_equal(hf_inventory_parse(huge, &arena, &hosts, &count, &fault), HF_ERR_LIMIT);
	memset(id, 'a', sizeof(id));
	id[HF_HOST_ID_MAX] = 0;
	assert_true(hf_host_id_valid(id));
	id[HF_HOST_ID_MAX] = 'a';
	id[HF_HOST_ID_MAX + 1] = 0;
	assert_false(hf_host_id_valid(id));
	assert_false(hf_host_id_valid(""));
	assert_true(hf_host_id_valid("a.b_c:d-E9"));
	memset(text, 'a', 2000);
	memcpy(text, "id\n", 3);
	text[2000] = 0;
	refused(text, "line 2: a field is too long");
	snprintf(text, 1 << 20, "id,serial\na,%0129d\n", 0);
	refused(text, "more than 128 bytes");
	snprintf(text, 1 << 20, "[%0300000d", 0);
	memset(text, '[', 300000);
	refused(text, "line 1: ");
	free(text);
	assert_int_equal(hf_arena_make(256, &small), HF_OK);
	assert_int_equal(hf_inventory_parse(hf_span_text("id\na\nb\nc\nd\ne\n"), &small, &hosts, &count,
					    &fault), HF_ERR_LIMIT);
	hf_arena_drop(&small);
}

static void fill(char *text, size_t cap, size_t hosts_wanted)
{
	size_t len = (size_t)snprintf(text, cap, "id,ek-sha256,serial,model,banks\n");

	for (size_t i = 0; i < hosts_wanted; i++)
		len += (size_t)snprintf(text + len, cap - len, "host-%zu,%064zx,SN%zu,r7525,sha256\n",
					hosts_wanted - i, i * 2654435761u, i);
}

static void test_many(void **state)
{
	size_t cap = 16u << 20;
	char *text = malloc(cap);

	(void)state;
	assert_non_null(text);
	fill(text, cap, 20000);
	assert_int_equal(parse(text), HF_OK);
	assert_int_equal(count, 20000);
	assert_string_equal(hosts[19999].id, "host-1");
	fill(text, cap, HF_INVENTORY_HOSTS_MAX);
	assert_int_equal(parse(text), HF_OK);
	assert_int_equal(count, HF_INVENTORY_HOSTS_MAX);
	fill(text, cap, HF_INVENTORY_HOSTS_MAX + 1u);
	assert_int_equal(parse(text), HF_ERR_LIMIT);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_csv, setup, teardown),
		cmocka_unit_test_setup_teardown(test_csv_forms, setup, teardown),
		cmocka_unit_test_setup_teardown(test_csv_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_json, setup, teardown),
		cmocka_unit_test_setup_teardown(test_json_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
