/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/bind.h: kernel modules by modules.dep, and drivers to devices one at a time, by
 * sysfs. Never anything that the caller did not name. [edge: kernel] */
#ifndef HF_AGENT_BIND_H
#define HF_AGENT_BIND_H

#include "measure/claim.h"
#include "pcie/host.h"

#define HF_MODULES_DEP_MAX (4u << 20)	/* bytes */
#define HF_MODULE_NAME_MAX 64

/* The line of modules.dep for a module: its own file, then what it needs, in the order of
 * the line (load from the last to the first). Dashes and underscores in names are one.
 * False: not there. [pure] */
bool hf_modules_find(struct hf_span modules_dep, const char *name, struct hf_span *ret_line);
/* The next blank-separated path of such a line; the colon is not part of it. [pure] */
bool hf_modules_path(struct hf_span *line, struct hf_span *ret_path);

/* Loads a module and what it needs from /lib/modules/RELEASE. One that is built in or
 * already loaded is fine. HF_ERR_BIND_FAILED. */
enum hf_err hf_module_load(const char *name, struct hf_fault *fault) HF_MUST_USE;
/* *ret_bound: the driver took the device; false: it is not for this device, or somebody has
 * it already. A driver that is no PCI driver takes none. */
enum hf_err hf_driver_bind(const struct hf_host *host, const char *driver,
			   const struct hf_address *address, bool *ret_bound,
			   struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_driver_unbind(const struct hf_host *host, const char *driver,
			     const struct hf_address *address, struct hf_fault *fault) HF_MUST_USE;

#endif
