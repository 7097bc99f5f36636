/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "measure/wire.h"

#define AK_MAX 512		/* bytes of a TPMT_PUBLIC */
#define SHA256 32
#define AK_NAME 34
#define TEXT_MAX 128
#define CREDENTIAL_MAX 1024

/* A map with integer keys, walked once in ascending order, as deterministic encoding has them. */
struct fields {
	struct hf_cbor r;
	size_t left;
	int64_t key;		/* of the value that comes next; only while have */
	bool have;
};

static struct fields open_map(struct hf_span in)
{
	struct fields f = { .r = hf_cbor_at(in) };

	f.left = hf_cbor_map(&f.r);
	return f;
}

static void look(struct fields *f)
{
	while (!f->have && f->left > 0 && f->r.err == HF_OK) {
		f->left--;
		if (hf_cbor_peek(&f->r) != HF_CBOR_UINT) {	/* a newer version's: passed over */
			(void)hf_cbor_skip(&f->r);
			(void)hf_cbor_skip(&f->r);
			continue;
		}
		f->key = hf_cbor_int(&f->r);
		f->have = true;
	}
}

/* Whether the value of this key comes next; smaller keys that nobody asked for are passed over. */
static bool at(struct fields *f, int64_t key)
{
	look(f);
	while (f->have && f->key < key && f->r.err == HF_OK) {
		(void)hf_cbor_skip(&f->r);
		f->have = false;
		look(f);
	}
	if (!f->have || f->key != key || f->r.err != HF_OK)
		return false;
	f->have = false;
	return true;
}

static void need(struct fields *f, bool good)
{
	if (!good)
		hf_cbor_fail(&f->r, HF_ERR_WIRE_SHAPE);
}

static struct hf_span bytes_within(struct fields *f, size_t least, size_t most)
{
	struct hf_span s = hf_cbor_bstr(&f->r);

	need(f, s.len >= least && s.len <= most);
	return s;
}

static struct hf_span bytes(struct fields *f, int64_t key, size_t least, size_t most)
{
	if (!at(f, key)) {
		need(f, false);
		return (struct hf_span){ NULL, 0 };
	}
	return bytes_within(f, least, most);
}

static struct hf_span optional_bytes(struct fields *f, int64_t key, size_t least, size_t most)
{
	return at(f, key) ? bytes_within(f, least, most) : (struct hf_span){ NULL, 0 };
}

static struct hf_span text(struct fields *f, int64_t key)
{
	struct hf_span s = { NULL, 0 };

	if (at(f, key))
		s = hf_cbor_tstr(&f->r);
	need(f, s.len > 0 && s.len <= TEXT_MAX);
	return s;
}

static uint64_t number(struct fields *f, int64_t key, uint64_t most)
{
	uint64_t v = 0;
	bool there = at(f, key);

	if (there)
		v = hf_cbor_uint(&f->r);
	need(f, there && v <= most);
	return v;
}

static void version(struct fields *f)
{
	need(f, number(f, 1, UINT32_MAX) == HF_WIRE_VERSION);
}

/* What is left is a newer version's. */
static enum hf_err done(struct fields *f)
{
	look(f);
	while (f->have && f->r.err == HF_OK) {
		(void)hf_cbor_skip(&f->r);
		f->have = false;
		look(f);
	}
	return f->r.err != HF_OK ? f->r.err : hf_cbor_end(&f->r);
}

/* ---- requests ---- */

static void begin(struct hf_writer *w, size_t pairs)
{
	hf_cbor_put_map(w, pairs);
	hf_cbor_put_uint(w, 1);
	hf_cbor_put_uint(w, HF_WIRE_VERSION);
}

static void put_bytes(struct hf_writer *w, uint64_t key, struct hf_span s)
{
	hf_cbor_put_uint(w, key);
	hf_cbor_put_bstr(w, s);
}

void hf_wire_put_challenge_request(struct hf_writer *w, const struct hf_wire_challenge_request *in)
{
	begin(w, 3);
	put_bytes(w, 2, in->ak);
	hf_cbor_put_uint(w, 3);
	hf_cbor_put_tstr(w, in->agent);
}

enum hf_err hf_wire_get_challenge_request(struct hf_span in, struct hf_wire_challenge_request *ret)
{
	struct fields f = open_map(in);
	struct hf_wire_challenge_request r = { 0 };
	enum hf_err err;

