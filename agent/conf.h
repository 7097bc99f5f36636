/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/conf.h: holdfast.conf, `key = value` lines. It lies in the measured image and
 * says where things are, never what is allowed. [pure] */
#ifndef HF_AGENT_CONF_H
#define HF_AGENT_CONF_H

#include "measure/bytes.h"
#include "measure/err.h"

#define HF_CONF_MAX 65536	/* bytes of the file */
#define HF_CONF_VALUE_MAX 255

enum hf_policy { HF_POLICY_CONTROLLER, HF_POLICY_LOCAL };
const char *hf_policy_name(enum hf_policy policy);

struct hf_conf {
	enum hf_policy policy;			/* default: controller */
	uint32_t pcr;				/* default: HF_PCR_DEFAULT */
	uint64_t generation;			/* least acceptable of a model; default 0 */
	bool generation_index;			/* the TPM must hold one; default: it may */
	uint64_t revocations;			/* of the newest revocation list; default 0: none */
	unsigned device_seconds;		/* 1 to 60; default HF_DEVICE_SECONDS */
	char tcti[HF_CONF_VALUE_MAX + 1];	/* empty: the TPM's own device */
	char store[HF_CONF_VALUE_MAX + 1];	/* empty: none */
	char evidence[HF_CONF_VALUE_MAX + 1];	/* empty: none */
	char controller[HF_CONF_VALUE_MAX + 1];	/* URLs; empty: none, and policy controller holds */
	char controller_name[HF_CONF_VALUE_MAX + 1];	/* in its certificate; empty: the address */
	unsigned controller_seconds;		/* 5 to 3600: then nobody answers; default HF_LINK_SECONDS */
	char link[HF_CONF_VALUE_MAX + 1];	/* path of a function; empty ("auto"): the first that works */
	char address[HF_CONF_VALUE_MAX + 1];	/* "slaac" (default), "dhcp", "ip=...", "command-line" */
};
void hf_conf_default(struct hf_conf *ret);
/* Unknown, repeated or malformed keys: HF_ERR_CONFIG_SYNTAX, with the line number in the
 * fault; a PCR that cannot serve: HF_ERR_PCR_REFUSED. On failure ret is untouched. */
enum hf_err hf_conf_parse(struct hf_span text, const char *name, struct hf_conf *ret,
			  struct hf_fault *fault) HF_MUST_USE;

#endif
