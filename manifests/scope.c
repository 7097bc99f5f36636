/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For which devices a vendor's or a device root's anchor speaks, and how a vendor's files are
 * written: NAME.conf,
 * lines "key = value", # begins a comment. */
#include "manifests/adapters/adapters.h"
#include "manifests/trust.h"

#define LINES_MAX 64

static struct hf_span trim(struct hf_span text)
{
	while (text.len && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
		text = (struct hf_span){ text.ptr + 1, text.len - 1 };
	while (text.len && memchr(" \t\r", text.ptr[text.len - 1], 3))
		text.len--;
	return text;
}

/* Up to the separator, which is taken too; without one everything. */
static struct hf_span split(struct hf_span *rest, char separator)
{
	const uint8_t *end = rest->len ? memchr(rest->ptr, separator, rest->len) : NULL;
	struct hf_span head = *rest;

	if (!end) {
		*rest = (struct hf_span){ rest->ptr + rest->len, 0 };
		return head;
	}
	head.len = (size_t)(end - rest->ptr);
	*rest = (struct hf_span){ end + 1, rest->len - head.len - 1 };
	return head;
}

static bool hex4(struct hf_span text, uint16_t *ret)
{
	uint32_t value;

	if (text.len != 4 || !hf_hex_take(&text, 4, &value))
		return false;
	*ret = (uint16_t)value;
	return true;
}

enum { VENDOR = 1, SUBSYSTEM = 2, DEVICE = 4, DIALECT = 8 };

static bool read_value(struct hf_scope *scope, unsigned key, struct hf_span value)
{
	char name[32];

	switch (key) {
	case VENDOR:
		return hex4(value, &scope->vendor);
	case SUBSYSTEM:
		return hex4(value, &scope->subsystem_vendor);
	case DEVICE:
		return hex4(value, &scope->device);
	case DIALECT:
		if (value.len >= sizeof(name))
			return false;
		memcpy(name, value.ptr, value.len);
		name[value.len] = '\0';
		scope->adapter = hf_adapter_named(name);
		return scope->adapter != NULL;
	}
	return false;
}

static unsigned key_of(struct hf_span key)
{
	static const struct { const char *name; unsigned key; } rows[] = {
		{ "vendor", VENDOR }, { "subsystem-vendor", SUBSYSTEM },
		{ "device", DEVICE }, { "dialect", DIALECT },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (hf_span_equal(key, hf_span_text(rows[i].name)))
			return rows[i].key;
	return 0;
}

enum hf_err hf_scope_parse(struct hf_span conf, struct hf_scope *ret, size_t *ret_line)
{
	struct hf_scope scope = { .set = true };
	struct hf_span rest = conf;
	unsigned have = 0;
	size_t line = 0;

	while (rest.len) {
		struct hf_span value = split(&rest, '\n');
		struct hf_span text = trim(split(&value, '#'));
		struct hf_span key = trim(split(&text, '='));
		unsigned bit = key_of(key);

		if (++line > LINES_MAX)
			return HF_ERR_LIMIT;
		if (key.len == 0 && text.len == 0)
			continue;
		*ret_line = line;
		if (!bit || have & bit || !read_value(&scope, bit, trim(text)))
			return HF_ERR_ANCHOR_SCOPE;
		have |= bit;
	}
	*ret_line = line;
	scope.has_subsystem_vendor = have & SUBSYSTEM;
	scope.has_device = have & DEVICE;
	if (!(have & VENDOR) || hf_digest(HF_ALG_SHA256, conf, &scope.sha256))
		return HF_ERR_ANCHOR_SCOPE;
	*ret = scope;
	return HF_OK;
}

enum hf_err hf_trust_scope(struct hf_trust *trust, struct hf_span conf, struct hf_fault *fault)
{
	struct hf_anchor *anchor = &trust->anchors[trust->count - 1];
	struct hf_scope scope = { .set = false };
	size_t line = 0;
	enum hf_err err = hf_scope_parse(conf, &scope, &line);

	if (!err && scope.adapter && anchor->role == HF_ANCHOR_DEVICE)
		return hf_fail(fault, HF_ERR_ANCHOR_SCOPE, anchor->name,
			       "%s.conf: a root of devices signs no manifest and has no dialect",
			       anchor->name);
	if (err)
		return hf_fail(fault, err, anchor->name,
			       "%s.conf, line %zu: want vendor, subsystem-vendor or device = 4 hex "
			       "digits, or a known dialect, each once", anchor->name, line);
	anchor->scope = scope;
	return HF_OK;
}

bool hf_scope_holds(const struct hf_scope *scope, const struct hf_match *match)
{
	if (!scope->set || match->vendor != scope->vendor)
		return false;
	if (scope->has_device && match->device != scope->device)
		return false;
	return !scope->has_subsystem_vendor ||
	       (match->has_subsystem && match->subsystem_vendor == scope->subsystem_vendor);
}

bool hf_scope_holds_for(const struct hf_scope *scope, const struct hf_identity *identity)
{
	if (!scope->set || identity->vendor != scope->vendor)
		return false;
	return (!scope->has_device || identity->device == scope->device) &&
	       (!scope->has_subsystem_vendor ||
		identity->subsystem_vendor == scope->subsystem_vendor);
}
