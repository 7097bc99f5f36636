/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SMBIOS type 9 structures: what firmware says of a slot, and what is no such thing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pcie/slots.h"

#define HEAD(type, len, string, seg, bus, devfn) type, len, 0, 9, string, 0, 0, 0, 0, 0, 0, 0, 0, \
	(seg) & 0xff, (seg) >> 8, bus, devfn

static bool parse(const uint8_t *raw, size_t len, struct hf_slot_label *ret)
{
	memset(ret, 0xaa, sizeof(*ret));
	return hf_slot_smbios((struct hf_span){ raw, len }, ret);
}

static void a_slot(void **state)
{
	static const uint8_t raw[] = { HEAD(9, 0x11, 2, 0x0102, 0x3b, 0x10),
				       'x', 0, ' ', 'P', 'C', 'I', 'e', ' ', '3', ' ', 0, 0 };
	struct hf_slot_label label;

	(void)state;
	assert_true(parse(raw, sizeof(raw), &label));
	assert_string_equal(label.text, "PCIe 3");
	assert_int_equal(label.address.domain, 0x0102);
	assert_int_equal(label.address.bus, 0x3b);
	assert_int_equal(label.address.device, 2);
	assert_int_equal(label.address.function, 0);
}

/* Cut anywhere, it is refused or the label is whole; nothing is read past the end. */
static void cut_short(void **state)
{
	static const uint8_t raw[] = { HEAD(9, 0x11, 1, 0, 1, 0), 'A', 'B', 0, 0 };
	uint8_t copy[sizeof(raw)];
	struct hf_slot_label label;

	(void)state;
	for (size_t len = 0; len < sizeof(raw); len++) {
		memcpy(copy, raw, len);
		if (parse(copy, len, &label))
			assert_string_equal(label.text, "AB");
		else
			assert_true(len < sizeof(raw) - 1);
	}
}

static void no_slot(void **state)
{
	static const uint8_t rows[][24] = {
		{ HEAD(8, 0x11, 1, 0, 1, 0), 'A', 0, 0 },		/* another type */
		{ HEAD(9, 0x0d, 1, 0, 1, 0), 'A', 0, 0 },		/* of SMBIOS 2.5 */
		{ HEAD(9, 0xff, 1, 0, 1, 0), 'A', 0, 0 },		/* longer than it is */
		{ HEAD(9, 0x11, 0, 0, 1, 0), 'A', 0, 0 },		/* no designation */
		{ HEAD(9, 0x11, 9, 0, 1, 0), 'A', 0, 0 },		/* a string that is not there */
		{ HEAD(9, 0x11, 1, 0xffff, 0xff, 0xff), 'A', 0, 0 },	/* no device */
		{ HEAD(9, 0x11, 1, 0, 1, 0), ' ', ' ', 0, 0 },		/* blank */
		{ HEAD(9, 0x11, 1, 0, 1, 0), 'A', 0x1b, 0, 0 },		/* not printable */
	};
	struct hf_slot_label label;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (parse(rows[i], sizeof(rows[i]), &label))
			fail_msg("row %zu: \"%s\"", i, label.text);
	assert_int_equal(((const uint8_t *)&label)[0], 0xaa);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slot), cmocka_unit_test(cut_short), cmocka_unit_test(no_slot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
