/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "measure/secure_boot.h"

#define PCR_SECURE_BOOT 7
#define STATE_NAME "SecureBoot"
#define LIST_HEADER (HF_GUID_SIZE + 3 * 4)	/* bytes of EFI_SIGNATURE_LIST */

static const struct { const char *name; const uint8_t *guid; } keys[HF_KEY_COUNT] = {
	[HF_KEY_PK] = { "PK", hf_guid_global },
	[HF_KEY_KEK] = { "KEK", hf_guid_global },
	[HF_KEY_DB] = { "db", hf_guid_security },
	[HF_KEY_DBX] = { "dbx", hf_guid_security },
	[HF_KEY_DBT] = { "dbt", hf_guid_security },
	[HF_KEY_DBR] = { "dbr", hf_guid_security },
};

const char *hf_secure_boot_key_name(enum hf_secure_boot_key key)
{
	return (unsigned)key < HF_KEY_COUNT ? keys[key].name : "";
}

const char *hf_secure_boot_state_name(enum hf_secure_boot_state state)
{
	switch (state) {
	case HF_SECURE_BOOT_ABSENT:
		return "absent";
	case HF_SECURE_BOOT_OFF:
		return "off";
	case HF_SECURE_BOOT_ON:
		return "on";
	case HF_SECURE_BOOT_AMBIGUOUS:
		break;
	}
	return "ambiguous";
}

struct walk {
	struct hf_secure_boot *out;
	enum hf_alg alg;
	size_t number;			/* of the event at hand */
	bool any, separated;
	struct hf_secure_boot_variable state;	/* of the variable SecureBoot */
};

/* The first fault stands. */
static void doubt(struct walk *w, enum hf_err cause)
{
	if (w->out->state == HF_SECURE_BOOT_AMBIGUOUS)
		return;
	w->out->state = HF_SECURE_BOOT_AMBIGUOUS;
	w->out->cause = cause;
	w->out->event = w->number;
}

/* Firmware may measure a variable again, as long as it is the same. */
static enum hf_err set(struct walk *w, struct hf_secure_boot_variable *variable,
		       struct hf_span content)
{
	enum hf_err err = HF_OK;

	if (variable->measured) {
		if (!hf_span_equal(variable->content, content))
			doubt(w, HF_ERR_DUPLICATE_NAME);
		return HF_OK;
	}
	err = hf_digest(HF_ALG_SHA256, content, &variable->sha256);
	variable->content = content;
	variable->measured = true;
	return err;
}

static enum hf_err take_state(struct walk *w, struct hf_span content)
{
	enum hf_err err = set(w, &w->state, content);

	if (err)
		return err;
	if (content.len > 1 || (content.len == 1 && content.ptr[0] > 1))
		doubt(w, HF_ERR_EVENT_SHAPE);
	else if (w->out->state != HF_SECURE_BOOT_AMBIGUOUS)	/* empty: edk2 without the variable */
		w->out->state = content.len && content.ptr[0] ? HF_SECURE_BOOT_ON
							      : HF_SECURE_BOOT_OFF;
	return HF_OK;
}

/* NULL: none of the variables that are state or keys. */
static struct hf_secure_boot_variable *find(struct walk *w,
					    const struct hf_event_variable *variable)
{
	if (hf_event_variable_is(variable, hf_guid_global, STATE_NAME))
		return &w->state;
	for (size_t i = 0; i < HF_KEY_COUNT; i++)
		if (hf_event_variable_is(variable, keys[i].guid, keys[i].name))
			return &w->out->keys[i];
	return NULL;
}

static enum hf_err take_config(struct walk *w, const struct hf_event_variable *variable,
			       struct hf_span content, struct hf_span trailing)
{
	struct hf_secure_boot_variable *known = find(w, variable);

	if (trailing.len)
		doubt(w, HF_ERR_EVENT_SHAPE);
	if (!known)
		return HF_OK;
	return known == &w->state ? take_state(w, content) : set(w, known, content);
}

/* A variable that firmware changed after it had measured them all: PCR 7 says both. */
static bool is_late(struct walk *w, const struct hf_event *event,
		    const struct hf_event_variable *variable, struct hf_span content)
{
	struct hf_secure_boot_variable *known = find(w, variable);

	if (event->type != HF_EV_EFI_VARIABLE_DRIVER_CONFIG || !known)
		return false;
	if (!known->measured || !hf_span_equal(known->content, content))
		doubt(w, HF_ERR_DUPLICATE_NAME);
	return true;
}

static enum hf_err take_authority(struct walk *w, const struct hf_event_variable *variable,
				  struct hf_span content)
{
	struct hf_secure_boot *out = w->out;
	struct hf_authority authority = { .event = w->number, .variable = *variable,
					  .content = content };
	enum hf_err err = hf_digest(HF_ALG_SHA256, content, &authority.sha256);

	if (err)
		return err;
	if (out->authority_count < HF_AUTHORITIES_MAX)
		out->authorities[out->authority_count++] = authority;
	else
		out->more_authorities = true;
	return HF_OK;
}

