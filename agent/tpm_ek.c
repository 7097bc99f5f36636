/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The TPM's endorsement keys and their certificates, and what is made for them opened. No key
 * and no session of ours stays in the TPM. */
#include "agent/tpm_internal.h"

#include <tss2/tss2_mu.h>

#include "agent/watch.h"
#include "measure/wire.h"

/* TCG Registry of Reserved TPM 2.0 Handles: where firmware or an operating system may have
 * left endorsement keys. */
#define PERSISTENT_FIRST 0x81010000u
#define PERSISTENT_LAST 0x810100ffu
#define NONCE_MAX 512

/* ---- finding a key ---- */

struct key {
	ESYS_TR handle;
	bool persistent;	/* to be closed, not flushed */
	TPM2B_PUBLIC area;
};

static void let_go(struct hf_tpm *tpm, struct key *key)
{
	if (!tpm->esys || key->handle == ESYS_TR_NONE)
		return;
	if (key->persistent)
		Esys_TR_Close(tpm->esys, &key->handle);
	else
		Esys_FlushContext(tpm->esys, key->handle);
	key->handle = ESYS_TR_NONE;
}

static struct hf_span public_number(const TPMT_PUBLIC *area, uint8_t buf[static 2 * 48])
{
	const TPMS_ECC_POINT *p = &area->unique.ecc;

	if (area->type == TPM2_ALG_RSA)
		return (struct hf_span){ area->unique.rsa.buffer, area->unique.rsa.size };
	if (p->x.size > 48 || p->y.size > 48)
		return (struct hf_span){ buf, 0 };
	memcpy(buf, p->x.buffer, p->x.size);
	memcpy(buf + p->x.size, p->y.buffer, p->y.size);
	return (struct hf_span){ buf, (size_t)p->x.size + p->y.size };
}

/* Anybody who may write persistent handles can put a key of the same template there. One whose
 * number the certificate bears is the maker's; whether the certificate is worth anything is
 * for the controller to say. */
static bool certified(const TPMT_PUBLIC *area, struct hf_span certificate)
{
	uint8_t buf[2 * 48];
	struct hf_span number = public_number(area, buf);

	return certificate.len && number.len >= 64 &&
	       memmem(certificate.ptr, certificate.len, number.ptr, number.len);
}

static bool look_at_persistent(struct hf_tpm *tpm, uint32_t number, const TPMT_PUBLIC *template,
			       struct hf_span certificate, struct key *ret)
{
	ESYS_TR handle = ESYS_TR_NONE;
	TPM2B_PUBLIC *area = NULL;
	TPM2B_NAME *name = NULL, *qualified = NULL;
	bool found = false;
	TSS2_RC rc = Esys_TR_FromTPMPublic(tpm->esys, number, ESYS_TR_NONE, ESYS_TR_NONE,
					   ESYS_TR_NONE, &handle);

	if (!rc)
		rc = Esys_ReadPublic(tpm->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
				     &area, &name, &qualified);
	if (!rc && hf_ek_of_template(&area->publicArea, template) &&
	    certified(&area->publicArea, certificate)) {
		*ret = (struct key){ .handle = handle, .persistent = true, .area = *area };
		found = true;
	} else if (handle != ESYS_TR_NONE) {
		Esys_TR_Close(tpm->esys, &handle);
	}
	Esys_Free(area);
	Esys_Free(name);
	Esys_Free(qualified);
	return found;
}

static bool find_persistent(struct hf_tpm *tpm, const TPMT_PUBLIC *template,
			    struct hf_span certificate, struct key *ret)
{
	TPML_HANDLE handles;

	if (!certificate.len || hf_tpm_handles(tpm, PERSISTENT_FIRST, &handles, NULL))
		return false;
	for (uint32_t i = 0; i < handles.count && handles.handle[i] <= PERSISTENT_LAST; i++) {
		if (look_at_persistent(tpm, handles.handle[i], template, certificate, ret))
			return true;
	}
	return false;
}

