/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Measurements: all at once, else one by one, and each under a signature. */
#include "pcie/spdm_ask_inside.h"

#include "pcie/spdm_request.h"

#define SIGN_TRIES 3		/* each undone by a device that is busy meanwhile */
#define ALL 0xff		/* GET_MEASUREMENTS, param2 */
#define COUNT 0

/* Before 1.1 a request names no slot: the device signs by that of slot 0. */
static int signing_slot(const struct hf_spdm_asking *a)
{
	int only = a->s->version < 0x11 ? 0 : a->plan->slot;

	if ((a->s->capabilities & HF_SPDM_CAP_MEAS) != HF_SPDM_CAP_MEAS_SIGNED)
		return -1;
	for (uint8_t slot = 0; slot < HF_SPDM_SLOTS; slot++)
		if (hf_spdm_slot_good(a, slot) && (only < 0 || only == slot))
			return slot;
	return -1;
}

/* slot -1: unsigned. */
static enum hf_err ask_measurement(struct hf_spdm_asking *a, uint8_t index, int slot)
{
	uint8_t room[HF_SPDM_REQUEST_MAX], nonce[HF_SPDM_NONCE];
	struct hf_writer w = { .buf = room, .cap = sizeof(room) };
	enum hf_err err = slot < 0 ? HF_OK : hf_spdm_new_nonce(a, nonce);

	if (err)
		return err;
	hf_spdm_request_measurements(&w, a->s->version, index, slot < 0 ? NULL : nonce,
				     (uint8_t)(slot < 0 ? 0 : slot));
	return hf_spdm_ask_one(a, hf_written(&w));
}

static bool is_signed(const struct hf_spdm_block *block)
{
	return block->is_signed || block->is_covered;
}

/* Any request but GET_MEASUREMENTS empties what the next signature covers, on both sides: a
 * device may or may not have counted what it refused, or was too busy for. */
static enum hf_err clear_covered(struct hf_spdm_asking *a, int slot)
{
	a->disturbed = false;
	return slot < 0 ? HF_OK : hf_spdm_ask_digests(a);
}

/* Each index by itself, until as many have come as the device says that it has; the last one
 * with a signature, which covers all before it, if nothing came in between. */
static enum hf_err search(struct hf_spdm_asking *a, int slot)
{
	size_t found = 0;
	enum hf_err err = ask_measurement(a, COUNT, -1);

	if (err || hf_spdm_refused(a))
		return err;
	for (unsigned i = 1; !err && i <= HF_SPDM_INDEX_MAX && found < a->s->total; i++) {
		bool sign = found + 1 == a->s->total && !a->disturbed;

		err = ask_measurement(a, (uint8_t)i, sign ? slot : -1);
		if (!err && !hf_spdm_refused(a))
			found++;
		else
			a->disturbed = true;
	}
	return err;
}

static unsigned last_unsigned(const struct hf_spdm_asking *a)
{
	for (unsigned i = HF_SPDM_INDEX_MAX; i > 0; i--)
		if (a->s->blocks[i].there && !is_signed(&a->s->blocks[i]))
			return i;
	return 0;
}

/* Those that are known to be there, once more without what was refused in between; and how many
 * there are, for that has to be signed too. */
static enum hf_err sign_found(struct hf_spdm_asking *a, int slot)
{
	unsigned last = 0;
	enum hf_err err = clear_covered(a, slot);

	for (unsigned i = 1; i <= HF_SPDM_INDEX_MAX; i++)
		last = a->s->blocks[i].there ? i : last;
	if (!err)
		err = ask_measurement(a, COUNT, -1);
	if (!err && hf_spdm_refused(a))
		return HF_OK;
	for (unsigned i = 1; !err && i <= last && !a->disturbed; i++) {
		if (!a->s->blocks[i].there)
			continue;
		err = ask_measurement(a, (uint8_t)i, i < last ? -1 : slot);
		if (!err && hf_spdm_refused(a))
			return HF_OK;	/* hf_spdm_outcome has a name for it */
	}
	return err;
}

static enum hf_err one_by_one(struct hf_spdm_asking *a, int slot)
{
	enum hf_err err = clear_covered(a, slot);

	if (!err)
		err = search(a, slot);
	for (unsigned i = 0; !err && slot >= 0 && i < SIGN_TRIES && last_unsigned(a); i++)
		err = sign_found(a, slot);
	return err;
}

static enum hf_err measure_once(struct hf_spdm_asking *a, int slot)
{
	enum hf_err err = ask_measurement(a, ALL, slot);

	return err || !hf_spdm_refused(a) ? err : one_by_one(a, slot);
}

enum hf_err hf_spdm_ask_measurements(struct hf_spdm_asking *a)
{
	int slot = signing_slot(a);
	enum hf_err err;

	a->phase = "measurements";
	if (!(a->s->capabilities & HF_SPDM_CAP_MEAS))
		return HF_OK;
	err = measure_once(a, slot);
	if (!err && a->s->content == HF_SPDM_CONTENT_CHANGED)
		err = measure_once(a, slot);
	return err;
}
