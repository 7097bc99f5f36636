/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/enumerate.c: list the bus with libpci. [edge: libpci]
 *
 * libpci lists, nothing more: ids and everything else come from configuration bytes. Its
 * error callback must not return, so it jumps out of the one function that calls libpci.
 */
#include "pcie/enumerate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pci/pci.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pcie/config.h"
#include "pcie/worker.h"

/* libpci hands no context to its callbacks. */
static _Thread_local jmp_buf escape;
static _Thread_local char complaint[160];

__attribute__((noreturn, format(printf, 1, 2))) static void on_error(char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(complaint, sizeof(complaint), format, args);
	va_end(args);
	longjmp(escape, 1);
}

__attribute__((format(printf, 1, 2))) static void on_note(char *format, ...)
{
	(void)format;
}

static int by_address(const void *a, const void *b)
{
	const struct hf_address *x = &((const struct hf_bus_function *)a)->address;
	const struct hf_address *y = &((const struct hf_bus_function *)b)->address;

	if (x->domain != y->domain)
		return x->domain < y->domain ? -1 : 1;
	return (x->bus << 16 | x->device << 8 | x->function) -
	       (y->bus << 16 | y->device << 8 | y->function);
}

static enum hf_err collect(struct pci_access *access, struct hf_arena *arena,
			   struct hf_bus *ret)
{
	struct hf_bus bus = { 0 };

	for (struct pci_dev *d = access->devices; d; d = d->next)
		bus.count++;
	if (bus.count > HF_FUNCTIONS_MAX)
		return HF_ERR_LIMIT;
	bus.functions = hf_arena_take(arena, bus.count * sizeof(*bus.functions));
	if (!bus.functions)
		return HF_ERR_LIMIT;
	struct hf_bus_function *f = bus.functions;

	for (struct pci_dev *d = access->devices; d; d = d->next, f++)
		f->address = (struct hf_address){ .domain = (uint32_t)d->domain, .bus = d->bus,
						  .device = d->dev, .function = d->func };
	*ret = bus;
	return HF_OK;
}

/* The only function that calls libpci. */
static enum hf_err list(char *path, struct hf_arena *arena, struct hf_bus *ret)
{
	struct pci_access *volatile access = NULL;
	volatile enum hf_err err = HF_ERR_PCI_ACCESS;

	complaint[0] = '\0';
	if (setjmp(escape) == 0) {
		access = pci_alloc();
		access->method = PCI_ACCESS_SYS_BUS_PCI;
		access->error = on_error;
		access->warning = on_note;
		access->debug = on_note;
		access->buscentric = 1;		/* do not read ids from text files */
		if (pci_set_param(access, "sysfs.path", path) == 0) {
			pci_init(access);
			pci_scan_bus(access);
			err = collect(access, arena, ret);
		}
	}
	if (access && setjmp(escape) == 0)
		pci_cleanup(access);
	return err;
}

struct reading {
	const struct hf_host *host;
	struct hf_arena *arena;
	struct hf_bus *bus;
};

/* In a worker: a device may keep this for ever. */
static enum hf_err read_config(void *self, size_t index, struct hf_writer *w)
{
	const struct reading *r = self;
	enum hf_err err = HF_OK;
	char path[80];
	struct stat st;
	ssize_t n;
	int fd;

	hf_host_device_path(&r->bus->functions[index].address, "config", path, sizeof(path));
	fd = openat(r->host->sysfs, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? HF_ERR_DEVICE_GONE :
		       errno == EPERM || errno == EACCES ? HF_ERR_KERNEL_REFUSED :
							   HF_ERR_CONFIG_SHORT;
	n = pread(fd, w->buf, HF_CONFIG_MAX, 0);
	w->len = n > 0 ? (size_t)n : 0;
	/* The file's size is that of the device's space; without privilege less is read. */
	if (w->len < HF_CONFIG_MAX && (fstat(fd, &st) != 0 || n < st.st_size))
		err = HF_ERR_CONFIG_SHORT;
	close(fd);
	return err;
}

static enum hf_err take_config(void *self, const struct hf_pool_answer *answer)
{
	struct reading *r = self;
	struct hf_bus_function *f = &r->bus->functions[answer->index];

