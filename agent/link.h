/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/link.h: the conversation with the controller, held by a child that has no TPM, no
 * capability and hardly a system call; PID 1 parses no byte of the network but the replies' CBOR,
 * within HF_WIRE_REPLY_MAX. TLS 1.3, the controller's CA pinned, the boot key as client key.
 * [edge: processes, network] */
#ifndef HF_AGENT_LINK_H
#define HF_AGENT_LINK_H

#include "agent/bootkey.h"
#include "manifests/trust.h"
#include "measure/arena.h"

#define HF_LINK_URLS_MAX 4
#define HF_LINK_SECONDS 60	/* default of controller-seconds: after that, nobody answers */
#define HF_LINK_CA_MAX 16384	/* bytes of PEM */

struct hf_link;
struct hf_link_plan {
	const char *urls;	/* "https://ADDRESS:PORT", separated by spaces, tried in order; literal
				 * addresses only: [2001:db8::1], 192.0.2.1 */
	const char *name;	/* that the certificate must bear; NULL or empty: the address itself */
	struct hf_span ca;	/* PEM, one or more certificates; nobody else is believed */
	struct hf_boot_key *key;	/* NULL: no client certificate (a receipt after CAP); else the child
				 * gets it, and no other does */
	int64_t now;		/* by a trusted clock; 0: dates of certificates are not looked at */
};
/* Starts the child; says nothing to anybody yet. */
enum hf_err hf_link_start(const struct hf_link_plan *plan, struct hf_link **ret,
			  struct hf_fault *fault) HF_MUST_USE;
/* One POST, one reply. The child connects where it has to, tries again with growing pauses and
 * jitter, and the next URL; kicks the watch as it goes; gives up after patience_ms in all.
 * HF_ERR_CONTROLLER_UNREACHABLE (detail: the last thing that went wrong), _CONTROLLER_BUSY (one of
 * them was there and answered 5xx or 429, whatever the others did), _CONTROLLER_TLS, _CONTROLLER_REPLY (not 200, wrong type, too large), HF_ERR_LINK_DIED. */
enum hf_err hf_link_ask(struct hf_link *link, const char *path, const char *content_type,
			struct hf_span body, unsigned patience_ms, struct hf_arena *arena,
			struct hf_span *ret, struct hf_fault *fault) HF_MUST_USE;
/* The signed time: what the connection's certificates say of theirs counts from now on, for the
 * one that is open too. HF_ERR_CONTROLLER_TLS. */
enum hf_err hf_link_set_time(struct hf_link *link, int64_t now, struct hf_fault *fault) HF_MUST_USE;
/* Ends the child, and what it knew of the boot key with it. *link becomes NULL. */
void hf_link_stop(struct hf_link **link);

#endif
