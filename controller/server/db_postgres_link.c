/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection to PostgreSQL. No call waits for ever: the server ends a statement, this side a
 * silence (a server that is stopped, a network that is cut). */
#include <errno.h>
#include <poll.h>
#include <time.h>

#include "controller/server/db_postgres.h"

#define CONNECT_SECONDS "5"
/* What the server does by itself. What it is told to have on disk is on disk, whatever its own
 * configuration says; one that waits for its standbys too goes on doing so. */
#define SETTINGS "SET statement_timeout = '15s'; SET lock_timeout = '10s';" \
	"SET idle_in_transaction_session_timeout = '30s'; SET client_min_messages = 'warning';" \
	"SET default_transaction_isolation = 'read committed';" \
	"SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void hf_pg_disconnect(struct postgres *p)
{
	PQfinish(p->conn);
	p->conn = NULL;
	p->count = 0;
}

/* libpq's text ends in a line feed and may have several lines: the first says what it is. */
static enum hf_err say(struct hf_fault *fault, const char *where, const char *message)
{
	size_t len = strcspn(message, "\n");

	return hf_fail(fault, HF_ERR_STORE_FAILED, where, "%.*s", (int)len, message);
}

enum hf_err hf_pg_lost(struct postgres *p, const char *where, const char *message, struct hf_fault *fault)
{
	enum hf_err err = say(fault, where, message);

	p->db.trouble = HF_DB_AGAIN;
	hf_pg_disconnect(p);
	return err;
}

/* ---- one command, and at most so long ---- */

static bool wait_for(PGconn *conn, short events, int64_t until)
{
	struct pollfd fd = { .fd = PQsocket(conn), .events = events };
	int64_t left;
	int ready;

	do {
		left = until - now_ms();
		ready = left > 0 ? poll(&fd, 1, (int)left) : 0;
	} while (ready < 0 && errno == EINTR);
	return ready > 0;
}

/* A server that is told much may itself have something to say before it reads on. */
static bool sent(PGconn *conn, int64_t until)
{
	int left;

	while ((left = PQflush(conn)) > 0)
		if (!wait_for(conn, POLLIN | POLLOUT, until) || !PQconsumeInput(conn))
			return false;
	return left == 0;
}

PGresult *hf_pg_answer(struct postgres *p)
{
	int64_t until = now_ms() + HF_DB_WAIT_SECONDS * 1000;
	PGresult *last = NULL, *next;

	if (!sent(p->conn, until))
		return NULL;
	for (;;) {
		while (PQisBusy(p->conn))
			if (!wait_for(p->conn, POLLIN, until) || !PQconsumeInput(p->conn)) {
				PQclear(last);
				return NULL;
			}
		next = PQgetResult(p->conn);
		if (!next)
			return last;
		/* of several statements, the one that failed is the answer */
		if (last && PQresultStatus(last) == PGRES_FATAL_ERROR) {
			PQclear(next);
			continue;
		}
		PQclear(last);
		last = next;
	}
}

static bool is_state(const PGresult *result, const char *state)
{
	const char *is = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return is && strncmp(is, state, strlen(state)) == 0;
}

enum hf_err hf_pg_finish(struct postgres *p, PGresult *result, const char *where, PGresult **ret,
			  struct hf_fault *fault)
{
	ExecStatusType status = result ? PQresultStatus(result) : PGRES_FATAL_ERROR;
	enum hf_err err;

	if (!result || PQstatus(p->conn) == CONNECTION_BAD) {
		PQclear(result);
		return hf_pg_lost(p, where, *PQerrorMessage(p->conn) ? PQerrorMessage(p->conn) :
			    "the database does not answer", fault);
	}
	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
		if (ret)
			*ret = result;
		else
			PQclear(result);
		return HF_OK;
	}
	/* 40: serialisation, deadlock; 23505: unique; 55P03: lock timeout; 57P: it shuts down;
	 * 26: a statement that somebody between us and it (a pooler) does not know */
	p->db.trouble = is_state(result, "40") || is_state(result, "23505") || is_state(result, "55P03") ||
			is_state(result, "57P") ? HF_DB_AGAIN : HF_DB_OTHER;
	err = say(fault, where, PQresultErrorMessage(result));
	if (is_state(result, "57P"))
		hf_pg_disconnect(p);
	PQclear(result);
	return err;
}

enum hf_err hf_pg_simple(struct postgres *p, const char *sql, const char *where, struct hf_fault *fault)
{
	if (!PQsendQuery(p->conn, sql))
		return hf_pg_lost(p, where, PQerrorMessage(p->conn), fault);
	return hf_pg_finish(p, hf_pg_answer(p), where, NULL, fault);
}

/* ---- the connection ---- */

static void no_notice(void *self, const char *message)
{
	(void)self;
	(void)message;
}

/* expand_dbname: what the URI says comes first, these fill in. */
static PGconn *connect_with(const char *uri)
{
	static const char *const keys[] = { "dbname", "application_name", "connect_timeout", "client_encoding",
		"keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", NULL };
	const char *const values[] = { uri, "holdfastd", CONNECT_SECONDS, "UTF8", "10", "5", "3", "20000",
				       NULL };

	return PQconnectdbParams(keys, values, 1);
}

/* What waiting does not mend. libpq says no more of why it has no connection. */
static bool is_hopeless(PGconn *conn)
{
	return PQconnectionNeedsPassword(conn) || PQconnectionUsedPassword(conn);
}

/* A database that restarts refuses for a while. */
enum hf_err hf_pg_connect(struct postgres *p, struct hf_fault *fault)
{
	int64_t until = now_ms() + HF_DB_WAIT_SECONDS * 1000;
	const struct timespec nap = { 0, 100 * 1000000 };
	enum hf_err err;

	if (p->conn && PQstatus(p->conn) == CONNECTION_OK)
		return HF_OK;
	for (;;) {
		hf_pg_disconnect(p);
		p->conn = connect_with(p->uri);
		if (!p->conn)
			return hf_fail(fault, HF_ERR_NO_MEMORY, "store", "a connection");
		PQsetNoticeProcessor(p->conn, no_notice, NULL);
		if (PQstatus(p->conn) == CONNECTION_OK && PQsetnonblocking(p->conn, 1) == 0 &&
		    !hf_pg_simple(p, SETTINGS, "settings", fault))
			return HF_OK;
		if (now_ms() >= until || is_hopeless(p->conn)) {
			err = hf_pg_lost(p, "database", p->conn ? PQerrorMessage(p->conn) :
					 "the connection was lost", fault);
			p->db.trouble = HF_DB_OTHER;	/* it was waited for */
			return err;
		}
		nanosleep(&nap, NULL);
	}
}
