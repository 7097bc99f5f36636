/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/gate.h: the gate's whole state, and one function per stage (the rows of
 * hf_gate_stages in gate.c). A stage reads what earlier stages left here, adds its own, and
 * returns HF_OK or fills the fault; it never chooses its successor. */
#ifndef HF_AGENT_GATE_H
#define HF_AGENT_GATE_H

#include "agent/bootkey.h"
#include "agent/conf.h"
#include "agent/converse.h"
#include "agent/device_trusts.h"
#include "agent/fence.h"
#include "agent/hold.h"
#include "agent/net.h"
#include "agent/screen.h"
#include "agent/stages.h"
#include "agent/tenant.h"
#include "agent/tpm.h"
#include "manifests/appraise.h"
#include "manifests/bearer.h"
#include "manifests/trust.h"
#include "measure/evidence.h"
#include "pcie/readers.h"
#include "pcie/spdm.h"
#include "pcie/worker.h"

#define HF_GATE_CLAIMS_MAX ((size_t)1 << 30)	/* bytes; only touched pages are real */
#define HF_GATE_SCRATCH_MAX ((size_t)512 << 20)
#define HF_GATE_SETTLE_MS 10000	/* what a driver may need after its probe to know its device */

struct hf_gate_options {
	bool pid1;		/* the first process of a host */
	bool step;		/* a process of another initramfs, which goes on; neither: a rehearsal */
	const char *sysfs;	/* rehearsal: the captured tree; else NULL */
	const char *procfs;	/* rehearsal: NULL: beside the tree */
	const char *etc;	/* "/etc/holdfast" */
	const char *config;	/* NULL: etc/holdfast.conf */
	const char *tcti;	/* NULL: from the configuration; a rehearsal has no default */
	const char *evidence;	/* directory, or NULL */
};

/* Policy controller: who is asked, and what came of it (gate_link.c, gate_challenge.c,
 * gate_ticket.c, gate_fallback.c). */
struct hf_gate_talk {
	struct hf_link *link;		/* NULL: nobody is spoken to */
	const char *nic;		/* path of the function that is used; NULL: none, or a rehearsal */
	char interface[HF_INTERFACE_MAX];	/* that is up; empty: none */
	struct hf_span ca;		/* PEM: anchors/controller */
	struct hf_trust trust;		/* anchors of role ticket that nobody took back; borrowed keys */
	struct hf_arena arena;		/* of the conversation; wiped before it goes */
	bool challenged;		/* challenge is verified: the quote answers it */
	struct hf_challenge challenge;
	uint64_t challenged_ms, quoted_ms;	/* CLOCK_BOOTTIME */
	bool refused;			/* by a signed result */
	struct hf_fault no_answer;	/* err not HF_OK: nobody answered, and why */
	const struct hf_waiver *bearer;	/* the owner's release that stands in for the ticket */
	enum hf_release_kind release;	/* HF_RELEASE_NOTHING: not released (yet) */
	const char *suspect;		/* of a host that is held: the path at fault, never bound again */
	struct hf_span secret;		/* the tenant's, in arena; empty: none, or handed over */
};

struct hf_gate {
	struct hf_gate_options options;
	struct hf_conf conf;
	struct hf_screen screen;
	char note[160];		/* what the present stage has to say in one line */
	const char *stage;	/* its name */
	uint64_t start_ms, entered_ms;	/* CLOCK_BOOTTIME */
	uint64_t stage_ms[HF_STAGE_COUNT];

	struct hf_host host;
	bool host_open;
	struct hf_hold hold;
	struct hf_arena arena;		/* claims, manifests, spans of the evidence */
	struct hf_arena judge_arena;	/* the present verdict */
	struct hf_claims claims;	/* "host", then the parts as judged */
	struct hf_part *host_part;
	struct hf_claims notes;		/* "bind", "store", "spdm", "recheck": recorded, not judged */
	struct hf_claims again;		/* no parts: what devices signed in the recheck */
	struct hf_device_trusts devices;	/* what stands behind those that signed */
	bool vfio_asked, vfio;		/* the kernel refuses mailboxes, and vfio-pci is at hand */
	struct hf_bus bus;

