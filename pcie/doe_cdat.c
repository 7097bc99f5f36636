/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A CXL device's table of itself (CDAT), entry by entry through its mailbox: CXL 3.0, 8.1.11;
 * CDAT 1.03. [pure] */
#include "pcie/doe.h"

#include "pcie/worker.h"

#define DWORD 4u
#define CDAT_MS 30000u		/* all of a table */
#define CDAT_LAST 0xffff
#define CDAT_ENTRY_MAX 4096u
#define CDAT_HEADER 16		/* of the whole: length, revision, checksum, sequence */

static uint64_t now_ms(const struct hf_doe *doe)
{
	return doe->access->now_ms ? doe->access->now_ms(doe->access->self) : hf_now_ms();
}

/* One entry to buf. *handle: of the next. */
static enum hf_err read_entry(const struct hf_doe *doe, uint16_t *handle, uint8_t *buf, size_t cap,
			      size_t *ret_len)
{
	const uint8_t request[DWORD] = { 0, 0, (uint8_t)*handle, (uint8_t)(*handle >> 8) };
	uint8_t answer[DWORD + CDAT_ENTRY_MAX];
	size_t len = 0;
	enum hf_err err = hf_doe_exchange(doe, HF_DOE_VENDOR_CXL, HF_DOE_CXL_TABLE,
					  (struct hf_span){ request, sizeof(request) },
					  HF_DOE_TIMEOUT_MS, answer, sizeof(answer), &len);

	if (err)
		return err;
	/* code and table are those of the request */
	if (len <= DWORD || answer[0] != request[0] || answer[1] != request[1])
		return HF_ERR_DOE_SHAPE;
	if (len - DWORD > cap)
		return HF_ERR_LIMIT;
	memcpy(buf, answer + DWORD, len - DWORD);
	*handle = (uint16_t)hf_le(answer + 2, 2);
	*ret_len = len - DWORD;
	return HF_OK;
}

enum hf_err hf_doe_read_cdat(const struct hf_doe *doe, uint8_t *buf, size_t cap, size_t *ret_len)
{
	const uint64_t end = now_ms(doe) + CDAT_MS;
	uint16_t handle = 0;

	*ret_len = 0;
	if (cap > HF_DOE_CDAT_MAX)
		cap = HF_DOE_CDAT_MAX;
	for (size_t i = 0; i < HF_DOE_CDAT_ENTRIES_MAX; i++) {
		size_t len = 0;
		enum hf_err err = read_entry(doe, &handle, buf + *ret_len, cap - *ret_len, &len);

		if (err)
			return err;
		*ret_len += len;
		if (handle == CDAT_LAST)
			return *ret_len >= CDAT_HEADER && hf_le(buf, DWORD) == *ret_len ?
				       HF_OK : HF_ERR_DOE_SHAPE;
		if (now_ms(doe) > end)
			return HF_ERR_TIMED_OUT;
	}
	return HF_ERR_DOE_SHAPE;
}