static enum hf_err create(struct hf_tpm *tpm, const TPM2B_PUBLIC *template, const char *name,
			  struct key *ret, struct hf_fault *fault)
{
	TPM2B_SENSITIVE_CREATE sensitive = { .size = 0 };
	TPM2B_DATA outside = { .size = 0 };
	TPML_PCR_SELECTION creation_pcrs = { .count = 0 };
	TPM2B_PUBLIC *made = NULL;
	TPM2B_CREATION_DATA *data = NULL;
	TPM2B_DIGEST *hash = NULL;
	TPMT_TK_CREATION *ticket = NULL;
	ESYS_TR handle = ESYS_TR_NONE;
	enum hf_err err = hf_tpm_ready(tpm, fault);

	if (err)
		return err;
	hf_watch_kick();	/* seconds, for an RSA key on a real part */
	TSS2_RC rc = Esys_CreatePrimary(tpm->esys, ESYS_TR_RH_ENDORSEMENT, ESYS_TR_PASSWORD,
					ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, template, &outside,
					&creation_pcrs, &handle, &made, &data, &hash, &ticket);
	hf_watch_kick();
	if (rc) {
		err = hf_tpm_failed(tpm, fault,
				    hf_tpm_is_auth_error(rc) ? HF_ERR_TPM_AUTH_SET : HF_ERR_TPM_FAILED,
				    rc, "CreatePrimary of an endorsement key");
	} else {
		*ret = (struct key){ .handle = handle, .area = *made };
		if (!hf_ek_of_template(&made->publicArea, &template->publicArea)) {
			let_go(tpm, ret);
			err = hf_fail(fault, HF_ERR_EK_UNUSABLE, "TPM",
				      "CreatePrimary of %s gave another kind of key", name);
		}
	}
	Esys_Free(made);
	Esys_Free(data);
	Esys_Free(hash);
	Esys_Free(ticket);
	return err;
}

/* 2.2.1.4: the maker may have left a nonce for the unique field, or a template of his own. One
 * that differs from the profile in more than the unique field is a key of another kind. */
static enum hf_err template_of(struct hf_tpm *tpm, const struct hf_ek_profile *profile,
			       TPM2B_PUBLIC *ret, struct hf_fault *fault)
{
	uint8_t nonce_buf[NONCE_MAX], own_buf[HF_ATTEST_MAX];
	struct hf_writer nonce = { .buf = nonce_buf, .cap = sizeof(nonce_buf) };
	struct hf_writer own = { .buf = own_buf, .cap = sizeof(own_buf) };
	TPM2B_PUBLIC theirs = { .size = 0 };
	size_t offset = 0;
	enum hf_err err = profile->nonce ? hf_tpm_nv_read(tpm, profile->nonce, &nonce, fault) : HF_OK;

	if (!err)
		err = hf_tpm_nv_read(tpm, profile->template, &own, fault);
	if (err)
		return err;
	err = hf_ek_template(profile, hf_written(&nonce), ret);
	if (err)
		return hf_fail(fault, err, "TPM", "template %s", profile->name);
	if (own.len == 0)
		return HF_OK;
	if (Tss2_MU_TPMT_PUBLIC_Unmarshal(own.buf, own.len, &offset, &theirs.publicArea) ||
	    !hf_ek_of_template(&theirs.publicArea, &ret->publicArea))
		return hf_fail(fault, HF_ERR_EK_UNUSABLE, "TPM",
			       "NV index 0x%08x holds another template than %s", profile->template,
			       profile->name);
	if (nonce.len)		/* both: it goes into the template */
		hf_ek_put_nonce(profile, hf_written(&nonce), &theirs.publicArea);
	*ret = theirs;
	return HF_OK;
}

