/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Manufacturers' certificates from a folder, as they are published: some thousand files, or all in
 * one. [edge: files, libcrypto] */
#include "controller/server/ek_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "measure/file.h"

#define FILE_MAX (16u << 20)	/* bytes */
#define FOLDERS_MAX 8		/* one within the other */

/* ---- one certificate ---- */

/* Takes cert over. */
static enum hf_err add(struct hf_ek_roots *roots, X509 *cert, struct hf_fault *fault)
{
	bool root;

	if (roots->count == HF_EK_ROOTS_MAX) {
		X509_free(cert);
		return hf_fail(fault, HF_ERR_LIMIT, NULL, "more than %u certificates", HF_EK_ROOTS_MAX);
	}
	if (roots->count == roots->cap) {
		size_t cap = roots->cap ? 2 * roots->cap : 256;
		struct hf_ek_ca *more = reallocarray(roots->cas, cap, sizeof(*more));

		if (!more) {
			X509_free(cert);
			return hf_fail(fault, HF_ERR_NO_MEMORY, NULL, "certificates");
		}
		roots->cas = more;
		roots->cap = cap;
	}
	root = X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)) == 0 &&
	       X509_verify(cert, X509_get0_pubkey(cert)) == 1;
	roots->cas[roots->count++] = (struct hf_ek_ca){ .cert = cert, .root = root,
		.subject = X509_NAME_hash_ex(X509_get_subject_name(cert), NULL, NULL, NULL) };
	return HF_OK;
}

static void note_unread(struct hf_ek_roots *roots, const char *path)
{
	if (roots->unread_count < HF_EK_UNREAD_MAX)
		roots->unread[roots->unread_count] = strdup(path);
	if (roots->unread_count < HF_EK_UNREAD_MAX && roots->unread[roots->unread_count])
		roots->unread_count++;
}

static X509 *from_der(struct hf_span der)
{
	const unsigned char *p = der.ptr;

	return d2i_X509(NULL, &p, (long)der.len);
}

static enum hf_err read_pem(struct hf_ek_roots *roots, struct hf_span text, const char *path,
			    struct hf_fault *fault)
{
	BIO *bio = BIO_new_mem_buf(text.ptr, (int)text.len);
	unsigned char *data = NULL;
	char *name = NULL, *header = NULL;
	enum hf_err err = bio ? HF_OK : hf_fail(fault, HF_ERR_NO_MEMORY, path, "certificates");
	size_t seen = 0;
	long len;

	while (!err && PEM_read_bio(bio, &name, &header, &data, &len) == 1) {
		X509 *cert = NULL;
		bool wanted = strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_OLD) == 0;

		if (wanted)
			cert = from_der((struct hf_span){ data, (size_t)len });
		if (cert)
			err = add(roots, cert, fault);
		else if (wanted)
			note_unread(roots, path);
		seen += wanted;
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(data);
	}
	if (!err && !seen)
		note_unread(roots, path);
	BIO_free(bio);
	return err;
}

static enum hf_err read_bytes(struct hf_ek_roots *roots, struct hf_span bytes, const char *path,
			      struct hf_fault *fault)
{
	X509 *cert;

	if (memmem(bytes.ptr, bytes.len, "-----BEGIN ", 11))
		return read_pem(roots, bytes, path, fault);
	if (bytes.len < 2 || bytes.ptr[0] != 0x30)	/* a licence, a list, whatever */
		return HF_OK;
	cert = from_der(bytes);
	if (cert)
		return add(roots, cert, fault);
	note_unread(roots, path);
	return HF_OK;
}

/* ---- a folder ---- */

static enum hf_err walk(struct hf_ek_roots *roots, const char *dir, unsigned depth, struct hf_fault *fault);

static enum hf_err read_entry(struct hf_ek_roots *roots, const char *path, unsigned depth,
			      struct hf_fault *fault)
{
	struct hf_arena arena;
	struct hf_span bytes;
	struct stat st;
	enum hf_err err;

	if (stat(path, &st) != 0)
		return hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, path);
	if (S_ISDIR(st.st_mode))
		return walk(roots, path, depth + 1, fault);
	if (!S_ISREG(st.st_mode))
		return HF_OK;
	err = hf_arena_make(FILE_MAX + 4096u, &arena);
	if (err)
		return hf_fail(fault, err, path, "certificates");
	err = hf_file_read(AT_FDCWD, path, FILE_MAX, &arena, &bytes, fault);
	if (!err)
		err = read_bytes(roots, bytes, path, fault);
	hf_arena_drop(&arena);
	return err;
}

