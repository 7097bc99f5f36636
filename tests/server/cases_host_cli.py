# SPDX-License-Identifier: GPL-3.0-or-later
"""holdfastctl host and audit against a server that says what each test wants: what goes out, what
an operator reads, and what is done about controllers that lie, stall or are somebody else."""
import base64
import functools
import hashlib
import hmac
import json
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import time

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

import scripted

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CTL = os.path.join(ROOT, "build", os.environ.get("MODE", "release"), "holdfastctl")
NOW = int(time.time())
VERDICT = {"id": 12, "at": NOW - 7300, "kind": "gate", "status": "contraindicated", "release": "nothing",
           "cause": "code-unknown", "class": "suspect", "place": "PCIe slot 33", "detail": "option-rom/window",
           "model": "acme-one", "lease": "L7", "receipt-at": 0}
HOST = {"id": "host-17", "state": "held", "since": NOW - 7300, "lease": "L7", "held-why": "", "held-by": "host:host-17",
        "reclaim": "0a" * 16, "ticketed": False, "model": "acme-one", "serial": "SN1", "banks": "sha256",
        "tenant": "debian", "ek-sha256": "ab" * 32, "ek-accepted": False, "first-use-until": 0, "enrolled": NOW - 99999,
        "ak-name": "000b" + "cd" * 32, "last-seen": NOW - 200000, "reset-count": 8, "restart-count": 0,
        "tpm-firmware": "2020031900000000", "last-verdict": VERDICT}


def reply(value, status=200):
    return status, "application/json", json.dumps(value).encode()


