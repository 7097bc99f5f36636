/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/server/openapi.h: docs/openapi.json, which the build makes into an array. */
#ifndef HF_CONTROLLER_SERVER_OPENAPI_H
#define HF_CONTROLLER_SERVER_OPENAPI_H

#include <stddef.h>
#include <stdint.h>

extern const uint8_t hf_openapi[];
extern const size_t hf_openapi_size;

#endif
