/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/server/store.h: what the controller remembers, and the only way it changes: lease
 * state, keys, challenges, verdicts, tenants' secrets, the audit chains. Each function is one
 * transaction; what it records is on disk when it returns, also where it returns a refusal. Any
 * number of processes may work on one PostgreSQL. Thread-safe: a call takes a connection of the
 * store's own, and waits for one; a visit function is called while it has it and calls no other
 * function of the store. What a visit function is given is valid during that call.
 *
 * HF_ERR_STORE_FAILED: nothing is known to be recorded. It may be, if the connection broke at the
 * very end and the database did not come back in HF_DB_WAIT_SECONDS: who asks again (challenge_get:
 * used, quote, verdict) learns it. A connection that breaks is made anew, and what was not done is
 * done again, without the caller noticing. Texts that are not UTF-8: HF_ERR_API_REFUSED.
 *
 * Lease states, and nothing but these steps between them:
 *   (import) -> HELD;  any -> RECLAIMED by hf_store_reclaim (operator);  any -> HELD by hf_store_hold
 *   RECLAIMED, CHALLENGED -> CHALLENGED by hf_store_challenge
 *   CHALLENGED -> IN_USE (ticket) or HELD (refusal) by hf_store_verdict
 *
 * That a nonce has one verdict and a reclaim one ticket is also a unique key of the database's own.
 */
#ifndef HF_CONTROLLER_SERVER_STORE_H
#define HF_CONTROLLER_SERVER_STORE_H

#include "controller/server/db.h"
#include "measure/digest.h"
#include "measure/result.h"

#define HF_HOST_ID_MAX 128	/* bytes of a host's name, and of other short texts */

enum hf_lease { HF_LEASE_IN_USE, HF_LEASE_RECLAIMED, HF_LEASE_CHALLENGED, HF_LEASE_HELD };
const char *hf_lease_name(enum hf_lease lease);		/* "in-use", ... */

struct hf_store;
enum hf_err hf_store_open(const char *url, size_t connections, struct hf_store **ret,
			  struct hf_fault *fault) HF_MUST_USE;	/* migrates; HF_ERR_STORE_SCHEMA */
#define HF_STORE_CONNECTIONS_MAX 64
void hf_store_close(struct hf_store *store);
enum hf_err hf_store_ping(struct hf_store *store, struct hf_fault *fault) HF_MUST_USE;

/* What the owner says of a host, out of band. Texts NULL, spans empty, where not said. */
struct hf_inventory {
	const char *id;
	struct hf_span ek_id;		/* SHA-256 (hf_ek.id); empty: first use until first_use_until */
	int64_t first_use_until;	/* seconds since 1970; 0: never */
	const char *serial;		/* of the chassis, as SMBIOS says it */
	const char *model;		/* name of the model's manifest */
	uint32_t banks;			/* mask of HF_ALG_MASK; 0: any */
	const char *tenant;		/* image that a lease may start which names none; NULL: any listed */
	bool ek_accepted;		/* the owner vouches for the EK: no manufacturer's chain is asked for */
	const char *ring;		/* import: of a host that is new; NULL or "": the default ring */
};
struct hf_host_record {		/* all texts in the caller's arena; never NULL, may be empty */
	struct hf_inventory inventory;
	enum hf_lease state;
	int64_t since;			/* of the state */
	const char *lease, *held_why, *held_by;
	const char *tenant;		/* image of the present or the last lease; empty: any that is listed */
	struct hf_span reclaim;		/* HF_WIRE_ID bytes, of the present or the last reclaim; or empty */
	bool ticketed;			/* this reclaim has had its ticket */
	struct hf_span ak_name, ak, ek;	/* enrolled: 34 bytes, TPMT_PUBLIC, TPMT_PUBLIC; or empty */
	int64_t enrolled, last_seen, last_verdict;
	bool counted;			/* the following are known: */
	uint32_t reset_count, restart_count;
	uint64_t firmware_version;
	const char *last_cause, *last_class;	/* of the gate's last verdict: hf_err_name, hf_class_name */
	enum hf_ear_status last_status;
	int64_t last_verdict_id;	/* 0: none */
};
/* actor: who did it, for the audit: "token:NAME", "cert:NAME", "host:ID". now: seconds since 1970. */
struct hf_by { const char *actor; int64_t now; };

/* All or none; existing ones keep state and keys, their inventory is replaced. An EK that is
 * enrolled already cannot be replaced so: HF_ERR_STATE_CHANGED (re-enrol); one that is not said
 * stays as it was enrolled. An EK of another host: HF_ERR_EK_INVENTORY. */
