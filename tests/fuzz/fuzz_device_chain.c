/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever a device shows as certificates: what is accepted comes back byte for byte, and what
 * is said of it is text that ends. The first byte chooses DER or PEM. */
#include <stdlib.h>

#include "pcie/device_chain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void text(const char *s, size_t cap)
{
	size_t len = strnlen(s, cap);

	if (len == cap)
		abort();
	for (size_t i = 0; i < len; i++)
		if (s[i] < 0x20 || s[i] > 0x7e)
			abort();
}

static void look_at(const struct hf_device_chain *chain, size_t i)
{
	struct hf_device_certificate c;
	uint8_t id[32];

	hf_device_certificate_describe(chain, i, &c);
	text(c.subject, sizeof(c.subject));
	text(c.issuer, sizeof(c.issuer));
	text(c.serial, sizeof(c.serial));
	text(c.not_before, sizeof(c.not_before));
	text(c.not_after, sizeof(c.not_after));
	text(c.key, sizeof(c.key));
	if (hf_device_chain_key_id(chain, i, id) || c.ca != (i + 1 < hf_device_chain_count(chain)))
		abort();
}

static void look_at_dice(const struct hf_device_chain *chain)
{
	struct hf_dice dice;

	hf_device_chain_dice(chain, &dice);
	if (dice.count > HF_DICE_LAYERS_MAX)
		abort();
	for (size_t i = 0; i < dice.count; i++) {
		const struct hf_dice_layer *layer = &dice.layers[i];

		text(layer->vendor, sizeof(layer->vendor));
		text(layer->model, sizeof(layer->model));
		text(layer->version, sizeof(layer->version));
		if (layer->fwid_count > 4 || layer->certificate >= hf_device_chain_count(chain))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct hf_identity identity = { .vendor = 0x15b3, .device = 0x1021, .class_code = 0x020000 };
	struct hf_device_chain *chain = NULL;
	struct hf_span in = { data + 1, size - 1 };
	size_t total = 0, count;
	char san[HF_SAN_MAX];
	enum hf_err err;

	if (size == 0)
		return 0;
	err = data[0] ? hf_device_chain_parse_pem(in, &chain, NULL) : hf_device_chain_parse(in, &chain, NULL);
	if (err) {
		if (chain || err != HF_ERR_DEVICE_CHAIN)
			abort();
		return 0;
	}
	count = hf_device_chain_count(chain);
	if (count == 0 || count > HF_DEVICE_CERTIFICATES_MAX || !hf_device_chain_leaf_key(chain))
		abort();
	for (size_t i = 0; i < count; i++) {
		struct hf_span der = hf_device_chain_certificate(chain, i);

		if (!data[0] && !hf_span_equal(der, hf_span_part(in, total, der.len)))
			abort();
		total += der.len;
		look_at(chain, i);
	}
	if (!data[0] && total != in.len)
		abort();
	hf_device_chain_binding(chain, &identity, san);
	text(san, sizeof(san));
	look_at_dice(chain);
	hf_device_chain_free(chain);
	return 0;
}
