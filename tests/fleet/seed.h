/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/fleet/seed.h: apart from fleet.h, whose fixtures call an event what the server does not. */
#ifndef HF_TESTS_FLEET_SEED_H
#define HF_TESTS_FLEET_SEED_H

#include <stdio.h>

#include "controller/server/store.h"

/* DIR/inventory.csv of a `fleet prepare`, into the store at url; every host RECLAIMED. Exit code. */
int fleet_seed(const char *url, const char *dir, const char *lease);

#endif
