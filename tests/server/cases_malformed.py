# SPDX-License-Identifier: GPL-3.0-or-later
"""10,000 malformed requests to a real holdfastd: it stands, takes none of them, grows by nothing.

MALFORMED=NUMBER sends so many, MALFORMED_SEED=N others."""
import contextlib
import json
import os
import random
import socket
import ssl
import threading
import time

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec

import fleet_lab
import malformed

MAKE = ["holdfastd", "holdfastctl", "tests/fleet/fleet"]
COUNT = int(os.environ.get("MALFORMED", "10000"))
SEED = int(os.environ.get("MALFORMED_SEED", "1"))
THREADS = 8
PATIENCE = 20  # seconds for a reply to a whole request: the server gives up on others after 30
GROWTH_KIB = 16 << 10  # between the first quarter of the requests and the last
REFUSED_KIND = 1  # HF_WIRE_REFUSED


def need(condition, words):
    if not condition:
        raise AssertionError(words)


class Wire:
    """One connection, kept for as long as the server keeps it."""

    def __init__(self, port, context):
        self.port, self.context, self.tls = port, context, None

    def close(self, politely=False):
        if self.tls and politely:
            with contextlib.suppress(OSError, ValueError):
                self.tls.unwrap()
        if self.tls:
            self.tls.close()
        self.tls = None

    def open(self):
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        self.tls = self.context.wrap_socket(plain, server_hostname="127.0.0.1")

    def send(self, data):
        if not self.tls:
            self.open()
        self.tls.sendall(data)

    def reply(self):
        """(status, media type, body), or None: the connection ended."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.tls.recv(65536)
            if not more:
                return None
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        status = int(lines[0].split()[1])
        if status == 100:
            return self.reply()
        while len(body) < int(headers.get("content-length", 0)):
            more = self.tls.recv(65536)
            if not more:
                return None
            body += more
        if headers.get("connection", "").lower() == "close":
            self.close()
        return status, headers.get("content-type"), body


def ask(wire, data):
    """A connection that was kept may have ended meanwhile: then once more, on a new one."""
    kept = wire.tls is not None
    try:
        wire.send(data)
        reply = wire.reply()
    except TimeoutError:
        wire.close()
        raise
    except OSError:
        reply = None
    if reply is None:
        wire.close()
        return ask(wire, data) if kept else None
    return reply


def judge(name, expectation, reply):
    """Complaint, or None."""
    if reply is None or reply[0] >= 400 or expectation in (malformed.ANY, None):
        return None
    if expectation == malformed.REFUSAL and reply[0] == 200 and reply[1] == "application/cbor":
        answer = cbor2.loads(reply[2])
        # a key that nobody knows is told to enrol; that changes nothing, and gives nothing
        return None if answer[2] in (REFUSED_KIND, 3) else f"{name}: {answer}"
    return f"{name}: {reply}"


class Sender(threading.Thread):
    def __init__(self, number, count, controller, contexts, maker_of):
        super().__init__(daemon=True)
        self.count, self.port, self.trouble, self.sent = count, controller.port, [], {}
        self.maker = maker_of(random.Random(SEED * 1000 + number))
        self.wires = [Wire(self.port, context) for context in contexts]
        self.plain = []

    def one(self):
        name, agent, data, expectation = self.maker.make()
        self.sent[name] = self.sent.get(name, 0) + 1
        wire = self.wires[agent]
        if expectation == malformed.RAW:
            with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as plain:
                plain.sendall(data)
            return None
        if expectation in (malformed.PARTIAL, None):
            wire.close()
            with contextlib.suppress(OSError):
                wire.send(data)
                if expectation is None:  # it may be whole or not; what matters is what comes of it
                    wire.tls.settimeout(0.2)
                    with contextlib.suppress(TimeoutError):
                        reply = wire.reply()
                        if reply and reply[0] < 400:
                            return f"{name}: {reply[0]} to {data[:500]!r}"
            wire.close(politely=self.maker.r.random() < 0.5)
            return None
        try:
            reply = ask(wire, data)
        except TimeoutError:
            return f"{name}: no reply within {PATIENCE} s to {data[:300]!r}"
        complaint = judge(name, expectation, reply)
        return complaint and f"{complaint}\nto {data[:500]!r}"

    def run(self):
        for _ in range(self.count):
            try:
                complaint = self.one()
            except OSError as error:
                complaint = f"the server went away: {error!r}"
            except Exception as error:  # whatever it is, it is told by who started this
                complaint = f"{error!r}"
            if complaint:
                self.trouble.append(complaint)
        for wire in self.wires:
            wire.close()


def snapshot(api):
    hosts = [{k: v for k, v in host.items() if k != "last-seen"} for host in api("GET", "/v1/hosts?limit=1000")["hosts"]]
    return {"hosts": hosts, "verdicts": api("GET", "/v1/verdicts")["verdicts"],
            "audit": sorted((e["chain"], e["seq"], e["hash"]) for e in api("GET", "/v1/audit/heads")["entries"])}


def differs(before, after):
    return {k: (before[k], after[k]) for k in before if before[k] != after[k]}


@contextlib.contextmanager
def running():
    """Three hosts: one let, one reclaimed, one held; whoever may ask."""
    with fleet_lab.Fleet(3) as fleet:
        store = fleet.dir + "/store.sqlite"
        controller = fleet.add(store)
        fleet.seed_store(store)
        fleet.generate("run")
        wire = Wire(controller.port, ssl.create_default_context(cafile=fleet.ca.ca))

        def api(method, path, content=None, status=200):
            body = b"" if content is None else json.dumps(content).encode()
            data = malformed.request(method, path, body, [f"Authorization: Bearer {fleet_lab.TOKEN}",
                                                          "Content-Type: application/json"])
            reply = ask(wire, data)
            need(reply and reply[0] == status, f"{method} {path}: {reply}")
            return json.loads(reply[2])

        ids = [host["id"] for host in api("GET", "/v1/hosts")["hosts"]]
        api("POST", f"/v1/hosts/{ids[1]}/reclaim", {"lease": "next", "power-cycled": True})
        api("POST", f"/v1/hosts/{ids[2]}/hold", {"why": "a test"})
        yield fleet, controller, api, ids
        wire.close()


def contexts_of(fleet):
    operator = ssl.create_default_context(cafile=fleet.ca.ca)
    agent = ssl.create_default_context(cafile=fleet.ca.ca)
    agent.load_cert_chain(*fleet.ca.issue("agent"))
    return operator, agent


def ak():
    """TPMT_PUBLIC of a P-256 key as the agent's template has it; nobody enrolled it."""
    numbers = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    point = b"".join(b"\x00\x20" + n.to_bytes(32, "big") for n in (numbers.x, numbers.y))
    return bytes.fromhex("0023000b00050072000000100018000b00030010") + point


