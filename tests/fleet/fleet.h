/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/fleet/fleet.h: a double for 20,000 hosts and their TPMs, of which there are none here. Keys
 * that a TPM would keep are made from a seed and held in memory; what the controller sees (public
 * areas, credentials that are really opened, quotes, logs, claims, TLS) is of the same bytes as from
 * real hosts. It is a test program: never installed, and nothing that it proves is about a TPM. */
#ifndef HF_TESTS_FLEET_H
#define HF_TESTS_FLEET_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Outside of a test cmocka's own end the program without a word. */
#undef assert_true
#undef assert_false
#undef assert_non_null
#undef assert_int_equal
#undef assert_in_range
#define FLEET_MUST(what, is) \
	do { \
		if (!(what)) { \
			fprintf(stderr, "fleet: %s:%d: %s (%lld)\n", __FILE__, __LINE__, #what, (long long)(is)); \
			_exit(70); \
		} \
	} while (0)
#define assert_true(is) FLEET_MUST(is, 0)
#define assert_false(is) FLEET_MUST(!(is), 0)
#define assert_non_null(is) FLEET_MUST((is) != NULL, 0)
#define assert_int_equal(is, want) \
	do { \
		long long fleet_is = (long long)(is); \
		FLEET_MUST(fleet_is == (long long)(want), fleet_is); \
	} while (0)
#define assert_in_range(is, low, high) \
	FLEET_MUST((long long)(is) >= (long long)(low) && (long long)(is) <= (long long)(high), is)

#include <unistd.h>

#include "tests/unit/evidence_fixture.h"

#include <openssl/ssl.h>

#include "measure/credential.h"
#include "measure/result.h"

#define FLEET_PARTS 64
#define FLEET_URLS 8
#define FLEET_MODEL "acme-one"
#define FLEET_TENANT "debian"

/* ---- soft_tpm.c ---- */
struct soft_tpm {
	struct fake_tpm tpm;	/* the attestation key */
	EVP_PKEY *ek;
	uint8_t ek_area[HF_ATTEST_MAX];
	struct hf_span ek_public;
	struct hf_ek ek_parsed;
};
void soft_tpm_make(struct soft_tpm *t, const char *seed, unsigned host);
void soft_tpm_drop(struct soft_tpm *t);
/* TPM2_ActivateCredential; false: it is not for this TPM and this key. */
bool soft_tpm_activate(const struct soft_tpm *t, struct hf_span credential, struct hf_span encrypted,
		       uint8_t secret[static HF_CREDENTIAL_SECRET_MAX], size_t *ret_len);

/* ---- host64.c ---- */
/* What a host does otherwise than it should: lies.c. NULL: nothing. */
struct fleet_lie;
const struct fleet_lie *fleet_lie_find(const char *name);
bool fleet_lie_is(const struct fleet_lie *lie, const char *name);

struct maker {		/* one for each thread */
	const struct fleet_lie *lie;
	struct fixture *fx;
	struct made m;
	struct hf_measurement *serial;
	char serial_text[32];
	struct hf_span payloads[FLEET_PARTS];	/* of PART events, but the first's */
	uint8_t claims[1 << 18];
	struct hf_digest images[3];	/* of the tenant that a ticket must name */
};
struct maker *maker_new(void);
void maker_drop(struct maker *k);
void fleet_serial(unsigned host, char out[static 32]);
/* The evidence of one boot into k->m.e, complete. */
void maker_boot(struct maker *k, struct soft_tpm *t, unsigned host, struct hf_span boot_key,
		struct hf_span nonce);
/* What lies.c builds on, and where it steps in. */
void maker_parts(struct maker *k);
struct hf_span maker_payload(const struct hf_part *part, uint8_t *buf, size_t cap);
void lie_before(struct maker *k, struct boot_case *c);
void lie_before_quote(struct maker *k, const struct boot_case *c);
void lie_after_quote(struct maker *k);
void lie_about_key(const struct fleet_lie *lie, struct soft_tpm *t);
/* CAP and a quote over it, for a ticket: the body of a receipt. */
void maker_receipt(struct maker *k, struct soft_tpm *t, struct hf_span ticket, struct hf_writer *body);

/* ---- client.c ---- */
struct client {
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
	const char *host, *port;	/* of the URL it is connected to */
	uint8_t *in;			/* HF_WIRE_REPLY_MAX + headers */
	unsigned long handshakes;
};
struct boot_identity {	/* ephemeral: one boot's */
	EVP_PKEY *key;
	X509 *cert;
	uint8_t spki[128];
	struct hf_span spki_span;
	struct hf_digest id;
};
void identity_make(struct boot_identity *b);
void identity_drop(struct boot_identity *b);
void client_make(struct client *c, const char *ca);
void client_drop(struct client *c);
void client_close(struct client *c);
/* false: no connection. identity NULL: without a client certificate. */
bool client_connect(struct client *c, const char *url, const struct boot_identity *identity);
/* 0: the connection broke; else the HTTP status. */
unsigned client_ask(struct client *c, const char *method, const char *path, const char *type,
		    const char *authorization, struct hf_span body, struct hf_span *ret);

#endif
