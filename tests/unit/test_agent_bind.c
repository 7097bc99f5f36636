/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modules.dep, and that a captured tree is never bound to anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/bind.h"

static const char dep[] =
	"kernel/drivers/nvme/host/nvme-core.ko: kernel/lib/t10.ko kernel/lib/crc.ko\n"
	"kernel/drivers/nvme/host/nvme.ko: kernel/drivers/nvme/host/nvme-core.ko kernel/lib/t10.ko\n"
	"kernel/drivers/block/loop.ko.xz:\n"
	"kernel/fs/squashfs/squashfs.ko:";

static void modules_are_found_by_whole_name(void **state)
{
	static const struct { const char *name, *first; } found[] = {
		{ "nvme", "kernel/drivers/nvme/host/nvme.ko" },
		{ "nvme_core", "kernel/drivers/nvme/host/nvme-core.ko" },
		{ "nvme-core", "kernel/drivers/nvme/host/nvme-core.ko" },
		{ "loop", "kernel/drivers/block/loop.ko.xz" },
		{ "squashfs", "kernel/fs/squashfs/squashfs.ko" },
	};
	static const char *const missing[] = { "nvm", "core", "vme", "nvme_", "host/nvme", "ext4", "",
					       "nvme.ko", "squashfs.ko" };
	struct hf_span line, path;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		assert_true(hf_modules_find(hf_span_text(dep), found[i].name, &line));
		assert_true(hf_modules_path(&line, &path));
		assert_true(hf_span_equal(path, hf_span_text(found[i].first)));
	}
	memset(&line, 0xaa, sizeof(line));
	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++)
		assert_false(hf_modules_find(hf_span_text(dep), missing[i], &line));
	assert_false(hf_modules_find((struct hf_span){ NULL, 0 }, "nvme", &line));
	assert_int_equal((uint8_t)line.len, 0xaa);
}

static void a_line_gives_its_paths_in_order(void **state)
{
	struct hf_span line, path;

	(void)state;
	assert_true(hf_modules_find(hf_span_text(dep), "nvme", &line));
	assert_true(hf_modules_path(&line, &path));
	assert_true(hf_modules_path(&line, &path));
	assert_true(hf_span_equal(path, hf_span_text("kernel/drivers/nvme/host/nvme-core.ko")));
	assert_true(hf_modules_path(&line, &path));
	assert_true(hf_span_equal(path, hf_span_text("kernel/lib/t10.ko")));
	assert_false(hf_modules_path(&line, &path));
	assert_false(hf_modules_path(&line, &path));
}

static void a_captured_tree_is_never_bound(void **state)
{
	const struct hf_host captured = { .sysfs = -1, .live = false };
	const struct hf_address address = { 0 };
	struct hf_fault fault;
	bool bound = true;

	(void)state;
	assert_int_equal(hf_driver_bind(&captured, "nvme", &address, &bound, &fault),
			 HF_ERR_CAPTURED_TREE);
	assert_false(bound);
	assert_int_equal(hf_driver_unbind(&captured, "nvme", &address, &fault), HF_ERR_CAPTURED_TREE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modules_are_found_by_whole_name),
		cmocka_unit_test(a_line_gives_its_paths_in_order),
		cmocka_unit_test(a_captured_tree_is_never_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
