/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers of DSP0274 in words, as they stand in claims, manifests and on the screen. */
#include <stdio.h>

#include "pcie/spdm.h"

static const char *const asym_names[] = {
	"rsassa-2048", "rsapss-2048", "rsassa-3072", "rsapss-3072", "ecdsa-p256", "rsassa-4096",
	"rsapss-4096", "ecdsa-p384", "ecdsa-p521", "sm2-p256", "ed25519", "ed448",
};
static const char *const hash_names[] = {
	"sha-256", "sha-384", "sha-512", "sha3-256", "sha3-384", "sha3-512", "sm3-256",
};
static const char *const measurement_hash_names[] = {
	"raw", "sha-256", "sha-384", "sha-512", "sha3-256", "sha3-384", "sha3-512", "sm3-256",
};
static const char *const type_names[] = {
	"immutable ROM", "mutable firmware", "hardware configuration", "firmware configuration",
	"measurement manifest", "device mode", "firmware version", "security version number",
	"hash-extend log", "information", "structured measurement manifest",
};
static const struct { uint8_t code; const char *name; } error_names[] = {
	{ 0x01, "invalid request" }, { 0x03, "busy" }, { 0x04, "unexpected request" },
	{ 0x05, "unspecified" }, { 0x06, "decryption failed" }, { 0x07, "unsupported request" },
	{ 0x08, "request in flight" }, { 0x09, "invalid response code" },
	{ 0x0a, "session limit exceeded" }, { 0x0b, "session required" },
	{ 0x0c, "reset required" }, { 0x0d, "response too large" }, { 0x0e, "request too large" },
	{ 0x0f, "large response" }, { 0x10, "message lost" }, { 0x11, "invalid policy" },
	{ 0x12, "data too large" }, { 0x41, "version mismatch" }, { 0x42, "response not ready" },
	{ 0x43, "resynchronise" }, { 0x44, "operation failed" }, { 0x45, "no pending requests" },
	{ 0x46, "session terminated" }, { 0x47, "invalid state" }, { 0xff, "vendor's own error" },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *one_bit(const char *const *names, size_t count, uint32_t bits)
{
	for (size_t i = 0; i < count; i++)
		if (bits == 1u << i)
			return names[i];
	return "unknown";
}

void hf_spdm_version_text(uint8_t version, char out[static 8])
{
	snprintf(out, 8, "%u.%u", version >> 4, version & 15u);
}

const char *hf_spdm_asym_name(uint32_t asym)
{
	return one_bit(asym_names, COUNT(asym_names), asym);
}

const char *hf_spdm_hash_name(uint32_t hash)
{
	return one_bit(hash_names, COUNT(hash_names), hash);
}

const char *hf_spdm_measurement_hash_name(uint32_t hash)
{
	return one_bit(measurement_hash_names, COUNT(measurement_hash_names), hash);
}

const char *hf_spdm_type_name(uint8_t type)
{
	size_t at = type & ~HF_SPDM_TYPE_RAW;

	return at < COUNT(type_names) ? type_names[at] : "unknown";
}

const char *hf_spdm_error_name(uint8_t code)
{
	for (size_t i = 0; i < COUNT(error_names); i++)
		if (error_names[i].code == code)
			return error_names[i].name;
	return "unknown error";
}
