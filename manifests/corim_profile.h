/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifests/corim_profile.h: what corim_decode.c and corim_encode.c share: the numbers of
 * the holdfast profile. docs/manifests.md has the CDDL. Numbers are never reused. */
#ifndef HF_MANIFESTS_CORIM_PROFILE_H
#define HF_MANIFESTS_CORIM_PROFILE_H

#include "manifests/corim.h"

/* 2.25.339584631856762574191267938002296740820, content octets */
#define HF_PROFILE_OID \
	{ 0x69, 0x83, 0xfe, 0xf9, 0xcf, 0xc0, 0xab, 0xee, 0xba, 0x8c, \
	  0x8f, 0xaf, 0xe0, 0x97, 0xc8, 0x95, 0x88, 0xd6, 0xb7, 0x54 }

enum hf_corim_tag {	/* CBOR tags of CoRIM that we read or write */
	HF_TAG_TIME = 1, HF_TAG_URI = 32, HF_TAG_UUID = 37, HF_TAG_OID = 111,
	HF_TAG_CORIM = 501, HF_TAG_COSWID = 505, HF_TAG_COMID = 506, HF_TAG_COTL = 508,
	HF_TAG_DATE = 100,	/* RFC 8943: days since 1970-01-01 */
	HF_TAG_SVN = 552, HF_TAG_LEAST_SVN = 553, HF_TAG_BYTES = 560,
	HF_TAG_MASKED = 563,
};

enum hf_corim_key {	/* negated keys of measurement-values-map */
	HF_KEY_SVN = 0,	/* in masks only: CoRIM's own svn */
	HF_KEY_STATE = 1, HF_KEY_NOTE, HF_KEY_COUNT, HF_KEY_PROVENANCE,
	HF_KEY_GENERATION = 5, HF_KEY_MODE, HF_KEY_TPM, HF_KEY_UNKNOWN, HF_KEY_DRIVERS,
	HF_KEY_COMPONENT = 10, HF_KEY_PLACE, HF_KEY_PRESENCE, HF_KEY_RULE_COUNT,
	HF_KEY_METHOD, HF_KEY_ACTION,
	HF_KEY_TENANT_KIND = 16, HF_KEY_COMMAND_LINE_TEXT,
	HF_KEY_UNTIL = 18, HF_KEY_COMPONENTS, HF_KEY_PLACES, HF_KEY_CLASS, HF_KEY_SLOTS,
	HF_KEY_CAUSE = 23, HF_KEY_FOUND, HF_KEY_MEASUREMENT,
	HF_KEY_APPROVED = 26,
	HF_KEY_SECURE_BOOT = 27,
	HF_KEY_BOOTS_FROM = 28, HF_KEY_BOOTS_TO,
};
#define HF_KEY_FROM 256	/* where one value comes from: readers that do not know it pass over it */
#define HF_APPROVED_OWNER 0	/* the only value of HF_KEY_APPROVED */
#define HF_KEY_BIT(key) (1u << (key))
#define HF_KEY_RAW 31		/* in masks only: CoRIM's own raw value */
#define HF_KEY_LAST HF_KEY_BOOTS_TO
#define HF_CORIM_REGISTERS 14	/* of measurement-values-map */

#define HF_COSE_SHA256 (-16)
#define HF_COSE_SHA384 (-43)
#define HF_COSE_SHA512 (-44)

#define HF_TAG_ID_COMPONENT "component/"	/* NAME/RELEASE */
#define HF_TAG_ID_MODEL "model/"		/* NAME */
#define HF_TAG_ID_AGENT "image/agent/"		/* NAME */
#define HF_TAG_ID_TENANT "image/tenant/"
#define HF_TAG_ID_SERVICE "image/service/"
#define HF_TAG_ID_WAIVER "waiver/"		/* NAME */
#define HF_TAG_ID_REVOCATIONS "revocations/"	/* NAME */
#define HF_IMAGE_VENDOR "holdfast"		/* class of images and waivers */
#define HF_IMAGE_MODEL_AGENT "agent-image"
#define HF_IMAGE_MODEL_TENANT "tenant-image"
#define HF_IMAGE_MODEL_SERVICE "service-image"
#define HF_MKEY_BOOT_CODE "boot-code/"		/* number from 0 */
#define HF_MKEY_FIRMWARE "platform-firmware/"
#define HF_MKEY_RULE "rule/"
#define HF_WAIVER_MODEL "waiver"
#define HF_MKEY_WAIVE "waive/"

/* PCIe base 6.0, 6.31.3: "Vendor=8086:Device=10d3:CC=020000[:REV=00][:SSVID=8086:SSID=a01f]" */
#define HF_CLASS_TEXT 72
void hf_class_format(const struct hf_match *match, char out[static HF_CLASS_TEXT]);

#endif
