/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/reader_uncovered.c: devices behind which something lies that nobody here measures.
 * A claim says so for each; it reads nothing. What decides is the function's own word for
 * what it is, so it is a help to people and no defence. */
#include "pcie/config.h"
#include "pcie/reader.h"

#define ANY 0xffff
#define RAID 0x0104		/* class: mass storage, RAID */
#define BRIDGE_OTHER 0x0680	/* class: NVSwitch calls itself that */

struct row {
	uint16_t vendor, first, last;	/* device ids; ANY: all of them */
	uint16_t class_code;		/* base and sub class, or ANY */
	const char *mkey;
};

/* The first row that fits counts. Ids: pci.ids, and the drivers of Linux. */
static const struct row rows[] = {
	/* Intel VMD: drivers/pci/controller/vmd.c. Class RAID too, so these come first. */
	{ 0x8086, 0x201d, 0x201d, ANY, "not-covered/vmd-drives" },	/* Skylake-SP */
	{ 0x8086, 0x28c0, 0x28c0, ANY, "not-covered/vmd-drives" },	/* Ice Lake-SP and on */
	{ 0x8086, 0x467f, 0x467f, ANY, "not-covered/vmd-drives" },
	{ 0x8086, 0x4c3d, 0x4c3d, ANY, "not-covered/vmd-drives" },
	{ 0x8086, 0x7d0b, 0x7d0b, ANY, "not-covered/vmd-drives" },
	{ 0x8086, 0x9a0b, 0x9a0b, ANY, "not-covered/vmd-drives" },
	{ 0x8086, 0xa77f, 0xa77f, ANY, "not-covered/vmd-drives" },
	{ 0x8086, 0xad0b, 0xad0b, ANY, "not-covered/vmd-drives" },
	{ 0x8086, 0xb06f, 0xb06f, ANY, "not-covered/vmd-drives" },
	{ 0x8086, 0xb07f, 0xb07f, ANY, "not-covered/vmd-drives" },
	{ 0x8086, 0xb60b, 0xb60b, ANY, "not-covered/vmd-drives" },
	{ ANY, 0, 0, RAID, "not-covered/raid-drives" },
	/* A computer on a card: cores, memory, storage, an operating system of its own. */
	{ 0x15b3, 0xa2d0, 0xa2df, ANY, "not-covered/dpu" },	/* BlueField 1 to 4 */
	{ 0x15b3, 0xc2d1, 0xc2d6, ANY, "not-covered/dpu" },	/* their management function */
	{ 0x1dd8, 0x1002, 0x100d, ANY, "not-covered/dpu" },	/* Pensando, without its ports */
	{ 0x8086, 0x1452, 0x1452, ANY, "not-covered/dpu" },	/* Intel IPU E2000 */
	{ 0x177d, 0x9702, 0x9703, ANY, "not-covered/dpu" },	/* LiquidIO II */
	{ 0x177d, 0xb100, 0xbd00, ANY, "not-covered/dpu" },	/* OCTEON TX2, CN10K */
	/* What a management controller shows to the host. */
	{ 0x1a03, 0x1150, 0x1150, ANY, "not-covered/bmc" },	/* ASPEED's bridge */
	{ 0x1a03, 0x2000, 0x2000, ANY, "not-covered/bmc" },	/* and its display */
	{ 0x102b, 0x0522, 0x0522, ANY, "not-covered/bmc" },	/* G200e, Pilot */
	{ 0x102b, 0x0530, 0x0538, ANY, "not-covered/bmc" },	/* G200 of iDRAC, iLO, Nuvoton */
	{ 0x103c, 0x22f6, 0x22f6, ANY, "not-covered/bmc" },	/* iLO 5 */
	{ 0x103c, 0x3300, 0x3308, ANY, "not-covered/bmc" },	/* iLO */
	{ 0x19e5, 0x1710, 0x1711, ANY, "not-covered/bmc" },	/* iBMC, Hi171x */
	/* NVSwitch (what calls itself that and has a lower id is of an old chipset), and GPUs of
	 * the kind that is soldered to it. A card that takes a bridge over its edge does not
	 * show whether one is there. */
	{ 0x10de, 0x1a00, ANY, BRIDGE_OTHER, "not-covered/nvlink" },
	{ 0x10de, 0x15f9, 0x15f9, ANY, "not-covered/nvlink" },	/* P100 SXM2 */
	{ 0x10de, 0x1db1, 0x1db1, ANY, "not-covered/nvlink" },	/* V100 SXM2 */
	{ 0x10de, 0x1db5, 0x1db5, ANY, "not-covered/nvlink" },
	{ 0x10de, 0x1db8, 0x1db8, ANY, "not-covered/nvlink" },	/* V100 SXM3 */
	{ 0x10de, 0x1df5, 0x1df5, ANY, "not-covered/nvlink" },
	{ 0x10de, 0x20b0, 0x20b0, ANY, "not-covered/nvlink" },	/* A100 SXM4 */
	{ 0x10de, 0x20b2, 0x20b3, ANY, "not-covered/nvlink" },
	{ 0x10de, 0x20bd, 0x20bd, ANY, "not-covered/nvlink" },	/* A800 SXM4 */
	{ 0x10de, 0x20f3, 0x20f3, ANY, "not-covered/nvlink" },
	{ 0x10de, 0x2324, 0x2324, ANY, "not-covered/nvlink" },	/* H800 */
	{ 0x10de, 0x2329, 0x2329, ANY, "not-covered/nvlink" },	/* H20 */
	{ 0x10de, 0x2330, 0x2330, ANY, "not-covered/nvlink" },	/* H100 SXM5 */
	{ 0x10de, 0x2335, 0x2335, ANY, "not-covered/nvlink" },	/* H200 SXM */
	{ 0x10de, 0x2342, 0x2342, ANY, "not-covered/nvlink" },	/* GH200 */
	{ 0x10de, 0x2348, 0x2348, ANY, "not-covered/nvlink" },
	{ 0x10de, 0x2901, 0x2901, ANY, "not-covered/nvlink" },	/* B200 */
	{ 0x10de, 0x2941, 0x2941, ANY, "not-covered/nvlink" },	/* GB200 */
	{ 0x10de, 0x3182, 0x3182, ANY, "not-covered/nvlink" },	/* B300 */
	{ 0x10de, 0x31c2, 0x31c2, ANY, "not-covered/nvlink" },	/* GB300 */
};

