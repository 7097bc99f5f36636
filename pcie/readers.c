/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/readers.h"

#include "measure/transcripts.h"
#include "pcie/config.h"
#include "pcie/doe.h"
#include "pcie/reader.h"
#include "pcie/sink.h"
#include "pcie/slots.h"
#include "pcie/spdm_claims.h"
#include "pcie/worker.h"

const struct hf_reader *const hf_readers[] = {
	&hf_reader_config,
	&hf_reader_rom,
	&hf_reader_vpd,
	&hf_reader_nvme,
	&hf_reader_net,
	&hf_reader_drive,
	&hf_reader_mtd,
	&hf_reader_doe,
	&hf_reader_spdm,
	&hf_reader_versions,
	&hf_reader_uncovered,
	NULL,
};
#define READERS (sizeof(hf_readers) / sizeof(hf_readers[0]) - 1)
#define NO_READER UINT32_MAX	/* mark of a worker that has not come to one */

#define CLASS_BRIDGE 0x06
#define CLASS_BRIDGE_OTHER 0x0680	/* NVSwitch: no plumbing, it runs firmware */
#define SCRATCH ((size_t)64 << 20)	/* bytes; only touched pages are real */
#define ANSWER_MAX (HF_PART_CBOR_MAX + HF_ATTACHMENT_MAX + 16u)	/* and two heads */
#define PUT_BACK_MS 1000		/* a few registers; whoever hangs again stays as it is */

struct target {			/* one function, one job */
	struct hf_part *part;
	struct hf_function *function;
	const struct hf_bus_function *bus;
	size_t part_index;
	bool rom_lost;		/* its worker ended while it read the ROM */
	bool mailbox_lost;	/* or while it may have been bound to vfio-pci */
};

struct measuring {
	const struct hf_host *host;
	const struct hf_read_options *options;
	struct hf_claims *claims;
	struct target *targets;
	size_t count;
	struct hf_arena scratch;	/* one answer at a time; a worker has its own copy */
	hf_measure_progress progress;
	void *self;
	struct hf_sink sink;		/* made by each process at its first job */
	bool sink_made;
};

static bool is_plumbing(const struct hf_bus_function *f, const struct hf_function *function)
{
	uint32_t class_code = function->identity.class_code;

	return f->virtual_function || hf_config_is_bridge(f->config) ||
	       (class_code >> 16 == CLASS_BRIDGE && class_code >> 8 != CLASS_BRIDGE_OTHER);
}

static bool is_mailbox(const struct hf_reader *reader)
{
	return reader && (strcmp(reader->name, "doe") == 0 || strcmp(reader->name, "spdm") == 0);
}

static bool shows_code(const struct hf_part *answer)
{
	for (const struct hf_measurement *m = answer->measurements; m; m = m->next)
		if (m->flags & HF_MEASUREMENT_CODE)
			return true;
	return false;
}

/* Every reader that knows this function, resp. the one that touches no device. */
static enum hf_err run_readers(const struct hf_read *read, bool config_only)
{
	for (uint32_t i = 0; hf_readers[i]; i++) {
		const struct hf_reader *r = hf_readers[i];
		enum hf_err err;

		if ((r->needs_driver && !read->function->driver) ||
		    (read->options->drivers_only && !r->needs_driver) ||
		    (config_only && r != &hf_reader_config) || !r->matches(read->function))
			continue;
		hf_worker_mark(i);
		err = r->read(read);
		if (err)
			return err;
	}
	return HF_OK;
}

static enum hf_err aim(struct measuring *m, struct hf_claims *claims, const struct target *t,
		       struct hf_part **ret_answer)
{
	enum hf_err err;

	m->scratch.len = 0;
	hf_claims_init(claims, &m->scratch);
	*ret_answer = hf_claims_add_part(claims, HF_PART_CARD, t->function->path);
	if (!*ret_answer)
		return HF_ERR_NO_MEMORY;
	if (!m->sink_made) {
		err = hf_sink_make(claims, &m->sink);
		if (err)
			return err;
		m->sink_made = true;
	}
	m->sink.claims = claims;
	hf_sink_aim(&m->sink, *ret_answer, NULL);
	return HF_OK;
}

/* In a worker: everything that the readers say of one function, as a part's claims. */
static enum hf_err measure_function(void *self, size_t index, struct hf_writer *w)
{
	struct measuring *m = self;
	const struct target *t = &m->targets[index];
	const struct hf_read read = { .host = m->host, .function = t->bus, .options = m->options,
				      .sink = &m->sink };
	/* A device that has just hung is left alone. */
	bool hangs = t->bus->config_err == HF_ERR_TIMED_OUT;
	struct hf_claims claims;
	struct hf_part *answer;
	enum hf_err err = aim(m, &claims, t, &answer);

	hf_worker_mark(NO_READER);	/* not the last one's of the job before */
	if (!err)
		err = run_readers(&read, hangs);
	if (!err && !m->options->drivers_only && !is_plumbing(t->bus, t->function) &&
	    !shows_code(answer))
		err = hf_sink_failure(&m->sink, "firmware", HF_ERR_NO_READER);
	if (err == HF_ERR_LIMIT)	/* the scratch is its alone: so is the flood */
		return HF_ERR_DEVICE_FLOODED;
	if (err)
		return err;
	hf_part_encode(answer, w);
	hf_transcripts_encode(claims.attachments, w);
	return HF_OK;
}

