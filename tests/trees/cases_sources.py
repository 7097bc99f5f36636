# SPDX-License-Identifier: GPL-3.0-or-later
"""One set of manifests for a fleet: 40 models in manifests.d, chosen by SMBIOS."""
import json

from harness import case, need, write
from rehearsal import Host
from sources import model

# who made it and what it is, as in class/dmi/id: the pair chooses, neither does alone
KINDS = [(f"Maker {number % 4}", f"Host {number // 4}") for number in range(40)]


def of_kind(number, **more):
    vendor, product = KINDS[number]
    return model(**{"model": f"fleet-{number}", "vendor": vendor, "product": product, **more})


def fleet(t):
    """A rehearsal's host; 40 models beside its components, all of the same hardware."""
    host = Host(t, model=of_kind(0))
    for number in range(1, len(KINDS)):
        add(host, f"fleet-{number}", of_kind(number))
    return host


def add(host, name, source):
    host.owner.sign(source, f"{host.etc}/manifests.d/{name}.corim")


def is_a(host, vendor, product):
    write(f"{host.tree.sys}/class/dmi/id/sys_vendor", vendor + "\n")
    write(f"{host.tree.sys}/class/dmi/id/product_name", product + "\n")


def judged(host, code):
    return host.t.holdfast("verify", "--manifests", f"{host.etc}/manifests.d", "--anchors",
                           f"{host.etc}/anchors", "--sysfs", host.tree.sys, "--json", code=code)


def chosen(host):
    """The name of the model that accepts this host."""
    return json.loads(judged(host, 0).out)["verdict"]["model"]


@case
def sources_each_host_finds_its_model(t):
    host = fleet(t)
    for number in (2, 17, 39):
        is_a(host, *KINDS[number])
        need(chosen(host) == f"fleet-{number}", f"{KINDS[number]} chose {chosen(host)}")


@case
def sources_the_gate_records_the_model(t):
    host = fleet(t)
    is_a(host, *KINDS[17])
    host.boot("captured-tree", 3)
    log = host.log_text()
    need("fleet-17" in log, f"our log does not name the model\n{log}")
    need("model-ambiguous" not in log and "model-none" not in log, log)


@case
def sources_the_chosen_model_judges(t):
    """What another host's model allows is of no use to this one."""
    host = fleet(t)
    only = of_kind(17)
    only["rules"] = [rule for rule in only["rules"] if rule["name"] != "nic-3"]
    add(host, "fleet-17", only)
    is_a(host, *KINDS[17])
    t.refused(judged(host, 3), "part-extra")
    is_a(host, *KINDS[18])
    judged(host, 0)


@case
def sources_unknown_host(t):
    host = fleet(t)
    for vendor, product in ((KINDS[17][0], "Host 99"), ("Maker 9", KINDS[17][1]),
                            (KINDS[17][0], KINDS[17][1] + "0"), (KINDS[17][0], "host 4"),
                            (KINDS[17][1], KINDS[17][0])):
        is_a(host, vendor, product)
        t.refused(judged(host, 3), "model-none")


@case
def sources_two_models_of_one_host(t):
    host = fleet(t)
    add(host, "again", of_kind(17, model="again"))
    is_a(host, *KINDS[17])
    t.refused(judged(host, 3), "model-ambiguous")
    is_a(host, *KINDS[16])  # the doubt is about the other host alone
    need(chosen(host) == "fleet-16", f"{KINDS[16]} chose {chosen(host)}")
