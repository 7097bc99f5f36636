/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A host of 64 parts: itself, its board, 8 accelerators, 16 drives, 38 network cards; the manifests
 * that accept it, and the evidence of its boots. Only the serial number differs between hosts. */
#include "tests/fleet/fleet.h"

#define CARDS (FLEET_PARTS - 2)
#define PART_CBOR 16384

struct kind { const char *name; uint16_t vendor, device; uint32_t class_code; const char *rom; };
static const struct kind kinds[] = {
	{ "accelerator", 0x10de, 0x2330, 0x030200, "accelerator rom 96.00.61" },
	{ "nvme-drive", 0x144d, 0xa80a, 0x010802, NULL },
	{ "nic", 0x15b3, 0x1021, 0x020000, "nic rom 28.39" },
};

static const struct kind *kind_of(unsigned card)
{
	return &kinds[card < 8 ? 0 : card < 24 ? 1 : 2];
}

static const char *place_of(struct fixture *fx, unsigned card)
{
	char text[64];
	const char *place;

	snprintf(text, sizeof(text), "pci0000:00/%02x.%u/00", 1 + card / 4, card % 4);
	place = hf_arena_text(&fx->arena, text, strlen(text));
	assert_non_null(place);
	return place;
}

static void put_card(struct fixture *fx, unsigned card)
{
	const struct kind *k = kind_of(card);
	struct hf_part *part = fx_part(fx, HF_PART_CARD, place_of(fx, card));
	struct hf_function *f = fx_function(fx, part, k->vendor, k->device, k->class_code);
	char text[32];

	snprintf(text, sizeof(text), "%u", card);
	fx_text(fx, part, NULL, HF_MKEY_SLOT, HF_METHOD_IDENTITY, hf_arena_text(&fx->arena, text, strlen(text)));
	fx_text(fx, part, f, "vpd/part", HF_METHOD_IDENTITY, "900-9X6AF");
	fx_text(fx, part, f, "vpd/serial", HF_METHOD_IDENTITY, "MT2222X01234");
	if (k->rom)
		fx_code(fx, part, f, "option-rom/window", k->rom);
}

static void put_host(struct maker *k)
{
	struct fixture *fx = k->fx;

	fx->host = fx_part(fx, HF_PART_HOST, "host");
	fx_text(fx, fx->host, NULL, "smbios/vendor", HF_METHOD_IDENTITY, "ACME");
	fx_text(fx, fx->host, NULL, "smbios/product", HF_METHOD_IDENTITY, "One");
	fx_text(fx, fx->host, NULL, "smbios/chassis-serial", HF_METHOD_IDENTITY, "");
	fx_text(fx, fx->host, NULL, "tpm/banks", HF_METHOD_IDENTITY, "sha256 sha384");
	for (struct hf_measurement *m = fx->host->measurements; m; m = m->next)
		if (strcmp(m->mkey, "smbios/chassis-serial") == 0)
			k->serial = m;
	assert_non_null(k->serial);
	k->serial->text = k->serial_text;
	fx->board = fx_part(fx, HF_PART_BOARD, "board");
	for (unsigned i = 0; i < CARDS; i++)
		fx_function(fx, fx->board, 0x8086, 0x3420, 0x060400);
	for (unsigned i = 0; i < CARDS; i++)
		put_card(fx, i);
	assert_int_equal(fx->claims.part_count, FLEET_PARTS);
}

static void put_component(struct fixture *fx, const struct kind *k, uint32_t count)
{
	struct hf_release *r = fx_release(fx, fx_component(fx, k->name), "1", HF_RELEASE_ALLOWED);
	struct hf_environment *e = fx_environment(fx, r, k->vendor, k->device, k->class_code, count);

	if (k->rom)
		fx_reference(fx, e, "option-rom/window", k->rom);
}

static void put_tenant(struct maker *k)
{
	struct hf_image *i = fx_take(k->fx, sizeof(*i)), **end = &k->fx->manifests->images;

	while (*end)
		end = &(*end)->next;
	k->images[0] = fx_digest("tenant's kernel");
	k->images[1] = fx_digest("tenant's initrd");
	k->images[2] = fx_digest("quiet");
	*i = (struct hf_image){ .role = HF_IMAGE_TENANT, .name = FLEET_TENANT, .kind = HF_TENANT_KEXEC,
				.has_kernel = true, .has_initrd = true,
				.kernel = k->images[0], .initrd = k->images[1], .command_line_text = "quiet" };
	*end = i;
}

static void put_manifests(struct maker *k)
{
	static const struct kind board = { "board", 0x8086, 0x3420, 0x060400, NULL };
	struct fixture *fx = k->fx;

	put_component(fx, &board, CARDS);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		put_component(fx, &kinds[i], 1);
	fx->model = fx_take(fx, sizeof(*fx->model));
	*fx->model = (struct hf_model){ .name = FLEET_MODEL, .vendor = "ACME", .product = "One", .generation = 7,
					.unknown = HF_ACTION_HOLD, .tpm_required = true };
	fx->manifests->models = fx->model;
	fx_rule(fx, "board", "board", HF_PRESENCE_REQUIRED);
	for (unsigned i = 0; i < CARDS; i++) {
		struct hf_rule *r = fx_rule(fx, kind_of(i)->name, place_of(fx, i), HF_PRESENCE_REQUIRED);

		r->name = r->place + strlen("pci0000:");	/* a name has no '/' ... */
		char name[32];

		snprintf(name, sizeof(name), "place %u", i);
		r->name = hf_arena_text(&fx->arena, name, strlen(name));
		if (kind_of(i)->rom)
			r->least_method = HF_METHOD_BYTES;
	}
	fx_image(fx, "gate", "kernel", "initrd", "options");
	fx_boot_code(fx, "driver");
	put_tenant(k);
}

