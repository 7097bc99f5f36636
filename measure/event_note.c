/* SPDX-License-Identifier: GPL-3.0-or-later */
/* EV_NO_ACTION: what extends nothing. PC Client PFP 1.06, section 10.4.5. */
#include "measure/event_shape.h"

#define SIGNATURE 16	/* bytes in front of the data */

static bool take_locality(struct hf_span data, struct hf_event_data *ret)
{
	if (data.len != SIGNATURE + 1)
		return false;
	ret->kind = HF_EVENT_LOCALITY;
	ret->u.locality.number = data.ptr[SIGNATURE];
	return true;
}

static bool take_rim(struct hf_span data, struct hf_event_data *ret)
{
	struct hf_cursor c = hf_cursor_at(data);
	struct hf_event_rim rim = { .version = 1 };
	const uint8_t *signature = hf_take(&c, SIGNATURE);

	rim.manufacturer = hf_u32le(&c);
	rim.guid = hf_take(&c, HF_GUID_SIZE);
	rim.rest = hf_take_span(&c, hf_left(&c));
	if (c.bad)
		return false;
	if (signature[SIGNATURE - 1])
		rim.version = signature[SIGNATURE - 1] - '0';
	ret->kind = HF_EVENT_RIM;
	ret->u.rim = rim;
	return rim.version > 1 || rim.rest.len == 0;
}

static bool take_instance(struct hf_span data, struct hf_event_data *ret)
{
	struct hf_cursor c = hf_cursor_at(data);

	hf_take(&c, SIGNATURE + 2 + 6);		/* version, reserved */
	if (c.bad || !hf_event_spdm_parse(hf_take_span(&c, hf_left(&c)), &ret->u.spdm))
		return false;
	ret->kind = HF_EVENT_NV_INSTANCE;
	return true;
}

static bool take_dynamic(struct hf_span data, struct hf_event_data *ret)
{
	struct hf_cursor c = hf_cursor_at(data);
	struct hf_event_dynamic dynamic = { .uid = 0 };

	hf_take(&c, SIGNATURE + 2 + 6);
	dynamic.uid = hf_u64le(&c);
	dynamic.description = hf_take_span(&c, hf_u16le(&c));
	dynamic.data = hf_take_span(&c, hf_u16le(&c));
	if (!hf_cursor_done(&c))
		return false;
	ret->kind = HF_EVENT_NV_DYNAMIC;
	ret->u.dynamic = dynamic;
	return true;
}

static bool take_spec_id(struct hf_span data, struct hf_event_data *ret)
{
	(void)data;
	ret->kind = HF_EVENT_SPEC_ID;
	return true;
}

bool hf_event_take_note(struct hf_span data, struct hf_event_data *ret)
{
	static const struct { char signature[SIGNATURE + 1]; take_shape take; } notes[] = {
		{ "Spec ID Event03\0", take_spec_id },
		{ "Spec ID Event02\0", take_spec_id },
		{ "Spec ID Event00\0", take_spec_id },
		{ "StartupLocality\0", take_locality },
		{ "SP800-155 Event\0", take_rim },
		{ "SP800-155 Event2", take_rim },
		{ "SP800-155 Event3", take_rim },
		{ "NvIndexInstance\0", take_instance },
		{ "NvIndexDynamic\0\0", take_dynamic },
	};

	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++)
		if (hf_event_begins(data, notes[i].signature, SIGNATURE))
			return notes[i].take(data, ret);
	return hf_event_take_words(data, ret);
}
