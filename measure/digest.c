/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "measure/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>

/* Several algorithms take turns over pieces that stay in the cache. */
#define PIECE (64u << 10)

static const struct alg_row {
	const char *name, *fetch;
	size_t size;
	uint16_t tpm_id;
} algs[HF_ALG_COUNT] = {
	[HF_ALG_SHA1] = { "sha1", "SHA1", 20, 0x0004 },
	[HF_ALG_SHA256] = { "sha256", "SHA256", 32, 0x000b },
	[HF_ALG_SHA384] = { "sha384", "SHA384", 48, 0x000c },
	[HF_ALG_SHA512] = { "sha512", "SHA512", 64, 0x000d },
	[HF_ALG_SM3] = { "sm3", "SM3", 32, 0x0012 },
};

/* Fetched once per process and never freed: fetching costs more than a small digest. */
static EVP_MD *fetched[HF_ALG_COUNT];
static once_flag fetched_once = ONCE_FLAG_INIT;
static _Thread_local EVP_MD_CTX *one_shot[HF_ALG_COUNT];
static tss_t one_shot_end;	/* a server's threads come and go: each takes its own with it */
static bool ends;

static void free_one_shot(void *of)
{
	EVP_MD_CTX **contexts = of;

	for (size_t i = 0; i < HF_ALG_COUNT; i++) {
		EVP_MD_CTX_free(contexts[i]);
		contexts[i] = NULL;
	}
}

static void fetch_all(void)
{
	ends = tss_create(&one_shot_end, free_one_shot) == thrd_success;
	for (size_t i = 0; i < HF_ALG_COUNT; i++)
		fetched[i] = EVP_MD_fetch(NULL, algs[i].fetch, NULL);
}

size_t hf_alg_size(enum hf_alg alg)
{
	return (size_t)alg < HF_ALG_COUNT ? algs[alg].size : 0;
}

const char *hf_alg_name(enum hf_alg alg)
{
	return (size_t)alg < HF_ALG_COUNT ? algs[alg].name : "unknown";
}

uint16_t hf_alg_tpm_id(enum hf_alg alg)
{
	return (size_t)alg < HF_ALG_COUNT ? algs[alg].tpm_id : 0;
}

bool hf_alg_from_tpm_id(uint16_t id, enum hf_alg *ret)
{
	for (size_t i = 0; i < HF_ALG_COUNT; i++) {
		if (algs[i].tpm_id != id)
			continue;
		*ret = (enum hf_alg)i;
		return true;
	}
	return false;
}

bool hf_alg_from_name(const char *name, enum hf_alg *ret)
{
	for (size_t i = 0; i < HF_ALG_COUNT; i++) {
		if (strcmp(algs[i].name, name) != 0)
			continue;
		*ret = (enum hf_alg)i;
		return true;
	}
	return false;
}

bool hf_digest_equal(const struct hf_digest *a, const struct hf_digest *b)
{
	size_t size = hf_alg_size(a->alg);

	return a->alg == b->alg && size && memcmp(a->bytes, b->bytes, size) == 0;
}

