/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The TPM by way of ESAPI. The files agent/tpm*.c are the sole includers of <tss2/...>. */
#include "agent/tpm_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>

#define WANTED_PCRS 0xffffu	/* what a bank must have of PCRs to be of use: 0-15 */
#define PCRS_PER_READ 8		/* what TPML_DIGEST holds */

/* ---- connection and errors ---- */

static void disconnect(struct hf_tpm *tpm)
{
	if (tpm->esys && tpm->ak != ESYS_TR_NONE)
		Esys_FlushContext(tpm->esys, tpm->ak);
	tpm->ak = ESYS_TR_NONE;
	Esys_Finalize(&tpm->esys);
	Tss2_TctiLdr_Finalize(&tpm->tcti);
	tpm->esys = NULL;
	tpm->tcti = NULL;
}

static TSS2_RC connect_conf(struct hf_tpm *tpm)
{
	TSS2_RC rc = Tss2_TctiLdr_Initialize(tpm->conf, &tpm->tcti);

	if (rc == TSS2_RC_SUCCESS)
		rc = Esys_Initialize(&tpm->esys, tpm->tcti, NULL);
	if (rc != TSS2_RC_SUCCESS)
		disconnect(tpm);
	return rc;
}

static bool answered_by_tpm(TSS2_RC rc)
{
	return (rc & TSS2_RC_LAYER_MASK) == TSS2_TPM_RC_LAYER;
}

/* Part 2, 6.6: in format-one codes the low six bits and bit 7 name the error. */
bool hf_tpm_is_auth_error(TSS2_RC rc)
{
	if (!answered_by_tpm(rc))
		return false;
	if (rc & TPM2_RC_FMT1)
		return (rc & 0xbf) == TPM2_RC_AUTH_FAIL || (rc & 0xbf) == TPM2_RC_BAD_AUTH;
	return rc == TPM2_RC_AUTH_TYPE || rc == TPM2_RC_AUTH_MISSING ||
	       rc == TPM2_RC_AUTH_UNAVAILABLE;
}

/* ESAPI accepts no command after a failure that is not the TPM's own: start afresh. */
enum hf_err hf_tpm_failed(struct hf_tpm *tpm, struct hf_fault *fault, enum hf_err err,
			  TSS2_RC rc, const char *command)
{
	if (!answered_by_tpm(rc)) {
		tpm->ak = ESYS_TR_NONE;		/* no command gets through to flush it */
		disconnect(tpm);
	}
	hf_fail(fault, err, "TPM", "%s: %s", command, Tss2_RC_Decode(rc));
	if (fault)
		fault->tpm_rc = rc;
	return err;
}

/* A reply that is well-formed and yet not an answer to what was asked. */
enum hf_err hf_tpm_strange(struct hf_fault *fault, const char *command)
{
	return hf_fail(fault, HF_ERR_TPM_FAILED, "TPM", "%s: the answer is not to the question",
		       command);
}

enum hf_err hf_tpm_ready(struct hf_tpm *tpm, struct hf_fault *fault)
{
	TSS2_RC rc;

	if (tpm->esys)
		return HF_OK;
	rc = connect_conf(tpm);
	if (rc == TSS2_RC_SUCCESS)
		return HF_OK;
	hf_fail(fault, HF_ERR_TPM_MISSING, tpm->conf, "%s", Tss2_RC_Decode(rc));
	if (fault)
		fault->tpm_rc = rc;
	return HF_ERR_TPM_MISSING;
}

enum hf_err hf_tpm_open(const char *conf, struct hf_tpm **ret, struct hf_fault *fault)
{
	const char *const confs[] = { conf ? conf : "device:/dev/tpmrm0",
				      conf ? NULL : "device:/dev/tpm0" };
	struct hf_tpm *tpm = calloc(1, sizeof(*tpm));
	enum hf_err err = HF_ERR_TPM_MISSING;

