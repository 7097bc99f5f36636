/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/server/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION 1
#define NONCE 12
#define TAG 16
#define KEY_FILE_MAX 128	/* bytes */
#define SECRET_MAX (1u << 20)

void hf_seal_wipe(void *bytes, size_t len)
{
	OPENSSL_cleanse(bytes, len);
}

/* ---- the key's file ---- */

static int hex_digit(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ?
	       c - 'A' + 10 : -1;
}

static bool parse_key(const uint8_t *in, size_t len, struct hf_seal_key *ret)
{
	if (len == HF_SEAL_KEY) {
		memcpy(ret->bytes, in, len);
		return true;
	}
	while (len && (in[len - 1] == '\n' || in[len - 1] == '\r'))
		len--;
	if (len != 2 * HF_SEAL_KEY)
		return false;
	for (size_t i = 0; i < HF_SEAL_KEY; i++) {
		int high = hex_digit(in[2 * i]), low = hex_digit(in[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		ret->bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static enum hf_err read_key(int fd, const char *path, struct hf_seal_key *ret, struct hf_fault *fault)
{
	uint8_t text[KEY_FILE_MAX];
	struct hf_seal_key key;
	struct stat st;
	ssize_t n;
	bool good;

	if (fstat(fd, &st) < 0)
		return hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, path);
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return hf_fail(fault, HF_ERR_KEY_INVALID, path, "others may read it: chmod 600");
	n = read(fd, text, sizeof(text));
	if (n < 0)
		return hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, path);
	good = parse_key(text, (size_t)n, &key);
	if (good)
		*ret = key;
	hf_seal_wipe(text, sizeof(text));
	hf_seal_wipe(&key, sizeof(key));
	return good ? HF_OK :
	       hf_fail(fault, HF_ERR_KEY_INVALID, path, "%zd bytes: not a key of 64 hex digits (openssl rand -hex 32)", n);
}

enum hf_err hf_seal_key_read(const char *path, struct hf_seal_key *ret, struct hf_fault *fault)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	enum hf_err err;

	if (fd < 0)
		return hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, path);
	err = read_key(fd, path, ret, fault);
	close(fd);
	return err;
}

/* ---- AES-256-GCM ---- */

/* What is authenticated beside the secret: two hosts, or host and reclaim, cannot be read as one. */
static bool add_names(EVP_CIPHER_CTX *ctx, const char *host, struct hf_span reclaim)
{
	uint8_t len[8];
	struct hf_writer w = { .buf = len, .cap = sizeof(len) };
	int n;

	hf_put_be(&w, strlen(host), 8);
	return reclaim.len && reclaim.len < SECRET_MAX && strlen(host) < SECRET_MAX &&
	       EVP_CipherUpdate(ctx, NULL, &n, len, sizeof(len)) == 1 &&
	       EVP_CipherUpdate(ctx, NULL, &n, (const uint8_t *)host, (int)strlen(host)) == 1 &&
	       EVP_CipherUpdate(ctx, NULL, &n, reclaim.ptr, (int)reclaim.len) == 1;
}

static bool seal(EVP_CIPHER_CTX *ctx, const struct hf_seal_key *key, const char *host, struct hf_span reclaim,
		 struct hf_span secret, struct hf_writer *w)
{
	uint8_t *out = w->buf + w->len;
	int n = 0, last = 0;

	*out = VERSION;
	if (RAND_bytes(out + 1, NONCE) != 1 ||
	    EVP_EncryptInit_ex2(ctx, EVP_aes_256_gcm(), key->bytes, out + 1, NULL) != 1 ||
	    !add_names(ctx, host, reclaim) ||
	    EVP_EncryptUpdate(ctx, out + 1 + NONCE, &n, secret.ptr, (int)secret.len) != 1 ||
	    EVP_EncryptFinal_ex(ctx, out + 1 + NONCE + n, &last) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG, out + 1 + NONCE + secret.len) != 1)
		return false;
	w->len += secret.len + HF_SEAL_OVERHEAD;
	return true;
}

enum hf_err hf_seal(const struct hf_seal_key *key, const char *host, struct hf_span reclaim, struct hf_span secret,
		    struct hf_writer *w)
{
	EVP_CIPHER_CTX *ctx;
	enum hf_err err;

	if (!secret.len || secret.len > SECRET_MAX || w->full || secret.len + HF_SEAL_OVERHEAD > w->cap - w->len)
		return HF_ERR_LIMIT;
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx)
		return HF_ERR_NO_MEMORY;
	err = seal(ctx, key, host, reclaim, secret, w) ? HF_OK : HF_ERR_INTERNAL;
	EVP_CIPHER_CTX_free(ctx);
	return err;
}

static bool unseal(EVP_CIPHER_CTX *ctx, const struct hf_seal_key *key, const char *host, struct hf_span reclaim,
		   struct hf_span sealed, uint8_t *out)
{
	size_t len = sealed.len - HF_SEAL_OVERHEAD;
	uint8_t tag[TAG];
	int n = 0, last = 0;

	memcpy(tag, sealed.ptr + 1 + NONCE + len, TAG);
	return EVP_DecryptInit_ex2(ctx, EVP_aes_256_gcm(), key->bytes, sealed.ptr + 1, NULL) == 1 &&
	       add_names(ctx, host, reclaim) &&
	       EVP_DecryptUpdate(ctx, out, &n, sealed.ptr + 1 + NONCE, (int)len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG, tag) == 1 &&
	       EVP_DecryptFinal_ex(ctx, out + n, &last) == 1;
}

enum hf_err hf_seal_open(const struct hf_seal_key *key, const char *host, struct hf_span reclaim, struct hf_span sealed,
			 struct hf_writer *w)
{
	EVP_CIPHER_CTX *ctx;
	size_t len = sealed.len - HF_SEAL_OVERHEAD;
	bool good;

	if (sealed.len <= HF_SEAL_OVERHEAD || len > SECRET_MAX || sealed.ptr[0] != VERSION)
		return HF_ERR_SIGNATURE_INVALID;
	if (w->full || len > w->cap - w->len)
		return HF_ERR_LIMIT;
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx)
		return HF_ERR_NO_MEMORY;
	good = unseal(ctx, key, host, reclaim, sealed, w->buf + w->len);
	EVP_CIPHER_CTX_free(ctx);
	if (!good) {	/* what was decrypted before the tag was looked at goes nowhere */
		hf_seal_wipe(w->buf + w->len, len);
		return HF_ERR_SIGNATURE_INVALID;
	}
	w->len += len;
	return HF_OK;
}

enum hf_err hf_seal_hmac(struct hf_span key, struct hf_span message, struct hf_digest *ret)
{
	struct hf_digest out = { .alg = HF_ALG_SHA256 };
	unsigned len = 0;

	if (key.len > INT32_MAX || !HMAC(EVP_sha256(), key.ptr, (int)key.len, message.ptr, message.len, out.bytes, &len) ||
	    len != 32)
		return HF_ERR_INTERNAL;
	*ret = out;
	return HF_OK;
}