void hf_digest_hex(const struct hf_digest *digest, char out[static 2 * HF_DIGEST_MAX + 1])
{
	static const char hex[] = "0123456789abcdef";
	size_t size = hf_alg_size(digest->alg);

	for (size_t i = 0; i < size; i++) {
		out[2 * i] = hex[digest->bytes[i] >> 4];
		out[2 * i + 1] = hex[digest->bytes[i] & 15];
	}
	out[2 * size] = '\0';
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool hf_digest_from_hex(enum hf_alg alg, const char *hex, struct hf_digest *ret)
{
	struct hf_digest digest = { .alg = alg };
	size_t size = hf_alg_size(alg);

	if (!size || strlen(hex) != 2 * size)
		return false;
	for (size_t i = 0; i < size; i++) {
		int high = nibble(hex[2 * i]), low = nibble(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		digest.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*ret = digest;
	return true;
}

static enum hf_err context_new(enum hf_alg alg, EVP_MD_CTX **ret)
{
	EVP_MD_CTX *context;

	if ((size_t)alg >= HF_ALG_COUNT)
		return HF_ERR_INTERNAL;
	call_once(&fetched_once, fetch_all);
	if (!fetched[alg])
		return HF_ERR_BANK_UNSUPPORTED;
	context = EVP_MD_CTX_new();
	if (!context)
		return HF_ERR_NO_MEMORY;
	if (EVP_DigestInit_ex2(context, fetched[alg], NULL) != 1) {
		EVP_MD_CTX_free(context);
		return HF_ERR_INTERNAL;
	}
	*ret = context;
	return HF_OK;
}

static enum hf_err context_final(EVP_MD_CTX *context, enum hf_alg alg, struct hf_digest *ret)
{
	struct hf_digest digest = { .alg = alg };
	unsigned size = 0;

	if (EVP_DigestFinal_ex(context, digest.bytes, &size) != 1 || size != hf_alg_size(alg))
		return HF_ERR_INTERNAL;
	*ret = digest;
	return HF_OK;
}

enum hf_err hf_digest2(enum hf_alg alg, struct hf_span a, struct hf_span b, struct hf_digest *ret)
{
	EVP_MD_CTX *context;

	if ((size_t)alg >= HF_ALG_COUNT)
		return HF_ERR_INTERNAL;
	if (!one_shot[alg]) {
		enum hf_err err = context_new(alg, &one_shot[alg]);

		if (err)
			return err;
		if (ends)
			tss_set(one_shot_end, one_shot);
	} else if (EVP_DigestInit_ex2(one_shot[alg], NULL, NULL) != 1) {
		return HF_ERR_INTERNAL;
	}
	context = one_shot[alg];
	if (EVP_DigestUpdate(context, a.ptr, a.len) != 1 ||
	    EVP_DigestUpdate(context, b.ptr, b.len) != 1)
		return HF_ERR_INTERNAL;
	return context_final(context, alg, ret);
}

enum hf_err hf_digest(enum hf_alg alg, struct hf_span in, struct hf_digest *ret)
{
	return hf_digest2(alg, in, (struct hf_span){ 0 }, ret);
}

enum hf_err hf_digest_warm(void)
{
	struct hf_digest digest;
	enum hf_err err = HF_OK;

	tzset();	/* opens a file at its first use, and a certificate's dates use it */
	for (enum hf_alg alg = 0; alg < HF_ALG_COUNT && !err; alg++)
		err = hf_digest(alg, hf_span_text("warm"), &digest);
	return err;
}

struct hf_hasher {
	EVP_MD_CTX *contexts[HF_ALG_COUNT];	/* NULL: not asked for */
	enum hf_err err;	/* the first failure spoils the digest that is under way */
};

enum hf_err hf_hasher_new(uint32_t alg_mask, struct hf_hasher **ret)
{
	struct hf_hasher *hasher;

	if (!alg_mask || alg_mask >> HF_ALG_COUNT)
		return HF_ERR_INTERNAL;
	hasher = calloc(1, sizeof(*hasher));
	if (!hasher)
		return HF_ERR_NO_MEMORY;
	for (size_t i = 0; i < HF_ALG_COUNT; i++) {
		enum hf_err err;

		if (!(alg_mask & HF_ALG_MASK(i)))
			continue;
		err = context_new((enum hf_alg)i, &hasher->contexts[i]);
		if (err) {
			hf_hasher_free(hasher);
			return err;
		}
	}
	*ret = hasher;
	return HF_OK;
}

enum hf_err hf_hasher_update(struct hf_hasher *hasher, struct hf_span in)
{
	for (size_t pos = 0; pos < in.len && !hasher->err; pos += PIECE) {
		size_t n = in.len - pos < PIECE ? in.len - pos : PIECE;

		for (size_t i = 0; i < HF_ALG_COUNT; i++)
			if (hasher->contexts[i] &&
			    EVP_DigestUpdate(hasher->contexts[i], in.ptr + pos, n) != 1)
				hasher->err = HF_ERR_INTERNAL;
	}
	return hasher->err;
}

enum hf_err hf_hasher_final(struct hf_hasher *hasher, struct hf_digest *ret, size_t *ret_count)
{
	struct hf_digest digests[HF_ALG_COUNT];
	enum hf_err err = hasher->err;
	size_t count = 0;

	hasher->err = HF_OK;
	for (size_t i = 0; i < HF_ALG_COUNT; i++) {
		EVP_MD_CTX *context = hasher->contexts[i];

		if (!context)
			continue;
		if (!err)
			err = context_final(context, (enum hf_alg)i, &digests[count]);
		count++;
		if (EVP_DigestInit_ex2(context, NULL, NULL) != 1)
			hasher->err = HF_ERR_INTERNAL;
	}
	if (err)
		return err;
	memcpy(ret, digests, count * sizeof(digests[0]));
	*ret_count = count;
	return HF_OK;
}

void hf_hasher_free(struct hf_hasher *hasher)
{
	if (!hasher)
		return;
	for (size_t i = 0; i < HF_ALG_COUNT; i++)
		EVP_MD_CTX_free(hasher->contexts[i]);
	free(hasher);
}