	if (!tpm)
		return hf_fail(fault, HF_ERR_NO_MEMORY, NULL, "TPM");
	setenv("TSS2_LOG", "all+NONE", 0);
	tpm->ak = ESYS_TR_NONE;
	for (size_t i = 0; i < 2 && err && confs[i]; i++) {
		int len = snprintf(tpm->conf, sizeof(tpm->conf), "%s", confs[i]);

		if (len < 0 || (size_t)len >= sizeof(tpm->conf))
			err = hf_fail(fault, HF_ERR_USAGE, NULL, "TPM configuration too long");
		else
			err = hf_tpm_ready(tpm, fault);
	}
	if (err) {
		free(tpm);
		return err;
	}
	*ret = tpm;
	return HF_OK;
}

void hf_tpm_close(struct hf_tpm *tpm)
{
	if (!tpm)
		return;
	disconnect(tpm);
	free(tpm);
}

/* ---- PCRs ---- */

static uint32_t selected(const TPMS_PCR_SELECTION *s)
{
	size_t size = s->sizeofSelect < 4 ? s->sizeofSelect : 4;

	return (uint32_t)hf_le(s->pcrSelect, size);
}

static TPML_PCR_SELECTION select_pcrs(enum hf_alg bank, uint32_t pcrs)
{
	TPML_PCR_SELECTION list = { .count = 1 };

	list.pcrSelections[0].hash = hf_alg_tpm_id(bank);
	list.pcrSelections[0].sizeofSelect = 3;
	for (size_t i = 0; i < 3; i++)
		list.pcrSelections[0].pcrSelect[i] = (BYTE)(pcrs >> (8 * i));
	return list;
}

enum hf_err hf_tpm_banks(struct hf_tpm *tpm, uint32_t *ret_mask, struct hf_fault *fault)
{
	TPMS_CAPABILITY_DATA *data = NULL;
	TPMI_YES_NO more;
	uint32_t mask = 0;
	enum hf_err err = hf_tpm_ready(tpm, fault);

	if (err)
		return err;
	TSS2_RC rc = Esys_GetCapability(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
					TPM2_CAP_PCRS, 0, 1, &more, &data);
	if (rc)
		return hf_tpm_failed(tpm, fault, HF_ERR_TPM_FAILED, rc, "GetCapability PCRs");
	if (data->capability != TPM2_CAP_PCRS || more ||
	    data->data.assignedPCR.count > TPM2_NUM_PCR_BANKS) {
		Esys_Free(data);
		return hf_tpm_strange(fault, "GetCapability PCRs");
	}
	for (uint32_t i = 0; i < data->data.assignedPCR.count && !err; i++) {
		const TPMS_PCR_SELECTION *s = &data->data.assignedPCR.pcrSelections[i];
		enum hf_alg alg;

		if (selected(s) == 0)
			continue;
		if (!hf_alg_from_tpm_id(s->hash, &alg))
			err = hf_fail(fault, HF_ERR_BANK_UNSUPPORTED, "TPM", "algorithm 0x%04x",
				      s->hash);
		else if ((selected(s) & WANTED_PCRS) != WANTED_PCRS)
			err = hf_fail(fault, HF_ERR_BANK_UNSUPPORTED, "TPM",
				      "%s has only some PCRs: 0x%06x", hf_alg_name(alg),
				      selected(s));
		else
			mask |= HF_ALG_MASK(alg);
	}
	Esys_Free(data);
	if (!err && !(mask & HF_ALG_MASK(HF_ALG_SHA256)))
		err = hf_fail(fault, HF_ERR_BANK_MISSING, "TPM", "banks 0x%02x", mask);
	if (!err)
		*ret_mask = mask;
	return err;
}

