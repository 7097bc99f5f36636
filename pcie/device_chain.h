/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/device_chain.h: the certificates that a device shows (SPDM certificate chain, DICE
 * layers), what they say of it, and whether they lead to an anchor. [edge: libcrypto]
 *
 * Hostile bytes: parse them in a process that can be abandoned.
 */
#ifndef HF_PCIE_DEVICE_CHAIN_H
#define HF_PCIE_DEVICE_CHAIN_H

#include "measure/arena.h"
#include "measure/claim.h"

#define HF_DEVICE_CERTIFICATES_MAX 64	/* in one chain (long chains of the DMTF's samples: 50) */
#define HF_DEVICE_CERTIFICATE_MAX 16384	/* bytes of one */
#define HF_DICE_LAYERS_MAX 16
#define HF_SAN_MAX 256

struct evp_pkey_st;
struct x509_st;
struct hf_device_chain;

/* DER certificates one behind the other, root (or what stands nearest to it) first, leaf last.
 * HF_ERR_DEVICE_CHAIN: not that; one is not signed by the one before; a CA that is none, a leaf
 * that may not sign (key usage, basic constraints); a key or digest that is too weak. Dates are
 * not looked at. ret_why (may be NULL): a few words, static. */
enum hf_err hf_device_chain_parse(struct hf_span certificates, struct hf_device_chain **ret,
				  const char **ret_why) HF_MUST_USE;
/* The same from PEM, in either order (NVIDIA's tools write the leaf first). */
enum hf_err hf_device_chain_parse_pem(struct hf_span pem, struct hf_device_chain **ret,
				      const char **ret_why) HF_MUST_USE;
void hf_device_chain_free(struct hf_device_chain *chain);
size_t hf_device_chain_count(const struct hf_device_chain *chain);
/* i 0: the first. Borrowed DER. */
struct hf_span hf_device_chain_certificate(const struct hf_device_chain *chain, size_t i);
/* SHA-256 of its SubjectPublicKeyInfo, as lists of revocations name keys. */
enum hf_err hf_device_chain_key_id(const struct hf_device_chain *chain, size_t i,
				   uint8_t ret[static 32]) HF_MUST_USE;
bool hf_device_chain_has_root(const struct hf_device_chain *chain);	/* the first signs itself */
const struct evp_pkey_st *hf_device_chain_leaf_key(const struct hf_device_chain *chain);

struct hf_device_certificate {	/* for people; texts are printable, cut to fit */
	char subject[128], issuer[128], serial[48];
	char not_before[24], not_after[24];	/* "2023-04-03T05:54:43Z"; "9999-12-31T23:59:59Z": no end */
	char key[24];		/* "ecdsa-p384", "rsa-3072", "ed25519" */
	bool self_signed, ca;
};
void hf_device_certificate_describe(const struct hf_device_chain *chain, size_t i,
				    struct hf_device_certificate *ret);

enum hf_device_binding {
	HF_DEVICE_UNBOUND,	/* the leaf does not say which device it is of */
	HF_DEVICE_BOUND,	/* it says, and it is this one */
	HF_DEVICE_OTHER,	/* it says, and it is another */
};
/* The leaf's subjectAltName of type 2.23.147 (PCIe base 6.0, 6.31.3) against config space, all
 * fields and, where config space has one, the serial number. A name of another device in a
 * certificate above it is OTHER too. san: what decides, printable; "" none. */
enum hf_device_binding hf_device_chain_binding(const struct hf_device_chain *chain,
					       const struct hf_identity *identity,
					       char san[static HF_SAN_MAX]);

struct hf_dice_layer {		/* DICE TcbInfo, 2.23.133.5.4.1, and those of MultiTcbInfo, .5 */
	size_t certificate;	/* index */
	char vendor[64], model[64], version[64];	/* printable; "": absent */
	bool has_svn, has_layer, has_index, has_flags;
	uint64_t svn, layer, index;
	uint32_t flags;		/* notConfigured 1, notSecure 2, recovery 4, debug 8 */
	struct hf_digest fwids[4];
	size_t fwid_count;
};
struct hf_dice {
	struct hf_dice_layer layers[HF_DICE_LAYERS_MAX];
	size_t count;
	bool malformed;		/* an extension of this kind that is not of its shape, or too many */
};
void hf_device_chain_dice(const struct hf_device_chain *chain, struct hf_dice *ret);

struct hf_key;
/* Why it can be no anchor, in a few words; NULL: it can. */
const char *hf_device_root_flaw(const struct hf_key *anchor);
/* Does it lead to this anchor, a CA certificate? The anchor may be any of the chain or stand
 * above it (root absent: root_hash, by alg, has to be the anchor's then; else it has to be that
 * of the chain's own root; empty: not known, for PEM). now: seconds since 1970; 0: no clock,
 * dates are not looked at. HF_ERR_DEVICE_CHAIN_UNTRUSTED, HF_ERR_CERTIFICATE_EXPIRED, HF_ERR_DEVICE_CHAIN. */
enum hf_err hf_device_chain_verify(const struct hf_device_chain *chain, const struct hf_key *anchor,
				   struct hf_span root_hash, enum hf_alg alg, int64_t now) HF_MUST_USE;

#endif
