"""Opens containers with nothing but docs/container-format.md and the package `cryptography`.

    cke.py KEYS.json FILE...

KEYS.json: {"symmetric": {ID: HEX}, "pairs": {ID: {"pkcs8": HEX, "seed": HEX or null}}}, where the seed is the 64
bytes an ML-KEM-768 key is drawn from. One line of JSON a file: what is in it, or why it was refused.
"""

import functools
import hashlib
import hmac
import json
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding
from cryptography.hazmat.primitives.serialization import load_der_private_key

PLACE, ROOM = 32768, 28672
FITS = {1: {1}, 2: {2}, 3: {3, 4}, 4: {2, 3, 4}}


class Refused(Exception):
    pass


def need(condition, why):
    if not condition:
        raise Refused(why)


def hkdf(secret, salt, info, length):
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(secret)


def mac(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


class Input:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, length):
        need(self.at + length <= len(self.data), "cut")
        self.at += length
        return self.data[self.at - length : self.at]

    def number(self, length):
        return int.from_bytes(self.take(length), "big")


class Header:
    def __init__(self, place):
        self.raw = place
        data = Input(place)
        need(data.take(3) == b"CKE", "no magic")
        need(data.number(1) == 1, "version")
        self.suite, self.level, self.flags, self.log = data.take(4)
        need(self.suite == self.level and self.level in FITS, "level")
        need(self.flags == 0 or (self.flags == 1 and self.level == 2), "flags")
        need(16 <= self.log <= 22, "chunk size")
        self.file = data.take(16)
        self.tag = 16 if self.level < 3 else 32
        length = data.number(2)
        need(self.tag <= length <= 4096 + self.tag, "metadata")
        self.sealed = data.take(length)
        self.commitment = data.take(32)
        self.settled = data.at
        self.root = data.take(32)
        self.sequence = data.number(8)
        need(self.sequence > 0, "sequence")
        count = data.number(1)
        need(count == 0 if self.flags else 1 <= count <= 16, "slots")
        self.slots = []
        for _ in range(count):
            kind, key = data.number(1), data.take(16)
            need(kind in FITS[self.level], "slot")
            self.slots.append((kind, key, data.take(data.number(2))))
        self.signed = data.at
        self.mac = data.take(32)
        need(not any(place[data.at :]), "not zero")

    def believe(self, file_key):
        self.derive = lambda info, length: hkdf(file_key, self.file, info, length)
        need(hmac.compare_digest(self.derive(b"cke1 commit", 32), self.commitment), "commitment")
        key = self.derive(b"cke1 header", 32)
        need(hmac.compare_digest(mac(key, self.raw[: self.settled]), self.root), "root MAC")
        need(hmac.compare_digest(mac(key, self.raw[: self.signed]), self.mac), "header MAC")

    def open_with(self, name, name_mac, nonce, body, tag):
        if self.level < 3:
            key = self.derive(name, 16 if self.level == 1 else 32)
            try:
                return AESGCM(key).decrypt(nonce, body + tag, None)
            except InvalidTag:
                raise Refused("tag") from None
        need(hmac.compare_digest(mac(self.derive(name_mac, 32), nonce, body), tag), "chunk MAC")
        stream = Cipher(algorithms.AES(self.derive(name, 32)), modes.CTR(nonce + bytes(4)))
        return stream.decryptor().update(body)

    def metadata(self):
        body, tag = self.sealed[: -self.tag], self.sealed[-self.tag :]
        data = Input(self.open_with(b"cke1 metadata", b"cke1 metadata mac", bytes(12), body, tag))
        fields, before = {}, 0
        while data.at < len(data.data):
            field = data.number(1)
            if field == 0:
                need(not any(data.data[data.at :]), "metadata")
                break
            need(before < field <= 4, "metadata")
            before = field
            value = data.take(data.number(2))
            name = {1: "name", 2: "media", 3: "bytes", 4: "sha256"}[field]
            fields[name] = int.from_bytes(value, "big") if field == 3 else value.hex() if field == 4 else value.decode()
        return fields

    def chunks(self, data):
        size = 1 << self.log
        body = len(data) - 65536 - 32
        need(body >= self.tag, "cut")
        count = -(-body // (size + self.tag))
        need(count <= 1 << 32, "too long")
        length = body - count * self.tag
        need(length >= 0 and (length > (count - 1) * size or length == 0 and count == 1), "cut")
        prefix = self.derive(b"cke1 nonce", 7)
        out, tags, at = [], [], 65536
        for index in range(count):
            plain = min(size, length - index * size)
            chunk, tag = data[at : at + plain], data[at + plain : at + plain + self.tag]
            at += plain + self.tag
            nonce = prefix + index.to_bytes(4, "big") + bytes([index == count - 1])
            out.append(self.open_with(b"cke1 payload", b"cke1 payload mac", nonce, chunk, tag))
            tags.append(tag)
        trailer = mac(self.derive(b"cke1 file", 32), self.root, *tags, count.to_bytes(8, "big"))
        need(hmac.compare_digest(trailer, data[at:]), "trailer")
        return b"".join(out)


def unwrap(header, keys, kinds):
    for kind, key_id, wrapped in header.slots:
        if kind not in kinds:
            continue
        if kind < 3:
            key = keys["symmetric"].get(key_id.hex())
            if key:
                return kwp(key, wrapped)
            continue
        pair = keys["pairs"].get(key_id.hex())
        if not pair:
            continue
        private = private_key(pair["pkcs8"])
        oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), b"cke1 high" + header.file)
        modulus = private.key_size // 8
        try:
            secret = private.decrypt(wrapped[:modulus], oaep)
        except ValueError:
            raise Refused("slot") from None
        if kind == 3:
            return secret
        from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey

        sent, rest = wrapped[: modulus + 1088], wrapped[modulus + 1088 :]
        share = MLKEM768PrivateKey.from_seed_bytes(bytes.fromhex(pair["seed"]))
        shared = share.decapsulate(sent[modulus:])
        info = b"cke1 hybrid" + hashlib.sha256(key_id + sent).digest()
        return kwp(hkdf(secret + shared, header.file, info, 32).hex(), rest)
    raise Refused("no key")