class Place:
    """Certificates, a token, a directory, and the program called as an operator calls it."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="hf-cli-")
        self.ca = scripted.Authority(os.path.join(self.dir, "ca"))
        self.cert, self.key = self.ca.issue("server")
        self.token = self.file("token", "s3cret-token\n")

    def file(self, name, content):
        path = os.path.join(self.dir, name)
        with open(path, "wb") as f:
            f.write(content if isinstance(content, bytes) else content.encode())
        return path

    def serve(self, answer, **more):
        return scripted.Server(self.cert, self.key, answer, **more)

    def run(self, url, *words, token=None, ca=None, extra=()):
        return subprocess.run(
            [CTL, *words, "--url", url, "--ca", ca or self.ca.ca, "--token-file", token or self.token, *extra],
            capture_output=True, check=False, timeout=60,
            env={"PATH": os.environ["PATH"], "https_proxy": "http://127.0.0.1:1", "HTTPS_PROXY": "http://127.0.0.1:1"})

    def drop(self):
        shutil.rmtree(self.dir)


def case(function):
    @functools.wraps(function)
    def wrapped():
        place = Place()
        try:
            return function(place)
        finally:
            place.drop()
    return wrapped


def expect(done, code, *words):
    text = (done.stdout + done.stderr).decode()
    assert done.returncode == code, f"exit {done.returncode}, not {code}: {text}"
    flat = " ".join(text.split())
    for word in words:
        assert word in flat, f"{word!r} is not in: {text}"
    return text


@case
def show(p):
    with p.serve(lambda *_: reply(HOST)) as s:
        text = expect(p.run(s.url, "host", "show", "host-17"), 0, "host-17 is HELD since", "(2 h ago)", "lease L7",
                      "contraindicated, by evidence of the gate", "[code-unknown, suspect]", "PCIe slot 33",
                      "option-rom/window", "next", "last seen", "2 days ago", "debian", "ticket not given")
        assert max(map(len, text.splitlines())) <= 80, text
        method, path, headers, body = s.asked[0]
        assert (method, path, body) == ("GET", "/v1/hosts/host-17", b"")
        assert headers["Authorization"] == "Bearer s3cret-token"
        done = p.run(s.url, "host", "show", "host-17", extra=["--json"])
        expect(done, 0)
        assert json.loads(done.stdout) == HOST


@case
def what_others_wrote_reaches_no_terminal(p):
    evil = dict(HOST, **{"held-why": "\x1b]0;owned\x07 \u202e", "lease": "x" * 3000, "serial": None, "model": 7})
    with p.serve(lambda *_: reply(evil)) as s:
        done = p.run(s.url, "host", "show", "host-17")
        expect(done, 0, "HELD")
        assert not [b for b in done.stdout if b < 0x20 and b != 10 or b > 0x7e], done.stdout


@case
def lists_go_over_pages(p):
    hosts = [dict(HOST, id=f"host-{i:02}", **{"last-verdict": None if i else VERDICT}) for i in range(5)]
    hosts[4]["id"] = "a" * 60

    def answer(_, path, *__):
        first = 0 if "after" not in path else int(path.split("after=host-")[1]) + 1
        return reply({"hosts": hosts[first:first + 2], "next": hosts[first + 1]["id"] if first < 4 else None})
    with p.serve(answer) as s:
        text = expect(p.run(s.url, "host", "list", "--state", "held"), 0, "host-00", "host-03", "a" * 60, "code-unknown")
        assert len(text.splitlines()) == 7, text
        assert max(map(len, text.splitlines())) <= 80, text
        assert all("state=held" in path for _, path, _, _ in s.asked) and len(s.asked) == 3
        done = p.run(s.url, "host", "list", extra=["--json"])
        assert [h["id"] for h in json.loads(done.stdout)["hosts"]] == [h["id"] for h in hosts]
        expect(p.run(s.url, "host", "list", "--state", "asleep"), 2, "asleep")
    with p.serve(lambda *_: reply({"hosts": [], "next": "../../x"})) as s:
        expect(p.run(s.url, "host", "list"), 6, "controller-reply")


@case
def a_reclaim_wants_the_power_cycle(p):
    with p.serve(lambda *_: reply(dict(HOST, state="reclaimed", **{"held-why": ""}))) as s:
        expect(p.run(s.url, "host", "reclaim", "host-17", "--lease", "L8"), 2, "--power-cycled", "BMC")
        expect(p.run(s.url, "host", "reclaim", "host-17", "--power-cycled"), 2, "--lease")
        assert not s.asked
        expect(p.run(s.url, "host", "reclaim", "host-17", "--lease", 'L"8', "--tenant", "debian", "--power-cycled"), 0,
               "RECLAIMED")
        method, path, headers, body = s.asked[0]
        assert (method, path, headers["Content-Type"]) == ("POST", "/v1/hosts/host-17/reclaim", "application/json")
        assert json.loads(body) == {"lease": 'L"8', "tenant": "debian", "power-cycled": True}


@case
def changes(p):
    with p.serve(lambda method, *_: reply(HOST) if method == "POST" else reply({})) as s:
        expect(p.run(s.url, "host", "hold", "host-17", "--why", "smoke"), 0)
        expect(p.run(s.url, "host", "hold", "host-17"), 2, "--why")
        expect(p.run(s.url, "host", "re-enrol", "host-17", "--ek-sha256", "ab" * 32), 0)
        expect(p.run(s.url, "host", "re-enrol", "host-17", "--ek-sha256", "ab"), 2)
        expect(p.run(s.url, "host", "secret", "host-17", "--file", p.file("k", b"\0key\n")), 0)
        expect(p.run(s.url, "host", "secret", "host-17", "--file", p.file("big", b"x" * 4097)), 2, "file-too-large")
        expect(p.run(s.url, "host", "remove", "host-17"), 0, "removed")
        for bad in ("../x", "a/b", "a b", "", "a\nb", "x?y"):
            expect(p.run(s.url, "host", "remove", bad), 2)
        assert [(m, path) for m, path, _, _ in s.asked] == [
            ("POST", "/v1/hosts/host-17/hold"), ("POST", "/v1/hosts/host-17/re-enrol"),
            ("PUT", "/v1/hosts/host-17/secret"), ("DELETE", "/v1/hosts/host-17")]
        assert json.loads(s.asked[0][3]) == {"why": "smoke"}
        assert json.loads(s.asked[1][3]) == {"ek-sha256": "ab" * 32}
        assert s.asked[2][3] == b"\0key\n"


@case
def an_import_is_read_here_first(p):
    with p.serve(lambda *_: reply({"new": 2, "hosts": 2})) as s:
        expect(p.run(s.url, "host", "import", p.file("bad.csv", "id,serial\na,b,c\n")), 2, "inventory-syntax", "2")
        expect(p.run(s.url, "host", "import", p.file("none.csv", "")), 2)
        expect(p.run(s.url, "host", "import", os.path.join(p.dir, "nowhere")), 2, "nowhere")
        assert not s.asked
        good = "id,serial\nhost-1,S1\nhost-2,S2\n"
        expect(p.run(s.url, "host", "import", p.file("good.csv", good)), 0, "2 hosts, 2 of them new")
        expect(p.run(s.url, "host", "import", p.file("good.json", '[{"id":"host-1"},{"id":"h2"}]')), 0)
        assert s.asked[0][:2] == ("POST", "/v1/hosts") and s.asked[0][3] == good.encode()
        assert [h["Content-Type"] for _, _, h, _ in s.asked] == ["text/csv", "application/json"]


@case
def a_release_begins_after_a_boot_that_was(p):
    host = [HOST]
    words = ("waiver", "create", "--name", "n", "--id", "host-17", "--generation", "7", "--json", "--boots")
    with p.serve(lambda *_: reply(host[0])) as s:
        source = json.loads(p.run(s.url, *words, "2").stdout)
        assert source["boots"] == {"from": 9, "to": 10} and source["host"] == HOST["ak-name"], source
        for count in (-1, -2, -2 ** 63, 2 ** 32, 2 ** 63 - 1):
            host[0] = {**HOST, "reset-count": count}
            for said in ("3", "1-3"):
                done = p.run(s.url, *words, said)
                expect(done, 6, "controller-reply", f"reset-count {count}")
                assert not done.stdout, done.stdout
        host[0] = {**HOST, "reset-count": 2 ** 32 - 1}
        expect(p.run(s.url, *words, "1"), 2, "--boots 1")
        for count in (0, "8", None):
            host[0] = {**HOST, "reset-count": count}
            expect(p.run(s.url, *words, "3"), 2, "no boot of host-17 is known", "FROM-TO")
            assert json.loads(p.run(s.url, *words, "1-3").stdout)["boots"] == {"from": 1, "to": 3}
        for name in ("", "000b", "000b" + "cd" * 31, "000b" + "cd" * 31 + "zz", "000b" + "cd" * 33, None, 7):
            host[0] = {**HOST, "ak-name": name}
            expect(p.run(s.url, *words, "2"), 2, "not enrolled yet")


@case
def refusals_are_told_in_full(p):
    said = [reply({"cause": "host-unknown", "detail": "host-17"}, 404)]
    with p.serve(lambda *_: said[0]) as s:
        expect(p.run(s.url, "host", "show", "host-17"), 3, "the inventory knows no such host", "next: import it",
               "[host-unknown, HTTP 404]")
        said[0] = reply({"cause": "brand-new", "sentence": "no cheese", "next": "buy some"}, 409)
        expect(p.run(s.url, "host", "show", "host-17"), 3, "no cheese", "next: buy some", "brand-new")
        said[0] = 401, "text/html", b"<html>\x1b[2J"
        expect(p.run(s.url, "host", "show", "host-17"), 3, "[request-refused, HTTP 401]")
        said[0] = reply({"cause": "store-failed"}, 503)
        expect(p.run(s.url, "host", "show", "host-17"), 6, "store-failed")
        for bad in (b"[]", b"", b"{", b'{"a":1,"a":2}', b"\xff"):
            said[0] = 200, "application/json", bad
            expect(p.run(s.url, "host", "show", "host-17"), 6, "controller-reply")


@case
def somebody_else_answers(p):
    other = scripted.Authority(os.path.join(p.dir, "other"))
    mine = p.serve(lambda *_: reply(HOST))
    with scripted.Server(*other.issue("server"), lambda *_: reply(HOST)) as s:
        expect(p.run(s.url, "host", "show", "host-17"), 6, "controller-tls")
        assert not s.asked
    with scripted.Server(*p.ca.issue("elsewhere", names=[x509.DNSName("other.example")]), lambda *_: reply(HOST)) as s:
        expect(p.run(s.url, "host", "show", "host-17"), 6, "controller-tls")
        assert not s.asked
    with p.serve(lambda *_: reply(HOST), version=ssl.TLSVersion.TLSv1_2) as s:
        expect(p.run(s.url, "host", "show", "host-17"), 6, "controller-tls")
        assert not s.asked
    with mine as thief, p.serve(lambda *_: (302, "text/html", b"", {"Location": thief.url + "/v1/hosts/host-17"})) as s:
        expect(p.run(s.url, "host", "show", "host-17"), 6)
        assert not thief.asked
    expect(p.run("http://127.0.0.1:1", "host", "show", "host-17"), 2, "https://")


@case
def nobody_answers(p):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        expect(p.run(f"https://127.0.0.1:{port}", "host", "show", "h", extra=["--timeout", "1"]), 6,
               "controller-unreachable", "next: check that holdfastd runs")
    expect(p.run(f"https://127.0.0.1:{port}", "host", "show", "h"), 6, "controller-unreachable")
    with p.serve(lambda *_: reply(HOST)) as s:
        expect(p.run(s.url, "host", "show", "h", ca=os.path.join(p.dir, "no-ca")), 2, "no-ca")
        for bad in ("", "\n", "a b\n", "x\r\nHost: y\n", "x" * 600):
            expect(p.run(s.url, "host", "show", "h", token=p.file("bad", bad)), 2)
        expect(p.run(s.url, "host", "show", "h", token=os.path.join(p.dir, "gone")), 2, "gone")
        assert not s.asked


@case
def a_client_certificate(p):
    cert, key = p.ca.issue("operator", names=[])
    with p.serve(lambda *_: reply(HOST), client_ca=p.ca.ca) as s:
        expect(p.run(s.url, "host", "show", "host-17"), 6)
        expect(p.run(s.url, "host", "show", "host-17", extra=["--certificate", cert]), 2, "--key")
        expect(p.run(s.url, "host", "show", "host-17", extra=["--certificate", cert, "--key", key]), 0)


# ---- signed results, made by another hand than ours ----

def result(key, host="host-17", status=2, when=None, kind="application/eat+cwt", cause=None):
    own = {1: host, 9: "enforce", 10: "nothing", 16: "gate", 18: 0, 19: 0}
    if cause:
        own[13] = cause
    claims = {6: NOW if when is None else when, 265: "tag:github.com,2023:veraison/ear",
              266: {"host": {1000: status, -70000: dict(sorted(own.items()))}},
              1004: {0: "https://holdfast.invalid", 1: "holdfastd 0.4.0"}}
    payload = cbor2.dumps(claims, canonical=True)
    head = cbor2.dumps({1: -7, 3: kind}, canonical=True)
    r, t = decode_dss_signature(key.sign(cbor2.dumps(["Signature1", head, b"", payload]), ec.ECDSA(hashes.SHA256())))
    return cbor2.dumps(cbor2.CBORTag(18, [head, {}, payload, r.to_bytes(32, "big") + t.to_bytes(32, "big")]))


@case
def a_result_is_believed_to_its_signer_alone(p):
    key, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    anchor = p.file("ticket.pem", key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    said = [result(key)]
    ask = ["host", "result", "host-17"]
    verify = ["--verify", "--anchor", anchor]
    with p.serve(lambda *_: (200, "application/eat+cwt", said[0])) as s:
        expect(p.run(s.url, *ask, extra=verify), 0, "affirming", "verified with the given anchor")
        expect(p.run(s.url, *ask), 0, "not verified here")
        done = p.run(s.url, *ask, extra=[*verify, "--format", "cose"])
        assert done.returncode == 0 and done.stdout == said[0]
        said[0] = result(key, status=96, cause="host-in-use")
        expect(p.run(s.url, *ask, extra=verify), 3, "contraindicated", "[host-in-use]")
        said[0] = result(key, status=0, cause="host-unknown")
        expect(p.run(s.url, *ask, extra=verify), 3)
        said[0] = result(other)
        done = p.run(s.url, *ask, extra=[*verify, "--format", "cose"])
        expect(done, 6, "ticket-signer")
        assert not done.stdout
        for bad, cause in ((result(key, host="host-18"), "another host"),
                           (result(key, when=NOW - 4000), "another time"), (result(key, when=NOW + 4000), "another time"),
                           (result(key, kind="application/other"), "ticket-signer"), (said[0][:-1], ""), (b"", "")):
            said[0] = bad
            done = p.run(s.url, *ask, extra=[*verify, "--format", "cose", "--out", os.path.join(p.dir, "out")])
            assert done.returncode not in (0, 3), done
            expect(done, done.returncode, cause)
            assert not os.path.exists(os.path.join(p.dir, "out"))
        said[0] = b"a.b.c"
        done = p.run(s.url, *ask, extra=["--format", "jwt"])
        assert done.stdout == b"a.b.c" and s.asked[-1][2]["Accept"] == "application/eat+jwt"
        for bad in (["--verify"], ["--format", "xml"], ["--out", "x"]):
            expect(p.run(s.url, *ask, extra=bad), 2)


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwt(key, host="host-17", status="affirming", when=None, header=None, claims=None, own=None, by=None):
    """By another hand than ours; by: whose key signs it, where that is not the one it names."""
    spki = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    head = {"alg": "ES256", "kid": base64url(hashlib.sha256(spki).digest()), "typ": "eat+jwt", **(header or {})}
    said = {"iat": NOW if when is None else when, "eat_profile": "tag:github.com,2023:veraison/ear",
            "ear.verifier-id": {"developer": "https://holdfast.invalid", "build": "holdfastd 0.4.0"},
            "submods": {"host": {"ear.status": status, "tag:holdfast.invalid,2026:result": {
                "host": host, "release": "nothing", "kind": "gate", **(own or {})}}}, **(claims or {})}
    text = ".".join(base64url(json.dumps({k: v for k, v in part.items() if v is not None}).encode())
                    for part in (head, said))
    r, t = decode_dss_signature((by or key).sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{text}.{base64url(r.to_bytes(32, 'big') + t.to_bytes(32, 'big'))}".encode()


@case
def a_jwt_is_believed_to_its_signer_alone(p):
    key, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    anchor = p.file("ticket.pem", public)
    said, out = [jwt(key)], os.path.join(p.dir, "out.jwt")
    ask = ["host", "result", "host-17"]
    verify = ["--verify", "--anchor", anchor, "--format", "jwt"]
    with p.serve(lambda *_: (200, "application/eat+jwt", said[0])) as s:
        done = p.run(s.url, *ask, extra=verify)
        assert done.returncode == 0 and done.stdout == said[0], done
        assert s.asked[-1][2]["Accept"] == "application/eat+jwt"
        for status, code in (("warning", 0), ("contraindicated", 3), ("none", 3)):
            said[0] = jwt(key, status=status)
            done = p.run(s.url, *ask, extra=verify)
            assert done.returncode == code and done.stdout == said[0], done
        good = jwt(key)
        head, body, mark = good.decode().split(".")
        hmac_key = base64url(hmac.new(public, f"{head}.{body}".encode(), hashlib.sha256).digest())
        bad = [(jwt(other), "ticket-signer"), (jwt(key, by=other), "ticket-signer"),
               (jwt(key, header={"alg": "none"}), "ticket-signer"), (jwt(key, header={"alg": "HS256"}), "ticket-signer"),
               (jwt(key, header={"alg": "ES384"}), "ticket-signer"), (jwt(key, header={"crit": ["exp"]}), "result-shape"),
               (jwt(key, header={"typ": "JWT"}), "result-shape"), (jwt(key, header={"typ": None}), "result-shape"),
               (jwt(key, host="host-18"), "another host"), (jwt(key, when=NOW - 4000), "another time"),
               (jwt(key, when=NOW + 4000), "another time"), (jwt(key, status="good"), "result-shape"),
               (jwt(key, claims={"eat_profile": "other"}), "result-shape"), (jwt(key, own={"host": None}), "result-shape"),
               (jwt(key, claims={"submods": {}}), "result-shape"), (jwt(key, own={"cause": 7}), "result-shape"),
               (f"{head}.{body}.".encode(), ""), (f"{head}.{body}".encode(), "result-shape"),
               (f"{head}.{body}.{mark}.{mark}".encode(), "result-shape"), (f"{head}.{body}.{hmac_key}".encode(), ""),
               (f"{head}..{mark}".encode(), "ticket-signer"), (good + b"=", ""), (b"", ""), (good[:-2], "")]
        for message, cause in bad:
            said[0] = message
            done = p.run(s.url, *ask, extra=[*verify, "--out", out])
            assert done.returncode not in (0, 3) and not done.stdout, (message, done)
            expect(done, done.returncode, cause)
            assert not os.path.exists(out), message
        said[0] = good
        expect(p.run(s.url, *ask, extra=[*verify, "--out", out]), 0)
        with open(out, "rb") as f:
            assert f.read() == good


@case
def an_anchor_is_one_key(p):
    """Two in a file: which of them vouches would be anybody's guess."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    pems = [k.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            for k in keys]
    certificate = scripted.Authority(os.path.join(p.dir, "other-ca")).issue("one")[0]
    with open(certificate, "rb") as f:
        one = f.read()
    with p.serve(lambda *_: (200, "application/eat+cwt", result(keys[0]))) as s:
        for name, content in (("two-keys.pem", b"".join(pems)), ("two-certificates.pem", one + one),
                              ("both.pem", pems[0] + one)):
            anchor = p.file(name, content)
            done = p.run(s.url, "host", "result", "host-17", extra=["--verify", "--anchor", anchor])
            assert done.returncode not in (0, 3) and not done.stdout, done
            expect(done, done.returncode, name, "[key-invalid]")


