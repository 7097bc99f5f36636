/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Device paths: UEFI 2.10, section 10.3; their text, section 10.6. */
#include "measure/event_nodes.h"
#include "measure/event_text.h"

#define END_ENTIRE 0xff
#define RAW_SHOWN 32			/* bytes of a node shown in hex */

bool hf_path_next(struct hf_cursor *cursor, struct hf_path_node *ret)
{
	struct hf_path_node node;

	node.type = hf_u8(cursor);
	node.subtype = hf_u8(cursor);
	size_t len = hf_u16le(cursor);

	cursor->bad |= len < 4;
	node.data = hf_take_span(cursor, cursor->bad ? 0 : len - 4);
	if (cursor->bad)
		return false;
	if (node.type == END && node.subtype == END_ENTIRE) {
		cursor->bad |= node.data.len != 0 || hf_left(cursor) != 0;
		return false;
	}
	*ret = node;
	return true;
}

/* ---- text of one node ---- */

typedef void (*put_node)(struct hf_text *t, struct hf_cursor *c);

static void put_guid(struct hf_text *t, struct hf_cursor *c)
{
	const uint8_t *guid = hf_take(c, HF_GUID_SIZE);
	char text[HF_GUID_TEXT];

	if (!guid)
		return;
	hf_guid_text(guid, text);
	hf_text_put(t, "%s", text);
}

static void put_hex(struct hf_text *t, struct hf_span bytes)
{
	for (size_t i = 0; i < bytes.len && i < RAW_SHOWN; i++)
		hf_text_put(t, "%02x", bytes.ptr[i]);
	if (bytes.len > RAW_SHOWN)
		hf_text_put(t, "...");
}

static void put_rest(struct hf_text *t, struct hf_cursor *c)
{
	put_hex(t, hf_take_span(c, hf_left(c)));
}

static void put_pci(struct hf_text *t, struct hf_cursor *c)
{
	unsigned function = hf_u8(c), device = hf_u8(c);

	hf_text_put(t, "Pci(0x%X,0x%X)", device, function);
}

static void put_memory(struct hf_text *t, struct hf_cursor *c)
{
	unsigned type = hf_u32le(c);
	unsigned long long start = hf_u64le(c), end = hf_u64le(c);

	hf_text_put(t, "MemoryMapped(0x%X,0x%llX,0x%llX)", type, start, end);
}

static void put_vendor(struct hf_text *t, struct hf_cursor *c, const char *kind)
{
	hf_text_put(t, "%s(", kind);
	put_guid(t, c);
	if (hf_left(c))
		hf_text_put(t, ",");
	put_rest(t, c);
	hf_text_put(t, ")");
}

static void put_vendor_hardware(struct hf_text *t, struct hf_cursor *c)
{
	put_vendor(t, c, "VenHw");
}

static void put_vendor_message(struct hf_text *t, struct hf_cursor *c)
{
	put_vendor(t, c, "VenMsg");
}

static void put_vendor_media(struct hf_text *t, struct hf_cursor *c)
{
	put_vendor(t, c, "VenMedia");
}

static void put_controller(struct hf_text *t, struct hf_cursor *c)
{
	hf_text_put(t, "Ctrl(0x%X)", hf_u32le(c));
}

static void put_eisa(struct hf_text *t, uint32_t id, uint32_t uid)
{
	if (id == (PNP_PCI_ROOT << 16 | EISA_PNP))
		hf_text_put(t, "PciRoot(0x%X)", uid);
	else if (id == (PNP_PCIE_ROOT << 16 | EISA_PNP))
		hf_text_put(t, "PcieRoot(0x%X)", uid);
	else if ((id & 0xffff) == EISA_PNP)
		hf_text_put(t, "Acpi(PNP%04X,0x%X)", id >> 16, uid);
	else
		hf_text_put(t, "Acpi(0x%08X,0x%X)", id, uid);
}

static void put_acpi(struct hf_text *t, struct hf_cursor *c)
{
	uint32_t id = hf_u32le(c), uid = hf_u32le(c);

	put_eisa(t, id, uid);
}

static void put_acpi_long(struct hf_text *t, struct hf_cursor *c)
{
	uint32_t id = hf_u32le(c), uid = hf_u32le(c);

	hf_u32le(c);		/* compatible id; then texts for what the numbers cannot say */
	put_eisa(t, id, uid);
	hf_take(c, hf_left(c));
}

