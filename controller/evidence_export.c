/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/evidence_export.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "measure/attest.h"
#include "measure/credential.h"
#include "measure/cbor.h"
#include "measure/file.h"
#include "measure/log.h"

#define AREA_MAX 1024u	/* bytes of a TPM2B_PUBLIC */

struct out { int dirfd; const char *dir; struct hf_arena *arena; struct hf_fault *fault; };

static enum hf_err open_dir(struct out *o)
{
	if (mkdir(o->dir, 0755) < 0 && errno != EEXIST)
		return hf_fail_errno(o->fault, HF_ERR_OUTPUT_FAILED, errno, o->dir);
	o->dirfd = open(o->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return o->dirfd < 0 ? hf_fail_errno(o->fault, HF_ERR_OUTPUT_FAILED, errno, o->dir) : HF_OK;
}

static enum hf_err put_file(const struct out *o, const char *name, struct hf_span bytes)
{
	return hf_file_write(o->dirfd, name, bytes, 0644, o->fault);
}

static struct hf_writer writer(const struct out *o, size_t cap)
{
	uint8_t *buf = hf_arena_take(o->arena, cap);

	return (struct hf_writer){ .buf = buf, .cap = buf ? cap : 0 };
}

/* ---- what every format needs ---- */

static enum hf_err need_quote(const struct hf_evidence *e, struct hf_quote *quote, struct hf_ak *ak,
			      struct hf_fault *fault)
{
	enum hf_err err;

	if (!e->quote.len || !e->signature.len || !e->ak.len)
		return hf_fail(fault, HF_ERR_EVIDENCE_SHAPE, "evidence", "it holds no quote with signature and key");
	err = hf_quote_parse(e->quote, quote);
	if (err)
		return hf_fail(fault, err, "quote.attest", "%zu bytes", e->quote.len);
	err = hf_ak_parse(e->ak, ak);
	return err ? hf_fail(fault, err, "ak.pub", "%zu bytes", e->ak.len) : HF_OK;
}

/* The values to which the logs replay; those that the host gave where they cannot. A verifier
 * hashes them and compares with the quote either way. */
static enum hf_err pcr_values(const struct out *o, const struct hf_evidence *e, const struct hf_quote *quote,
			      struct hf_span *ret)
{
	struct hf_writer w = writer(o, 65536);
	struct hf_pcrs pcrs, ours;

	if (e->quote_pcrs.len) {
		*ret = e->quote_pcrs;
		return HF_OK;
	}
	if (hf_log_replay(e->firmware_log, quote->bank, &pcrs) || hf_log_replay(e->log, quote->bank, &ours))
		return hf_fail(o->fault, HF_ERR_FIRMWARE_LOG_MISSING, "quote.pcrs",
			       "not there, and the logs do not replay");
	for (unsigned i = 0; i < HF_PCR_COUNT; i++)
		if (ours.extended >> i & 1)
			memcpy(pcrs.value[i], ours.value[i], sizeof(pcrs.value[i]));
	hf_pcrs_tools_format(&pcrs, quote->pcrs, &w);
	if (w.full)
		return hf_fail(o->fault, HF_ERR_LIMIT, "quote.pcrs", "%u", quote->pcrs);
	*ret = hf_written(&w);
	return HF_OK;
}

/* One log where there can be one; else ours, and the firmware's beside it. */
static struct hf_span one_log(const struct out *o, const struct hf_evidence *e)
{
	struct hf_span merged;

	return hf_evidence_merge_logs(e, o->arena, &merged) == HF_OK ? merged : e->log;
}

/* ---- tpm2-tools ---- */

static enum hf_err put_hex(const struct out *o, const char *name, struct hf_span bytes)
{
	static const char digits[] = "0123456789abcdef";
	struct hf_writer w = writer(o, 2 * bytes.len + 1);

	for (size_t i = 0; i < bytes.len; i++) {
		hf_put(&w, &digits[bytes.ptr[i] >> 4], 1);
		hf_put(&w, &digits[bytes.ptr[i] & 15], 1);
	}
	hf_put(&w, "\n", 1);
	return w.full ? hf_fail(o->fault, HF_ERR_NO_MEMORY, name, "%zu bytes", bytes.len) :
			put_file(o, name, hf_written(&w));
}

static enum hf_err tools_files(const struct out *o, const struct hf_evidence *e)
{
	struct hf_writer pem = writer(o, 4096);
	struct hf_span values;
	struct hf_quote quote;
	struct hf_ak ak;
	enum hf_err err = need_quote(e, &quote, &ak, o->fault);

	if (!err)
		err = pcr_values(o, e, &quote, &values);
	if (!err && hf_ak_pem(&ak, &pem) != HF_OK)
		err = hf_fail(o->fault, HF_ERR_INTERNAL, "ak.pem", "%s", "");
	if (!err)
		err = put_file(o, "quote.msg", e->quote);
	if (!err)
		err = put_file(o, "quote.sig", e->signature);
	if (!err)
		err = put_file(o, "quote.pcrs", values);
	if (!err)
		err = put_file(o, "ak.pem", hf_written(&pem));
	if (!err)
		err = put_hex(o, "nonce.hex", quote.nonce);
	if (!err)
		err = put_file(o, "eventlog", one_log(o, e));
	return err;
}

enum hf_err hf_evidence_export_tpm2_tools(const struct hf_evidence *evidence, const char *dir,
					  struct hf_arena *arena, struct hf_fault *fault)
{
	struct out o = { .dir = dir, .arena = arena, .fault = fault };
	enum hf_err err = open_dir(&o);

