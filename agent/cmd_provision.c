/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The operator's act that makes the generation count on one host, and the one that raises
 * it. Needs the values that no image holds; the gate itself never calls this. */
#include "agent/args.h"
#include "agent/commands.h"
#include "agent/tpm.h"
#include "measure/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define FILE_MAX 4096
#define AUTH_MIN 8	/* bytes: less can be guessed, and nothing slows a guesser down */

static const char usage[] =
	"usage: holdfast provision --owner-auth-file FILE --lockout-auth-file FILE\n"
	"                          [--generation N] [--tcti CONF]\n"
	"       holdfast provision --owner-auth-file FILE --raise N [--tcti CONF]\n"
	"\n"
	"Let the TPM keep old manifests out: sets its owner and lockout authorisation\n"
	"values, disables TPM2_Clear and writes the least acceptable generation into NV\n"
	"index 0x01d10300. Keep the values: without them nobody can raise it. Run it as\n"
	"root on a host that no tenant has; the gate itself never holds these values.\n"
	"\n"
	"  --owner-auth-file FILE    8 to 32 bytes; one newline at the end is dropped\n"
	"  --lockout-auth-file FILE  the same, another value\n"
	"  --generation N            the first generation (default: 0)\n"
	"  --raise N                 raise it on a host that is provisioned\n"
	"  --tcti CONF               the TPM, as tpm2-tools name it\n"
	"\n"
	"exit codes: 0 done and read back, 2 usage, 5 TPM\n";

struct provision {
	const char *owner_file, *lockout_file, *generation_text, *raise_text, *tcti;
	uint64_t generation;
	struct hf_arena arena;
	struct hf_fault *fault;
};

static bool number(const char *text, uint64_t *ret)
{
	uint64_t v = 0;

	if (!*text || strlen(text) > 18)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		v = v * 10 + (uint64_t)(*text - '0');
	}
	*ret = v;
	return true;
}

static enum hf_err read_auth(struct provision *p, const char *file, struct hf_span *ret)
{
	enum hf_err err = hf_file_read(AT_FDCWD, file, FILE_MAX, &p->arena, ret, p->fault);

	if (err)
		return err;
	if (ret->len && ret->ptr[ret->len - 1] == '\n')
		ret->len--;
	if (ret->len < AUTH_MIN || ret->len > HF_TPM_AUTH_MAX || ret->ptr[ret->len - 1] == 0)
		return hf_fail(p->fault, HF_ERR_USAGE, file, "%zu bytes; it takes %d to %d, not ending in 0",
			       ret->len, AUTH_MIN, HF_TPM_AUTH_MAX);
	return HF_OK;
}

static enum hf_err act(struct provision *p, struct hf_tpm *tpm)
{
	struct hf_span owner = { 0 }, lockout = { 0 };
	enum hf_err err = read_auth(p, p->owner_file, &owner);

	if (!err && p->raise_text)
		return hf_tpm_generation_raise(tpm, owner, p->generation, p->fault);
	if (!err)
		err = read_auth(p, p->lockout_file, &lockout);
	if (!err && hf_span_equal(owner, lockout))
		err = hf_fail(p->fault, HF_ERR_USAGE, p->lockout_file, "the same as the owner's value");
	return err ? err : hf_tpm_provision(tpm, owner, lockout, p->generation, p->fault);
}

static enum hf_err run(struct provision *p)
{
	struct hf_tpm *tpm = NULL;
	enum hf_err err = hf_arena_make(4 * FILE_MAX, &p->arena);

	if (err)
		return hf_fail(p->fault, err, NULL, "%s", "authorisation values");
	err = hf_tpm_open(p->tcti, &tpm, p->fault);
	if (!err)
		err = act(p, tpm);
	explicit_bzero(p->arena.base, p->arena.cap);
	hf_arena_drop(&p->arena);
	if (tpm)
		hf_tpm_close(tpm);
	return err;
}

int hf_cmd_provision(int argc, char **argv)
{
	struct hf_fault fault = { 0 };
	struct provision p = { .fault = &fault };
	const struct hf_option options[] = {
		{ .name = "owner-auth-file", .value = &p.owner_file },
		{ .name = "lockout-auth-file", .value = &p.lockout_file },
		{ .name = "generation", .value = &p.generation_text },
		{ .name = "raise", .value = &p.raise_text },
		{ .name = "tcti", .value = &p.tcti },
		{ .name = NULL },
	};
	const char *text;
	int code;

	if (!hf_args_parse(argc, argv, options, NULL, usage, &code))
		return code;
	if (!p.owner_file)
		return hf_args_refuse(argv[0], "--owner-auth-file FILE is needed");
	if (p.raise_text && (p.lockout_file || p.generation_text))
		return hf_args_refuse(argv[0], "--raise goes with --owner-auth-file alone");
	if (!p.raise_text && !p.lockout_file)
		return hf_args_refuse(argv[0], "--lockout-auth-file FILE is needed, or --raise N");
	text = p.raise_text ? p.raise_text : p.generation_text;
	if (text && !number(text, &p.generation))
		return hf_args_refuse(argv[0], "a generation is a number of at most 18 digits, not \"%.24s\"",
				      text);
	if (run(&p))
		return hf_args_fault(argv[0], &fault);
	printf("generation %llu in NV index 0x%08x: this host refuses older model manifests\n",
	       (unsigned long long)p.generation, HF_GENERATION_INDEX);
	return HF_EXIT_OK;
}
