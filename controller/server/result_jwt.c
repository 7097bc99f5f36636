/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/server/result_jwt.h"

#include <jansson.h>
#include <stdlib.h>

#include "measure/base64url.h"

#define EAT_NONCE_MIN 8	/* bytes, RFC 9711 section 4.1 */

/* Jansson counts what fails: a member that could not be made makes the whole NULL or short, so
 * every step says whether it worked. */
static bool put(json_t *object, const char *key, json_t *value)
{
	return value && json_object_set_new(object, key, value) == 0;
}

static json_t *text(struct hf_span s)
{
	return json_stringn((const char *)s.ptr, s.len);
}

static json_t *hex(struct hf_span bytes)
{
	static const char digits[] = "0123456789abcdef";
	char out[2 * 64];

	if (bytes.len > sizeof(out) / 2)
		return NULL;
	for (size_t i = 0; i < bytes.len; i++) {
		out[2 * i] = digits[bytes.ptr[i] >> 4];
		out[2 * i + 1] = digits[bytes.ptr[i] & 15];
	}
	return json_stringn(out, 2 * bytes.len);
}

static bool put_text(json_t *object, const char *key, struct hf_span s)
{
	return !s.len || put(object, key, text(s));
}

static bool put_hex(json_t *object, const char *key, struct hf_span s)
{
	return !s.len || put(object, key, hex(s));
}

static bool put_number(json_t *object, const char *key, uint64_t n)
{
	return !n || (n <= INT64_MAX && put(object, key, json_integer((json_int_t)n)));
}

static const char *status_name(enum hf_ear_status status)
{
	switch (status) {
	case HF_EAR_NONE:
		return "none";
	case HF_EAR_AFFIRMING:
		return "affirming";
	case HF_EAR_WARNING:
		return "warning";
	case HF_EAR_CONTRAINDICATED:
		return "contraindicated";
	}
	return "contraindicated";
}

static json_t *image_of(const struct hf_result_image *image)
{
	static const char *const kexec[] = { "kernel", "initrd", "command-line" }, *const root[] = { "root" };
	const char *const *names = image->count == 3 ? kexec : root;
	json_t *object = json_object();
	bool good = object && put_text(object, "name", image->name);

	for (size_t i = 0; i < image->count && good; i++)
		good = put_hex(object, names[i], image->digests[i]);
	if (good)
		return object;
	json_decref(object);
	return NULL;
}

static bool put_images(json_t *own, const struct hf_result *r)
{
	json_t *list = r->image_count ? json_array() : NULL;
	bool good = true;

	if (!r->image_count)
		return true;
	for (size_t i = 0; i < r->image_count && good; i++)
		good = json_array_append_new(list, image_of(&r->images[i])) == 0;
	if (good)
		return put(own, "images", list);
	json_decref(list);
	return false;
}

static bool put_manifests(json_t *own, const struct hf_result *r)
{
	json_t *list = r->manifest_count ? json_array() : NULL;
	bool good = true;

	if (!r->manifest_count)
		return true;
	for (size_t i = 0; i < r->manifest_count && good; i++)
		good = json_array_append_new(list, hex(r->manifests[i])) == 0;
	if (good)
		return put(own, "manifests", list);
	json_decref(list);
	return false;
}

static json_t *own_claims(const struct hf_result *r, size_t omitted)
{
	json_t *own = json_object();

	if (own && put_text(own, "host", r->host) && put_hex(own, "reclaim", r->reclaim) &&
	    put_hex(own, "ak-name", r->ak_name) && put_hex(own, "boot-key", r->boot_key) &&
	    put_hex(own, "quote", r->quote) && put_text(own, "agent-image", r->agent_image) &&
	    put_manifests(own, r) && put_number(own, "generation", r->generation) &&
	    put_text(own, "mode", r->mode) &&
	    put(own, "release", json_string(hf_release_kind_name(r->release))) && put_images(own, r) &&
	    put_number(own, "seconds", r->seconds) && put_text(own, "cause", r->cause) &&
	    put_text(own, "place", r->place) && put_text(own, "detail", r->detail) &&
	    put(own, "kind", json_string(hf_evidence_kind_name(r->kind))) && put_text(own, "lease", r->lease) &&
	    put_number(own, "parts", r->part_count + r->omitted) && put_number(own, "omitted", omitted) &&
	    (!r->fallback || put(own, "fallback", json_true())))
		return own;
	json_decref(own);
	return NULL;
}

