/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names and DICE layers as a signed leaf could hold them: certificates whose signature is good
 * are what a hostile device makes best. The input is the extension's contents; its first byte
 * says which extension. */
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "pcie/device_chain_inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const oids[] = { "2.5.29.17", "2.23.133.5.4.1", "2.23.133.5.4.5" };

static void text(const char *s, size_t cap)
{
	if (strnlen(s, cap) == cap)
		abort();
}

/* A chain as if it had been parsed: a certificate with this extension and nothing else. */
static X509 *certificate(const char *oid, struct hf_span value)
{
	X509 *cert = X509_new();
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
	X509_EXTENSION *extension;

	ASN1_OCTET_STRING_set(octets, value.ptr, (int)value.len);
	extension = X509_EXTENSION_create_by_OBJ(NULL, object, 0, octets);
	X509_add_ext(cert, extension, -1);
	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(octets);
	ASN1_OBJECT_free(object);
	return cert;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct hf_identity identity = { .vendor = 0x15b3, .device = 0x1021, .class_code = 0x020000 };
	struct hf_device_chain chain = { .count = 1 };
	struct hf_dice dice;
	char san[HF_SAN_MAX];
	uint8_t *copy;

	if (size == 0)
		return 0;
	copy = malloc(size);	/* of its own: a read past its end is seen */
	memcpy(copy, data + 1, size - 1);
	chain.certs[0] = certificate(oids[data[0] % 3], (struct hf_span){ copy, size - 1 });
	hf_device_chain_dice(&chain, &dice);
	if (dice.count > HF_DICE_LAYERS_MAX)
		abort();
	for (size_t i = 0; i < dice.count; i++) {
		text(dice.layers[i].vendor, sizeof(dice.layers[i].vendor));
		text(dice.layers[i].version, sizeof(dice.layers[i].version));
		if (dice.layers[i].fwid_count > 4)
			abort();
	}
	if (hf_device_chain_binding(&chain, &identity, san) == HF_DEVICE_BOUND && !san[0])
		abort();
	text(san, sizeof(san));
	X509_free(chain.certs[0]);
	free(copy);
	return 0;
}