def send_all(controller, contexts, ids, count):
    def maker_of(r):
        return malformed.Maker(r, r.choice(ids), fleet_lab.TOKEN, ak())

    senders = [Sender(n, -(-count // THREADS), controller, contexts, maker_of) for n in range(THREADS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    trouble = [word for sender in senders for word in sender.trouble]
    need(not trouble, f"{len(trouble)} of {count}:\n" + "\n".join(trouble[:10]))
    return {name: sum(s.sent.get(name, 0) for s in senders) for s in senders for name in s.sent}


def none_is_accepted():
    with running() as (fleet, controller, api, ids):
        before = snapshot(api)
        contexts = contexts_of(fleet)
        sent = send_all(controller, contexts, ids, COUNT // 4)
        early = controller.rss_kib()
        for name, n in send_all(controller, contexts, ids, COUNT - COUNT // 4).items():
            sent[name] = sent.get(name, 0) + n
        late = controller.rss_kib()
        need(controller.process.poll() is None, "holdfastd is gone")
        need(not differs(before, snapshot(api)), f"changed: {differs(before, snapshot(api))}")
        if "asan" not in fleet_lab.BUILD:
            need(late - early < GROWTH_KIB, f"it grew from {early} to {late} KiB")
        # and it still does its work
        api("POST", f"/v1/hosts/{ids[0]}/hold", {"why": "well-formed"})
        need(controller.stop() == 0, "holdfastd did not end well")
        with open(controller.log, encoding="utf-8") as log:
            words = [line for line in log if not line.startswith("{")]
        need(not words, f"it said: {words[:20]}")
        return [f"{sum(sent.values())} requests, {early} KiB, then {late} KiB"] + \
               [f"{n:6} {name}" for name, n in sorted(sent.items())]


def slow_writers():
    """Who sends a byte now and then keeps nobody from being served, nor the server from its end."""
    with running() as (fleet, controller, api, ids):
        contexts = contexts_of(fleet)
        slow = [Wire(controller.port, contexts[i % 2]) for i in range(60)]
        whole = malformed.request("POST", f"/v1/hosts/{ids[0]}/hold", b'{"why":"slow"}',
                                  [f"Authorization: Bearer {fleet_lab.TOKEN}", "Content-Type: application/json"])
        for i, wire in enumerate(slow):
            wire.send(whole[:len(whole) - 1 - i % 40])
        before = snapshot(api)
        for _ in range(3):
            for wire in slow:
                wire.tls.sendall(b"")
            need(not differs(before, snapshot(api)), "a request that is not whole was done")
        begin = time.monotonic()
        need(controller.stop() == 0, "holdfastd did not end well")
        took = time.monotonic() - begin
        for wire in slow:
            wire.close()
        return [f"the end took {took:.1f} s"]


CASES = [("malformed-none-is-accepted", none_is_accepted), ("malformed-slow-writers", slow_writers)]
