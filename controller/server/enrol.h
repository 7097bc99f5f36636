/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/server/enrol.h: hf_agent_enrol and hf_agent_activate are in controller.h. */
#ifndef HF_CONTROLLER_SERVER_ENROL_H
#define HF_CONTROLLER_SERVER_ENROL_H

#include "controller/server/controller.h"

/* What is wrong with a key that is not of the frozen template. */
const char *hf_enrol_ak_words(struct hf_span public_area);

#endif
