/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The generation in the TPM's non-volatile memory, and how an operator puts it there. */
#include "agent/tpm_internal.h"

#include <stdio.h>

#define VALUE_SIZE 8	/* big-endian */

/* The frozen public area (Part 2, 13.4 and 13.5). Whoever may write it has the owner's
 * value; anybody may read it, its own value being empty; no dictionary lockout stands in
 * the way of reading. No policy, no locks, so nobody can make it unreadable either. */
#define ATTRIBUTES \
	((TPMA_NV)(TPMA_NV_OWNERWRITE | TPMA_NV_OWNERREAD | TPMA_NV_AUTHREAD | TPMA_NV_NO_DA))

static TPM2B_NV_PUBLIC frozen_public(void)
{
	return (TPM2B_NV_PUBLIC){ .nvPublic = {
		.nvIndex = HF_GENERATION_INDEX, .nameAlg = TPM2_ALG_SHA256,
		.attributes = ATTRIBUTES, .dataSize = VALUE_SIZE } };
}

/* The Name is the digest of the marshalled public area (Part 1, 16): compared as a whole,
 * because a field that is not compared is a field that somebody may change. */
static enum hf_err frozen_name(bool written, uint8_t ret[static 34])
{
	uint8_t area[14];
	struct hf_writer w = { .buf = area, .cap = sizeof(area) };
	struct hf_digest digest;
	enum hf_err err;

	hf_put_be(&w, HF_GENERATION_INDEX, 4);
	hf_put_be(&w, TPM2_ALG_SHA256, 2);
	hf_put_be(&w, ATTRIBUTES | (written ? TPMA_NV_WRITTEN : 0), 4);
	hf_put_be(&w, 0, 2);		/* authPolicy */
	hf_put_be(&w, VALUE_SIZE, 2);
	err = w.full ? HF_ERR_INTERNAL : hf_digest(HF_ALG_SHA256, hf_written(&w), &digest);
	if (err)
		return err;
	ret[0] = TPM2_ALG_SHA256 >> 8;
	ret[1] = TPM2_ALG_SHA256 & 0xff;
	memcpy(ret + 2, digest.bytes, 32);
	return HF_OK;
}

/* ---- looking ---- */

/* Whether a handle exists, without asking for an object that may not be there. */
static enum hf_err index_exists(struct hf_tpm *tpm, bool *ret, struct hf_fault *fault)
{
	TPMS_CAPABILITY_DATA *data = NULL;
	TPMI_YES_NO more;
	TSS2_RC rc = Esys_GetCapability(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
					TPM2_CAP_HANDLES, HF_GENERATION_INDEX, 1, &more, &data);
	enum hf_err err = HF_OK;

	if (rc)
		return hf_tpm_failed(tpm, fault, HF_ERR_TPM_FAILED, rc, "GetCapability handles");
	if (data->capability != TPM2_CAP_HANDLES || data->data.handles.count > 1)
		err = hf_tpm_strange(fault, "GetCapability handles");
	else
		*ret = data->data.handles.count == 1 &&
		       data->data.handles.handle[0] == HF_GENERATION_INDEX;
	Esys_Free(data);
	return err;
}

static enum hf_err compare_name(const TPM2B_NAME *name, enum hf_index_state *ret,
				struct hf_fault *fault)
{
	uint8_t written[34], fresh[34];
	enum hf_err err = frozen_name(true, written);

	if (!err)
		err = frozen_name(false, fresh);
	if (err)
		return hf_fail(fault, err, "TPM", "name of the index");
	*ret = HF_INDEX_FOREIGN;
	if (name->size != sizeof(written))
		return HF_OK;
	if (memcmp(name->name, written, sizeof(written)) == 0)
		*ret = HF_INDEX_OURS;
	else if (memcmp(name->name, fresh, sizeof(fresh)) == 0)
		*ret = HF_INDEX_UNWRITTEN;
	return HF_OK;
}

/* ret_handle: to be closed by the caller, unless the index is absent. */
static enum hf_err find_index(struct hf_tpm *tpm, ESYS_TR *ret_handle, enum hf_index_state *ret,
			      struct hf_fault *fault)
{
	TPM2B_NV_PUBLIC *public_area = NULL;
	TPM2B_NAME *name = NULL;
	ESYS_TR handle = ESYS_TR_NONE;
	bool exists = false;
	enum hf_err err = index_exists(tpm, &exists, fault);