	if (!err) {
		err = tools_files(&o, evidence);
		close(o.dirfd);
	}
	return err;
}

/* ---- Keylime ---- */

static void put_base64(struct hf_writer *w, struct hf_span in)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < in.len; i += 3) {
		size_t n = in.len - i < 3 ? in.len - i : 3;
		uint32_t v = (uint32_t)in.ptr[i] << 16 | (n > 1 ? (uint32_t)in.ptr[i + 1] << 8 : 0) |
			     (n > 2 ? (uint32_t)in.ptr[i + 2] : 0);
		char out[4] = { digits[v >> 18], digits[v >> 12 & 63], n > 1 ? digits[v >> 6 & 63] : '=',
				n > 2 ? digits[v & 63] : '=' };

		hf_put(w, out, 4);
	}
}

static bool set_base64(const struct out *o, json_t *object, const char *key, struct hf_span bytes)
{
	struct hf_writer w = writer(o, bytes.len / 3 * 4 + 4);

	put_base64(&w, bytes);
	return !w.full && json_object_set_new(object, key, json_stringn((const char *)w.buf, w.len)) == 0;
}

/* TPM2B_PUBLIC, whichever of both came. */
static struct hf_span with_size(const struct out *o, struct hf_span area)
{
	struct hf_writer w = writer(o, area.len + 2);

	if (area.len >= 2 && hf_be(area.ptr, 2) == area.len - 2)
		return area;
	hf_put_be(&w, area.len, 2);
	hf_put_span(&w, area);
	return w.full ? (struct hf_span){ NULL, 0 } : hf_written(&w);
}

/* "r" and three in base64: the quote, its signature, the values in tpm2-tools' own form. */
static bool set_quote(const struct out *o, json_t *data, const struct hf_evidence *e, struct hf_span values)
{
	struct hf_writer w = writer(o, (e->quote.len + e->signature.len + values.len) / 3 * 4 + 32);

	hf_put(&w, "r", 1);
	put_base64(&w, e->quote);
	hf_put(&w, ":", 1);
	put_base64(&w, e->signature);
	hf_put(&w, ":", 1);
	put_base64(&w, values);
	return !w.full && json_object_set_new(data, "quote", json_stringn((const char *)w.buf, w.len)) == 0;
}

static bool set_policy(json_t *data, uint32_t pcrs)
{
	char policy[64];

	snprintf(policy, sizeof(policy), "{\"mask\": \"0x%x\"}", (unsigned)pcrs);
	return json_object_set_new(data, "tpm_policy", json_string(policy)) == 0;
}

static enum hf_err put_request(const struct out *o, json_t *data)
{
	json_t *request = json_pack("{s:s, s:O}", "type", "tpm", "data", data);
	char *text = request ? json_dumps(request, JSON_INDENT(1) | JSON_SORT_KEYS) : NULL;
	enum hf_err err = text ? put_file(o, "evidence.json", hf_span_text(text)) :
				 hf_fail(o->fault, HF_ERR_NO_MEMORY, "evidence.json", "%s", "");

	free(text);
	json_decref(request);
	return err;
}

static enum hf_err keylime_file(const struct out *o, const struct hf_evidence *e, struct hf_span ek)
{
	struct hf_span values;
	struct hf_quote quote;
	struct hf_ak ak;
	enum hf_err err = need_quote(e, &quote, &ak, o->fault);
	json_t *data;

	if (!err && (!quote.nonce.len || !hf_text_valid(quote.nonce)))
		return hf_fail(o->fault, HF_ERR_EVIDENCE_SHAPE, "nonce",
			       "Keylime compares it as text, and this one is none: attest with the hex of a text");
	if (!err)
		err = pcr_values(o, e, &quote, &values);
	if (err)
		return err;
	data = json_object();
	if (data && set_quote(o, data, e, values) &&
	    json_object_set_new(data, "nonce", json_stringn((const char *)quote.nonce.ptr, quote.nonce.len)) == 0 &&
	    json_object_set_new(data, "hash_alg", json_string("sha256")) == 0 &&
	    set_base64(o, data, "tpm_ak", with_size(o, e->ak)) &&
	    set_base64(o, data, "tpm_ek", with_size(o, ek)) &&
	    set_base64(o, data, "mb_log", one_log(o, e)) && set_policy(data, quote.pcrs))
		err = put_request(o, data);
	else
		err = hf_fail(o->fault, HF_ERR_NO_MEMORY, "evidence.json", "%s", "");
	json_decref(data);
	return err;
}

enum hf_err hf_evidence_export_keylime(const struct hf_evidence *evidence, struct hf_span ek, const char *dir,
				       struct hf_arena *arena, struct hf_fault *fault)
{
	struct out o = { .dir = dir, .arena = arena, .fault = fault };
	struct hf_ek parsed;
	enum hf_err err;

	if (ek.len > AREA_MAX || hf_ek_parse(ek.len >= 2 && hf_be(ek.ptr, 2) == ek.len - 2 ?
					     hf_span_part(ek, 2, ek.len - 2) : ek, &parsed) != HF_OK)
		return hf_fail(fault, HF_ERR_EK_UNUSABLE, "--ek", "%zu bytes", ek.len);
	err = open_dir(&o);
	if (!err) {
		err = keylime_file(&o, evidence, ek);
		close(o.dirfd);
	}
	return err;
}
