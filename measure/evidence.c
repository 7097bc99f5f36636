/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "measure/evidence.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

#include "measure/attest.h"
#include "measure/base64url.h"
#include "measure/cbor.h"
#include "measure/file.h"
#include "measure/log.h"
#include "measure/result.h"

/* draft-ietf-rats-msg-wrap, section 3.3: the type of a collection is a URI of its owner. */
#define COLLECTION_KEY "__cmwc_t"
#define COLLECTION_TYPE "tag:holdfast.invalid,2026:evidence"
#define INDICATOR_EVIDENCE 4	/* section 3.1, cm-ind: bit 2 */
#define CMW_MAX (64u << 20)
#define CMW_MEMBERS_MAX 64	/* ours and unknown ones */

static const struct member {
	const char *file, *media_type;
	size_t limit;		/* bytes */
	size_t offset;		/* of the span in struct hf_evidence */
} members[] = {
#define MEMBER(field, file, type, limit) { file, type, limit, offsetof(struct hf_evidence, field) }
	MEMBER(firmware_log, "firmware.evlog", "application/vnd.holdfast.firmware-log", HF_FIRMWARE_LOG_MAX),
	MEMBER(log, "holdfast.evlog", "application/vnd.holdfast.log", HF_LOG_MAX),
	MEMBER(claims, "claims.cbor", "application/vnd.holdfast.claims+cbor", 16u << 20),
	MEMBER(transcripts, "transcripts.cbor", "application/vnd.holdfast.transcripts+cbor", 16u << 20),
	MEMBER(quote, "quote.attest", "application/vnd.holdfast.tpms-attest", HF_ATTEST_MAX),
	MEMBER(signature, "quote.sig", "application/vnd.holdfast.tpmt-signature", HF_ATTEST_MAX),
	MEMBER(ak, "ak.pub", "application/vnd.holdfast.tpmt-public", HF_ATTEST_MAX),
	MEMBER(nonce, "nonce.bin", "application/octet-stream", HF_DIGEST_MAX),
	MEMBER(boot_key, "boot-key.der", "application/vnd.holdfast.spki", 1024),
	MEMBER(verdict, "verdict.json", "application/json", 4u << 20),
	MEMBER(ticket, "ticket.cose", HF_RESULT_TYPE, HF_WIRE_REPLY_MAX),
	MEMBER(receipt, "receipt.attest", "application/vnd.holdfast.tpms-attest", HF_ATTEST_MAX),
	MEMBER(receipt_signature, "receipt.sig", "application/vnd.holdfast.tpmt-signature", HF_ATTEST_MAX),
	MEMBER(manifests, "manifests.txt", "text/plain", 1u << 20),
	MEMBER(quote_pcrs, "quote.pcrs", "application/vnd.holdfast.tpm2-tools-pcrs", 64u << 10),
	MEMBER(ak_pem, "ak.pem", "application/x-pem-file", 4096),
#undef MEMBER
};
#define MEMBERS (sizeof(members) / sizeof(members[0]))

static struct hf_span *span_of(struct hf_evidence *evidence, const struct member *member)
{
	return (struct hf_span *)(void *)((char *)evidence + member->offset);
}

static struct hf_span get(const struct hf_evidence *evidence, const struct member *member)
{
	return *(const struct hf_span *)(const void *)((const char *)evidence + member->offset);
}

/* ---- a directory ---- */

static enum hf_err write_members(const struct hf_evidence *evidence, int dirfd,
				 struct hf_fault *fault)
{
	for (size_t i = 0; i < MEMBERS; i++) {
		const struct member *member = &members[i];
		struct hf_span bytes = get(evidence, member);
		enum hf_err err;

		if (bytes.len > member->limit)
			return hf_fail(fault, HF_ERR_LIMIT, member->file, "%zu of at most %zu bytes",
				       bytes.len, member->limit);
		if (bytes.len) {
			err = hf_file_write(dirfd, member->file, bytes, 0644, fault);
			if (err)
				return err;
		} else if (unlinkat(dirfd, member->file, 0) < 0 && errno != ENOENT) {
			return hf_fail_errno(fault, HF_ERR_OUTPUT_FAILED, errno, member->file);
		}
	}
	return HF_OK;
}

enum hf_err hf_evidence_write(const struct hf_evidence *evidence, const char *dir,
			      struct hf_fault *fault)
{
	enum hf_err err;
	int dirfd;

	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return hf_fail_errno(fault, HF_ERR_OUTPUT_FAILED, errno, dir);
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return hf_fail_errno(fault, HF_ERR_OUTPUT_FAILED, errno, dir);
	err = write_members(evidence, dirfd, fault);
	close(dirfd);
	return err;
}

static enum hf_err read_members(int dirfd, const char *dir, struct hf_arena *arena,
				struct hf_evidence *ret, struct hf_fault *fault)
{
	struct hf_evidence evidence = { 0 };
	bool any = false;

