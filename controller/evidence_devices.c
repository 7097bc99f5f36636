/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Devices that signed, as evidence verify has them. */
#include "controller/evidence_cmds.h"

#include <stdio.h>

#include "controller/ctl.h"

/* Of what moment the signatures are; NULL: nobody can say. */
static const char *freshness(const struct hf_verification *v, const struct hf_signer *s, bool diagnosis)
{
	if (v->checks[HF_CHECK_TRANSCRIPTS].outcome != HF_OUTCOME_OK ||
	    v->checks[HF_CHECK_QUOTE].outcome != HF_OUTCOME_OK)
		return NULL;
	if (!diagnosis && !s->has_again)
		return "boot";
	return hf_span_equal(v->quote.nonce, v->begin.boot_key) ? "boot" : "challenge";
}

static const char *freshness_words(const char *freshness)
{
	if (!freshness)
		return "of an unknown time";
	return strcmp(freshness, "boot") == 0 ? "of this boot, which does not say when"
					      : "for the challenge";
}

static void print_one(const struct hf_verification *v, const struct hf_signer *s, bool diagnosis)
{
	char line[512];

	snprintf(line, sizeof(line), "  %-8s %s", s->result ? "failed" : hf_method_name(s->method), s->path);
	hf_ctl_print(stdout, line);
	if (s->version[0]) {
		snprintf(line, sizeof(line), "           SPDM %s, %s, %s; %zu signatures, %zu measurements",
			 s->version, s->algorithm ? s->algorithm : "no key", s->hash ? s->hash : "no hash",
			 s->signatures, s->blocks);
		hf_ctl_print(stdout, line);
	}
	if (s->subject[0]) {
		snprintf(line, sizeof(line), "           slot %d, %s, serial %s, %s", s->slot, s->subject,
			 s->serial, s->method == HF_METHOD_SIGNED ? "names this device" :
								   "names no device");
		hf_ctl_print(stdout, line);
	}
	if (s->result)
		snprintf(line, sizeof(line), "           %s [%s]", hf_err_sentence(s->result),
			 hf_err_name(s->result));
	else
		snprintf(line, sizeof(line), "           %s%s; signed %s", s->anchor ? "anchor " : "no anchor: ",
			 s->anchor ? s->anchor : hf_err_name(s->trust),
			 freshness_words(freshness(v, s, diagnosis)));
	hf_ctl_print(stdout, line);
}

void hf_evidence_print_devices(const struct hf_verification *v, bool diagnosis)
{
	if (v->signers)
		puts("devices that sign");
	for (const struct hf_signer *s = v->signers; s; s = s->next)
		print_one(v, s, diagnosis);
}

static json_t *digest_json(const struct hf_digest *digest, bool there)
{
	char hex[2 * HF_DIGEST_MAX + 1];

	if (!there)
		return json_null();
	hf_digest_hex(digest, hex);
	return json_string(hex);
}

static json_t *one_json(const struct hf_verification *v, const struct hf_signer *s, bool diagnosis)
{
	return json_pack("{s:s, s:s?, s:s, s:s?, s:s?, s:s?, s:i, s:i, s:i, s:s?, s:s?, s:s?, s:s?, s:s?, "
			 "s:o, s:o}",
			 "path", s->path, "cause", s->result ? hf_err_name(s->result) : NULL, "method",
			 hf_method_name(s->method), "spdm", s->version[0] ? s->version : NULL,
			 "algorithm", s->algorithm, "hash", s->hash, "slot", s->slot, "signatures",
			 (int)s->signatures, "measured", (int)s->blocks, "subject",
			 s->subject[0] ? s->subject : NULL, "certificate_serial",
			 s->serial[0] ? s->serial : NULL, "anchor", s->anchor, "untrusted",
			 s->trust ? hf_err_name(s->trust) : NULL, "fresh", freshness(v, s, diagnosis),
			 "transcript", digest_json(&s->transcript, s->transcript.alg != 0 || s->blocks),
			 "transcript_again", digest_json(&s->again, s->has_again));
}

json_t *hf_evidence_devices_json(const struct hf_verification *v, bool diagnosis)
{
	json_t *list = json_array();

	for (const struct hf_signer *s = v->signers; s; s = s->next)
		json_array_append_new(list, one_json(v, s, diagnosis));
	return list;
}