/* Reads what the TPM gives of the PCRs in *pcrs and takes those bits away. */
static enum hf_err read_some(struct hf_tpm *tpm, enum hf_alg bank, uint32_t *pcrs,
			     struct hf_pcrs *ret, struct hf_fault *fault)
{
	TPML_PCR_SELECTION want = select_pcrs(bank, *pcrs);
	TPML_PCR_SELECTION *got = NULL;
	TPML_DIGEST *values = NULL;
	UINT32 counter;
	uint32_t bits = 0, n = 0;
	enum hf_err err = hf_tpm_ready(tpm, fault);

	if (err)
		return err;
	TSS2_RC rc = Esys_PCR_Read(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &want,
				   &counter, &got, &values);
	if (rc)
		return hf_tpm_failed(tpm, fault, HF_ERR_TPM_FAILED, rc, "PCR_Read");
	err = hf_tpm_strange(fault, "PCR_Read");
	if (got->count != 1 || got->pcrSelections[0].hash != hf_alg_tpm_id(bank))
		goto out;
	bits = selected(&got->pcrSelections[0]);
	if (bits == 0 || bits & ~*pcrs || values->count > PCRS_PER_READ)
		goto out;
	for (uint32_t pcr = 0; pcr < HF_PCR_COUNT; pcr++) {
		if (!(bits >> pcr & 1))
			continue;
		if (n >= values->count || values->digests[n].size != hf_alg_size(bank))
			goto out;
		memcpy(ret->value[pcr], values->digests[n].buffer, hf_alg_size(bank));
		n++;
	}
	if (n != values->count)
		goto out;
	*pcrs &= ~bits;
	err = HF_OK;
out:
	Esys_Free(got);
	Esys_Free(values);
	return err;
}

enum hf_err hf_tpm_pcr_read(struct hf_tpm *tpm, uint32_t pcr, enum hf_alg bank,
			    struct hf_digest *ret, struct hf_fault *fault)
{
	uint32_t bits = pcr < HF_PCR_COUNT ? 1u << pcr : 0;
	struct hf_digest value = { .alg = bank };
	struct hf_pcrs pcrs;
	enum hf_err err;

	if (!bits)
		return hf_fail(fault, HF_ERR_PCR_REFUSED, "TPM", "PCR %u", pcr);
	err = read_some(tpm, bank, &bits, &pcrs, fault);
	if (err)
		return err;
	memcpy(value.bytes, pcrs.value[pcr], hf_alg_size(bank));
	if (tpm->known_mask == 0)
		tpm->known_pcr = pcr;
	if (tpm->known_pcr == pcr) {
		tpm->known[bank] = value;
		tpm->known_mask |= HF_ALG_MASK(bank);
	}
	*ret = value;
	return HF_OK;
}

enum hf_err hf_tpm_pcrs(struct hf_tpm *tpm, enum hf_alg bank, struct hf_pcrs *ret,
			struct hf_fault *fault)
{
	struct hf_pcrs pcrs = { .alg = bank };
	uint32_t left = (1u << HF_PCR_COUNT) - 1;

	while (left) {
		enum hf_err err = read_some(tpm, bank, &left, &pcrs, fault);

		if (err)
			return err;
	}
	*ret = pcrs;
	return HF_OK;
}

enum hf_err hf_tpm_pcr_reset(struct hf_tpm *tpm, uint32_t pcr, struct hf_fault *fault)
{
	enum hf_err err;

	if (pcr != 16)
		return hf_fail(fault, HF_ERR_PCR_REFUSED, "TPM", "PCR %u is never reset", pcr);
	err = hf_tpm_ready(tpm, fault);
	if (err)
		return err;
	if (tpm->known_pcr == pcr)
		tpm->known_mask = 0;
	TSS2_RC rc = Esys_PCR_Reset(tpm->esys, ESYS_TR_PCR16, ESYS_TR_PASSWORD, ESYS_TR_NONE,
				    ESYS_TR_NONE);
	return rc ? hf_tpm_failed(tpm, fault, HF_ERR_TPM_FAILED, rc, "PCR_Reset") : HF_OK;
}

/* ---- extend ---- */

