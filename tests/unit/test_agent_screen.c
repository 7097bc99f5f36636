/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/screen.h"

static char text[16384];

static const char *render(const struct hf_held_view *view)
{
	struct hf_writer w = { .buf = (uint8_t *)text, .cap = sizeof(text) - 1 };

	memset(text, 0xaa, sizeof(text));
	hf_screen_held(view, &w);
	assert_false(w.full);
	text[w.len] = '\0';
	return text;
}

static void check_geometry(const char *screen)
{
	size_t rows = 0, column = 0;

	for (const char *c = screen; *c; c++) {
		if (*c == '\n') {
			rows++;
			column = 0;
			continue;
		}
		assert_true(*c >= 0x20 && *c <= 0x7e);
		assert_true(++column <= HF_SCREEN_COLUMNS);
	}
	assert_int_equal(column, 0);
	assert_true(rows <= HF_SCREEN_ROWS);
}

static const char *last_line(const char *screen)
{
	const char *end = screen + strlen(screen) - 1, *begin = end;

	while (begin > screen && begin[-1] != '\n')
		begin--;
	return begin;
}

static void every_cause_fits_the_screen(void **state)
{
	static char huge[2000];
	enum hf_err err;
	char want[160];

	(void)state;
	memset(huge, 'w', sizeof(huge) - 1);
	for (size_t i = 40; i < sizeof(huge); i += 41)
		huge[i] = ' ';
	huge[sizeof(huge) - 1] = '\0';
	for (size_t i = 0; hf_err_at(i, &err); i++) {
		const struct hf_held_view full = {
			.name = huge, .where = huge, .controller = huge, .slot_key = huge, .bdf = huge,
			.cause = err, .stage = "last-look", .host = huge, .slot = huge, .part = huge,
			.serial = huge, .address = huge, .place = huge, .what = huge, .found = huge,
			.expected = huge, .detail = huge, .root_of_trust = huge, .mode = huge,
			.others = 99999, .after_ms = UINT64_MAX, .capped = true, .quoted = true,
		};
		const struct hf_held_view bare = { .cause = err };

		check_geometry(render(&full));
		check_geometry(render(&bare));
		snprintf(want, sizeof(want), "holdfast result=held cause=%s class=%s", hf_err_name(err),
			 hf_class_name(hf_err_class(err)));
		assert_memory_equal(last_line(text), want, strlen(want));
		assert_non_null(strstr(text, hf_err_name(err)));
	}
}

/* Every next step, with a long name in a long slot: nothing of it is lost. */
static void every_next_step_names_part_and_slot(void **state)
{
	enum hf_err err;
	char step[512], last[32];

	(void)state;
	for (size_t i = 0; hf_err_at(i, &err); i++) {
		const struct hf_held_view view = { .cause = err, .name = "ConnectX-7 NDR400 OSFP",
						   .where = "in PCIe Slot 3 (CPU1)" };

		hf_screen_next_step(&view, step, sizeof(step));
		assert_non_null(strstr(step, "ConnectX-7 NDR400 OSFP in PCIe Slot 3 (CPU1)"));
		assert_null(strstr(step, "the named device "));
		check_geometry(render(&view));
		snprintf(last, sizeof(last), "%s", strrchr(step, ' ') + 1);
		if (!strstr(text, last))
			print_message("%s", text);
		assert_non_null(strstr(text, last));
	}
}

static void next(enum hf_err cause, const char *name, const char *where, const char *want)
{
	const struct hf_held_view view = { .cause = cause, .name = name, .where = where };
	char step[512];

	hf_screen_next_step(&view, step, sizeof(step));
	assert_string_equal(step, want);
}

static void a_next_step_is_a_sentence(void **state)
{
	(void)state;
	next(HF_ERR_FIRMWARE_UNKNOWN, "e1000e", "in PCIe slot 3",
	     "replace e1000e in PCIe slot 3; keep it for examination");
	next(HF_ERR_PART_EXTRA, "e1000e", "in PCIe slot 3", "remove e1000e in PCIe slot 3");
	next(HF_ERR_TIMED_OUT, "e1000e", "in PCIe slot 3",
	     "reseat or replace e1000e in PCIe slot 3 if this repeats");
	next(HF_ERR_BOOT_DRIVER_UNKNOWN, "e1000e", "in PCIe slot 3",
	     "find the device that carries it: compare PCR 2 with a good host: e1000e in PCIe slot 3");
	next(HF_ERR_FIRMWARE_OLD, "e1000e", "in PCIe slot 3",
	     "update the firmware with the service image: e1000e in PCIe slot 3");
	next(HF_ERR_FIRMWARE_UNKNOWN, "e1000e", NULL, "replace e1000e; keep it for examination");
	next(HF_ERR_FIRMWARE_UNKNOWN, "", "in PCIe slot 3",
	     "replace the part in PCIe slot 3; keep it for examination");
	next(HF_ERR_FIRMWARE_UNKNOWN, NULL, NULL, "replace the part; keep it for examination");
}

static void audit_mode_says_that_it_goes_on(void **state)
{
	const struct hf_held_view view = { .cause = HF_ERR_FIRMWARE_UNKNOWN, .would_hold = true,
					   .stage = "appraise", .mode = "audit", .slot_key = "7" };
	const char *screen = render(&view);

	(void)state;
	check_geometry(screen);
	assert_non_null(strstr(screen, "==== WOULD HOLD: in audit mode this host goes on ==="));
	assert_null(strstr(screen, "==== HELD"));
	assert_null(strstr(screen, "TPM"));
	assert_string_equal(last_line(screen), "holdfast result=would-hold cause=firmware-unknown class=suspect "
					       "stage=appraise\n");
}