	for (size_t i = 0; i < MEMBERS; i++) {
		struct hf_span *span = span_of(&evidence, &members[i]);
		struct hf_fault failure = { 0 };
		enum hf_err err = hf_file_read(dirfd, members[i].file, members[i].limit, arena, span,
					       &failure);

		if (err == HF_ERR_FILE_UNREADABLE && failure.sys_errno == ENOENT)
			continue;
		if (err) {
			if (fault)
				*fault = failure;
			return err;
		}
		any |= span->len > 0;
	}
	if (!any)
		return hf_fail(fault, HF_ERR_FILE_UNREADABLE, dir, "no evidence in this directory");
	*ret = evidence;
	return HF_OK;
}

enum hf_err hf_evidence_read(const char *dir, struct hf_arena *arena, struct hf_evidence *ret,
			     struct hf_fault *fault)
{
	int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum hf_err err;

	if (dirfd < 0)
		return hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, dir);
	err = read_members(dirfd, dir, arena, ret, fault);
	close(dirfd);
	return err;
}

/* ---- CMW ---- */

static void put_text(struct hf_writer *w, const char *text)
{
	hf_put_span(w, hf_span_text(text));
}

/* Written by hand: every string is one of ours, so there is nothing to escape, and 16 MiB
 * of log need not be copied three times. */
enum hf_err hf_evidence_to_cmw(const struct hf_evidence *evidence, struct hf_arena *arena,
			       struct hf_span *ret)
{
	size_t cap = sizeof("{\"" COLLECTION_KEY "\":\"" COLLECTION_TYPE "\"}");
	struct hf_writer w = { 0 };

	for (size_t i = 0; i < MEMBERS; i++) {
		struct hf_span bytes = get(evidence, &members[i]);

		if (bytes.len > members[i].limit)
			return HF_ERR_LIMIT;
		if (bytes.len)
			cap += sizeof(",\"\":[\"\",\"\",4]") + strlen(members[i].file) +
			       strlen(members[i].media_type) + hf_base64url_len(bytes.len);
	}
	w.cap = cap;
	w.buf = hf_arena_take(arena, cap);
	if (!w.buf)
		return HF_ERR_LIMIT;
	put_text(&w, "{\"" COLLECTION_KEY "\":\"" COLLECTION_TYPE "\"");
	for (size_t i = 0; i < MEMBERS; i++) {
		struct hf_span bytes = get(evidence, &members[i]);

		if (!bytes.len)
			continue;
		put_text(&w, ",\"");
		put_text(&w, members[i].file);
		put_text(&w, "\":[\"");
		put_text(&w, members[i].media_type);
		put_text(&w, "\",\"");
		hf_put_base64url(&w, bytes);
		put_text(&w, "\",4]");
	}
	put_text(&w, "}");
	if (w.full || w.len == w.cap)
		return HF_ERR_INTERNAL;
	*ret = hf_written(&w);
	return HF_OK;
}

/* ["media/type", "base64url", 4]; the indicator may be left out. */
static enum hf_err take_record(const json_t *record, const struct member *member,
			       struct hf_arena *arena, struct hf_span *ret)
{
	const char *type = json_string_value(json_array_get(record, 0));
	const json_t *value = json_array_get(record, 1), *indicator = json_array_get(record, 2);
	size_t count = json_array_size(record), len = json_string_length(value);
	size_t size = len / 4 * 3 + (len % 4 ? len % 4 - 1 : 0);
	uint8_t *bytes;

	if (count < 2 || count > 3 || !type || strcmp(type, member->media_type) != 0 || len == 0)
		return HF_ERR_EVIDENCE_SHAPE;
	if (indicator && (!json_is_integer(indicator) ||
			  json_integer_value(indicator) != INDICATOR_EVIDENCE))
		return HF_ERR_EVIDENCE_SHAPE;
	if (size > member->limit)
		return HF_ERR_LIMIT;
	bytes = hf_arena_take(arena, size + 1);	/* a NUL after it, as hf_file_read gives */
	if (!bytes)
		return HF_ERR_LIMIT;
	if (!hf_take_base64url(json_string_value(value), len, bytes))
		return HF_ERR_EVIDENCE_SHAPE;
	*ret = (struct hf_span){ bytes, size };
	return HF_OK;
}

static enum hf_err take_collection(const json_t *root, struct hf_arena *arena,
				   struct hf_evidence *ret)
{
	const char *type = json_string_value(json_object_get(root, COLLECTION_KEY));
	struct hf_evidence evidence = { 0 };
	bool any = false;

	if (!type || strcmp(type, COLLECTION_TYPE) != 0)
		return HF_ERR_EVIDENCE_SHAPE;
	if (json_object_size(root) > CMW_MEMBERS_MAX)
		return HF_ERR_LIMIT;
	for (size_t i = 0; i < MEMBERS; i++) {
		const json_t *record = json_object_get(root, members[i].file);
		enum hf_err err;

		if (!record)
			continue;
		err = take_record(record, &members[i], arena, span_of(&evidence, &members[i]));
		if (err)
			return err;
		any = true;
	}
	if (!any)
		return HF_ERR_EVIDENCE_SHAPE;
	*ret = evidence;
	return HF_OK;
}

