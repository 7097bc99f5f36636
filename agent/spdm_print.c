/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/spdm_view.h"

#define COLUMNS 80

/* Words after a label, broken at blanks. */
static void put_words(FILE *out, const char *label, const char *text)
{
	int column = fprintf(out, "  %s", label);

	while (*(text += strspn(text, " "))) {
		size_t word = strcspn(text, " ");

		if (column + 1 + (int)word > COLUMNS && column > 8)
			column = fprintf(out, "\n     ") - 1;
		column += fprintf(out, " %.*s", (int)word, text);
		text += word;
	}
	fputc('\n', out);
}

static void put_problem(FILE *out, const char *what, enum hf_err cause)
{
	char line[512];

	snprintf(line, sizeof(line), "%s: %s [%s]", what, hf_err_sentence(cause), hf_err_name(cause));
	put_words(out, "not ok:", line);
	put_words(out, "  next:", hf_err_next_step(cause));
}

static void put_version(const struct hf_spdm *s, FILE *out)
{
	char version[8], line[512];
	size_t at = 0;

	hf_spdm_version_text(s->version, version);
	fprintf(out, "  speaks SPDM %s", version);
	for (size_t i = 0; i < s->version_count && at < sizeof(line) - 16; i++) {
		if (s->versions[i] >> 8 == s->version)
			continue;
		hf_spdm_version_text((uint8_t)(s->versions[i] >> 8), version);
		at += (size_t)snprintf(line + at, sizeof(line) - at, "%s%s", at ? ", " : "", version);
	}
	fprintf(out, at ? " (also %s)\n" : "\n", line);
	if (s->asym)
		fprintf(out, "  signs by %s over %s", hf_spdm_asym_name(s->asym), hf_spdm_hash_name(s->hash));
	if (s->measurement_hash)
		fprintf(out, "%s %s", s->asym ? "; measures by" : "  measures by",
			hf_spdm_measurement_hash_name(s->measurement_hash));
	if (s->asym || s->measurement_hash)
		fputc('\n', out);
}

static void put_capabilities(const struct hf_spdm *s, FILE *out)
{
	char line[512] = "nothing that is of use here";
	uint32_t mask, value;
	const char *words;
	size_t at = 0;

	for (size_t i = 0; (words = hf_spdm_capability(i, &mask, &value)); i++)
		if ((s->capabilities & mask) == value)
			at += (size_t)snprintf(line + at, sizeof(line) - at, "%s%s", at ? ", " : "", words);
	put_words(out, "has:", line);
}

/* ---- certificates ---- */

static void put_certificate(const struct hf_device_chain *chain, size_t i, FILE *out)
{
	struct hf_device_certificate c;
	char number[16], by[160];
	bool no_end;

	hf_device_certificate_describe(chain, i, &c);
	no_end = strncmp(c.not_after, "9999", 4) == 0;
	snprintf(number, sizeof(number), "  %zu ", i);
	put_words(out, number, c.subject);
	snprintf(by, sizeof(by), "by %s", c.self_signed ? "itself" : c.issuer);
	put_words(out, "    ", by);
	fprintf(out, "       %s, %.10s to %.10s\n", c.key, c.not_before, no_end ? "no end" : c.not_after);
}

static void put_layer(const struct hf_dice_layer *layer, FILE *out)
{
	char line[512], hex[2 * HF_DIGEST_MAX + 1];
	size_t at = (size_t)snprintf(line, sizeof(line), "certificate %zu:", layer->certificate);

	if (layer->has_layer)
		at += (size_t)snprintf(line + at, sizeof(line) - at, " layer %llu",
				       (unsigned long long)layer->layer);
	if (layer->vendor[0] || layer->model[0] || layer->version[0])
		at += (size_t)snprintf(line + at, sizeof(line) - at, " %s %s %s", layer->vendor,
				       layer->model, layer->version);
	if (layer->has_svn)
		at += (size_t)snprintf(line + at, sizeof(line) - at, " svn %llu",
				       (unsigned long long)layer->svn);
	if (layer->has_flags && layer->flags)
		snprintf(line + at, sizeof(line) - at, "%s%s%s%s",
			 layer->flags & 1 ? " not-configured" : "", layer->flags & 2 ? " not-secure" : "",
			 layer->flags & 4 ? " recovery" : "", layer->flags & 8 ? " DEBUG" : "");
	put_words(out, "  DICE", line);
	for (size_t i = 0; i < layer->fwid_count; i++) {
		hf_digest_hex(&layer->fwids[i], hex);
		fprintf(out, "      %s %.64s%s\n", hf_alg_name(layer->fwids[i].alg), hex,
			strlen(hex) > 64 ? "..." : "");
	}
}

static void put_binding(const struct hf_spdm_view *view, const struct hf_spdm_slot_view *slot,
			FILE *out)
{
	if (slot->san[0])
		put_words(out, "  speaks of:", slot->san);
	if (!slot->san[0])
		put_words(out, "  speaks of:", "no device by name: nothing ties the key to this one");
	else if (!view->identity)
		put_words(out, "  not compared:", "no function's configuration space was given");
	else if (slot->binding == HF_DEVICE_BOUND)
		put_words(out, "  which is", "this device, by its configuration space");
	else if (slot->binding == HF_DEVICE_OTHER)
		put_words(out, "  which is", "ANOTHER device than this one");
}

static bool same_before(const struct hf_spdm *s, size_t slot, size_t *ret)
{
	struct hf_span chain = s->slots[slot].chain;

	for (*ret = 0; chain.len && *ret < slot; (*ret)++)
		if (s->slots[*ret].parsed && hf_span_equal(s->slots[*ret].chain, chain))
			return true;
	return false;
}

