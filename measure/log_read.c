/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any TCG event log: PC Client Platform Firmware Profile 1.05, sections 10.2 and 10.4. */
#include "measure/log.h"

#define SHA1_DIGEST 20
#define SPEC_ID_MAJOR 2
#define CC_FIRST_REGISTER 1

static const char spec_id[16] = "Spec ID Event03";
static const char startup_locality[16] = "StartupLocality";

static const struct { uint32_t type; const char *name; } type_names[] = {
	{ 0x0, "EV_PREBOOT_CERT" },
	{ 0x1, "EV_POST_CODE" },
	{ 0x2, "EV_UNUSED" },
	{ HF_EV_NO_ACTION, "EV_NO_ACTION" },
	{ HF_EV_SEPARATOR, "EV_SEPARATOR" },
	{ 0x5, "EV_ACTION" },
	{ HF_EV_EVENT_TAG, "EV_EVENT_TAG" },
	{ 0x7, "EV_S_CRTM_CONTENTS" },
	{ 0x8, "EV_S_CRTM_VERSION" },
	{ 0x9, "EV_CPU_MICROCODE" },
	{ 0xa, "EV_PLATFORM_CONFIG_FLAGS" },
	{ 0xb, "EV_TABLE_OF_DEVICES" },
	{ 0xc, "EV_COMPACT_HASH" },
	{ HF_EV_IPL, "EV_IPL" },
	{ 0xe, "EV_IPL_PARTITION_DATA" },
	{ 0xf, "EV_NONHOST_CODE" },
	{ 0x10, "EV_NONHOST_CONFIG" },
	{ 0x11, "EV_NONHOST_INFO" },
	{ 0x12, "EV_OMIT_BOOT_DEVICE_EVENTS" },
	{ 0x13, "EV_POST_CODE2" },
	{ HF_EV_EFI_VARIABLE_DRIVER_CONFIG, "EV_EFI_VARIABLE_DRIVER_CONFIG" },
	{ 0x80000002u, "EV_EFI_VARIABLE_BOOT" },
	{ HF_EV_EFI_BOOT_SERVICES_APPLICATION, "EV_EFI_BOOT_SERVICES_APPLICATION" },
	{ HF_EV_EFI_BOOT_SERVICES_DRIVER, "EV_EFI_BOOT_SERVICES_DRIVER" },
	{ HF_EV_EFI_RUNTIME_SERVICES_DRIVER, "EV_EFI_RUNTIME_SERVICES_DRIVER" },
	{ 0x80000006u, "EV_EFI_GPT_EVENT" },
	{ HF_EV_EFI_ACTION, "EV_EFI_ACTION" },
	{ 0x80000008u, "EV_EFI_PLATFORM_FIRMWARE_BLOB" },
	{ HF_EV_EFI_HANDOFF_TABLES, "EV_EFI_HANDOFF_TABLES" },
	{ 0x8000000au, "EV_EFI_PLATFORM_FIRMWARE_BLOB2" },
	{ 0x8000000bu, "EV_EFI_HANDOFF_TABLES2" },
	{ 0x8000000cu, "EV_EFI_VARIABLE_BOOT2" },
	{ 0x8000000du, "EV_EFI_GPT_EVENT2" },
	{ 0x80000010u, "EV_EFI_HCRTM_EVENT" },
	{ HF_EV_EFI_VARIABLE_AUTHORITY, "EV_EFI_VARIABLE_AUTHORITY" },
	{ 0x800000e1u, "EV_EFI_SPDM_DEVICE_BLOB" },
	{ 0x800000e2u, "EV_EFI_SPDM_DEVICE_CONFIG" },
	{ 0x800000e3u, "EV_EFI_SPDM_DEVICE_POLICY" },
	{ 0x800000e4u, "EV_EFI_SPDM_DEVICE_AUTHORITY" },
};

const char *hf_event_type_name(uint32_t type)
{
	for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++)
		if (type_names[i].type == type)
			return type_names[i].name;
	return NULL;
}

static bool starts_with(struct hf_span data, const char prefix[static 16])
{
	return data.len >= 16 && memcmp(data.ptr, prefix, 16) == 0;
}

/* Found once from the back, so that reading stays linear whatever the log holds. */
static size_t padding_start(struct hf_span log)
{
	size_t end = log.len;
	uint8_t pad = end ? log.ptr[end - 1] : 0;

	if (pad != 0 && pad != 0xff)
		return end;
	while (end > 0 && log.ptr[end - 1] == pad)
		end--;
	return end;
}

static bool take_sha1_event(struct hf_cursor *c, struct hf_event *ret)
{
	struct hf_event e = { .offset = c->pos, .digest_count = 1 };
	const uint8_t *digest;

	e.pcr = hf_u32le(c);
	e.type = hf_u32le(c);
	digest = hf_take(c, SHA1_DIGEST);
	e.data = hf_take_span(c, hf_u32le(c));
	if (c->bad)
		return false;
	e.digests[0].alg = HF_ALG_SHA1;
	memcpy(e.digests[0].bytes, digest, SHA1_DIGEST);
	*ret = e;
	return true;
}

