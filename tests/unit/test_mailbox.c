/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who may use a mailbox, and what is written for that: on a directory that says to be a live
 * sysfs. What the kernel would do there, nobody does: it takes no driver and opens no group. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pcie/vfio.h"

#define AT "0000:01:00.0"
#define DEVICE "bus/pci/devices/" AT

static char dir[64];
static struct hf_host host;
static const struct hf_address address = { 0, 1, 0, 0 };
static struct hf_mailbox mailbox;

static void path_of(const char *name, char out[static 256])
{
	snprintf(out, 256, "%s/%s", dir, name);
}

static void put_file(const char *name, const char *text, size_t len)
{
	char path[256];
	FILE *file;

	path_of(name, path);
	for (char *c = path + strlen(dir) + 1; (c = strchr(c, '/')); c++) {
		*c = '\0';
		(void)mkdir(path, 0755);
		*c = '/';
	}
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	fclose(file);
}

static void get_file(const char *name, char out[static 64])
{
	char path[256];
	FILE *file;
	size_t n;

	path_of(name, path);
	file = fopen(path, "r");
	assert_non_null(file);
	n = fread(out, 1, 63, file);
	out[n] = '\0';
	fclose(file);
}

static void put_link(const char *name, const char *target)
{
	char path[256];

	path_of(name, path);
	(void)unlink(path);
	if (target)
		assert_int_equal(symlink(target, path), 0);
}

static int begin(void **state)
{
	static const char config[4096] = { (char)0x36, (char)0x1b, (char)0x10, 0 };

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/holdfast-mailbox.XXXXXX");
	assert_non_null(mkdtemp(dir));
	put_file(DEVICE "/config", config, sizeof(config));
	put_file(DEVICE "/driver_override", "(null)\n", 7);
	put_file("bus/pci/drivers_probe", "", 0);
	host = (struct hf_host){ .sysfs = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), .live = true };
	assert_true(host.sysfs >= 0);
	return 0;
}

