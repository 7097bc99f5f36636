/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HELD: it has no successor. The PCR is capped in every bank, the log finished, the evidence
 * sent, the reason shown on every console; then a controller hears of it, and nothing else
 * happens any more. No step here may stop the next one. */
#include "agent/gate.h"

#include <stdio.h>
#include <unistd.h>

#include "agent/pid1.h"
#include "agent/platform.h"
#include "agent/release.h"
#include "agent/watch.h"
#include "pcie/config.h"
#include "pcie/worker.h"

#define REPEAT_S 60
#define HELD_MAX 4096
#define PCI_EXPRESS 0x10		/* capability */
#define SLOT_CAPABILITIES 0x14

struct held {
	uint8_t text[HELD_MAX];
	struct hf_writer screen;
	struct hf_gate *gate;
};

/* A refusal is evidence too: END and a quote over it, if the log got as far as BEGIN. */
static void close_log(struct hf_gate *gate, const struct hf_fault *why)
{
	uint8_t payload[128];
	struct hf_writer w = { .buf = payload, .cap = sizeof(payload) };
	struct hf_fault fault = { 0 };
	char text[512];

	if (!gate->log_started)
		return;
	if (gate->log.state == HF_LOG_OPEN && why->err != HF_ERR_EXTEND_UNKNOWN &&
	    hf_gate_end_and_quote(gate, why->err, &fault) != HF_OK) {
		hf_fault_format(&fault, text, sizeof(text));
		hf_screen_print(&gate->screen, "no quote: %s\n", text);
	}
	if (gate->log.state == HF_LOG_CAPPED)
		return;
	hf_cbor_put_map(&w, 1);
	hf_cbor_put_text(&w, "held");
	hf_cbor_put_text(&w, hf_err_name(why->err));
	if (hf_gate_cap(gate, hf_written(&w), &fault) != HF_OK) {
		hf_fault_format(&fault, text, sizeof(text));
		hf_screen_print(&gate->screen, "capping the PCR: %s\n", text);
	}
}

/* Drivers that the gate bound must not go on serving a host that nobody accepted. */
static void stop_devices(struct hf_gate *gate)
{
	struct hf_fault fault = { 0 };
	char text[512];

	hf_gate_link_stop(gate);
	if (!hf_gate_live(gate) || hf_gate_unbind(gate, NULL, &fault) == HF_OK)
		return;
	hf_fault_format(&fault, text, sizeof(text));
	hf_screen_print(&gate->screen, "holding again: %s\n", text);
}

/* What was for a tenant is for nobody now; its image may hold the secret already. */
static void forget_tenant(struct hf_gate *gate)
{
	hf_gate_forget(gate);
	hf_tenant_drop(&gate->tenant);
	hf_tenant_drop(&gate->service);
	gate->started = NULL;
	if (gate->options.pid1 && getpid() == 1)
		hf_release_never();
}

static void send_evidence(struct hf_gate *gate, const struct hf_fault *why)
{
	struct hf_fault fault = { 0 };
	char text[512];

	if (hf_gate_collect(gate, why, &fault) == HF_OK && hf_gate_deliver(gate, &fault) == HF_OK)
		return;
	hf_fault_format(&fault, text, sizeof(text));
	hf_screen_print(&gate->screen, "evidence: %s\n", text);
}

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

/* The number that the port above the device gives its slot: PCIe base 6.0, 7.5.3.9, bits
 * 31:19 of Slot Capabilities. */
static bool port_number(const struct hf_gate *gate, const struct hf_function *f, unsigned *ret)
{
	const char *slash = strrchr(f->path, '/');
	const struct hf_function *port = NULL;
	const struct hf_bus_function *bus;
	bool slot = false, loop = false;
	struct hf_cursor c;
	uint8_t type;

	if (slash)
		port = function_at(&gate->claims, (struct hf_span){ (const uint8_t *)f->path,
								    (size_t)(slash - f->path) });
	bus = port ? hf_bus_find(&gate->bus, &port->address) : NULL;
	if (!bus || !hf_config_port(bus->config, &type, &slot) || !slot)
		return false;
	c = hf_cursor_at(bus->config);
	hf_seek(&c, hf_config_capability(bus->config, PCI_EXPRESS, &loop) + SLOT_CAPABILITIES);
	uint32_t capabilities = hf_u32le(&c);

	*ret = capabilities >> 19;
	return !c.bad && !loop;
}

/* The label that reports and rules have, which is what the board calls the slot; and where it
 * is not the number that the port gives, that too: either may be printed on the chassis. */
static void find_slot(const struct hf_gate *gate, const struct hf_part *part,
		      const struct hf_function *f, char *out, size_t cap)
{
	const struct hf_measurement *m =
		part ? hf_measurement_find(part->measurements, HF_MKEY_SLOT) : NULL;
	const char *label = m && m->kind == HF_VALUE_TEXT ? m->text : NULL;
	unsigned number = 0;
	bool has_number = port_number(gate, f, &number);
	char port[16];
	int n = 0;

	snprintf(port, sizeof(port), "%u", number);
	out[0] = '\0';
	if (label)
		n = snprintf(out, cap, "%s%s", label[strspn(label, "0123456789")] ? "" : "PCIe slot ",
			     label);
	else if (has_number)
		snprintf(out, cap, "PCIe slot %s", port);
	if (label && has_number && strcmp(label, port) != 0)
		snprintf(out + n, cap - (size_t)n, " (its port says %s)", port);
}

