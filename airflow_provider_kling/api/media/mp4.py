"""The outline of an MP4 file, read while its bytes pass by: enough to say that it is whole."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from airflow_provider_kling.api.errors import KlingMediaError

# ISO/IEC 14496-12: a box is a 32-bit size, four letters, and a 64-bit size where the first one is 1.
_HEADER_BYTES = 8
_LONG_HEADER_BYTES = 16
_TO_THE_END = 0
_LARGEST_MOOV_BYTES = 64 * 1024 * 1024
_NEEDED = ("ftyp", "moov", "mdat")


@dataclass(frozen=True, slots=True)
class Outline:
    """
    What the file says of itself.

    :param duration: Seconds; None where the file does not tell.
    :param width: Pixels of the first picture track; None where there is none.
    :param height: Likewise.
    """

    duration: float | None
    width: int | None
    height: int | None


class Mp4Scanner:
    """
    Fed with a file's bytes in order and in any portions, it keeps only the index box (``moov``).

    :raises KlingMediaError: when fed with what cannot be the next bytes of an MP4 file, or when finished
        before its bytes are a whole one.
    """

    def __init__(self) -> None:
        self._header = b""
        self._boxes: list[str] = []
        self._left: int | None = 0  # bytes to come of the open box; None: it lasts to the end of the file
        self._moov = bytearray()

    def feed(self, portion: bytes) -> None:
        view = memoryview(portion)
        while view:
            if self._left == 0:
                view = self._read_header(view)
            else:
                here = len(view) if self._left is None else min(self._left, len(view))
                if self._boxes[-1] == "moov":
                    self._moov += view[:here]
                if self._left is not None:
                    self._left -= here
                view = view[here:]

    def finish(self) -> Outline:
        missing = [name for name in _NEEDED if name not in self._boxes]
        if self._left or self._header or missing:
            lack = f"the box {missing[0]} is missing" if missing else "its last box is cut short"
            raise KlingMediaError(f"The file is not a whole MP4: {lack}.")
        try:
            return _outline(bytes(self._moov))
        except (struct.error, IndexError):
            raise KlingMediaError("The file's index (moov) cannot be read.") from None

    def _read_header(self, view: memoryview) -> memoryview:
        needed = _LONG_HEADER_BYTES if self._header[:4] == b"\0\0\0\1" else _HEADER_BYTES
        here = needed - len(self._header)
        self._header += bytes(view[:here])
        is_long = self._header[:4] == b"\0\0\0\1" and needed == _HEADER_BYTES
        if len(self._header) == needed and not is_long:
            self._open_box()
        return view[here:]

    def _open_box(self) -> None:
        header, self._header = self._header, b""
        size = int.from_bytes(header[:4] if len(header) == _HEADER_BYTES else header[8:], "big")
        name = header[4:8].decode("latin-1")
        if not self._boxes and name != "ftyp":
            raise KlingMediaError(f"The file is not an MP4; it begins with {header!r}.")
        too_large = name == "moov" and size > _LARGEST_MOOV_BYTES
        if too_large or (size != _TO_THE_END and size < len(header)):
            raise KlingMediaError(f"The file is not an MP4; its box {name!r} claims {size} bytes.")
        self._boxes.append(name)
        self._left = None if size == _TO_THE_END else size - len(header)


def _outline(moov: bytes) -> Outline:
    duration = width = height = None
    for name, content in _boxes(moov):
        if name == "mvhd":
            form, start = (">IQ", 20) if content[0] == 1 else (">II", 12)
            timescale, length = struct.unpack_from(form, content, start)
            duration = length / timescale if timescale and length else None
        elif name == "trak" and width is None:
            header = next((inner for inner_name, inner in _boxes(content) if inner_name == "tkhd"), None)
            if header:
                # The last eight bytes of a track header are its size in 16.16 fixed point; sound has none.
                size = [value >> 16 for value in struct.unpack(">II", header[-8:])]
                width, height = size if all(size) else (None, None)
    return Outline(duration, width, height)


def _boxes(data: bytes) -> Iterator[tuple[str, bytes]]:
    position = 0
    while position + _HEADER_BYTES <= len(data):
        size, name = struct.unpack_from(">I4s", data, position)
        if size < _HEADER_BYTES:
            return
        yield name.decode("latin-1"), data[position + _HEADER_BYTES : position + size]
        position += size
