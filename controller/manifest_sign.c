/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifest build and manifest sign */
#include "controller/ctl.h"
#include "controller/manifest_cmds.h"
#include "measure/file.h"

#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#define KEY_FILE_MAX (64u << 10)
#define SIGNED_SUFFIX ".corim"

static const char build_usage[] =
	"usage: holdfastctl manifest build SOURCE.json --out FILE\n\n"
	"Writes the CoRIM of a source, unsigned. The same source gives the same bytes.\n";

static const char sign_usage[] =
	"usage: holdfastctl manifest sign --key FILE.key --signer NAME IN... --out OUT\n\n"
	"IN is a JSON source or an unsigned CoRIM; OUT is the signed file, or a\n"
	"directory, which gets NAME.corim for every IN NAME.json. --signer is the name\n"
	"that the file itself gives; trust comes from the key alone.\n";

/* The manifests of one input and their encoding, all in arena. */
static enum hf_err encode_input(const char *path, struct hf_manifests *manifests,
				enum hf_input_kind *ret_kind, struct hf_span *ret,
				struct hf_fault *fault)
{
	struct hf_span bytes;
	enum hf_err err = hf_input_read(path, NULL, 0, manifests, ret_kind, &bytes, fault);

	if (err)
		return err;
	if (*ret_kind == HF_INPUT_UNVERIFIED)
		return hf_fail(fault, HF_ERR_USAGE, path, "the file is signed already");
	if (*ret_kind == HF_INPUT_UNSIGNED) {	/* its bytes are kept: they may name another id */
		*ret = bytes;
		return HF_OK;
	}
	return hf_input_encode(manifests, path, ret, fault);
}

int hf_manifest_build(int argc, char **argv)
{
	static const struct option options[] = {
		{ "out", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct hf_manifests manifests = { 0 };
	const char *out = NULL;
	enum hf_input_kind kind;
	struct hf_arena arena;
	struct hf_fault fault;
	struct hf_span corim;
	enum hf_err err;
	int c;

	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(build_usage, stdout);
			return HF_EXIT_OK;
		}
		if (c != 'o')
			return hf_ctl_refuse("manifest build", "%s is not understood",
					     argv[optind - 1]);
		out = optarg;
	}
	if (!out || argc - optind != 1)
		return hf_ctl_refuse("manifest build", "one SOURCE.json and --out are needed");
	err = hf_arena_make(HF_MANIFEST_ARENA, &arena);
	if (err) {
		hf_fail(&fault, err, NULL, "arena");
		return hf_ctl_fault("manifest build", &fault);
	}
	manifests.arena = &arena;
	err = encode_input(argv[optind], &manifests, &kind, &corim, &fault);
	if (!err)
		err = hf_file_write(AT_FDCWD, out, corim, 0644, &fault);
	hf_arena_drop(&arena);
	return err ? hf_ctl_fault("manifest build", &fault) : HF_EXIT_OK;
}

static enum hf_err read_key(const char *path, struct hf_key **ret, struct hf_fault *fault)
{
	struct hf_arena arena;
	struct hf_span pem;
	enum hf_err err = hf_arena_make(2 * KEY_FILE_MAX, &arena);

	if (err)
		return hf_fail(fault, err, path, "arena");
	err = hf_file_read(AT_FDCWD, path, KEY_FILE_MAX, &arena, &pem, fault);
	if (!err) {
		err = hf_key_read_pem(pem, true, ret);
		if (err)
			hf_fail(fault, err, path, "want one unencrypted PEM private key");
	}
	explicit_bzero(arena.base, arena.len);
	hf_arena_drop(&arena);
	return err;
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

static enum hf_err sign_one(const struct hf_key *key, const char *signer, const char *in,
			    const char *out, struct hf_fault *fault)
{
	struct hf_manifests manifests = { 0 };
	char path[PATH_MAX];
	enum hf_input_kind kind;
	struct hf_arena arena;
	struct hf_writer w = { .cap = HF_COSE_MAX };
	struct hf_cose cose;
	struct hf_span corim;
	enum hf_err err = output_path(in, out, path, sizeof(path), fault);

	if (err)
		return err;
	err = hf_arena_make(HF_MANIFEST_ARENA, &arena);
	if (err)
		return hf_fail(fault, err, in, "arena");
	manifests.arena = &arena;
	err = encode_input(in, &manifests, &kind, &corim, fault);
	if (err)
		goto out;
	w.buf = hf_arena_take(&arena, w.cap);
	err = w.buf ? hf_cose_sign(key, HF_CORIM_CONTENT_TYPE, signer, corim, &w) : HF_ERR_LIMIT;
	if (!err)	/* what leaves here verifies */
		err = hf_cose_parse(hf_written(&w), &cose);
	if (!err)
		err = hf_cose_verify(&cose, key);
	if (err)
		hf_fail(fault, err, in, "signing");
	else
		err = hf_file_write(AT_FDCWD, path, hf_written(&w), 0644, fault);
out:
	hf_arena_drop(&arena);
	return err;
}

int hf_manifest_sign(int argc, char **argv)
{
	static const struct option options[] = {
		{ "key", required_argument, NULL, 'k' },
		{ "signer", required_argument, NULL, 's' },
		{ "out", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *key_path = NULL, *signer = NULL, *out = NULL;
	struct hf_key *key = NULL;
	struct hf_fault fault;
	enum hf_err err;
	int c;

	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (c) {
		case 'k':
			key_path = optarg;
			break;
		case 's':
			signer = optarg;
			break;
		case 'o':
			out = optarg;
			break;
		case 'h':
			fputs(sign_usage, stdout);
			return HF_EXIT_OK;
		default:
			return hf_ctl_refuse("manifest sign", "%s is not understood",
					     argv[optind - 1]);
		}
	}
	if (!key_path || !signer || !out || optind >= argc)
		return hf_ctl_refuse("manifest sign", "--key, --signer, --out and IN are needed");
	if (!hf_name_valid(signer))
		return hf_ctl_refuse("manifest sign", "%s is no name for a signer", signer);
	if (argc - optind > 1 && !is_directory(out))
		return hf_ctl_refuse("manifest sign", "--out must be a directory for several files");
	err = read_key(key_path, &key, &fault);
	for (int i = optind; i < argc && !err; i++)
		err = sign_one(key, signer, argv[i], out, &fault);
	hf_key_free(key);
	return err ? hf_ctl_fault("manifest sign", &fault) : HF_EXIT_OK;
}
