# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything a device can do wrong, by name: what --lie takes. NAME, NAME=ARG.

STEP is one of version, capabilities, algorithms, digests, certificate, challenge, measurements.
"""
import lies_of_carriage
import lies_of_evidence
import lies_of_identity
import lies_of_steps
from lie import ALL, STEPS

MODULES = (lies_of_carriage, lies_of_evidence, lies_of_identity, lies_of_steps)
Drip = lies_of_steps.Drip
__all__ = ("ALL", "STEPS", "Drip", "parse")


def parse(text):
    """The lies of NAME[=ARG][,NAME[=ARG]...]."""
    out = []
    for word in filter(None, (text or "").split(",")):
        name, _, arg = word.partition("=")
        if name not in ALL:
            raise SystemExit(f"no lie {name}; lies: {' '.join(sorted(ALL))}")
        out.append(ALL[name](arg))
    return out
