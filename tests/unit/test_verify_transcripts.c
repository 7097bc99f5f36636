/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What devices signed, in the hands of a host that would like to have it otherwise. The
 * device is the fixture's drive; it is really asked, and really signs. */
#include "pcie/spdm_request.h"
#include "tests/unit/signing_host.h"

#define TEST(name) static void name(void **state)
static struct made *verify(struct scene *s)
{
	struct made *m = made_of(s);

	memset(&m->v, 0xaa, sizeof(m->v));
	hf_verify_evidence(&m->e, &m->options, &s->fx->arena, &m->v);
	return m;
}

static void check_is(const struct made *m, enum hf_outcome outcome, enum hf_err cause)
{
	const struct hf_check_result *r = &m->v.checks[HF_CHECK_TRANSCRIPTS];

	if (r->outcome != outcome || r->cause != cause)
		fail_msg("transcripts: %s [%s] %s", hf_outcome_name(r->outcome),
			 hf_err_name(r->cause), r->detail);
}

static void refused(struct scene *s, enum hf_err cause)
{
	struct made *m = verify(s);

	check_is(m, HF_OUTCOME_FAILED, cause);
	assert_string_equal(hf_err_name(m->v.cause), hf_err_name(cause));
	drop_scene(s, m);
}

static void affirmed(struct scene *s)
{
	struct made *m = verify(s);

	check_is(m, HF_OUTCOME_OK, HF_OK);
	assert_string_equal(hf_err_name(m->v.cause), "ok");
	drop_scene(s, m);
}

static struct hf_measurement *claim(struct scene *s, const char *mkey)
{
	struct hf_measurement *m = hf_measurement_find(s->f->measurements, mkey);

	assert_non_null(m);
	return m;
}

static void forget(struct scene *s, const char *mkey)
{
	struct hf_measurement **at = &s->f->measurements;

	while (strcmp((*at)->mkey, mkey) != 0)
		at = &(*at)->next;
	*at = (*at)->next;
}

/* ---- what holds ---- */

TEST(a_drive_that_signed_twice)
{
	struct scene *s = asked_twice();
	struct made *m = verify(s);
	const struct hf_signer *signer = m->v.signers;

	(void)state;
	check_is(m, HF_OUTCOME_OK, HF_OK);
	assert_string_equal(hf_err_name(m->v.cause), "ok");
	assert_non_null(signer);
	assert_null(signer->next);
	assert_string_equal(signer->path, s->f->path);
	assert_string_equal(signer->version, "1.2");
	assert_string_equal(signer->algorithm, "ecdsa-p256");
	assert_int_equal(signer->slot, 0);
	assert_int_equal(signer->method, HF_METHOD_SIGNED);
	assert_string_equal(signer->anchor, "acme");
	assert_true(signer->has_again);
	assert_true(signer->signatures >= 2);
	assert_non_null(strstr(signer->subject, "drive 4711"));
	drop_scene(s, m);
}

TEST(nobody_signed)
{
	struct scene *s = scene();
	struct made *m;

	(void)state;
	s->no_file = true;
	s->fx->disk_rule->least_method = HF_METHOD_IDENTITY;
	s->fx->drive->releases->environments->references = NULL;
	m = verify(s);
	check_is(m, HF_OUTCOME_OK, HF_OK);
	assert_string_equal(hf_err_name(m->v.cause), "ok");
	drop_scene(s, m);
}

TEST(the_challenge_of_a_controller)
{
	static const uint8_t nonce[20] = { 7, 7 };
	struct scene *s = scene();

	(void)state;
	s->nonce = s->boot.nonce = s->again.challenge = (struct hf_span){ nonce, sizeof(nonce) };
	ask_first(s);
	ask_again(s);
	affirmed(s);
}

/* The transcript is genuine, and nobody vouches for who made it. */
TEST(an_anchor_that_is_not_there)
{
	struct scene *s = asked_twice();
	struct made *m;

	(void)state;
	hf_trust_drop(&s->trust);
	m = verify(s);
	check_is(m, HF_OUTCOME_OK, HF_OK);
	assert_string_equal(hf_err_name(m->v.cause), "device-chain-untrusted");
	drop_scene(s, m);
}