/* One measurement of the answer into the claims. Configuration space is here already. */
static enum hf_err adopt(struct measuring *m, const struct target *t,
			 const struct hf_measurement *from)
{
	struct hf_measurement *to = hf_claims_add_measurement(m->claims, t->part, t->function,
							      from->mkey, from->method, from->flags);
	struct hf_measurement copy = *from;
	enum hf_err err = HF_OK;

	if (!to)
		return HF_ERR_LIMIT;
	copy.mkey = to->mkey;
	if (from->text && !(copy.text = hf_arena_text(m->claims->arena, from->text,
						      strlen(from->text))))
		return HF_ERR_LIMIT;
	if (from->kind == HF_VALUE_BYTES && hf_span_equal(from->bytes, t->bus->config))
		copy.bytes = t->bus->config;
	else if (from->kind == HF_VALUE_BYTES)
		err = hf_arena_copy(m->claims->arena, from->bytes, &copy.bytes);
	copy.next = NULL;
	*to = copy;
	return err;
}

/* What is left to say without the worker: configuration space, which is here already, and
 * what became of the reader. */
static enum hf_err adopt_loss(struct measuring *m, const struct target *t, enum hf_err cause,
			      uint32_t mark)
{
	const struct hf_read read = { .host = m->host, .function = t->bus, .options = m->options,
				      .sink = &m->sink };
	const char *mkey = mark < READERS ? hf_readers[mark]->mkey : NULL;
	struct hf_measurement *loss;
	struct hf_claims claims;
	struct hf_part *answer;
	enum hf_err err = aim(m, &claims, t, &answer);

	if (!err)
		err = run_readers(&read, true);
	for (const struct hf_measurement *k = err ? NULL : answer->measurements; k && !err; k = k->next)
		err = adopt(m, t, k);
	if (err)
		return err;
	loss = hf_claims_add_measurement(m->claims, t->part, t->function, mkey ? mkey : "firmware",
					 HF_METHOD_NONE, HF_MEASUREMENT_CODE);
	if (!loss)
		return HF_ERR_LIMIT;
	hf_measurement_set_failure(loss, cause);
	return HF_OK;
}

static void tell(struct measuring *m, const struct target *t)
{
	if (m->progress)
		m->progress(m->self, t->part, t->part_index, m->claims->part_count);
}

static enum hf_err no_answer(struct measuring *m, const struct target *t, uint32_t mark)
{
	enum hf_err err = adopt_loss(m, t, HF_ERR_READER_DIED, mark);

	return err ? err : HF_ERR_READER_DIED;
}

/* The one attachment that a function may have is the transcript that its claims name; what
 * nothing names, and a name of nothing, is no answer. */
static bool attachments_fit(const struct hf_claims *answer)
{
	const struct hf_measurement *m =
		hf_measurement_find(answer->parts->measurements, HF_MKEY_TRANSCRIPT);
	const struct hf_attachment *a = answer->attachments;

	if (!m || m->kind != HF_VALUE_DIGESTS)
		return !a;
	return a && !a->next && m->digest_count == 1 && m->size == a->bytes.len &&
	       hf_digest_equal(&m->digests[0], &a->sha384) && m->flags == HF_MEASUREMENT_ADVISORY;
}

/* A part's claims, then what is attached to them. */
static bool decode_answer(const struct target *t, struct hf_span bytes, struct hf_claims *ret)
{
	struct hf_cbor r = hf_cbor_at(bytes);
	struct hf_span part = hf_cbor_skip(&r);

	return !r.err && hf_part_decode(ret, part) == HF_OK &&
	       hf_transcripts_decode(hf_span_part(bytes, r.pos, bytes.len - r.pos), ret->arena,
				     &ret->attachments) == HF_OK &&
	       bytes.len > r.pos && !ret->parts->functions &&
	       strcmp(ret->parts->path, t->function->path) == 0 && attachments_fit(ret);
}

static bool has_room(const struct measuring *m, const struct target *t, size_t len)
{
	size_t all = len, mine = len;

	for (const struct hf_attachment *a = m->claims->attachments; a; a = a->next) {
		all += a->bytes.len;
		for (const struct hf_function *f = t->part->functions; f; f = f->next)
			mine += a->path == f->path ? a->bytes.len : 0;
	}
	return all <= HF_TRANSCRIPTS_PASS_BYTES && mine <= HF_TRANSCRIPTS_PART_BYTES;
}

static enum hf_err adopt_answer(struct measuring *m, const struct target *t,
				const struct hf_claims *answer)
{
	const struct hf_attachment *from = answer->attachments;
	struct hf_attachment *to;
	enum hf_err err = HF_OK;

	for (const struct hf_measurement *k = answer->parts->measurements; k && !err; k = k->next)
		err = adopt(m, t, k);
	if (err || !from)
		return err;
	err = hf_claims_attach(m->claims, t->function->path, from->bytes, &to);
	if (!err)
		to->path = t->function->path;	/* the same text, known by its address: has_room */
	return err;
}