/* The PCR's value in each bank of entry must be known before it changes. */
static enum hf_err know_old(struct hf_tpm *tpm, uint32_t pcr, const struct hf_log_entry *entry,
			    struct hf_fault *fault)
{
	if (tpm->known_pcr != pcr)
		tpm->known_mask = 0;
	for (size_t i = 0; i < entry->digest_count; i++) {
		enum hf_alg alg = entry->digests[i].alg;
		struct hf_digest unused;

		if (tpm->known_mask & HF_ALG_MASK(alg))
			continue;
		enum hf_err err = hf_tpm_pcr_read(tpm, pcr, alg, &unused, fault);

		if (err)
			return err;
	}
	return HF_OK;
}

static enum hf_err next_values(const struct hf_tpm *tpm, const struct hf_log_entry *entry,
			       struct hf_digest ret[static HF_ALG_COUNT])
{
	for (size_t i = 0; i < entry->digest_count; i++) {
		const struct hf_digest *d = &entry->digests[i];
		size_t size = hf_alg_size(d->alg);
		enum hf_err err = hf_digest2(d->alg,
					     (struct hf_span){ tpm->known[d->alg].bytes, size },
					     (struct hf_span){ d->bytes, size }, &ret[d->alg]);
		if (err)
			return err;
	}
	return HF_OK;
}

enum outcome { DONE, UNDONE, UNKNOWN };

static enum outcome settle(struct hf_tpm *tpm, uint32_t pcr, const struct hf_log_entry *entry,
			   const struct hf_digest *next)
{
	size_t done = 0, undone = 0;

	for (size_t i = 0; i < entry->digest_count; i++) {
		enum hf_alg alg = entry->digests[i].alg;
		struct hf_digest old = tpm->known[alg], now;

		if (hf_tpm_pcr_read(tpm, pcr, alg, &now, NULL))
			return UNKNOWN;
		tpm->known[alg] = old;
		done += hf_digest_equal(&now, &next[alg]);
		undone += hf_digest_equal(&now, &old);
	}
	if (done == entry->digest_count)
		return DONE;
	return undone == entry->digest_count ? UNDONE : UNKNOWN;
}

static TSS2_RC send_extend(struct hf_tpm *tpm, uint32_t pcr, const struct hf_log_entry *entry)
{
	TPML_DIGEST_VALUES values = { .count = (UINT32)entry->digest_count };

	for (size_t i = 0; i < entry->digest_count; i++) {
		values.digests[i].hashAlg = hf_alg_tpm_id(entry->digests[i].alg);
		memcpy(&values.digests[i].digest, entry->digests[i].bytes,
		       hf_alg_size(entry->digests[i].alg));
	}
	return Esys_PCR_Extend(tpm->esys, ESYS_TR_PCR0 + pcr, ESYS_TR_PASSWORD, ESYS_TR_NONE,
			       ESYS_TR_NONE, &values);
}

static void remember(struct hf_tpm *tpm, const struct hf_log_entry *entry,
		     const struct hf_digest *next)
{
	for (size_t i = 0; i < entry->digest_count; i++)
		tpm->known[entry->digests[i].alg] = next[entry->digests[i].alg];
}

/* The transport failed, so the extend happened or not: the PCR itself tells. After a
 * second attempt even a success proves nothing, the first may have arrived late. */
static enum hf_err extend_unknown(struct hf_tpm *tpm, uint32_t pcr,
				  const struct hf_log_entry *entry,
				  const struct hf_digest *next, struct hf_fault *fault)
{
	enum outcome outcome = settle(tpm, pcr, entry, next);
	enum hf_err err = HF_ERR_EXTEND_UNKNOWN;

	if (outcome == UNDONE) {
		TSS2_RC rc = send_extend(tpm, pcr, entry);

		if (rc)
			err = hf_tpm_failed(tpm, fault, HF_ERR_TPM_FAILED, rc, "PCR_Extend");
		outcome = settle(tpm, pcr, entry, next);
	}
	if (outcome == DONE)
		return HF_OK;
	if (outcome == UNDONE && err == HF_ERR_TPM_FAILED)
		return err;
	return hf_fail(fault, HF_ERR_EXTEND_UNKNOWN, "TPM", "PCR %u", pcr);
}