TEST(a_host_that_was_held_before_it_asked_again)
{
	struct scene *s = scene();
	struct made *m;

	(void)state;
	ask_first(s);
	s->boot.verdict = "held";
	s->boot.cause = "uncovered";
	m = verify(s);
	check_is(m, HF_OUTCOME_OK, HF_OK);
	assert_string_equal(hf_err_name(m->v.cause), "uncovered");
	drop_scene(s, m);
}

/* ---- what is not there ---- */

TEST(a_transcript_that_is_not_there)
{
	struct scene *s = asked_twice();

	(void)state;
	s->transcripts[0] = s->transcripts[1];
	s->count = 1;
	refused(s, HF_ERR_TRANSCRIPT_MISSING);
	s = asked_twice();
	s->count = 1;
	refused(s, HF_ERR_TRANSCRIPT_MISSING);
	s = asked_twice();
	s->no_file = true;
	refused(s, HF_ERR_TRANSCRIPT_MISSING);
}

TEST(signed_claims_that_name_no_transcript)
{
	struct scene *s = asked_twice();

	(void)state;
	forget(s, HF_MKEY_TRANSCRIPT);
	refused(s, HF_ERR_TRANSCRIPT_MISSING);
	s = scene();
	s->no_file = true;
	fx_code(s->fx, s->fx->disk, s->f, "option-rom/window", "rom")->method = HF_METHOD_SIGNED;
	refused(s, HF_ERR_TRANSCRIPT_MISSING);
	s = scene();
	s->no_file = true;
	fx_code(s->fx, s->fx->disk, NULL, "spdm/1", "firmware 9")->method = HF_METHOD_UNBOUND;
	refused(s, HF_ERR_TRANSCRIPT_MISSING);
	s = scene();
	s->no_file = true;
	fx_code(s->fx, s->fx->host, NULL, "firmware", "firmware 9")->method = HF_METHOD_SIGNED;
	refused(s, HF_ERR_TRANSCRIPT_MISSING);
}

TEST(a_drive_that_was_not_asked_again)
{
	struct scene *s = scene();

	(void)state;
	ask_first(s);
	refused(s, HF_ERR_TRANSCRIPT_MISSING);
}

/* A later entry of a part does not take back what an earlier one says it signed. */
TEST(an_earlier_entry_was_signed_too)
{
	struct scene *s = scene();

	(void)state;
	ask_first(s);
	struct hf_part *later = fx_part(s->fx, HF_PART_CARD, DISK_PLACE);
	struct hf_function *f = hf_claims_add_function(&s->fx->claims, later, &s->f->address, s->f->path);

	assert_non_null(f);
	f->identity = s->f->identity;
	refused(s, HF_ERR_TRANSCRIPT_MISSING);
}

/* The drive's entry once more, as the gate leaves it behind the first when a driver was bound. */
static struct hf_function *entry(struct scene *s)
{
	struct hf_part *joined = hf_part_join(&s->fx->claims, s->fx->disk, s->fx->disk);

	assert_non_null(joined);
	assert_int_equal(hf_claims_append_part(&s->fx->claims, joined), HF_OK);
	return joined->functions;
}

/* Each of them is compared, not only the first and the last. */
TEST(three_entries_of_one_conversation)
{
	struct scene *s = asked_twice();

	(void)state;
	(void)entry(s);
	(void)entry(s);
	affirmed(s);
	s = asked_twice();
	hf_measurement_find(entry(s)->measurements, "spdm/1")->digests[0].bytes[0] ^= 1;
	(void)entry(s);
	refused(s, HF_ERR_TRANSCRIPT_DIFFERS);
	s = asked_twice();
	entry(s)->identity.subsystem_device = 1;	/* another than the leaf names */
	(void)entry(s);
	refused(s, HF_ERR_TRANSCRIPT_DIFFERS);
}

/* Each entry that says something else of the device makes us verify all its signatures again;
 * who writes the entries decides how often. */
TEST(entries_without_end)
{
	struct scene *s = asked_twice();

	(void)state;
	for (size_t i = 0; i < 4; i++)	/* as a device that shows another header each time */
		entry(s)->identity.header_type = i % 2 ? 0 : 2;
	affirmed(s);
	s = asked_twice();
	for (size_t i = 0; i < 24; i++)
		entry(s)->identity.header_type = i % 2 ? 0 : 2;
	refused(s, HF_ERR_LIMIT);
	s = asked_twice();	/* the same one over and over costs nothing */
	for (size_t i = 0; i < 24; i++)
		(void)entry(s);
	affirmed(s);
}

