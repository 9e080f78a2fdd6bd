"""What memory this process occupies, and how to see all that it occupies more."""

from __future__ import annotations

import os
from pathlib import Path

KB = 1024
# Python's own allocator has a place for each multiple of 16 up to 512 bytes; beyond are a few of malloc's.
BLOCK_BYTES = (*range(16, 513, 16), 768, 1024, 2048, 4096)
BLOCKS_AT_A_TIME = 64
GROWTH_KB = 64


def resident_kb() -> float:
    """Return the memory that this process occupies, in KB (Linux only)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / KB


def fill_free_memory() -> list[bytearray]:
    """
    Occupy what earlier work has left free in this process, so that whatever comes next makes it grow.

    :return: What occupies it, for as long as it is kept.
    """
    ballast: list[bytearray] = []
    for size in BLOCK_BYTES:
        enough = resident_kb() + GROWTH_KB
        while resident_kb() < enough:
            ballast += [bytearray(size - 1) for _ in range(BLOCKS_AT_A_TIME)]
    return ballast
