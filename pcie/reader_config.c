/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/reader_config.c: configuration space, raw and masked. Identity fields are judged
 * from struct hf_identity; what is here is for people and for comparing two passes. */
#include "pcie/config.h"
#include "pcie/reader.h"

static bool matches(const struct hf_bus_function *function)
{
	(void)function;
	return true;
}

static enum hf_err masked(const struct hf_read *read, struct hf_span config)
{
	enum hf_err err;
	uint8_t *copy;
	size_t cap;

	err = hf_sink_begin(read->sink, "config/masked-1", HF_METHOD_IDENTITY,
			    HF_MEASUREMENT_ADVISORY);
	if (err)
		return err;
	copy = hf_sink_room(read->sink, &cap);
	if (config.len > cap)
		return HF_ERR_LIMIT;
	memcpy(copy, config.ptr, config.len);
	hf_config_mask(copy, config.len);
	err = hf_sink_bytes(read->sink, (struct hf_span){ copy, config.len });
	return err ? err : hf_sink_end(read->sink, HF_OK);
}

static enum hf_err read_config(const struct hf_read *read)
{
	const struct hf_bus_function *f = read->function;
	struct hf_identity id;
	enum hf_err gone = hf_config_identity(f->config, &id);
	enum hf_err err;

	/* A virtual function's ids read all ones although it is there. */
	if (f->virtual_function && gone == HF_ERR_DEVICE_GONE)
		gone = HF_OK;
	if (f->config.len == 0 || gone == HF_ERR_DEVICE_GONE)
		return hf_sink_failure(read->sink, "config",
				       f->config_err ? f->config_err : HF_ERR_DEVICE_GONE);
	err = hf_sink_keep(read->sink, "config", HF_METHOD_IDENTITY, HF_MEASUREMENT_ADVISORY,
			   f->config);
	if (!err && gone == HF_ERR_CAPABILITY_LOOP)
		err = hf_sink_failure(read->sink, "config/capabilities", gone);
	if (err)
		return err;
	if (f->config_err || gone == HF_ERR_CONFIG_SHORT)
		return hf_sink_failure(read->sink, "config/masked-1",
				       f->config_err ? f->config_err : gone);
	return masked(read, f->config);
}

const struct hf_reader hf_reader_config = {
	.name = "config",
	.touches = "reads config (4096, 256 or 64 bytes); writes nothing",
	.proves = "What the function says it is: identity, capabilities, settings.",
	.needs_driver = false,
	.method = HF_METHOD_IDENTITY,
	.matches = matches,
	.read = read_config,
};