static bool is_declared(const struct hf_log_reader *r, uint16_t tpm_id, size_t *ret_index)
{
	for (size_t i = 0; i < r->declared_count; i++) {
		if (r->declared[i].tpm_id == tpm_id) {
			*ret_index = i;
			return true;
		}
	}
	return false;
}

/* TCG_EfiSpecIDEvent, section 10.4.5.1. A confidential guest's log (UEFI 2.10, section 38)
 * has it in register 1 and is otherwise of the same form. */
static enum hf_err parse_spec_id(const struct hf_event *e, struct hf_log_reader *r)
{
	static const uint8_t zero[SHA1_DIGEST];
	struct hf_cursor c = hf_cursor_at(e->data);
	size_t index;

	if (e->pcr > CC_FIRST_REGISTER || e->type != HF_EV_NO_ACTION ||
	    memcmp(e->digests[0].bytes, zero, sizeof(zero)) != 0)
		return HF_ERR_LOG_HEADER;
	hf_take(&c, sizeof(spec_id) + 4 + 1);	/* signature, platform class, minor version */
	uint8_t major = hf_u8(&c);
	hf_take(&c, 2);				/* errata, size of UINTN */
	uint32_t count = hf_u32le(&c);

	if (c.bad || major != SPEC_ID_MAJOR || count == 0 ||
	    count > sizeof(r->declared) / sizeof(r->declared[0]))
		return HF_ERR_LOG_HEADER;
	for (uint32_t i = 0; i < count; i++) {
		uint16_t id = hf_u16le(&c), size = hf_u16le(&c);
		enum hf_alg alg;

		if (c.bad || is_declared(r, id, &index))
			return HF_ERR_LOG_HEADER;
		if (hf_alg_from_tpm_id(id, &alg)) {
			if (size != hf_alg_size(alg))
				return HF_ERR_LOG_HEADER;
			r->alg_mask |= HF_ALG_MASK(alg);
		}
		r->declared[r->declared_count].tpm_id = id;
		r->declared[r->declared_count++].size = size;
	}
	hf_take(&c, hf_u8(&c));			/* vendor information */
	r->registers = e->pcr == CC_FIRST_REGISTER;
	return hf_cursor_done(&c) ? HF_OK : HF_ERR_LOG_HEADER;
}

enum hf_err hf_log_open_any(struct hf_span log, struct hf_log_reader *ret)
{
	struct hf_log_reader r = { .cursor = hf_cursor_at(log), .end = padding_start(log) };
	struct hf_event first;
	enum hf_err err;

	if (log.len > HF_FIRMWARE_LOG_MAX)
		return HF_ERR_LIMIT;
	if (r.end == 0 || !take_sha1_event(&r.cursor, &first))
		return HF_ERR_LOG_TRUNCATED;
	if (starts_with(first.data, spec_id)) {
		err = parse_spec_id(&first, &r);
		if (err)
			return err;
	} else {
		r.cursor = hf_cursor_at(log);
		r.sha1_only = true;
		r.alg_mask = HF_ALG_MASK(HF_ALG_SHA1);
		r.declared[0].tpm_id = hf_alg_tpm_id(HF_ALG_SHA1);
		r.declared[0].size = SHA1_DIGEST;
		r.declared_count = 1;
	}
	*ret = r;
	return HF_OK;
}

enum hf_err hf_log_open(struct hf_span log, struct hf_log_reader *ret)
{
	struct hf_log_reader r;
	enum hf_err err = hf_log_open_any(log, &r);

	if (err || r.registers)
		return err ? err : HF_ERR_LOG_HEADER;
	*ret = r;
	return HF_OK;
}

static enum hf_err take_digests(struct hf_log_reader *r, struct hf_event *e)
{
	struct hf_cursor *c = &r->cursor;
	uint32_t count = hf_u32le(c);
	uint32_t seen = 0;

	if (count > r->declared_count)
		return HF_ERR_LOG_ALGORITHM;
	for (uint32_t i = 0; i < count; i++) {
		uint16_t id = hf_u16le(c);
		size_t index;

		if (c->bad)
			return HF_ERR_LOG_TRUNCATED;
		if (!is_declared(r, id, &index) || seen & 1u << index)
			return HF_ERR_LOG_ALGORITHM;
		seen |= 1u << index;
		const uint8_t *bytes = hf_take(c, r->declared[index].size);
		struct hf_digest *digest = &e->digests[e->digest_count];

		if (!bytes)
			return HF_ERR_LOG_TRUNCATED;
		if (!hf_alg_from_tpm_id(id, &digest->alg))
			continue;
		memcpy(digest->bytes, bytes, hf_alg_size(digest->alg));
		e->digest_count++;
	}
	return HF_OK;
}