@functools.cache
def private_key(pkcs8):
    return load_der_private_key(bytes.fromhex(pkcs8), None)


def kwp(key, wrapped):
    try:
        return aes_key_unwrap_with_padding(bytes.fromhex(key), wrapped)
    except InvalidUnwrap:
        raise Refused("slot") from None


def at_rest(data):
    """The one header of a file that nobody is changing."""
    need(len(data) >= 65536, "cut")
    places = [data[:ROOM], data[PLACE : PLACE + ROOM]]
    used = [place for place in places if any(place)]
    need(len(used) == 1, "not one header")
    need(not any(data[ROOM:PLACE]) and not any(data[PLACE + ROOM : 65536]), "not at rest")
    return Header(used[0])


def open_container(data, keys):
    header = at_rest(data)
    need(header.flags == 0, "flags")
    header.believe(unwrap(header, keys, FITS[header.level] - ({2} if header.level == 4 else set())))
    about, content = header.metadata(), header.chunks(data)
    if header.level == 4:
        inner = at_rest(content)
        need(inner.flags == 1, "flags")
        inner.believe(unwrap(header, keys, {2}))
        about, content = inner.metadata(), inner.chunks(content)
    need(about.get("bytes", len(content)) == len(content), "length")
    return about, content


def main():
    with open(sys.argv[1]) as file:
        keys = json.load(file)
    for path in sys.argv[2:]:
        with open(path, "rb") as file:
            data = file.read()
        try:
            about, content = open_container(data, keys)
            answer = {"sha256": hashlib.sha256(content).hexdigest(), "about": about}
        except Refused as error:
            answer = {"refused": str(error)}
        print(json.dumps({"path": path, **answer}))


main()
