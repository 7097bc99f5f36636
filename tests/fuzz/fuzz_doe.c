/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A device that says whatever the input says, register by register: an exchange, discovery
 * and the CXL table end within a bound of accesses, write only to their own registers, and
 * give nothing that is longer than its room. The clock stands still: it is no help. */
#include <stdlib.h>
#include <string.h>

#include "pcie/doe.h"

#define AT 0x100u
#define ROOM 4096
#define MOST_ACCESSES 4000000u	/* 64 protocols, each with waits of a second */

struct device {
	const uint8_t *data;
	size_t size, pos;
	uint64_t accesses;
	bool obeys;		/* status as it should be, so that what it says is heard */
	bool ready;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(struct device *d)
{
	if (++d->accesses > MOST_ACCESSES)
		abort();
}

/* Past its end the input goes on as zeros, or for ever as its last byte was. */
static uint32_t next(struct device *d)
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++)
		v |= (uint32_t)(d->pos < d->size ? d->data[d->pos++] : d->size ? d->data[d->size - 1] : 0)
		     << 8 * i;
	return v;
}

static enum hf_err get(void *self, uint32_t offset, uint32_t *ret)
{
	struct device *d = self;

	count(d);
	if (offset % 4 || offset < AT || offset >= AT + 0x18)
		abort();
	if (d->obeys && offset == AT + 0x0c) {
		*ret = d->ready && d->pos < d->size ? 0x80000000 : 0;
		return HF_OK;
	}
	*ret = next(d);
	return HF_OK;
}

static enum hf_err put(void *self, uint32_t offset, uint32_t value)
{
	struct device *d = self;

	count(d);
	if (offset != AT + 0x08 && offset != AT + 0x10 && offset != AT + 0x14)
		abort();
	if (offset == AT + 0x08 && value != 1 && value != 0x80000000)
		abort();
	if (offset == AT + 0x08)
		d->ready = value != 1;
	return HF_OK;
}

static void no_pause(void *self, unsigned us)
{
	(void)self;
	if (us == 0 || us > 1000)
		abort();
}

static uint64_t no_time(void *self)
{
	(void)self;
	return 7;
}

static void begin(struct device *d, const uint8_t *data, size_t size)
{
	*d = (struct device){ .data = data, .size = size, .obeys = size && data[0] & 1 };
	if (size)
		d->pos = 1;
}

static void exchange(const struct hf_doe *doe, const uint8_t *data, size_t size)
{
	static uint8_t buf[ROOM + 1];
	const size_t cap = size > 1 ? data[1] * 16u : 0;
	struct hf_span body = { data, size < 32 ? size : 32 };
	size_t len = SIZE_MAX;
	enum hf_err err;

	buf[cap] = 0xa5;
	err = hf_doe_exchange(doe, 1, 1, body, 100, buf, cap, &len);
	if (buf[cap] != 0xa5 || (err ? len != SIZE_MAX : len > cap || len % 4))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hf_doe_protocol protocols[8];
	static uint8_t table[ROOM + 1];
	struct device device;
	const struct hf_config_access access = { &device, get, put, no_pause, no_time };
	const struct hf_doe doe = { &access, AT };
	uint32_t at[HF_DOE_MAILBOXES_MAX];
	size_t found = SIZE_MAX, len = SIZE_MAX, mailboxes;
	bool loop = false;

	begin(&device, data, size);
	exchange(&doe, data, size);
	begin(&device, data, size);
	if (hf_doe_discover(&doe, protocols, 8, &found) == HF_OK ? found > 8 : found != SIZE_MAX)
		abort();
	begin(&device, data, size);
	table[ROOM] = 0xa5;
	if (hf_doe_read_cdat(&doe, table, ROOM, &len) == HF_OK &&
	    (len < 16 || hf_le(table, 4) != len))
		abort();
	if (len > ROOM || table[ROOM] != 0xa5)
		abort();
	mailboxes = hf_doe_find((struct hf_span){ data, size }, at, &loop);
	for (size_t i = 0; i < mailboxes; i++)
		if (at[i] < 256 || at[i] % 4 || at[i] + 0x18 > size || at[i] + 0x18 > 4096 ||
		    (i && at[i] == at[i - 1]))
			abort();
	return 0;
}