/* TCG_PCR_EVENT2, section 10.2.2. */
static enum hf_err take_event(struct hf_log_reader *r, struct hf_event *ret)
{
	struct hf_event e = { .offset = r->cursor.pos };
	enum hf_err err;

	if (r->sha1_only)
		return take_sha1_event(&r->cursor, ret) ? HF_OK : HF_ERR_LOG_TRUNCATED;
	e.pcr = hf_u32le(&r->cursor);
	e.type = hf_u32le(&r->cursor);
	err = take_digests(r, &e);
	if (err)
		return err;
	e.data = hf_take_span(&r->cursor, hf_u32le(&r->cursor));
	if (r->cursor.bad)
		return HF_ERR_LOG_TRUNCATED;
	*ret = e;
	return HF_OK;
}

bool hf_log_next(struct hf_log_reader *reader, struct hf_event *ret)
{
	if (reader->err || reader->cursor.pos >= reader->end)
		return false;
	reader->err = take_event(reader, ret);
	if (reader->err)
		return false;
	reader->index++;
	return true;
}

static enum hf_err extend(struct hf_pcrs *pcrs, const struct hf_event *e)
{
	size_t size = hf_alg_size(pcrs->alg);
	struct hf_digest next;
	enum hf_err err;

	for (size_t i = 0; i < e->digest_count; i++) {
		if (e->digests[i].alg != pcrs->alg)
			continue;
		err = hf_digest2(pcrs->alg, (struct hf_span){ pcrs->value[e->pcr], size },
				 (struct hf_span){ e->digests[i].bytes, size }, &next);
		if (err)
			return err;
		memcpy(pcrs->value[e->pcr], next.bytes, size);
		pcrs->extended |= 1u << e->pcr;
	}
	return HF_OK;
}

/* TCG_EfiStartupLocalityEvent, section 10.4.5.3: PCR 0 starts as the locality that started
 * the TPM, 4 where hardware measured before that (H-CRTM). The event stands first in most
 * logs and later in some, so it is looked for before anything is extended. Whichever start
 * it names, a replay is worth nothing until it is compared with the PCR. */
static enum hf_err find_locality(struct hf_log_reader reader, uint8_t *ret)
{
	struct hf_event e;
	bool found = false;
	uint8_t locality = 0;

	while (hf_log_next(&reader, &e)) {
		if (e.type != HF_EV_NO_ACTION || e.pcr != 0 || !starts_with(e.data, startup_locality))
			continue;
		if (e.data.len != sizeof(startup_locality) + 1)
			return HF_ERR_EVENT_SHAPE;
		uint8_t said = e.data.ptr[sizeof(startup_locality)];

		if ((said != 0 && said != 3 && said != 4) || (found && said != locality))
			return HF_ERR_EVENT_SHAPE;
		locality = said;
		found = true;
	}
	*ret = locality;
	return reader.err;
}

static enum hf_err extend_all(struct hf_log_reader *reader, size_t count, struct hf_pcrs *pcrs)
{
	struct hf_event event;
	enum hf_err err = HF_OK;

	if (!(reader->alg_mask & HF_ALG_MASK(pcrs->alg)))
		return HF_ERR_LOG_ALGORITHM;
	while (!err && hf_log_next(reader, &event))
		if (event.type != HF_EV_NO_ACTION && event.pcr < count)
			err = extend(pcrs, &event);
	return err ? err : reader->err;
}

enum hf_err hf_log_replay(struct hf_span log, enum hf_alg alg, struct hf_pcrs *ret)
{
	struct hf_pcrs pcrs = { .alg = alg };
	struct hf_log_reader reader;
	enum hf_err err = hf_log_open(log, &reader);

	if (!err)
		err = find_locality(reader, &pcrs.value[0][hf_alg_size(alg) - 1]);
	if (err)
		return err;
	for (size_t pcr = 17; pcr <= 22; pcr++)
		memset(pcrs.value[pcr], 0xff, hf_alg_size(alg));
	err = extend_all(&reader, HF_PCR_COUNT, &pcrs);
	if (err)
		return err;
	*ret = pcrs;
	return HF_OK;
}

enum hf_err hf_log_replay_registers(struct hf_span log, enum hf_alg alg, struct hf_pcrs *ret)
{
	struct hf_pcrs pcrs = { .alg = alg };
	struct hf_log_reader reader;
	enum hf_err err = hf_log_open_any(log, &reader);

	if (err)
		return err;
	if (!reader.registers)
		return HF_ERR_LOG_HEADER;
	err = extend_all(&reader, HF_REGISTER_COUNT, &pcrs);
	if (err)
		return err;
	*ret = pcrs;
	return HF_OK;
}

uint32_t hf_log_pcr(struct hf_span log)
{
	struct hf_log_reader reader;
	struct hf_event event;

	if (hf_log_open(log, &reader) == HF_OK)
		while (hf_log_next(&reader, &event))
			if (event.type == HF_EV_EVENT_TAG)
				return event.pcr;
	return HF_PCR_DEFAULT;
}