	version(&f);
	r.ak = bytes(&f, 2, 1, AK_MAX);
	r.agent = text(&f, 3);
	err = done(&f);
	if (err == HF_OK)
		*ret = r;
	return err;
}

void hf_wire_put_enrol_request(struct hf_writer *w, const struct hf_wire_enrol_request *in)
{
	begin(w, 3u + (in->serial.len > 0));
	put_bytes(w, 2, in->ak);
	hf_cbor_put_uint(w, 3);
	hf_cbor_put_array(w, in->ek_count);
	for (size_t i = 0; i < in->ek_count; i++) {
		hf_cbor_put_array(w, 2);
		hf_cbor_put_bstr(w, in->eks[i].public_area);
		hf_cbor_put_bstr(w, in->eks[i].certificate);
	}
	if (in->serial.len) {
		hf_cbor_put_uint(w, 4);
		hf_cbor_put_tstr(w, in->serial);
	}
}

static void get_eks(struct fields *f, struct hf_wire_enrol_request *r)
{
	size_t count = 0;

	if (at(f, 3))
		count = hf_cbor_array(&f->r);
	need(f, count >= 1 && count <= HF_WIRE_EKS_MAX);
	for (size_t i = 0; i < count && f->r.err == HF_OK; i++) {
		need(f, hf_cbor_array(&f->r) == 2);
		r->eks[i].public_area = bytes_within(f, 1, AK_MAX);
		r->eks[i].certificate = bytes_within(f, 0, HF_WIRE_CERT_MAX);
	}
	r->ek_count = count;
}

enum hf_err hf_wire_get_enrol_request(struct hf_span in, struct hf_wire_enrol_request *ret)
{
	struct fields f = open_map(in);
	struct hf_wire_enrol_request r = { 0 };
	enum hf_err err;

	version(&f);
	r.ak = bytes(&f, 2, 1, AK_MAX);
	get_eks(&f, &r);
	if (at(&f, 4)) {
		r.serial = hf_cbor_tstr(&f.r);
		need(&f, r.serial.len > 0 && r.serial.len <= TEXT_MAX);
	}
	err = done(&f);
	if (err == HF_OK)
		*ret = r;
	return err;
}

void hf_wire_put_activate_request(struct hf_writer *w, const struct hf_wire_activate_request *in)
{
	begin(w, 4);
	put_bytes(w, 2, in->ak);
	put_bytes(w, 3, in->id);
	put_bytes(w, 4, in->secret);
}

enum hf_err hf_wire_get_activate_request(struct hf_span in, struct hf_wire_activate_request *ret)
{
	struct fields f = open_map(in);
	struct hf_wire_activate_request r = { 0 };
	enum hf_err err;

	version(&f);
	r.ak = bytes(&f, 2, 1, AK_MAX);
	r.id = bytes(&f, 3, HF_WIRE_ID, HF_WIRE_ID);
	r.secret = bytes(&f, 4, 1, 64);
	err = done(&f);
	if (err == HF_OK)
		*ret = r;
	return err;
}

void hf_wire_put_receipt_request(struct hf_writer *w, const struct hf_wire_receipt_request *in)
{
	begin(w, 6);
	put_bytes(w, 2, in->ak);
	put_bytes(w, 3, in->quote_digest);
	put_bytes(w, 4, in->cap);
	put_bytes(w, 5, in->attest);
	put_bytes(w, 6, in->signature);
}

enum hf_err hf_wire_get_receipt_request(struct hf_span in, struct hf_wire_receipt_request *ret)
{
	struct fields f = open_map(in);
	struct hf_wire_receipt_request r = { 0 };
	enum hf_err err;

	version(&f);
	r.ak = bytes(&f, 2, 1, AK_MAX);
	r.quote_digest = bytes(&f, 3, SHA256, SHA256);
	r.cap = bytes(&f, 4, 1, 4096);
	r.attest = bytes(&f, 5, 1, 1024);
	r.signature = bytes(&f, 6, 1, 1024);
	err = done(&f);
	if (err == HF_OK)
		*ret = r;
	return err;
}

/* ---- replies ---- */

enum { MESSAGE = 1, CREDENTIAL = 2, SECRET = 4 };	/* what a kind has, or may have */
static const unsigned kinds[] = {
	[HF_WIRE_DONE] = 0, [HF_WIRE_REFUSED] = MESSAGE, [HF_WIRE_CHALLENGED] = MESSAGE,
	[HF_WIRE_MUST_ENROL] = 0, [HF_WIRE_CREDENTIAL] = CREDENTIAL,
	[HF_WIRE_TICKET] = MESSAGE | SECRET,
};

