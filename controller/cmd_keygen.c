/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/commands.h"
#include "controller/ctl.h"
#include "measure/cose.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PEM_MAX 4096

static const char usage[] =
	"usage: holdfastctl keygen --out DIR/NAME [--alg es256|es384|ed25519]\n\n"
	"Makes a signing key. DIR/NAME.key is the private key (mode 0600, not\n"
	"encrypted: keep it on a machine or medium that is); DIR/NAME.pem is the\n"
	"public key, the anchor that goes into images. Existing files are left alone.\n"
	"NAME is the name under which the anchor appears in logs and reports.\n"
	"The default algorithm is es384.\n";

static bool alg_from_name(const char *name, enum hf_cose_alg *ret)
{
	static const struct {
		const char *name;
		enum hf_cose_alg alg;
	} algs[] = {
		{ "es256", HF_COSE_ES256 },
		{ "es384", HF_COSE_ES384 },
		{ "ed25519", HF_COSE_EDDSA },
	};

	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
		if (strcmp(algs[i].name, name) == 0) {
			*ret = algs[i].alg;
			return true;
		}
	}
	return false;
}

/* O_EXCL: a key that exists is never replaced, not even through a link. */
static enum hf_err write_new(const char *path, struct hf_span bytes, mode_t mode,
			     struct hf_fault *fault)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	size_t done = 0;
	int saved;

	if (fd < 0 && errno == EEXIST)
		return hf_fail(fault, HF_ERR_OUTPUT_FAILED, path, "the file exists and is not replaced");
	if (fd < 0)
		return hf_fail_errno(fault, HF_ERR_OUTPUT_FAILED, errno, path);
	while (done < bytes.len) {
		ssize_t n = write(fd, bytes.ptr + done, bytes.len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		done += (size_t)n;
	}
	if (done == bytes.len && fchmod(fd, mode) == 0 && fsync(fd) == 0) {
		close(fd);
		return HF_OK;
	}
	saved = errno;
	close(fd);
	unlink(path);	/* ours: O_EXCL made it */
	return hf_fail_errno(fault, HF_ERR_OUTPUT_FAILED, saved, path);
}

static enum hf_err write_half(const struct hf_key *key, bool private_key, const char *path,
			      struct hf_fault *fault)
{
	uint8_t pem[PEM_MAX];
	struct hf_writer w = { .buf = pem, .cap = sizeof(pem) };
	enum hf_err err = hf_key_write_pem(key, private_key, &w);

	if (err)
		hf_fail(fault, err, path, "key");
	else
		err = write_new(path, hf_written(&w), private_key ? 0600 : 0644, fault);
	explicit_bzero(pem, sizeof(pem));
	return err;
}

/* The directory of the key, for its owner alone, if it is not there yet. */
static enum hf_err make_directory(const char *out, struct hf_fault *fault)
{
	const char *slash = strrchr(out, '/');
	char dir[4096];

	if (!slash || slash == out || (size_t)(slash - out) >= sizeof(dir))
		return HF_OK;
	snprintf(dir, sizeof(dir), "%.*s", (int)(slash - out), out);
	if (mkdir(dir, 0700) == 0 || errno == EEXIST)
		return HF_OK;
	return hf_fail_errno(fault, HF_ERR_OUTPUT_FAILED, errno, dir);
}

static enum hf_err make_key(const char *out, enum hf_cose_alg alg, struct hf_fault *fault)
{
	char private_path[4096], public_path[4096];
	struct hf_key *key = NULL;
	enum hf_err err;

	snprintf(private_path, sizeof(private_path), "%s.key", out);
	snprintf(public_path, sizeof(public_path), "%s.pem", out);
	if (access(public_path, F_OK) == 0)
		return hf_fail(fault, HF_ERR_OUTPUT_FAILED, public_path,
			       "the file exists and is not replaced");
	err = make_directory(out, fault);
	if (err)
		return err;
	err = hf_key_generate(alg, &key);
	if (err)
		return hf_fail(fault, err, out, "key");
	err = write_half(key, true, private_path, fault);
	if (!err) {
		err = write_half(key, false, public_path, fault);
		if (err)
			unlink(private_path);
	}
	hf_key_free(key);
	if (!err)
		printf("%s\n%s\n", private_path, public_path);
	return err;
}

int hf_cmd_keygen(int argc, char **argv)
{
	static const struct option options[] = {
		{ "out", required_argument, NULL, 'o' },
		{ "alg", required_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *out = NULL;
	enum hf_cose_alg alg = HF_COSE_ES384;
	struct hf_fault fault;
	int c;

	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (c) {
		case 'o':
			out = optarg;
			break;
		case 'a':
			if (!alg_from_name(optarg, &alg))
				return hf_ctl_refuse("keygen", "there is no algorithm %s", optarg);
			break;
		case 'h':
			fputs(usage, stdout);
			return HF_EXIT_OK;
		default:
			return hf_ctl_refuse("keygen", "%s is not understood", argv[optind - 1]);
		}
	}
	if (optind < argc)
		return hf_ctl_refuse("keygen", "%s is not understood", argv[optind]);
	if (!out || !*out || strlen(out) > 4000 || out[strlen(out) - 1] == '/')
		return hf_ctl_refuse("keygen", "--out DIR/NAME is missing");
	if (make_key(out, alg, &fault))
		return hf_ctl_fault("keygen", &fault);
	return HF_EXIT_OK;
}