/* Only what was really isolated needs no second answer: the note of a host is not enough. */
TEST(an_isolated_drive_is_not_asked_again)
{
	struct scene *s = scene();
	struct hf_part *fence;
	struct made *m;

	(void)state;
	ask_first(s);
	fence = fx_part(s->fx, HF_PART_HOST, "fence");
	fx_text(s->fx, fence, NULL, "isolated-1", HF_METHOD_IDENTITY, DISK_PLACE);
	refused(s, HF_ERR_TRANSCRIPT_MISSING);
	s = scene();
	ask_first(s);
	fence = fx_part(s->fx, HF_PART_HOST, "fence");
	fx_text(s->fx, fence, NULL, "isolated-1", HF_METHOD_IDENTITY, DISK_PLACE);
	s->fx->disk_rule->action = HF_ACTION_FENCE;
	s->fx->drive->releases->environments->references->digests[0].bytes[0] ^= 1;
	m = verify(s);
	check_is(m, HF_OUTCOME_OK, HF_OK);
	assert_int_equal(hf_verdict_for(&m->v.verdict, DISK_PLACE)->status, HF_STATUS_ISOLATED);
	drop_scene(s, m);
}

/* ---- what was signed at another time, or elsewhere ---- */

TEST(a_transcript_of_another_boot)
{
	struct scene *s = scene();

	(void)state;
	s->first.boot_id[0] ^= 1;
	ask_first(s);
	ask_again(s);
	refused(s, HF_ERR_SPDM_NONCE);
	s = scene();
	s->again.boot_id[31] ^= 1;
	ask_first(s);
	ask_again(s);
	refused(s, HF_ERR_SPDM_NONCE);
}

TEST(a_second_answer_for_another_challenge)
{
	static const uint8_t nonce[20] = { 7, 7 };
	struct scene *s = scene();

	(void)state;
	s->nonce = s->boot.nonce = (struct hf_span){ nonce, sizeof(nonce) };
	ask_first(s);
	ask_again(s);
	refused(s, HF_ERR_SPDM_NONCE);
}

TEST(one_pass_for_the_other)
{
	struct scene *s = scene();

	(void)state;
	s->again.pass = HF_SPDM_PASS_MEASURE;
	ask_first(s);
	ask_again(s);
	refused(s, HF_ERR_SPDM_NONCE);
	s = scene();
	s->first.pass = HF_SPDM_PASS_RECHECK;
	ask_first(s);
	ask_again(s);
	refused(s, HF_ERR_SPDM_NONCE);
	s = scene();	/* the first transcript stands for the second too */
	ask_first(s);
	note_as(s, s->f->path, s->transcripts[0]);
	refused(s, HF_ERR_SPDM_NONCE);
}

TEST(a_transcript_of_another_function)
{
	struct scene *s = scene();

	(void)state;
	conversation(s, &s->first, "pci0000:00/09.0/00.0", true);
	ask_again(s);
	refused(s, HF_ERR_SPDM_NONCE);
	s = scene();	/* one signer for two */
	ask_first(s);
	ask_again(s);
	const struct hf_measurement *name = claim(s, HF_MKEY_TRANSCRIPT);
	struct hf_function *nic = s->fx->card->functions;
	struct hf_measurement *m = hf_claims_add_measurement(&s->fx->claims, s->fx->card, nic,
							     HF_MKEY_TRANSCRIPT, HF_METHOD_BYTES,
							     HF_MEASUREMENT_ADVISORY);

	assert_int_equal(hf_measurement_set_digests(m, name->digests, 1, name->size), HF_OK);
	refused(s, HF_ERR_SPDM_NONCE);
}

TEST(nonces_that_nobody_derived)
{
	struct scene *s = scene();

	(void)state;
	conversation(s, NULL, s->f->path, true);
	ask_again(s);
	refused(s, HF_ERR_SPDM_NONCE);
}

/* ---- what says something else ---- */

