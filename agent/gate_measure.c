/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stages enumerate, measure and record: what is there, what bytes it holds, and both
 * in the TPM before anybody forms an opinion. */
#include "agent/gate.h"

#include "agent/watch.h"

enum hf_err hf_gate_enumerate(struct hf_gate *gate, struct hf_fault *fault)
{
	enum hf_err err = hf_bus_read(&gate->host, &gate->arena, &gate->bus, fault);

	if (err != HF_OK)
		return err;
	err = hf_topology(&gate->bus, &gate->claims);
	if (err != HF_OK)
		return hf_fail(fault, err, gate->host.root, "%zu functions", gate->bus.count);
	for (const struct hf_part *p = gate->claims.parts; p; p = p->next)
		gate->inventory = p;
	hf_gate_note(gate, "%zu functions in %zu parts", gate->claims.function_count,
		     gate->claims.part_count - 1);
	return HF_OK;
}

void hf_gate_progress(void *self, const struct hf_part *part, size_t index, size_t count)
{
	(void)self;
	(void)part;
	(void)index;
	(void)count;
	(void)hf_watch_kick();
}

enum hf_err hf_gate_measure(struct hf_gate *gate, struct hf_fault *fault)
{
	struct hf_spdm_seed seed;
	/* The gate alone decides who uses a device: a driver that is bound here is built in
	 * and idle, so its ROM is read like any other. */
	const struct hf_read_options options = { .rom_bound = true, .rom_sizing = true,
						 .mailbox = true, .vfio = hf_gate_vfio(gate),
						 .seed = &seed };
	enum hf_err err;

	hf_gate_seed(gate, HF_SPDM_PASS_MEASURE, &seed);
	err = hf_measure(&gate->host, &gate->bus, &options, &gate->claims, hf_gate_progress, NULL);
	if (err != HF_OK)
		return hf_fail(fault, err, gate->host.root, "%zu functions", gate->bus.count);
	hf_gate_note(gate, "%zu measurements%s", gate->claims.measurement_count,
		     gate->vfio ? ", mailboxes by vfio-pci" : "");
	return HF_OK;
}

enum hf_err hf_gate_record_part(struct hf_gate *gate, const struct hf_part *part,
				struct hf_fault *fault)
{
	uint8_t payload[HF_PATH_MAX + 128];
	struct hf_writer w = { .buf = payload, .cap = sizeof(payload) };
	struct hf_writer *all = &gate->encoded;
	struct hf_writer one = { .cap = HF_PART_CBOR_MAX };
	struct hf_digest digest;
	struct hf_span span;
	enum hf_err err;

	/* Behind everything recorded so far, with room for the byte string's head in front:
	 * the bytes that are digested are the bytes that go into the evidence. */
	if (all->full || all->cap - all->len < 16)
		return hf_fail(fault, HF_ERR_LIMIT, part->path, "%s", "claims are too large");
	one.buf = all->buf + all->len + 9;
	one.cap = all->cap - all->len - 9 < one.cap ? all->cap - all->len - 9 : one.cap;
	hf_part_encode(part, &one);
	if (one.full)
		return hf_fail(fault, HF_ERR_LIMIT, part->path, "%s", "claims are too large");
	err = hf_digest(HF_ALG_SHA384, hf_written(&one), &digest);
	if (err != HF_OK)
		return hf_fail(fault, err, part->path, "%s", "digest");
	hf_log_part_payload(&w, part->path, &digest);
	if (w.full)
		return hf_fail(fault, HF_ERR_LIMIT, part->path, "%s", "path");
	err = hf_gate_event(gate, HF_TAG_PART, hf_written(&w), fault);
	if (err != HF_OK)
		return err;
	uint8_t head[9];
	struct hf_writer head_writer = { .buf = head, .cap = sizeof(head) };

	hf_cbor_put_bstr_head(&head_writer, one.len);
	span = hf_written(&head_writer);
	memcpy(all->buf + all->len, span.ptr, span.len);
	memmove(all->buf + all->len + span.len, one.buf, one.len);
	all->len += span.len + one.len;
	gate->encoded_count++;
	return HF_OK;
}

/* Every part that has no event yet, in inventory order; then who stands behind those that
 * signed, before anybody judges them. */
enum hf_err hf_gate_record(struct hf_gate *gate, struct hf_fault *fault)
{
	struct hf_part *part = gate->recorded ? gate->recorded->next : gate->claims.parts;
	enum hf_err err;

	for (; part; part = part->next) {
		err = hf_gate_record_part(gate, part, fault);
		if (err != HF_OK)
			return err;
		gate->recorded = part;
	}
	err = hf_gate_trust_devices(gate, fault);
	if (err != HF_OK)
		return err;
	hf_gate_note(gate, "%zu events, log %zu bytes%s", gate->encoded_count, gate->log.out.len,
		     gate->tpm ? "" : ", NO TPM");
	return HF_OK;
}

/* ---- notes: what the gate itself did, as pseudo parts ---- */

struct hf_part *hf_gate_note_part(struct hf_gate *gate, const char *path)
{
	return hf_claims_add_part(&gate->notes, HF_PART_HOST, path);
}

enum hf_err hf_gate_note_text(struct hf_gate *gate, struct hf_part *part, const char *mkey,
			      const char *text)
{
	struct hf_measurement *m;

	if (!part)
		return HF_ERR_LIMIT;
	m = hf_claims_add_measurement(&gate->notes, part, NULL, mkey, HF_METHOD_IDENTITY, 0);
	return m ? hf_measurement_set_text(&gate->notes, m, text) : HF_ERR_LIMIT;
}

enum hf_err hf_gate_note_digest(struct hf_gate *gate, struct hf_part *part, const char *mkey,
				const struct hf_digest *digest, uint64_t size)
{
	struct hf_measurement *m;

	if (!part)
		return HF_ERR_LIMIT;
	m = hf_claims_add_measurement(&gate->notes, part, NULL, mkey, HF_METHOD_BYTES, 0);
	return m ? hf_measurement_set_digests(m, digest, 1, size) : HF_ERR_LIMIT;
}