enum hf_err hf_store_import(struct hf_store *store, const struct hf_inventory *hosts, size_t count,
			    const struct hf_by *by, size_t *ret_new, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_store_remove(struct hf_store *store, const char *id, const struct hf_by *by, struct hf_fault *fault) HF_MUST_USE;
/* HF_ERR_HOST_UNKNOWN where there is none. */
enum hf_err hf_store_host(struct hf_store *store, const char *id, struct hf_arena *arena,
			  struct hf_host_record *ret, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_store_host_by_ak(struct hf_store *store, struct hf_span ak_name, struct hf_arena *arena,
				struct hf_host_record *ret, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_store_host_by_ek(struct hf_store *store, struct hf_span ek_id, struct hf_arena *arena,
				struct hf_host_record *ret, struct hf_fault *fault) HF_MUST_USE;
/* For first use: the host with that chassis serial that has no EK yet and may still take one at
 * that time. Two of them: HF_ERR_STATE_CHANGED. */
enum hf_err hf_store_host_by_serial(struct hf_store *store, const char *serial, int64_t now,
				    struct hf_arena *arena, struct hf_host_record *ret,
				    struct hf_fault *fault) HF_MUST_USE;
/* In order of id, those after `after` (NULL: from the first), at most limit. state -1: all. */
typedef enum hf_err (*hf_store_visit_host)(void *self, const struct hf_host_record *host);
enum hf_err hf_store_hosts(struct hf_store *store, const char *after, int state, size_t limit,
			   hf_store_visit_host visit, void *self, struct hf_fault *fault) HF_MUST_USE;

/* ---- rings: named sets of manifests (store_ring.c). No name, or "": the default ring, the manifests
 * that each controller reads from its own directory; it has no row here. ---- */
#define HF_RINGS_MAX 64
#define HF_RING_BYTES_MAX (16u << 20)
#define HF_RING_DEFAULT "default"	/* how people name it */
enum hf_ring_stage {
	HF_RING_OBSERVE,	/* its hosts are judged by the default ring; what this one would say is recorded */
	HF_RING_AUDIT,		/* its models have mode audit */
	HF_RING_ENFORCE,
};
const char *hf_ring_stage_name(enum hf_ring_stage stage);	/* "observe", ... */
bool hf_ring_stage_from_name(const char *name, enum hf_ring_stage *ret);
struct hf_ring_record {
	const char *name;
	enum hf_ring_stage stage;
	int64_t version;	/* rises with every change of the ring, and of who is in it */
	struct hf_span digest;	/* SHA-256 of bundle */
	const char *about;	/* JSON: its models with generation and mode */
	int64_t at;
	const char *by;
	uint64_t bytes, hosts;
	struct hf_span bundle;	/* newc archive; empty where it was not asked for */
};
/* HF_ERR_RING_UNKNOWN. hosts and bundle where they are asked for: each evidence looks its ring up. */
enum hf_ring_with { HF_RING_ALONE, HF_RING_COUNTED, HF_RING_WHOLE };
enum hf_err hf_store_ring(struct hf_store *store, const char *name, enum hf_ring_with with, struct hf_arena *arena,
			  struct hf_ring_record *ret, struct hf_fault *fault) HF_MUST_USE;
typedef enum hf_err (*hf_store_visit_ring)(void *self, const struct hf_ring_record *ring);
/* In order of their names, without bundles. */
enum hf_err hf_store_rings(struct hf_store *store, hf_store_visit_ring visit, void *self,
			   struct hf_fault *fault) HF_MUST_USE;
/* ring->version: of the one that this was tried against, 0: there was none; another by now, or hosts
 * that came or went: HF_ERR_STATE_CHANGED. More than HF_RINGS_MAX: HF_ERR_LIMIT. why: NULL, or why a
 * ring is put that makes hosts worse off. */
enum hf_err hf_store_ring_put(struct hf_store *store, const struct hf_ring_record *ring, uint64_t worse, const char *why,
			      const struct hf_by *by, struct hf_fault *fault) HF_MUST_USE;
/* HF_ERR_RING_IN_USE: hosts are in it. */
enum hf_err hf_store_ring_remove(struct hf_store *store, const char *name, const struct hf_by *by,
				 struct hf_fault *fault) HF_MUST_USE;
/* Which hosts: one of id, model and of may be said (of: a ring's, "": the default ring's). */
struct hf_ring_choice { const char *id, *model, *of; };
/* Names of hosts, in order, those after `after`. */
enum hf_err hf_store_ring_hosts(struct hf_store *store, const struct hf_ring_choice *choice, const char *after,
				size_t limit, hf_store_visit_host visit, void *self, struct hf_fault *fault) HF_MUST_USE;
/* By id or model, into ring ("": the default one) if its version is that one still. */
enum hf_err hf_store_ring_move(struct hf_store *store, const struct hf_ring_choice *choice, const char *ring,
			       int64_t version, uint64_t worse, const char *why, const struct hf_by *by,
			       size_t *ret_moved, struct hf_fault *fault) HF_MUST_USE;
/* For the metrics: hosts by ring and by what their last verdict observed. */
typedef enum hf_err (*hf_store_visit_ring_count)(void *self, const char *ring, const char *observed, uint64_t hosts);
enum hf_err hf_store_ring_counts(struct hf_store *store, hf_store_visit_ring_count visit, void *self,
				 struct hf_fault *fault) HF_MUST_USE;

/* ---- the operator ---- */
enum hf_err hf_store_reclaim(struct hf_store *store, const char *id, const char *lease, const char *tenant,
			     struct hf_span reclaim, const struct hf_by *by, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_store_hold(struct hf_store *store, const char *id, const char *why, const struct hf_by *by,
			  struct hf_fault *fault) HF_MUST_USE;
/* tenant NULL: as the inventory says. A reclaim id that was ever used: HF_ERR_STATE_CHANGED. */
/* re_enrol: keys and counters forgotten, new inventory's EK taken (empty: as it is); HELD. */
enum hf_err hf_store_re_enrol(struct hf_store *store, const char *id, struct hf_span ek_id,
			      const struct hf_by *by, struct hf_fault *fault) HF_MUST_USE;
/* sealed: as the caller encrypted it (seal.h); for the present reclaim of a RECLAIMED or CHALLENGED
 * host, else HF_ERR_HOST_NOT_RECLAIMED. It goes with the receipt, the next reclaim, a hold.
 * secret_get: an empty span where there is none. */
enum hf_err hf_store_secret_put(struct hf_store *store, const char *id, struct hf_span sealed,
				const struct hf_by *by, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_store_secret_get(struct hf_store *store, const char *id, struct hf_span reclaim,
				struct hf_arena *arena, struct hf_span *ret, struct hf_fault *fault) HF_MUST_USE;

/* ---- enrolment ---- */
struct hf_credential_record {
	struct hf_span id, ak_name, ak, ek, secret_digest;
	struct hf_span ek_id;	/* hf_ek.id: what the inventory names */
	const char *host;
	int64_t until;
};
/* HF_ERR_HOST_UNKNOWN. Those that are in time are kept, the last HF_STORE_CHALLENGES_MAX of a host. */
enum hf_err hf_store_credential_put(struct hf_store *store, const struct hf_credential_record *in,
				    const struct hf_by *by, struct hf_fault *fault) HF_MUST_USE;
/* Once, and in time (HF_ERR_NONCE_UNKNOWN, HF_ERR_NONCE_EXPIRED): takes it out, whatever comes then;
 * the secret's digest and AK must be the same, else HF_ERR_AK_OTHER. The EK must be the inventory's,
 * or first use still be allowed: HF_ERR_EK_INVENTORY. The host must be RECLAIMED or CHALLENGED:
 * HF_ERR_HOST_IN_USE, HF_ERR_HOST_NOT_RECLAIMED. Then the host has this AK and EK (first use:
 * its inventory's EK too), unless it, or another host with it, has one: HF_ERR_AK_OTHER. */
enum hf_err hf_store_enrol(struct hf_store *store, struct hf_span id, struct hf_span ak_name,
			   struct hf_span secret_digest, const struct hf_by *by, struct hf_arena *arena,
			   struct hf_host_record *ret, struct hf_fault *fault) HF_MUST_USE;

/* ---- challenge and verdict ---- */
/* For RECLAIMED and CHALLENGED hosts of the gate's kind; for IN_USE ones of the tenant's kind, and
 * the state stays. *ret_kind says which; HELD: HF_ERR_HOST_NOT_RECLAIMED, or HF_ERR_HOST_HELD if an
 * operator did it. Each counts once, in time, until the state changes: a newer one makes none void,
 * since anybody may ask for it. The last of a host are remembered, and all that were used. */
#define HF_STORE_CHALLENGES_MAX 4096
enum hf_err hf_store_challenge(struct hf_store *store, const char *id, struct hf_span nonce,
			       struct hf_span boot_key, int64_t until, const struct hf_by *by,
			       enum hf_evidence_kind *ret_kind, struct hf_span *ret_reclaim,
			       struct hf_arena *arena, struct hf_fault *fault) HF_MUST_USE;
struct hf_challenge_record {
	const char *host;
	struct hf_span boot_key, reclaim;	/* reclaim empty: the tenant's */
	enum hf_evidence_kind kind;
	int64_t until;
	bool used, open;	/* open: the host is in the lease and state that it was given in */
	struct hf_span quote;	/* of the evidence that used it */
	int64_t verdict;	/* its verdict */
};
/* HF_ERR_NONCE_UNKNOWN. */
enum hf_err hf_store_challenge_get(struct hf_store *store, struct hf_span nonce, struct hf_arena *arena,
				   struct hf_challenge_record *ret, struct hf_fault *fault) HF_MUST_USE;
struct hf_verdict_record {
	int64_t id;			/* set by the store */
	const char *host;
	int64_t at;
	enum hf_evidence_kind kind;
	struct hf_span nonce, reclaim, quote, boot_key, evidence_digest;	/* nonce empty: a host that holds itself */
	enum hf_ear_status status;
	enum hf_release_kind release;	/* HF_RELEASE_NOTHING: a refusal */
	const char *cause, *class_name, *place, *detail, *model, *lease;
	bool counted;
	uint32_t reset_count, restart_count;
	uint64_t firmware_version;
	struct hf_span result;		/* signed, as it goes to the host and to who asks */
	const char *report;		/* JSON: findings, coverage, drift */
	const char *ring;		/* by whose manifests it was judged or observed; "": the default ring's */
	/* By a ring of stage observe: what its manifests would have made of the host (hf_trial_outcome_name)
	 * and why; "": nothing was observed. */
	const char *observed, *observed_why;
	struct hf_span evidence;	/* CMW in CBOR, kept for the last two of each kind of a host */
	int64_t receipt_at;		/* 0: none came */
};
#define HF_STORE_UNASKED_MAX 16
#define HF_STORE_TENANT_MAX 64
/* In one transaction: the nonce is used now and never again (HF_ERR_NONCE_UNKNOWN, _USED, _EXPIRED;
 * HF_ERR_BOOT_KEY_OTHER; HF_ERR_STATE_CHANGED where another answer, an operator or another
 * controller came first: nothing is recorded then but an audit entry); a release needs a reset count
 * above the last one known (HF_ERR_RESET_COUNT: likewise; the caller records a refusal in its
 * place); the state goes on; the verdict and the audit entry are written.
 *
 * Kinds: GATE answers a gate's challenge; TENANT a tenant's and releases nothing (the last
 * HF_STORE_TENANT_MAX of a host are kept); HELD answers either (a gate's only with a reset count
 * above the last one known), or none (nonce empty: recorded, but anybody could have sent it again, so
 * that neither state nor last verdict change; another of the same boot, or one of an earlier boot, is
 * no new verdict, in->id is 0 then; the last HF_STORE_UNASKED_MAX of a host are kept). Counts of all kinds are remembered where in->counted; the
 * reset count never goes down but by re-enrolment. */
enum hf_err hf_store_verdict(struct hf_store *store, struct hf_verdict_record *in, const struct hf_by *by,
			     struct hf_fault *fault) HF_MUST_USE;
/* Without evidence; verdict_evidence: with it, where it is kept. */
enum hf_err hf_store_verdict_get(struct hf_store *store, int64_t id, struct hf_arena *arena,
				 struct hf_verdict_record *ret, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_store_verdict_evidence(struct hf_store *store, int64_t id, struct hf_arena *arena,
				      struct hf_verdict_record *ret, struct hf_fault *fault) HF_MUST_USE;
typedef enum hf_err (*hf_store_visit_verdict)(void *self, const struct hf_verdict_record *verdict);
/* Newest first, without evidence and result bytes. host NULL: of all. before 0: from the newest. */
enum hf_err hf_store_verdicts(struct hf_store *store, const char *host, int64_t before, size_t limit,
			      hf_store_visit_verdict visit, void *self, struct hf_fault *fault) HF_MUST_USE;
/* The evidence of the last verdict of that kind which released (released) or of the last at all;
 * quote not empty: of the one with that quote, and nothing else is read. HF_ERR_NONCE_UNKNOWN. */
enum hf_err hf_store_last_evidence(struct hf_store *store, const char *host, enum hf_evidence_kind kind,
				   bool released, struct hf_span quote, struct hf_arena *arena, struct hf_verdict_record *ret,
				   struct hf_fault *fault) HF_MUST_USE;
/* Once (the same again is HF_OK, another is HF_ERR_NONCE_USED); the tenant's secret is gone with it.
 * HF_ERR_NONCE_UNKNOWN: no ticket answers that quote. */
enum hf_err hf_store_receipt(struct hf_store *store, const char *host, struct hf_span quote, struct hf_span receipt,
			     const struct hf_by *by, struct hf_fault *fault) HF_MUST_USE;
/* Written once in HF_STORE_SEEN_SECONDS at most; every challenge and verdict is "seen" too. */
#define HF_STORE_SEEN_SECONDS 30
enum hf_err hf_store_seen(struct hf_store *store, const char *host, int64_t now, struct hf_fault *fault) HF_MUST_USE;
/* Verdicts older than that, but for each host's last ones; at least a day old, or HF_ERR_API_REFUSED. */
enum hf_err hf_store_prune(struct hf_store *store, int64_t before, const struct hf_by *by, size_t *ret_verdicts,
			   struct hf_fault *fault) HF_MUST_USE;

/* ---- the audit: chains of entries, SHA-256 from entry to entry (audit.c). Each connection of
 * each process writes a chain of its own, so that none waits for another; the first entry of a
 * chain names the last entries of others, which ties them together. ---- */
struct hf_audit_entry {
	const char *chain;		/* 32 hex digits */
	int64_t seq, at;		/* seq: 1, 2, ... */
	const char *actor, *action, *host, *detail;	/* detail: JSON */
	struct hf_span before, hash;	/* SHA-256: of the entry before (the first: zeros), of this one */
};
typedef enum hf_err (*hf_store_visit_audit)(void *self, const struct hf_audit_entry *entry);
/* One chain from its first entry on, those after `after`. */
enum hf_err hf_store_audit(struct hf_store *store, const char *chain, int64_t after, size_t limit,
			   hf_store_visit_audit visit, void *self, struct hf_fault *fault) HF_MUST_USE;
/* All chains, the newest entries first, those before that time (0: from the newest); host NULL: of
 * all. Entries of one second are in the order of their chains: ask for `before` + 1 of the last. */
enum hf_err hf_store_audit_newest(struct hf_store *store, const char *host, int64_t before, size_t limit,
				  hf_store_visit_audit visit, void *self, struct hf_fault *fault) HF_MUST_USE;
/* The last entry of each chain, newest chain first: what to keep elsewhere. */
enum hf_err hf_store_audit_heads(struct hf_store *store, size_t limit, hf_store_visit_audit visit, void *self,
				 struct hf_fault *fault) HF_MUST_USE;
/* All of them, and each verdict that an entry tells of. HF_ERR_AUDIT_BROKEN: fault names the first
 * bad entry. stop (or NULL) is looked at between pages: HF_ERR_STORE_FAILED, nothing is known. */
struct hf_audit_count { uint64_t chains, entries, verdicts; };
enum hf_err hf_store_audit_verify(struct hf_store *store, const _Atomic bool *stop, struct hf_audit_count *ret,
				  struct hf_fault *fault) HF_MUST_USE;
/* Something that no other function records: a start, a reload, a refused request. */
enum hf_err hf_store_note(struct hf_store *store, const char *action, const char *host, const char *detail,
			  const struct hf_by *by, struct hf_fault *fault) HF_MUST_USE;

/* Of a host, and what anybody can bring about by asking (so are repeated challenges, credentials,
 * refused enrolments and verdicts of tenants): of each kind the first HF_STORE_OFTEN_MAX in
 * HF_STORE_OFTEN_SECONDS have an entry, the others are counted; the next entry tells how many. */
#define HF_STORE_OFTEN_MAX 8
#define HF_STORE_OFTEN_SECONDS 3600
enum hf_err hf_store_note_often(struct hf_store *store, const char *action, const char *host, const char *detail,
				const struct hf_by *by, struct hf_fault *fault) HF_MUST_USE;

/* For the metrics: hosts by state, by model and by class of the last verdict. */
struct hf_store_count {
	const char *model, *class_name;	/* class_name empty: affirmed, or never judged */
	enum hf_lease state;
	enum hf_ear_status status;
	uint64_t hosts;
	int64_t oldest_seen;
};
typedef enum hf_err (*hf_store_visit_count)(void *self, const struct hf_store_count *count);
enum hf_err hf_store_counts(struct hf_store *store, hf_store_visit_count visit, void *self,
			    struct hf_fault *fault) HF_MUST_USE;

#endif
