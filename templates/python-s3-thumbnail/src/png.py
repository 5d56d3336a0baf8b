"""Shrinks PNGs with the standard library alone: 8 bits a channel, no palette, not interlaced.

https://www.w3.org/TR/png-3/
"""

import struct
import zlib
from collections.abc import Iterator
from itertools import islice

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # by colour type: grey, RGB, grey with alpha, RGBA
MOST_PIXELS = 16_000_000


class Unreadable(Exception):
    """Not a PNG, or not one that this module reads."""


def shrink(data: bytes, longest: int) -> bytes:
    """A PNG whose longer side has at most ``longest`` pixels: each is the mean of a square."""
    try:
        width, height, colour, rows = _decode(data)
        step = -(-max(width, height) // longest)
        if step == 1:
            return data
        small = []
        while block := list(islice(rows, step)):
            small.append(_mean(block, step, CHANNELS[colour]))
    except (struct.error, zlib.error) as error:
        raise Unreadable(f"damaged: {error}") from error
    return _encode(-(-width // step), colour, small)


def _decode(data: bytes) -> tuple[int, int, int, Iterator[bytes]]:
    """Width, height, colour type, and the rows from the top."""
    if not data.startswith(SIGNATURE):
        raise Unreadable("no PNG")
    header, packed, at = b"", b"", len(SIGNATURE)
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        content = data[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            header = content
        elif kind == b"IDAT":
            packed += content
        at += 12 + length
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    if depth != 8 or colour not in CHANNELS or interlaced:
        raise Unreadable("only 8 bits a channel without palette or interlacing can be read")
    if not 0 < width * height <= MOST_PIXELS:
        raise Unreadable(f"{width} x {height} pixels")
    stride = width * CHANNELS[colour]
    size = height * (stride + 1)
    # No more than the header promises: a small file can unpack to gigabytes.
    raw = zlib.decompressobj().decompress(packed, size)
    if len(raw) != size:
        raise Unreadable("cut off")
    return width, height, colour, _unfiltered(raw, stride, CHANNELS[colour])


def _unfiltered(raw: bytes, stride: int, channels: int) -> Iterator[bytes]:
    """Each row begins with the number of its filter; a byte is what it differs by from a guess."""
    above = bytes(channels + stride)
    for start in range(0, len(raw), stride + 1):
        row = bytearray(channels) + raw[start + 1 : start + 1 + stride]
        kind = raw[start]
        if kind >= len(GUESSES):
            raise Unreadable(f"there is no filter {kind}")
        if kind > 0:
            guess = GUESSES[kind]
            for i in range(channels, len(row)):
                guessed = guess(row[i - channels], above[i], above[i - channels])
                row[i] = (row[i] + guessed) & 255
        yield row[channels:]
        above = row


def _paeth(left: int, up: int, corner: int) -> int:
    """Whichever is nearest to ``left + up - corner``."""
    far_left, far_up = abs(up - corner), abs(left - corner)
    far_corner = abs(left + up - 2 * corner)
    if far_left <= far_up and far_left <= far_corner:
        return left
    return up if far_up <= far_corner else corner


GUESSES = (
    lambda left, up, corner: 0,
    lambda left, up, corner: left,
    lambda left, up, corner: up,
    lambda left, up, corner: (left + up) // 2,
    _paeth,
)


def _mean(rows: list[bytes], step: int, channels: int) -> bytes:
    """Some rows as one, and in it every ``step`` pixels as one."""
    columns = [sum(column) for column in zip(*rows, strict=True)]
    small = bytearray()
    for left in range(0, len(columns), step * channels):
        for channel in range(channels):
            square = columns[left + channel : left + step * channels : channels]
            small.append(sum(square) // (len(square) * len(rows)))
    return bytes(small)


def _encode(width: int, colour: int, rows: list[bytes]) -> bytes:
    header = struct.pack(">IIBBBBB", width, len(rows), 8, colour, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
