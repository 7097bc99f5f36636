/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/sink.c: where readers' findings go: hashed, then into the claims of one function. */
#include "pcie/sink.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "pcie/worker.h"

#define SINK_CAP (HF_ROM_MAX)

enum hf_err hf_sink_make(struct hf_claims *claims, struct hf_sink *ret)
{
	struct hf_sink sink = { .claims = claims };
	void *window;
	enum hf_err err;

	/* One reserve for every device: pages are paid for once, nothing is copied. */
	window = mmap(NULL, SINK_CAP, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (window == MAP_FAILED)
		return HF_ERR_NO_MEMORY;
	sink.window = window;
	err = hf_hasher_new(HF_CLAIM_ALGS, &sink.hasher);
	if (err) {
		munmap(window, SINK_CAP);
		return err;
	}
	*ret = sink;
	return HF_OK;
}

void hf_sink_drop(struct hf_sink *sink)
{
	hf_parser_drop(&sink->parser);
	hf_hasher_free(sink->hasher);
	munmap(sink->window, SINK_CAP);
}

void hf_sink_aim(struct hf_sink *sink, struct hf_part *part, struct hf_function *function)
{
	sink->part = part;
	sink->function = function;
	sink->len = 0;
	sink->known_count = 0;
	sink->open = false;
}

static struct hf_measurement *add(struct hf_sink *sink, const char *mkey, enum hf_method method,
				  uint32_t flags)
{
	return hf_claims_add_measurement(sink->claims, sink->part, sink->function, mkey, method,
					 flags);
}

/* Every digest begins with nothing, whatever became of the one before. */
static enum hf_err final(struct hf_sink *sink, struct hf_digest digests[static HF_ALG_COUNT],
			 size_t *ret_count)
{
	sink->unfinished = false;
	return hf_hasher_final(sink->hasher, digests, ret_count);
}

enum hf_err hf_sink_begin(struct hf_sink *sink, const char *mkey, enum hf_method method,
			  uint32_t flags)
{
	struct hf_digest digests[HF_ALG_COUNT];
	enum hf_err err = HF_OK;
	size_t count = 0;

	if (sink->open || strlen(mkey) > HF_MKEY_MAX)
		return HF_ERR_INTERNAL;
	if (sink->unfinished)
		err = final(sink, digests, &count);
	if (err)
		return err;
	snprintf(sink->mkey, sizeof(sink->mkey), "%s", mkey);
	sink->method = method;
	sink->flags = flags;
	sink->len = 0;
	sink->known_count = 0;
	sink->streaming = false;
	sink->open = true;
	return HF_OK;
}

enum hf_err hf_sink_stream(struct hf_sink *sink)
{
	if (!sink->open || sink->len)
		return HF_ERR_INTERNAL;
	sink->streaming = true;
	sink->streamed = 0;
	return HF_OK;
}

uint64_t hf_sink_streamed(const struct hf_sink *sink)
{
	return sink->streamed;
}

uint8_t *hf_sink_room(struct hf_sink *sink, size_t *ret_cap)
{
	*ret_cap = SINK_CAP - sink->len;
	return sink->window + sink->len;
}

enum hf_err hf_sink_bytes(struct hf_sink *sink, struct hf_span bytes)
{
	if (!sink->open)
		return HF_ERR_INTERNAL;
	if (sink->streaming) {
		if (bytes.len > HF_STREAM_MAX - sink->streamed)
			return HF_ERR_LIMIT;
		sink->streamed += bytes.len;
		sink->unfinished = true;
		return hf_hasher_update(sink->hasher, bytes);
	}
	if (bytes.len > SINK_CAP - sink->len)
		return HF_ERR_LIMIT;
	if (bytes.len && bytes.ptr != sink->window + sink->len)
		memmove(sink->window + sink->len, bytes.ptr, bytes.len);
	sink->len += bytes.len;
	hf_worker_progress();
	return HF_OK;
}

struct hf_span hf_sink_window(const struct hf_sink *sink)
{
	return (struct hf_span){ sink->window, sink->len };
}

/* Digests of part into m; a range that was hashed before is not hashed again. */
static enum hf_err hash(struct hf_sink *sink, struct hf_span part, struct hf_measurement *m)
{
	struct hf_digest digests[HF_ALG_COUNT];
	size_t count = 0;
	enum hf_err err;