static enum hf_err get_key(struct hf_tpm *tpm, const struct hf_ek_profile *profile,
			   struct hf_span certificate, struct key *ret, struct hf_fault *fault)
{
	TPM2B_PUBLIC template;
	enum hf_err err;

	*ret = (struct key){ .handle = ESYS_TR_NONE };
	err = template_of(tpm, profile, &template, fault);
	if (err)
		return err;
	if (find_persistent(tpm, &template.publicArea, certificate, ret))
		return HF_OK;
	return create(tpm, &template, profile->name, ret, fault);
}

/* ---- what there is ---- */

/* Indices are larger than what is in them: what lies behind the outer SEQUENCE is dropped.
 * Erased or never written ones hold none. */
static struct hf_span der_of(struct hf_span bytes)
{
	struct hf_cursor c = hf_cursor_at(bytes);
	bool sequence = hf_u8(&c) == 0x30;
	size_t len = hf_u8(&c), octets = len & 0x7f;

	if (!sequence || c.bad || len == 0x80 || len == 0)
		return (struct hf_span){ bytes.ptr, 0 };
	if (len > 0x80)
		len = octets <= 3 ? (size_t)hf_take_be(&c, octets) : bytes.len + 1;
	/* One that does not end is given to the controller as it is: it says what it thinks. */
	if (c.bad || len > hf_left(&c))
		return bytes;
	return (struct hf_span){ bytes.ptr, c.pos + len };
}

static enum hf_err read_certificate(struct hf_tpm *tpm, const struct hf_ek_profile *profile,
				    struct hf_arena *arena, struct hf_span *ret, struct hf_fault *fault)
{
	uint8_t buf[HF_WIRE_CERT_MAX];
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };
	enum hf_err err = hf_tpm_nv_read(tpm, profile->certificate, &w, fault);

	if (err)
		return err;
	err = hf_arena_copy(arena, der_of(hf_written(&w)), ret);
	return err ? hf_fail(fault, err, "TPM", "certificates") : HF_OK;
}

static enum hf_err describe(struct hf_tpm *tpm, const struct hf_ek_profile *profile,
			    struct hf_span certificate, struct hf_arena *arena, struct hf_tpm_ek *ret,
			    struct hf_fault *fault)
{
	uint8_t buf[sizeof(TPMT_PUBLIC)];
	struct hf_span area;
	struct key key;
	size_t len = 0;
	enum hf_err err = get_key(tpm, profile, certificate, &key, fault);

	if (err)
		return err;
	if (Tss2_MU_TPMT_PUBLIC_Marshal(&key.area.publicArea, buf, sizeof(buf), &len))
		err = hf_tpm_strange(fault, "CreatePrimary");
	let_go(tpm, &key);
	if (!err && hf_arena_copy(arena, (struct hf_span){ buf, len }, &area))
		err = hf_fail(fault, HF_ERR_LIMIT, "TPM", "endorsement keys");
	if (!err)
		*ret = (struct hf_tpm_ek){ profile->name, area, certificate };
	return err;
}

/* Another key may do where the TPM says that it cannot make this one. Where it says nothing,
 * or that the hierarchy is somebody else's, none will. */
static bool hopeless(const struct hf_tpm *tpm, enum hf_err err)
{
	return !tpm->esys || err == HF_ERR_TPM_AUTH_SET || err == HF_ERR_NO_MEMORY;
}

static enum hf_err find(struct hf_tpm *tpm, bool certified_only, struct hf_arena *arena,
			struct hf_tpm_ek ret[static HF_TPM_EKS_MAX], size_t *count,
			struct hf_fault *last)
{
	for (const struct hf_ek_profile *p = hf_ek_profiles; p->name && *count < HF_TPM_EKS_MAX; p++) {
		struct hf_span certificate = { .len = 0 };
		bool common = strcmp(p->name, "L-1") == 0 || strcmp(p->name, "L-2") == 0;
		enum hf_err err = HF_OK;

		if (certified_only)
			err = read_certificate(tpm, p, arena, &certificate, last);
		if (!err && (certified_only ? certificate.len > 0 : common))
			err = describe(tpm, p, certificate, arena, &ret[*count], last);
		else if (!err)
			continue;
		if (err && hopeless(tpm, err))
			return err;
		*count += !err;
	}
	return HF_OK;
}