static json_t *appraisal(enum hf_ear_status status)
{
	json_t *object = json_object();

	if (object && put(object, "ear.status", json_string(status_name(status))))
		return object;
	json_decref(object);
	return NULL;
}

static json_t *submods(const struct hf_result *r)
{
	json_t *all = json_object(), *host = appraisal(r->status);
	bool good = all && host && put(host, HF_RESULT_JWT_OWN, own_claims(r, r->omitted));

	for (size_t i = 0; i < r->part_count && good; i++) {
		const struct hf_span path = r->parts[i].path;

		good = json_object_setn_new(all, (const char *)path.ptr, path.len,
					    appraisal(r->parts[i].status)) == 0;
	}
	/* Last, so that no part can stand in the host's place. */
	if (good && put(all, "host", host))
		return all;
	if (!good)
		json_decref(host);
	json_decref(all);
	return NULL;
}

static bool put_nonce(json_t *claims, struct hf_span nonce)
{
	uint8_t out[96];
	struct hf_writer w = { .buf = out, .cap = sizeof(out) };

	if (nonce.len < EAT_NONCE_MIN)	/* EAT has none that short */
		return true;
	hf_put_base64url(&w, nonce);
	return !w.full && put(claims, "eat_nonce", text(hf_written(&w)));
}

static json_t *claims_of(const struct hf_result *r)
{
	json_t *claims = json_object(), *verifier = json_object();
	bool good = claims && verifier && put(verifier, "developer", json_string("holdfast")) &&
		    put_text(verifier, "build", r->verifier);

	if (!good)
		json_decref(verifier);
	good = good && put(claims, "ear.verifier-id", verifier) &&
	       put(claims, "eat_profile", json_string(HF_RESULT_PROFILE)) &&
	       put(claims, "iat", json_integer(r->time)) && put_nonce(claims, r->nonce) &&
	       put(claims, "submods", submods(r));
	if (good)
		return claims;
	json_decref(claims);
	return NULL;
}

static void put_header(struct hf_writer *w, const struct hf_key *key, const char *alg)
{
	uint8_t id[HF_KEY_ID], header[160];
	struct hf_writer h = { .buf = header, .cap = sizeof(header) };

	hf_key_id(key, id);
	hf_put_span(&h, hf_span_text("{\"alg\":\""));
	hf_put_span(&h, hf_span_text(alg));
	hf_put_span(&h, hf_span_text("\",\"kid\":\""));
	hf_put_base64url(&h, (struct hf_span){ id, HF_KEY_ID });
	hf_put_span(&h, hf_span_text("\",\"typ\":\"eat+jwt\"}"));
	w->full |= h.full;
	hf_put_base64url(w, hf_written(&h));
}

enum hf_err hf_result_to_jwt(const struct hf_result *result, const struct hf_key *key, struct hf_writer *w)
{
	const char *alg = hf_cose_jws_name(hf_key_alg(key));
	const size_t start = w->len;
	uint8_t signature[160];
	struct hf_writer s = { .buf = signature, .cap = sizeof(signature) };
	json_t *claims;
	char *body;
	enum hf_err err;

	if (!alg)
		return HF_ERR_COSE_ALGORITHM;
	claims = claims_of(result);
	body = claims ? json_dumps(claims, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	json_decref(claims);
	if (!body)
		return HF_ERR_NO_MEMORY;
	put_header(w, key, alg);
	hf_put(w, ".", 1);
	hf_put_base64url(w, hf_span_text(body));
	free(body);
	if (w->full)
		return HF_ERR_LIMIT;
	err = hf_key_sign(key, (struct hf_span){ w->buf + start, w->len - start }, &s);
	if (err)
		return err;
	hf_put(w, ".", 1);
	hf_put_base64url(w, hf_written(&s));
	return w->full ? HF_ERR_LIMIT : HF_OK;
}
