/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/bind.h"
#include "agent/conf.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_span in = { data, size }, line, path;
	struct hf_fault fault;
	struct hf_conf conf;

	if (hf_conf_parse(in, "fuzz", &conf, &fault) == HF_OK &&
	    (conf.pcr < 8 || conf.pcr > 15 || conf.pcr == 10 || strlen(conf.store) > HF_CONF_VALUE_MAX))
		abort();
	if (hf_modules_find(in, "nvme_core", &line)) {
		while (hf_modules_path(&line, &path))
			if (path.len == 0 || path.ptr < data || path.ptr + path.len > data + size)
				abort();
	}
	return 0;
}
