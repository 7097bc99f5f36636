/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a device's chain to an anchor. What stands above the anchor does not matter: whoever
 * put it there trusts it for itself. [edge: libcrypto] */
#include "pcie/device_chain_inside.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "measure/key.h"

static bool is_same(X509 *a, X509 *b)
{
	return X509_cmp(a, b) == 0;
}

/* The same authority, its certificate perhaps issued anew. */
static bool is_same_authority(X509 *a, X509 *b)
{
	return X509_NAME_cmp(X509_get_subject_name(a), X509_get_subject_name(b)) == 0 &&
	       EVP_PKEY_eq(X509_get0_pubkey(a), X509_get0_pubkey(b)) == 1;
}

/* Which of the chain the anchor is; count: none. A first one whose signature nobody here can
 * check has to be the anchor to the byte. The leaf cannot be it. */
static size_t anchor_in(const struct hf_device_chain *chain, X509 *anchor)
{
	for (size_t i = 0; i + 1 < chain->count; i++)
		if (is_same(chain->certs[i], anchor) ||
		    ((i > 0 || chain->has_root) && is_same_authority(chain->certs[i], anchor)))
			return i;
	return chain->count;
}

static bool hash_fits(struct hf_span der, struct hf_span root_hash, enum hf_alg alg)
{
	struct hf_digest digest;

	return alg >= HF_ALG_SHA256 && alg <= HF_ALG_SHA512 &&	/* none of those that SPDM knows not */
	       root_hash.len == hf_alg_size(alg) && !hf_digest(alg, der, &digest) &&
	       memcmp(digest.bytes, root_hash.ptr, root_hash.len) == 0;
}

/* The hash in the chain's header is of the root, there or not. */
static bool anchor_hash_fits(X509 *anchor, struct hf_span root_hash, enum hf_alg alg)
{
	unsigned char *der = NULL;
	int len = i2d_X509(anchor, &der);
	bool fits = len > 0 && hash_fits((struct hf_span){ der, (size_t)len }, root_hash, alg);

	OPENSSL_free(der);
	return fits;
}

/* Days since 1970-01-01 of a day in the proleptic Gregorian calendar. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year;	/* years begin in March */
	int64_t shifted = month <= 2 ? month + 9 : month - 3;

	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * shifted + 2) / 5 + day - 719469;
}

/* The C library would look for the local time zone in a file, which a process that looks at
 * hostile certificates may not open. */
static bool seconds_of(const ASN1_TIME *when, int64_t *ret)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(when, &tm) != 1)
		return false;
	*ret = days_of(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday) * 86400 +
	       tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec;
	return true;
}

/* RFC 5280, 4.1.2.5: both ends are within. */
static enum hf_err valid_at(X509 *cert, int64_t now)
{
	int64_t from, to;

	if (now == 0)
		return HF_OK;
	return seconds_of(X509_get0_notBefore(cert), &from) && from <= now &&
	       seconds_of(X509_get0_notAfter(cert), &to) && now <= to ? HF_OK : HF_ERR_CERTIFICATE_EXPIRED;
}

static enum hf_err reach(const struct hf_device_chain *chain, X509 *anchor,
			 struct hf_span root_hash, enum hf_alg alg, size_t *ret_below)
{
	size_t at = anchor_in(chain, anchor);
	bool above = at == chain->count;

	if (chain->has_root && root_hash.len && !hash_fits(chain->der[0], root_hash, alg))
		return HF_ERR_DEVICE_CHAIN;
	if (above && (chain->has_root || hf_device_link_flaw(anchor, chain->certs[0])))
		return HF_ERR_DEVICE_CHAIN_UNTRUSTED;
	if (above && root_hash.len && !anchor_hash_fits(anchor, root_hash, alg))
		return HF_ERR_DEVICE_CHAIN_UNTRUSTED;
	*ret_below = above ? 0 : at + 1;
	return HF_OK;
}

const char *hf_device_root_flaw(const struct hf_key *key)
{
	return !key->cert || !key->ca ? "not a certificate that may sign others"
				      : hf_device_cert_flaw(key->cert, false);
}

enum hf_err hf_device_chain_verify(const struct hf_device_chain *chain, const struct hf_key *key,
				   struct hf_span root_hash, enum hf_alg alg, int64_t now)
{
	X509 *anchor = key->cert;
	size_t below = 0;
	enum hf_err err;

	if (hf_device_root_flaw(key))
		return HF_ERR_DEVICE_CHAIN_UNTRUSTED;
	err = reach(chain, anchor, root_hash, alg, &below);
	if (!err && !hf_device_path_fits_under(anchor, chain->certs + below, chain->count - below))
		err = HF_ERR_DEVICE_CHAIN_UNTRUSTED;
	if (!err)
		err = valid_at(anchor, now);
	for (size_t i = below; i < chain->count && !err; i++)
		err = valid_at(chain->certs[i], now);
	return err;
}
