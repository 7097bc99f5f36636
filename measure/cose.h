/* SPDX-License-Identifier: GPL-3.0-or-later */
/* measure/cose.h: COSE_Sign1 (RFC 9052) over CoRIM and tickets. Sole includer of
 * libcrypto's signature interface beside measure/attest.
 *
 * Nothing inside the payload may be looked at before hf_cose_verify said HF_OK.
 */
#ifndef HF_MEASURE_COSE_H
#define HF_MEASURE_COSE_H

#include "measure/cbor.h"
#include "measure/digest.h"

#define HF_COSE_MAX (8u << 20)	/* bytes of one signed file */
#define HF_KEY_ID 32		/* SHA-256 of the SubjectPublicKeyInfo DER */

enum hf_cose_alg {	/* IANA COSE algorithms */
	HF_COSE_ES256 = -7, HF_COSE_ES384 = -35, HF_COSE_ES512 = -36,
	HF_COSE_EDDSA = -8, HF_COSE_PS256 = -37, HF_COSE_PS384 = -38,
};

struct hf_key;	/* a public or private key */
/* One unencrypted PEM block PUBLIC KEY or PRIVATE KEY; never asks for a passphrase. */
enum hf_err hf_key_read_pem(struct hf_span pem, bool private_key, struct hf_key **ret) HF_MUST_USE;
/* A private key in a token, by its PKCS#11 URI (RFC 7512), through OpenSSL's provider or
 * engine "pkcs11", whichever is installed. Asks nothing: the PIN is in the URI (pin-source,
 * pin-value). detail: what OpenSSL said. Not there at all: HF_ERR_KEY_TOKEN. */
enum hf_err hf_key_read_token(const char *uri, struct hf_key **ret, char *detail,
			      size_t cap) HF_MUST_USE;
/* As JSON Web Signature calls it (RFC 7518, 3.1; RFC 8037); NULL: not among those that we write. */
const char *hf_cose_jws_name(enum hf_cose_alg alg);
enum hf_err hf_key_generate(enum hf_cose_alg alg, struct hf_key **ret) HF_MUST_USE;
enum hf_err hf_key_write_pem(const struct hf_key *key, bool private_key, struct hf_writer *w) HF_MUST_USE;
/* What an anchor file holds: PUBLIC KEY, or CERTIFICATE. A certificate that may sign others
 * (CA:TRUE, key usage keyCertSign) is an anchor of chains and verifies no message by itself;
 * any other stands for its key. Elsewhere unusable: HF_ERR_KEY_INVALID. */
enum hf_err hf_key_read_anchor(struct hf_span pem, struct hf_key **ret) HF_MUST_USE;
/* A root of devices' certificates: a CERTIFICATE that may sign others. Those that say nothing
 * of key usage are good too, as the DMTF's are. Never for who signs manifests. */
enum hf_err hf_key_read_device_root(struct hf_span pem, struct hf_key **ret) HF_MUST_USE;
bool hf_key_is_ca(const struct hf_key *key);
/* A certificate's own time; now 0: no clock, not checked. HF_ERR_CERTIFICATE_EXPIRED. */
enum hf_err hf_key_valid_at(const struct hf_key *key, int64_t now) HF_MUST_USE;
/* x5chain: the encoded header parameter 33 (RFC 9360): leaf first. The leaf's key, if every
 * certificate up to the anchor, which is_ca, verifies offline. The leaf is no CA and its
 * key usage has digitalSignature. HF_ERR_CERTIFICATE_CHAIN or HF_ERR_CERTIFICATE_EXPIRED. */
enum hf_err hf_chain_verify(const struct hf_key *anchor, struct hf_span x5chain, int64_t now,
			    struct hf_key **ret) HF_MUST_USE;
int64_t hf_key_until(const struct hf_key *key);	/* when its certificate ends; 0: it has none */
void hf_key_free(struct hf_key *key);
void hf_key_id(const struct hf_key *key, uint8_t ret[static HF_KEY_ID]);
enum hf_cose_alg hf_key_alg(const struct hf_key *key);	/* what this key signs with */
bool hf_key_fits(const struct hf_key *key, enum hf_cose_alg alg);	/* could it verify alg? */

struct hf_cose {	/* parsed, not yet verified; borrows from the input */
	struct hf_span protected_header, payload, signature;
	enum hf_cose_alg alg;
	struct hf_span content_type;	/* text; empty when absent */
	struct hf_span kid;		/* empty when absent */
	struct hf_span meta;		/* header 8, corim-meta, encoded; empty when absent */
	struct hf_span cwt;		/* header 15, encoded; empty when absent */
	struct hf_span x5chain;		/* header 33, encoded; empty when absent */
	bool hash_envelope;		/* RFC 9995: the payload is only a digest */
	int64_t hash_alg;		/* of what; then content_type is what the digest is of */
	bool multi;			/* one signature of a COSE_Sign: sign_protected is its own */
	struct hf_span sign_protected;
};
/* #6.18([protected, unprotected, payload, signature]); strict, no trailing bytes. Another
 * shape: HF_ERR_COSE_SHAPE; no protected algorithm, or an unknown or unprotected one:
 * HF_ERR_COSE_ALGORITHM; a critical header: HF_ERR_MANIFEST_UNKNOWN_CRITICAL. */
enum hf_err hf_cose_parse(struct hf_span in, struct hf_cose *ret) HF_MUST_USE;
/* Algorithm and key do not fit: HF_ERR_COSE_ALGORITHM; else HF_ERR_SIGNATURE_INVALID. */
enum hf_err hf_cose_verify(const struct hf_cose *cose, const struct hf_key *key) HF_MUST_USE;

/* With a private key for ES256, ES384, ES512 or EdDSA. content_type and signer (the name
 * in corim-meta) may be NULL: no such header. Writes the whole tagged message. */
enum hf_err hf_cose_sign(const struct hf_key *key, const char *content_type, const char *signer,
			 struct hf_span payload, struct hf_writer *w) HF_MUST_USE;

/* The signature alone, over the message as it is: ECDSA as r || s, as JWS has it too (RFC 7518).
 * HF_ERR_KEY_INVALID: no private key; HF_ERR_LIMIT: no room. */
enum hf_err hf_key_sign(const struct hf_key *key, struct hf_span message, struct hf_writer *w) HF_MUST_USE;

/* Such a one, with the algorithm that is the key's own. Causes as of hf_cose_verify. */
enum hf_err hf_key_verify(const struct hf_key *key, struct hf_span message, struct hf_span signature) HF_MUST_USE;

/* ---- a signature made elsewhere, by a key of which only the public half is here ----
 * hf_cose_prepare writes what has to be signed (the Sig_structure; hf_cose_hash_name says
 * which digest of it, NULL for Ed25519), hf_cose_attach takes the signature, ECDSA as
 * r || s or in DER, and verifies what it wrote. Both need the same arguments. On failure
 * w is as before. */
enum hf_err hf_cose_prepare(const struct hf_key *key, const char *content_type,
			    const char *signer, struct hf_span payload,
			    struct hf_writer *w) HF_MUST_USE;
const char *hf_cose_hash_name(const struct hf_key *key);	/* "SHA256", ... */
enum hf_err hf_cose_attach(const struct hf_key *key, const char *content_type, const char *signer,
			   struct hf_span payload, struct hf_span signature,
			   struct hf_writer *w) HF_MUST_USE;

#endif
