/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a log whose events are decoded; as one event's data under every type; as a
 * device path; as signature lists; as a load option. Whatever comes back lies inside what was
 * given, and every text ends within its buffer and prints. */
#include "measure/secure_boot.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct hf_span all;

static void inside(struct hf_span s)
{
	if (s.len && (s.ptr < all.ptr || s.ptr + s.len > all.ptr + all.len))
		abort();
}

static void prints(const char *text, size_t cap)
{
	size_t len = strnlen(text, cap);

	if (len >= cap)
		abort();
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			abort();
}

static void check_path(struct hf_span path)
{
	char text[200], small[8];
	struct hf_cursor c = hf_cursor_at(path);
	struct hf_path_node node;

	memset(text, 1, sizeof(text));
	memset(small, 1, sizeof(small));
	if (hf_path_text(path, text, sizeof(text)) != hf_path_text(path, small, sizeof(small)))
		if (!strstr(small, "..."))	/* a walk of many nodes may stop at its limit */
			abort();
	prints(text, sizeof(text));
	prints(small, sizeof(small));
	while (hf_path_next(&c, &node))
		inside(node.data);
}

static void check_signatures(struct hf_span content)
{
	struct hf_signature_reader reader = hf_signatures_at(content);
	struct hf_signature signature;
	size_t count = 0;

	while (hf_signature_next(&reader, &signature)) {
		inside(signature.data);
		inside((struct hf_span){ signature.type, HF_GUID_SIZE });
		inside((struct hf_span){ signature.owner, HF_GUID_SIZE });
		if (++count > HF_SIGNATURES_MAX)
			abort();
	}
}

static void check_option(struct hf_span value)
{
	struct hf_load_option option;
	char text[64];

	if (hf_load_option_parse(value, &option))
		return;
	inside(option.description);
	inside(option.data);
	hf_utf16_text(option.description, text, sizeof(text));
	prints(text, sizeof(text));
	check_path(option.path);
}

static void check_gpt(const struct hf_event_gpt *gpt)
{
	struct hf_gpt_partition partition;

	for (size_t i = 0; i < gpt->count && i < 64; i++) {
		hf_gpt_partition_at(gpt, i, &partition);
		if (!partition.type || !partition.unique || partition.name.len != 72)
			abort();
		inside(partition.name);
	}
}

static void check_text(const struct hf_event_data *d)
{
	char text[100];

	if (d->u.text.utf16)
		hf_utf16_text(d->u.text.bytes, text, sizeof(text));
	else
		hf_bytes_text(d->u.text.bytes, text, sizeof(text));
	prints(text, sizeof(text));
}

static void check_decoded(const struct hf_event *event, const struct hf_event_data *d)
{
	struct hf_event_pci_path pci;
	char text[100];

	inside(d->value);
	inside(d->trailing);
	if (d->err && (d->kind != HF_EVENT_RAW || d->err != HF_ERR_EVENT_SHAPE))
		abort();
	if (hf_event_device_path_pci(event, &pci) == HF_OK &&
	    (pci.count > HF_EVENT_PCI_HOPS_MAX || d->kind != HF_EVENT_IMAGE))
		abort();
	switch (d->kind) {
	case HF_EVENT_TEXT:
		check_text(d);
		break;
	case HF_EVENT_VARIABLE:
		inside(d->u.variable.name);
		hf_utf16_text(d->u.variable.name, text, sizeof(text));
		prints(text, sizeof(text));
		(void)hf_event_is_boot_option(&d->u.variable);
		check_option(d->value);
		check_signatures(d->value);
		break;
	case HF_EVENT_IMAGE:
		if (d->bound != HF_BOUND_NONE)
			abort();
		inside(d->u.image.path);
		check_path(d->u.image.path);
		break;
	case HF_EVENT_GPT:
		check_gpt(&d->u.gpt);
		break;
	case HF_EVENT_TABLES:
		inside(d->u.tables.entries);
		if (d->u.tables.entries.len != d->u.tables.count * HF_TABLE_ENTRY)
			abort();
		break;
	case HF_EVENT_SPDM:
	case HF_EVENT_NV_INSTANCE:
		inside(d->u.spdm.sub);
		check_path(d->u.spdm.path);
		break;
	case HF_EVENT_NV_DYNAMIC:
		inside(d->u.dynamic.description);
		inside(d->u.dynamic.data);
		break;
	case HF_EVENT_BLOB:
		inside(d->u.blob.description);
		break;
	case HF_EVENT_RIM:
		inside(d->u.rim.rest);
		break;
	case HF_EVENT_RAW:
	case HF_EVENT_GUID:
	case HF_EVENT_SEPARATOR:
	case HF_EVENT_TAGGED:
	case HF_EVENT_SPEC_ID:
	case HF_EVENT_LOCALITY:
		break;
	}
}

static void check_event(const struct hf_event *event)
{
	struct hf_event_data d;

	memset(&d, 0xaa, sizeof(d));
	hf_event_decode(event, &d);
	check_decoded(event, &d);
	for (enum hf_alg alg = 0; alg < HF_ALG_COUNT; alg++)
		if (hf_event_bound(event, alg) < d.bound && event->digest_count == HF_ALG_COUNT)
			abort();
}

/* The first byte chooses the type; a digest of the data makes it bound. */
static void one_event(struct hf_span data)
{
	static const uint32_t types[] = {
		0x1, 0x3, 0x4, 0x5, 0x6, 0x7, 0x8, 0xd, 0x13, 0x80000001u, 0x80000002u, 0x80000003u,
		0x80000004u, 0x80000006u, 0x80000007u, 0x80000008u, 0x80000009u, 0x8000000au,
		0x8000000bu, 0x80000010u, 0x800000e0u, 0x800000e1u, 0x800000e3u, 0xffffffffu,
	};
	struct hf_event event = { .pcr = 2, .digest_count = 1 };

	if (!data.len)
		return;
	event.type = types[data.ptr[0] % (sizeof(types) / sizeof(types[0]))];
	event.data = hf_span_part(data, 1, data.len - 1);
	if (hf_digest(HF_ALG_SHA256, event.data, &event.digests[0]))
		return;
	check_event(&event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_span log = { data, size };
	struct hf_log_reader reader;
	struct hf_secure_boot boot;
	struct hf_event event;
	struct hf_pcrs pcrs;

	all = log;
	one_event(log);
	check_path(log);
	check_signatures(log);
	check_option(log);
	if (hf_log_open_any(log, &reader))
		return 0;
	while (hf_log_next(&reader, &event))
		check_event(&event);
	for (enum hf_alg alg = 0; alg < HF_ALG_COUNT; alg++) {
		(void)!hf_log_replay_registers(log, alg, &pcrs);
		if (hf_secure_boot_from_log(log, alg, &boot))
			continue;
		if (boot.authority_count > HF_AUTHORITIES_MAX || reader.registers)
			abort();
		for (size_t i = 0; i < HF_KEY_COUNT; i++)
			inside(boot.keys[i].content);
		for (size_t i = 0; i < boot.authority_count; i++)
			inside(boot.authorities[i].content);
	}
	return 0;
}