static void put_slot(const struct hf_spdm_view *view, size_t i, FILE *out)
{
	const struct hf_spdm_slot *slot = &view->s->slots[i];
	const struct hf_spdm_slot_view *seen = &view->slots[i];
	size_t same;

	if (!slot->provisioned && !slot->parsed)
		return;
	fprintf(out, "  slot %zu:", i);
	if (!slot->parsed) {
		fprintf(out, " %s\n", slot->cause ? "no usable certificates" : "not read");
		return;
	}
	if (same_before(view->s, i, &same)) {
		fprintf(out, " the same certificates as slot %zu\n", same);
		return;
	}
	fprintf(out, " %zu certificate%s, %s\n", seen->certificates, seen->certificates == 1 ? "" : "s",
		seen->has_root ? "the root first" : "the root is not among them");
	for (size_t k = 0; k < seen->certificates; k++)
		put_certificate(slot->parsed, k, out);
	put_binding(view, seen, out);
	for (size_t k = 0; k < seen->dice.count; k++)
		put_layer(&seen->dice.layers[k], out);
	if (seen->dice.malformed)
		put_words(out, "  DICE", "an extension that is not of its shape, or too many layers");
}

/* ---- measurements ---- */

static const char *how_signed(const struct hf_spdm_block *block)
{
	return block->is_signed || block->is_covered ? "signed" : "NOT SIGNED";
}

static void put_measurements(const struct hf_spdm *s, FILE *out)
{
	char value[HF_SPDM_VALUE_TEXT];

	if (!s->block_count)
		return;
	fprintf(out, "  measurements:\n");
	for (size_t i = 0; i <= HF_SPDM_INDEX_MAX; i++) {
		const struct hf_spdm_block *block = &s->blocks[i];

		if (!block->there)
			continue;
		hf_spdm_value_text(block, value);
		fprintf(out, "    %3zu  %-30s %-6s  %s\n         %s\n", i, hf_spdm_type_name(block->type),
			block->type & HF_SPDM_TYPE_RAW ? "raw" : "digest", how_signed(block), value);
	}
}

/* ---- what verified, and what did not ---- */

static void put_challenges(const struct hf_spdm_view *view, FILE *out)
{
	char what[64];

	for (size_t i = 0; i < HF_SPDM_SLOTS; i++) {
		const struct hf_spdm_slot *slot = &view->s->slots[i];

		if (slot->cause) {
			snprintf(what, sizeof(what), "slot %zu's certificates", i);
			put_problem(out, what, slot->cause);
		} else if (slot->parsed) {
			fprintf(out, "  ok: slot %zu's certificates lead from one to the next\n", i);
		}
		if (slot->challenged)
			fprintf(out, "  ok: slot %zu's key answered a challenge\n", i);
		snprintf(what, sizeof(what), "the challenge of slot %zu", i);
		if (!slot->challenged && slot->challenge_cause)
			put_problem(out, what, slot->challenge_cause);
	}
}

static void put_signatures(const struct hf_spdm_view *view, FILE *out)
{
	const struct hf_spdm *s = view->s;

	if (s->negotiation_signed)
		fputs("  ok: version and algorithms are covered by a signature\n", out);
	else if (s->version)
		put_words(out, "not ok:", "no signature covers version and algorithms: whoever stands in "
			  "between could have chosen them");
	if (s->block_count && s->measured_slot >= 0)
		fprintf(out, "  ok: %zu of %zu measurements are signed, by the key of slot %d\n",
			view->blocks_signed, s->block_count, s->measured_slot);
	else if (s->block_count)
		put_words(out, "not ok:", "no measurement is signed");
	if (s->content == HF_SPDM_CONTENT_SAME)
		fputs("  ok: nothing changed while it was measured, says the device\n", out);
}

static void put_trust(const struct hf_spdm_view *view, FILE *out)
{
	char what[64];

	for (size_t i = 0; i < HF_SPDM_SLOTS; i++) {
		if (!view->s->slots[i].parsed)
			continue;
		snprintf(what, sizeof(what), "slot %zu's certificates", i);
		if (view->slots[i].anchor)
			fprintf(out, "  ok: slot %zu's certificates lead to anchor %s\n", i, view->slots[i].anchor);
		else if (view->trust)
			put_problem(out, what, view->slots[i].trust);
		if (view->identity && view->slots[i].binding == HF_DEVICE_OTHER)
			put_problem(out, what, HF_ERR_DEVICE_IDENTITY);
	}
	if (!view->trust)
		put_words(out, "not judged:", "whose certificates these are; give --anchors or --anchor");
}

void hf_spdm_print(const struct hf_spdm_view *view, FILE *out)
{
	const struct hf_spdm *s = view->s;

	fprintf(out, "%s: by %s\n", view->source, view->way);
	if (s->version)
		put_version(s, out);
	if (s->capabilities)
		put_capabilities(s, out);
	for (size_t i = 0; i < HF_SPDM_SLOTS; i++)
		put_slot(view, i, out);
	put_measurements(s, out);
	put_challenges(view, out);
	put_signatures(view, out);
	if (s->version)
		put_trust(view, out);
	if (view->result)
		put_problem(out, "the conversation", view->result);
	put_words(out, "when:", view->fresh ?
		  "now: the device answered nonces that were made for this conversation" :
		  "nobody knows: a recording says nothing about when it was made");
}