@case
def verdicts_drift_evidence(p):
    rows = [dict(VERDICT, id=i, release="tenant" if i == 2 else "nothing") for i in (3, 2, 1)]
    answers = {"verdicts": reply({"verdicts": rows}),
               "drift": reply({"format": 1, "host": "host-17", "changes": 1, "drift": ["PCIe slot 33 changed"]}),
               "evidence": (200, "application/cmw+cbor", cbor2.dumps(
                   {"nonce.bin": ["application/octet-stream", b"n" * 32, 4],
                    "__cmwc_t": "tag:holdfast.invalid,2026:evidence"}, canonical=True))}
    with p.serve(lambda _, path, *__: answers[path.split("/")[4].split("?")[0]]) as s:
        text = expect(p.run(s.url, "host", "verdicts", "host-17"), 0, "[number 3]", "[number 1]", "tenant image",
                      "not proven")
        assert max(map(len, text.splitlines())) <= 80
        expect(p.run(s.url, "host", "drift", "host-17"), 0, "PCIe slot 33 changed", "1 changes")
        expect(p.run(s.url, "host", "evidence", "host-17", "--out", os.path.join(p.dir, "e"), "--verdict", "x"), 2)
        expect(p.run(s.url, "host", "evidence", "host-17"), 2, "--out")
        done = p.run(s.url, "host", "evidence", "host-17", "--out", os.path.join(p.dir, "e"), "--verdict", "3")
        assert s.asked[-1][1].endswith("/evidence?verdict=3")
        expect(done, 0)
        with open(os.path.join(p.dir, "e", "nonce.bin"), "rb") as f:
            assert f.read() == b"n" * 32
        answers["evidence"] = 200, "application/cmw+cbor", b"\xa1"
        expect(p.run(s.url, "host", "evidence", "host-17", "--out", os.path.join(p.dir, "f")), 3)
        assert not os.path.exists(os.path.join(p.dir, "f"))


