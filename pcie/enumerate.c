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

static enum hf_err read_config(const struct hf_host *host, struct hf_arena *arena,
			       struct hf_bus_function *f)
{
	uint8_t bytes[HF_CONFIG_MAX];
	char path[80];
	struct stat st;
	ssize_t n;
	int fd;

	hf_host_device_path(&f->address, "config", path, sizeof(path));
	fd = openat(host->sysfs, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		f->config_err = errno == ENOENT ? HF_ERR_DEVICE_GONE :
				errno == EPERM || errno == EACCES ? HF_ERR_KERNEL_REFUSED :
								     HF_ERR_CONFIG_SHORT;
		return HF_OK;
	}
	n = pread(fd, bytes, sizeof(bytes), 0);
	if (n < 0)
		n = 0;
	/* The file's size is that of the device's space; without privilege less is read. */
	f->config_err = HF_OK;
	if (n < 256 || fstat(fd, &st) != 0 || (st.st_size <= HF_CONFIG_MAX && n < st.st_size))
		f->config_err = HF_ERR_CONFIG_SHORT;
	close(fd);
	return hf_arena_copy(arena, (struct hf_span){ bytes, (size_t)n }, &f->config);
}

/* Last component of a symbolic link in the function's directory, "" when there is none. */
static void link_name(const struct hf_host *host, const struct hf_bus_function *f,
		      const char *file, char *out, size_t cap)
{
	char path[80], target[1024];
	const char *name;
	ssize_t n;

	out[0] = '\0';
	hf_host_device_path(&f->address, file, path, sizeof(path));
	n = readlinkat(host->sysfs, path, target, sizeof(target) - 1);
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

static enum hf_err read_function(const struct hf_host *host, struct hf_arena *arena,
				 struct hf_bus_function *f)
{
	enum hf_err err = read_config(host, arena, f);
	char name[64];

	if (err)
		return err;
	link_name(host, f, "driver", name, sizeof(name));
	if (name[0] && !(f->driver = hf_arena_text(arena, name, strlen(name))))
		return HF_ERR_LIMIT;
	link_name(host, f, "physfn", name, sizeof(name));
	f->virtual_function = name[0] && hf_address_parse(name, &f->physical);
	return HF_OK;
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
	for (size_t i = 0; i < bus.count; i++) {
		struct hf_bus_function *f = &bus.functions[i];

		if (f->address.device > 31 || f->address.function > 7 ||
		    (i && by_address(f - 1, f) == 0))
			return hf_fail(fault, HF_ERR_PCI_ACCESS, path,
				       "impossible or duplicate address %04x:%02x:%02x.%x",
				       (unsigned)f->address.domain, f->address.bus,
				       f->address.device, f->address.function);
		err = read_function(host, arena, f);
		if (err)
			return hf_fail(fault, err, path, "%zu functions", bus.count);
	}
	*ret = bus;
	return HF_OK;
}
