# SPDX-License-Identifier: GPL-3.0-or-later
"""How a scenario ends when it does not end well."""


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def need(condition, why):
    if not condition:
        raise Failed(why)
