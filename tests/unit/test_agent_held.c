/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The held screen names the device that the cause is about, whichever stage gave the cause. */
#include <fcntl.h>
#include <unistd.h>

#include "agent/gate.h"
#include "tests/unit/appraise_fixture.h"

struct world {
	struct fixture *fx;
	struct hf_gate gate;
	char file[64], text[8192];
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct hf_gate *gate = &w->gate;

	assert_non_null(w);
	w->fx = fx_new();
	assert_int_equal(hf_arena_make(16 << 20, &gate->arena), HF_OK);
	assert_int_equal(hf_arena_make(16 << 20, &gate->judge_arena), HF_OK);
	snprintf(w->file, sizeof(w->file), "/tmp/holdfast-held-XXXXXX");
	gate->screen.fds[0] = mkstemp(w->file);
	assert_true(gate->screen.fds[0] >= 0);
	gate->screen.count = 1;
	hf_tenant_init(&gate->tenant, HF_IMAGE_TENANT);
	hf_tenant_init(&gate->service, HF_IMAGE_SERVICE);
	gate->conf.policy = HF_POLICY_LOCAL;
	gate->model = w->fx->model;
	gate->manifests = w->fx->manifests;
	gate->drivers_done = true;
	gate->stage = "recheck";
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	close(w->gate.screen.fds[0]);
	unlink(w->file);
	hf_arena_drop(&w->gate.judge_arena);
	hf_arena_drop(&w->gate.arena);
	fx_free(w->fx);
	free(w);
	return 0;
}

/* The screen of a host that is held at where. */
static const char *held(struct world *w, enum hf_err err, const char *where, const char *detail)
{
	struct hf_fault fault = { 0 };
	ssize_t n;

	w->gate.claims = w->fx->claims;
	w->gate.host_part = w->fx->host;
	hf_gate_judge(&w->gate);
	hf_fail(&fault, err, where, "%s", detail);
	assert_int_equal(hf_gate_held(&w->gate, &fault), err);
	n = pread(w->gate.screen.fds[0], w->text, sizeof(w->text) - 1, 0);
	assert_true(n > 0);
	w->text[n] = '\0';
	return w->text;
}

static void names(const char *screen, const char *want)
{
	if (!strstr(screen, want))
		print_message("%s\n", screen);
	assert_non_null(strstr(screen, want));
}

/* The same cause is a warning at the part before it: another part's word. */
static void warned_and_held(struct world *w)
{
	w->fx->nic_rule->action = HF_ACTION_WARN;
	hf_measurement_find(w->fx->card->functions->measurements, "option-rom/window")->digests[0] =
		fx_digest("nic's other rom");
	fx_reference(w->fx, w->fx->drive->releases->environments, "option-rom/window", "drive's rom");
	fx_code(w->fx, w->fx->disk, w->fx->disk->functions, "option-rom/window", "drive's other rom");
}

static void the_part_that_holds_not_one_that_warns(void **state)
{
	struct world *w = *state;

	warned_and_held(w);
	names(held(w, HF_ERR_FIRMWARE_UNKNOWN, DISK_PLACE, ""), " part        drive\n");
	names(w->text, "1b36:0010");
	assert_null(strstr(w->text, "8086:10d3"));
}

static void a_warning_is_no_cause(void **state)
{
	struct world *w = *state;

	warned_and_held(w);
	names(held(w, HF_ERR_FIRMWARE_UNKNOWN, "", ""), " part        drive\n");
}

static void two_that_hold(void **state)
{
	struct world *w = *state;

	w->fx->disk->functions->identity.device = 0x9999;
	w->fx->card->functions->identity.device = 0x8888;
	names(held(w, HF_ERR_PART_UNKNOWN, DISK_PLACE, ""), "1b36:9999");
	assert_null(strstr(w->text, "8086:8888"));
}

static void what_answered_differently(void **state)
{
	struct world *w = *state;

	w->fx->disk->functions->identity.has_serial = true;
	w->fx->disk->functions->identity.serial = 0x1122334455667788;
	fx_text(w->fx, w->fx->disk, NULL, HF_MKEY_SLOT, HF_METHOD_IDENTITY, "7");
	names(held(w, HF_ERR_RECHECK_DIFFERENT, DISK_PLACE ".0", "option-rom/window: changed"),
	      " slot        PCIe slot 7\n");
	names(w->text, " part        drive\n");
	names(w->text, " serial      1122334455667788\n");
	names(w->text, "1b36:0010");
	names(w->text, " detail      option-rom/window: changed\n");
}

static void whose_driver_did_not_come_back(void **state)
{
	struct world *w = *state;
	char address[HF_ADDRESS_TEXT];

	hf_address_format(&w->fx->card->functions->address, address);
	fx_text(w->fx, w->fx->card, NULL, HF_MKEY_SLOT, HF_METHOD_IDENTITY, "CPU1 Slot 3");
	names(held(w, HF_ERR_TIMED_OUT, address, "bind e1000e"), " slot        CPU1 Slot 3\n");
	names(w->text, " part        nic\n");
}

static void no_device_at_all(void **state)
{
	struct world *w = *state;

	names(held(w, HF_ERR_BIND_FAILED, "store", "it is not there"), " place       store\n");
	assert_null(strstr(w->text, " part  "));
	assert_null(strstr(w->text, " address  "));
}

static void the_board_is_no_device(void **state)
{
	struct world *w = *state;

	names(held(w, HF_ERR_RECHECK_DIFFERENT, "board", "part gone"), " place       board\n");
	assert_null(strstr(w->text, " address  "));
}

