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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