	f->config_err = answer->err;
	if (!f->config_err && answer->bytes.len < 256)
		f->config_err = HF_ERR_CONFIG_SHORT;
	return answer->bytes.len ? hf_arena_copy(r->arena, answer->bytes, &f->config) : HF_OK;
}

/* Last component of a symbolic link in the function's directory, "" when there is none. */
static void link_name(int device, const char *file, char *out, size_t cap)
{
	char target[1024];
	const char *name;
	ssize_t n;

	out[0] = '\0';
	n = readlinkat(device, file, target, sizeof(target) - 1);
	if (n <= 0)
		return;
	target[n] = '\0';
	name = strrchr(target, '/');
	name = name ? name + 1 : target;
	n = (ssize_t)strnlen(name, cap - 1);
	out[n] = '\0';
	for (ssize_t i = 0; i < n; i++)
		out[i] = name[i] > 0x20 && name[i] < 0x7f ? name[i] : '?';
}

static enum hf_err read_links(int device, struct hf_arena *arena, struct hf_bus_function *f)
{
	char name[64];

	link_name(device, "driver", name, sizeof(name));
	if (name[0] && !(f->driver = hf_arena_text(arena, name, strlen(name))))
		return HF_ERR_LIMIT;
	/* SR-IOV 1.1, 3.4.1.1: a virtual function's vendor id reads all ones. */
	if (f->config.len >= 2 && hf_le(f->config.ptr, 2) != 0xffff)
		return HF_OK;
	link_name(device, "physfn", name, sizeof(name));
	f->virtual_function = name[0] && hf_address_parse(name, &f->physical);
	return HF_OK;
}

/* Of the kernel alone: no device is asked. */
static enum hf_err read_function(int devices, struct hf_arena *arena, struct hf_bus_function *f)
{
	char name[HF_ADDRESS_TEXT];
	enum hf_err err;
	int device;

	hf_address_format(&f->address, name);
	device = openat(devices, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (device < 0)
		return HF_OK;
	err = read_links(device, arena, f);
	close(device);
	return err;
}

static enum hf_err read_functions(const struct hf_host *host, struct hf_arena *arena,
				  struct hf_bus *bus)
{
	struct reading reading = { host, arena, bus };
	/* One worker while all goes well: the kernel lets one at a time at the registers. */
	const struct hf_pool_options options = { .workers = 1, .device_ms = host->device_ms,
						 .keep = &host->sysfs, .keep_count = 1,
						 .answer_max = HF_CONFIG_MAX };
	int devices = openat(host->sysfs, "bus/pci/devices", O_PATH | O_DIRECTORY | O_CLOEXEC);
	enum hf_err err = devices < 0 ? HF_ERR_PCI_ACCESS : HF_OK;

	if (!err)
		err = hf_pool_run(&options, bus->count, read_config, take_config, &reading);
	for (size_t i = 0; i < bus->count && !err; i++)
		err = read_function(devices, arena, &bus->functions[i]);
	if (devices >= 0)
		close(devices);
	return err;
}

/* libpci gives up (and leaks) at the first name it cannot read, and reads some that are
 * none: only exact addresses get that far. */
static enum hf_err check_names(const struct hf_host *host, struct hf_fault *fault)
{
	static const char where[] = "bus/pci/devices";
	int fd = openat(host->sysfs, where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	enum hf_err err = HF_OK;
	struct dirent *entry;

	if (!dir) {
		hf_fail_errno(fault, HF_ERR_PCI_ACCESS, errno, where);
		if (fd >= 0)
			close(fd);
		return HF_ERR_PCI_ACCESS;
	}
	while (!err && (entry = readdir(dir)) != NULL) {
		char exact[HF_ADDRESS_TEXT];
		struct hf_address address;

		if (entry->d_name[0] == '.')
			continue;
		if (hf_address_parse(entry->d_name, &address)) {
			hf_address_format(&address, exact);
			if (strcmp(exact, entry->d_name) == 0 && address.domain <= INT32_MAX)
				continue;
		}
		err = hf_fail(fault, HF_ERR_PCI_ACCESS, where, "%.80s is no PCI address",
			      entry->d_name);
	}
	closedir(dir);
	return err;
}

enum hf_err hf_bus_read(const struct hf_host *host, struct hf_arena *arena,
			struct hf_bus *ret, struct hf_fault *fault)
{
	char path[sizeof(host->root) + 16];
	struct hf_bus bus;
	enum hf_err err;

	snprintf(path, sizeof(path), "%s/bus/pci", host->root);
	err = check_names(host, fault);
	if (err)
		return err;
	err = list(path, arena, &bus);
	if (err)
		return hf_fail(fault, err, path, "%s", complaint);
	qsort(bus.functions, bus.count, sizeof(*bus.functions), by_address);
	for (size_t i = 1; i < bus.count; i++)
		if (by_address(&bus.functions[i - 1], &bus.functions[i]) == 0)
			return hf_fail(fault, HF_ERR_PCI_ACCESS, path, "an address occurs twice");
	err = read_functions(host, arena, &bus);
	if (err)
		return hf_fail(fault, err, path, "%zu functions", bus.count);
	*ret = bus;
	return HF_OK;
}