struct device_text {
	char slot[HF_SLOT_MAX + 48], part[80], serial[32], address[64];
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

static void describe_device(const struct hf_gate *gate, const struct subject *s, struct device_text *t)
{
	const struct hf_part_verdict *v = s->verdict;
	const struct hf_function *f = s->function;
	char address[HF_ADDRESS_TEXT];

	memset(t, 0, sizeof(*t));
	if (v && v->component)
		snprintf(t->part, sizeof(t->part), "%.79s", v->component->name);
	else if (v && v->rule)
		snprintf(t->part, sizeof(t->part), "%.79s", v->rule->name);
	if (!f)
		return;
	find_slot(gate, s->part, f, t->slot, sizeof(t->slot));
	if (f->identity.has_serial)
		snprintf(t->serial, sizeof(t->serial), "%016llx", (unsigned long long)f->identity.serial);
	hf_address_format(&f->address, address);
	snprintf(t->address, sizeof(t->address), "%s  %04x:%04x class %06x", address,
		 f->identity.vendor, f->identity.device, f->identity.class_code);
}

static void render(struct held *held, const struct hf_fault *why)
{
	struct hf_gate *gate = held->gate;
	const char *vendor = hf_platform_text(gate->host_part, "smbios/vendor");
	const char *product = hf_platform_text(gate->host_part, "smbios/product");
	const char *serial = hf_platform_text(gate->host_part, "smbios/serial");
	const struct hf_part_verdict *part;
	struct device_text device;
	char host[160];
	size_t count;
	const struct hf_finding *finding = finding_of(gate, why, &part, &count);
	const struct subject subject = finding ? subject_of(finding, part) : subject_at(gate, why->where);

	describe_device(gate, &subject, &device);
	snprintf(host, sizeof(host), "%.48s %.48s%s%.32s", vendor ? vendor : "", product ? product : "",
		 serial ? ", serial " : "", serial ? serial : "");

	const struct hf_held_view view = {
		.cause = why->err, .stage = gate->stage, .host = host, .slot = device.slot,
		.part = device.part, .serial = device.serial, .address = device.address,
		.place = why->where[0] ? why->where : NULL,
		.what = finding ? finding->mkey : NULL,
		.found = finding ? finding->found : NULL,
		.expected = finding ? finding->expected : NULL,
		.detail = finding ? NULL : why->detail,
		.root_of_trust = hf_root_of_trust(gate->model, gate->firmware_log),
		.mode = gate->model && gate->model->mode == HF_MODE_AUDIT ? "audit" : "enforce",
		.others = finding && count > 1 ? count - 1 : 0,
		.after_ms = gate->entered_ms - gate->start_ms,
		.capped = gate->banks && gate->log_started && gate->log.state == HF_LOG_CAPPED,
		.quoted = gate->evidence.quote.len > 0,
	};
	held->screen = (struct hf_writer){ .buf = held->text, .cap = sizeof(held->text) };
	hf_screen_held(&view, &held->screen);
}

static void show(void *self)
{
	const struct held *held = self;

	hf_screen_put(&held->gate->screen, hf_written(&held->screen));
	(void)hf_workers_reap(0);
}

/* On a host in a process of its own, so that nothing keeps the screen from being shown again; a
 * rehearsal does it here, once, and not where nobody answered before. */
static void tell_controller(struct hf_gate *gate, const struct hf_fault *why)
{
	struct hf_fault fault = { 0 };

	if (!hf_gate_by_controller(gate) || !gate->conf.controller[0])
		return;
	if (!gate->evidence.receipt.len) {	/* he believes the TPM alone */
		hf_screen_print(&gate->screen, "the controller was not told: there is no quote over this end\n");
		return;
	}
	gate->talk.suspect = why->where;
	if (gate->options.pid1) {
		hf_gate_report_beside(gate);
		return;
	}
	if (gate->talk.no_answer.err == HF_OK && hf_gate_report_held(gate, &fault) != HF_OK)
		hf_gate_show_fault(gate, "the controller was not told", &fault);
}

enum hf_err hf_gate_held(struct hf_gate *gate, struct hf_fault *why)
{
	static struct held held;
	struct hf_fault fault;

	held.gate = gate;
	if (gate->options.pid1 && gate->screen.count == 0 &&
	    hf_screen_consoles(&gate->screen, &fault) != HF_OK)
		gate->screen.count = 0;	/* nobody to tell; held all the same */
	forget_tenant(gate);
	stop_devices(gate);
	close_log(gate, why);
	send_evidence(gate, why);
	render(&held, why);
	if (!hf_watch_stop())	/* it came first, and goes on saying so */
		hf_screen_print(&gate->screen, "the gate had made no progress: HELD before\n");
	show(&held);
	tell_controller(gate, why);
	if (gate->options.pid1)
		hf_pid1_park(REPEAT_S, show, &held);
	return why->err;
}