enum hf_err hf_tpm_extend(struct hf_tpm *tpm, uint32_t pcr, const struct hf_log_entry *entry,
			  struct hf_fault *fault)
{
	struct hf_digest next[HF_ALG_COUNT];
	struct hf_fault first;
	enum hf_err err;

	if (pcr >= HF_PCR_COUNT || entry->digest_count == 0 || entry->digest_count > HF_ALG_COUNT)
		return hf_fail(fault, HF_ERR_INTERNAL, "TPM", "PCR %u, %zu banks", pcr,
			       entry->digest_count);
	err = know_old(tpm, pcr, entry, fault);
	if (!err)
		err = next_values(tpm, entry, next);
	if (!err)
		err = hf_tpm_ready(tpm, fault);
	if (err)
		return err;
	TSS2_RC rc = send_extend(tpm, pcr, entry);

	if (rc) {
		err = hf_tpm_failed(tpm, &first, HF_ERR_TPM_FAILED, rc, "PCR_Extend");
		if (!answered_by_tpm(rc))
			err = extend_unknown(tpm, pcr, entry, next, &first);
	}
	if (err) {
		tpm->known_mask = 0;
		if (fault)
			*fault = first;
		return err;
	}
	remember(tpm, entry, next);
	return HF_OK;
}

/* ---- random numbers and properties ---- */

enum hf_err hf_tpm_random(struct hf_tpm *tpm, uint8_t *out, size_t len, struct hf_fault *fault)
{
	uint8_t bytes[256];
	size_t have = 0;

	if (len > sizeof(bytes))
		return hf_fail(fault, HF_ERR_LIMIT, "TPM", "%zu random bytes", len);
	while (have < len) {
		size_t want = len - have < 32 ? len - have : 32;
		TPM2B_DIGEST *got = NULL;
		enum hf_err err = hf_tpm_ready(tpm, fault);

		if (err)
			return err;
		TSS2_RC rc = Esys_GetRandom(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
					    (UINT16)want, &got);
		if (rc)
			return hf_tpm_failed(tpm, fault, HF_ERR_TPM_FAILED, rc, "GetRandom");
		bool fits = got->size > 0 && got->size <= want;

		if (fits)
			memcpy(bytes + have, got->buffer, got->size);
		have += got->size;
		Esys_Free(got);
		if (!fits)
			return hf_tpm_strange(fault, "GetRandom");
	}
	memcpy(out, bytes, len);
	explicit_bzero(bytes, sizeof(bytes));
	return HF_OK;
}

/* Values of consecutive properties; those that the TPM does not name stay 0. */
enum hf_err hf_tpm_properties(struct hf_tpm *tpm, uint32_t first, uint32_t count,
			      uint32_t *ret, struct hf_fault *fault)
{
	TPMS_CAPABILITY_DATA *data = NULL;
	TPMI_YES_NO more;
	enum hf_err err = hf_tpm_ready(tpm, fault);

	if (err)
		return err;
	TSS2_RC rc = Esys_GetCapability(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
					TPM2_CAP_TPM_PROPERTIES, first, count, &more, &data);
	if (rc)
		return hf_tpm_failed(tpm, fault, HF_ERR_TPM_FAILED, rc, "GetCapability properties");
	const TPML_TAGGED_TPM_PROPERTY *list = &data->data.tpmProperties;

	if (data->capability != TPM2_CAP_TPM_PROPERTIES ||
	    list->count > TPM2_MAX_TPM_PROPERTIES || list->count == 0 ||
	    list->tpmProperty[0].property != first) {
		Esys_Free(data);
		return hf_tpm_strange(fault, "GetCapability properties");
	}
	memset(ret, 0, count * sizeof(*ret));
	for (uint32_t i = 0; i < list->count; i++) {
		uint32_t property = list->tpmProperty[i].property;

		if (property >= first && property - first < count)
			ret[property - first] = list->tpmProperty[i].value;
	}
	Esys_Free(data);
	return HF_OK;
}

