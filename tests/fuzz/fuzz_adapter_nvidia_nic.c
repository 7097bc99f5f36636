/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz_adapter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_adapter(&hf_adapter_nvidia_nic, data, size);
}
