/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What devices sign, in the gate: the nonces that they answer, the anchors behind them, and
 * their transcripts on the way to the evidence. */
#include "agent/gate.h"

#include <stdio.h>

#include "agent/vfio_modules.h"
#include "manifests/verify_transcripts.h"
#include "pcie/spdm_claims.h"

/* Two conversations are never asked with one nonce, and none can be older than this boot; the
 * second also answers the challenge, as the quote does. */
void hf_gate_seed(const struct hf_gate *gate, enum hf_spdm_pass pass, struct hf_spdm_seed *ret)
{
	*ret = (struct hf_spdm_seed){ .pass = pass };
	memcpy(ret->boot_id, gate->boot_id.bytes, sizeof(ret->boot_id));
	if (pass == HF_SPDM_PASS_RECHECK)
		ret->challenge = hf_gate_nonce(gate);
}

bool hf_gate_vfio(struct hf_gate *gate)
{
	struct hf_fault fault = { 0 };

	if (!gate->vfio_asked && hf_gate_live(gate) &&
	    hf_vfio_wanted(&gate->host, &gate->bus, gate->host.device_ms)) {
		gate->vfio = hf_vfio_modules_load(&fault) == HF_OK;
		if (!gate->vfio)
			hf_screen_print(&gate->screen, "  no mailbox: the kernel refuses writes; %s (%s)\n",
					hf_err_name(fault.err), fault.detail);
	}
	gate->vfio_asked = true;
	return gate->vfio;
}

static enum hf_err look(const struct hf_gate *gate, const struct hf_claims *claims,
			const struct hf_spdm_seed *seed, struct hf_device_trusts *trusts,
			struct hf_fault *fault)
{
	const struct hf_device_trusts_options options = {
		.trust = &gate->trust, .manifests = gate->manifests, .seed = seed,
		.device_ms = gate->host.device_ms, .now = hf_gate_now(gate),
	};
	enum hf_err err = hf_device_trusts_take(claims, &options, trusts);

	return err == HF_OK ? HF_OK : hf_fail(fault, err, gate->host.root, "%s",
					      "looking at devices' certificates");
}

enum hf_err hf_gate_trust_devices(struct hf_gate *gate, struct hf_fault *fault)
{
	struct hf_spdm_seed seed;

	hf_gate_seed(gate, HF_SPDM_PASS_MEASURE, &seed);
	return look(gate, &gate->claims, &seed, &gate->devices, fault);
}

/* ---- the second time ---- */

static const struct hf_function *function_at(const struct hf_claims *claims, const char *path,
					     const struct hf_part **ret_part)
{
	for (const struct hf_part *p = claims->parts; p; p = p->next)
		for (const struct hf_function *f = p->functions; f; f = f->next)
			if (strcmp(f->path, path) == 0)
				return *ret_part = p, f;
	return NULL;
}

/* Claims that are equal were still signed for this challenge, by a key with the same standing
 * as before; a reader that was led astray could show claims alone. */
enum hf_err hf_gate_compare_signed(struct hf_gate *gate, const struct hf_claims *after,
				   const struct hf_spdm_seed *seed, hf_claims_differ differ,
				   void *self, struct hf_fault *fault)
{
	struct hf_device_trusts again = { 0 };
	enum hf_err err = look(gate, after, seed, &again, fault);

	for (const struct hf_device_trust *first = gate->devices.list; first && err == HF_OK;
	     first = first->next) {
		const struct hf_device_trust *now = hf_device_trust_find(again.list, first->path);
		const struct hf_part *part = NULL;
		const struct hf_function *f = function_at(after, first->path, &part);

		/* One that is gone is a difference already, or isolated. */
		if (f && (!now || now->cause != first->cause))
			differ(self, part, f, NULL, NULL,
			       now ? hf_err_name(now->cause) : "signed nothing");
	}
	return err;
}

/* What was signed then goes into the evidence, and the note says whose it is. */
enum hf_err hf_gate_note_transcripts(struct hf_gate *gate, const struct hf_claims *after,
				     struct hf_fault *fault)
{
	struct hf_part *note = after->attachments ? hf_gate_note_part(gate, HF_SPDM_NOTE) : NULL;
	char key[32], text[HF_SPDM_NOTE_TEXT];
	enum hf_err err = HF_OK;
	size_t n = 0;

	for (const struct hf_attachment *a = after->attachments; a && err == HF_OK; a = a->next) {
		struct hf_attachment *copy;

		snprintf(key, sizeof(key), HF_SPDM_NOTE_KEY "%zu", ++n);
		hf_spdm_note_text(a->path, &a->sha384, text);
		err = hf_claims_attach(&gate->again, a->path, a->bytes, &copy);
		if (err == HF_OK)
			err = hf_gate_note_text(gate, note, key, text);
	}
	if (err != HF_OK)
		return hf_fail(fault, err, HF_SPDM_NOTE, "%zu transcripts", n);
	return note ? hf_gate_record_part(gate, note, fault) : HF_OK;
}

/* ---- into the evidence ---- */

static bool named(const struct hf_part *part, const struct hf_attachment *a)
{
	for (const struct hf_function *f = part->functions; f; f = f->next) {
		const struct hf_measurement *m = hf_measurement_find(f->measurements,
								     HF_MKEY_TRANSCRIPT);

		if (m && m->kind == HF_VALUE_DIGESTS && hf_digest_equal(&m->digests[0], &a->sha384))
			return true;
	}
	return false;
}

/* Those that the part names, out of the claims that it comes from. */
enum hf_err hf_gate_take_transcripts(struct hf_gate *gate, const struct hf_claims *from,
				     const struct hf_part *part)
{
	size_t total = 0;

	for (const struct hf_attachment *a = gate->claims.attachments; a; a = a->next)
		total += a->bytes.len;
	for (const struct hf_attachment *a = from->attachments; a; a = a->next) {
		struct hf_attachment *copy;
		enum hf_err err;

		if (!named(part, a) || hf_claims_attachment(&gate->claims, &a->sha384))
			continue;
		total += a->bytes.len;
		if (total > HF_TRANSCRIPTS_PASS_BYTES)
			return HF_ERR_LIMIT;
		err = hf_claims_attach(&gate->claims, a->path, a->bytes, &copy);
		if (err != HF_OK)
			return err;
	}
	return HF_OK;
}

struct hf_span hf_gate_transcripts(struct hf_gate *gate)
{
	const struct hf_claims *both[] = { &gate->claims, &gate->again };
	struct hf_attachment all = { 0 }, *end = &all;
	struct hf_writer w = { .cap = 16 };

	for (size_t i = 0; i < 2; i++) {
		for (const struct hf_attachment *a = both[i]->attachments; a; a = a->next) {
			end->next = hf_arena_take(&gate->arena, sizeof(*end));
			if (!end->next)
				return (struct hf_span){ NULL, 0 };
			end = end->next;
			*end = *a;
			end->next = NULL;
			w.cap += a->bytes.len + 9;
		}
	}
	if (!all.next)
		return (struct hf_span){ NULL, 0 };
	w.buf = hf_arena_take(&gate->arena, w.cap);
	if (!w.buf)
		return (struct hf_span){ NULL, 0 };
	hf_transcripts_encode(all.next, &w);
	return w.full ? (struct hf_span){ NULL, 0 } : hf_written(&w);
}