struct hf_span maker_payload(const struct hf_part *part, uint8_t *buf, size_t cap)
{
	uint8_t cbor[PART_CBOR];
	struct hf_writer c = { .buf = cbor, .cap = sizeof(cbor) }, w = { .buf = buf, .cap = cap };
	struct hf_digest digest;

	hf_part_encode(part, &c);
	assert_false(c.full);
	assert_int_equal(hf_digest(HF_ALG_SHA384, hf_written(&c), &digest), HF_OK);
	hf_log_part_payload(&w, part->path, &digest);
	assert_false(w.full);
	return hf_written(&w);
}

struct maker *maker_new(void)
{
	struct maker *k = calloc(1, sizeof(*k));
	const struct hf_part *p;
	size_t i = 0;

	assert_non_null(k);
	k->fx = calloc(1, sizeof(*k->fx));
	assert_int_equal(hf_arena_make(FIXTURE_ARENA, &k->fx->arena), HF_OK);
	k->fx->manifests = calloc(1, sizeof(*k->fx->manifests));
	k->fx->manifests->arena = &k->fx->arena;
	hf_claims_init(&k->fx->claims, &k->fx->arena);
	put_host(k);
	put_manifests(k);
	for (p = k->fx->claims.parts; p; p = p->next, i++)
		if (p != k->fx->host)
			k->payloads[i] = maker_payload(p, fx_take(k->fx, 512), 512);
	log_boot(&k->m.firmware, "driver", "kernel", "initrd", "options");
	return k;
}

void maker_drop(struct maker *k)
{
	fx_free(k->fx);
	free(k);
}

void fleet_serial(unsigned host, char out[static 32])
{
	snprintf(out, 32, "SN-%08u", host);
}

void maker_parts(struct maker *k)
{
	uint8_t buf[512];
	const struct hf_part *p = k->fx->claims.parts;

	for (size_t i = 0; p; p = p->next, i++)
		event(&k->m, HF_TAG_PART, p == k->fx->host ? maker_payload(p, buf, sizeof(buf)) : k->payloads[i]);
}

void maker_boot(struct maker *k, struct soft_tpm *t, unsigned host, struct hf_span boot_key, struct hf_span nonce)
{
	struct hf_writer claims = { .buf = k->claims, .cap = sizeof(k->claims) };
	struct boot_case c = good;
	struct made *m = &k->m;

	c.policy = "controller";
	fleet_serial(host, k->serial_text);
	lie_before(k, &c);
	m->e = (struct hf_evidence){ .boot_key = boot_key, .nonce = nonce, .ak = t->tpm.ak,
				     .firmware_log = hf_written(&m->firmware.w) };
	assert_int_equal(hf_digest(HF_ALG_SHA256, boot_key, &m->boot_id), HF_OK);
	m->tpm = t->tpm;
	m->tpm.nonce = nonce;
	assert_int_equal(hf_log_start(&m->log, m->log_buf, sizeof(m->log_buf),
				      HF_ALG_MASK(HF_ALG_SHA256) | HF_ALG_MASK(HF_ALG_SHA384), HF_PCR_DEFAULT), HF_OK);
	put_begin(m, &c);
	maker_parts(k);
	put_end(m, &c);
	lie_before_quote(k, &c);
	quote(m, m->quote, sizeof(m->quote), &m->e.quote, m->sig, sizeof(m->sig), &m->e.signature);
	m->e.log = hf_written(&m->log.out);
	hf_claims_encode(&k->fx->claims, &claims);
	assert_false(claims.full);
	m->e.claims = hf_written(&claims);
	lie_after_quote(k);
}

void maker_receipt(struct maker *k, struct soft_tpm *t, struct hf_span ticket, struct hf_writer *body)
{
	uint8_t cap[128];
	struct hf_writer c = { .buf = cap, .cap = sizeof(cap) };
	struct hf_digest given, quoted, id;
	struct made *m = &k->m;
	struct hf_wire_receipt_request in = { .ak = t->tpm.ak };

	assert_int_equal(hf_digest(HF_ALG_SHA256, ticket, &given), HF_OK);
	assert_int_equal(hf_digest(HF_ALG_SHA256, m->e.quote, &quoted), HF_OK);
	hf_cbor_put_map(&c, 3);
	hf_cbor_put_text(&c, "ticket");
	hf_cbor_put_bstr(&c, (struct hf_span){ given.bytes, 32 });
	hf_cbor_put_text(&c, "reclaim");	/* the ticket's digest says which: nobody compares this */
	hf_cbor_put_bstr(&c, (struct hf_span){ given.bytes, HF_WIRE_ID });
	hf_cbor_put_text(&c, "release");
	hf_cbor_put_text(&c, "kexec");
	assert_false(c.full);
	event(m, HF_TAG_CAP, hf_written(&c));
	assert_int_equal(hf_digest(HF_ALG_SHA256, hf_written(&c), &id), HF_OK);
	m->tpm.nonce = (struct hf_span){ id.bytes, 32 };
	quote(m, m->receipt, sizeof(m->receipt), &in.attest, m->rsig, sizeof(m->rsig), &in.signature);
	in.quote_digest = (struct hf_span){ quoted.bytes, 32 };
	in.cap = hf_written(&c);
	hf_wire_put_receipt_request(body, &in);
	assert_false(body->full);
}
