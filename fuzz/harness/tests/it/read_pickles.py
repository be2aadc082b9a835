"""Says of each pickle on the standard input where it ends and which names it asks for.

A pickle stands behind its length in four bytes. A line of the answer is the end, or `-` where pickletools cannot read it,
and the names as `module:name` in hexadecimal. Nothing is imported and nothing is called but the stand-ins made here.
"""

import io
import pickle
import pickletools
import struct
import sys


class StandIn:
    """Takes whatever is done to it."""

    def __new__(cls, *args, **kwargs):
        return object.__new__(cls)

    def __init__(self, *args, **kwargs):
        pass

    def __setstate__(self, state):
        pass

    def __setitem__(self, key, value):
        pass

    def append(self, item):
        pass

    def extend(self, items):
        pass

    add = append
    update = extend


class Reader(pickle._Unpickler):
    def __init__(self, file):
        super().__init__(file)
        self.asked = []

    def find_class(self, module, name):
        self.asked.append((module, name))
        return type("Named", (StandIn,), {})

    def persistent_load(self, pid):
        return StandIn()


def end(data):
    try:
        for _ in pickletools.genops(file := io.BytesIO(data)):
            pass
        return file.tell()
    except Exception:
        return "-"


def names(data):
    reader = Reader(io.BytesIO(data))
    try:
        reader.load()
    except Exception:
        pass
    return reader.asked


def hexadecimal(text):
    return str(text).encode("utf-8", "replace").hex()


def pickles():
    data = sys.stdin.buffer.read()
    at = 0
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        yield data[at + 4 : at + 4 + length]
        at += 4 + length


def main():
    for data in pickles():
        asked = " ".join(f"{hexadecimal(module)}:{hexadecimal(name)}" for module, name in names(data))
        print(end(data), asked)


main()
