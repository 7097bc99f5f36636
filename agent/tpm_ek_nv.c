/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the TPM's maker put into its non-volatile memory. */
#include "agent/tpm_internal.h"

enum hf_err hf_tpm_handles(struct hf_tpm *tpm, uint32_t first, TPML_HANDLE *ret, struct hf_fault *fault)
{
	TPMS_CAPABILITY_DATA *data = NULL;
	TPMI_YES_NO more;
	enum hf_err err = hf_tpm_ready(tpm, fault);

	if (err)
		return err;
	TSS2_RC rc = Esys_GetCapability(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
					TPM2_CAP_HANDLES, first, TPM2_MAX_CAP_HANDLES, &more, &data);
	if (rc)
		return hf_tpm_failed(tpm, fault, HF_ERR_TPM_FAILED, rc, "GetCapability handles");
	if (data->capability != TPM2_CAP_HANDLES ||
	    data->data.handles.count > TPM2_MAX_CAP_HANDLES)
		err = hf_tpm_strange(fault, "GetCapability handles");
	else
		*ret = data->data.handles;
	Esys_Free(data);
	return err;
}

static enum hf_err index_exists(struct hf_tpm *tpm, uint32_t index, bool *ret, struct hf_fault *fault)
{
	TPML_HANDLE handles;
	enum hf_err err = hf_tpm_handles(tpm, index, &handles, fault);

	if (!err)
		*ret = handles.count > 0 && handles.handle[0] == index;
	return err;
}

static enum hf_err open_index(struct hf_tpm *tpm, uint32_t index, ESYS_TR *ret_handle,
			      TPMS_NV_PUBLIC *ret, struct hf_fault *fault)
{
	TPM2B_NV_PUBLIC *area = NULL;
	TPM2B_NAME *name = NULL;
	enum hf_err err = HF_OK;
	TSS2_RC rc = Esys_TR_FromTPMPublic(tpm->esys, index, ESYS_TR_NONE, ESYS_TR_NONE,
					   ESYS_TR_NONE, ret_handle);

	if (!rc)
		rc = Esys_NV_ReadPublic(tpm->esys, *ret_handle, ESYS_TR_NONE, ESYS_TR_NONE,
					ESYS_TR_NONE, &area, &name);
	if (rc)
		err = hf_tpm_failed(tpm, fault, HF_ERR_TPM_FAILED, rc, "NV_ReadPublic");
	else if (area->nvPublic.nvIndex != index)
		err = hf_tpm_strange(fault, "NV_ReadPublic");
	else
		*ret = area->nvPublic;
	Esys_Free(area);
	Esys_Free(name);
	return err;
}

static uint32_t bytes_per_read(struct hf_tpm *tpm)
{
	uint32_t most = 0;

	if (hf_tpm_properties(tpm, TPM2_PT_NV_BUFFER_MAX, 1, &most, NULL) || most == 0)
		return 512;	/* what every PC Client TPM takes */
	return most < TPM2_MAX_NV_BUFFER_SIZE ? most : TPM2_MAX_NV_BUFFER_SIZE;
}

/* By the index's own value, which is empty; older parts let only the owner read. */
static enum hf_err read_bytes(struct hf_tpm *tpm, ESYS_TR handle, const TPMS_NV_PUBLIC *area,
			      struct hf_writer *out, struct hf_fault *fault)
{
	bool by_itself = area->attributes & TPMA_NV_AUTHREAD;
	uint32_t step = bytes_per_read(tpm);
	size_t start = out->len;
	enum hf_err err = hf_tpm_ready(tpm, fault);

	while (!err && out->len - start < area->dataSize) {
		size_t done = out->len - start, left = area->dataSize - done;
		UINT16 want = (UINT16)(left < step ? left : step);
		TPM2B_MAX_NV_BUFFER *data = NULL;
		TSS2_RC rc = Esys_NV_Read(tpm->esys, by_itself ? handle : ESYS_TR_RH_OWNER, handle,
					  ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, want,
					  (UINT16)done, &data);

		if (hf_tpm_is_auth_error(rc)) {		/* somebody else's index: as if none were there */
			out->len = start;
			return HF_OK;
		}
		if (rc)
			return hf_tpm_failed(tpm, fault, HF_ERR_TPM_FAILED, rc, "NV_Read");
		if (data->size != want)
			err = hf_tpm_strange(fault, "NV_Read");
		else
			hf_put(out, data->buffer, data->size);
		Esys_Free(data);
	}
	return err;
}

enum hf_err hf_tpm_nv_read(struct hf_tpm *tpm, uint32_t index, struct hf_writer *ret,
			   struct hf_fault *fault)
{
	ESYS_TR handle = ESYS_TR_NONE;
	TPMS_NV_PUBLIC area = { .nvIndex = 0 };
	bool exists = false;
	enum hf_err err = index_exists(tpm, index, &exists, fault);

	if (err || !exists)
		return err;
	err = open_index(tpm, index, &handle, &area, fault);
	if (!err && area.attributes & TPMA_NV_WRITTEN &&
	    area.attributes & (TPMA_NV_AUTHREAD | TPMA_NV_OWNERREAD)) {
		if (area.dataSize > ret->cap - ret->len)
			err = hf_fail(fault, HF_ERR_LIMIT, "TPM", "NV index 0x%08x of %u bytes", index,
				      area.dataSize);
		else
			err = read_bytes(tpm, handle, &area, ret, fault);
	}
	if (tpm->esys && handle != ESYS_TR_NONE)
		Esys_TR_Close(tpm->esys, &handle);
	return err;
}
