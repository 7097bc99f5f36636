/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who is at the other end: the key of the client's certificate, which TLS has proven, and what that
 * key, or who certified it, may do. */
#include "controller/server/http_internal.h"

#include <stdio.h>

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <microhttpd.h>

#include "controller/server/tokens.h"

#define SPKI_MAX 2048

static bool key_digest(gnutls_x509_crt_t cert, struct hf_digest *ret)
{
	gnutls_pubkey_t key = NULL;
	gnutls_datum_t spki = { NULL, 0 };
	bool good = gnutls_pubkey_init(&key) == 0 && gnutls_pubkey_import_x509(key, cert, 0) == 0 &&
		    gnutls_pubkey_export2(key, GNUTLS_X509_FMT_DER, &spki) == 0 && spki.size <= SPKI_MAX &&
		    hf_digest(HF_ALG_SHA256, (struct hf_span){ spki.data, spki.size }, ret) == HF_OK;

	gnutls_free(spki.data);
	gnutls_pubkey_deinit(key);
	return good;
}

/* "holdfast-operator" in the subject's OU, of a certificate that the operators' CA signed. */
static void role_by_certificate(gnutls_x509_crt_t cert, struct hf_client *ret)
{
	char unit[64], name[64];
	size_t unit_len = sizeof(unit), name_len = sizeof(name);

	if (gnutls_x509_crt_get_dn_by_oid(cert, GNUTLS_OID_X520_ORGANIZATIONAL_UNIT_NAME, 0, 0, unit, &unit_len) ||
	    gnutls_x509_crt_get_dn_by_oid(cert, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &name_len) ||
	    strncmp(unit, "holdfast-", 9) != 0)
		return;
	for (enum hf_role r = HF_ROLE_RELYING_PARTY; r <= HF_ROLE_ADMIN; r++)
		if (strcmp(unit + 9, hf_role_name(r)) == 0)
			ret->role = r;
	for (char *c = name; *c; c++)
		*c = *c < 0x21 || *c > 0x7e ? '?' : *c;
	snprintf(ret->actor, sizeof(ret->actor), "cert:%s", name);
}

static void look(const struct hf_http *http, gnutls_session_t session, struct hf_client *ret)
{
	unsigned count = 0, status = 1;
	const gnutls_datum_t *list = gnutls_certificate_get_peers(session, &count);
	gnutls_x509_crt_t cert = NULL;

	if (!list || count == 0 || gnutls_x509_crt_init(&cert))
		return;
	if (gnutls_x509_crt_import(cert, &list[0], GNUTLS_X509_FMT_DER) == 0)
		ret->has_key = key_digest(cert, &ret->key);
	if (ret->has_key && http->controller->config.operator_ca &&
	    gnutls_certificate_verify_peers2(session, &status) == 0 && status == 0)
		role_by_certificate(cert, ret);
	gnutls_x509_crt_deinit(cert);
}

static void look_once(const struct hf_http *http, struct MHD_Connection *connection, struct hf_client *ret)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);

	ret->looked = true;
	ret->role = HF_ROLE_NOBODY;
	if (info && info->tls_session)
		look(http, (gnutls_session_t)info->tls_session, ret);
}

/* ---- of each request ---- */

static void by_token(const char *authorization, struct hf_request *request)
{
	const char *text = authorization + strlen("Bearer ");
	struct hf_policy_set *policy;
	const struct hf_token *token;
	struct hf_digest digest;
	char actor[sizeof(token->name) + 8];

	if (strncmp(authorization, "Bearer ", strlen("Bearer ")) != 0 || strlen(text) > HF_TOKEN_TEXT_MAX ||
	    hf_digest(HF_ALG_SHA256, hf_span_text(text), &digest) != HF_OK)
		return;
	policy = hf_policy_take(request->controller);
	token = policy ? hf_tokens_find(policy->tokens, false, &digest) : NULL;
	if (token && token->role > request->role) {
		snprintf(actor, sizeof(actor), "token:%s", token->name);
		request->role = token->role;
		request->actor = hf_arena_text(request->arena, actor, strlen(actor));
	}
	if (policy)
		hf_policy_drop(policy);
}

/* Of each request, not of the connection: a key that was taken out of the file is nobody's any
 * more, however long its connection is kept open. */
static void by_key(struct hf_request *request)
{
	struct hf_policy_set *policy = request->has_client_key ? hf_policy_take(request->controller) : NULL;
	const struct hf_token *token = policy ? hf_tokens_find(policy->tokens, true, &request->client_key) : NULL;
	char actor[sizeof(token->name) + 8];

	if (token) {
		snprintf(actor, sizeof(actor), "key:%s", token->name);
		request->role = token->role;
		request->actor = hf_arena_text(request->arena, actor, strlen(actor));
	}
	if (policy)
		hf_policy_drop(policy);
}

void hf_client_find(const struct hf_http *http, struct MHD_Connection *connection, struct hf_client *client,
		    struct hf_request *request)
{
	const char *authorization = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");
	struct hf_client none = { .role = HF_ROLE_NOBODY };

	if (client && !client->looked)
		look_once(http, connection, client);
	client = client ? client : &none;
	request->has_client_key = client->has_key;
	request->client_key = client->key;
	request->role = client->role;
	request->actor = client->actor[0] ? hf_arena_text(request->arena, client->actor, strlen(client->actor)) : "agent";
	by_key(request);
	if (authorization)
		by_token(authorization, request);
}
