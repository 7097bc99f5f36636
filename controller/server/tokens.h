/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/server/tokens.h: who may ask for what: lines of "NAME ROLE token:SHA256" or
 * "NAME ROLE key:SHA256" (of the bearer token's text; of a client certificate's
 * SubjectPublicKeyInfo). The file holds no secret, and still nobody else should write to it. */
#ifndef HF_CONTROLLER_SERVER_TOKENS_H
#define HF_CONTROLLER_SERVER_TOKENS_H

#include "controller/server/controller.h"

#define HF_TOKENS_MAX 1024
#define HF_TOKEN_TEXT_MAX 512	/* bytes of a bearer token */

struct hf_tokens {
	size_t count;
	struct hf_token { char name[64]; enum hf_role role; bool key; struct hf_digest digest; } list[HF_TOKENS_MAX];
};
const char *hf_role_name(enum hf_role role);	/* "relying-party", "viewer", "operator", "admin" */
/* HF_ERR_CONFIG_SYNTAX names the line. */
enum hf_err hf_tokens_parse(struct hf_span text, const char *name, struct hf_tokens *ret,
			    struct hf_fault *fault) HF_MUST_USE;
/* NULL: nobody's. Takes as long for every token. */
const struct hf_token *hf_tokens_find(const struct hf_tokens *tokens, bool key, const struct hf_digest *digest);

#endif
