/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/reader.h: the readers that THE TABLE (readers.c) lists. */
#ifndef HF_PCIE_READER_H
#define HF_PCIE_READER_H

#include "pcie/readers.h"

extern const struct hf_reader hf_reader_config;
extern const struct hf_reader hf_reader_rom;
extern const struct hf_reader hf_reader_uncovered;
extern const struct hf_reader hf_reader_vpd;
extern const struct hf_reader hf_reader_nvme;
extern const struct hf_reader hf_reader_net;
extern const struct hf_reader hf_reader_drive;
extern const struct hf_reader hf_reader_mtd;
extern const struct hf_reader hf_reader_versions;
extern const struct hf_reader hf_reader_doe;
extern const struct hf_reader hf_reader_spdm;

#endif
