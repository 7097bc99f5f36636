# SPDX-License-Identifier: GPL-3.0-or-later
"""What others are told: the log, the webhook, the metrics."""
import contextlib
import hashlib
import hmac
import http.client
import http.server
import json
import os
import re
import ssl
import threading
import time

import fleet_lab

MAKE = ["holdfastd", "holdfastctl", "tests/fleet/fleet"]
KEY = bytes(range(32))
PATIENCE = 30


def need(condition, words):
    if not condition:
        raise AssertionError(words)


class Receiver:
    """Takes events; answers(number of the attempt, event) says with which status, None: not at all."""

    def __init__(self, answers=lambda number, event: 204):
        self.taken, self.attempts, self.arrived = [], 0, threading.Condition()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                signature = self.headers.get("Holdfast-Signature")
                with outer.arrived:
                    outer.attempts += 1
                    status = answers(outer.attempts, json.loads(body))
                    if status and 200 <= status < 300:
                        outer.taken.append((signature, self.headers["Content-Type"], body))
                        outer.arrived.notify_all()
                if status is None:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}/events?of=fleet"

    def wait(self, count):
        deadline = time.monotonic() + PATIENCE
        with self.arrived:
            while len(self.taken) < count:
                if not self.arrived.wait(deadline - time.monotonic()):
                    raise AssertionError(f"{len(self.taken)} of {count} events came, {self.attempts} attempts")
            return [json.loads(body) for _, _, body in self.taken]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


@contextlib.contextmanager
def running(hosts, *more):
    with fleet_lab.Fleet(hosts) as fleet:
        fleet.write("webhook.key", KEY.hex())
        os.chmod(fleet.dir + "/webhook.key", 0o600)
        store = fleet.dir + "/store.sqlite"
        controller = fleet.add(store, *[word.replace("DIR", fleet.dir) for word in more])
        fleet.seed_store(store)
        yield fleet, controller
        need(controller.stop() == 0, "holdfastd did not end well")


def lines_of(controller):
    with open(controller.log, encoding="utf-8") as log:
        return [json.loads(line) for line in log]  # every line is JSON


def api(fleet, controller, method, path, content=None):
    context = ssl.create_default_context(cafile=fleet.ca.ca)
    connection = http.client.HTTPSConnection("127.0.0.1", controller.port, context=context, timeout=60)
    try:
        connection.request(method, path, None if content is None else json.dumps(content),
                           {"Authorization": "Bearer " + fleet_lab.TOKEN, "Content-Type": "application/json"})
        reply = connection.getresponse()
        data = reply.read()
        need(reply.status == 200, f"{method} {path}: {reply.status} {data!r}")
        return data
    finally:
        connection.close()


def first_host(fleet, controller):
    return json.loads(api(fleet, controller, "GET", "/v1/hosts?limit=1"))["hosts"][0]["id"]


def every_verdict():
    """In order, signed, and again until it is taken."""
    def answers(number, _):
        return (503, None, 500, 429)[number - 1] if number <= 4 else 204

    with Receiver(answers) as receiver, \
            running(4, "--webhook", receiver.url, "--webhook-key", "DIR/webhook.key", "--name", "one") as (fleet, c):
        fleet.generate("run", "--receipt")
        events = receiver.wait(4)
        host = first_host(fleet, c)
        for number in range(3):
            api(fleet, c, "POST", f"/v1/hosts/{host}/hold", {"why": f"number {number} \u00e4 \"q\""})
        events = receiver.wait(7)
        stored = {v["id"]: v for v in json.loads(api(fleet, c, "GET", "/v1/verdicts"))["verdicts"]}
        for event in events[:4]:
            verdict = stored.pop(event["id"])
            need(event["event"] == "verdict" and event["controller"] == "one" and event["host"] and
                 all(event.get(k) == verdict.get(k) for k in ("kind", "status", "release", "cause", "model", "lease")),
                 f"{event} is not {verdict}")
        need(not stored, f"nobody was told of {stored}")
        need([e["why"] for e in events[4:]] == [f"number {n} \u00e4 \"q\"" for n in range(3)] and
             all(e["event"] == "state" and e["state"] == "held" and e["host"] == host and e["actor"] == "token:fleet"
                 for e in events[4:]), f"{events[4:]}")
        for signature, media, body in receiver.taken:
            wanted = "sha256=" + hmac.new(KEY, body, hashlib.sha256).hexdigest()
            need(signature == wanted and media == "application/json", f"{signature}, wanted {wanted}")
        logged = [line for line in lines_of(c) if line["event"] in ("verdict", "state")]
        need(len(logged) == 7 and all("level" in line for line in logged), f"{logged}")
        need(any(line["event"] == "webhook-failed" for line in lines_of(c)), "no word of the failures")


def one_is_refused():
    """An event that the receiver does not want keeps no other from it; no key, no signature."""
    def answers(_, event):
        return 400 if event["why"] == "second" else 200

    with Receiver(answers) as receiver, running(1, "--webhook", receiver.url) as (fleet, c):
        host = first_host(fleet, c)
        for why in ("first", "second", "third"):
            api(fleet, c, "POST", f"/v1/hosts/{host}/hold", {"why": why})
        need([e["why"] for e in receiver.wait(2)] == ["first", "third"], f"{receiver.taken}")
        need(receiver.taken[0][0] is None, "signed without a key")
        text = api(fleet, c, "GET", "/metrics").decode()
        need('holdfast_webhook_events_total{outcome="refused"} 1\n' in text and
             'holdfast_webhook_events_total{outcome="taken"} 2\n' in text, text)


