/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/parser.h"

#include <errno.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

struct question {
	size_t offset, len;	/* in the window */
	struct hf_rom_image header;
};

/* ---- in the child ---- */

/* What libcrypto opens and loads at its first use must be open and loaded. */
static void prepare(void *self)
{
	const struct hf_parser *p = self;

	if (hf_digest_warm() != HF_OK)
		_exit(1);
	/* The worker goes on hashing what lies there. */
	if (mprotect((void *)(uintptr_t)p->window.ptr, p->window.len, PROT_READ) != 0)
		_exit(1);
}

static void serve(void *self, int socket)
{
	const struct hf_parser *p = self;
	struct question q;

	while (read(socket, &q, sizeof(q)) == (ssize_t)sizeof(q)) {
		struct hf_efi_findings findings;

		memset(&findings, 0, sizeof(findings));
		p->examine(hf_span_part(p->window, q.offset, q.len), &q.header, &findings);
		if (write(socket, &findings, sizeof(findings)) != (ssize_t)sizeof(findings))
			return;
	}
}

/* ---- in the worker ---- */

static bool is_cause(enum hf_err err)
{
	return err == HF_OK || hf_err_from_name(hf_err_name(err)) == err;
}

static bool is_bool(const bool *value)
{
	uint8_t byte;

	memcpy(&byte, value, 1);
	return byte <= 1;
}

/* Whoever wrote these findings had read a hostile image. */
static bool plausible(const struct hf_efi_findings *f)
{
	bool good = is_bool(&f->has_program) && is_bool(&f->compressed) &&
		    is_cause(f->program_err) && is_cause(f->signer_err) &&
		    !f->signer[sizeof(f->signer) - 1] && !f->version[sizeof(f->version) - 1] &&
		    f->authenticode_count <= HF_EFI_DIGESTS;

	for (size_t i = 0; good && i < f->authenticode_count; i++)
		good = f->authenticode[i].alg == (i == 0 ? HF_ALG_SHA256 : HF_ALG_SHA384);
	return good;
}

static enum hf_err await(struct hf_parser *p, struct hf_efi_findings *ret)
{
	const uint64_t end = hf_now_ms() + HF_PARSER_SECONDS * 1000;
	struct pollfd fd = { .fd = p->worker.socket, .events = POLLIN };
	struct hf_efi_findings findings;
	size_t len = 0;

	while (len < sizeof(findings)) {
		uint64_t now = hf_now_ms();
		ssize_t n;

		if (now >= end)
			return HF_ERR_TIMED_OUT;
		if (poll(&fd, 1, (int)(end - now)) <= 0)
			continue;
		n = recv(fd.fd, (uint8_t *)&findings + len, sizeof(findings) - len, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return HF_ERR_READER_DIED;
		len += (size_t)n;
	}
	if (!plausible(&findings))
		return HF_ERR_READER_DIED;
	*ret = findings;
	return HF_OK;
}

enum hf_err hf_parser_examine(struct hf_parser *parser, struct hf_span image,
			      const struct hf_rom_image *header, struct hf_efi_findings *ret)
{
	const struct hf_worker_plan plan = { .run = serve, .self = parser, .sandbox = HF_SANDBOX_PARSER,
					     .prepare = prepare };
	struct question q = { .offset = (size_t)(image.ptr - parser->window.ptr),
			      .len = image.len, .header = *header };
	enum hf_err err;

	if (q.offset > parser->window.len || q.len > parser->window.len - q.offset)
		return HF_ERR_INTERNAL;
	q.header.bytes = (struct hf_span){ NULL, 0 };
	if (!parser->live) {
		err = hf_worker_start(&plan, &parser->worker);
		if (err)
			return err;
		parser->live = true;
	}
	if (send(parser->worker.socket, &q, sizeof(q), MSG_DONTWAIT | MSG_NOSIGNAL) ==
	    (ssize_t)sizeof(q))
		err = await(parser, ret);
	else
		err = HF_ERR_READER_DIED;
	if (err)
		hf_parser_drop(parser);
	hf_worker_progress();	/* whatever became of the image, the device is not to blame */
	return err;
}

void hf_parser_drop(struct hf_parser *parser)
{
	if (parser->live)
		hf_worker_abandon(&parser->worker);
	parser->live = false;
}
