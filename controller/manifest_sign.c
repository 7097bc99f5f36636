/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifest sign: with a key file, a key in a token, or a signature made elsewhere. */
#include "controller/ctl.h"
#include "controller/manifest_cmds.h"
#include "measure/file.h"

#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#define KEY_FILE_MAX (64u << 10)
#define SIGNATURE_FILE_MAX 2048
#define SIGNED_SUFFIX ".corim"
#define TOKEN_URI "pkcs11:"

static const char usage[] =
	"usage: holdfastctl manifest sign --key KEY --signer NAME IN... --out OUT\n"
	"       holdfastctl manifest sign --anchor PEM --signer NAME IN --detached-out TBS\n"
	"       holdfastctl manifest sign --anchor PEM --signer NAME IN --attach SIGNATURE\n"
	"           --out OUT\n\n"
	"IN is a JSON source or an unsigned CoRIM; OUT is the signed file, or a\n"
	"directory, which gets NAME.corim for every IN NAME.json. --signer is the name\n"
	"that the file itself gives; trust comes from the key alone.\n\n"
	"  --key FILE.key       an unencrypted PEM private key\n"
	"  --key pkcs11:URI     a key in a token, through OpenSSL's provider or engine\n"
	"                       pkcs11; the PIN by pin-source=file:... in the URI\n"
	"  --anchor PEM         the public key, where the private one is elsewhere\n"
	"  --detached-out TBS   write the bytes to be signed and print their digest\n"
	"  --attach SIGNATURE   take the signature of those bytes: r || s or DER for\n"
	"                       ECDSA; it is verified before OUT is written\n";

struct job {
	const char *key, *anchor, *signer, *out, *detached, *attach;
	struct hf_key *loaded;
	struct hf_span signature;
};

static enum hf_err read_pem(const char *path, bool private_key, struct hf_key **ret,
			    struct hf_fault *fault)
{
	struct hf_arena arena;
	struct hf_span pem;
	enum hf_err err = hf_arena_make(2 * KEY_FILE_MAX, &arena);

	if (err)
		return hf_fail(fault, err, path, "arena");
	err = hf_file_read(AT_FDCWD, path, KEY_FILE_MAX, &arena, &pem, fault);
	if (!err) {
		err = hf_key_read_pem(pem, private_key, ret);
		if (err)
			hf_fail(fault, err, path, private_key ? "want one unencrypted PEM private key"
							      : "want one PEM public key");
	}
	explicit_bzero(arena.base, arena.len);
	hf_arena_drop(&arena);
	return err;
}

static enum hf_err read_key(const struct job *job, struct hf_key **ret, struct hf_fault *fault)
{
	char detail[128] = "";
	enum hf_err err;

	if (job->anchor)
		return read_pem(job->anchor, false, ret, fault);
	if (strncmp(job->key, TOKEN_URI, strlen(TOKEN_URI)) != 0)
		return read_pem(job->key, true, ret, fault);
	err = hf_key_read_token(job->key, ret, detail, sizeof(detail));
	/* the URI may hold a PIN: it is not repeated */
	return err ? hf_fail(fault, err, "pkcs11", "%s", detail) : HF_OK;
}

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* OUT itself, or in the directory OUT the input's name with the suffix .corim. */
static enum hf_err output_path(const char *in, const char *out, char *ret, size_t cap,
			       struct hf_fault *fault)
{
	const char *slash = strrchr(in, '/');
	const char *name = slash ? slash + 1 : in;
	const char *dot = strrchr(name, '.');
	int n;

	if (is_directory(out))
		n = snprintf(ret, cap, "%s/%.*s" SIGNED_SUFFIX, out,
			     (int)(dot && dot > name ? (size_t)(dot - name) : strlen(name)), name);
	else
		n = snprintf(ret, cap, "%s", out);
	if (n < 0 || (size_t)n >= cap)
		return hf_fail(fault, HF_ERR_USAGE, in, "the path is too long");
	return HF_OK;
}

static enum hf_err sign_payload(const struct job *job, struct hf_span corim, struct hf_writer *w)
{
	struct hf_cose cose;
	enum hf_err err = hf_cose_sign(job->loaded, HF_CORIM_CONTENT_TYPE, job->signer, corim, w);

	if (!err)	/* what leaves here verifies */
		err = hf_cose_parse(hf_written(w), &cose);
	return err ? err : hf_cose_verify(&cose, job->loaded);
}

/* What has to be signed goes to a file, and what a person compares to the screen. */
static enum hf_err write_detached(const struct job *job, struct hf_span corim, struct hf_writer *w,
				  struct hf_fault *fault)
{
	const char *hash = hf_cose_hash_name(job->loaded);
	char hex[2 * HF_DIGEST_MAX + 1];
	struct hf_digest digest;
	enum hf_alg alg = HF_ALG_SHA256;
	enum hf_err err = hf_cose_prepare(job->loaded, HF_CORIM_CONTENT_TYPE, job->signer, corim, w);