/* PFP 3.3.2.2: four bytes; firmware that failed to measure writes 1 there. */
static bool is_separator(struct hf_span data, bool *ret_failed)
{
	uint32_t value = data.len == 4 ? (uint32_t)hf_le(data.ptr, 4) : 2;

	*ret_failed = value == 1;
	return value == 0 || value == 0xffffffffu || value == 1;
}

/* PFP 3.3.4.8, and what Windows asks of firmware. */
static void take_action(struct hf_secure_boot *out, struct hf_span data)
{
	while (data.len > 0 && data.ptr[data.len - 1] == 0)
		data.len--;
	out->debug_mode |= hf_span_equal(data, hf_span_text("UEFI Debug Mode"));
	out->dma_protection_off |= hf_span_equal(data, hf_span_text("DMA Protection Disabled"));
}

static enum hf_err is_bound(enum hf_alg alg, const struct hf_event *event, bool *ret)
{
	struct hf_digest own;
	enum hf_err err = hf_digest(alg, event->data, &own);
	bool bound = false;

	if (err)
		return err;
	for (size_t i = 0; i < event->digest_count; i++)
		bound |= hf_digest_equal(&event->digests[i], &own);
	*ret = bound;
	return HF_OK;
}

static enum hf_err take_event(struct walk *w, const struct hf_event *event)
{
	struct hf_event_variable variable;
	struct hf_span content, trailing;
	bool failed, bound;
	enum hf_err err = is_bound(w->alg, event, &bound);

	if (err)
		return err;
	w->any = true;
	if (!bound) {
		if (!w->separated)
			doubt(w, HF_ERR_LOG_DIGEST);
		w->out->unbound_count += w->separated;
		return HF_OK;
	}
	if (is_separator(event->data, &failed)) {
		if (failed)
			doubt(w, HF_ERR_EVENT_SHAPE);
		w->separated = true;
		return HF_OK;
	}
	if (!hf_event_variable_parse(event->data, &variable, &content, &trailing)) {
		take_action(w->out, event->data);
		return HF_OK;
	}
	if (!w->separated)
		return take_config(w, &variable, content, trailing);
	return is_late(w, event, &variable, content) ? HF_OK :
	       take_authority(w, &variable, content);
}

enum hf_err hf_secure_boot_from_log(struct hf_span log, enum hf_alg alg,
				    struct hf_secure_boot *ret)
{
	struct hf_secure_boot out = { .state = HF_SECURE_BOOT_ABSENT };
	struct walk w = { .out = &out, .alg = alg };
	struct hf_log_reader reader;
	struct hf_event event;
	enum hf_err err = hf_log_open(log, &reader);

	if (err)
		return err;
	if (!(reader.alg_mask & HF_ALG_MASK(alg)))
		return HF_ERR_LOG_ALGORITHM;
	while (!err && hf_log_next(&reader, &event)) {
		w.number = reader.index - reader.sha1_only;
		if (event.pcr == PCR_SECURE_BOOT && event.type != HF_EV_NO_ACTION)
			err = take_event(&w, &event);
	}
	if (err || reader.err)
		return err ? err : reader.err;
	if (w.any && !w.separated)
		doubt(&w, HF_ERR_LOG_GRAMMAR);
	*ret = out;
	return HF_OK;
}

/* ---- EFI_SIGNATURE_LISTs ---- */

struct hf_signature_reader hf_signatures_at(struct hf_span content)
{
	return (struct hf_signature_reader){ .lists = hf_cursor_at(content) };
}

static bool open_list(struct hf_signature_reader *r)
{
	const uint8_t *type = hf_take(&r->lists, HF_GUID_SIZE);
	size_t size = hf_u32le(&r->lists), header = hf_u32le(&r->lists);
	size_t entry = hf_u32le(&r->lists);

	if (r->lists.bad || size < LIST_HEADER || header > size - LIST_HEADER ||
	    entry < HF_GUID_SIZE || (size - LIST_HEADER - header) % entry)
		return false;
	hf_take(&r->lists, header);
	struct hf_span entries = hf_take_span(&r->lists, size - LIST_HEADER - header);

	if (r->lists.bad)
		return false;
	r->list = hf_cursor_at(entries);
	r->type = type;
	r->size = entry;
	return true;
}

bool hf_signature_next(struct hf_signature_reader *r, struct hf_signature *ret)
{
	while (!r->err && hf_left(&r->list) == 0) {
		if (hf_left(&r->lists) == 0)
			return false;
		if (!open_list(r))
			r->err = HF_ERR_EVENT_SHAPE;
	}
	if (!r->err && r->count++ == HF_SIGNATURES_MAX)
		r->err = HF_ERR_LIMIT;
	if (r->err)
		return false;
	struct hf_cursor entry = hf_cursor_at(hf_take_span(&r->list, r->size));

	ret->type = r->type;
	ret->owner = hf_take(&entry, HF_GUID_SIZE);
	ret->data = hf_take_span(&entry, hf_left(&entry));
	return true;
}
