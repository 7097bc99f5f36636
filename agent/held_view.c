/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the held screen says: of a cause, the device that it is about, in the words that stand on
 * the chassis and on the card; and what a technician does next. */
#include "agent/gate.h"

#include <stdio.h>

#include "agent/platform.h"
#include "manifests/report.h"
#include "pcie/config.h"
#include "pcie/slots.h"

#define PCI_EXPRESS 0x10		/* capability */
#define SLOT_CAPABILITIES 0x14

/* The verdict's own words for the cause, if it was a verdict that held the host. Those for
 * the place that it names, if there are any: a warning of the same cause, or another part,
 * would send the technician to the wrong device. */
static const struct hf_finding *finding_of(const struct hf_gate *gate, const struct hf_fault *why,
					   const struct hf_part_verdict **ret_part, size_t *ret_count)
{
	const struct hf_finding *found = NULL;
	bool at_place = false;

	*ret_part = NULL;
	*ret_count = 0;
	if (!gate->judged)
		return NULL;
	for (const struct hf_part_verdict *p = gate->verdict.parts; p; p = p->next) {
		bool here = strcmp(p->place, why->where) == 0;

		for (const struct hf_finding *f = p->findings; f; f = f->next) {
			*ret_count += f->action != HF_ACTION_WARN;
			if (f->cause != why->err || f->action == HF_ACTION_WARN ||
			    (found && (at_place || !here)))
				continue;
			found = f;
			at_place = here;
			*ret_part = p;
		}
	}
	for (const struct hf_finding *f = gate->verdict.boot; f; f = f->next) {
		*ret_count += 1;
		if (found || f->cause != why->err)
			continue;
		found = f;
		*ret_part = f->part ? hf_verdict_for(&gate->verdict, f->part->path) : NULL;
	}
	return found;
}

static const struct hf_function *function_at(const struct hf_claims *claims, struct hf_span path)
{
	for (const struct hf_part *p = claims->parts; p; p = p->next)
		for (const struct hf_function *f = p->functions; f; f = f->next)
			if (hf_span_equal(hf_span_text(f->path), path))
				return f;
	return NULL;
}

/* The number that the port above a place gives its slot: PCIe base 6.0, 7.5.3.9, bits 31:19 of
 * Slot Capabilities. 0: it has none, for what hangs there is soldered to the board. */
static unsigned port_number(const struct hf_gate *gate, const char *path)
{
	const char *slash = strrchr(path, '/');
	const struct hf_function *port = NULL;
	const struct hf_bus_function *bus;
	bool slot = false, loop = false;
	struct hf_cursor c;
	uint8_t type;

	if (slash)
		port = function_at(&gate->claims, (struct hf_span){ (const uint8_t *)path,
								    (size_t)(slash - path) });
	bus = port ? hf_bus_find(&gate->bus, &port->address) : NULL;
	if (!bus || !hf_config_port(bus->config, &type, &slot) || !slot)
		return 0;
	c = hf_cursor_at(bus->config);
	hf_seek(&c, hf_config_capability(bus->config, PCI_EXPRESS, &loop) + SLOT_CAPABILITIES);
	uint32_t capabilities = hf_u32le(&c);

	return c.bad || loop ? 0 : capabilities >> 19;
}

struct device_text {
	char slot[HF_SLOT_MAX + 48], slot_key[HF_SLOT_MAX + 1];
	char part[160], serial[128], address[64], bdf[HF_ADDRESS_TEXT];
	char name[80], where[HF_SLOT_MAX + 32];	/* for the next step: "e1000e", "in PCIe slot 3" */
};

struct subject {	/* what a cause is about, as far as it is known */
	const struct hf_part *part;
	const struct hf_function *function;
	const struct hf_part_verdict *verdict;
};

/* Of a cause that no verdict gave ("it answered differently", "its driver did not come
 * back"): by the path or the address that it names. */
static struct subject subject_at(const struct hf_gate *gate, const char *where)
{
	struct subject s = { NULL, NULL, NULL };
	char address[HF_ADDRESS_TEXT];

