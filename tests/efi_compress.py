#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""UEFI compression (UEFI 2.10 section 19) for tests: what UEFI firmware unpacks.

compress(data) -> bytes and decompress(data) -> bytes; both written from the specification
and apart from pcie/efi_decompress.c. As a program:
  efi_compress.py compress|decompress IN OUT
  efi_compress.py rom IN.efi OUT.rom VENDOR DEVICE    one compressed EFI option ROM image
"""
import heapq
import struct
import sys

WINDOW_BITS = 13
WINDOW = 1 << WINDOW_BITS
THRESHOLD, MAX_MATCH = 3, 256
NC = 255 + MAX_MATCH + 2 - THRESHOLD     # characters and lengths
NP = WINDOW_BITS + 1                     # positions
NT = 16 + 3                              # code lengths of the character table
CBIT, PBIT, TBIT = 9, 4, 5               # bits of the counts of each
BLOCK = 0x3fff                           # symbols of one block, of at most 65535
CHAIN = 48                               # earlier places tried for a match


class Bits:
    """Most significant bit first."""

    def __init__(self):
        self.out, self.value, self.count = bytearray(), 0, 0

    def put(self, value, count):
        self.value = self.value << count | value
        self.count += count
        while self.count >= 8:
            self.count -= 8
            self.out.append(self.value >> self.count & 0xff)
        self.value &= (1 << self.count) - 1

    def done(self):
        if self.count:
            self.put(0, 8 - self.count)
        return bytes(self.out)


def tokens(data):
    """Greedy LZ77: an int is a byte, a pair is (length, distance - 1)."""
    chains, at, out = {}, 0, []

    def remember(place):
        key = data[place:place + 3]
        if len(key) == 3:
            chains.setdefault(key, []).append(place)

    while at < len(data):
        best, where = 0, 0
        places = chains.get(data[at:at + 3], ())
        for place in reversed(places[-CHAIN:]):
            if at - place > WINDOW - 1:
                break
            n = 3
            limit = min(MAX_MATCH, len(data) - at)
            while n < limit and data[place + n] == data[at + n]:
                n += 1
            if n > best:
                best, where = n, place
                if n == limit:
                    break
        if best >= THRESHOLD:
            out.append((best, at - where - 1))
            for place in range(at, at + best):
                remember(place)
            at += best
        else:
            out.append(data[at])
            remember(at)
            at += 1
    return out


def lengths(freq, limit=16):
    """Code length of each symbol, none longer than limit; one symbol alone gets 0."""
    used = [(f, i) for i, f in enumerate(freq) if f]
    out = [0] * len(freq)
    if len(used) < 2:
        return out
    scale = 0
    while True:
        heap = [(max(1, f >> scale), i, (i,)) for f, i in used]
        heapq.heapify(heap)
        depth = dict.fromkeys((i for _, i in used), 0)
        while len(heap) > 1:
            a, b = heapq.heappop(heap), heapq.heappop(heap)
            for i in a[2] + b[2]:
                depth[i] += 1
            heapq.heappush(heap, (a[0] + b[0], min(a[1], b[1]), a[2] + b[2]))
        if max(depth.values()) <= limit:
            break
        scale += 1      # flatter frequencies, shorter codes
    for i, n in depth.items():
        out[i] = n
    return out


def codes(lens):
    """Canonical: by length, then by symbol."""
    out, code = {}, 0
    for n in range(1, 17):
        for i, length in enumerate(lens):
            if length == n:
                out[i] = (code, n)
                code += 1
        code <<= 1
    return out


def put_symbol(bits, table, symbol):
    if symbol in table:     # a table of one symbol has codes of no bits
        bits.put(*table[symbol])


def put_small_lengths(bits, lens, count_bits, special):
    """The position table and the extra table: 3 bits a length, 7 and more in unary."""
    n = len(lens)
    while n and not lens[n - 1]:
        n -= 1
    bits.put(n, count_bits)
    i = 0
    while i < n:
        length = lens[i]
        i += 1
        if length <= 6:
            bits.put(length, 3)
        else:
            bits.put((1 << length - 3) - 2, length - 3)
        if i == special:
            skip = i
            while skip < 6 and skip < n and not lens[skip]:
                skip += 1
            bits.put(skip - i, 2)
            i = skip


def char_length_tokens(lens):
    """The lengths of the character table in the alphabet of the extra table."""
    n = len(lens)
    while n and not lens[n - 1]:
        n -= 1
    out, i = [], 0
    while i < n:
        if lens[i]:
            out.append((lens[i] + 2, 0, 0))
            i += 1
            continue
        run = 0
        while i + run < n and not lens[i + run]:
            run += 1
        i += run
        while run >= 20:
            part = min(run, 20 + 511)
            out.append((2, part - 20, 9))
            run -= part
        if run == 19:
            out.append((0, 0, 0))
            run = 18
        if run >= 3:
            out.append((1, run - 3, 4))
            run = 0
        out += [(0, 0, 0)] * run
    return n, out


def position_symbol(distance):
    return distance if distance <= 1 else distance.bit_length()


def only(freq):
    return max(range(len(freq)), key=freq.__getitem__)


def put_block(bits, block):
    chars, positions = [0] * NC, [0] * NP
    for token in block:
        if isinstance(token, int):
            chars[token] += 1
        else:
            chars[token[0] + 256 - THRESHOLD] += 1
            positions[position_symbol(token[1])] += 1
    bits.put(len(block), 16)
    char_lens, position_lens = lengths(chars), lengths(positions)
    if any(char_lens):
        n, coded = char_length_tokens(char_lens)
        extra = [0] * NT
        for symbol, _, _ in coded:
            extra[symbol] += 1
        extra_lens = lengths(extra)
        if any(extra_lens):
            put_small_lengths(bits, extra_lens, TBIT, 3)
        else:
            bits.put(0, TBIT)
            bits.put(only(extra), TBIT)
        extra_codes = codes(extra_lens)
        bits.put(n, CBIT)
        for symbol, value, count in coded:
            put_symbol(bits, extra_codes, symbol)
            bits.put(value, count)
    else:
        bits.put(0, TBIT)
        bits.put(0, TBIT)
        bits.put(0, CBIT)
        bits.put(only(chars), CBIT)
    if any(position_lens):
        put_small_lengths(bits, position_lens, PBIT, -1)
    else:
        bits.put(0, PBIT)
        bits.put(only(positions), PBIT)
    char_codes, position_codes = codes(char_lens), codes(position_lens)
    for token in block:
        if isinstance(token, int):
            put_symbol(bits, char_codes, token)
            continue
        put_symbol(bits, char_codes, token[0] + 256 - THRESHOLD)
        symbol = position_symbol(token[1])
        put_symbol(bits, position_codes, symbol)
        if symbol > 1:
            bits.put(token[1] - (1 << symbol - 1), symbol - 1)


def compress(data: bytes) -> bytes:
    data = bytes(data)
    bits, todo = Bits(), tokens(data)
    for at in range(0, len(todo), BLOCK):
        put_block(bits, todo[at:at + BLOCK])
    body = bits.done() + b"\0"
    return struct.pack("<II", len(body), len(data)) + body


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def get(self, count):
        value = 0
        for _ in range(count):
            byte = self.data[self.at >> 3] if self.at >> 3 < len(self.data) else 0
            value = value << 1 | byte >> 7 - (self.at & 7) & 1
            self.at += 1
        return value

    def symbol(self, table):
        if isinstance(table, int):
            return table
        code = 0
        for n in range(1, 17):
            code = code << 1 | self.get(1)
            if (code, n) in table:
                return table[code, n]
        raise ValueError("no such code")


def read_table(lens):
    if sum(2 ** (16 - n) for n in lens if n) != 1 << 16:
        raise ValueError("code lengths do not fill the tree")
    return {code: symbol for symbol, code in codes(lens).items()}


def read_small(r, count_bits, special):
    n = r.get(count_bits)
    if n == 0:
        return r.get(count_bits)
    lens = []
    while len(lens) < n:
        length = r.get(3)
        if length == 7:
            while r.get(1):
                length += 1
        lens.append(length)
        if len(lens) == special:
            lens += [0] * r.get(2)
    return read_table(lens)


def read_chars(r, extra):
    n = r.get(CBIT)
    if n == 0:
        return r.get(CBIT)
    lens = []
    while len(lens) < n:
        symbol = r.symbol(extra)
        if symbol > 2:
            lens.append(symbol - 2)
        else:
            lens += [0] * (1, 3 + r.get(4) if symbol == 1 else 0,
                           20 + r.get(9) if symbol == 2 else 0)[symbol]
    return read_table(lens)


def decompress(data: bytes) -> bytes:
    packed, size = struct.unpack_from("<II", data)
    r, out = Reader(data[8:8 + packed]), bytearray()
    while len(out) < size:
        count = r.get(16)
        extra = read_small(r, TBIT, 3)
        chars = read_chars(r, extra)
        positions = read_small(r, PBIT, -1)
        for _ in range(count):
            symbol = r.symbol(chars)
            if symbol < 256:
                out.append(symbol)
                continue
            p = r.symbol(positions)
            distance = p if p <= 1 else (1 << p - 1) + r.get(p - 1)
            for _ in range(symbol - 256 + THRESHOLD):
                out.append(out[-distance - 1])
    return bytes(out[:size])


def rom(program, vendor, device, packed=True, machine=0x8664, last=True, subsystem=0xb):
    """One EFI option ROM image around a program (PCI Firmware Specification, UEFI 14.4.21)."""
    offset = 0x34
    body = compress(program) if packed else program
    blocks = -(-(offset + len(body)) // 512)
    head = struct.pack("<HHIHHH", 0xaa55, blocks, 0x0ef1, subsystem, machine, int(packed))
    head = head.ljust(0x16, b"\0") + struct.pack("<HH", offset, 0x1c)
    head = head.ljust(0x1c, b"\0") + b"PCIR" + struct.pack(
        "<HHHHB3sHHBBH", vendor, device, 0, 24, 3, b"\0\0\2", blocks, 0, 3, 0x80 if last else 0, 0)
    return (head.ljust(offset, b"\0") + body).ljust(blocks * 512, b"\0")


def main():
    action = sys.argv[1]
    with open(sys.argv[2], "rb") as file:
        data = file.read()
    if action == "rom":
        out = rom(data, int(sys.argv[4], 16), int(sys.argv[5], 16))
    else:
        out = {"compress": compress, "decompress": decompress}[action](data)
    with open(sys.argv[3], "wb") as file:
        file.write(out)


if __name__ == "__main__":
    main()