static enum hf_err walk(struct hf_ek_roots *roots, const char *dir, unsigned depth, struct hf_fault *fault)
{
	enum hf_err err = HF_OK;
	struct dirent *entry;
	DIR *handle;

	if (depth == FOLDERS_MAX)
		return hf_fail(fault, HF_ERR_LIMIT, dir, "more than %d folders within each other", FOLDERS_MAX);
	handle = opendir(dir);
	if (!handle)
		return hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, dir);
	while (!err && (entry = readdir(handle))) {
		char path[PATH_MAX];
		int len;

		if (entry->d_name[0] == '.')
			continue;
		len = snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		err = len < 0 || (size_t)len >= sizeof(path) ?
			hf_fail(fault, HF_ERR_LIMIT, dir, "a path is too long") :
			read_entry(roots, path, depth, fault);
	}
	closedir(handle);
	return err;
}

/* ---- sorted, and each once ---- */

static int by_subject(const void *a, const void *b)
{
	const struct hf_ek_ca *x = a, *y = b;

	if (x->subject != y->subject)
		return x->subject < y->subject ? -1 : 1;
	return X509_cmp(x->cert, y->cert);
}

static void drop_duplicates(struct hf_ek_roots *roots)
{
	size_t kept = 0;

	if (roots->count)	/* qsort takes no NULL */
		qsort(roots->cas, roots->count, sizeof(*roots->cas), by_subject);
	for (size_t i = 0; i < roots->count; i++) {
		if (kept && by_subject(&roots->cas[kept - 1], &roots->cas[i]) == 0)
			X509_free(roots->cas[i].cert);
		else
			roots->cas[kept++] = roots->cas[i];
	}
	roots->count = kept;
}

size_t hf_ek_issuers(const struct hf_ek_roots *roots, X509 *cert, const struct hf_ek_ca **ret)
{
	unsigned long name = X509_NAME_hash_ex(X509_get_issuer_name(cert), NULL, NULL, NULL);
	size_t low = 0, high = roots->count, n = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (roots->cas[middle].subject < name)
			low = middle + 1;
		else
			high = middle;
	}
	*ret = &roots->cas[low];
	while (low + n < roots->count && roots->cas[low + n].subject == name)
		n++;
	return n;
}

enum hf_err hf_ek_roots_read(const char *dir, struct hf_ek_roots **ret, size_t *ret_count, struct hf_fault *fault)
{
	struct hf_ek_roots *roots = calloc(1, sizeof(*roots));
	enum hf_err err;

	if (!roots)
		return hf_fail(fault, HF_ERR_NO_MEMORY, dir, "certificates");
	err = walk(roots, dir, 0, fault);
	ERR_clear_error();
	drop_duplicates(roots);
	if (!err && roots->count == 0)
		err = hf_fail(fault, HF_ERR_FILE_UNREADABLE, dir, "no certificate is in it");
	if (err) {
		hf_ek_roots_free(roots);
		return err;
	}
	*ret = roots;
	*ret_count = roots->count;
	return HF_OK;
}

void hf_ek_roots_free(struct hf_ek_roots *roots)
{
	if (!roots)
		return;
	for (size_t i = 0; i < roots->count; i++)
		X509_free(roots->cas[i].cert);
	for (size_t i = 0; i < roots->unread_count; i++)
		free(roots->unread[i]);
	free(roots->cas);
	free(roots);
}

size_t hf_ek_roots_lint(const struct hf_ek_roots *roots, hf_ek_lint tell, void *self)
{
	size_t count = 0;

	for (size_t i = 0; i < roots->unread_count; i++, count++)
		tell(self, roots->unread[i], "there is something in it that is no certificate");
	for (size_t i = 0; i < roots->count; i++) {
		char name[128], why[160];

		if (roots->cas[i].root || hf_ek_leads_to_root(roots, roots->cas[i].cert, NULL, why, sizeof(why)))
			continue;
		hf_ek_name(X509_get_subject_name(roots->cas[i].cert), name, sizeof(name));
		tell(self, name, why);
		count++;
	}
	return count;
}