static const char *find(const struct hf_bus_function *f)
{
	struct hf_identity id;

	/* A virtual function is its physical function's, which has the claim. */
	if (f->virtual_function || hf_config_header(f->config, &id) != HF_OK)
		return NULL;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];

		if ((r->vendor == ANY || (r->vendor == id.vendor && id.device >= r->first &&
					  id.device <= r->last)) &&
		    (r->class_code == ANY || r->class_code == id.class_code >> 8))
			return r->mkey;
	}
	return NULL;
}

/* Bound, VMD's devices are on the bus, in a domain of their own, and are read like others. */
static bool shows_its_drives(const struct hf_bus_function *f, const char *mkey)
{
	return strcmp(mkey, "not-covered/vmd-drives") == 0 && f->driver &&
	       strcmp(f->driver, "vmd") == 0;
}

static bool matches(const struct hf_bus_function *function)
{
	const char *mkey = find(function);

	return mkey && !shows_its_drives(function, mkey);
}

static enum hf_err read_uncovered(const struct hf_read *read)
{
	return hf_sink_failure(read->sink, find(read->function), HF_ERR_NOT_COVERED);
}

const struct hf_reader hf_reader_uncovered = {
	.name = "uncovered",
	.touches = "nothing: it looks at class and ids",
	.proves = "Nothing: it names what lies behind the function and is not measured.",
	.needs_driver = false,
	.method = HF_METHOD_NONE,
	.matches = matches,
	.read = read_uncovered,
};
