/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For whoever writes the inventory. What it prints is this host's own word: where it is run, and
 * that the host was clean then, is what an inventory rests on. */
#include "agent/args.h"
#include "agent/commands.h"
#include "agent/identity.h"
#include "agent/platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARENA (64u << 20)

static const char usage[] =
	"usage: holdfast identity [--json | --csv] [--id ID] [--model NAME]\n"
	"                         [--tcti CONF] [--sysfs DIR]\n"
	"\n"
	"Whose TPM this is: its endorsement keys (the SHA-256 of each\n"
	"SubjectPublicKeyInfo, by which an inventory names them) and whether the TPM\n"
	"holds its maker's certificate for them, the name of its attestation key, its\n"
	"PCR banks, and the host by SMBIOS. Making the keys takes a TPM some seconds;\n"
	"nothing is left in it. Run it as root; what it says is this host's own word.\n"
	"\n"
	"  --json        the same facts as JSON, with keys and certificates in hex\n"
	"  --csv         a header and a line for holdfastctl host import\n"
	"  --id ID       the host's id in that line (default: its host name)\n"
	"  --model NAME  the name of its model's manifest in that line\n"
	"  --tcti CONF   the TPM, as tpm2-tools name it\n"
	"  --sysfs DIR   a directory in place of /sys\n"
	"\n"
	"exit codes: 0 done, 2 usage, 5 TPM\n";

void hf_identity_banks(uint32_t banks, char out[static 64])
{
	size_t len = 0;

	out[0] = '\0';
	for (enum hf_alg alg = 0; alg < HF_ALG_COUNT; alg++) {
		if (banks & HF_ALG_MASK(alg))
			len += (size_t)snprintf(out + len, 64 - len, "%s%s", len ? "+" : "", hf_alg_name(alg));
	}
}

/* ---- what it prints ---- */

static void print_hex(const char *label, const uint8_t *bytes, size_t len)
{
	printf("  %-11s ", label);
	for (size_t i = 0; i < len; i++) {
		if (i == 32)
			printf("\n  %-11s ", "");
		printf("%02x", bytes[i]);
	}
	putchar('\n');
}

void hf_identity_print(const struct hf_identity_view *v)
{
	char banks[64];

	hf_identity_banks(v->banks, banks);
	puts("host");
	printf("  %-11s %.32s%s%.32s\n", "product", v->vendor[0] || v->product[0] ? v->vendor : "not known",
	       v->vendor[0] ? " " : "", v->product);
	printf("  %-11s %.64s\n", "serial", v->serial[0] ? v->serial : "not known");
	printf("TPM\n  %-11s %s, firmware %s\n  %-11s %s\n", "maker", v->tpm.vendor, v->tpm.firmware, "banks",
	       banks);
	for (size_t i = 0; i < v->count; i++) {
		printf("endorsement key %s, %s\n", v->eks[i].name, hf_ek_kind_name(v->ids[i].kind));
		print_hex("ek-sha256", v->ids[i].id.bytes, 32);
		if (v->eks[i].certificate.len)
			printf("  %-11s of its maker, %zu bytes\n", "certificate", v->eks[i].certificate.len);
		else
			printf("  %-11s none in the TPM: the inventory must accept the key\n", "certificate");
	}
	puts("attestation key");
	print_hex("name", v->ak_key.name, sizeof(v->ak_key.name));
}

static void csv_field(const char *text)
{
	if (!text)
		return;
	if (!strpbrk(text, ",\"\r\n ")) {
		fputs(text, stdout);
		return;
	}
	putchar('"');
	for (; *text; text++) {
		if (*text == '"')
			putchar('"');
		putchar(*text);
	}
	putchar('"');
}

/* One of the keys is enough: the controller takes whichever of them its inventory has. The first
 * is the quickest that has a certificate. */
void hf_identity_csv(const struct hf_identity_view *v)
{
	char banks[64];

	hf_identity_banks(v->banks, banks);
	fputs("id,ek-sha256,serial,model,banks\n", stdout);
	csv_field(v->id);
	putchar(',');
	for (size_t i = 0; i < 32; i++)
		printf("%02x", v->ids[0].id.bytes[i]);
	putchar(',');
	csv_field(v->serial);
	putchar(',');
	csv_field(v->model);
	printf(",%s\n", banks);
}

/* ---- what it reads ---- */

struct identity {
	struct hf_identity_view view;
	struct hf_arena arena;
	struct hf_claims claims;
	struct hf_fault fault;
	const char *tcti, *sysfs;
};

