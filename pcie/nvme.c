/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/nvme.h"

/* Identify Controller, bytes */
#define SERIAL 4
#define SERIAL_LEN 20
#define MODEL 24
#define MODEL_LEN 40
#define FIRMWARE 64
#define FIRMWARE_LEN 8
#define FRMW 260
/* Firmware Slot Information, bytes */
#define AFI 0
#define FRS1 8

static struct hf_span padded(struct hf_span data, size_t offset, size_t len)
{
	struct hf_span text = hf_span_part(data, offset, len);

	while (text.len && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\0'))
		text.len--;
	while (text.len && text.ptr[0] == ' ') {
		text.ptr++;
		text.len--;
	}
	return text;
}

static bool is_ascii(struct hf_span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < 0x20 || text.ptr[i] > 0x7e)
			return false;
	return true;
}

enum hf_err hf_nvme_identify_parse(struct hf_span data, struct hf_nvme_identify *ret)
{
	struct hf_nvme_identify identify;

	if (data.len != HF_NVME_IDENTIFY_LEN)
		return HF_ERR_NVME_SHAPE;
	identify.serial = padded(data, SERIAL, SERIAL_LEN);
	identify.model = padded(data, MODEL, MODEL_LEN);
	identify.firmware = padded(data, FIRMWARE, FIRMWARE_LEN);
	identify.slot1_read_only = data.ptr[FRMW] & 1;
	identify.slots = data.ptr[FRMW] >> 1 & 7;
	if (identify.firmware.len == 0 || !is_ascii(identify.firmware) || identify.slots == 0)
		return HF_ERR_NVME_SHAPE;
	*ret = identify;
	return HF_OK;
}

enum hf_err hf_nvme_log_parse(struct hf_span data, const struct hf_nvme_identify *identify,
			      struct hf_nvme_log *ret)
{
	struct hf_nvme_log log = { 0 };

	if (data.len != HF_NVME_LOG_LEN)
		return HF_ERR_NVME_SHAPE;
	log.active = data.ptr[AFI] & 7;
	log.next = data.ptr[AFI] >> 4 & 7;
	if (log.active == 0 || log.active > identify->slots || log.next > identify->slots)
		return HF_ERR_NVME_SHAPE;
	for (size_t slot = 1; slot <= HF_NVME_SLOTS; slot++)
		log.revisions[slot] = padded(data, FRS1 + (slot - 1) * FIRMWARE_LEN, FIRMWARE_LEN);
	*ret = log;
	return HF_OK;
}

enum hf_nvme_next hf_nvme_next(const struct hf_nvme_identify *identify,
			       const struct hf_nvme_log *log)
{
	struct hf_span next = log->revisions[log->next];

	if (log->next == 0 || hf_span_equal(next, identify->firmware))
		return HF_NVME_SAME;
	return next.len ? HF_NVME_OTHER : HF_NVME_EMPTY;
}

bool hf_nvme_slot_differs(const struct hf_nvme_identify *identify, const struct hf_nvme_log *log)
{
	return log->next != log->active &&
	       !hf_span_equal(log->revisions[log->active], identify->firmware);
}
