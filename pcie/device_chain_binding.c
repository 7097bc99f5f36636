/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which device a leaf is of: PCI Express base 6.0, 6.31.3. A name of type 2.23.147 holds, as
 * UTF8String, "Vendor=15b3:Device=1021:CC=020000:REV=00:SSVID=15b3:SSID=0017:0123456789abcdef":
 * hexadecimal of fixed width, the last one the device serial number, which has no word before
 * it. SSVID and SSID are there for functions with header type 0. [pure] */
#include "pcie/device_chain_inside.h"

#include "pcie/der.h"

static const uint8_t oid_san[] = { 0x55, 0x1d, 0x11 };
static const uint8_t oid_pcisig[] = { 0x67, 0x81, 0x13 };	/* 2.23.147 */
#define OID(bytes) ((struct hf_span){ bytes, sizeof(bytes) })

enum { VENDOR = 1, DEVICE = 2, CLASS = 4, REVISION = 8, SUBVENDOR = 16, SUBDEVICE = 32, SERIAL = 64 };

struct field {
	const char *key;	/* with its '='; "": the serial number */
	unsigned bit;
	size_t digits;
	uint64_t value;
};

static bool hex(struct hf_span text, size_t digits, uint64_t *ret)
{
	uint64_t value = 0;

	if (text.len != digits)
		return false;
	for (size_t i = 0; i < digits; i++) {
		uint8_t ch = text.ptr[i], low = ch | 0x20;

		if (ch >= '0' && ch <= '9')
			value = value << 4 | (ch - '0');
		else if (low >= 'a' && low <= 'f')
			value = value << 4 | (low - 'a' + 10u);
		else
			return false;
	}
	*ret = value;
	return true;
}

static struct hf_span next_field(struct hf_span *rest)
{
	const uint8_t *colon = memchr(rest->ptr, ':', rest->len);
	size_t len = colon ? (size_t)(colon - rest->ptr) : rest->len;
	struct hf_span head = { rest->ptr, len };

	*rest = (struct hf_span){ rest->ptr + len, rest->len - len };
	return head;
}

/* What one field says: its bit, 0 where it is not understood; *other: it is of another. */
static unsigned read_field(const struct field *fields, size_t count, struct hf_span text, bool *other)
{
	for (size_t i = 0; i < count; i++) {
		struct hf_span key = hf_span_text(fields[i].key);
		uint64_t value;

		if (text.len < key.len || !hf_span_equal(hf_span_part(text, 0, key.len), key) ||
		    !hex(hf_span_part(text, key.len, text.len - key.len), fields[i].digits, &value))
			continue;
		*other |= value != fields[i].value;
		return fields[i].bit;
	}
	return 0;
}

static enum hf_device_binding judge_name(struct hf_span name, const struct hf_identity *id)
{
	const struct field fields[] = {
		{ "Vendor=", VENDOR, 4, id->vendor }, { "Device=", DEVICE, 4, id->device },
		{ "CC=", CLASS, 6, id->class_code }, { "REV=", REVISION, 2, id->revision },
		{ "SSVID=", SUBVENDOR, 4, id->subsystem_vendor },
		{ "SSID=", SUBDEVICE, 4, id->subsystem_device },
		{ "", SERIAL, 16, id->has_serial ? id->serial : 0 },
	};
	unsigned want = VENDOR | DEVICE | CLASS | REVISION, have = 0;
	bool other = false, unclear = false;

	want |= id->header_type == 0 ? SUBVENDOR | SUBDEVICE : 0;
	/* who has a number and is not named by it could be any other of its kind */
	want |= id->has_serial ? SERIAL : 0;
	for (struct hf_span rest = name; name.len;) {
		unsigned bit = read_field(fields, sizeof(fields) / sizeof(fields[0]),
					  next_field(&rest), &other);

		unclear |= !bit || have & bit || (bit != SERIAL && have & SERIAL);
		have |= bit;
		if (rest.len == 0)
			break;
		rest = (struct hf_span){ rest.ptr + 1, rest.len - 1 };
	}
	other |= have & SERIAL && !id->has_serial;
	if (other)
		return HF_DEVICE_OTHER;
	return unclear || (want & ~have) ? HF_DEVICE_UNBOUND : HF_DEVICE_BOUND;
}

static void show(struct hf_span name, char san[static HF_SAN_MAX])
{
	size_t len = name.len < HF_SAN_MAX - 1 ? name.len : HF_SAN_MAX - 1;

	for (size_t i = 0; i < len; i++)
		san[i] = name.ptr[i] < 0x20 || name.ptr[i] > 0x7e ? '?' : (char)name.ptr[i];
	san[len] = '\0';
}

/* otherName: type, then [0] around the value. False: of another type, or of no shape. */
static bool pcisig_name(struct hf_span other_name, struct hf_span *ret)
{
	struct hf_cursor c = hf_cursor_at(other_name), inner;

	if (!hf_span_equal(hf_der_take(&c, HF_DER_OID), OID(oid_pcisig)) || c.bad)
		return false;
	inner = hf_cursor_at(hf_der_take(&c, HF_DER_CONSTRUCTED(0)));
	*ret = hf_der_take(&inner, HF_DER_UTF8);
	if (!hf_cursor_done(&c) || !hf_cursor_done(&inner))
		*ret = (struct hf_span){ 0 };	/* names somebody, in a way that is not understood */
	return true;
}

static enum hf_device_binding judge_certificate(const struct hf_device_chain *chain, size_t i,
						const struct hf_identity *identity,
						char san[static HF_SAN_MAX])
{
	enum hf_device_binding worst = HF_DEVICE_UNBOUND;
	size_t names = 0;
	struct hf_cursor outer, c;
	struct hf_span extension;

	if (!hf_device_chain_extension(chain, i, OID(oid_san), &extension))
		return HF_DEVICE_UNBOUND;
	outer = hf_cursor_at(extension);
	c = hf_cursor_at(hf_der_take(&outer, HF_DER_SEQUENCE));
	while (hf_left(&c)) {
		bool is_other_name = hf_der_peek(&c) == HF_DER_CONSTRUCTED(0);
		struct hf_span value = hf_der_take(&c, hf_der_peek(&c)), name;
		enum hf_device_binding binding;

		if (c.bad || !is_other_name || !pcisig_name(value, &name))
			continue;
		binding = judge_name(name, identity);
		if (!names++ || binding == HF_DEVICE_OTHER ||
		    (binding == HF_DEVICE_UNBOUND && worst == HF_DEVICE_BOUND)) {
			show(name, san);
			worst = binding;
		}
		if (worst == HF_DEVICE_OTHER)
			return worst;
	}
	return hf_cursor_done(&outer) && !c.bad ? worst : HF_DEVICE_UNBOUND;
}

/* The leaf binds. A device that makes its leaf itself (alias certificates) could write any name
 * into it: what its maker wrote further up must not be another. */
enum hf_device_binding hf_device_chain_binding(const struct hf_device_chain *chain,
					       const struct hf_identity *identity,
					       char san[static HF_SAN_MAX])
{
	char other[HF_SAN_MAX];

	san[0] = '\0';
	for (size_t i = 0; i + 1 < chain->count; i++)
		if (judge_certificate(chain, i, identity, other) == HF_DEVICE_OTHER) {
			memcpy(san, other, sizeof(other));
			return HF_DEVICE_OTHER;
		}
	return judge_certificate(chain, chain->count - 1, identity, san);
}
