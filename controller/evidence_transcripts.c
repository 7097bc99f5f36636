/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Transcripts out of the evidence, as the claims and the gate's note name them; and as files
 * that other tools read. Nothing is verified here. */
#include "controller/evidence_cmds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/ctl.h"
#include "measure/file.h"
#include "pcie/spdm_claims.h"

#define NAME_MAX_LEN (HF_PATH_MAX + 32)

struct named {			/* a transcript, and who names it */
	struct named *next;
	const struct hf_attachment *transcript;
	const char *path;	/* NULL: nobody does */
	bool again;		/* of the recheck */
};
struct naming {
	struct hf_arena *arena;
	struct hf_attachment *list;
	struct named *named, **end;
};

static struct named *find(struct naming *n, const struct hf_attachment *a)
{
	struct named *one = n->named;

	while (one && one->transcript != a)
		one = one->next;
	return one;
}

static enum hf_err name(struct naming *n, const struct hf_attachment *a, const char *path, bool again)
{
	struct named *one = a && !find(n, a) ? hf_arena_take(n->arena, sizeof(*one)) : NULL;

	if (!a || find(n, a))
		return HF_OK;
	if (!one)
		return HF_ERR_NO_MEMORY;
	*one = (struct named){ NULL, a, path, again };
	*n->end = one;
	n->end = &one->next;
	return HF_OK;
}

static enum hf_err name_by_functions(struct naming *n, const struct hf_part *part)
{
	enum hf_err err = HF_OK;

	for (const struct hf_function *f = part->functions; f && !err; f = f->next) {
		const struct hf_measurement *m = hf_measurement_find(f->measurements,
								     HF_MKEY_TRANSCRIPT);

		if (m && m->kind == HF_VALUE_DIGESTS)
			err = name(n, hf_transcripts_find(n->list, &m->digests[0]), f->path, false);
	}
	return err;
}

static enum hf_err name_by_note(struct naming *n, const struct hf_part *note)
{
	enum hf_err err = HF_OK;

	for (const struct hf_measurement *m = note->measurements; m && !err; m = m->next) {
		char path[HF_PATH_MAX + 1];
		struct hf_digest sha384;
		const char *kept;

		if (m->kind != HF_VALUE_TEXT || !hf_spdm_note_parse(m->text, path, &sha384))
			continue;
		kept = hf_arena_text(n->arena, path, strlen(path));
		err = kept ? name(n, hf_transcripts_find(n->list, &sha384), kept, true) : HF_ERR_NO_MEMORY;
	}
	return err;
}

static enum hf_err name_all(const struct hf_evidence *evidence, const struct hf_claims *claims,
			    struct hf_arena *arena, struct naming *n)
{
	enum hf_err err;

	*n = (struct naming){ .arena = arena };
	n->end = &n->named;
	err = hf_transcripts_decode(evidence->transcripts, arena, &n->list);
	for (const struct hf_part *p = claims->parts; p && !err; p = p->next)
		err = p->kind == HF_PART_HOST && strcmp(p->path, HF_SPDM_NOTE) == 0 ?
		      name_by_note(n, p) : name_by_functions(n, p);
	for (const struct hf_attachment *a = n->list; a && !err; a = a->next)
		err = name(n, a, NULL, false);
	return err;
}

static const char *pass_word(const struct named *one)
{
	return !one->path ? NULL : one->again ? "recheck" : "measure";
}

/* ---- shown ---- */

void hf_evidence_print_transcripts(const struct hf_evidence *evidence, const struct hf_claims *claims,
				   struct hf_arena *arena)
{
	struct naming n;
	enum hf_err err = name_all(evidence, claims, arena, &n);
	char line[256];

	if (err) {
		printf("signed  %s [%s]\n", hf_err_sentence(err), hf_err_name(err));
		return;
	}
	for (const struct named *one = n.named; one; one = one->next) {
		snprintf(line, sizeof(line), "signed  %s, %s, %zu bytes",
			 one->path ? one->path : "by nobody that the claims name",
			 one->path ? pass_word(one) : "never asked", one->transcript->bytes.len);
		hf_ctl_print(stdout, line);
	}
}

json_t *hf_evidence_transcripts_json(const struct hf_evidence *evidence, const struct hf_claims *claims,
				     struct hf_arena *arena)
{
	struct naming n;
	json_t *list;

	if (name_all(evidence, claims, arena, &n) != HF_OK)
		return json_null();
	list = json_array();
	for (const struct named *one = n.named; one; one = one->next) {
		char hex[2 * HF_DIGEST_MAX + 1];

		hf_digest_hex(&one->transcript->sha384, hex);
		json_array_append_new(list, json_pack("{s:s?, s:s?, s:s, s:I}", "path", one->path, "pass",
						      pass_word(one), "sha384", hex, "bytes",
						      (json_int_t)one->transcript->bytes.len));
	}
	return list;
}

/* ---- written ---- */

/* No directory below, none above, and nothing hidden. */
static void file_name(const struct named *one, size_t number, char out[static NAME_MAX_LEN])
{
	if (!one->path)
		snprintf(out, NAME_MAX_LEN, "unnamed-%zu.pcap", number);
	else
		snprintf(out, NAME_MAX_LEN, "%s.%s.pcap", one->path, pass_word(one));
	for (char *c = out; *c; c++)
		if (*c == '/' || *c == ':' || (*c == '.' && c == out))
			*c = '_';
}

static enum hf_err write_one(int dirfd, const struct named *one, size_t number, struct hf_fault *fault)
{
	char file[NAME_MAX_LEN];

	file_name(one, number, file);
	if (faccessat(dirfd, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return hf_fail(fault, HF_ERR_OUTPUT_FAILED, file, "%s", "there already");
	return hf_file_write(dirfd, file, one->transcript->bytes, 0644, fault);
}

enum hf_err hf_evidence_write_transcripts(const struct hf_evidence *evidence, const char *dir,
					  struct hf_arena *arena, struct hf_fault *fault)
{
	struct hf_claims claims;
	struct naming n;
	size_t number = 0;
	int dirfd;
	enum hf_err err;

	hf_claims_init(&claims, arena);
	err = hf_claims_decode(&claims, evidence->claims);
	if (!err)
		err = name_all(evidence, &claims, arena, &n);
	if (err)
		return hf_fail(fault, err, "transcripts.cbor", "%s", "");
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return hf_fail_errno(fault, HF_ERR_OUTPUT_FAILED, errno, dir);
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return hf_fail_errno(fault, HF_ERR_OUTPUT_FAILED, errno, dir);
	for (const struct named *one = n.named; one && !err; one = one->next)
		err = write_one(dirfd, one, ++number, fault);
	close(dirfd);
	return err;
}
