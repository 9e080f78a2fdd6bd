"""What a landed file is, by a judge who shares no code with the provider."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import av


def facts_of(path: Path) -> dict[str, Any]:
    """Return what a landing reports of a file, as PyAV sees it; seconds rounded to a tenth."""
    content = path.read_bytes()
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        pictures = sum(1 for _ in container.decode(video=0))
        return {
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "duration": round(float(pictures / (stream.average_rate or 1)), 1),
            "width": stream.width,
            "height": stream.height,
        }
