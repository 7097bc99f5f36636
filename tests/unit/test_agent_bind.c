/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modules.dep and modules.alias; drivers to devices, on a plain directory that stands for
 * sysfs, with a thread in the kernel's place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

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

/* ---- which devices a driver takes ---- */

static const char alias[] =
	"# Aliases extracted from modules themselves.\n"
	"alias pci:v*d*sv*sd*bc01sc08i02* nvme\n"
	"alias pci:v00008086d000010D3sv*sd*bc*sc*i* e1000e\n"
	"alias pci:v00008086d00001533sv*sd*bc*sc*i* xhci_pci\n"
	"alias nvme pci:v*d*sv*sd*bc*sc*i*\n"
	"alias\n\n"
	"alias symbol:x libcrc32c";
static const char modinfo[] = "ahci.alias=pci:v*d*sv*sd*bc01sc06i01*\0ahci.license=GPL\0"
	"ahci.description=pci:v*d*sv*sd*bc*sc*i*\0alias=x\0.\0";

static void drivers_take_what_their_aliases_say(void **state)
{
	const struct hf_aliases both = { hf_span_text(alias), { (const uint8_t *)modinfo, sizeof(modinfo) } };
	const struct hf_aliases none = { { NULL, 0 }, { NULL, 0 } };
	const struct hf_identity drive = { .vendor = 0x1b36, .device = 0x10, .class_code = 0x010802 };
	const struct hf_identity nic = { .vendor = 0x8086, .device = 0x10d3, .subsystem_vendor = 0x8086,
					 .subsystem_device = 0xa01f, .class_code = 0x020000 };
	const struct hf_identity ahci = { .vendor = 0x8086, .device = 0x2922, .class_code = 0x010601 };
	char name[HF_MODALIAS_TEXT], nic_name[HF_MODALIAS_TEXT], ahci_name[HF_MODALIAS_TEXT];

	(void)state;
	hf_modalias_format(&drive, name);
	assert_string_equal(name, "pci:v00001B36d00000010sv00000000sd00000000bc01sc08i02");
	hf_modalias_format(&nic, nic_name);
	assert_string_equal(nic_name, "pci:v00008086d000010D3sv00008086sd0000A01Fbc02sc00i00");
	hf_modalias_format(&ahci, ahci_name);
	assert_true(hf_aliases_take(&both, "nvme", name));
	assert_false(hf_aliases_take(&both, "nvme", nic_name));
	assert_true(hf_aliases_take(&both, "e1000e", nic_name));
	assert_false(hf_aliases_take(&both, "e1000e", name));
	assert_false(hf_aliases_take(&both, "e1000", nic_name));
	assert_false(hf_aliases_take(&both, "nvm", name));
	assert_true(hf_aliases_take(&both, "xhci-pci", "pci:v00008086d00001533sv0sd0bc00sc00i00"));
	assert_true(hf_aliases_take(&both, "ahci", ahci_name));
	assert_false(hf_aliases_take(&both, "ahci", name));
	assert_false(hf_aliases_take(&both, "", name));
	assert_false(hf_aliases_take(&none, "nvme", name));
}

/* ---- a plain directory in sysfs's place, a thread in the kernel's ---- */

#define DEVICE "bus/pci/devices/0000:01:00.0"

struct fixture {
	char dir[64];
	struct hf_host host;
	struct hf_fault fault;
	const char *takes;	/* the driver that the "kernel" binds */
	char written[64];
};

static const struct hf_address address = { 0, 1, 0, 0 };

static void make_dirs(const struct fixture *f, const char *path)
{
	char command[256];

	snprintf(command, sizeof(command), "mkdir -p %s/%s", f->dir, path);
	assert_int_equal(system(command), 0);
}

