/* SPDX-License-Identifier: GPL-3.0-or-later */
/* devlink's answers: versions lie inside the reply, names are names, each once a kind, and the
 * words about what waits end where they should. */
#include <stdlib.h>

#include "pcie/devlink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hf_devlink_info info;
	struct hf_span reply = { data, size };
	uint16_t family = 0;
	char text[64];
	int sys_errno;

	if (hf_devlink_family(reply, 1, &family, &sys_errno) == HF_OK && !sys_errno && family < 16)
		abort();
	if (hf_devlink_info(reply, 2, 0x15, &info, &sys_errno) != HF_OK || sys_errno) {
		if (sys_errno < 0 || sys_errno > 4095)
			abort();
		return 0;
	}
	if (info.count > HF_DEVLINK_VERSIONS_MAX)
		abort();
	for (size_t i = 0; i < info.count; i++) {
		const struct hf_devlink_version *v = &info.versions[i];

		if (v->name.ptr < data || v->name.ptr + v->name.len > data + size ||
		    v->value.ptr < data || v->value.ptr + v->value.len > data + size ||
		    v->name.len == 0 || v->name.len > HF_DEVLINK_NAME_MAX ||
		    v->value.len > HF_DEVLINK_VALUE_MAX || memchr(v->value.ptr, 0, v->value.len) ||
		    hf_devlink_find(&info, v->kind, v->name) != v)
			abort();
	}
	memset(text, 0xaa, sizeof(text));
	if (hf_devlink_pending(&info, text, sizeof(text)) && !memchr(text, 0, sizeof(text)))
		abort();
	return 0;
}