void hf_wire_put_reply(struct hf_writer *w, const struct hf_wire_reply *in)
{
	const unsigned has = kinds[in->kind];
	const bool secret = (has & SECRET) && in->secret.len;

	begin(w, 2u + ((has & MESSAGE) != 0) + (has & CREDENTIAL ? 4u : 0) + secret);
	hf_cbor_put_uint(w, 2);
	hf_cbor_put_uint(w, (uint64_t)in->kind);
	if (has & MESSAGE)
		put_bytes(w, 3, in->message);
	if (has & CREDENTIAL) {
		put_bytes(w, 4, in->id);
		hf_cbor_put_uint(w, 5);
		hf_cbor_put_uint(w, in->ek);
		put_bytes(w, 6, in->credential);
		put_bytes(w, 7, in->encrypted_secret);
	}
	if (secret)
		put_bytes(w, 8, in->secret);
}

static void get_credential(struct fields *f, struct hf_wire_reply *r)
{
	r->id = bytes(f, 4, HF_WIRE_ID, HF_WIRE_ID);
	r->ek = (size_t)number(f, 5, HF_WIRE_EKS_MAX - 1);
	r->credential = bytes(f, 6, 3, CREDENTIAL_MAX);
	r->encrypted_secret = bytes(f, 7, 3, CREDENTIAL_MAX);
}

enum hf_err hf_wire_get_reply(struct hf_span in, struct hf_wire_reply *ret)
{
	struct fields f = open_map(in);
	struct hf_wire_reply r = { 0 };
	unsigned has;
	enum hf_err err;

	version(&f);
	r.kind = (enum hf_wire_kind)number(&f, 2, HF_WIRE_TICKET);
	has = f.r.err == HF_OK ? kinds[r.kind] : 0;
	/* What belongs to another kind is a contradiction, not a newer version's. */
	if (has & MESSAGE)
		r.message = bytes(&f, 3, 1, HF_WIRE_REPLY_MAX);
	else
		need(&f, !at(&f, 3));
	if (has & CREDENTIAL)
		get_credential(&f, &r);
	for (int64_t key = 4; key <= 7 && !(has & CREDENTIAL); key++)
		need(&f, !at(&f, key));
	if (has & SECRET)
		r.secret = optional_bytes(&f, 8, 1, HF_WIRE_SECRET_MAX);
	else
		need(&f, !at(&f, 8));
	err = done(&f);
	if (err == HF_OK)
		*ret = r;
	return err;
}

/* ---- the challenge ---- */

void hf_wire_put_challenge(struct hf_writer *w, const struct hf_challenge *in)
{
	hf_cbor_put_map(w, 7);
	put_bytes(w, 1, in->nonce);
	hf_cbor_put_uint(w, 2);
	hf_cbor_put_uint(w, (uint64_t)in->time);
	put_bytes(w, 3, in->reclaim);
	hf_cbor_put_uint(w, 4);
	hf_cbor_put_tstr(w, in->host);
	put_bytes(w, 5, in->ak_name);
	put_bytes(w, 6, in->boot_key);
	hf_cbor_put_uint(w, 7);
	hf_cbor_put_uint(w, in->seconds);
}

enum hf_err hf_wire_get_challenge(struct hf_span payload, struct hf_challenge *ret)
{
	struct fields f = open_map(payload);
	struct hf_challenge c = { 0 };
	enum hf_err err;

	c.nonce = bytes(&f, 1, HF_WIRE_NONCE, HF_WIRE_NONCE);
	c.time = (int64_t)number(&f, 2, INT64_MAX);
	c.reclaim = bytes(&f, 3, 0, HF_WIRE_ID);
	need(&f, c.reclaim.len == 0 || c.reclaim.len == HF_WIRE_ID);
	c.host = text(&f, 4);
	c.ak_name = bytes(&f, 5, AK_NAME, AK_NAME);
	c.boot_key = bytes(&f, 6, SHA256, SHA256);
	c.seconds = number(&f, 7, UINT32_MAX);
	need(&f, c.time > 0 && c.seconds > 0);
	err = done(&f);
	if (err == HF_OK)
		*ret = c;
	return err;
}