def nobody_takes_it():
    """The end does not wait for a receiver that is away, and says what it never took."""
    with Receiver() as receiver:
        url = receiver.url
    with running(1, "--webhook", url.replace("127.0.0.1", "user:secret@127.0.0.1")) as (fleet, c):
        host = first_host(fleet, c)
        api(fleet, c, "POST", f"/v1/hosts/{host}/hold", {"why": "x"})
        need(c.stop() == 0, "holdfastd did not end well")
        lines = lines_of(c)
        need([line["count"] for line in lines if line["event"] == "webhook-unsent"] == ["1"], f"{lines}")
        need("secret" not in json.dumps(lines), "the log tells the URL's password")


def wrong_key():
    with running(1) as (fleet, c):
        for words in (["--webhook-key", "/nonexistent"], ["--webhook-key", fleet.dir + "/tokens"]):
            done = fleet.call([os.path.join(fleet_lab.BUILD, "holdfastd"), *c.process.args[1:],
                               "--webhook", "http://127.0.0.1:1/", *words, "--check"], may_fail=True)
            need("the configuration is good" not in done, f"{words}: {done}")


METRIC = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (-?[0-9.e+]+)')


def scrape(text):
    """The text format, strictly: {(name, labels): value}; every name is described before."""
    found, described = {}, set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            need(name not in described and kind in ("counter", "gauge", "histogram"), line)
            described.add(name)
        elif not line.startswith("# HELP "):
            match = METRIC.fullmatch(line)
            need(match, f"malformed: {line!r}")
            base = re.sub(r"_(bucket|sum|count)$", "", match[1])
            need(match[1] in described or base in described, f"not described: {line}")
            key = (match[1], tuple(sorted(re.findall(r'([a-z]+)="([^"]*)"', match[2] or ""))))
            need(key not in found, f"twice: {line}")
            found[key] = float(match[3])
    return found


def metrics():
    with running(5) as (fleet, c):
        ids = [h["id"] for h in json.loads(api(fleet, c, "GET", "/v1/hosts"))["hosts"]]
        before = scrape(api(fleet, c, "GET", "/metrics").decode())
        fleet.generate("run", "--receipt")
        text = api(fleet, c, "GET", "/metrics").decode()
        after = scrape(text)
        need(not any(host in text for host in ids), "a label names a host")

        def total(found, name, **labels):
            return sum(v for (n, have), v in found.items() if n == name and set(labels.items()) <= set(have))

        need(total(before, "holdfast_hosts") == total(after, "holdfast_hosts", state="in-use",
                                                      status="affirming") == 5, text)
        need(total(after, "holdfast_verdicts_total", status="affirming", release="tenant", kind="gate") == 5 and
             total(before, "holdfast_verdicts_total") == 0, text)
        for path in ("/v1/agent/challenge", "/v1/agent/evidence", "/v1/agent/receipt"):
            need(total(after, "holdfast_requests_total", path=path, status="200") >= 5, f"{path}: {text}")
            need(total(after, "holdfast_request_duration_seconds_count", path=path) ==
                 total(after, "holdfast_request_duration_seconds_bucket", path=path, le="+Inf") >= 5, text)
        need(0 <= total(after, "holdfast_last_seen_age_seconds", state="in-use") < 60, text)
        kinds = {dict(labels)["kind"] for (n, labels) in after if n == "holdfast_expiry_timestamp_seconds"}
        need("tls-certificate" in kinds, f"{kinds}")
        need(total(after, "holdfast_manifests") >= 1 and total(after, "process_resident_memory_bytes") > 1e6, text)


def expiry():
    """What the owner signed until a day is told with that day."""
    with running(1) as (fleet, c):
        found = scrape(api(fleet, c, "GET", "/metrics").decode())
        for name in sorted(os.listdir(fleet.dir + "/manifests")):
            if name.endswith(".corim"):
                with open(f"{fleet.dir}/manifests/{name}", "rb") as f:
                    wanted = not_after(f.read())
                key = ("holdfast_expiry_timestamp_seconds", (("kind", "manifest"), ("name", name)))
                need(found.get(key) == wanted, f"{name}: {found.get(key)}, wanted {wanted}")


def not_after(message):
    """By another reader than ours: the least of the header's and the CoRIM's own; None: neither."""
    import cbor2
    protected, _, payload, _ = cbor2.loads(message).value
    times = []
    header = cbor2.loads(protected)
    if 8 in header:
        times.append(cbor2.loads(header[8]).get(1, {}).get(1))
    if 15 in header:
        times.append(header[15].get(4))
    times.append(cbor2.loads(payload).value.get(4, {}).get(1))
    times = [t.timestamp() if hasattr(t, "timestamp") else t for t in times if t is not None]
    return min(times) if times else None


CASES = [("tell-every-verdict", every_verdict), ("tell-one-is-refused", one_is_refused),
         ("tell-nobody-takes-it", nobody_takes_it), ("tell-wrong-key", wrong_key),
         ("tell-metrics", metrics), ("tell-expiry", expiry)]
