/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/result_jwt_read.h"

#include <jansson.h>

#include "measure/base64url.h"

#define OWN "tag:holdfast.invalid,2026:result"

/* Nothing of the middle part is looked at before the last one has vouched for it. */
struct parts { struct hf_span header, payload, signature, is_signed; };

static bool split(struct hf_span jwt, struct parts *ret)
{
	const uint8_t *first = jwt.len ? memchr(jwt.ptr, '.', jwt.len) : NULL, *second;
	const uint8_t *end = jwt.ptr + jwt.len;

	second = first ? memchr(first + 1, '.', (size_t)(end - first) - 1) : NULL;
	if (!second || memchr(second + 1, '.', (size_t)(end - second) - 1))
		return false;
	ret->header = (struct hf_span){ jwt.ptr, (size_t)(first - jwt.ptr) };
	ret->payload = (struct hf_span){ first + 1, (size_t)(second - first) - 1 };
	ret->signature = (struct hf_span){ second + 1, (size_t)(end - second) - 1 };
	ret->is_signed = (struct hf_span){ jwt.ptr, (size_t)(second - jwt.ptr) };
	return true;
}

static bool decode(struct hf_span in, struct hf_arena *arena, struct hf_span *ret)
{
	const size_t len = in.len / 4 * 3 + (in.len % 4 ? in.len % 4 - 1 : 0);
	uint8_t *out = hf_arena_take(arena, len + 1);

	*ret = (struct hf_span){ out, len };
	return out && hf_take_base64url((const char *)in.ptr, in.len, out);
}

static json_t *load(struct hf_span in, struct hf_arena *arena)
{
	struct hf_span text;
	json_t *root = decode(in, arena, &text) ?
		json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL) : NULL;

	if (json_is_object(root))
		return root;
	json_decref(root);
	return NULL;
}

/* The key decides on the algorithm, never the message; a member that we do not know may say that
 * something else was signed (RFC 7515 section 4.1.11). */
static enum hf_err check_header(const struct parts *p, const struct hf_key *key, struct hf_arena *arena)
{
	const char *alg = "", *kid = "", *typ = "", *wanted = hf_cose_jws_name(hf_key_alg(key));
	uint8_t id[HF_KEY_ID], text[64];
	struct hf_writer w = { .buf = text, .cap = sizeof(text) };
	json_t *header = load(p->header, arena);
	enum hf_err err = HF_ERR_RESULT_SHAPE;

	hf_key_id(key, id);
	hf_put_base64url(&w, (struct hf_span){ id, sizeof(id) });
	if (header && json_unpack(header, "{s:s, s:s, s:s !}", "alg", &alg, "kid", &kid, "typ", &typ) == 0 &&
	    strcmp(typ, "eat+jwt") == 0)
		err = !wanted || strcmp(alg, wanted) != 0 ? HF_ERR_COSE_ALGORITHM :
		      !hf_span_equal(hf_written(&w), hf_span_text(kid)) ? HF_ERR_SIGNER_UNKNOWN : HF_OK;
	json_decref(header);
	return err;
}

static bool take_status(const char *name, enum hf_ear_status *ret)
{
	static const struct { const char *name; enum hf_ear_status status; } all[] = {
		{ "none", HF_EAR_NONE }, { "affirming", HF_EAR_AFFIRMING }, { "warning", HF_EAR_WARNING },
		{ "contraindicated", HF_EAR_CONTRAINDICATED },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(name, all[i].name) == 0) {
			*ret = all[i].status;
			return true;
		}
	}
	return false;
}

static bool take_text(const json_t *own, const char *name, struct hf_arena *arena, struct hf_span *ret)
{
	const json_t *value = json_object_get(own, name);
	const char *kept;

	*ret = (struct hf_span){ NULL, 0 };
	if (!value)
		return true;
	kept = json_is_string(value) ? hf_arena_text(arena, json_string_value(value), json_string_length(value)) : NULL;
	if (kept)
		*ret = hf_span_text(kept);
	return kept != NULL;
}

static enum hf_err take_claims(json_t *claims, struct hf_arena *arena, struct hf_result *ret)
{
	struct hf_result r = { .kind = HF_EVIDENCE_GATE };
	const char *profile, *build, *status;
	json_int_t time;
	json_t *own;

	if (json_unpack(claims, "{s:s, s:I, s:{s:s}, s:{s:{s:s, s:o}}}", "eat_profile", &profile, "iat", &time,
			"ear.verifier-id", "build", &build, "submods", "host", "ear.status", &status, OWN, &own) ||
	    strcmp(profile, HF_RESULT_PROFILE) != 0 || !take_status(status, &r.status) || !json_is_object(own))
		return HF_ERR_RESULT_SHAPE;
	r.time = time;
	if (!take_text(json_object_get(claims, "ear.verifier-id"), "build", arena, &r.verifier) ||
	    !take_text(own, "host", arena, &r.host) || !take_text(own, "lease", arena, &r.lease) ||
	    !take_text(own, "cause", arena, &r.cause) || !take_text(own, "place", arena, &r.place) ||
	    !take_text(own, "detail", arena, &r.detail))
		return HF_ERR_RESULT_SHAPE;
	*ret = r;
	return HF_OK;
}

enum hf_err hf_result_from_jwt(struct hf_span jwt, const struct hf_key *key, struct hf_arena *arena,
			       struct hf_result *ret)
{
	struct hf_span signature;
	json_t *claims = NULL;
	struct parts p;
	enum hf_err err = jwt.len <= HF_JWT_MAX && split(jwt, &p) ? HF_OK : HF_ERR_RESULT_SHAPE;

	if (!err)
		err = check_header(&p, key, arena);
	if (!err && !decode(p.signature, arena, &signature))
		err = HF_ERR_RESULT_SHAPE;
	if (!err)
		err = hf_key_verify(key, p.is_signed, signature);
	if (err)
		return err;
	claims = load(p.payload, arena);
	err = claims ? take_claims(claims, arena, ret) : HF_ERR_RESULT_SHAPE;
	json_decref(claims);
	return err;
}