	for (const struct hf_part *p = where[0] ? gate->claims.parts : NULL; p; p = p->next) {
		if (p->kind == HF_PART_HOST)
			continue;
		if (p->kind == HF_PART_CARD && strcmp(p->path, where) == 0)
			s = (struct subject){ .part = p, .function = p->functions };
		for (const struct hf_function *f = p->functions; f; f = f->next) {
			hf_address_format(&f->address, address);
			if (strcmp(f->path, where) == 0 || strcmp(address, where) == 0)
				s = (struct subject){ .part = p, .function = f };
		}
	}
	if (s.part && gate->judged)
		s.verdict = hf_verdict_for(&gate->verdict, s.part->path);
	return s;
}

static struct subject subject_of(const struct hf_finding *finding, const struct hf_part_verdict *verdict)
{
	struct subject s = { .verdict = verdict, .function = finding->function };

	s.part = verdict ? verdict->part : NULL;
	if (!s.function && s.part && s.part->kind == HF_PART_CARD)
		s.function = s.part->functions;
	return s;
}

/* ---- where it is ---- */

static const char *text_in(struct hf_measurement *list, const char *mkey)
{
	const struct hf_measurement *m = hf_measurement_find(list, mkey);

	return m && m->kind == HF_VALUE_TEXT && m->text && m->text[0] ? m->text : NULL;
}

/* "PCIe slot 3" where the label is a number alone, else as the board has it. */
static const char *slot_words(const char *label)
{
	return label[strspn(label, "0123456789")] ? "" : "PCIe slot ";
}

/* Whether number stands in label as a word of digits: "PCIe Slot 3 (CPU1)" has 3. */
static bool has_number(const char *label, const char *number)
{
	const size_t len = strlen(number);

	for (const char *c = label; *c; c++) {
		size_t digits = strspn(c, "0123456789");

		if (digits == len && strncmp(c, number, len) == 0)
			return true;
		c += digits > 1 ? digits - 1 : 0;
	}
	return false;
}

/* The label that reports and rules have, which is what the board calls the slot; and where the
 * port gives another number, that too: either may be printed on the chassis. */
static void put_slot(struct device_text *t, const char *label, unsigned number)
{
	char port[16];

	snprintf(port, sizeof(port), "%u", number);
	if (!label && !number)
		return;
	snprintf(t->slot_key, sizeof(t->slot_key), "%s", label ? label : port);
	snprintf(t->where, sizeof(t->where), "in %s%s", slot_words(t->slot_key), t->slot_key);
	snprintf(t->slot, sizeof(t->slot), "%s%s", slot_words(t->slot_key), t->slot_key);
	if (label && number && !has_number(label, port))
		snprintf(t->slot + strlen(t->slot), sizeof(t->slot) - strlen(t->slot),
			 " (its port says %s)", port);
}

/* Of a function that sits in no slot, what the board calls it (SMBIOS type 41). Where it is the
 * board's own, the board is what has to be replaced. */
static void put_onboard(struct device_text *t, const struct subject *s)
{
	const char *label = text_in(s->function->measurements, HF_MKEY_ONBOARD);
	const bool board = s->part && s->part->kind == HF_PART_BOARD;

	if (board)
		snprintf(t->name, sizeof(t->name), "%s", "the board");
	if (!label)
		return;
	snprintf(t->slot_key, sizeof(t->slot_key), "%s", label);
	snprintf(t->slot, sizeof(t->slot), "none: on the board, called %s", label);
	snprintf(t->where, sizeof(t->where), "%s(%s)", board ? "" : "on the board ", label);
}

static void describe_place(const struct hf_gate *gate, const struct subject *s, struct device_text *t)
{
	const char *label = s->part ? text_in(s->part->measurements, HF_MKEY_SLOT) : NULL;
	const char *path = s->function ? s->function->path : s->verdict ? s->verdict->place : NULL;
	const struct hf_rule *rule = s->verdict ? s->verdict->rule : NULL;

	/* Of a part that is not there: where its rule wants it. */
	if (!s->part && rule && rule->slots && !rule->slots->next)
		label = rule->slots->name;
	put_slot(t, label, path ? port_number(gate, path) : 0);
	if (!t->slot[0] && s->function)
		put_onboard(t, s);
	if (!t->where[0] && s->part && s->part->kind == HF_PART_CARD && t->bdf[0])
		snprintf(t->where, sizeof(t->where), "at %s", t->bdf);
}

/* ---- what it is ---- */