static int end(void **state)
{
	char command[96];

	(void)state;
	close(host.sysfs);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static enum hf_err open_it(void)
{
	return hf_mailbox_open(&host, &address, true, &mailbox);
}

static void opens(void **state)
{
	struct hf_mailbox second;
	uint32_t value = 0;
	char text[64];

	(void)state;
	assert_int_equal(open_it(), HF_OK);
	assert_int_equal(mailbox.way, HF_MAILBOX_CONFIG);
	assert_ptr_equal(mailbox.access.self, &mailbox);
	assert_int_equal(mailbox.access.read(&mailbox, 0, &value), HF_OK);
	assert_int_equal(value, 0x00101b36);
	assert_int_equal(mailbox.access.write(&mailbox, 0x108, 0x80000001), HF_OK);
	assert_int_equal(mailbox.access.read(&mailbox, 0x108, &value), HF_OK);
	assert_int_equal(value, 0x80000001);
	assert_int_equal(mailbox.access.read(&mailbox, 0x10a, &value), HF_ERR_INTERNAL);
	assert_int_equal(mailbox.access.write(&mailbox, 1, 0), HF_ERR_INTERNAL);
	assert_int_equal(mailbox.access.read(&mailbox, 4096, &value), HF_ERR_READ_FAILED);
	/* one user, until it closes */
	assert_int_equal(hf_mailbox_open(&host, &address, false, &second), HF_ERR_DOE_IN_USE);
	hf_mailbox_close(&mailbox);
	assert_int_equal(hf_mailbox_open(&host, &address, false, &second), HF_OK);
	hf_mailbox_close(&second);
	hf_mailbox_close(&second);	/* of a closed one: nothing */
	get_file(DEVICE "/driver_override", text);
	assert_string_equal(text, "(null)\n");
	assert_false(hf_mailbox_refused(&host, &address));
}

static void not_there(void **state)
{
	static const char gone[64] = "\xff\xff\xff\xff";
	char path[256];

	(void)state;
	host.live = false;
	assert_int_equal(open_it(), HF_ERR_CAPTURED_TREE);
	assert_false(hf_mailbox_refused(&host, &address));
	host.live = true;
	put_file(DEVICE "/config", gone, sizeof(gone));
	assert_int_equal(open_it(), HF_ERR_DEVICE_GONE);
	path_of(DEVICE "/config", path);
	unlink(path);
	assert_int_equal(open_it(), HF_ERR_DEVICE_GONE);
	assert_int_equal(mailbox.lock, -1);
}

static void others(void **state)
{
	static const struct {
		const char *driver;
		enum hf_err want;
	} rows[] = {
		{ "../drivers/cxl_pci", HF_ERR_DOE_IN_USE },
		{ "../drivers/vfio-pci", HF_ERR_DOE_IN_USE },
		{ "../drivers/mlx5_vfio_pci", HF_ERR_DOE_IN_USE },
		{ "../drivers/nvme", HF_OK },
		{ NULL, HF_OK },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put_link(DEVICE "/driver", rows[i].driver);
		assert_int_equal(open_it(), rows[i].want);
		if (rows[i].want)
			assert_non_null(strstr(mailbox.detail, strrchr(rows[i].driver, '/') + 1));
		hf_mailbox_close(&mailbox);
	}
	put_file(DEVICE "/doe_features/0001:01", "0001:01\n", 8);	/* says nothing of use */
	put_file(DEVICE "/tsm/connect", "\n", 1);
	assert_int_equal(open_it(), HF_OK);
	hf_mailbox_close(&mailbox);
	put_file(DEVICE "/tsm/connect", "tsm0\n", 5);
	assert_int_equal(open_it(), HF_ERR_DOE_IN_USE);
}

/* ---- vfio-pci ---- */

static enum hf_err open_vfio(void)
{
	mailbox = (struct hf_mailbox){ .lock = -1, .fd = -1, .group = -1, .container = -1,
				       .host = &host, .address = address };
	return hf_vfio_open(&mailbox);
}

static void vfio_says_why(void **state)
{
	char text[64];

	(void)state;
	put_link(DEVICE "/driver", "../drivers/nvme");	/* whose disk may be the root's */
	assert_int_equal(open_vfio(), HF_ERR_VFIO);
	assert_non_null(strstr(mailbox.detail, "nvme has it"));
	put_link(DEVICE "/driver", NULL);
	assert_int_equal(open_vfio(), HF_ERR_VFIO);
	assert_non_null(strstr(mailbox.detail, "no IOMMU group"));
	put_link(DEVICE "/iommu_group", "../../../kernel/iommu_groups/x1");
	assert_int_equal(open_vfio(), HF_ERR_VFIO);
	put_link(DEVICE "/iommu_group", "../../../kernel/iommu_groups/7");
	assert_int_equal(open_vfio(), HF_ERR_VFIO);
	assert_non_null(strstr(mailbox.detail, "no driver vfio-pci"));
	get_file(DEVICE "/driver_override", text);
	assert_string_equal(text, "(null)\n");	/* nothing was written so far */
}

/* A plain file keeps what a shorter write does not cover: the first byte is the last one's. */
static void vfio_puts_back(void **state)
{
	char text[64];

	(void)state;
	put_link(DEVICE "/iommu_group", "../../../kernel/iommu_groups/7");
	put_file("bus/pci/drivers/vfio-pci/unbind", "", 0);
	assert_int_equal(open_vfio(), HF_ERR_VFIO);
	assert_non_null(strstr(mailbox.detail, "did not take it"));
	get_file("bus/pci/drivers_probe", text);
	assert_string_equal(text, AT);
	get_file(DEVICE "/driver_override", text);
	assert_string_equal(text, "\nfio-pci");
	assert_false(mailbox.bound);
	get_file("bus/pci/drivers/vfio-pci/unbind", text);
	assert_string_equal(text, "");		/* it was not bound */
	/* an override that somebody else had set */
	put_file(DEVICE "/driver_override", "mine\n", 5);
	assert_int_equal(open_vfio(), HF_ERR_VFIO);
	get_file(DEVICE "/driver_override", text);
	assert_string_equal(text, "mine-pci");
}

static void lost_worker(void **state)
{
	char text[64];

	(void)state;
	put_file("bus/pci/drivers/vfio-pci/unbind", "", 0);
	put_file(DEVICE "/driver_override", "mine\n", 5);
	hf_mailbox_put_back(&host, &address);	/* nothing of ours */
	get_file(DEVICE "/driver_override", text);
	assert_string_equal(text, "mine\n");
	put_file(DEVICE "/driver_override", "vfio-pci\n", 9);
	hf_mailbox_put_back(&host, &address);	/* killed before it was bound */
	get_file(DEVICE "/driver_override", text);
	assert_string_equal(text, "\nfio-pci\n");
	get_file("bus/pci/drivers/vfio-pci/unbind", text);
	assert_string_equal(text, "");
	put_link(DEVICE "/driver", "../../../bus/pci/drivers/vfio-pci");
	host.live = false;
	hf_mailbox_put_back(&host, &address);
	get_file("bus/pci/drivers/vfio-pci/unbind", text);
	assert_string_equal(text, "");
	host.live = true;
	hf_mailbox_put_back(&host, &address);
	get_file("bus/pci/drivers/vfio-pci/unbind", text);
	assert_string_equal(text, AT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(opens, begin, end),
		cmocka_unit_test_setup_teardown(not_there, begin, end),
		cmocka_unit_test_setup_teardown(others, begin, end),
		cmocka_unit_test_setup_teardown(vfio_says_why, begin, end),
		cmocka_unit_test_setup_teardown(vfio_puts_back, begin, end),
		cmocka_unit_test_setup_teardown(lost_worker, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
