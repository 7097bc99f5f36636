/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/unit/record_fixture.h: HOLDFAST_RECORD=DIR keeps a request and what the store knows before
 * it, as a seed of fuzz_server_agent. Without it nothing is done. */
#ifndef HF_TESTS_UNIT_RECORD_FIXTURE_H
#define HF_TESTS_UNIT_RECORD_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/agent_world.h"

static inline void record_request(const char *name, struct agent_world world)
{
	const char *folder = getenv("HOLDFAST_RECORD");
	static uint8_t buf[1 << 20];
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };
	char path[512];
	FILE *f;

	if (!folder)
		return;
	agent_world_write(&world, &w);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = w.full ? NULL : fopen(path, "wbx");	/* the first of each name */
	if (!f && !w.full)
		return;
	if (!f || fwrite(buf, 1, w.len, f) != w.len || fclose(f))
		abort();
}

#endif
