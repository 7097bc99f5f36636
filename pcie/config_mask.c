/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/config_mask.c: which fields of configuration space change without anybody
 * changing the device. A change here changes HF_CONFIG_MASK_VERSION and the table in
 * docs/config-mask.md (a test compares the two). [pure]
 */
#include "pcie/config.h"

#define H HF_MASK_HEADER
#define C HF_MASK_CAPABILITY
#define X HF_MASK_EXTENDED

const struct hf_mask_row hf_mask_rows[] = {
	{ H, 0, 0x04, 4, 0, "command and status" },
	{ H, 0, 0x0c, 2, 0, "cache line size, latency timer" },
	{ H, 0, 0x0f, 1, 0, "built-in self test" },
	{ H, 0, 0x10, 24, 0, "base addresses" },
	{ H, 0, 0x30, 4, 0, "expansion ROM base address" },
	{ H, 0, 0x3c, 1, 0, "interrupt line" },
	{ H, 1, 0x04, 4, 0, "command and status" },
	{ H, 1, 0x0c, 2, 0, "cache line size, latency timer" },
	{ H, 1, 0x0f, 1, 0, "built-in self test" },
	{ H, 1, 0x10, 8, 0, "base addresses" },
	{ H, 1, 0x18, 4, 0, "bus numbers, secondary latency timer" },
	{ H, 1, 0x1c, 24, 0, "I/O and memory windows, secondary status" },
	{ H, 1, 0x38, 4, 0, "expansion ROM base address" },
	{ H, 1, 0x3c, 1, 0, "interrupt line" },
	{ H, 1, 0x3e, 2, 0, "bridge control" },
	{ H, 2, 0x04, 4, 0, "command and status" },
	{ H, 2, 0x0c, 2, 0, "cache line size, latency timer" },
	{ H, 2, 0x10, 4, 0, "base address" },
	{ H, 2, 0x16, 38, 0, "secondary status, bus numbers, windows" },
	{ H, 2, 0x3c, 1, 0, "interrupt line" },
	{ H, 2, 0x3e, 2, 0, "bridge control" },
	{ C, 0x01, 4, 4, 0, "power management: control, status, data" },
	{ C, 0x02, 8, 4, 0, "AGP: command" },
	{ C, 0x03, 2, 6, 0, "vital product data: address, data" },
	{ C, 0x05, 2, 2, 0x0071, "MSI: enable, vectors in use" },
	{ C, 0x05, 4, 20, 0, "MSI: address, data, mask, pending" },
	{ C, 0x07, 2, 6, 0, "PCI-X: command, status" },
	{ C, 0x10, 8, 4, 0, "PCI Express: device control and status" },
	{ C, 0x10, 16, 4, 0, "PCI Express: link control and status" },
	{ C, 0x10, 24, 4, 0, "PCI Express: slot control and status" },
	{ C, 0x10, 28, 2, 0, "PCI Express: root control" },
	{ C, 0x10, 32, 4, 0, "PCI Express: root status" },
	{ C, 0x10, 40, 4, 0, "PCI Express: device control 2 and status 2" },
	{ C, 0x10, 48, 4, 0, "PCI Express: link control 2 and status 2" },
	{ C, 0x10, 56, 4, 0, "PCI Express: slot control 2 and status 2" },
	{ C, 0x11, 2, 2, 0xc000, "MSI-X: enable, function mask" },
	{ C, 0x13, 4, 2, 0, "advanced features: control, status" },
	{ X, 0x0001, 4, 52, 0, "AER: status, masks, severities, logs, root registers" },
	{ X, 0x0001, 56, 16, 0, "AER: TLP prefix log" },
	{ X, 0x0002, 12, 4, 0, "virtual channel: port control and status" },
	{ X, 0x0002, 20, 8, 0, "virtual channel 0: control and status" },
	{ X, 0x0004, 4, 1, 0, "power budgeting: data select" },
	{ X, 0x0004, 8, 4, 0, "power budgeting: data" },
	{ X, 0x0009, 12, 4, 0, "virtual channel: port control and status" },
	{ X, 0x0009, 20, 8, 0, "virtual channel 0: control and status" },
	{ X, 0x000d, 6, 2, 0, "access control services: control" },
	{ X, 0x000e, 6, 2, 0, "alternative routing id: control" },
	{ X, 0x000f, 6, 2, 0, "address translation: control" },
	{ X, 0x0010, 8, 4, 0, "SR-IOV: control and status" },
	{ X, 0x0010, 16, 2, 0, "SR-IOV: number of virtual functions" },
	{ X, 0x0010, 20, 4, 0, "SR-IOV: first offset and stride" },
	{ X, 0x0010, 32, 32, 0, "SR-IOV: page size, base addresses, migration" },
	{ X, 0x0012, 6, 42, 0, "multicast: control, addresses" },
	{ X, 0x0013, 4, 4, 0, "page requests: control and status" },
	{ X, 0x0013, 12, 4, 0, "page requests: allocation" },
	{ X, 0x0015, 8, 4, 0, "resizable BAR: control 1" },
	{ X, 0x0015, 16, 4, 0, "resizable BAR: control 2" },
	{ X, 0x0015, 24, 4, 0, "resizable BAR: control 3" },
	{ X, 0x0015, 32, 4, 0, "resizable BAR: control 4" },
	{ X, 0x0015, 40, 4, 0, "resizable BAR: control 5" },
	{ X, 0x0015, 48, 4, 0, "resizable BAR: control 6" },
	{ X, 0x0016, 12, 4, 0, "dynamic power allocation: status, control" },
	{ X, 0x0017, 8, 4, 0, "TLP processing hints: control" },
	{ X, 0x0018, 4, 4, 0, "latency tolerance: greatest latencies" },
	{ X, 0x0019, 4, 8, 0, "secondary PCI Express: link control 3, lane errors" },
	{ X, 0x0019, 12, 32, 0, "secondary PCI Express: lane equalization" },
	{ X, 0x001b, 6, 2, 0, "process address space id: control" },
	{ X, 0x001d, 6, 6, 0, "downstream port containment: control, status, source" },
	{ X, 0x001d, 12, 48, 0, "downstream port containment: programmed I/O status and logs" },
	{ X, 0x001e, 8, 8, 0, "L1 substates: control" },
	{ X, 0x001f, 8, 4, 0, "precision time: control" },
	{ X, 0x0021, 8, 8, 0, "function readiness queue: status, control, messages" },
	{ X, 0x0024, 8, 4, 0, "virtual functions' resizable BAR: control 1" },
	{ X, 0x0024, 16, 4, 0, "virtual functions' resizable BAR: control 2" },
	{ X, 0x0024, 24, 4, 0, "virtual functions' resizable BAR: control 3" },
	{ X, 0x0024, 32, 4, 0, "virtual functions' resizable BAR: control 4" },
	{ X, 0x0024, 40, 4, 0, "virtual functions' resizable BAR: control 5" },
	{ X, 0x0024, 48, 4, 0, "virtual functions' resizable BAR: control 6" },
	{ X, 0x0025, 8, 4, 0, "data link feature: status" },
	{ X, 0x0026, 8, 40, 0, "physical layer 16 GT/s: control, status, lanes" },
	{ X, 0x0027, 6, 66, 0, "lane margining: status, lanes" },
	{ X, 0x0029, 8, 8, 0, "enclosure management: control, status" },
	{ X, 0x002a, 8, 56, 0, "physical layer 32 GT/s: control, status, lanes" },
	{ X, 0x002e, 8, 16, 0, "data object exchange: control, status, mailbox" },
	{ X, 0x002f, 8, 8, 0, "device 3: control, status" },
	{ X, 0x0030, 8, 4, 0, "integrity and data encryption: control" },
	{ X, 0x0031, 8, 24, 0, "physical layer 64 GT/s: control, status, lanes" },
	{ X, 0x0032, 8, 56, 0, "flit logging: control, status, logs" },
};
const size_t hf_mask_row_count = sizeof(hf_mask_rows) / sizeof(hf_mask_rows[0]);

