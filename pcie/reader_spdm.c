/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/reader_spdm.c: what a device signs of itself (SPDM), asked through its DOE mailbox in
 * configuration space. Needs no driver and no bus mastering; it writes to the mailbox. */
#include <stdio.h>

#include "pcie/config.h"
#include "pcie/doe.h"
#include "pcie/reader.h"
#include "pcie/spdm_child.h"
#include "pcie/spdm_claims.h"
#include "pcie/worker.h"

struct asking {
	const struct hf_read *read;
	struct hf_mailbox mailbox;
	struct hf_doe doe;
	struct hf_claims *claims;	/* where the findings go */
	struct hf_part *part;
	struct hf_function *function;
};

static bool matches(const struct hf_bus_function *function)
{
	bool loop = false;

	return !function->virtual_function &&
	       hf_config_extended_capability(function->config, HF_DOE_CAPABILITY, &loop) != 0;
}

static bool speaks_spdm(const struct hf_doe_protocol *protocols, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (protocols[i].vendor == HF_DOE_VENDOR_PCISIG && protocols[i].type == HF_DOE_SPDM)
			return true;
	return false;
}

/* The first of the function's mailboxes with SPDM. A mailbox that does not say what it is for
 * may be the one: then that is the failure. *ret_there false and HF_OK: none speaks it. */
static enum hf_err find_mailbox(struct asking *a, bool *ret_there)
{
	struct hf_doe_protocol protocols[HF_DOE_PROTOCOLS_MAX];
	uint32_t at[HF_DOE_MAILBOXES_MAX];
	enum hf_err err, first = HF_OK;
	bool loop = false;
	size_t mailboxes = hf_doe_find(a->read->function->config, at, &loop), count;

	*ret_there = false;
	for (size_t i = 0; i < mailboxes; i++) {
		a->doe = (struct hf_doe){ .access = &a->mailbox.access, .at = at[i] };
		err = hf_doe_discover(&a->doe, protocols, HF_DOE_PROTOCOLS_MAX, &count);
		hf_worker_progress();
		if (err) {
			first = first ? first : err;
			continue;
		}
		*ret_there = speaks_spdm(protocols, count);
		if (*ret_there)
			return HF_OK;
	}
	return first;
}

static enum hf_err claim_way(const struct asking *a)
{
	const char *way = a->mailbox.way == HF_MAILBOX_VFIO ? "vfio-pci" : "config";

	return hf_sink_text(a->read->sink, HF_MKEY_SPDM_WAY, HF_METHOD_VERSION,
			    HF_MEASUREMENT_ADVISORY, way);
}

/* From the child's claims into ours; texts and bytes are shared, in one arena. */
static enum hf_err adopt(struct asking *a, const struct hf_measurement *from)
{
	struct hf_measurement *to = hf_claims_add_measurement(a->claims, a->part, a->function,
							      from->mkey, from->method, from->flags);
	struct hf_measurement copy = *from;

	if (!to)
		return HF_ERR_LIMIT;
	copy.mkey = to->mkey;
	copy.next = NULL;
	*to = copy;
	return HF_OK;
}

static enum hf_err claim(struct asking *a, const struct hf_claims *answer, struct hf_span transcript)
{
	enum hf_err err = claim_way(a);

	for (const struct hf_measurement *m = answer->parts->measurements; m && !err; m = m->next)
		err = adopt(a, m);
	if (!err && transcript.len)
		err = hf_sink_attach(a->read->sink, HF_MKEY_TRANSCRIPT, transcript);
	return err;
}

/* What comes back is our own failure; the device's is a claim by then. */
static enum hf_err ask(struct asking *a)
{
	const struct hf_spdm_plan plan = { .seed = a->read->options->seed, .path = a->part->path,
					   .slot = -1 };
	struct hf_identity id = { 0 };	/* as hf_topology has it, whatever the lists are like */
	const struct hf_spdm_talk talk = { .mailbox = &a->mailbox, .doe = a->doe, .identity = &id,
					   .plan = &plan };
	struct hf_span transcript = { 0 };
	struct hf_claims answer;
	enum hf_err err = hf_config_identity(a->read->function->config, &id);

	if (err == HF_ERR_CAPABILITY_LOOP)
		err = hf_config_header(a->read->function->config, &id);
	hf_claims_init(&answer, a->claims->arena);
	err = hf_spdm_talk(&talk, &answer, &transcript);
	if (err == HF_ERR_NO_MEMORY || err == HF_ERR_INTERNAL)
		return err;
	return err ? hf_sink_failure(a->read->sink, HF_MKEY_SPDM, err) : claim(a, &answer, transcript);
}

static enum hf_err read_spdm(const struct hf_read *read)
{
	struct asking a = { .read = read };
	enum hf_err err;
	bool there;

	if (!read->options->mailbox)
		return hf_sink_failure(read->sink, HF_MKEY_SPDM, HF_ERR_NOT_MEASURED);
	hf_sink_target(read->sink, &a.claims, &a.part, &a.function);
	err = hf_mailbox_open(read->host, &read->function->address, read->options->vfio, &a.mailbox);
	if (err)
		return hf_sink_failure(read->sink, HF_MKEY_SPDM, err);
	err = find_mailbox(&a, &there);
	if (there)
		err = ask(&a);
	else if (err)
		err = hf_sink_failure(read->sink, HF_MKEY_SPDM, err);
	hf_mailbox_close(&a.mailbox);
	return err;
}

const struct hf_reader hf_reader_spdm = {
	.name = "spdm",
	.touches = "writes and reads the DOE mailbox in config that speaks SPDM; vfio-pci bound "
		   "for that time where the kernel refuses that",
	.proves = "What the device signs: its certificates and the firmware that it runs.",
	.mkey = HF_MKEY_SPDM,
	.method = HF_METHOD_SIGNED,
	.matches = matches,
	.read = read_spdm,
};