TEST(claims_that_say_more_than_was_signed)
{
	struct scene *s = asked_twice();

	(void)state;
	claim(s, "spdm/2")->digests[0].bytes[31] ^= 1;
	refused(s, HF_ERR_TRANSCRIPT_DIFFERS);
	s = asked_twice();
	claim(s, "spdm/1")->flags ^= HF_MEASUREMENT_CODE;
	refused(s, HF_ERR_TRANSCRIPT_DIFFERS);
	s = asked_twice();
	fx_code(s->fx, s->fx->disk, s->f, "spdm/3", "firmware 10");
	refused(s, HF_ERR_TRANSCRIPT_DIFFERS);
	s = asked_twice();
	fx_code(s->fx, s->fx->disk, s->f, "drive/firmware", "firmware 10")->method = HF_METHOD_SIGNED;
	refused(s, HF_ERR_TRANSCRIPT_DIFFERS);
	s = asked_twice();	/* what decides nothing is not held against the transcript */
	fx_code(s->fx, s->fx->disk, s->f, "spdm/way", "x")->flags = HF_MEASUREMENT_ADVISORY;
	affirmed(s);
}

TEST(claims_that_leave_out_what_was_signed)
{
	struct scene *s = asked_twice();

	(void)state;
	forget(s, "spdm/1");
	refused(s, HF_ERR_TRANSCRIPT_DIFFERS);
	s = asked_twice();
	forget(s, HF_MKEY_SPDM_IDENTITY);
	refused(s, HF_ERR_TRANSCRIPT_DIFFERS);
}

/* The drive signed code that no release lists. Said as something that decides nothing, or as
 * the drive's mere word, it would be nobody's business. */
TEST(claims_that_make_light_of_what_was_signed)
{
	static const uint32_t flags[] = { HF_MEASUREMENT_ADVISORY, HF_MEASUREMENT_ADVISORY, 0 };
	static const char *const mkeys[] = { "spdm/2", "spdm/version", "spdm/2" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct scene *s = asked_twice();
		struct hf_measurement *m = claim(s, mkeys[i]);

		s->fx->drive->releases->environments->references->next = NULL;
		m->method = HF_METHOD_VERSION;
		m->flags = flags[i];
		assert_int_equal(hf_measurement_set_text(&s->fx->claims, m, "nothing"), HF_OK);
		refused(s, HF_ERR_TRANSCRIPT_DIFFERS);
	}
}

TEST(a_key_that_names_nobody_is_not_bound_by_claims)
{
	struct scene *s = scene();

	(void)state;
	device_drop(&s->device);
	device_make(&s->device, &s->root, "drive 4711", NULL);
	ask_first(s);
	ask_again(s);
	assert_int_equal(claim(s, "spdm/1")->method, HF_METHOD_UNBOUND);
	for (struct hf_measurement *m = s->f->measurements; m; m = m->next)
		if (m->method == HF_METHOD_UNBOUND)
			m->method = HF_METHOD_SIGNED;
	refused(s, HF_ERR_TRANSCRIPT_DIFFERS);
}

TEST(another_digest_or_size_of_it)
{
	struct scene *s = asked_twice();
	struct hf_measurement *m = claim(s, HF_MKEY_TRANSCRIPT);

	(void)state;
	m->size++;
	refused(s, HF_ERR_TRANSCRIPT_DIFFERS);
	s = asked_twice();
	m = claim(s, HF_MKEY_TRANSCRIPT);
	m->digests[0] = fx_digest("x");
	refused(s, HF_ERR_TRANSCRIPT_DIFFERS);
}

/* The drive changed its firmware between the two; the host says that nothing changed. */
TEST(other_firmware_the_second_time)
{
	struct scene *s = scene();

	(void)state;
	ask_first(s);
	s->device.firmware[1] = "firmware 10";
	ask_again(s);
	refused(s, HF_ERR_TRANSCRIPT_DIFFERS);
}

TEST(another_key_the_second_time)
{
	struct scene *s = scene();

	(void)state;
	ask_first(s);
	device_drop(&s->device);
	device_make(&s->device, &s->root, "drive 4711", SAN);
	ask_again(s);
	refused(s, HF_ERR_TRANSCRIPT_DIFFERS);
}

