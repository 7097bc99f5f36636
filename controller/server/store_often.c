/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The audit keeps everything for ever, so nobody may fill it who has proven nothing. What anybody
 * can bring about has so many entries in a while, for each host and kind; what comes beyond is
 * counted, and the first entry of a later while says how much it was. */
#include "controller/server/store_internal.h"

struct often { int64_t since, told, untold; };

static enum hf_err take_often(void *self, const struct hf_db_value *values, size_t count)
{
	struct hf_row row = { .values = values, .count = count };
	struct often *often = self;

	often->since = hf_row_int(&row);
	often->told = hf_row_int(&row);
	often->untold = hf_row_int(&row);
	return hf_row_end(&row);
}

static enum hf_err keep(const struct hf_tx *tx, const char *action, const struct often *often)
{
	return hf_db_run(tx->db, "INSERT INTO often (host, action, since, told, untold) VALUES ($1, $2, $3, $4, $5)"
			 " ON CONFLICT (host, action) DO UPDATE SET since = excluded.since, told = excluded.told,"
			 " untold = excluded.untold",
			 HF_PARAMS(hf_db_text(tx->host), hf_db_text(action), hf_db_int(often->since),
				   hf_db_int(often->told), hf_db_int(often->untold)), NULL, NULL, NULL, tx->fault);
}

/* A clock that went back begins a while as well: it must not silence what comes. */
static void begin_if_over(struct hf_tx *tx, struct often *often)
{
	if (tx->by->now >= often->since && tx->by->now - often->since < HF_STORE_OFTEN_SECONDS)
		return;
	if (often->untold) {
		hf_tx_say_int(tx, "untold", often->untold);
		hf_tx_say_int(tx, "untold-since", often->since);
	}
	*often = (struct often){ .since = tx->by->now };
}

enum hf_err hf_tx_often(struct hf_tx *tx)
{
	const char *action = tx->action;
	struct often often = { .since = INT64_MAX };
	enum hf_err err = hf_tx_run(tx, "SELECT since, told, untold FROM often WHERE host = $1 AND action = $2",
				    HF_PARAMS(hf_db_text(tx->host), hf_db_text(action)), take_often, &often, NULL);

	if (err)
		return err;
	begin_if_over(tx, &often);
	if (often.told < HF_STORE_OFTEN_MAX) {
		often.told++;
	} else {
		often.untold++;
		tx->action = NULL;
	}
	return keep(tx, action, &often);
}