	if (hash && strcmp(hash, "SHA384") == 0)
		alg = HF_ALG_SHA384;
	else if (hash && strcmp(hash, "SHA512") == 0)
		alg = HF_ALG_SHA512;
	if (!err)
		err = hf_digest(alg, hf_written(w), &digest);
	if (err)
		return hf_fail(fault, err, job->detached, "bytes to be signed");
	err = hf_file_write(AT_FDCWD, job->detached, hf_written(w), 0644, fault);
	if (err)
		return err;
	hf_digest_hex(&digest, hex);
	printf("%s  %s  %s\n", hf_alg_name(alg), hex, job->detached);
	return HF_OK;
}

static enum hf_err sign_one(const struct job *job, const char *in, struct hf_fault *fault)
{
	struct hf_manifests manifests = { 0 };
	char path[PATH_MAX] = "";
	enum hf_input_kind kind;
	struct hf_arena arena;
	struct hf_writer w = { .cap = HF_COSE_MAX };
	struct hf_span corim;
	enum hf_err err = job->out ? output_path(in, job->out, path, sizeof(path), fault) : HF_OK;

	if (err)
		return err;
	err = hf_arena_make(HF_MANIFEST_ARENA, &arena);
	if (err)
		return hf_fail(fault, err, in, "arena");
	manifests.arena = &arena;
	err = hf_input_to_corim(in, &manifests, &kind, &corim, fault);
	if (err)
		goto out;
	w.buf = hf_arena_take(&arena, w.cap);
	if (!w.buf) {
		err = hf_fail(fault, HF_ERR_LIMIT, in, "too large");
		goto out;
	}
	if (job->detached) {
		err = write_detached(job, corim, &w, fault);
		goto out;
	}
	err = job->attach ? hf_cose_attach(job->loaded, HF_CORIM_CONTENT_TYPE, job->signer, corim,
					   job->signature, &w)
			  : sign_payload(job, corim, &w);
	if (err)
		hf_fail(fault, err, in, job->attach
			? "not this key's signature of what --detached-out writes now" : "signing");
	else
		err = hf_file_write(AT_FDCWD, path, hf_written(&w), 0644, fault);
out:
	hf_arena_drop(&arena);
	return err;
}

static enum hf_err sign_all(struct job *job, int count, char **in, struct hf_fault *fault)
{
	struct hf_arena arena = { 0 };
	enum hf_err err = hf_arena_make(2 * SIGNATURE_FILE_MAX, &arena);

	if (err)
		return hf_fail(fault, err, NULL, "arena");
	if (job->attach)
		err = hf_file_read(AT_FDCWD, job->attach, SIGNATURE_FILE_MAX, &arena,
				   &job->signature, fault);
	if (!err)
		err = read_key(job, &job->loaded, fault);
	for (int i = 0; i < count && !err; i++)
		err = sign_one(job, in[i], fault);
	hf_key_free(job->loaded);
	hf_arena_drop(&arena);
	return err;
}

/* NULL, or what is wrong with this choice of options. */
static const char *problem(const struct job *job, int inputs)
{
	bool elsewhere = job->detached || job->attach;

	if (!job->signer || inputs < 1)
		return "--signer and IN are needed";
	if (!hf_name_valid(job->signer))
		return "the signer's name is 1 to 96 plain characters without a slash";
	if (job->detached && job->attach)
		return "--detached-out and --attach are two steps";
	if (elsewhere ? !job->anchor || job->key : !job->key || job->anchor)
		return elsewhere ? "--detached-out and --attach take --anchor, not --key"
				 : "--key is needed";
	if (job->detached ? job->out != NULL : !job->out)
		return job->detached ? "--detached-out writes no --out" : "--out is needed";
	if (elsewhere && inputs > 1)
		return "one IN at a time";
	if (inputs > 1 && !is_directory(job->out))
		return "--out must be a directory for several files";
	return NULL;
}

int hf_manifest_sign(int argc, char **argv)
{
	static const struct option options[] = {
		{ "key", required_argument, NULL, 'k' },
		{ "anchor", required_argument, NULL, 'p' },
		{ "signer", required_argument, NULL, 's' },
		{ "out", required_argument, NULL, 'o' },
		{ "detached-out", required_argument, NULL, 'd' },
		{ "attach", required_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct job job = { 0 };
	struct hf_fault fault;
	const char *wrong;
	int c;

	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		const char **slot = c == 'k' ? &job.key : c == 'p' ? &job.anchor
				  : c == 's' ? &job.signer : c == 'o' ? &job.out
				  : c == 'd' ? &job.detached : c == 'a' ? &job.attach : NULL;

		if (c == 'h') {
			fputs(usage, stdout);
			return HF_EXIT_OK;
		}
		if (!slot)
			return hf_ctl_refuse("manifest sign", "%s is not understood",
					     argv[optind - 1]);
		*slot = optarg;
	}
	wrong = problem(&job, argc - optind);
	if (wrong)
		return hf_ctl_refuse("manifest sign", "%s", wrong);
	if (sign_all(&job, argc - optind, argv + optind, &fault))
		return hf_ctl_fault("manifest sign", &fault);
	return HF_EXIT_OK;
}