/* Read end of a pipe that stands for a console, until the writer is gone. */
static size_t read_all(int fd, char *out, size_t cap)
{
	size_t len = 0;
	ssize_t n;

	while (len < cap && (n = read(fd, out + len, cap - len)) > 0)
		len += (size_t)n;
	close(fd);
	return len;
}

/* The first console is dead from the start: the others are told all the same. */
static void every_console_is_told(void **state)
{
	const struct hf_held_view view = { .cause = HF_ERR_FIRMWARE_UNKNOWN, .stage = "appraise" };
	struct hf_screen screen = { .count = 3 };
	static char one[8192], two[8192];
	int a[2], b[2], dead = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct hf_span want;

	(void)state;
	render(&view);
	want = hf_span_text(text);
	assert_int_equal(pipe(a), 0);
	assert_int_equal(pipe(b), 0);
	assert_true(dead >= 0);
	screen.fds[0] = dead;
	screen.fds[1] = a[1];
	screen.fds[2] = b[1];
	hf_screen_put(&screen, want);
	hf_screen_put(&screen, want);
	close(dead);
	close(a[1]);
	close(b[1]);
	assert_int_equal(read_all(a[0], one, sizeof(one)), 2 * want.len);
	assert_int_equal(read_all(b[0], two, sizeof(two)), 2 * want.len);
	assert_memory_equal(one, want.ptr, want.len);
	assert_memory_equal(one + want.len, want.ptr, want.len);
	assert_memory_equal(two, one, 2 * want.len);
}

static void the_technician_reads_what_to_pull(void **state)
{
	const struct hf_held_view view = {
		.cause = HF_ERR_FIRMWARE_UNKNOWN, .stage = "appraise", .host = "QEMU lab, serial 7",
		.slot = "PCIe slot 3", .part = "e1000e", .serial = "0011223344556677",
		.address = "0000:01:00.0  8086:10d3 class 020000", .place = "pci0000:00/01.0/00",
		.what = "option-rom/window", .found = "sha256 aa", .expected = "sha256 bb",
		.root_of_trust = "none", .mode = "enforce", .others = 2, .after_ms = 1234,
		.capped = true, .quoted = true,
	};
	static const char *const order[] = {
		"HELD", "suspect", "QEMU lab", "matches no known release", "firmware-unknown",
		"PCIe slot 3", "e1000e", "0011223344556677", "0000:01:00.0", "pci0000:00/01.0/00",
		"option-rom/window", "sha256 aa", "sha256 bb", "replace the part", "2 more",
		"appraise after 1234 ms", "quoted, PCR capped",
		"holdfast result=held cause=firmware-unknown class=suspect stage=appraise"
	};
	const char *at = render(&view);

	(void)state;
	check_geometry(at);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		at = strstr(at, order[i]);
		if (!at)
			print_error("not there in order: %s\n%s", order[i], text);
		assert_non_null(at);
	}
}

static void foreign_text_cannot_forge_lines(void **state)
{
	const struct hf_held_view view = {
		.cause = HF_ERR_PART_UNKNOWN, .stage = "appraise",
		.place = "x\nholdfast result=released y=z", .part = "\x1b[2J\x1b[HRELEASED",
		.found = "a\rb",
	};
	char value[64];

	(void)state;
	check_geometry(render(&view));
	assert_null(strstr(text, "\nholdfast result=released"));
	assert_null(strchr(text, 0x1b));
	hf_screen_value("a b=c\n\x7f", value, sizeof(value));
	assert_string_equal(value, "a_b_c__");
	memset(value, 0xaa, sizeof(value));
	hf_screen_value("abcdef", value, 4);
	assert_string_equal(value, "abc");
	hf_screen_value(NULL, value, 4);
	assert_string_equal(value, "");
}

static void a_stage_is_one_line(void **state)
{
	struct hf_screen screen = { .count = 1 };
	char note[300], got[512];
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	screen.fds[0] = fds[1];
	memset(note, 'n', sizeof(note) - 1);
	note[sizeof(note) - 1] = '\0';
	hf_screen_stage(&screen, 12345, "measure", 678, HF_OK, note);
	hf_screen_stage(&screen, 12345, "recheck", 1, HF_ERR_RECHECK_DIFFERENT, note);
	close(fds[1]);
	ssize_t n = read(fds[0], got, sizeof(got) - 1);

	close(fds[0]);
	assert_true(n > 0);
	got[n] = '\0';
	check_geometry(got);
	assert_non_null(strstr(got, "12345 ms  measure     +678 ms  nnn"));
	assert_non_null(strstr(got, "recheck       +1 ms  REFUSED recheck-different\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cause_fits_the_screen),
		cmocka_unit_test(every_next_step_names_part_and_slot),
		cmocka_unit_test(a_next_step_is_a_sentence),
		cmocka_unit_test(audit_mode_says_that_it_goes_on),
		cmocka_unit_test(every_console_is_told),
		cmocka_unit_test(the_technician_reads_what_to_pull),
		cmocka_unit_test(foreign_text_cannot_forge_lines),
		cmocka_unit_test(a_stage_is_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
