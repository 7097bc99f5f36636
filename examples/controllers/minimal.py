#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller for holdfast in under 200 lines, to be read and built on. README.md says how to start it.

It checks that one key speaks in TLS, challenge and log; that a challenge is answered once, a reclaim with one ticket;
the attestation key's template, and that it lies in the TPM of the EK that came with it; the quote (signature,
hierarchy, nonce, PCRs, resetCount); that both logs replay from zero to the quoted values, ours from BEGIN to END with
nothing after, claims as in it; that firmware and agent image (PCRs 0-7, 9, 11, 12, 14) are those of the first boot.
It does NOT check whose TPM it is (first use: who enrols after `reclaim` is the host; no maker's chain, no inventory;
RSA 2048 EKs alone); whether that first boot was good; any part of the host by itself: it takes the agent's "accepted"
in END, which is worth what the pinned image is worth. It keeps receipts and reports of held hosts unread. One process,
one file of state: stop it to reclaim. Nothing limits how often one may ask. For more than a lab take holdfastd.
"""
import cbor2, ctypes, hashlib, hmac, http.server, json, os, ssl, struct, sys, threading, time
from cryptography import x509
from cryptography.hazmat.primitives import ciphers, hashes, serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
CHALLENGE, RESULT = "application/vnd.holdfast.challenge+cbor", "application/eat+cwt"
DONE, REFUSED, CHALLENGED, MUST_ENROL, CREDENTIAL, TICKET = range(6)
AK_TEMPLATE = bytes.fromhex("0023000b00050472000000100018000b00030010")     # then the point
BEGIN, PART, END, PCRS, OURS = 0x48466201, 0x48467001, 0x48466501, (0, 1, 2, 3, 4, 5, 6, 7, 9, 11, 12, 14), 13
SHA256, lock, pending, given = hashes.SHA256(), threading.Lock(), {}, {}    # credentials by id, challenges by nonce
class Refuse(Exception): pass                                   # a cause of docs/reasons.md, and a detail
def need(condition, cause, detail=""):
    if not condition:
        raise Refuse(cause, detail)
def sha256(data): return hashlib.sha256(data).digest()
def dumps(value): return cbor2.dumps(value, canonical=True)
def spki(public): return public.public_bytes(ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo)
def path(name): return os.path.join(sys.argv[2], name)
def save():
    with open(path("state.new"), "w") as file:
        print(json.dumps(state, indent=1), file=file, flush=True)
        os.fsync(file.fileno())
    os.replace(path("state.new"), path("state.json"))
def sign(content_type, payload):
    head = dumps({1: -7, 3: content_type, 4: sha256(spki(ticket_key.public_key()))})
    signature = ticket_key.sign(dumps(["Signature1", head, b"", payload]), ec.ECDSA(SHA256))
    r, s = utils.decode_dss_signature(signature)
    return dumps(cbor2.CBORTag(18, [head, {}, payload, r.to_bytes(32, "big") + s.to_bytes(32, "big")]))
def result(status, own, **nonce):
    return sign(RESULT, dumps({6: int(time.time()), **{10: n for n in nonce.values()}, 1004: {0: "example", 1: "1"},
        265: "tag:github.com,2023:veraison/ear", 266: {"host": {1000: status, -70000: {16: "gate", **own}}}}))
# ---- enrolment, with TPM2_MakeCredential in software ----
def make_credential(area, name, secret):
    kind, name_alg, attributes, policy = struct.unpack_from(">HHIH", area)
    at = 10 + policy
    need((kind, name_alg, attributes & 0x70032) == (1, 0xb, 0x30032), "ek-unusable", "no storage key of its TPM")
    need(struct.unpack_from(">5H", area, at) == (6, 128, 0x43, 0x10, 2048), "ek-unusable", "not RSA 2048, AES-128")
    public, seed = rsa.RSAPublicNumbers(65537, int.from_bytes(area[at + 16:], "big")).public_key(), os.urandom(32)
    sealed = public.encrypt(seed, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), b"IDENTITY\0"))
    def kdfa(label, context, bits):
        return hmac.digest(seed, b"\0\0\0\1" + label + b"\0" + context + struct.pack(">I", bits), "sha256")[:bits // 8]
    aes = ciphers.algorithms.AES(kdfa(b"STORAGE", name, 128))
    cipher = ciphers.Cipher(aes, ciphers.modes.CFB(bytes(16))).encryptor()
    body = cipher.update(struct.pack(">H", len(secret)) + secret) + cipher.finalize()
    blob = b"\0\x20" + hmac.digest(kdfa(b"INTEGRITY", b"", 256), body + name, "sha256") + body
    return struct.pack(">H", len(blob)) + blob, struct.pack(">H", len(sealed)) + sealed
def enrol(request, _boot):
    name = next((n for n, h in state["hosts"].items() if not h["ak"] and h["reclaim"]), None)
    need(name, "host-unknown", "no new host was reclaimed")
    need(request[2][:20] == AK_TEMPLATE and len(request[2]) == 88, "ak-template")
    number = next((i for i, (area, _) in enumerate(request[3]) if area[:2] == b"\0\1"), 0)
    credential, secret = os.urandom(16), os.urandom(32)
    pending[credential] = (secret, request[2], name)
    blob, sealed = make_credential(request[3][number][0], b"\0\x0b" + sha256(request[2]), secret)
    return {1: 1, 2: CREDENTIAL, 4: credential, 5: number, 6: blob, 7: sealed}
def activate(request, _boot):
    secret, ak, name = pending.pop(request[3], (b"", b"", ""))
    need(secret and secret == request[4] and ak == request[2], "credential-refused")
    need(not state["hosts"][name]["ak"], "ak-not-enrolled", "another key was faster")
    state["hosts"][name]["ak"] = ak.hex()
    save()
    return {1: 1, 2: DONE}
def challenge(request, boot):
    name = next((n for n, h in state["hosts"].items() if h["ak"] == request[2].hex()), None)
    if not name:
        return {1: 1, 2: MUST_ENROL}
    reclaim, nonce = state["hosts"][name]["reclaim"], os.urandom(32)
    need(reclaim, "host-not-reclaimed")
    given[nonce] = {"host": name, "boot": boot, "reclaim": reclaim, "until": time.time() + 600, "quote": None}
    return {1: 1, 2: CHALLENGED, 3: sign(CHALLENGE, dumps({1: nonce, 2: int(time.time()), 3: bytes.fromhex(reclaim),
            4: name, 5: b"\0\x0b" + sha256(request[2]), 6: boot, 7: 600}))}
# ---- evidence ----
def replay(log):                                                # SHA-256 values from zero, and the events
    need(log[32:47] == b"Spec ID Event03", "log-header")
    sizes = dict(struct.unpack_from("<HH", log, 60 + 4 * i) for i in range(*struct.unpack_from("<I", log, 56)))
    at, pcrs, events = 32 + struct.unpack_from("<I", log, 28)[0], {}, []
    while log[at:at + 12].strip(b"\0\xff"):                     # up to what pads it
        (pcr, kind, count), digest, at = struct.unpack_from("<III", log, at), None, at + 12
        for _ in range(count):
            bank = struct.unpack_from("<H", log, at)[0]
            digest, at = log[at + 2:at + 34] if bank == 0xb else digest, at + 2 + sizes[bank]
        data = log[at + 4:at + 4 + struct.unpack_from("<I", log, at)[0]]
        at += 4 + len(data)
        if kind != 3:                                           # EV_NO_ACTION extends nothing
            pcrs[pcr] = sha256(pcrs.get(pcr, bytes(32)) + digest)
            events.append((pcr, kind, digest, data))
    return pcrs, events
def read_quote(ak, attest, signature, nonce):                   # resetCount, PCRs as bits, their digest
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\4" + ak[22:54] + ak[56:])
    need(signature[:6] == b"\0\x18\0\x0b\0\x20" and len(signature) == 72, "quote-signature")
    r, s = int.from_bytes(signature[6:38], "big"), int.from_bytes(signature[40:], "big")
    public.verify(utils.encode_dss_signature(r, s), attest, ec.ECDSA(SHA256))
    signer = b"\0\x22\0\x0b" + sha256(b"\x40\0\0\x0b\0\x0b" + sha256(ak))           # in the endorsement hierarchy
    head = b"\xffTCG\x80\x18" + signer + struct.pack(">H", len(nonce)) + nonce
    need(attest.startswith(head), "quote-nonce", "of another key, hierarchy or challenge")
    _, resets, _, _, _, count, bank, size = struct.unpack_from(">QIIBQIHB", attest, len(head))
    rest = attest[len(head) + 32:]
    need((count, bank, size, rest[3:5], len(rest)) == (1, 0xb, 3, b"\0\x20", 37), "quote-selection")
    return resets, int.from_bytes(rest[:3], "little"), rest[5:]
def check_log(events, claims):
    tags = []
    for number, kind, digest, data in events:
        need((number, kind, digest) == (OURS, 6, sha256(data)), "log-grammar", "an event that is not ours")
        tags.append((struct.unpack_from("<I", data)[0], cbor2.loads(data[8:])))
    need([t for t, _ in tags] == [BEGIN] + [PART] * (len(tags) - 2) + [END], "log-grammar", "not BEGIN, parts, END")
    need([hashlib.sha384(c).digest() for c in cbor2.loads(claims)] == [p[1] for _, p in tags[1:-1]], "claims-digest")
    return tags[0][1], tags[-1][1]
def judge(files, host, boot):
    need(files["ak.pub"].hex() == host["ak"], "ak-not-enrolled")
    resets, selected, digest = read_quote(*(files[n] for n in ("ak.pub", "quote.attest", "quote.sig", "nonce.bin")))
    need(resets > host["resets"], "reset-count-not-risen")
    (firmware, _), (ours, events) = replay(files["firmware.evlog"]), replay(files["holdfast.evlog"])
    need(OURS not in firmware, "pcr-not-zero")
    values = {n: (ours if n == OURS else firmware).get(n, bytes(32)) for n in sorted((*PCRS, OURS))}
    need(selected == sum(1 << n for n in values), "quote-selection")
    need(sha256(b"".join(values.values())) == digest, "quote-pcr-digest", "the logs say something else")
    begin, end = check_log(events, files["claims.cbor"])
    need(begin["boot-key"] == boot, "boot-key-differs")
    need(begin["policy"] == "controller" and begin["mode"] == end["mode"] == "enforce", "agent-policy")
    need(end["verdict"] in ("accepted", "warned"), end["cause"] or "controller-refused", "says the host itself")
    pins = {str(n): values[n].hex() for n in PCRS}
    need((host["pins"] or pins) == pins, "agent-image-unmeasured", "a PCR is unlike at the first boot")
    return resets, pins, begin, 2 if end["verdict"] == "accepted" else 32
def evidence(collection, boot):
    files = {name: item[1] for name, item in collection.items() if isinstance(item, list)}
    known, quote = given.get(files["nonce.bin"]), sha256(files["quote.attest"])
    need(known, "challenge-unknown")
    need(known["boot"] == boot, "boot-key-differs")
    if known["quote"] == quote:
        return known["reply"]                                   # the reply was lost: the same again
    need(not known["quote"], "challenge-used")
    need(time.time() < known["until"], "challenge-expired")
    host, images = state["hosts"][known["host"]], [[n, *map(bytes.fromhex, d)] for n, d in state["images"].items()]
    need(images and host["reclaim"] == known["reclaim"], "state-changed", "no image, or no reclaim")
    resets, pins, begin, status = judge(files, host, boot)
    own = {1: known["host"], 2: bytes.fromhex(known["reclaim"]), 3: b"\0\x0b" + sha256(files["ak.pub"]), 4: boot,
           5: quote, 8: begin["generation"], 9: "enforce", 10: "tenant", 11: images, 12: 300}
    known.update(quote=quote, reply={1: 1, 2: TICKET, 3: result(status, own, nonce=files["nonce.bin"])})
    host.update(reclaim=None, resets=resets, pins=pins)     # one ticket for one reclaim: on disk before it is told
    save()
    return known["reply"]
def receipt(body, _boot):
    open(path(f"kept-{time.time_ns()}"), "wb").write(dumps(body))
    return {1: 1, 2: DONE}
held, ANSWERS = receipt, ("challenge", "enrol", "activate", "evidence", "receipt", "held")
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        size, what = int(self.headers.get("Content-Length", "-1")), self.path.rpartition("/v1/agent/")[2]
        if what not in ANSWERS or not 0 <= size <= 32 << 20:
            return self.send_error(404)
        body, der = self.rfile.read(size), self.connection.getpeercert(True)
        boot = sha256(spki(x509.load_der_x509_certificate(der).public_key())) if der else b""
        try:
            need(boot or what in ("receipt", "held"), "boot-key-differs", "no client key")
            with lock:
                reply = globals()[what](cbor2.loads(body), boot)
        except Exception as error:                          # whatever it is: refused, and signed
            kind = "quote-signature" if "InvalidSignature" in repr(error) else "wire-shape"
            cause, detail = error.args if isinstance(error, Refuse) else (kind, repr(error)[:100])
            self.log_error("refused: %s %s", cause, detail)
            reply = {1: 1, 2: REFUSED, 3: result(0, {10: "nothing", 13: cause, **({15: detail} if detail else {})})}
        self.send_response(200)
        self.send_header("Content-Type", "application/cbor")
        self.send_header("Content-Length", str(len(dumps(reply))))
        self.end_headers()
        self.wfile.write(dumps(reply))
any_certificate = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(lambda _store, _arg: 1)
def serve(address, port):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.minimum_version, tls.verify_mode = ssl.TLSVersion.TLSv1_3, ssl.CERT_OPTIONAL
    tls.load_cert_chain(path("server.pem"), path("server.key"))
    context = ctypes.c_void_p.from_address(id(tls) + object.__basicsize__)      # Python has no call for this
    ctypes.CDLL("libssl.so.3").SSL_CTX_set_cert_verify_callback(context, any_certificate, None)
    server = http.server.ThreadingHTTPServer((address, int(port)), Handler)
    print("port", server.server_port, flush=True)
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()
def reclaim(name):
    state["hosts"].setdefault(name, {"ak": None, "resets": -1, "pins": None})["reclaim"] = os.urandom(16).hex()
def image(name, kernel, initrd, line):
    files = [open(kernel, "rb").read(), open(initrd, "rb").read(), line.encode()]
    state["images"][name] = [sha256(data).hex() for data in files]
state = json.load(open(path("state.json"))) if os.path.exists(path("state.json")) else {"hosts": {}, "images": {}}
ticket_key = ser.load_pem_private_key(open(path("ticket.key"), "rb").read(), None)
{"serve": serve, "reclaim": reclaim, "image": image}[sys.argv[1]](*sys.argv[3:])
save()