	*ret_handle = ESYS_TR_NONE;
	*ret = HF_INDEX_ABSENT;
	if (err || !exists)
		return err;
	TSS2_RC rc = Esys_TR_FromTPMPublic(tpm->esys, HF_GENERATION_INDEX, ESYS_TR_NONE,
					   ESYS_TR_NONE, ESYS_TR_NONE, &handle);
	if (!rc)
		rc = Esys_NV_ReadPublic(tpm->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
					&public_area, &name);
	if (rc)
		err = hf_tpm_failed(tpm, fault, HF_ERR_TPM_FAILED, rc, "NV_ReadPublic");
	else
		err = compare_name(name, ret, fault);
	Esys_Free(public_area);
	Esys_Free(name);
	if (err && tpm->esys && handle != ESYS_TR_NONE)
		Esys_TR_Close(tpm->esys, &handle);
	if (!err)
		*ret_handle = handle;
	return err;
}

/* The index's own value is no part of its Name: one that asks for a value to be read was
 * made by somebody else. */
static enum hf_err read_value(struct hf_tpm *tpm, ESYS_TR handle, struct hf_generation *g,
			      struct hf_fault *fault)
{
	TPM2B_MAX_NV_BUFFER *data = NULL;
	enum hf_err err = HF_OK;
	TSS2_RC rc = Esys_NV_Read(tpm->esys, handle, handle, ESYS_TR_PASSWORD, ESYS_TR_NONE,
				  ESYS_TR_NONE, VALUE_SIZE, 0, &data);

	if (hf_tpm_is_auth_error(rc)) {
		g->index = HF_INDEX_FOREIGN;
		return HF_OK;
	}
	if (rc)
		return hf_tpm_failed(tpm, fault, HF_ERR_TPM_FAILED, rc, "NV_Read");
	if (data->size != VALUE_SIZE)
		err = hf_tpm_strange(fault, "NV_Read");
	else
		g->value = hf_be(data->buffer, VALUE_SIZE);
	Esys_Free(data);
	return err;
}

enum hf_err hf_tpm_generation(struct hf_tpm *tpm, struct hf_generation *ret, struct hf_fault *fault)
{
	struct hf_generation g = { .index = HF_INDEX_ABSENT };
	ESYS_TR handle = ESYS_TR_NONE;
	uint32_t permanent;
	enum hf_err err = hf_tpm_ready(tpm, fault);

	if (!err)
		err = hf_tpm_properties(tpm, TPM2_PT_PERMANENT, 1, &permanent, fault);
	if (!err)
		err = find_index(tpm, &handle, &g.index, fault);
	if (!err && g.index == HF_INDEX_OURS)
		err = read_value(tpm, handle, &g, fault);
	if (tpm->esys && handle != ESYS_TR_NONE)
		Esys_TR_Close(tpm->esys, &handle);
	if (err)
		return err;
	g.owner_auth = permanent & TPMA_PERMANENT_OWNERAUTHSET;
	g.lockout_auth = permanent & TPMA_PERMANENT_LOCKOUTAUTHSET;
	g.clear_disabled = permanent & TPMA_PERMANENT_DISABLECLEAR;
	*ret = g;
	return HF_OK;
}

bool hf_generation_counts(const struct hf_generation *g)
{
	return g->index == HF_INDEX_OURS && g->owner_auth && g->lockout_auth && g->clear_disabled;
}

/* ---- the operator's acts ---- */

static bool auth_from(struct hf_span bytes, TPM2B_AUTH *ret)
{
	*ret = (TPM2B_AUTH){ .size = (UINT16)bytes.len };
	if (bytes.len == 0 || bytes.len > HF_TPM_AUTH_MAX || bytes.ptr[bytes.len - 1] == 0)
		return false;
	memcpy(ret->buffer, bytes.ptr, bytes.len);
	return true;
}

static enum hf_err refused(struct hf_tpm *tpm, struct hf_fault *fault, TSS2_RC rc, const char *command)
{
	return hf_tpm_failed(tpm, fault,
			     hf_tpm_is_auth_error(rc) ? HF_ERR_TPM_AUTH_SET : HF_ERR_TPM_FAILED, rc,
			     command);
}