/* ---- the card that the host is held for ---- */

/* Another port of the card, and a card behind it. */
static struct hf_function *second_port(struct world *w)
{
	struct hf_function *f = fx_function(w->fx, w->fx->card, 0x8086, 0x10d3, 0x020000);

	f->address = w->fx->card->functions->address;
	f->address.function = 1;
	return f;
}

static bool suspects(const struct world *w, const char *at, const struct hf_part *part)
{
	return hf_gate_suspects(&w->fx->claims, at, part);
}

static void every_port_of_the_card_is_suspect(void **state)
{
	struct world *w = *state;
	char address[HF_ADDRESS_TEXT], longer[80];
	struct hf_function *port = second_port(w);
	struct hf_part *card = w->fx->card, *behind = fx_part(w->fx, HF_PART_CARD, NIC_PLACE ".0/00");

	fx_function(w->fx, behind, 0x8086, 0x10d3, 0x020000);
	assert_true(suspects(w, card->path, card));
	assert_true(suspects(w, card->functions->path, card));
	assert_true(suspects(w, port->path, card));
	hf_address_format(&port->address, address);
	assert_true(suspects(w, address, card));
	snprintf(longer, sizeof(longer), "bus/pci/devices/%s/rom", address);
	assert_true(suspects(w, longer, card));
	snprintf(longer, sizeof(longer), "1%s", address);	/* 10000:..., a domain of VMD */
	assert_false(suspects(w, longer, card));
	assert_true(suspects(w, address, behind));
	assert_true(suspects(w, card->path, behind));
	assert_false(suspects(w, behind->path, card));
	assert_false(suspects(w, address, w->fx->disk));
	assert_false(suspects(w, NULL, card));
	assert_false(suspects(w, "", card));
	assert_false(suspects(w, "store", card));
	assert_true(suspects(w, "board", w->fx->board));
	assert_false(suspects(w, "board", card));
}

/* A live host that has a controller and is held at where; nothing of it is carried out. */
static const char *screen_of(struct world *w, const char *where)
{
	struct hf_writer out = { .buf = (uint8_t *)w->text, .cap = sizeof(w->text) - 1 };
	struct hf_gate *gate = &w->gate;
	struct hf_fault fault;

	gate->claims = w->fx->claims;
	gate->host_part = w->fx->host;
	gate->conf.policy = HF_POLICY_CONTROLLER;
	snprintf(gate->conf.controller, sizeof(gate->conf.controller), "https://controller");
	gate->options.pid1 = gate->host_open = gate->host.live = true;
	if (!gate->judged)
		hf_gate_judge(gate);
	hf_fail(&fault, HF_ERR_RECHECK_DIFFERENT, where, "%s", "");
	gate->talk.suspect = fault.where;
	hf_gate_held_screen(gate, &fault, false, &out);
	gate->talk.suspect = NULL;
	assert_false(out.full);
	w->text[out.len] = '\0';
	return w->text;
}

static void the_screen_says_why_nobody_is_told(void **state)
{
	struct world *w = *state;
	struct hf_function *port;

	names(screen_of(w, NIC_PLACE), " controller  not told: there is no quote over this end\n");
	w->gate.evidence.receipt = hf_span_text("a receipt");
	names(screen_of(w, NIC_PLACE),
	      " controller  not told: the host is held for the network card that leads there\n");
	port = second_port(w);	/* the verdict on the card stays */
	names(screen_of(w, port->path),
	      " controller  not told: the host is held for the network card that leads there\n");
	names(screen_of(w, DISK_PLACE), " controller  is told next: see holdfastctl host show\n");
	snprintf(w->gate.conf.link, sizeof(w->gate.conf.link), "pci0000:00/01.0/99.0");
	names(screen_of(w, DISK_PLACE), " controller  not told: no accepted network card that link names\n");
	w->gate.conf.policy = HF_POLICY_LOCAL;
	names(screen_of(w, DISK_PLACE), " place       ");
}

static void audit_mode_shows_the_same_once(void **state)
{
	struct world *w = *state;
	struct hf_fault fault;
	ssize_t n;

	w->gate.claims = w->fx->claims;
	w->gate.host_part = w->fx->host;
	hf_gate_judge(&w->gate);
	hf_fail(&fault, HF_ERR_BIND_NOT_ISOLATED, NIC_PLACE, "%s", "no IOMMU");
	hf_gate_would_hold(&w->gate, &fault, "HOLD");
	hf_gate_would_hold(&w->gate, &fault, "HOLD");
	assert_true(w->gate.would_hold);
	n = pread(w->gate.screen.fds[0], w->text, sizeof(w->text) - 1, 0);
	assert_true(n > 0);
	w->text[n] = '\0';
	char *line = strstr(w->text, "WOULD HOLD (audit): driver-not-isolated at " NIC_PLACE "\n");
	char *first = strstr(w->text, "==== WOULD HOLD");

	assert_non_null(line);
	assert_non_null(strstr(line + 1, "WOULD HOLD (audit): "));
	assert_non_null(first);
	assert_null(strstr(first + 1, "==== WOULD HOLD"));
	names(first, "holdfast result=would-hold cause=driver-not-isolated class=setup");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_part_that_holds_not_one_that_warns, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_warning_is_no_cause, set_up, tear_down),
		cmocka_unit_test_setup_teardown(two_that_hold, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_answered_differently, set_up, tear_down),
		cmocka_unit_test_setup_teardown(whose_driver_did_not_come_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_device_at_all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_board_is_no_device, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_port_of_the_card_is_suspect, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_screen_says_why_nobody_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(audit_mode_shows_the_same_once, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