/* Capability headers by dword; a field never reaches into the next capability. */
struct starts {
	uint8_t bit[HF_CONFIG_MAX / 32];
};

static bool is_start(const struct starts *s, size_t at)
{
	return at % 4 == 0 && s->bit[at / 32] & 1u << at / 4 % 8;
}

static bool add_start(struct starts *s, size_t at)
{
	if (is_start(s, at))
		return false;
	s->bit[at / 32] |= (uint8_t)(1u << at / 4 % 8);
	return true;
}

static void find_starts(const uint8_t *config, size_t len, struct starts *s)
{
	size_t at = 0;

	if (config[0x06] & 0x10)
		at = config[(config[0x0e] & 0x7f) == 2 ? 0x14 : 0x34] & 0xfc;
	while (at >= HF_CONFIG_HEADER && at + 2 <= len && config[at] != 0xff && add_start(s, at))
		at = config[at + 1] & 0xfc;
	at = 256;
	while (at >= 256 && at + 4 <= len) {
		uint32_t header = (uint32_t)hf_le(config + at, 4);

		if (header == 0xffffffff || (header == 0 && at == 256) || !add_start(s, at))
			break;
		at = header >> 20 & 0xffc;
	}
}

static size_t capability_end(const struct starts *s, size_t base, size_t len)
{
	size_t end = base + 4;

	while (end < len && !is_start(s, end))
		end += 4;
	return end < len ? end : len;
}

static void clear(uint8_t *config, size_t end, size_t base, const struct hf_mask_row *row)
{
	for (size_t i = 0; i < row->len && base + row->offset + i < end; i++) {
		unsigned gone = row->bits ? (unsigned)row->bits >> 8 * i : 0xff;
		uint8_t *byte = &config[base + row->offset + i];

		*byte = (uint8_t)(*byte & ~gone);
	}
}

static void clear_rows(uint8_t *config, size_t end, size_t base, enum hf_mask_place place,
		       uint16_t id)
{
	for (size_t i = 0; i < hf_mask_row_count; i++)
		if (hf_mask_rows[i].place == place && hf_mask_rows[i].id == id)
			clear(config, end, base, &hf_mask_rows[i]);
}

void hf_config_mask(uint8_t *config, size_t len)
{
	struct starts s = { { 0 } };

	if (len < HF_CONFIG_HEADER)
		return;
	if (len > HF_CONFIG_MAX)
		len = HF_CONFIG_MAX;
	find_starts(config, len, &s);
	for (size_t at = HF_CONFIG_HEADER; at < len; at += 4) {
		if (s.bit[at / 32] == 0)
			at |= 28;	/* none in these eight */
		if (!is_start(&s, at))
			continue;
		if (at < 256)
			clear_rows(config, capability_end(&s, at, len), at, C, config[at]);
		else
			clear_rows(config, capability_end(&s, at, len), at, X,
				   (uint16_t)hf_le(config + at, 2));
	}
	clear_rows(config, HF_CONFIG_HEADER, 0, H, config[0x0e] & 0x7f);
}