/* Each byte of an answer is signed; what it is called then depends on the byte. */
TEST(a_transcript_with_one_byte_changed)
{
	struct hf_digest digest;
	size_t len, tried = 0, refused_count = 0;
	struct scene *s;
	struct made *m;

	(void)state;
	s = asked_twice();
	len = s->transcripts[0].len;
	drop_scene(s, verify(s));
	for (size_t i = 24; i < len; i += 97) {
		s = asked_twice();
		if (i >= s->transcripts[0].len)
			i = s->transcripts[0].len - 1;
		s->files[0][i] ^= 0x10;
		assert_int_equal(hf_digest(HF_ALG_SHA384, s->transcripts[0], &digest), HF_OK);
		claim(s, HF_MKEY_TRANSCRIPT)->digests[0] = digest;
		m = verify(s);
		/* times and padding of the file are nobody's word */
		if (m->v.checks[HF_CHECK_TRANSCRIPTS].outcome == HF_OUTCOME_OK)
			assert_string_equal(hf_err_name(m->v.cause), "ok");
		else
			assert_int_not_equal(m->v.cause, HF_OK);
		tried++;
		refused_count += m->v.checks[HF_CHECK_TRANSCRIPTS].outcome == HF_OUTCOME_FAILED;
		drop_scene(s, m);
	}
	assert_true(refused_count * 10 >= tried * 7);
}

/* ---- what was not asked for ---- */

static enum hf_err measures_nothing(void *self, struct hf_span request, unsigned patience_ms,
				    uint8_t *buf, size_t cap, size_t *ret_len)
{
	struct hf_writer w = { .buf = buf, .cap = cap };

	if (request.ptr[1] != HF_SPDM_GET_MEASUREMENTS)
		return device_exchange(self, request, patience_ms, buf, cap, ret_len);
	put_head(&w, 0x12, HF_SPDM_ERROR, HF_SPDM_ERROR_INVALID_REQUEST, 0);
	*ret_len = w.len;
	return HF_OK;
}

/* The first block alone, and nothing of how many there are. */
static void take_one(struct scene *s, struct hf_spdm *spdm, const struct hf_spdm_seed *seed,
		     struct hf_writer *w)
{
	uint8_t nonce[HF_SPDM_NONCE], request[HF_SPDM_REQUEST_MAX], answer[4096];
	struct hf_writer r = { .buf = request, .cap = sizeof(request) };
	struct hf_span said = { answer, 0 };

	assert_int_equal(hf_spdm_nonce(seed, s->f->path, spdm->nonces, nonce), HF_OK);
	hf_spdm_request_measurements(&r, 0x12, 1, nonce, 0);
	assert_int_equal(device_exchange(&s->device, hf_written(&r), 0, answer, sizeof(answer), &said.len),
			 HF_OK);
	hf_transcript_add(w, hf_written(&r));
	hf_transcript_add(w, said);
	assert_int_equal(hf_spdm_take(spdm, hf_written(&r), said), HF_OK);
	assert_true(spdm->blocks[1].is_signed && !spdm->blocks[2].there);
}

/* Of a drive that refuses to measure, or so it is said. result: what the claims make of it, if
 * there are any. */
static void ask_less(struct scene *s, const struct hf_spdm_seed *seed, bool one, bool claim,
		     enum hf_err result)
{
	const struct hf_spdm_transport transport = { .self = &s->device, .exchange = measures_nothing,
						     .message_max = 4096 };
	const struct hf_spdm_plan plan = { .seed = seed, .path = s->f->path, .slot = -1 };
	struct hf_writer w = { .buf = s->files[s->count], .cap = FILE_MAX };
	struct hf_spdm *spdm = calloc(1, sizeof(*spdm));
	struct hf_arena arena;

	assert_int_equal(hf_arena_make(16u << 20, &arena), HF_OK);
	const struct hf_spdm_options options = { .arena = &arena, .seed = seed, .path = s->f->path };

	assert_int_equal(hf_spdm_open(&options, spdm), HF_OK);
	hf_transcript_begin(&w);
	assert_int_equal(hf_spdm_ask(&transport, &plan, spdm, &w), HF_ERR_SPDM_ERROR);
	if (one)
		take_one(s, spdm, seed, &w);
	if (claim)
		device_claim(spdm, result, &w, &s->fx->claims, s->fx->disk, s->f);
	hf_spdm_close(spdm);
	free(spdm);
	hf_arena_drop(&arena);
	s->transcripts[s->count++] = hf_written(&w);
}

static struct scene *asked_for_one(void)
{
	struct scene *s = scene();

	s->fx->drive->releases->environments->references->next = NULL;
	ask_less(s, &s->first, true, true, HF_OK);
	ask_less(s, &s->again, true, false, HF_OK);
	note_as(s, s->f->path, s->transcripts[1]);
	return s;
}

