/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/readers.h"

#include "pcie/config.h"
#include "pcie/reader.h"
#include "pcie/sink.h"
#include "pcie/slots.h"

const struct hf_reader *const hf_readers[] = {
	&hf_reader_config,
	&hf_reader_rom,
	&hf_reader_vpd,
	&hf_reader_nvme,
	&hf_reader_net,
	&hf_reader_drive,
	&hf_reader_mtd,
	&hf_reader_versions,
	&hf_reader_uncovered,
	NULL,
};

#define CLASS_BRIDGE 0x06
#define CLASS_BRIDGE_OTHER 0x0680	/* NVSwitch: no plumbing, it runs firmware */

static bool is_plumbing(const struct hf_bus_function *f, const struct hf_function *function)
{
	uint32_t class_code = function->identity.class_code;

	return f->virtual_function || hf_config_is_bridge(f->config) ||
	       (class_code >> 16 == CLASS_BRIDGE && class_code >> 8 != CLASS_BRIDGE_OTHER);
}

static bool shows_code(const struct hf_function *function)
{
	for (const struct hf_measurement *m = function->measurements; m; m = m->next)
		if (m->flags & HF_MEASUREMENT_CODE)
			return true;
	return false;
}

static enum hf_err measure_function(const struct hf_read *read, struct hf_function *function)
{
	enum hf_err err;

	for (const struct hf_reader *const *r = hf_readers; *r; r++) {
		if ((*r)->needs_driver && !read->function->driver)
			continue;
		if (!(*r)->matches(read->function))
			continue;
		err = (*r)->read(read);
		if (err)
			return err;
	}
	if (is_plumbing(read->function, function) || shows_code(function))
		return HF_OK;
	return hf_sink_failure(read->sink, "firmware", HF_ERR_NO_READER);
}

static enum hf_err measure_part(struct hf_sink *sink, struct hf_read *read,
				const struct hf_bus *bus, struct hf_part *part)
{
	enum hf_err err = HF_OK;

	for (struct hf_function *f = part->functions; f && !err; f = f->next) {
		read->function = hf_bus_find(bus, &f->address);
		if (!read->function)
			return HF_ERR_INTERNAL;
		hf_sink_aim(sink, part, f);
		err = measure_function(read, f);
	}
	return err;
}

enum hf_err hf_measure(const struct hf_host *host, const struct hf_bus *bus,
		       const struct hf_read_options *options, struct hf_claims *claims,
		       hf_measure_progress progress, void *self)
{
	struct hf_sink sink;
	struct hf_read read = { .host = host, .options = options, .sink = &sink };
	enum hf_err err = hf_sink_make(claims, &sink);
	size_t index = 0;

	if (err)
		return err;
	for (struct hf_part *part = claims->parts; part && !err; part = part->next, index++) {
		if (part->kind == HF_PART_HOST)
			continue;
		if (progress)
			progress(self, part, index, claims->part_count);
		err = measure_part(&sink, &read, bus, part);
	}
	hf_sink_drop(&sink);
	return err ? err : hf_slots_claims(host, claims);
}
