/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/server/config.h: holdfastd's options: --NAME VALUE, and the same names as
 * "NAME = VALUE" lines of --config FILE; the command line comes first. */
#ifndef HF_CONTROLLER_SERVER_CONFIG_H
#define HF_CONTROLLER_SERVER_CONFIG_H

#include "controller/server/controller.h"

enum hf_task { HF_TASK_SERVE, HF_TASK_CHECK, HF_TASK_VERIFY_AUDIT, HF_TASK_PRUNE, HF_TASK_HELP, HF_TASK_VERSION };
struct hf_command {
	enum hf_task task;
	int64_t prune_before;	/* HF_TASK_PRUNE: seconds since 1970 */
	struct hf_config config;
};
/* Texts in the arena. HF_ERR_USAGE, HF_ERR_CONFIG_SYNTAX (which line), HF_ERR_FILE_UNREADABLE. What
 * the task cannot do without must be there. */
enum hf_err hf_config_read(int argc, char **argv, struct hf_arena *arena, struct hf_command *ret,
			   struct hf_fault *fault) HF_MUST_USE;
extern const char hf_config_usage[];

#endif