/* No release lists the drive's second block, and nobody asked for it. */
TEST(a_block_that_nobody_asked_for)
{
	struct scene *s = asked_for_one();
	struct made *m = verify(s);

	(void)state;
	check_is(m, HF_OUTCOME_OK, HF_OK);
	assert_string_equal(hf_err_name(m->v.cause), "spdm-shape");
	drop_scene(s, m);
	s = asked_for_one();
	forget(s, "spdm/total");
	refused(s, HF_ERR_TRANSCRIPT_DIFFERS);
}

/* It can sign measurements, and did not: no word for that makes it harmless. */
TEST(a_drive_that_is_said_to_be_unable_to_sign)
{
	static const enum hf_err results[] = { HF_ERR_SPDM_ERROR, HF_ERR_SPDM_CANNOT_SIGN };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct scene *s = scene();
		struct made *m;

		s->fx->drive->releases->environments->references = NULL;
		s->fx->disk_rule->least_method = HF_METHOD_IDENTITY;
		ask_less(s, &s->first, false, true, results[i]);
		ask_less(s, &s->again, false, false, HF_OK);
		note_as(s, s->f->path, s->transcripts[1]);
		m = verify(s);
		if (results[i] == HF_ERR_SPDM_ERROR)
			check_is(m, HF_OUTCOME_OK, HF_OK);
		else
			check_is(m, HF_OUTCOME_FAILED, HF_ERR_TRANSCRIPT_DIFFERS);
		assert_int_not_equal(m->v.cause, HF_OK);
		drop_scene(s, m);
	}
}

/* ---- what is left over ---- */

TEST(a_transcript_that_nobody_names)
{
	struct scene *s = asked_twice();

	(void)state;
	conversation(s, &s->first, s->f->path, false);
	refused(s, HF_ERR_TRANSCRIPT_DIFFERS);
}

TEST(one_transcript_twice)
{
	struct scene *s = asked_twice();

	(void)state;
	s->transcripts[s->count++] = s->transcripts[0];
	refused(s, HF_ERR_CBOR_DUPLICATE_KEY);
}

TEST(notes_that_do_not_fit)
{
	struct scene *s = asked_twice();

	(void)state;
	fx_text(s->fx, s->note, NULL, "transcript-x", HF_METHOD_IDENTITY, "a word");
	refused(s, HF_ERR_TRANSCRIPT_SHAPE);
	s = asked_twice();	/* twice */
	ask_again(s);
	refused(s, HF_ERR_TRANSCRIPT_DIFFERS);
	s = asked_twice();	/* of a function that never signed */
	note_as(s, s->fx->card->functions->path, s->transcripts[1]);
	refused(s, HF_ERR_TRANSCRIPT_DIFFERS);
	s = scene();
	ask_first(s);
	note_as(s, "pci0000:00/09.0/00.0", s->transcripts[0]);
	refused(s, HF_ERR_TRANSCRIPT_DIFFERS);
}

TEST(a_note_reads_back_as_it_was_written)
{
	char text[HF_SPDM_NOTE_TEXT], path[HF_PATH_MAX + 1], longest[HF_PATH_MAX + 1];
	struct hf_digest digest, again;

	(void)state;
	memset(longest, 'x', HF_PATH_MAX);
	longest[HF_PATH_MAX] = '\0';
	assert_int_equal(hf_digest(HF_ALG_SHA384, hf_span_text("x"), &digest), HF_OK);
	hf_spdm_note_text(longest, &digest, text);
	assert_true(hf_spdm_note_parse(text, path, &again));
	assert_string_equal(path, longest);
	assert_true(hf_digest_equal(&digest, &again));
	text[strlen(text) - 1] = 'A';
	assert_false(hf_spdm_note_parse(text, path, &again));
	text[strlen(text) - 1] = '\0';
	assert_false(hf_spdm_note_parse(text, path, &again));
	assert_false(hf_spdm_note_parse(" sha384:", path, &again));
	assert_false(hf_spdm_note_parse("", path, &again));
}

/* ---- another reader ---- */

#define PYTHON "/usr/bin/python3"

