/* SPDX-License-Identifier: GPL-3.0-or-later */
/* holdfastctl host and audit: the operator's side of the controller's API. */
#include "controller/commands.h"
#include "controller/host_cmds.h"

#define OF_SERVER \
	"  --url URL          the controller, https://... (or HOLDFAST_URL)\n" \
	"  --ca FILE          its CA, PEM; no other is asked (or HOLDFAST_CA)\n" \
	"  --token-file FILE  your bearer token (or HOLDFAST_TOKEN_FILE); or:\n" \
	"  --certificate FILE --key FILE  your client certificate, PEM\n" \
	"  --timeout SECONDS  of a whole request (default 60)\n" \
	"  --json             what the controller says, as it says it\n\n" \
	"exit codes: 0 done, 2 usage, 3 refused, 6 the controller is not to be reached\n"

static const char host_usage[] =
	"usage: holdfastctl host import FILE\n"
	"       holdfastctl host list [--state STATE]\n"
	"       holdfastctl host show ID\n"
	"       holdfastctl host reclaim ID --lease NAME [--tenant IMAGE] --power-cycled\n"
	"       holdfastctl host hold ID --why TEXT\n"
	"       holdfastctl host re-enrol ID [--ek-sha256 HEX]\n"
	"       holdfastctl host ring ID RING [--accept-worse WHY]\n"
	"       holdfastctl host secret ID --file FILE\n"
	"       holdfastctl host result ID [--format cose|jwt] [--out FILE]\n"
	"                                  [--verify --anchor PEM]\n"
	"       holdfastctl host verdicts ID\n"
	"       holdfastctl host evidence ID --out DIR [--verdict N]\n"
	"       holdfastctl host drift ID\n"
	"       holdfastctl host remove ID\n"
	"\n"
	"import    enter hosts from CSV or JSON (docs/enrolment.md); all or none\n"
	"list      one line a host; STATE: in-use, reclaimed, challenged, held\n"
	"show      state, lease, last verdict with its reason and the next step\n"
	"reclaim   let a host be measured for its next lease. Power-cycle it by its BMC\n"
	"          first, and say so: nobody else can\n"
	"hold      keep a host, whatever it shows\n"
	"re-enrol  after a repair: forget keys and counters; --ek-sha256: its new TPM\n"
	"ring      whose manifests judge it (docs/rings.md); tried before it is done\n"
	"secret    what its next tenant gets with the ticket, once (at most 4096 bytes)\n"
	"result    the controller's signed word on the host; exit 3 unless it is good\n"
	"verdicts  all of them, newest first\n"
	"evidence  what the last verdict, or verdict N, rests on, into a directory\n"
	"drift     what changed between its last two boots\n"
	"remove    forget a host; its verdicts stay in the audit\n"
	"\n" OF_SERVER;

static const char audit_usage[] =
	"usage: holdfastctl audit show [--host ID]\n"
	"       holdfastctl audit verify\n"
	"\n"
	"show    who did what, newest first\n"
	"verify  have the controller go through all chains of its audit\n"
	"\n" OF_SERVER;

int hf_cmd_host(int argc, char **argv)
{
	static const struct hf_host_row rows[] = {
		{ "import", "FILE", "", hf_host_import }, { "list", NULL, "s", hf_host_list },
		{ "show", "ID", "", hf_host_show }, { "reclaim", "ID", "lnp", hf_host_reclaim },
		{ "hold", "ID", "w", hf_host_hold }, { "re-enrol", "ID", "e", hf_host_re_enrol },
		{ "secret", "ID", "f", hf_host_secret }, { "result", "ID", "Fvao", hf_host_result },
		{ "verdicts", "ID", "", hf_host_verdicts }, { "evidence", "ID", "oV", hf_host_evidence },
		{ "drift", "ID", "", hf_host_drift }, { "ring", "ID RING", "A", hf_host_ring }, { "remove", "ID", "", hf_host_remove },
	};

	return hf_host_main(argc, argv, host_usage, rows, sizeof(rows) / sizeof(rows[0]));
}

int hf_cmd_audit(int argc, char **argv)
{
	static const struct hf_host_row rows[] = {
		{ "show", NULL, "H", hf_audit_show }, { "verify", NULL, "", hf_audit_verify },
	};

	return hf_host_main(argc, argv, audit_usage, rows, sizeof(rows) / sizeof(rows[0]));
}