static const char *full(const struct fixture *f, const char *path)
{
	static _Thread_local char text[256];

	snprintf(text, sizeof(text), "%s/%s", f->dir, path);
	return text;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/holdfast-bind-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	make_dirs(f, DEVICE);
	make_dirs(f, "bus/pci/drivers/nvme");
	make_dirs(f, "bus/pci/drivers/xhci_hcd");
	make_dirs(f, "module/xhci_pci/drivers/usb:x");
	make_dirs(f, "module/xhci_pci/drivers/pci:xhci_hcd");
	f->host.sysfs = open(f->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	f->host.live = true;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];

	close(f->host.sysfs);
	snprintf(command, sizeof(command), "rm -r %s", f->dir);
	int rc = system(command);

	free(f);
	return rc;
}

static void bound(const struct fixture *f, const char *driver)
{
	char target[128];

	snprintf(target, sizeof(target), "../../drivers/%s", driver);
	assert_int_equal(symlink(target, full(f, DEVICE "/driver")), 0);
}

static enum hf_err bind(struct fixture *f, const char *driver, uint64_t deadline_ms)
{
	memset(&f->fault, 0, sizeof(f->fault));
	return hf_driver_bind(&f->host, driver, &address, deadline_ms, &f->fault);
}

static bool has_child(void)
{
	char path[64], text[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	file = fopen(path, "r");
	if (!file)
		return false;
	bool any = fgets(text, sizeof(text), file) && text[0];

	fclose(file);
	return any;
}

/* A pipe's writer waits until there is a reader: so the child comes back when the "kernel"
 * has bound the device. */
static void *kernel(void *self)
{
	struct fixture *f = self;
	ssize_t n;
	int fd;

	for (int i = 0; i < 5000 && !has_child(); i++)
		usleep(1000);
	if (f->takes)
		bound(f, f->takes);
	fd = open(full(f, "bus/pci/drivers/nvme/bind"), O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, f->written, sizeof(f->written) - 1);
	if (fd >= 0)
		close(fd);
	return n > 0 ? NULL : self;
}

static enum hf_err bind_with_kernel(struct fixture *f, const char *takes)
{
	pthread_t thread;
	void *bad = f;

	f->takes = takes;
	assert_int_equal(mkfifo(full(f, "bus/pci/drivers/nvme/bind"), 0600), 0);
	assert_int_equal(pthread_create(&thread, NULL, kernel, f), 0);
	enum hf_err err = bind(f, "nvme", 60000);

	assert_int_equal(pthread_join(thread, &bad), 0);
	assert_null(bad);
	return err;
}

static void a_driver_takes_the_device(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(bind_with_kernel(f, "nvme"), HF_OK);
	assert_string_equal(f->written, "0000:01:00.0");
}

static void the_device_is_not_bound_afterwards(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(bind_with_kernel(f, NULL), HF_ERR_BIND_FAILED);
	assert_non_null(strstr(f->fault.detail, "did not take it"));
}

static void another_driver_has_it_afterwards(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(bind_with_kernel(f, "vfio-pci"), HF_ERR_BIND_FAILED);
}

static void a_device_that_is_bound_already(void **state)
{
	struct fixture *f = *state;

	bound(f, "nvme");
	assert_int_equal(bind(f, "nvme", 1000), HF_ERR_BIND_FAILED);
	assert_non_null(strstr(f->fault.detail, "already"));
}

static void a_driver_that_does_not_come_back(void **state)
{
	struct fixture *f = *state;
	struct timespec before, after;

	assert_int_equal(mkfifo(full(f, "bus/pci/drivers/nvme/bind"), 0600), 0);
	clock_gettime(CLOCK_MONOTONIC, &before);
	assert_int_equal(bind(f, "nvme", 200), HF_ERR_TIMED_OUT);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_string_equal(f->fault.where, "0000:01:00.0");
	assert_in_range(after.tv_sec - before.tv_sec, 0, 30);
	bound(f, "nvme");
	assert_int_equal(mkfifo(full(f, "bus/pci/drivers/nvme/unbind"), 0600), 0);
	assert_int_equal(hf_driver_unbind(&f->host, "nvme", &address, 200, &f->fault), HF_ERR_TIMED_OUT);
}

static void a_driver_that_the_kernel_does_not_have(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(bind(f, "ice", 1000), HF_ERR_BIND_FAILED);
	assert_non_null(strstr(f->fault.detail, "no driver ice"));
	assert_int_equal(bind(f, "nvme", 1000), HF_ERR_BIND_FAILED);	/* no file "bind" */
}

static void expect_file(const struct fixture *f, const char *path, const char *text)
{
	char found[64] = "";
	int fd = open(full(f, path), O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0 && read(fd, found, sizeof(found) - 1) >= 0);
	close(fd);
	assert_string_equal(found, text);
}

static void make_file(const struct fixture *f, const char *path)
{
	int fd = open(full(f, path), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
}

/* A module's driver has the name that the kernel says, not the module's. */
static void unbinding_by_the_name_of_the_module(void **state)
{
	struct fixture *f = *state;

	make_file(f, "bus/pci/drivers/xhci_hcd/unbind");
	bound(f, "xhci_hcd");
	assert_int_equal(hf_driver_unbind(&f->host, "xhci-pci", &address, 60000, &f->fault), HF_OK);
	expect_file(f, "bus/pci/drivers/xhci_hcd/unbind", "0000:01:00.0");
}

static void unbinding_what_is_another_drivers(void **state)
{
	struct fixture *f = *state;

	make_file(f, "bus/pci/drivers/nvme/unbind");
	assert_int_equal(hf_driver_unbind(&f->host, "nvme", &address, 60000, &f->fault), HF_OK);
	bound(f, "xhci_hcd");
	assert_int_equal(hf_driver_unbind(&f->host, "nvme", &address, 60000, &f->fault),
			 HF_ERR_BIND_FAILED);
	expect_file(f, "bus/pci/drivers/nvme/unbind", "");
}

static void functions_that_appear_are_seen(void **state)
{
	struct fixture *f = *state;
	struct hf_bus_function one = { .address = address };
	const struct hf_bus bus = { &one, 1 };
	bool grown = true;

	make_dirs(f, "bus/pci/devices/not-an-address");
	assert_int_equal(hf_bus_grown(&f->host, &bus, &grown, &f->fault), HF_OK);
	assert_false(grown);
	make_dirs(f, "bus/pci/devices/10000:00:01.0");
	assert_int_equal(hf_bus_grown(&f->host, &bus, &grown, &f->fault), HF_OK);
	assert_true(grown);
	make_dirs(f, "elsewhere");
	f->host.sysfs = openat(f->host.sysfs, "elsewhere", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(hf_bus_grown(&f->host, &bus, &grown, &f->fault), HF_ERR_PCI_ACCESS);
}

static void a_captured_tree_is_never_bound(void **state)
{
	struct fixture *f = *state;

	f->host.live = false;
	make_file(f, "bus/pci/drivers/nvme/bind");
	make_file(f, "bus/pci/drivers/nvme/unbind");
	assert_int_equal(bind(f, "nvme", 1000), HF_ERR_CAPTURED_TREE);
	bound(f, "nvme");
	assert_int_equal(hf_driver_unbind(&f->host, "nvme", &address, 1000, &f->fault),
			 HF_ERR_CAPTURED_TREE);
	expect_file(f, "bus/pci/drivers/nvme/bind", "");
	expect_file(f, "bus/pci/drivers/nvme/unbind", "");
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modules_are_found_by_whole_name),
		cmocka_unit_test(a_line_gives_its_paths_in_order),
		cmocka_unit_test(drivers_take_what_their_aliases_say),
		T(a_driver_takes_the_device), T(the_device_is_not_bound_afterwards),
		T(another_driver_has_it_afterwards), T(a_device_that_is_bound_already),
		T(a_driver_that_does_not_come_back), T(a_driver_that_the_kernel_does_not_have),
		T(unbinding_by_the_name_of_the_module), T(unbinding_what_is_another_drivers),
		T(functions_that_appear_are_seen), T(a_captured_tree_is_never_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