	struct hf_trust trust;
	struct hf_manifests *manifests;	/* of the image */
	struct hf_manifests *lists;	/* image lists of the store, then those of the image */
	const struct hf_model *model;
	struct hf_fault manifest_fault;	/* err HF_OK: there is none */

	struct hf_tpm *tpm;		/* NULL: none, which only a signed model may permit */
	uint32_t banks;			/* mask */
	int crash_tpm;			/* /dev/tpm0 for the handler of crashes, or -1 */
	bool efivars_ours;		/* a step of another initramfs mounted it, for reading */
	struct hf_generation generation;	/* all zero without a TPM: it does not count */
	struct hf_log log;
	bool log_started;
	struct hf_boot_key *boot_key;	/* NULL before begin and after CAP */
	struct hf_span boot_spki;
	struct hf_digest boot_id;	/* SHA-256 of it */

	struct hf_arena encoded_arena;
	struct hf_writer encoded;	/* every recorded part as bstr, in log order */
	size_t encoded_count;
	struct hf_part *recorded;	/* the last part of claims with an event; NULL: none */

	struct hf_span firmware_log;
	struct hf_verdict verdict;
	bool judged;
	bool would_hold;		/* refused in audit mode */
	enum hf_err would_hold_shown;	/* the last cause whose whole screen was shown, or HF_OK */
	enum hf_err would_hold_cause;	/* of the last refusal that no verdict gave, or HF_OK */
	struct hf_gate_talk talk;
	struct hf_span *list_bytes;	/* of the store's lists, to look at their dates again */
	struct hf_tenant tenant, service;
	struct hf_tenant *started;	/* the one that is released to; NULL: not decided yet */
	struct hf_bind_list {		/* functions that the gate bound, to unbind again */
		struct hf_address address;
		const char *path, *driver;	/* of the function */
		const char *part;	/* path */
		const char *how;	/* what isolates it: "iommu DMA", "port-acs PORT found" */
		bool on;		/* not unbound yet */
		bool refused;		/* the part, for what the driver showed */
	} *bound;
	size_t bound_count, bound_cap;
	const struct hf_part *inventory;	/* the last part that was there before any was bound */
	bool all_unbound;		/* what appeared behind drivers is gone again with them */
	bool drivers_done;		/* what only a bound driver can measure has to be there now */
	struct hf_gate_fence {		/* what was to be isolated, and what came of it */
		struct hf_gate_fence *next;
		const char *path;	/* of the part */
		enum hf_fence_method method;	/* NONE: it was not possible, and why */
		const char *why;
		struct hf_fence_port port;
		const char *port_path;
	} *fences;
	bool fence_done;		/* what is to be isolated from now on is held */

	struct hf_evidence evidence;
	char *verdict_json;
};

extern const struct hf_stage_row hf_gate_stages[HF_STAGE_COUNT];
extern const struct hf_stage_watch hf_gate_watch;

/* Memory, screen, options: before the first stage. */
enum hf_err hf_gate_open(struct hf_gate *gate, const struct hf_gate_options *options,
			 struct hf_fault *fault) HF_MUST_USE;
void hf_gate_close(struct hf_gate *gate);