static void put_ata(struct hf_text *t, struct hf_cursor *c)
{
	unsigned channel = hf_u8(c), drive = hf_u8(c), lun = hf_u16le(c);

	hf_text_put(t, "Ata(%s,%s,0x%X)", channel ? "Secondary" : "Primary",
		    drive ? "Slave" : "Master", lun);
}

static void put_scsi(struct hf_text *t, struct hf_cursor *c)
{
	unsigned target = hf_u16le(c), lun = hf_u16le(c);

	hf_text_put(t, "Scsi(0x%X,0x%X)", target, lun);
}

static void put_usb(struct hf_text *t, struct hf_cursor *c)
{
	unsigned port = hf_u8(c), interface = hf_u8(c);

	hf_text_put(t, "USB(0x%X,0x%X)", port, interface);
}

static void put_mac(struct hf_text *t, struct hf_cursor *c)
{
	struct hf_span address = hf_take_span(c, 32);
	unsigned type = hf_u8(c);

	hf_text_put(t, "MAC(");
	/* types 0 and 1 are Ethernet: six of the 32 bytes are the address */
	put_hex(t, hf_span_part(address, 0, type <= 1 ? 6 : 32));
	hf_text_put(t, ",0x%X)", type);
}

static void put_ipv4(struct hf_text *t, struct hf_cursor *c)
{
	const uint8_t *local = hf_take(c, 4), *remote = hf_take(c, 4);

	hf_take(c, hf_left(c));
	if (remote)
		hf_text_put(t, "IPv4(%u.%u.%u.%u,%u.%u.%u.%u)", remote[0], remote[1], remote[2],
			    remote[3], local[0], local[1], local[2], local[3]);
}

static void put_ipv6(struct hf_text *t, struct hf_cursor *c)
{
	struct hf_span local = hf_take_span(c, 16), remote = hf_take_span(c, 16);

	hf_take(c, hf_left(c));
	hf_text_put(t, "IPv6(");
	put_hex(t, remote);
	hf_text_put(t, ",");
	put_hex(t, local);
	hf_text_put(t, ")");
}

static void put_unit(struct hf_text *t, struct hf_cursor *c)
{
	hf_text_put(t, "Unit(0x%X)", hf_u8(c));
}

static void put_sata(struct hf_text *t, struct hf_cursor *c)
{
	unsigned port = hf_u16le(c), multiplier = hf_u16le(c), lun = hf_u16le(c);

	hf_text_put(t, "Sata(0x%X,0x%X,0x%X)", port, multiplier, lun);
}

static void put_vlan(struct hf_text *t, struct hf_cursor *c)
{
	hf_text_put(t, "Vlan(%u)", hf_u16le(c));
}

static void put_nvme(struct hf_text *t, struct hf_cursor *c)
{
	unsigned namespace = hf_u32le(c);
	const uint8_t *eui = hf_take(c, 8);

	if (eui)
		hf_text_put(t, "NVMe(0x%X,%02X-%02X-%02X-%02X-%02X-%02X-%02X-%02X)", namespace,
			    eui[7], eui[6], eui[5], eui[4], eui[3], eui[2], eui[1], eui[0]);
}

static void put_uri(struct hf_text *t, struct hf_cursor *c)
{
	hf_text_put(t, "Uri(");
	hf_text_put_bytes(t, hf_take_span(c, hf_left(c)));
	hf_text_put(t, ")");
}

static void put_sd(struct hf_text *t, struct hf_cursor *c)
{
	hf_text_put(t, "SD(0x%X)", hf_u8(c));
}

static void put_emmc(struct hf_text *t, struct hf_cursor *c)
{
	hf_text_put(t, "eMMC(0x%X)", hf_u8(c));
}

static void put_drive(struct hf_text *t, struct hf_cursor *c)
{
	unsigned number = hf_u32le(c);
	unsigned long long start = hf_u64le(c), size = hf_u64le(c);
	struct hf_span signature = hf_take_span(c, HF_GUID_SIZE);
	unsigned format = hf_u8(c), kind = hf_u8(c);
	struct hf_cursor guid = hf_cursor_at(signature);

	hf_text_put(t, "HD(%u,%s,", number, format == 2 ? "GPT" : format == 1 ? "MBR" : "?");
	if (kind == 2)
		put_guid(t, &guid);
	else
		hf_text_put(t, "0x%08X", hf_u32le(&guid));
	hf_text_put(t, ",0x%llX,0x%llX)", start, size);
}

