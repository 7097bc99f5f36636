/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manifests/verify_transcripts.h"

#include <stdarg.h>
#include <stdio.h>

#include "pcie/device_chain.h"
#include "pcie/spdm_ask.h"
#include "pcie/spdm_claims.h"

#define DIGEST_WORD " sha384:"

static void say(struct hf_transcripts *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void say(struct hf_transcripts *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(t->detail, sizeof(t->detail), format, args);
	va_end(args);
}

/* ---- the gate's note ---- */

void hf_spdm_note_text(const char *path, const struct hf_digest *sha384,
		       char out[static HF_SPDM_NOTE_TEXT])
{
	char hex[2 * HF_DIGEST_MAX + 1];

	hf_digest_hex(sha384, hex);
	snprintf(out, HF_SPDM_NOTE_TEXT, "%.*s" DIGEST_WORD "%.96s", HF_PATH_MAX, path, hex);
}

bool hf_spdm_note_parse(const char *text, char *ret_path, struct hf_digest *ret_sha384)
{
	const size_t word = sizeof(DIGEST_WORD) - 1, hex = 2 * hf_alg_size(HF_ALG_SHA384);
	const char *at = strstr(text, DIGEST_WORD);
	struct hf_digest digest = { .alg = HF_ALG_SHA384 };
	size_t len = at ? (size_t)(at - text) : 0;

	if (len == 0 || len > HF_PATH_MAX || strlen(at + word) != hex ||
	    strspn(at + word, "0123456789abcdef") != hex)
		return false;
	for (size_t i = 0; i < hex; i++) {
		char c = at[word + i];

		digest.bytes[i / 2] = (uint8_t)(digest.bytes[i / 2] << 4 |
						(c <= '9' ? c - '0' : c - 'a' + 10));
	}
	memcpy(ret_path, text, len);
	ret_path[len] = '\0';
	*ret_sha384 = digest;
	return true;
}

/* ---- what a transcript shows, and what the claims say ---- */

static bool of_spdm(const struct hf_measurement *m)
{
	return strncmp(m->mkey, "spdm", 4) == 0 && strcmp(m->mkey, HF_MKEY_TRANSCRIPT) != 0;
}

static bool signs(const struct hf_measurement *m)
{
	return m->method == HF_METHOD_SIGNED || m->method == HF_METHOD_UNBOUND;
}

/* Whether this has to follow from a transcript. */
static bool follows(const struct hf_measurement *m)
{
	return signs(m) || (of_spdm(m) && !(m->flags & HF_MEASUREMENT_ADVISORY));
}

/* The digest by which claims name a transcript; NULL: they name none. */
static const struct hf_measurement *name_of(const struct hf_function *f)
{
	const struct hf_measurement *m = hf_measurement_find(f->measurements, HF_MKEY_TRANSCRIPT);

	return m && m->kind == HF_VALUE_DIGESTS ? m : NULL;
}

/* What has to follow from the transcript is in the other list, and is the same there. */
static bool is_in(const struct hf_measurement *m, struct hf_measurement *list)
{
	const struct hf_measurement *other = follows(m) ? hf_measurement_find(list, m->mkey) : m;

	return other && hf_measurement_equal(m, other);
}

/* Both ways: who says something as advisory takes the weight off it. ret_where: the claim in
 * question. */
static enum hf_err same_claims(const struct hf_function *f, struct hf_measurement *shown,
			       const char **ret_where)
{
	for (const struct hf_measurement *m = f->measurements; m; m = m->next) {
		*ret_where = m->mkey;
		if (!is_in(m, shown))
			return HF_ERR_TRANSCRIPT_DIFFERS;
	}
	for (const struct hf_measurement *m = shown; m; m = m->next) {
		*ret_where = m->mkey;
		if (!is_in(m, f->measurements))
			return HF_ERR_TRANSCRIPT_DIFFERS;
	}
	*ret_where = "";
	return HF_OK;
}

/* Without a transcript nothing was signed; what such a device said is its word alone. */
static enum hf_err nothing_signed(struct hf_transcripts *t, const char *path,
				  const struct hf_measurement *list)
{
	for (const struct hf_measurement *m = list; m; m = m->next) {
		if (!follows(m) || m->method <= HF_METHOD_VERSION)
			continue;
		say(t, "%.60s %.30s, without a transcript", path, m->mkey);
		return HF_ERR_TRANSCRIPT_MISSING;
	}
	return HF_OK;
}

/* What ended it is in the transcript, or it is what no transcript can show: silence, a busy
 * mailbox. The claims' word for that is taken, for it never speaks for the device; that it cannot
 * sign does: what it signed would count, and why there is no more would be harmless. */
static enum hf_err ended_with(const struct hf_function *f, const struct hf_spdm *s,
			      enum hf_err replayed)
{
	const struct hf_measurement *m = hf_measurement_find(f->measurements, HF_MKEY_SPDM);

	if (replayed)
		return replayed;
	if (m && m->kind == HF_VALUE_FAILURE && m->cause != HF_ERR_SPDM_CANNOT_SIGN)
		return m->cause;
	return hf_spdm_outcome(s);
}

static void describe(const struct hf_spdm *s, enum hf_err result, struct hf_signer *signer)
{
	const struct hf_spdm_slot *slot = s->measured_slot >= 0 && s->measured_slot < HF_SPDM_SLOTS ?
					  &s->slots[s->measured_slot] : NULL;
	struct hf_device_certificate leaf;
	size_t count = slot && slot->parsed ? hf_device_chain_count(slot->parsed) : 0;

	signer->result = result;
	signer->slot = slot ? s->measured_slot : -1;
	signer->signatures = s->signatures;
	signer->blocks = s->block_count;
	if (s->version)
		hf_spdm_version_text(s->version, signer->version);
	signer->algorithm = s->asym ? hf_spdm_asym_name(s->asym) : NULL;
	signer->hash = s->hash ? hf_spdm_hash_name(s->hash) : NULL;
	if (!count)
		return;
	hf_device_certificate_describe(slot->parsed, count - 1, &leaf);
	memcpy(signer->subject, leaf.subject, sizeof(signer->subject));
	memcpy(signer->serial, leaf.serial, sizeof(signer->serial));
}

static enum hf_err compare(const struct hf_function *f, const struct hf_spdm *s, enum hf_err result,
			   struct hf_arena *arena, const char **ret_where)
{
	struct hf_claims shown;
	struct hf_function *function;
	struct hf_part *part;
	enum hf_err err;

	hf_claims_init(&shown, arena);
	part = hf_claims_add_part(&shown, HF_PART_CARD, f->path);
	function = part ? hf_claims_add_function(&shown, part, &f->address, f->path) : NULL;
	if (!function)
		return HF_ERR_LIMIT;
	function->identity = f->identity;
	err = hf_spdm_claims(s, result, &f->identity, &shown, part, function);
	return err ? err : same_claims(f, function->measurements, ret_where);
}

static void answer(struct hf_device_question *q, const struct hf_function *function,
		   const struct hf_spdm *s, enum hf_err replayed)
{
	q->anchor = NULL;
	q->cause = replayed ? replayed : hf_device_trust_of(q->trust, q->manifests, &function->identity,
							    s, q->now, &q->anchor);
	if (!q->cause && !q->anchor)
		q->cause = HF_ERR_DEVICE_CHAIN_UNTRUSTED;
}

enum hf_err hf_transcript_check(const struct hf_function *function, struct hf_span file,
				const struct hf_spdm_seed *seed, struct hf_arena *arena,
				struct hf_device_question *question, struct hf_signer *signer,
				char *ret_detail, size_t cap)
{
	const struct hf_spdm_options options = { .arena = arena, .padded = true, .seed = seed,
						 .path = function->path };
	struct hf_spdm *s = hf_arena_take(arena, sizeof(*s));
	const char *where = "";
	enum hf_err err = s ? hf_spdm_open(&options, s) : HF_ERR_LIMIT, replayed, result;

	if (err)
		return err;
	err = replayed = hf_transcript_replay(file, s);
	if (err != HF_ERR_SPDM_NONCE && err != HF_ERR_TRANSCRIPT_SHAPE) {
		result = ended_with(function, s, err);
		if (signer)
			describe(s, result, signer);
		err = compare(function, s, result, arena, &where);
	}
	if (!err)
		answer(question, function, s, replayed);
	if (ret_detail)
		snprintf(ret_detail, cap, "%.80s%s%.30s", function->path, *where ? " " : "", where);
	hf_spdm_close(s);
	return err;
}

static enum hf_err replay(struct hf_transcripts *t, const struct hf_function *f, struct hf_span file,
			  enum hf_spdm_pass pass, struct hf_device_question *question,
			  struct hf_signer *signer)
{
	struct hf_spdm_seed seed = { .pass = pass };
	char where[sizeof(t->detail) - 16];
	enum hf_err err;

	memcpy(seed.boot_id, t->boot_id, sizeof(seed.boot_id));
	/* The first time the gate asks before there is a challenge. */
	if (pass == HF_SPDM_PASS_RECHECK || t->diagnosis)
		seed.challenge = t->challenge;
	err = hf_transcript_check(f, file, &seed, t->arena, question, signer, where,
				  sizeof(where));
	if (err)
		say(t, "%s%s", where, pass == HF_SPDM_PASS_RECHECK ? ", asked again" : "");
	return err;
}

/* ---- who stands behind it ---- */

/* Of two opinions the worse one stays: a function that showed one chain and then another. */
static void note_trust(const struct hf_device_question *q, struct hf_signer *signer,
		       struct hf_device_trust *entry)
{
	if (!signer->judged || (q->cause && !entry->cause)) {
		entry->cause = q->cause;
		entry->anchor = q->cause ? NULL : q->anchor->name;
	}
	signer->judged = true;
	signer->trust = entry->cause;
	signer->anchor = entry->anchor;
}

static struct hf_device_trust *trust_entry(struct hf_transcripts *t, const char *path)
{
	struct hf_device_trust **end = &t->devices;

	while (*end && strcmp((*end)->path, path) != 0)
		end = &(*end)->next;
	if (!*end) {
		*end = hf_arena_take(t->arena, sizeof(**end));
		if (*end)	/* until somebody has looked */
			**end = (struct hf_device_trust){ .path = path, .cause = HF_ERR_INTERNAL };
	}
	return *end;
}

static struct hf_signer *signer_entry(struct hf_transcripts *t, const char *path)
{
	struct hf_signer **end = &t->signers;

	while (*end && strcmp((*end)->path, path) != 0)
		end = &(*end)->next;
	if (!*end) {
		*end = hf_arena_take(t->arena, sizeof(**end));
		if (*end)
			**end = (struct hf_signer){ .path = path, .slot = -1,
						    .trust = HF_ERR_DEVICE_CHAIN_UNTRUSTED };
	}
	return *end;
}

/* ---- one by one ---- */

static enum hf_err take_transcript(struct hf_transcripts *t, const struct hf_function *f,
				   const struct hf_digest *sha384, enum hf_spdm_pass pass,
				   struct hf_attachment **ret)
{
	struct hf_attachment *a = hf_transcripts_find(t->list, sha384);
	struct hf_signer *signer = signer_entry(t, f->path);
	struct hf_device_trust *entry = trust_entry(t, f->path);
	static const struct hf_trust nobody;
	struct hf_device_question question = { .trust = t->trust ? t->trust : &nobody,
					       .manifests = t->manifests, .now = t->now };
	const size_t mark = t->arena->len;
	enum hf_err err;

	if (!a) {
		say(t, "%.100s%s", f->path, pass == HF_SPDM_PASS_RECHECK ? ", asked again" : "");
		return HF_ERR_TRANSCRIPT_MISSING;
	}
	if (a->path && strcmp(a->path, f->path) != 0) {
		say(t, "one transcript for %.45s and %.45s", a->path, f->path);
		return HF_ERR_TRANSCRIPT_DIFFERS;
	}
	if (!signer || !entry)
		return HF_ERR_LIMIT;
	/* Entries that differ in what no claim shows would have us verify for ever. */
	if (signer->replays++ == HF_TRANSCRIPT_REPLAYS_MAX) {
		say(t, "%.80s, in too many ways", f->path);
		return HF_ERR_LIMIT;
	}
	a->path = f->path;
	err = replay(t, f, a->bytes, pass, &question, signer);
	t->arena->len = mark;
	if (!err)
		note_trust(&question, signer, entry);
	*ret = a;
	return err;
}

static bool same_identity(const struct hf_identity *a, const struct hf_identity *b)
{
	return a->vendor == b->vendor && a->device == b->device &&
	       a->subsystem_vendor == b->subsystem_vendor &&
	       a->subsystem_device == b->subsystem_device && a->class_code == b->class_code &&
	       a->revision == b->revision && a->header_type == b->header_type &&
	       a->has_serial == b->has_serial && (!a->has_serial || a->serial == b->serial);
}

/* A part that was measured with its drivers has many entries, and one conversation. */
static bool replayed_before(struct hf_transcripts *t, const struct hf_function *f,
			    const struct hf_measurement *name)
{
	const struct hf_signer *signer = signer_entry(t, f->path);
	const struct hf_function *before = signer ? signer->shown : NULL;
	const char *where;

	return before && same_identity(&f->identity, &before->identity) &&
	       hf_measurement_equal(name, name_of(before)) &&
	       same_claims(f, before->measurements, &where) == HF_OK;
}

static enum hf_err check_function(struct hf_transcripts *t, const struct hf_function *f)
{
	const struct hf_measurement *name = name_of(f);
	struct hf_attachment *a;
	struct hf_signer *signer;
	enum hf_err err;

	if (!name)
		return nothing_signed(t, f->path, f->measurements);
	if (name->digest_count != 1 || name->digests[0].alg != HF_ALG_SHA384) {
		say(t, "%.80s names it by another digest", f->path);
		return HF_ERR_TRANSCRIPT_DIFFERS;
	}
	if (replayed_before(t, f, name))
		return HF_OK;
	err = take_transcript(t, f, &name->digests[0], HF_SPDM_PASS_MEASURE, &a);
	if (err)
		return err;
	if (name->size != a->bytes.len) {
		say(t, "%.80s says another size", f->path);
		return HF_ERR_TRANSCRIPT_DIFFERS;
	}
	signer = signer_entry(t, f->path);
	signer->shown = f;
	signer->transcript = a->sha384;
	signer->method = HF_METHOD_NONE;
	for (const struct hf_measurement *m = f->measurements; m; m = m->next)
		if (of_spdm(m) && m->method > signer->method)
			signer->method = m->method;
	return HF_OK;
}

/* The function as its last claims have it, with a transcript. */
static const struct hf_function *function_named(const struct hf_transcripts *t, const char *path)
{
	const struct hf_function *found = NULL;

	for (const struct hf_part *p = t->claims->parts; p; p = p->next)
		for (const struct hf_function *f = p->functions; f; f = f->next)
			if (strcmp(f->path, path) == 0)
				found = f;
	return found && name_of(found) ? found : NULL;
}

static enum hf_err check_note(struct hf_transcripts *t, const struct hf_measurement *m)
{
	char path[HF_PATH_MAX + 1];
	struct hf_attachment *a;
	struct hf_digest sha384;
	const struct hf_function *f;
	struct hf_signer *signer;
	enum hf_err err;

	if (m->kind != HF_VALUE_TEXT || !hf_spdm_note_parse(m->text, path, &sha384)) {
		say(t, "the note %.60s", m->mkey);
		return HF_ERR_TRANSCRIPT_SHAPE;
	}
	f = function_named(t, path);
	signer = f ? signer_entry(t, f->path) : NULL;
	if (!f || !signer || signer->has_again) {
		say(t, "%.100s, asked again%s", path, signer && signer->has_again ? " twice" : "");
		return HF_ERR_TRANSCRIPT_DIFFERS;
	}
	err = take_transcript(t, f, &sha384, HF_SPDM_PASS_RECHECK, &a);
	if (err)
		return err;
	signer->has_again = true;
	signer->again = sha384;
	return HF_OK;
}

static enum hf_err check_part(struct hf_transcripts *t, const struct hf_part *part)
{
	enum hf_err err = nothing_signed(t, part->path, part->measurements);

	for (const struct hf_function *f = part->functions; f && !err; f = f->next)
		err = check_function(t, f);
	return err;
}

enum hf_err hf_transcripts_replay(struct hf_transcripts *t)
{
	enum hf_err err = hf_transcripts_decode(t->file, t->arena, &t->list);

	if (err)
		say(t, "transcripts.cbor");
	for (const struct hf_part *p = t->claims->parts; p && !err; p = p->next)
		err = check_part(t, p);
	for (const struct hf_part *p = t->claims->parts; p && !err; p = p->next)
		if (p->kind == HF_PART_HOST && strcmp(p->path, HF_SPDM_NOTE) == 0)
			for (const struct hf_measurement *m = p->measurements; m && !err; m = m->next)
				err = check_note(t, m);
	return err;
}

/* ---- nothing less, nothing more ---- */

static bool isolated(const struct hf_verdict *verdict, const struct hf_part *part)
{
	const struct hf_part_verdict *v = verdict ? hf_verdict_for(verdict, part->path) : NULL;

	return v && v->status == HF_STATUS_ISOLATED;
}

static enum hf_err check_again(struct hf_transcripts *t, const struct hf_verdict *verdict)
{
	for (const struct hf_part *p = t->claims->parts; p; p = p->next) {
		if (isolated(verdict, p))
			continue;
		for (const struct hf_function *f = p->functions; f; f = f->next) {
			const struct hf_signer *signer = name_of(f) ? signer_entry(t, f->path) : NULL;

			if (!name_of(f) || (signer && signer->has_again))
				continue;
			say(t, "%.80s was not asked again", f->path);
			return HF_ERR_TRANSCRIPT_MISSING;
		}
	}
	return HF_OK;
}

enum hf_err hf_transcripts_complete(struct hf_transcripts *t, const struct hf_verdict *verdict,
				    bool held)
{
	enum hf_err err = t->diagnosis || held ? HF_OK : check_again(t, verdict);
	size_t signers = 0, trusted = 0, all = 0;

	for (const struct hf_attachment *a = t->list; a && !err; a = a->next, all++) {
		if (a->path)
			continue;
		say(t, "transcript %zu is named by nothing", all + 1);
		err = HF_ERR_TRANSCRIPT_DIFFERS;
	}
	if (err)
		return err;
	for (const struct hf_signer *s = t->signers; s; s = s->next, signers++)
		trusted += s->trust == HF_OK;
	say(t, "%zu function%s, %zu transcripts; an anchor stands behind %zu", signers,
	    signers == 1 ? "" : "s", all, trusted);
	return HF_OK;
}
