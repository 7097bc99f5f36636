/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/spdm_work.h"

#include "agent/spdm_view.h"

#include <stdlib.h>

#define ARENA ((size_t)24 << 20)

struct telling {
	const struct hf_spdm_work *work;
	struct hf_arena arena;
	struct hf_spdm s;
	struct hf_spdm_told answer;
};

enum hf_err hf_spdm_tell_warm(void)
{
	enum hf_err err = hf_digest_warm();

	return err ? err : hf_spdm_json_warm();
}

/* Of a conversation that broke off there is a part; why it did, whoever had it knows. */
static enum hf_err replay(struct telling *t)
{
	enum hf_err err = t->work->file.len || t->work->way == HF_SPDM_BY_FILE ?
			  hf_transcript_replay(t->work->file, &t->s) : HF_OK;

	if (t->work->ended)
		return t->work->ended;
	return err ? err : hf_spdm_outcome(&t->s);
}

static int digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* A maker's tool writes its reports as hexadecimal digits; what is not all of them is bytes. */
static struct hf_span unhex(struct telling *t, struct hf_span text)
{
	uint8_t *bytes = hf_arena_take(&t->arena, text.len / 2 + 1);

	while (text.len && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r'))
		text.len--;
	if (!bytes || text.len % 2)
		return text;
	for (size_t i = 0; i < text.len; i++) {
		int value = digit(text.ptr[i]);

		if (value < 0)
			return text;
		bytes[i / 2] = (uint8_t)(bytes[i / 2] << 4 | value);
	}
	return (struct hf_span){ bytes, text.len / 2 };
}

static enum hf_err check_report(struct telling *t)
{
	struct hf_device_chain *chain;
	const char *why = NULL;
	enum hf_err err = hf_device_chain_parse_pem(t->work->chain, &chain, &why);

	if (err) {
		snprintf(t->answer.detail, sizeof(t->answer.detail), "%s", why ? why : "");
		return err;
	}
	err = hf_spdm_take_report(&t->s, unhex(t, t->work->file), chain, 0);
	if (err)	/* then it is still ours, to be shown, and closed with the rest */
		t->s.slots[0].parsed = chain;
	return err ? err : hf_spdm_outcome(&t->s);
}

static enum hf_err write_report(const struct hf_spdm_view *view, bool json, struct hf_writer *w)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out;

	if (json) {
		text = hf_spdm_json(view);
		if (!text)
			return HF_ERR_NO_MEMORY;
		hf_put(w, text, strlen(text));
		hf_put(w, "\n", 1);
		free(text);
		return HF_OK;
	}
	out = open_memstream(&text, &len);
	if (!out)
		return HF_ERR_NO_MEMORY;
	hf_spdm_print(view, out);
	if (fclose(out) != 0) {
		free(text);
		return HF_ERR_NO_MEMORY;
	}
	hf_put(w, text, len);
	free(text);
	return HF_OK;
}

static enum hf_err tell(struct telling *t, struct hf_writer *w)
{
	const struct hf_spdm_work *work = t->work;
	const struct hf_spdm_options options = { .arena = &t->arena, .path = "",
						 .padded = work->way != HF_SPDM_BY_REPORT };
	struct hf_spdm_view *view = hf_arena_take(&t->arena, sizeof(*view));
	enum hf_err err = view ? hf_spdm_open(&options, &t->s) : HF_ERR_NO_MEMORY;

	if (err)
		return err;
	*view = (struct hf_spdm_view){
		.source = work->source, .way = work->by, .s = &t->s,
		.fresh = work->way == HF_SPDM_BY_MAILBOX || work->way == HF_SPDM_BY_TCP,
		.identity = work->has_identity ? &work->identity : NULL,
		.trust = work->trust, .now = work->now,
	};
	view->result = work->way == HF_SPDM_BY_REPORT ? check_report(t) : replay(t);
	hf_worker_progress();
	hf_spdm_look(view);
	t->answer.cause = view->cause;
	err = write_report(view, work->json, w);
	hf_spdm_close(&t->s);
	return err;
}

enum hf_err hf_spdm_tell(void *self, size_t index, struct hf_writer *w)
{
	struct telling t = { .work = self };
	enum hf_err err = hf_arena_make(ARENA, &t.arena);
	size_t at = w->len;

	(void)index;
	if (err)
		return err;
	hf_put(w, &t.answer, sizeof(t.answer));
	err = tell(&t, w);
	hf_arena_drop(&t.arena);
	if (!w->full)
		memcpy(w->buf + at, &t.answer, sizeof(t.answer));
	return err;
}
