/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/bind.h: kernel modules by modules.dep, and drivers to devices one at a time, by
 * sysfs. Never anything that the caller did not name. [edge: kernel] */
#ifndef HF_AGENT_BIND_H
#define HF_AGENT_BIND_H

#include "measure/claim.h"
#include "pcie/enumerate.h"

#define HF_MODULES_DEP_MAX (4u << 20)	/* bytes */
#define HF_MODULES_ALIAS_MAX (16u << 20)
#define HF_MODULE_NAME_MAX 64
/* How long a driver's probe or remove may take. */
#define HF_BIND_DEADLINE_MS 60000
#define HF_MODALIAS_TEXT 64

/* The line of modules.dep for a module: its own file, then what it needs, in the order of
 * the line (load from the last to the first). Dashes and underscores in names are one.
 * False: not there. [pure] */
bool hf_modules_find(struct hf_span modules_dep, const char *name, struct hf_span *ret_line);
/* The next blank-separated path of such a line; the colon is not part of it. [pure] */
bool hf_modules_path(struct hf_span *line, struct hf_span *ret_path);

/* Loads a module and what it needs from /lib/modules/RELEASE. One that is built in or
 * already loaded is fine. HF_ERR_BIND_FAILED. */
enum hf_err hf_module_load(const char *name, struct hf_fault *fault) HF_MUST_USE;

/* Which devices a driver takes, as the kernel's build wrote it down. Borrowed spans. */
struct hf_aliases {
	struct hf_span modules_alias;	/* lines "alias PATTERN MODULE" */
	struct hf_span builtin_modinfo;	/* "MODULE.alias=PATTERN", each with a NUL */
};
/* From /lib/modules/RELEASE, in arena. HF_ERR_BIND_FAILED: neither file is there. */
enum hf_err hf_aliases_read(struct hf_arena *arena, struct hf_aliases *ret, struct hf_fault *fault) HF_MUST_USE;
/* The name under which the kernel looks for a driver for such a function. [pure] */
void hf_modalias_format(const struct hf_identity *identity, char out[static HF_MODALIAS_TEXT]);
/* Whether the driver says that it takes such a device. [pure] */
bool hf_aliases_take(const struct hf_aliases *aliases, const char *driver, const char *modalias);

/* Binds one driver to one function by the driver's own "bind" file, which touches nothing
 * else, in a child process that is given up if the driver does not come back.
 * HF_ERR_BIND_FAILED: the driver refused it, it is bound already, or it is not bound
 * afterwards; HF_ERR_TIMED_OUT; HF_ERR_CAPTURED_TREE. */
enum hf_err hf_driver_bind(const struct hf_host *host, const char *driver,
			   const struct hf_address *address, uint64_t deadline_ms,
			   struct hf_fault *fault) HF_MUST_USE;
/* Of a function that is bound to nothing any more: HF_OK. */
enum hf_err hf_driver_unbind(const struct hf_host *host, const char *driver,
			     const struct hf_address *address, uint64_t deadline_ms,
			     struct hf_fault *fault) HF_MUST_USE;
/* Whether functions are there that the bus, as it was read, does not have. */
enum hf_err hf_bus_grown(const struct hf_host *host, const struct hf_bus *bus, bool *ret,
			 struct hf_fault *fault) HF_MUST_USE;

#endif