/* One per row. */
enum hf_err hf_gate_hold(struct hf_gate *gate, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_gate_begin(struct hf_gate *gate, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_gate_enumerate(struct hf_gate *gate, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_gate_measure(struct hf_gate *gate, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_gate_record(struct hf_gate *gate, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_gate_appraise(struct hf_gate *gate, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_gate_fence(struct hf_gate *gate, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_gate_bind(struct hf_gate *gate, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_gate_store(struct hf_gate *gate, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_gate_link(struct hf_gate *gate, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_gate_challenge(struct hf_gate *gate, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_gate_recheck(struct hf_gate *gate, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_gate_quote(struct hf_gate *gate, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_gate_ticket(struct hf_gate *gate, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_gate_last_look(struct hf_gate *gate, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_gate_release(struct hf_gate *gate, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_gate_held(struct hf_gate *gate, struct hf_fault *fault) HF_MUST_USE;

/* ---- shared between the stages' files ---- */
static inline bool hf_gate_live(const struct hf_gate *gate)
{
	return (gate->options.pid1 || gate->options.step) && gate->host_open && gate->host.live;
}
void hf_gate_note(struct hf_gate *gate, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* hf_measure's progress is the gate's. */
void hf_gate_progress(void *self, const struct hf_part *part, size_t index, size_t count);
/* Reserve, extend in every bank, commit: the one way an event comes into being. */
enum hf_err hf_gate_event(struct hf_gate *gate, enum hf_tag tag, struct hf_span payload,
			  struct hf_fault *fault) HF_MUST_USE;
/* What the quote answers: the controller's challenge; without one the digest of the boot key. */
struct hf_span hf_gate_nonce(const struct hf_gate *gate);
/* ---- policy controller ---- */
static inline bool hf_gate_by_controller(const struct hf_gate *gate)
{
	return gate->conf.policy == HF_POLICY_CONTROLLER;
}
/* Seconds since 1970 by the controller's signed time; 0: there is none. */
int64_t hf_gate_now(const struct hf_gate *gate);
/* The admitted network card bound, up and with an address, and the child that talks; of a
 * rehearsal the child alone. with_key: as this boot, else as nobody. Again after a down. */
enum hf_err hf_gate_link_up(struct hf_gate *gate, bool with_key, struct hf_fault *fault) HF_MUST_USE;
/* The child ended, the interface down; its driver stays. */
void hf_gate_link_stop(struct hf_gate *gate);
/* That, and the driver off again. */
enum hf_err hf_gate_link_down(struct hf_gate *gate, struct hf_fault *fault) HF_MUST_USE;
/* Whether a host that is held for what is at that place (a path, or an address) must not bring up
 * this part: it is that part, whichever function the place names, or sits behind it. at: NULL:
 * nothing is suspect. */
bool hf_gate_suspects(const struct hf_claims *claims, const char *at, const struct hf_part *part);
/* Why there is no card to reach the controller by; NULL: there is one to try. */
const char *hf_gate_no_card(const struct hf_gate *gate);
/* Why the controller does not hear of a host that is held; "": it has none to tell; NULL: it does. */
const char *hf_gate_tells_nobody(const struct hf_gate *gate);
/* The held screen of this cause; would_hold: of a signed audit mode, which goes on. */
void hf_gate_held_screen(const struct hf_gate *gate, const struct hf_fault *why, bool would_hold,
			 struct hf_writer *w);
/* Audit: what would have been a refusal is shown, and remembered for END. what: "HOLD", "ISOLATE". */
void hf_gate_would_hold(struct hf_gate *gate, const struct hf_fault *why, const char *what);
/* For a conversation of at most so long. */
struct hf_converse hf_gate_converse(struct hf_gate *gate, unsigned patience_ms);
/* One function's driver, isolated as in the stage bind, outside of it: nothing is recorded. */
enum hf_err hf_gate_bind_function(struct hf_gate *gate, const char *path, struct hf_fault *fault) HF_MUST_USE;
/* Everything once more, by the signed time: manifests, waivers, certificates. */
enum hf_err hf_gate_judge_by_date(struct hf_gate *gate, struct hf_fault *fault) HF_MUST_USE;
/* Nobody answered: the owner's release is looked for, and recorded. talk.no_answer otherwise. */
enum hf_err hf_gate_fall_back(struct hf_gate *gate, struct hf_fault *fault) HF_MUST_USE;
/* Whether it holds, by the quote that was taken since. */
enum hf_err hf_gate_check_fallback(struct hf_gate *gate, struct hf_fault *fault) HF_MUST_USE;
/* Whether everything that refuses is known, old firmware. */
bool hf_gate_only_updates(const struct hf_gate *gate);
/* What is loaded, as tickets name it; the spans are of digests. */
enum hf_err hf_gate_image(const struct hf_tenant *tenant, struct hf_image_digests *digests,
			  struct hf_result_image *ret) HF_MUST_USE;
/* The one that is released to, made ready to be started. */
enum hf_err hf_gate_start_with(struct hf_gate *gate, struct hf_tenant *tenant, struct hf_fault *fault) HF_MUST_USE;
void hf_gate_show_fault(struct hf_gate *gate, const char *what, const struct hf_fault *fault);
/* Overwrites the tenant's secret and all that the controller said. */
void hf_gate_forget(struct hf_gate *gate);
/* After CAP, for a short time, whatever comes of it. */
void hf_gate_send_receipt(struct hf_gate *gate, struct hf_span cap);
/* Of a host that is held: its evidence to the controller. */
enum hf_err hf_gate_report_held(struct hf_gate *gate, struct hf_fault *fault) HF_MUST_USE;
/* In a process of its own, again and again until somebody took it. */
void hf_gate_report_beside(struct hf_gate *gate);
/* From the log's end: the TPM's count of resets, out of a quote for nobody. */
enum hf_err hf_gate_reset_count(struct hf_gate *gate, uint32_t *ret, struct hf_fault *fault) HF_MUST_USE;
/* ---- devices that sign ---- */
void hf_gate_seed(const struct hf_gate *gate, enum hf_spdm_pass pass, struct hf_spdm_seed *ret);
/* Whether vfio-pci is to be bound for mailboxes. The gate asks before any driver is bound, and
 * again after the last is gone; never between. */
bool hf_gate_vfio(struct hf_gate *gate);
/* Everything recorded is looked at, before it is judged. */
enum hf_err hf_gate_trust_devices(struct hf_gate *gate, struct hf_fault *fault) HF_MUST_USE;
/* In the recheck: each transcript is of this challenge, and as trusted as the first. */
enum hf_err hf_gate_compare_signed(struct hf_gate *gate, const struct hf_claims *after,
				   const struct hf_spdm_seed *seed, hf_claims_differ differ,
				   void *self, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_gate_note_transcripts(struct hf_gate *gate, const struct hf_claims *after,
				     struct hf_fault *fault) HF_MUST_USE;
/* A part's transcripts, with the part. HF_ERR_LIMIT. */
enum hf_err hf_gate_take_transcripts(struct hf_gate *gate, const struct hf_claims *from,
				     const struct hf_part *part) HF_MUST_USE;
/* All of both passes, for the evidence; empty: none. */
struct hf_span hf_gate_transcripts(struct hf_gate *gate);
/* The host part, as far as this host can tell; then, once the model is known, what its drivers
 * would give to devices. */
enum hf_err hf_gate_claim_host(struct hf_gate *gate, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_gate_claim_driver_firmware(struct hf_gate *gate, struct hf_fault *fault) HF_MUST_USE;
/* Encode one part, keep the bytes for the evidence, extend path and digest. */
enum hf_err hf_gate_record_part(struct hf_gate *gate, const struct hf_part *part,
				struct hf_fault *fault) HF_MUST_USE;
/* A note: pseudo part of kind host; measurements of text are added to it. */
struct hf_part *hf_gate_note_part(struct hf_gate *gate, const char *path);
enum hf_err hf_gate_note_text(struct hf_gate *gate, struct hf_part *part, const char *mkey,
			      const char *text) HF_MUST_USE;
enum hf_err hf_gate_note_digest(struct hf_gate *gate, struct hf_part *part, const char *mkey,
				const struct hf_digest *digest, uint64_t size) HF_MUST_USE;
/* Judge all of claims again, from nothing. */
void hf_gate_judge(struct hf_gate *gate);
/* What a refusal costs: HF_OK when there is none or the signed mode is audit. */
enum hf_err hf_gate_verdict(struct hf_gate *gate, struct hf_fault *fault) HF_MUST_USE;
/* What is to be isolated and is not becomes held, once the stage fence is over. */
void hf_gate_apply_fences(struct hf_gate *gate);
/* Isolated: must not answer any more. */
bool hf_gate_away(const struct hf_gate *gate, const struct hf_part *part);
/* The parts as they count: without the host, without what a later entry replaced, without
 * what is isolated, and once no driver is bound any more without the parts that appeared
 * behind one. Copies in arena. */
enum hf_err hf_gate_parts_view(const struct hf_gate *gate, struct hf_arena *arena,
			       struct hf_claims *ret) HF_MUST_USE;
/* [{"path","port","by"}...] of what was isolated: for the tenant, and whoever reads. */
const char *hf_gate_fences_json(struct hf_gate *gate);
/* Whether the fences outlive the start of the tenant that was found. */
enum hf_err hf_gate_fence_lasts(struct hf_gate *gate, struct hf_fault *fault) HF_MUST_USE;
static inline bool hf_gate_audit(const struct hf_gate *gate)	/* the signed model says so */
{
	return gate->model && gate->model->mode == HF_MODE_AUDIT;
}
/* Whether a part's drivers may be bound. */
bool hf_gate_admitted(const struct hf_gate *gate, const struct hf_part *part);
/* Unbinds every driver that the gate bound, or those of one part (path; NULL: all), and clears
 * bus mastering again. */
enum hf_err hf_gate_unbind(struct hf_gate *gate, const char *part, struct hf_fault *fault) HF_MUST_USE;
/* Runs the readers that need a driver over the parts of which the gate has bound functions
 * (part: that one; NULL: all), into claims that hold nothing else. */
enum hf_err hf_gate_read_bound(struct hf_gate *gate, const char *part, struct hf_claims *claims,
			       struct hf_fault *fault) HF_MUST_USE;
/* A part has been measured with its driver: its later entry joins the claims, is recorded,
 * and everything is judged again. What is refused then loses its drivers at once. */
enum hf_err hf_gate_take_bound(struct hf_gate *gate, const struct hf_part *measured,
			       struct hf_fault *fault) HF_MUST_USE;
/* Enumerates again where functions have appeared; parts that are new, or have new functions,
 * go through measure, record and appraise. *count grows by their number. */
enum hf_err hf_gate_take_new(struct hf_gate *gate, size_t *count, struct hf_fault *fault) HF_MUST_USE;
/* END for cause (HF_OK: none) and a quote over it. */
enum hf_err hf_gate_end_and_quote(struct hf_gate *gate, enum hf_err cause,
				  struct hf_fault *fault) HF_MUST_USE;
/* CAP in every bank, the boot key wiped, and a quote that shows the cap. */
enum hf_err hf_gate_cap(struct hf_gate *gate, struct hf_span payload, struct hf_fault *fault) HF_MUST_USE;
/* Fill gate->evidence from everything there is; cause as the host's result (NULL: there is
 * none yet). */
enum hf_err hf_gate_collect(struct hf_gate *gate, const struct hf_fault *result,
			    struct hf_fault *fault) HF_MUST_USE;
/* To --evidence and the evidence port, whichever there are. */
enum hf_err hf_gate_deliver(struct hf_gate *gate, struct hf_fault *fault) HF_MUST_USE;
/* The first difference between two lists of functions; NULL: the same. */
const char *hf_gate_look(const struct hf_claims *before, const struct hf_claims *after,
			 const char **ret_path);

#endif