/* From here on the hierarchy's commands carry the value. Where it is set already, the next
 * command shows whether it is this one. */
static enum hf_err set_auth(struct hf_tpm *tpm, ESYS_TR hierarchy, bool is_set,
			    const TPM2B_AUTH *auth, const char *name, struct hf_fault *fault)
{
	TSS2_RC rc = is_set ? Esys_TR_SetAuth(tpm->esys, hierarchy, auth) :
			      Esys_HierarchyChangeAuth(tpm->esys, hierarchy, ESYS_TR_PASSWORD,
						       ESYS_TR_NONE, ESYS_TR_NONE, auth);

	return rc ? refused(tpm, fault, rc, name) : HF_OK;
}

/* Changing a value to itself does nothing but show that it is known. The owner's first: a
 * wrong lockout value locks that hierarchy out for a day, a wrong owner value costs nothing. */
static enum hf_err prove_auth(struct hf_tpm *tpm, ESYS_TR hierarchy, const TPM2B_AUTH *auth,
			      const char *name, struct hf_fault *fault)
{
	TSS2_RC rc = Esys_HierarchyChangeAuth(tpm->esys, hierarchy, ESYS_TR_PASSWORD, ESYS_TR_NONE,
					      ESYS_TR_NONE, auth);

	return rc ? refused(tpm, fault, rc, name) : HF_OK;
}

static enum hf_err disable_clear(struct hf_tpm *tpm, struct hf_fault *fault)
{
	TSS2_RC rc = Esys_ClearControl(tpm->esys, ESYS_TR_RH_LOCKOUT, ESYS_TR_PASSWORD, ESYS_TR_NONE,
				       ESYS_TR_NONE, TPM2_YES);

	return rc ? refused(tpm, fault, rc, "ClearControl") : HF_OK;
}

/* Whoever made an index before the owner's value was set may have given it a value of its
 * own, which no Name shows: ours is made from nothing. */
static enum hf_err undefine(struct hf_tpm *tpm, struct hf_fault *fault)
{
	enum hf_index_state state;
	ESYS_TR handle;
	enum hf_err err = find_index(tpm, &handle, &state, fault);

	if (err || handle == ESYS_TR_NONE)
		return err;
	TSS2_RC rc = Esys_NV_UndefineSpace(tpm->esys, ESYS_TR_RH_OWNER, handle, ESYS_TR_PASSWORD,
					   ESYS_TR_NONE, ESYS_TR_NONE);

	return rc ? refused(tpm, fault, rc, "NV_UndefineSpace") : HF_OK;
}

static enum hf_err define(struct hf_tpm *tpm, struct hf_fault *fault)
{
	TPM2B_AUTH empty = { .size = 0 };
	TPM2B_NV_PUBLIC public_area = frozen_public();
	ESYS_TR handle = ESYS_TR_NONE;
	TSS2_RC rc = Esys_NV_DefineSpace(tpm->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
					 ESYS_TR_NONE, &empty, &public_area, &handle);

	if (rc)
		return refused(tpm, fault, rc, "NV_DefineSpace");
	Esys_TR_Close(tpm->esys, &handle);
	return HF_OK;
}

static enum hf_err write_value(struct hf_tpm *tpm, uint64_t generation, struct hf_fault *fault)
{
	TPM2B_MAX_NV_BUFFER data = { .size = VALUE_SIZE };
	struct hf_writer w = { .buf = data.buffer, .cap = VALUE_SIZE };
	enum hf_index_state state;
	ESYS_TR handle;
	enum hf_err err = find_index(tpm, &handle, &state, fault);

	if (err)
		return err;
	if (state != HF_INDEX_OURS && state != HF_INDEX_UNWRITTEN)
		err = hf_fail(fault, HF_ERR_PROVISIONED, "TPM", "index 0x%08x is another's",
			      HF_GENERATION_INDEX);
	hf_put_be(&w, generation, VALUE_SIZE);
	if (!err) {
		TSS2_RC rc = Esys_NV_Write(tpm->esys, ESYS_TR_RH_OWNER, handle, ESYS_TR_PASSWORD,
					   ESYS_TR_NONE, ESYS_TR_NONE, &data, 0);

		if (rc)
			err = refused(tpm, fault, rc, "NV_Write");
	}
	if (tpm->esys && handle != ESYS_TR_NONE)
		Esys_TR_Close(tpm->esys, &handle);
	return err;
}