enum hf_err hf_evidence_from_cmw(struct hf_span json, struct hf_arena *arena,
				 struct hf_evidence *ret)
{
	size_t arena_len = arena->len;
	enum hf_err err;
	json_t *root;

	if (json.len > CMW_MAX)
		return HF_ERR_FILE_TOO_LARGE;
	root = json_loadb((const char *)json.ptr, json.len, JSON_REJECT_DUPLICATES, NULL);
	err = root ? take_collection(root, arena, ret) : HF_ERR_EVIDENCE_SHAPE;
	json_decref(root);
	if (err)
		arena->len = arena_len;
	return err;
}

/* ---- the same in CBOR ---- */

/* Map keys in RFC 8949's deterministic order: shorter texts first, then by their bytes. */
static int text_order(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);

	return la != lb ? (la < lb ? -1 : 1) : memcmp(a, b, la);
}

static void put_record(struct hf_writer *w, const struct member *member, struct hf_span bytes)
{
	hf_cbor_put_text(w, member->file);
	hf_cbor_put_array(w, 3);
	hf_cbor_put_text(w, member->media_type);
	hf_cbor_put_bstr(w, bytes);
	hf_cbor_put_uint(w, INDICATOR_EVIDENCE);
}

/* The least name above `after` that is there; NULL: none. */
static const struct member *next_member(const struct hf_evidence *evidence, const char *after)
{
	const struct member *next = NULL;

	for (size_t i = 0; i < MEMBERS; i++)
		if (get(evidence, &members[i]).len && text_order(members[i].file, after) > 0 &&
		    (!next || text_order(members[i].file, next->file) < 0))
			next = &members[i];
	return next;
}

void hf_evidence_to_cmw_cbor(const struct hf_evidence *evidence, struct hf_writer *w)
{
	const struct member *member;
	bool named = false;
	size_t count = 1;

	for (size_t i = 0; i < MEMBERS; i++) {
		count += get(evidence, &members[i]).len > 0;
		w->full |= get(evidence, &members[i]).len > members[i].limit;
	}
	hf_cbor_put_map(w, count);
	for (member = next_member(evidence, ""); member || !named;
	     member = member ? next_member(evidence, member->file) : NULL) {
		if (!named && (!member || text_order(member->file, COLLECTION_KEY) > 0)) {
			hf_cbor_put_text(w, COLLECTION_KEY);
			hf_cbor_put_text(w, COLLECTION_TYPE);
			named = true;
		}
		if (member)
			put_record(w, member, get(evidence, member));
	}
}

/* [media type, bytes, 4]. */
static enum hf_err get_record(struct hf_cbor *r, const struct member *member, struct hf_span *ret)
{
	size_t count = hf_cbor_array(r);
	struct hf_span type = hf_cbor_tstr(r), bytes = hf_cbor_bstr(r);

	if (r->err != HF_OK)
		return r->err;
	if (count != 3 || !hf_span_equal(type, hf_span_text(member->media_type)) || !bytes.len ||
	    hf_cbor_uint(r) != INDICATOR_EVIDENCE)
		return HF_ERR_EVIDENCE_SHAPE;
	if (bytes.len > member->limit)
		return HF_ERR_LIMIT;
	*ret = bytes;
	return r->err;
}

static enum hf_err get_member(struct hf_cbor *r, struct hf_evidence *evidence, bool *named, bool *any)
{
	struct hf_span name = hf_cbor_tstr(r);

	if (r->err == HF_OK && hf_span_equal(name, hf_span_text(COLLECTION_KEY))) {
		*named = hf_span_equal(hf_cbor_tstr(r), hf_span_text(COLLECTION_TYPE));
		return r->err;
	}
	for (size_t i = 0; i < MEMBERS; i++) {
		if (!hf_span_equal(name, hf_span_text(members[i].file)))
			continue;
		*any = true;
		return get_record(r, &members[i], span_of(evidence, &members[i]));
	}
	(void)hf_cbor_skip(r);
	return r->err;
}

enum hf_err hf_evidence_from_cmw_cbor(struct hf_span cbor, struct hf_evidence *ret)
{
	struct hf_evidence evidence = { 0 };
	struct hf_cbor r = hf_cbor_at(cbor);
	bool named = false, any = false;
	enum hf_err err = HF_OK;
	size_t count;

	if (cbor.len > CMW_MAX)
		return HF_ERR_FILE_TOO_LARGE;
	count = hf_cbor_map(&r);
	if (r.err == HF_OK && count > CMW_MEMBERS_MAX)
		return HF_ERR_LIMIT;
	for (size_t i = 0; i < count && err == HF_OK && r.err == HF_OK; i++)
		err = get_member(&r, &evidence, &named, &any);
	if (err == HF_OK)
		err = hf_cbor_end(&r);
	if (err == HF_OK && (!named || !any))
		err = HF_ERR_EVIDENCE_SHAPE;
	if (err == HF_OK)
		*ret = evidence;
	return err;
}