/* What the card says of itself: product data are often those of its first function alone. */
static const char *text_of_part(const struct subject *s, const char *mkey)
{
	const char *found = s->function ? text_in(s->function->measurements, mkey) : NULL;

	if (!s->part || s->part->kind != HF_PART_CARD)
		return found;
	for (const struct hf_function *f = s->part->functions; f && !found; f = f->next)
		found = text_in(f->measurements, mkey);
	return found;
}

/* Of a device that does not say what it is: the one that a rule misses there. */
static const struct hf_part_verdict *missed_at(const struct hf_gate *gate, const char *place)
{
	for (const struct hf_part_verdict *v = gate->judged ? gate->verdict.parts : NULL; v; v = v->next)
		if (!v->part && strcmp(v->place, place) == 0)
			return v;
	return NULL;
}

static void describe_part(const struct hf_gate *gate, const struct subject *s, struct device_text *t)
{
	const struct hf_part_verdict *v = s->verdict;
	const struct hf_function *f = s->function;
	const char *number = text_of_part(s, "vpd/part-number");
	const char *called = text_of_part(s, "vpd/identifier");

	if (!number)
		number = text_of_part(s, "nvme/model");
	if (f && !f->identity.vendor)
		v = missed_at(gate, s->part ? s->part->path : "");
	if (v && v->component)
		snprintf(t->name, sizeof(t->name), "%.79s", v->component->name);
	else if (v && v->rule)
		snprintf(t->name, sizeof(t->name), "%.79s", v->rule->name);
	else if (f && f->identity.vendor)
		snprintf(t->name, sizeof(t->name), "the %.60s",
			 called ? called : hf_report_class_name(f->identity.class_code));
	snprintf(t->part, sizeof(t->part), "%s%s%.60s", strncmp(t->name, "the ", 4) ? t->name : t->name + 4,
		 number ? ", part number " : "", number ? number : "");
}

/* The number on the card's label first; then that in its registers, which a network card often
 * derives from its address. */
static void describe_serial(const struct subject *s, struct device_text *t)
{
	const struct hf_identity *id = &s->function->identity;
	const char *printed = text_of_part(s, "vpd/serial");
	char number[24] = "";

	if (!printed)
		printed = text_of_part(s, "nvme/serial");
	if (id->has_serial)
		snprintf(number, sizeof(number), "%016llx", (unsigned long long)id->serial);
	if (printed && number[0])
		snprintf(t->serial, sizeof(t->serial), "%.40s (its registers say %s)", printed, number);
	else
		snprintf(t->serial, sizeof(t->serial), "%.60s", printed ? printed : number);
}

static void describe_device(const struct hf_gate *gate, const struct subject *s, struct device_text *t)
{
	const struct hf_function *f = s->function;

	memset(t, 0, sizeof(*t));
	if (f) {
		hf_address_format(&f->address, t->bdf);
		snprintf(t->address, sizeof(t->address), "%s", t->bdf);
		if (f->identity.vendor)
			snprintf(t->address, sizeof(t->address), "%s  %04x:%04x class %06x", t->bdf,
				 f->identity.vendor, f->identity.device, f->identity.class_code);
		describe_serial(s, t);
	}
	describe_part(gate, s, t);
	describe_place(gate, s, t);
}

/* ---- the whole ---- */

static size_t parts_refused(const struct hf_gate *gate)
{
	size_t count = 0;

	for (const struct hf_part_verdict *p = gate->judged ? gate->verdict.parts : NULL; p; p = p->next) {
		const struct hf_finding *f = p->findings;

		while (f && f->action == HF_ACTION_WARN)
			f = f->next;
		count += f != NULL;
	}
	return count;
}

const char *hf_gate_tells_nobody(const struct hf_gate *gate)
{
	if (!hf_gate_by_controller(gate) || !gate->conf.controller[0])
		return "";
	if (!gate->evidence.receipt.len)	/* he believes the TPM alone */
		return "there is no quote over this end";
	return hf_gate_live(gate) ? hf_gate_no_card(gate) : NULL;
}