enum hf_err hf_tpm_eks(struct hf_tpm *tpm, struct hf_arena *arena,
		       struct hf_tpm_ek ret[static HF_TPM_EKS_MAX], size_t *ret_count,
		       struct hf_fault *fault)
{
	struct hf_fault last = { .err = HF_OK };
	size_t count = 0;
	enum hf_err err = hf_tpm_ready(tpm, &last);

	if (!err)
		err = find(tpm, true, arena, ret, &count, &last);
	if (!err && count == 0)
		err = find(tpm, false, arena, ret, &count, &last);
	if (!err && count == 0)
		return hf_fail(fault, HF_ERR_EK_UNUSABLE, "TPM", "%s", last.detail);
	if (err) {
		if (fault)
			*fault = last;
		return err;
	}
	*ret_count = count;
	return HF_OK;
}

/* ---- opening what was made for one ---- */

static enum hf_err failed(struct hf_tpm *tpm, struct hf_fault *fault, TSS2_RC rc, const char *command)
{
	return hf_tpm_failed(tpm, fault,
			     hf_tpm_is_auth_error(rc) ? HF_ERR_TPM_AUTH_SET : HF_ERR_TPM_FAILED, rc,
			     command);
}

/* Both ranges by policy: keys of the high range would take an empty value too, but not while
 * the TPM is locked out, which anybody can bring about. */
static enum hf_err authorise(struct hf_tpm *tpm, const struct hf_ek_profile *profile,
			     ESYS_TR *ret_session, struct hf_fault *fault)
{
	TPMT_SYM_DEF none = { .algorithm = TPM2_ALG_NULL };
	TPML_DIGEST either;
	enum hf_err err = hf_ek_policies(profile->alg, &either);
	TSS2_RC rc;

	if (err)
		return hf_fail(fault, err, "TPM", "policy of %s", profile->name);
	rc = Esys_StartAuthSession(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
				   ESYS_TR_NONE, NULL, TPM2_SE_POLICY, &none,
				   hf_alg_tpm_id(profile->alg), ret_session);
	if (rc)
		return failed(tpm, fault, rc, "StartAuthSession");
	rc = Esys_PolicySecret(tpm->esys, ESYS_TR_RH_ENDORSEMENT, *ret_session, ESYS_TR_PASSWORD,
			       ESYS_TR_NONE, ESYS_TR_NONE, NULL, NULL, NULL, 0, NULL, NULL);
	if (rc)
		return failed(tpm, fault, rc, "PolicySecret");
	if (profile->high)
		rc = Esys_PolicyOR(tpm->esys, *ret_session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
				   &either);
	return rc ? failed(tpm, fault, rc, "PolicyOR") : HF_OK;
}

/* A code that names a parameter, handle or session: the TPM understood, and it does not fit. What
 * another TPM's RSA key was used for is a failure to some (libtpms), and they go on working: they
 * took the commands before this one. */
static bool does_not_fit(TSS2_RC rc)
{
	return (rc & TSS2_RC_LAYER_MASK) == TSS2_TPM_RC_LAYER && !hf_tpm_is_auth_error(rc) &&
	       (rc & TPM2_RC_FMT1 || rc == TPM2_RC_FAILURE);
}

static enum hf_err activate(struct hf_tpm *tpm, const struct key *key, ESYS_TR session,
			    const TPM2B_ID_OBJECT *blob, const TPM2B_ENCRYPTED_SECRET *secret,
			    struct hf_writer *ret, struct hf_fault *fault)
{
	TPM2B_DIGEST *opened = NULL;
	enum hf_err err = HF_OK;
	TSS2_RC rc = Esys_ActivateCredential(tpm->esys, tpm->ak, key->handle, ESYS_TR_PASSWORD, session,
					     ESYS_TR_NONE, blob, secret, &opened);