/* Nothing is believed because a command succeeded: what the gate will look at is read. */
static enum hf_err confirm(struct hf_tpm *tpm, uint64_t generation, struct hf_fault *fault)
{
	struct hf_generation now;
	enum hf_err err = hf_tpm_generation(tpm, &now, fault);

	if (err)
		return err;
	if (!hf_generation_counts(&now) || now.value != generation)
		return hf_fail(fault, HF_ERR_TPM_FAILED, "TPM",
			       "the index does not read back as it was written");
	return HF_OK;
}

static enum hf_err take_hierarchies(struct hf_tpm *tpm, const struct hf_generation *now,
				    const TPM2B_AUTH *owner, const TPM2B_AUTH *lockout,
				    struct hf_fault *fault)
{
	enum hf_err err = set_auth(tpm, ESYS_TR_RH_OWNER, now->owner_auth, owner, "owner value", fault);

	if (!err)
		err = prove_auth(tpm, ESYS_TR_RH_OWNER, owner, "owner value", fault);
	if (!err)
		err = set_auth(tpm, ESYS_TR_RH_LOCKOUT, now->lockout_auth, lockout, "lockout value",
			       fault);
	return err;
}

enum hf_err hf_tpm_provision(struct hf_tpm *tpm, struct hf_span owner, struct hf_span lockout,
			     uint64_t generation, struct hf_fault *fault)
{
	TPM2B_AUTH owner_auth, lockout_auth;
	struct hf_generation now;
	enum hf_err err;

	if (!auth_from(owner, &owner_auth) || !auth_from(lockout, &lockout_auth))
		return hf_fail(fault, HF_ERR_USAGE, "TPM", "authorisation values have 1 to %d bytes",
			       HF_TPM_AUTH_MAX);
	err = hf_tpm_generation(tpm, &now, fault);
	if (err)
		return err;
	if (now.index == HF_INDEX_FOREIGN)
		return hf_fail(fault, HF_ERR_PROVISIONED, "TPM", "index 0x%08x is another's",
			       HF_GENERATION_INDEX);
	if (hf_generation_counts(&now))
		return hf_fail(fault, HF_ERR_PROVISIONED, "TPM", "generation %llu",
			       (unsigned long long)now.value);
	if (!now.owner_auth && now.lockout_auth)	/* not what an attempt of ours leaves */
		return hf_fail(fault, HF_ERR_TPM_AUTH_SET, "TPM", "lockout value");
	err = take_hierarchies(tpm, &now, &owner_auth, &lockout_auth, fault);
	if (!err)
		err = disable_clear(tpm, fault);
	if (!err && now.index != HF_INDEX_ABSENT)
		err = undefine(tpm, fault);
	if (!err)
		err = define(tpm, fault);
	if (!err)
		err = write_value(tpm, generation, fault);
	if (!err)
		err = confirm(tpm, generation, fault);
	explicit_bzero(&owner_auth, sizeof(owner_auth));
	explicit_bzero(&lockout_auth, sizeof(lockout_auth));
	return err;
}

enum hf_err hf_tpm_generation_raise(struct hf_tpm *tpm, struct hf_span owner, uint64_t generation,
				    struct hf_fault *fault)
{
	TPM2B_AUTH auth;
	struct hf_generation now;
	enum hf_err err;

	if (!auth_from(owner, &auth))
		return hf_fail(fault, HF_ERR_USAGE, "TPM", "authorisation values have 1 to %d bytes",
			       HF_TPM_AUTH_MAX);
	err = hf_tpm_generation(tpm, &now, fault);
	if (err)
		return err;
	if (!hf_generation_counts(&now))
		return hf_fail(fault, HF_ERR_GENERATION_MISSING, "TPM", "not provisioned");
	if (generation <= now.value)
		return hf_fail(fault, HF_ERR_GENERATION_LOWER, "TPM", "it is %llu already",
			       (unsigned long long)now.value);
	err = set_auth(tpm, ESYS_TR_RH_OWNER, true, &auth, "owner value", fault);
	if (!err)
		err = write_value(tpm, generation, fault);
	if (!err)
		err = confirm(tpm, generation, fault);
	explicit_bzero(&auth, sizeof(auth));
	return err;
}
