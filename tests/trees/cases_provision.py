# SPDX-License-Identifier: GPL-3.0-or-later
"""The generation in the TPM, and what a rule's action "fence" does where nothing can be
isolated."""
import json

import sources
import trees
from harness import case, need, read, write
from rehearsal import LOCKOUT, OWNER, Host, provision, verify

INDEX = "0x01d10300"


def claims(host):
    return host.t.ctl("evidence", "show", host.evidence, code=0).text


@case
def provisioned_host_takes_its_generation(t):
    host = Host(t)
    result = provision(host, "--generation", "7")
    need("generation 7" in result.text and INDEX in result.text, result.describe())
    host.configure("generation-index = required\n")
    host.boot("captured-tree", 3)
    need("generation-advisory" not in claims(host), claims(host))


@case
def provisioned_host_refuses_an_older_model(t):
    """Also where the configuration says nothing about it."""
    host = Host(t)
    provision(host, "--generation", "7")
    provision(host, "--raise", "8")
    result = host.boot("manifest-generation", 3)
    need("the TPM holds 8" in " ".join((result.text + result.errors).split()), result.describe())
    # and the agent wrote nothing
    value = host.tpm.tool("tpm2_nvread", INDEX, ok=True)
    need(value.encode()[-1] == 8, repr(value))


@case
def host_without_the_index(t):
    host = Host(t)
    host.boot("captured-tree", 3)
    need("generation-advisory" in claims(host), claims(host))


@case
def host_without_the_index_where_it_is_required(t):
    host = Host(t)
    host.configure("generation-index = required\n")
    host.boot("generation-missing", 5)
    host.check_replays()


@case
def index_that_was_taken_away(t):
    """By somebody with the owner's value, or the platform's: seen where it is required."""
    host = Host(t)
    provision(host, "--generation", "7")
    host.tpm.tool("tpm2_nvundefine", "-C", "o", "-P", OWNER, INDEX)
    host.configure("generation-index = required\n")
    host.boot("generation-missing", 5)


@case
def index_that_was_made_anew_with_other_attributes(t):
    host = Host(t)
    provision(host, "--generation", "9")
    host.tpm.tool("tpm2_nvundefine", "-C", "o", "-P", OWNER, INDEX)
    host.tpm.tool("tpm2_nvdefine", "-C", "o", "-P", OWNER, "-s", "8", "-a",
                  "ownerwrite|ownerread|authread|authwrite|no_da", INDEX)
    host.configure("generation-index = required\n")
    host.boot("generation-missing", 5)


@case
def provision_refuses(t):
    host = Host(t)
    for lockout, words in (("short", "8 to 32"), ("x" * 33, "8 to 32"), (OWNER, "same")):
        result = provision(host, lockout=lockout, code=2)
        need(words in " ".join(result.errors.split()), result.describe())
    for argv in (["--generation", "x"], ["--generation", "1" * 19], ["--raise", "-1"]):
        provision(host, *argv, code=2)
    provision(host, "--raise", "3", code=5)
    provision(host, "--generation", "7")
    result = provision(host, "--generation", "7", code=5)
    need("already-provisioned" in result.errors, result.describe())
    for n in ("7", "6", "0"):
        result = provision(host, "--raise", n, code=5)
        need("generation-lower" in result.errors, result.describe())
    result = provision(host, "--raise", "8", owner="another-value", code=5)
    need("tpm-auth-set" in result.errors, result.describe())
    missing = t.holdfast("provision", "--owner-auth-file", t.path("nowhere"), "--raise", "9",
                         "--tcti", host.tpm.tcti, code=2)
    need("nowhere" in missing.errors, missing.describe())


@case
def provision_on_a_tpm_that_a_tenant_owns(t):
    host = Host(t)
    host.tpm.tool("tpm2_changeauth", "-c", "o", "somebody")
    result = provision(host, code=5)
    need("tpm-auth-set" in result.errors, result.describe())


# ---- fence


def fencing(t, **more):
    fence = sources.model(**more)
    fence["rules"][1]["action"] = "fence"
    host = Host(t, model=fence)
    host.tree.flip("0000:01:00.0", 0x8000)
    return host


@case
def fence_in_a_rehearsal_is_held(t):
    host = fencing(t)
    result = host.boot("fence-impossible", 3)
    need("CANNOT BE ISOLATED" in result.text, result.describe())
    need(trees.NIC1 in result.text and "captured tree" in result.text, result.describe())
    host.check_replays()
    seen = verify(host, code=3)
    need("fence-impossible" in seen.text + seen.errors, seen.describe())
    verdict = json.loads(read(f"{host.evidence}/verdict.json"))
    need(verdict["fenced"] == [] and verdict["cause"] == "fence-impossible", str(verdict)[:300])


@case
def fence_of_the_board_is_held(t):
    board = sources.model()
    board["rules"][0]["action"] = "fence"
    host = Host(t, model=board)
    host.tree.flip("0000:00:01.0", 0x100)
    result = host.boot("fence-impossible", 3)
    need("board" in result.text, result.describe())


@case
def fence_in_audit_mode_isolates_nothing(t):
    host = fencing(t, mode="audit")
    result = host.boot("captured-tree", 3)
    need("WOULD ISOLATE (audit)" in result.text, result.describe())
    need("CANNOT BE ISOLATED" not in result.text, result.describe())
    seen = verify(host, code=3)
    need("isolated" not in seen.text.split("parts")[0], seen.describe())


@case
def fence_is_not_carried_out_by_verify(t):
    host = fencing(t)
    result = t.holdfast("verify", "--sysfs", host.tree.sys, "--manifests", f"{host.etc}/manifests.d",
                        "--anchors", f"{host.etc}/anchors", code=3)
    need("verdict: isolated [firmware-unknown]" in result.text, result.describe())