	if (does_not_fit(rc))
		return hf_tpm_failed(tpm, fault, HF_ERR_CREDENTIAL_REFUSED, rc, "ActivateCredential");
	if (rc)
		return failed(tpm, fault, rc, "ActivateCredential");
	if (opened->size > 32 || opened->size > ret->cap - ret->len)
		err = hf_fail(fault, HF_ERR_CREDENTIAL_REFUSED, "TPM", "a secret of %u bytes",
			      opened->size);
	else
		hf_put(ret, opened->buffer, opened->size);
	explicit_bzero(opened->buffer, sizeof(opened->buffer));
	Esys_Free(opened);
	return err;
}

static bool unmarshal(struct hf_span blob, struct hf_span secret, TPM2B_ID_OBJECT *ret_blob,
		      TPM2B_ENCRYPTED_SECRET *ret_secret)
{
	size_t blob_len = 0, secret_len = 0;

	return !Tss2_MU_TPM2B_ID_OBJECT_Unmarshal(blob.ptr, blob.len, &blob_len, ret_blob) &&
	       blob_len == blob.len &&
	       !Tss2_MU_TPM2B_ENCRYPTED_SECRET_Unmarshal(secret.ptr, secret.len, &secret_len,
							 ret_secret) &&
	       secret_len == secret.len;
}

/* The same key again: a TPM that was changed meanwhile is not asked. */
static enum hf_err get_same(struct hf_tpm *tpm, const struct hf_ek_profile *profile,
			    const struct hf_tpm_ek *ek, struct key *ret, struct hf_fault *fault)
{
	uint8_t buf[sizeof(TPMT_PUBLIC)];
	size_t len = 0;
	enum hf_err err = get_key(tpm, profile, ek->certificate, ret, fault);

	if (err)
		return err;
	if (Tss2_MU_TPMT_PUBLIC_Marshal(&ret->area.publicArea, buf, sizeof(buf), &len) ||
	    !hf_span_equal((struct hf_span){ buf, len }, ek->public_area))
		return hf_fail(fault, HF_ERR_EK_UNUSABLE, "TPM", "%s is another key now", ek->name);
	return HF_OK;
}

enum hf_err hf_tpm_activate(struct hf_tpm *tpm, const struct hf_tpm_ek *ek, struct hf_span blob,
			    struct hf_span encrypted_secret, struct hf_writer *ret,
			    struct hf_fault *fault)
{
	const struct hf_ek_profile *profile = hf_ek_profile_named(ek->name);
	TPM2B_ENCRYPTED_SECRET secret_in = { .size = 0 };
	TPM2B_ID_OBJECT blob_in = { .size = 0 };
	struct key key = { .handle = ESYS_TR_NONE };
	ESYS_TR session = ESYS_TR_NONE;
	enum hf_err err;

	if (!profile)
		return hf_fail(fault, HF_ERR_EK_UNUSABLE, "TPM", "%s", ek->name);
	if (!unmarshal(blob, encrypted_secret, &blob_in, &secret_in))
		return hf_fail(fault, HF_ERR_CREDENTIAL_REFUSED, "TPM", "malformed credential");
	err = hf_tpm_have_ak(tpm, fault);
	if (!err)
		err = get_same(tpm, profile, ek, &key, fault);
	if (!err)
		err = authorise(tpm, profile, &session, fault);
	if (!err)
		err = activate(tpm, &key, session, &blob_in, &secret_in, ret, fault);
	if (tpm->esys && session != ESYS_TR_NONE)
		Esys_FlushContext(tpm->esys, session);
	let_go(tpm, &key);
	return err;
}