static void describe_report(const struct hf_gate *gate, char *out, size_t cap)
{
	const char *why = hf_gate_tells_nobody(gate);

	if (why)
		snprintf(out, cap, "%s%s", why[0] ? "not told: " : "", why);
	else if (gate->talk.no_answer.err != HF_OK)
		snprintf(out, cap, "did not answer: %s", hf_err_name(gate->talk.no_answer.err));
	else
		snprintf(out, cap, "%s", "is told next: see holdfastctl host show");
}

/* A claim; of a host that was held before it had any, what the kernel shows. */
static void host_word(const struct hf_gate *gate, const char *mkey, const char *file, char *out, size_t cap)
{
	const char *text = gate->host_part ? hf_platform_text(gate->host_part, mkey) : NULL;

	out[0] = '\0';
	if (text)
		snprintf(out, cap, "%s", text);
	else if (gate->host_open && hf_host_read_text(&gate->host, file, out, cap) != HF_OK)
		out[0] = '\0';
}

static void describe_host(const struct hf_gate *gate, char *out, size_t cap)
{
	char vendor[49], product[49], serial[33];

	host_word(gate, "smbios/vendor", "class/dmi/id/sys_vendor", vendor, sizeof(vendor));
	host_word(gate, "smbios/product", "class/dmi/id/product_name", product, sizeof(product));
	host_word(gate, "smbios/serial", "class/dmi/id/product_serial", serial, sizeof(serial));
	snprintf(out, cap, "%s%s%s%s%s", vendor, vendor[0] && product[0] ? " " : "", product,
		 serial[0] ? ", serial " : "", serial);
}

/* The finding's own words. Of a release that must go, which one and why; of a part that moved,
 * also the slot that it belongs into. */
static void describe_values(const struct hf_gate *gate, const struct hf_finding *f, char found[static 256],
			    char expected[static 256])
{
	const bool release = f->cause == HF_ERR_FIRMWARE_OLD || f->cause == HF_ERR_FIRMWARE_REVOKED;
	unsigned number = f->cause == HF_ERR_PART_MOVED && f->expected ? port_number(gate, f->expected) : 0;

	found[0] = expected[0] = '\0';
	if (release)
		snprintf(found, 256, "release %.80s%s%.150s", f->found ? f->found : "?", f->expected ? ": " : "",
			 f->expected ? f->expected : "");
	else
		snprintf(found, 256, "%.255s", f->found ? f->found : "");
	if (number)
		snprintf(expected, 256, "%.200s, PCIe slot %u", f->expected, number);
	else if (!release)
		snprintf(expected, 256, "%.255s", f->expected ? f->expected : "");
}

void hf_gate_held_screen(const struct hf_gate *gate, const struct hf_fault *why, bool would_hold,
			 struct hf_writer *w)
{
	const struct hf_part_verdict *part;
	struct device_text device;
	char host[160], report[96] = "", found[256] = "", expected[256] = "";
	size_t count;
	const struct hf_finding *finding = finding_of(gate, why, &part, &count);
	const struct subject subject = finding ? subject_of(finding, part) : subject_at(gate, why->where);

	describe_device(gate, &subject, &device);
	describe_host(gate, host, sizeof(host));
	if (finding)
		describe_values(gate, finding, found, expected);
	if (!would_hold)
		describe_report(gate, report, sizeof(report));

	const struct hf_held_view view = {
		.cause = why->err, .would_hold = would_hold, .stage = gate->stage, .host = host,
		.slot = device.slot, .slot_key = device.slot_key, .part = device.part,
		.serial = device.serial, .address = device.address, .bdf = device.bdf,
		.name = device.name, .where = device.where,
		.place = why->where[0] ? why->where : NULL,
		.what = finding ? finding->mkey : NULL,
		.found = found, .expected = expected,
		.detail = finding ? NULL : why->detail,
		.controller = report,
		.root_of_trust = hf_root_of_trust(gate->model, gate->firmware_log),
		.mode = hf_gate_audit(gate) ? "audit" : "enforce",
		.others = finding && count > 1 ? count - 1 : 0,
		.parts_refused = parts_refused(gate),
		.after_ms = would_hold ? hf_now_ms() - gate->start_ms : gate->entered_ms - gate->start_ms,
		.capped = gate->banks && gate->log_started && gate->log.state == HF_LOG_CAPPED,
		.quoted = gate->evidence.quote.len > 0,
	};
	hf_screen_held(&view, w);
}