/* What its worker may have left switched on. Where a driver has a function, nobody binds
 * another. */
static void note_loss(const struct measuring *m, struct target *t, const struct hf_pool_answer *answer)
{
	const struct hf_reader *r = answer->mark < READERS ? hf_readers[answer->mark] : NULL;

	t->rom_lost = answer->lost && r == &hf_reader_rom;
	t->mailbox_lost = answer->lost && m->options->vfio && !t->bus->driver && is_mailbox(r);
}

/* A worker was led by what a device showed it: its answer is what the device could have
 * said itself, and read as strictly. */
static enum hf_err take_answer(void *self, const struct hf_pool_answer *answer)
{
	struct measuring *m = self;
	struct target *t = &m->targets[answer->index];
	struct hf_claims claims;

	tell(m, t);
	note_loss(m, t, answer);
	if (answer->lost || answer->err == HF_ERR_DEVICE_FLOODED)
		return adopt_loss(m, t, answer->err, answer->mark);
	if (answer->err == HF_ERR_NO_MEMORY || answer->err == HF_ERR_INTERNAL)
		return answer->err;
	m->scratch.len = 0;
	hf_claims_init(&claims, &m->scratch);
	if (answer->err || !decode_answer(t, answer->bytes, &claims) ||
	    (!claims.parts->measurements && !m->options->drivers_only))
		return no_answer(m, t, answer->mark);
	if (claims.attachments && !has_room(m, t, claims.attachments->bytes.len))
		return adopt_loss(m, t, HF_ERR_DEVICE_FLOODED, answer->mark);
	return adopt_answer(m, t, &claims);
}

static enum hf_err list_targets(struct measuring *m, const struct hf_bus *bus)
{
	size_t index = 0;

	m->targets = hf_arena_take(m->claims->arena, m->claims->function_count * sizeof(*m->targets));
	if (!m->targets)
		return HF_ERR_LIMIT;
	for (struct hf_part *part = m->claims->parts; part; part = part->next, index++) {
		for (struct hf_function *f = part->functions; f; f = f->next) {
			const struct hf_bus_function *b = hf_bus_find(bus, &f->address);

			if (!b)
				return HF_ERR_INTERNAL;
			m->targets[m->count++] = (struct target){ .part = part, .function = f,
								   .bus = b, .part_index = index };
		}
	}
	return HF_OK;
}

/* ---- what a lost worker left switched on ---- */

static bool to_put_back(const struct target *t)
{
	return t->rom_lost || t->mailbox_lost;
}

static enum hf_err put_back(void *self, size_t index, struct hf_writer *w)
{
	struct measuring *m = self;
	const struct target *t = m->targets;

	(void)w;
	for (; !to_put_back(t) || index--; t++)
		continue;
	if (t->rom_lost)
		hf_host_rom_put_back(m->host, &t->function->address, t->bus->config);
	if (t->mailbox_lost)
		hf_mailbox_put_back(m->host, &t->function->address);
	return HF_OK;
}

static enum hf_err was_put_back(void *self, const struct hf_pool_answer *answer)
{
	(void)self, (void)answer;
	return HF_OK;
}

/* In a worker too, for the device has hung before. What cannot be put back changes no
 * claim: that the reader was lost is one already. */
static void put_back_all(struct measuring *m)
{
	struct hf_pool_options pool = { .device_ms = PUT_BACK_MS, .keep = &m->host->sysfs,
					.keep_count = 1 };
	size_t count = 0;

	/* Where more than that hang, whoever tries would only be left behind too. */
	for (size_t i = 0; i < m->count && count < HF_POOL_WORKERS; i++)
		count += to_put_back(&m->targets[i]);
	if (count && m->host->live)
		(void)(hf_pool_run(&pool, count, put_back, was_put_back, m) == HF_OK);
}

static size_t part_of(const void *self, size_t index)
{
	const struct measuring *m = self;

	return m->targets[index].part_index;
}

enum hf_err hf_measure(const struct hf_host *host, const struct hf_bus *bus,
		       const struct hf_read_options *options, struct hf_claims *claims,
		       hf_measure_progress progress, void *self)
{
	const struct hf_pool_options pool = { .device_ms = host->device_ms,
					      .keep = &host->sysfs, .keep_count = 1,
					      .answer_max = ANSWER_MAX, .owner = part_of };
	struct measuring m = { .host = host, .options = options, .claims = claims,
			       .progress = progress, .self = self };
	enum hf_err err = hf_digest_warm();	/* once, not in every child */

	if (!err)
		err = hf_arena_make(SCRATCH, &m.scratch);
	if (err)
		return err;
	err = list_targets(&m, bus);
	if (!err)
		err = hf_pool_run(&pool, m.count, measure_function, take_answer, &m);
	put_back_all(&m);
	if (m.sink_made)
		hf_sink_drop(&m.sink);
	hf_arena_drop(&m.scratch);
	return err ? err : hf_slots_claims(host, claims);
}