static enum hf_err read_host(struct identity *in)
{
	const struct hf_platform_sources sources = { .tpm = NULL };
	struct hf_part *part = NULL;
	struct hf_host host;
	const char *text;
	enum hf_err err = hf_host_open(in->sysfs, &host, &in->fault);

	if (err)
		return err;
	hf_claims_init(&in->claims, &in->arena);
	err = hf_platform_claims(&host, &sources, &in->claims, &part);
	hf_host_close(&host);
	if (err)
		return hf_fail(&in->fault, err, "host", "facts about the host");
	text = hf_platform_text(part, "smbios/vendor");
	in->view.vendor = text ? text : "";
	text = hf_platform_text(part, "smbios/product");
	in->view.product = text ? text : "";
	in->view.serial = hf_platform_serial(part);
	return HF_OK;
}

static enum hf_err read_ak(struct identity *in, struct hf_tpm *tpm)
{
	struct hf_writer w = { .buf = hf_arena_take(&in->arena, HF_ATTEST_MAX), .cap = HF_ATTEST_MAX };
	enum hf_err err = w.buf ? hf_tpm_ak(tpm, &w, &in->fault) :
				  hf_fail(&in->fault, HF_ERR_LIMIT, "TPM", "attestation key");

	if (err)
		return err;
	in->view.ak = hf_written(&w);
	err = hf_ak_parse(in->view.ak, &in->view.ak_key);
	return err ? hf_fail(&in->fault, err, "TPM", "attestation key") : HF_OK;
}

static enum hf_err read_tpm(struct identity *in, struct hf_tpm *tpm)
{
	enum hf_err err = hf_tpm_banks(tpm, &in->view.banks, &in->fault);

	if (!err)
		err = hf_tpm_describe(tpm, in->view.banks, &in->view.tpm, &in->fault);
	if (!err)
		err = hf_tpm_eks(tpm, &in->arena, in->view.eks, &in->view.count, &in->fault);
	if (!err)
		err = read_ak(in, tpm);
	for (size_t i = 0; !err && i < in->view.count; i++) {
		err = hf_ek_parse(in->view.eks[i].public_area, &in->view.ids[i]);
		if (err)
			err = hf_fail(&in->fault, err, "TPM", "endorsement key %s", in->view.eks[i].name);
	}
	return err;
}

static enum hf_err read_all(struct identity *in)
{
	struct hf_tpm *tpm = NULL;
	enum hf_err err = read_host(in);

	if (!err)
		err = hf_tpm_open(in->tcti, &tpm, &in->fault);
	if (!err)
		err = read_tpm(in, tpm);
	if (tpm)
		hf_tpm_close(tpm);
	return err;
}

static int show(const struct identity *in, bool json, bool csv)
{
	char *text;

	if (csv) {
		hf_identity_csv(&in->view);
		return HF_EXIT_OK;
	}
	if (!json) {
		hf_identity_print(&in->view);
		return HF_EXIT_OK;
	}
	text = hf_identity_json(&in->view);
	if (!text)
		return HF_EXIT_INTERNAL;
	puts(text);
	free(text);
	return HF_EXIT_OK;
}

int hf_cmd_identity(int argc, char **argv)
{
	struct identity in = { .tcti = NULL };
	char name[65] = "";
	bool json = false, csv = false;
	const struct hf_option options[] = {
		{ .name = "json", .flag = &json }, { .name = "csv", .flag = &csv },
		{ .name = "id", .value = &in.view.id }, { .name = "model", .value = &in.view.model },
		{ .name = "tcti", .value = &in.tcti }, { .name = "sysfs", .value = &in.sysfs },
		{ .name = NULL },
	};
	int code;

	if (!hf_args_parse(argc, argv, options, NULL, usage, &code))
		return code;
	if (json && csv)
		return hf_args_refuse(argv[0], "--json and --csv: one of them");
	if ((in.view.id || in.view.model) && !csv)
		return hf_args_refuse(argv[0], "--id and --model go with --csv");
	if (!in.view.id) {
		if (gethostname(name, sizeof(name) - 1) != 0)
			name[0] = '\0';
		in.view.id = name;
	}
	if (csv && !in.view.id[0])
		return hf_args_refuse(argv[0], "this host has no name: --id ID is needed");
	if (hf_arena_make(ARENA, &in.arena))
		return HF_EXIT_INTERNAL;
	code = read_all(&in) ? hf_args_fault(argv[0], &in.fault) : show(&in, json, csv);
	hf_arena_drop(&in.arena);
	return code;
}