/* Python, written from the document alone, finds the same nonces and the same signatures. */
TEST(an_independent_reader_agrees)
{
	char dir[] = "/tmp/holdfast-transcripts-XXXXXX", command[256];
	struct scene *s = asked_twice();
	struct made *m = verify(s);
	struct hf_fault fault = { 0 };

	(void)state;
	if (system(PYTHON " -c 'import cbor2, cryptography' 2>/dev/null") != 0) {
		drop_scene(s, m);
		skip();
	}
	assert_non_null(mkdtemp(dir));
	assert_int_equal(hf_evidence_write(&m->e, dir, &fault), HF_OK);
	snprintf(command, sizeof(command),
		 PYTHON " tests/independent_transcripts.py %s >%s/found 2>&1 && grep -q 'drive 4711' %s/found",
		 dir, dir, dir);
	assert_int_equal(system(command), 0);
	m->e.boot_key = hf_span_text("another key");
	assert_int_equal(hf_evidence_write(&m->e, dir, &fault), HF_OK);
	assert_int_not_equal(system(command), 0);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
	drop_scene(s, m);
}

/* ---- a diagnosis ---- */

static struct scene *diagnosis(void)
{
	static const uint8_t nonce[20] = { 9, 9 };
	struct scene *s = scene();

	s->nonce = s->boot.nonce = (struct hf_span){ nonce, sizeof(nonce) };
	s->boot.policy = "diagnosis";
	s->boot.no_boot_key = true;
	s->boot.our_pcr = 16;
	s->boot.quoted = HF_QUOTE_PCRS | 1u << 16;
	s->first.challenge = s->nonce;
	memset(s->first.boot_id, 0, 32);
	return s;
}

TEST(a_diagnosis_asks_once_with_the_challenge)
{
	struct scene *s = diagnosis();
	struct made *m;

	(void)state;
	ask_first(s);
	m = verify(s);
	check_is(m, HF_OUTCOME_OK, HF_OK);
	assert_string_equal(hf_err_name(m->v.cause), "pcr-refused");
	drop_scene(s, m);
	s = diagnosis();
	s->first.challenge = (struct hf_span){ NULL, 0 };
	ask_first(s);
	m = verify(s);
	check_is(m, HF_OUTCOME_FAILED, HF_ERR_SPDM_NONCE);
	drop_scene(s, m);
}

/* In the gate's PCR, the gate's conditions hold. */
TEST(a_diagnosis_elsewhere_is_none)
{
	struct scene *s = diagnosis();
	struct made *m;

	(void)state;
	s->boot.our_pcr = HF_PCR_DEFAULT;
	s->boot.quoted = 0;
	ask_first(s);
	m = verify(s);
	check_is(m, HF_OUTCOME_FAILED, HF_ERR_SPDM_NONCE);
	drop_scene(s, m);
}

#define T(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_drive_that_signed_twice), T(nobody_signed), T(the_challenge_of_a_controller),
		T(an_anchor_that_is_not_there), T(a_host_that_was_held_before_it_asked_again),
		T(a_transcript_that_is_not_there), T(signed_claims_that_name_no_transcript),
		T(a_drive_that_was_not_asked_again), T(an_earlier_entry_was_signed_too),
		T(three_entries_of_one_conversation), T(entries_without_end),
		T(an_isolated_drive_is_not_asked_again),
		T(a_transcript_of_another_boot), T(a_second_answer_for_another_challenge),
		T(one_pass_for_the_other), T(a_transcript_of_another_function),
		T(nonces_that_nobody_derived), T(claims_that_say_more_than_was_signed),
		T(claims_that_leave_out_what_was_signed), T(claims_that_make_light_of_what_was_signed),
		T(a_key_that_names_nobody_is_not_bound_by_claims), T(another_digest_or_size_of_it),
		T(other_firmware_the_second_time), T(another_key_the_second_time),
		T(a_transcript_with_one_byte_changed), T(a_block_that_nobody_asked_for),
		T(a_drive_that_is_said_to_be_unable_to_sign),
		T(a_transcript_that_nobody_names),
		T(one_transcript_twice), T(notes_that_do_not_fit),
		T(an_independent_reader_agrees), T(a_note_reads_back_as_it_was_written), T(a_diagnosis_asks_once_with_the_challenge),
		T(a_diagnosis_elsewhere_is_none),
	};

	return cmocka_run_group_tests_name("verify_transcripts", tests, NULL, NULL);
}
