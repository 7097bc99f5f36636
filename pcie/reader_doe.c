/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/reader_doe.c: what each mailbox of a function speaks, and the table in which a CXL
 * device describes its memory. Asking is writing: only where the caller said so. */
#include <stdio.h>

#include "pcie/doe.h"
#include "pcie/reader.h"

#define ONE_PROTOCOL 8		/* "0001/00 " */

static const char doe_key[] = "doe";

static bool matches(const struct hf_bus_function *function)
{
	uint32_t at[HF_DOE_MAILBOXES_MAX];
	bool loop = false;

	return !function->virtual_function && hf_doe_find(function->config, at, &loop) != 0;
}

static enum hf_err report_protocols(const struct hf_read *read, const char *mkey,
				    const struct hf_doe_protocol *protocols, size_t count)
{
	char text[HF_DOE_PROTOCOLS_MAX * ONE_PROTOCOL + 1] = "";

	for (size_t i = 0; i < count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%04x/%02x", i ? " " : "",
			 protocols[i].vendor, protocols[i].type);
	return hf_sink_text(read->sink, mkey, HF_METHOD_VERSION, 0, text);
}

/* first: no other mailbox of this function has shown a table. */
static enum hf_err report_cdat(const struct hf_read *read, const struct hf_doe *doe, bool first)
{
	char mkey[HF_MKEY_MAX] = "doe/cdat";
	enum hf_err err, partial;
	uint8_t *room;
	size_t cap, len;

	if (!first)
		snprintf(mkey, sizeof(mkey), "doe/cdat/0x%x", (unsigned)doe->at);
	err = hf_sink_begin(read->sink, mkey, HF_METHOD_BYTES, 0);
	if (err)
		return err;
	room = hf_sink_room(read->sink, &cap);
	partial = hf_doe_read_cdat(doe, room, cap, &len);
	err = hf_sink_bytes(read->sink, (struct hf_span){ room, len });
	return err ? err : hf_sink_end(read->sink, partial);
}

static enum hf_err report_mailbox(const struct hf_read *read, const struct hf_doe *doe, bool *tables)
{
	struct hf_doe_protocol protocols[HF_DOE_PROTOCOLS_MAX];
	char mkey[HF_MKEY_MAX];
	size_t count = 0;
	enum hf_err err = hf_doe_discover(doe, protocols, HF_DOE_PROTOCOLS_MAX, &count);

	snprintf(mkey, sizeof(mkey), "doe/0x%x", (unsigned)doe->at);
	if (err)
		return hf_sink_failure(read->sink, mkey, err);
	err = report_protocols(read, mkey, protocols, count);
	for (size_t i = 0; i < count && !err; i++)
		if (protocols[i].vendor == HF_DOE_VENDOR_CXL && protocols[i].type == HF_DOE_CXL_TABLE) {
			err = report_cdat(read, doe, !*tables);
			*tables = true;
			break;
		}
	return err;
}

static enum hf_err report_mailboxes(const struct hf_read *read, const struct hf_mailbox *mailbox)
{
	uint32_t at[HF_DOE_MAILBOXES_MAX];
	bool loop = false, tables = false;
	size_t count = hf_doe_find(read->function->config, at, &loop);
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < count && !err; i++) {
		const struct hf_doe doe = { &mailbox->access, at[i] };

		err = report_mailbox(read, &doe, &tables);
	}
	if (!err && loop)	/* behind it may be more */
		err = hf_sink_failure(read->sink, doe_key, HF_ERR_CAPABILITY_LOOP);
	return err;
}

static enum hf_err read_doe(const struct hf_read *read)
{
	struct hf_mailbox mailbox;
	enum hf_err err;

	if (!read->options->mailbox)
		return hf_sink_failure(read->sink, doe_key, HF_ERR_NOT_MEASURED);
	err = hf_mailbox_open(read->host, &read->function->address, read->options->vfio, &mailbox);
	if (!err) {
		err = report_mailboxes(read, &mailbox);
		hf_mailbox_close(&mailbox);
		return err;
	}
	if (mailbox.detail[0] && hf_sink_text(read->sink, "doe/detail", HF_METHOD_IDENTITY,
					      HF_MEASUREMENT_ADVISORY, mailbox.detail) != HF_OK)
		return HF_ERR_LIMIT;
	return hf_sink_failure(read->sink, doe_key, err);
}

const struct hf_reader hf_reader_doe = {
	.name = "doe",
	.touches = "writes and reads the DOE mailboxes in config; vfio-pci bound for that time "
		   "where the kernel refuses that",
	.proves = "Which protocols each mailbox speaks, and what a CXL device says of its memory.",
	.mkey = doe_key,
	.needs_driver = false,
	.method = HF_METHOD_VERSION,
	.matches = matches,
	.read = read_doe,
};