	/* Streamed bytes are in the hasher already. */
	m->size = sink->streaming ? sink->streamed : part.len;
	for (size_t i = 0; i < sink->known_count; i++) {
		const struct hf_measurement *k = sink->known[i].m;

		if (sink->known[i].part.ptr == part.ptr && sink->known[i].part.len == part.len) {
			memcpy(m->digests, k->digests, sizeof(m->digests));
			m->digest_count = k->digest_count;
			goto out;
		}
	}
	err = sink->streaming ? HF_OK : hf_hasher_update(sink->hasher, part);
	if (!err)
		err = final(sink, digests, &count);
	if (err)
		return err;
	if (count != HF_MEASUREMENT_DIGESTS)
		return HF_ERR_INTERNAL;
	memcpy(m->digests, digests, sizeof(m->digests));
	m->digest_count = count;
	if (sink->known_count < HF_SINK_KNOWN && !sink->streaming) {
		sink->known[sink->known_count].part = part;
		sink->known[sink->known_count++].m = m;
	}
out:
	hf_worker_progress();	/* that took time, and the device none of it */
	m->kind = HF_VALUE_DIGESTS;
	return HF_OK;
}

enum hf_err hf_sink_part(struct hf_sink *sink, const char *mkey, enum hf_method method,
			 uint32_t flags, struct hf_span part)
{
	struct hf_measurement *m = add(sink, mkey, method, flags);

	return m ? hash(sink, part, m) : HF_ERR_LIMIT;
}

enum hf_err hf_sink_digests(struct hf_sink *sink, const char *mkey, enum hf_method method,
			    uint32_t flags, const struct hf_digest *digests, size_t count,
			    uint64_t size)
{
	struct hf_measurement *m = add(sink, mkey, method, flags);

	return m ? hf_measurement_set_digests(m, digests, count, size) : HF_ERR_LIMIT;
}

enum hf_err hf_sink_end(struct hf_sink *sink, enum hf_err partial)
{
	char mkey[HF_MKEY_MAX + 16];
	struct hf_measurement *m;
	enum hf_err err;

	if (!sink->open)
		return HF_ERR_INTERNAL;
	sink->open = false;
	if (!partial) {
		err = hf_sink_part(sink, sink->mkey, sink->method, sink->flags,
				   hf_sink_window(sink));
		sink->streaming = false;
		return err;
	}
	m = add(sink, sink->mkey, HF_METHOD_NONE, sink->flags);
	if (!m)
		return HF_ERR_LIMIT;
	hf_measurement_set_failure(m, partial);
	if (sink->len == 0 && !(sink->streaming && sink->streamed))
		return HF_OK;
	/* Never under the key that a reference value could match. */
	snprintf(mkey, sizeof(mkey), "%s/partial", sink->mkey);
	err = hf_sink_part(sink, mkey, sink->method, HF_MEASUREMENT_ADVISORY,
			   hf_sink_window(sink));
	sink->streaming = false;
	return err;
}

enum hf_err hf_sink_text(struct hf_sink *sink, const char *mkey, enum hf_method method,
			 uint32_t flags, const char *text)
{
	struct hf_measurement *m = add(sink, mkey, method, flags);

	return m ? hf_measurement_set_text(sink->claims, m, text) : HF_ERR_LIMIT;
}

enum hf_err hf_sink_number(struct hf_sink *sink, const char *mkey, enum hf_method method,
			   uint32_t flags, uint64_t number)
{
	struct hf_measurement *m = add(sink, mkey, method, flags);

	if (!m)
		return HF_ERR_LIMIT;
	hf_measurement_set_number(m, number);
	return HF_OK;
}

enum hf_err hf_sink_keep(struct hf_sink *sink, const char *mkey, enum hf_method method,
			 uint32_t flags, struct hf_span bytes)
{
	struct hf_measurement *m = add(sink, mkey, method, flags);

	return m ? hf_measurement_set_bytes(sink->claims, m, bytes) : HF_ERR_LIMIT;
}

enum hf_err hf_sink_failure(struct hf_sink *sink, const char *mkey, enum hf_err cause)
{
	struct hf_measurement *m = add(sink, mkey, HF_METHOD_NONE, 0);

	if (!m)
		return HF_ERR_LIMIT;
	hf_measurement_set_failure(m, cause);
	return HF_OK;
}

enum hf_err hf_sink_attach(struct hf_sink *sink, const char *mkey, struct hf_span bytes)
{
	const char *path = sink->function ? sink->function->path : sink->part->path;
	struct hf_attachment *a;
	enum hf_err err = hf_claims_attach(sink->claims, path, bytes, &a);

	return err ? err : hf_sink_digests(sink, mkey, HF_METHOD_BYTES, HF_MEASUREMENT_ADVISORY,
					   &a->sha384, 1, bytes.len);
}

void hf_sink_target(struct hf_sink *sink, struct hf_claims **ret_claims, struct hf_part **ret_part,
		    struct hf_function **ret_function)
{
	*ret_claims = sink->claims;
	*ret_part = sink->part;
	*ret_function = sink->function;
}
