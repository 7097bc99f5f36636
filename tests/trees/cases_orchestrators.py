# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples for orchestrators whose ramdisk runs holdfast: MAAS's commissioning script as MAAS runs
it, Ironic's hardware manager with the agent that loads it played by its own few names."""
import importlib.util
import os
import subprocess
import sys
import types

import sources
import trees
from harness import BUILD, ROOT, Failed, case, need, read, write
from sources import Owner

SCRIPT = f"{ROOT}/examples/maas/50-holdfast"
MANAGER = f"{ROOT}/examples/ironic/holdfast_hardware.py"


class Ramdisk:
    """/opt/holdfast of a ramdisk on the lab host, golden or with a flipped ROM."""

    def __init__(self, t, tampered=False):
        self.home = t.path("opt")
        golden = trees.Tree(t.path("golden"), trees.lab())
        self.tree = trees.Tree(t.path("tree"), trees.lab())
        if tampered:
            self.tree.flip("0000:01:00.0", 0x8000)
        owner = Owner(t)
        owner.sign_all(f"{self.home}/manifests", sources.components(golden) + [sources.model()])
        owner.trust(f"{self.home}/anchors")
        self.environment = dict(os.environ, HOLDFAST=f"{BUILD}/holdfast", HOLDFAST_DIR=self.home,
                                HOLDFAST_OPTIONS=f"--sysfs {self.tree.sys}", RESULT_PATH=t.path("result.yaml"),
                                HOLDFAST_RUN=t.path("run"))

    def commission(self):
        """As MAAS does: run it, take its exit code, read what it left."""
        done = subprocess.run([SCRIPT], env=self.environment, capture_output=True, text=True, check=False)
        result = read(self.environment["RESULT_PATH"]).decode()
        return done.returncode, result, done.stdout + done.stderr


@case
def maas_script_passes_a_golden_host(t):
    code, result, said = Ramdisk(t).commission()
    need(code == 0 and "status: passed" in result and "verdict: accepted" in result and "reason: none" in result,
         f"{code} {result} {said}")


@case
def maas_script_fails_a_tampered_host(t):
    code, result, said = Ramdisk(t, tampered=True).commission()
    need(code == 3 and "status: failed" in result and "verdict: held" in result, f"{code} {result} {said}")
    need("reason: firmware-unknown" in result and "firmware-unknown" in said, f"{result} {said}")


@case
def maas_script_fails_without_a_verdict(t):
    ramdisk = Ramdisk(t)
    for name, text in (("silent", "exit 0"), ("lying", 'echo "{}"'),
                       ("held-with-exit-0", 'echo \'{"verdict": {"status": "held", "cause": "x"}}\'')):
        ramdisk.environment["HOLDFAST"] = t.path(name)
        write(t.path(name), f"#!/bin/sh\n{text}\n")
        os.chmod(t.path(name), 0o755)
        code, result, said = ramdisk.commission()
        need(code != 0 and "status: failed" in result, f"{name}: {code} {result} {said}")
    ramdisk.environment["HOLDFAST"] = t.path("missing")
    code, result, _ = ramdisk.commission()
    need(code != 0 and "reason: no-verdict" in result, result)


class CleaningError(Exception):
    pass


def hardware_manager(environment):
    """The module as the Ironic Python agent would load it."""
    agent = types.ModuleType("ironic_python_agent")
    agent.errors = types.SimpleNamespace(CleaningError=CleaningError)
    agent.hardware = types.SimpleNamespace(
        HardwareManager=object, HardwareSupport=types.SimpleNamespace(SERVICE_PROVIDER=3))
    before = dict(os.environ)
    sys.modules["ironic_python_agent"] = agent
    os.environ.update(environment)
    try:
        spec = importlib.util.spec_from_file_location("holdfast_hardware", MANAGER)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        os.environ.clear()
        os.environ.update(before)
    return module.HoldfastHardwareManager()


def clean(manager, **arguments):
    """All its steps, in their order; the reason of the one that failed."""
    node = {"uuid": "node-1"}
    for step in sorted(manager.get_clean_steps(node, []), key=lambda s: -s["priority"]):
        try:
            getattr(manager, step["step"])(node, [], **arguments)
        except CleaningError as error:
            return str(error)
    return None


def with_environment(ramdisk, function):
    before = dict(os.environ)
    os.environ.update(ramdisk.environment)
    try:
        return function(hardware_manager(ramdisk.environment))
    finally:
        os.environ.clear()
        os.environ.update(before)


@case
def ironic_cleans_a_golden_node(t):
    ramdisk = Ramdisk(t)
    need(with_environment(ramdisk, clean) is None, "a golden node was not cleaned")
    why = with_environment(ramdisk, lambda m: clean(m, demand_gate=True))
    need(why and "gate" in why, f"no gate ran, and nobody minded: {why}")
    write(t.path("run", "verdict.json"), '{"verdict": {"status": "accepted"}}')
    need(with_environment(ramdisk, lambda m: clean(m, demand_gate=True)) is None, "a released boot was refused")


@case
def ironic_refuses_a_tampered_node(t):
    why = with_environment(Ramdisk(t, tampered=True), clean)
    need(why and "firmware-unknown" in why and "node-1" in why, f"{why}")


@case
def ironic_refuses_without_a_verdict(t):
    ramdisk = Ramdisk(t)
    ramdisk.environment["HOLDFAST"] = "/bin/true"
    why = with_environment(ramdisk, clean)
    need(why and "no verdict" in why, f"{why}")


@case
def orchestrator_examples_are_short(t):
    for path in (SCRIPT, MANAGER, f"{ROOT}/examples/maas/holdfast-sync"):
        lines = len(read(path).decode().splitlines())
        if lines >= 80:
            raise Failed(f"{path}: {lines} lines")