enum hf_err hf_tpm_auths(struct hf_tpm *tpm, bool *ret_owner, bool *ret_endorsement,
			 bool *ret_lockout, struct hf_fault *fault)
{
	uint32_t permanent;
	enum hf_err err = hf_tpm_properties(tpm, TPM2_PT_PERMANENT, 1, &permanent, fault);

	if (err)
		return err;
	*ret_owner = permanent & TPMA_PERMANENT_OWNERAUTHSET;
	*ret_endorsement = permanent & TPMA_PERMANENT_ENDORSEMENTAUTHSET;
	*ret_lockout = permanent & TPMA_PERMANENT_LOCKOUTAUTHSET;
	return HF_OK;
}

/* ---- attestation key and quote ---- */

/* The template's one source is the bytes in measure/attest.c. */
static TSS2_RC ak_public(TPM2B_PUBLIC *ret)
{
	struct hf_span template = hf_ak_template();
	size_t offset = 0;

	*ret = (TPM2B_PUBLIC){ .size = 0 };
	return Tss2_MU_TPMT_PUBLIC_Unmarshal(template.ptr, template.len, &offset,
					     &ret->publicArea);
}

static enum hf_err make_ak(struct hf_tpm *tpm, uint8_t *buf, size_t cap, size_t *ret_len,
			   struct hf_fault *fault)
{
	TPM2B_SENSITIVE_CREATE sensitive = { .size = 0 };
	TPM2B_DATA outside = { .size = 0 };
	TPML_PCR_SELECTION creation_pcrs = { .count = 0 };
	TPM2B_PUBLIC template, *made = NULL;
	TPM2B_CREATION_DATA *data = NULL;
	TPM2B_DIGEST *hash = NULL;
	TPMT_TK_CREATION *ticket = NULL;
	ESYS_TR ak = ESYS_TR_NONE;
	struct hf_ak parsed;
	size_t len = 0;
	enum hf_err err = hf_tpm_ready(tpm, fault);

	if (err)
		return err;
	TSS2_RC rc = ak_public(&template);

	if (!rc)
		rc = Esys_CreatePrimary(tpm->esys, ESYS_TR_RH_ENDORSEMENT, ESYS_TR_PASSWORD,
					ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &template,
					&outside, &creation_pcrs, &ak, &made, &data, &hash, &ticket);
	if (rc)
		return hf_tpm_failed(tpm, fault,
			      hf_tpm_is_auth_error(rc) ? HF_ERR_TPM_AUTH_SET : HF_ERR_TPM_FAILED, rc,
			      "CreatePrimary of the attestation key");
	rc = Tss2_MU_TPMT_PUBLIC_Marshal(&made->publicArea, buf, cap, &len);
	Esys_Free(made);
	Esys_Free(data);
	Esys_Free(hash);
	Esys_Free(ticket);
	err = rc ? HF_ERR_TPM_FAILED : hf_ak_parse((struct hf_span){ buf, len }, &parsed);
	if (err) {
		Esys_FlushContext(tpm->esys, ak);
		return hf_fail(fault, err, "TPM", "CreatePrimary gave another kind of key");
	}
	tpm->ak = ak;
	*ret_len = len;
	return HF_OK;
}

enum hf_err hf_tpm_ak(struct hf_tpm *tpm, struct hf_writer *ret_public, struct hf_fault *fault)
{
	uint8_t buf[sizeof(TPMT_PUBLIC)];
	size_t len = 0;
	enum hf_err err;

