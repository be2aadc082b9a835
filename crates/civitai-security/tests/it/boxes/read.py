"""Reads archives in two ways each, and prints for each whether both readings agree.

Usage: read.py zip|tar FILE...   One line a file: the path, a tab, "same" or what differs.
"""

import io
import struct
import sys
import tarfile
import warnings
import zipfile
import zlib


def unpack(method, data):
    return data if method == 0 else zlib.decompressobj(-15).decompress(data)


def zip_by_directory(path):
    with zipfile.ZipFile(path) as archive:
        return [(info.filename, archive.read(info)) for info in archive.infolist()]


def zip_by_headers(path):
    """What a reader of streams sees: header, data, header, data."""
    with open(path, "rb") as file:
        data = file.read()
    at, members = 0, []
    while data[at : at + 4] == b"PK\3\4":
        fields = struct.unpack_from("<4xHHHHHIIIHH", data, at)
        _, flags, method, _, _, crc, packed, size, name_length, extra = fields
        start = at + 30 + name_length + extra
        name = data[at + 30 : at + 30 + name_length]
        if flags & 8 and method == 8:
            decoder = zlib.decompressobj(-15)
            content = decoder.decompress(data[start:])
            start = len(data) - len(decoder.unused_data) + 16
        elif flags & 8:
            raise ValueError("a stored member of unknown size")
        else:
            content = unpack(method, data[start : start + packed])
            if zlib.crc32(content) != crc or len(content) != size:
                raise ValueError("checksum or size")
            start += packed
        members.append((name.decode("utf-8" if flags & 0x800 else "cp437"), content))
        at = start
    return members


def tar(path, goes_on):
    with tarfile.open(path, "r:", ignore_zeros=goes_on) as archive:
        return [
            (member.name, member.type, archive.extractfile(member).read() if member.isreg() else b"")
            for member in archive.getmembers()
        ]


def readings(kind, path):
    if kind == "zip":
        return zip_by_directory(path), zip_by_headers(path)
    return tar(path, False), tar(path, True)


warnings.simplefilter("ignore")
for path in sys.argv[2:]:
    try:
        first, second = readings(sys.argv[1], path)
        names = [member[0] for member in first]
        if first != second:
            verdict = "differ"
        elif len(set(names)) != len(names):
            verdict = "two of one name"
        else:
            verdict = "same"
    except Exception as error:
        verdict = type(error).__name__
    print(path, verdict, sep="\t")