@case
def the_audit(p):
    entries = [{"id": 2, "at": NOW, "actor": "token:eve", "action": "reclaim", "host": "host-17",
                "detail": {"lease": "L7"}}, {"id": 1, "at": NOW, "actor": "x", "action": "start", "host": "", "detail": {}}]
    said = [reply({"intact": True, "entries": 2, "chains": 1, "verdicts": 0})]
    with p.serve(lambda _, path, *__: said[0] if path.endswith("verify") else reply({"entries": entries})) as s:
        expect(p.run(s.url, "audit", "show", extra=["--host", "host-17"]), 0, 'token:eve reclaim host-17 {"lease":"L7"}')
        assert "host=host-17" in s.asked[0][1]
        expect(p.run(s.url, "audit", "verify"), 0, "the audit is whole: 2 entries in 1 chains")
        said[0] = reply({"intact": False, "cause": "audit-broken", "detail": "chain a, entry 7"})
        expect(p.run(s.url, "audit", "verify"), 3, "audit-broken", "chain a, entry 7")
        said[0] = reply({})
        expect(p.run(s.url, "audit", "verify"), 3)


MAKE = ["holdfastctl"]
CASES = [("host cli: " + f.__name__.replace("_", " "), f) for f in (
    show, what_others_wrote_reaches_no_terminal, lists_go_over_pages, a_reclaim_wants_the_power_cycle, changes,
    an_import_is_read_here_first, a_release_begins_after_a_boot_that_was,
    refusals_are_told_in_full, somebody_else_answers, nobody_answers,
    a_client_certificate, a_result_is_believed_to_its_signer_alone, a_jwt_is_believed_to_its_signer_alone, an_anchor_is_one_key, verdicts_drift_evidence, the_audit)]