	if (tpm->esys && tpm->ak != ESYS_TR_NONE) {
		Esys_FlushContext(tpm->esys, tpm->ak);
		tpm->ak = ESYS_TR_NONE;
	}
	err = make_ak(tpm, buf, sizeof(buf), &len, fault);
	if (err)
		return err;
	if (len > ret_public->cap - ret_public->len)
		return hf_fail(fault, HF_ERR_LIMIT, "TPM", "public area of %zu bytes", len);
	hf_put(ret_public, buf, len);
	return HF_OK;
}

enum hf_err hf_tpm_have_ak(struct hf_tpm *tpm, struct hf_fault *fault)
{
	uint8_t unused[sizeof(TPMT_PUBLIC)];
	size_t len;
	enum hf_err err = hf_tpm_ready(tpm, fault);

	if (!err && tpm->ak == ESYS_TR_NONE)
		err = make_ak(tpm, unused, sizeof(unused), &len, fault);
	return err;
}

enum hf_err hf_tpm_quote(struct hf_tpm *tpm, uint32_t pcrs, struct hf_span nonce,
			 struct hf_writer *ret_attest, struct hf_writer *ret_signature,
			 struct hf_fault *fault)
{
	TPML_PCR_SELECTION selection = select_pcrs(HF_ALG_SHA256, pcrs);
	TPMT_SIG_SCHEME scheme = { .scheme = TPM2_ALG_NULL };
	TPM2B_DATA qualifying = { .size = (UINT16)nonce.len };
	uint8_t sig[sizeof(TPMT_SIGNATURE)];
	TPM2B_ATTEST *attest = NULL;
	TPMT_SIGNATURE *signature = NULL;
	size_t len = 0;
	enum hf_err err;

	if (nonce.len > sizeof(qualifying.buffer))
		return hf_fail(fault, HF_ERR_LIMIT, "TPM", "nonce of %zu bytes", nonce.len);
	if (nonce.len)
		memcpy(qualifying.buffer, nonce.ptr, nonce.len);
	err = hf_tpm_have_ak(tpm, fault);
	if (err)
		return err;
	TSS2_RC rc = Esys_Quote(tpm->esys, tpm->ak, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
				&qualifying, &scheme, &selection, &attest, &signature);
	if (rc)
		return hf_tpm_failed(tpm, fault, HF_ERR_TPM_FAILED, rc, "Quote");
	len = 0;
	rc = Tss2_MU_TPMT_SIGNATURE_Marshal(signature, sig, sizeof(sig), &len);
	if (rc)
		err = hf_tpm_strange(fault, "Quote");
	else if (attest->size > ret_attest->cap - ret_attest->len ||
		 len > ret_signature->cap - ret_signature->len)
		err = hf_fail(fault, HF_ERR_LIMIT, "TPM", "quote of %u bytes", attest->size);
	if (!err) {
		hf_put(ret_attest, attest->attestationData, attest->size);
		hf_put(ret_signature, sig, len);
	}
	Esys_Free(attest);
	Esys_Free(signature);
	return err;
}

enum hf_err hf_tpm_endorsement_off(struct hf_tpm *tpm, struct hf_fault *fault)
{
	enum hf_err err = hf_tpm_ready(tpm, fault);

	if (err)
		return err;
	/* The hierarchy's objects go with it; a handle that is gone must not be flushed. */
	if (tpm->ak != ESYS_TR_NONE)
		Esys_FlushContext(tpm->esys, tpm->ak);
	tpm->ak = ESYS_TR_NONE;
	TSS2_RC rc = Esys_HierarchyControl(tpm->esys, ESYS_TR_RH_ENDORSEMENT, ESYS_TR_PASSWORD,
					   ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_RH_ENDORSEMENT,
					   TPM2_NO);
	if (rc)
		return hf_tpm_failed(tpm, fault,
			      hf_tpm_is_auth_error(rc) ? HF_ERR_TPM_AUTH_SET : HF_ERR_ENDORSEMENT_OFF,
			      rc, "HierarchyControl");
	return HF_OK;
}
