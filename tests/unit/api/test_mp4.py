"""The outline of an MP4 file, from files made box by box."""

from __future__ import annotations

import random
import struct

import pytest

from airflow_provider_kling.api.errors import KlingMediaError
from airflow_provider_kling.api.media.mp4 import Mp4Scanner, Outline


def box(name: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(content), name) + content


def long_box(name: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I4sQ", 1, name, 16 + len(content)) + content


def box_to_the_end(name: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I4s", 0, name) + content


def mvhd(timescale: int, length: int) -> bytes:
    return box(b"mvhd", bytes(12) + struct.pack(">II", timescale, length) + bytes(80))


def long_mvhd(timescale: int, length: int) -> bytes:
    return box(b"mvhd", b"\x01" + bytes(19) + struct.pack(">IQ", timescale, length) + bytes(80))


def trak(width: int, height: int) -> bytes:
    return box(b"trak", box(b"tkhd", bytes(76) + struct.pack(">II", width << 16, height << 16)))


FTYP = box(b"ftyp", b"isom")
MOOV = box(b"moov", mvhd(1000, 5100) + trak(0, 0) + trak(1280, 720))
MDAT = box(b"mdat", b"moov" * 100)
SEEN, NOTHING = Outline(5.1, 1280, 720), Outline(None, None, None)
row = pytest.param


def outline(file: bytes, portion: int = 1 << 20) -> Outline:
    scanner = Mp4Scanner()
    for start in range(0, len(file), portion):
        scanner.feed(file[start : start + portion])
    return scanner.finish()


@pytest.mark.parametrize("portion", [1, 3, 7, 1 << 20])
@pytest.mark.parametrize(
    ("file", "expected"),
    [
        row(FTYP + MOOV + MDAT, SEEN, id="moov first"),
        row(FTYP + MDAT + MOOV, SEEN, id="moov at the end"),
        row(FTYP + box(b"free") + MDAT + MDAT + MOOV, SEEN, id="more boxes"),
        row(FTYP + long_box(b"mdat", b"moov" * 100) + MOOV, SEEN, id="64-bit mdat"),
        row(FTYP + long_box(b"moov", MOOV[8:]) + MDAT, SEEN, id="64-bit moov"),
        row(FTYP + long_box(b"mdat") + MOOV, SEEN, id="empty 64-bit mdat"),
        row(FTYP + MOOV + box_to_the_end(b"mdat", b"abc"), SEEN, id="mdat to the end"),
        row(FTYP + MDAT + box_to_the_end(b"moov", MOOV[8:]), SEEN, id="moov to the end"),
        row(
            FTYP + box(b"moov", long_mvhd(90000, 450000)) + MDAT, Outline(5.0, None, None), id="64-bit length"
        ),
        row(FTYP + box(b"moov", trak(0, 0)) + MDAT, NOTHING, id="sound alone"),
        row(FTYP + box(b"moov") + MDAT, NOTHING, id="empty moov"),
        row(FTYP + box(b"moov", mvhd(0, 5)) + MDAT, NOTHING, id="no timescale"),
    ],
)
def test_a_whole_file_is_read_in_any_layout_and_in_any_portions(
    file: bytes, expected: Outline, portion: int
) -> None:
    assert outline(file, portion) == expected


@pytest.mark.parametrize("portion", [1, 1 << 20])
@pytest.mark.parametrize(
    ("file", "words"),
    [
        row(b"", "the box ftyp is missing", id="nothing"),
        row(b"\0\0\0", "the box ftyp is missing", id="half a header"),
        row(FTYP + MDAT, "the box moov is missing", id="no moov"),
        row(FTYP + MOOV, "the box mdat is missing", id="no mdat"),
        row(FTYP + MOOV + MDAT[:-1], "its last box is cut short", id="a byte of mdat short"),
        row(FTYP + MOOV + MDAT + b"\0\0\0\x08fr", "its last box is cut short", id="half a header more"),
        row(FTYP + MOOV + MDAT + long_box(b"free")[:12], "cut short", id="half a 64-bit header more"),
        row(MOOV + FTYP + MDAT, "it begins with", id="moov before ftyp"),
        row(b"<!DOCTYPE html><html>", "it begins with b'<!DOCTYP'", id="HTML"),
        row(b'{"error": "expired"}', "it begins with", id="JSON"),
        row(FTYP + struct.pack(">I4s", 7, b"mdat"), "its box 'mdat' claims 7 bytes", id="tiny box"),
        row(FTYP + struct.pack(">I4sQ", 1, b"mdat", 15), "claims 15 bytes", id="tiny 64-bit box"),
        row(FTYP + struct.pack(">I4s", 1 << 30, b"moov"), "'moov' claims 1073741824 bytes", id="huge moov"),
        row(FTYP + box(b"moov", box(b"mvhd", bytes(4))) + MDAT, "index (moov)", id="short mvhd"),
        row(FTYP + box(b"moov", box(b"mvhd")) + MDAT, "index (moov)", id="empty mvhd"),
        row(
            FTYP + box(b"moov", box(b"trak", box(b"tkhd", bytes(4)))) + MDAT, "index (moov)", id="short tkhd"
        ),
    ],
)
def test_what_is_no_whole_file_is_refused(file: bytes, words: str, portion: int) -> None:
    with pytest.raises(KlingMediaError) as caught:
        outline(file, portion)
    assert words in str(caught.value)


def test_a_file_that_is_cut_anywhere_is_refused() -> None:
    file = FTYP + MDAT + MOOV
    for cut in range(len(file)):
        with pytest.raises(KlingMediaError):
            outline(file[:cut])
    assert outline(file) == SEEN


def test_a_file_with_one_odd_byte_is_read_or_refused_and_nothing_else() -> None:
    chance = random.Random(7)
    whole = FTYP + MOOV + box(b"mdat", b"x" * 20)
    read = refused = 0
    for _ in range(3000):
        odd = bytearray(whole)
        odd[chance.randrange(len(odd))] = chance.choice([0, 1, 2, 7, 8, 0x7F, 0xFF])
        try:
            outline(bytes(odd))
            read += 1
        except KlingMediaError:
            refused += 1
    assert read
    assert refused