static void put_cdrom(struct hf_text *t, struct hf_cursor *c)
{
	unsigned entry = hf_u32le(c);
	unsigned long long start = hf_u64le(c), size = hf_u64le(c);

	hf_text_put(t, "CDROM(0x%X,0x%llX,0x%llX)", entry, start, size);
}

static void put_file(struct hf_text *t, struct hf_cursor *c)
{
	hf_text_put_utf16(t, hf_take_span(c, hf_left(c)));
}

static void put_media(struct hf_text *t, struct hf_cursor *c)
{
	put_vendor(t, c, "Media");
}

static void put_fv_file(struct hf_text *t, struct hf_cursor *c)
{
	put_vendor(t, c, "FvFile");
}

static void put_fv(struct hf_text *t, struct hf_cursor *c)
{
	put_vendor(t, c, "Fv");
}

static void put_offset(struct hf_text *t, struct hf_cursor *c)
{
	hf_u32le(c);
	unsigned long long start = hf_u64le(c), end = hf_u64le(c);

	hf_text_put(t, "Offset(0x%llX,0x%llX)", start, end);
}

static void put_bbs(struct hf_text *t, struct hf_cursor *c)
{
	unsigned type = hf_u16le(c), status = hf_u16le(c);

	hf_text_put(t, "BBS(0x%X,", type);
	hf_text_put_bytes(t, hf_take_span(c, hf_left(c)));
	hf_text_put(t, ",0x%X)", status);
}

static const struct { uint8_t type, subtype; put_node put; } nodes[] = {
	{ HARDWARE, 1, put_pci },
	{ HARDWARE, 3, put_memory },
	{ HARDWARE, 4, put_vendor_hardware },
	{ HARDWARE, 5, put_controller },
	{ ACPI, 1, put_acpi },
	{ ACPI, 2, put_acpi_long },
	{ MESSAGING, 1, put_ata },
	{ MESSAGING, 2, put_scsi },
	{ MESSAGING, 5, put_usb },
	{ MESSAGING, 10, put_vendor_message },
	{ MESSAGING, 11, put_mac },
	{ MESSAGING, 12, put_ipv4 },
	{ MESSAGING, 13, put_ipv6 },
	{ MESSAGING, 17, put_unit },
	{ MESSAGING, 18, put_sata },
	{ MESSAGING, 20, put_vlan },
	{ MESSAGING, 23, put_nvme },
	{ MESSAGING, 24, put_uri },
	{ MESSAGING, 26, put_sd },
	{ MESSAGING, 29, put_emmc },
	{ MEDIA, 1, put_drive },
	{ MEDIA, 2, put_cdrom },
	{ MEDIA, 3, put_vendor_media },
	{ MEDIA, 4, put_file },
	{ MEDIA, 5, put_media },
	{ MEDIA, 6, put_fv_file },
	{ MEDIA, 7, put_fv },
	{ MEDIA, 8, put_offset },
	{ BBS, 1, put_bbs },
};

static put_node writer_of(const struct hf_path_node *node)
{
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		if (nodes[i].type == node->type && nodes[i].subtype == node->subtype)
			return nodes[i].put;
	return NULL;
}

/* A node whose data are not exactly what its kind has is written as bytes. */
static void put_one(struct hf_text *t, const struct hf_path_node *node)
{
	put_node put = writer_of(node);
	struct hf_cursor c = hf_cursor_at(node->data);
	struct hf_text before = *t;

	if (put) {
		put(t, &c);
		if (hf_cursor_done(&c))
			return;
		hf_text_back(t, &before);
	}
	hf_text_put(t, "Path(%u,%u,", node->type, node->subtype);
	put_hex(t, node->data);
	hf_text_put(t, ")");
}

enum hf_err hf_path_text(struct hf_span path, char *out, size_t cap)
{
	struct hf_cursor c = hf_cursor_at(path);
	struct hf_text t = hf_text_at(out, cap);
	struct hf_path_node node;
	const char *between = "";

	if (path.len == 0) {	/* what was started from memory has none */
		hf_text_end(&t);
		return HF_OK;
	}
	for (size_t n = 0; hf_path_next(&c, &node); n++) {
		if (n == HF_PATH_NODES_MAX) {
			t.cut = true;
			break;
		}
		if (node.type == END) {		/* another instance begins */
			between = ",";
			continue;
		}
		hf_text_put(&t, "%s", between);
		put_one(&t, &node);
		between = "/";
	}
	hf_text_end(&t);
	return c.bad ? HF_ERR_EVENT_SHAPE : HF_OK;
}
