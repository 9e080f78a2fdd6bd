"""What holds for whatever ended well."""

from __future__ import annotations

from tests.e2e.driving import End, Generation

SECONDS_OF_VIDEO = 5


def assert_ended_well(generation: Generation) -> None:
    """Each time it ended, it was green, with the same whole file, for one payment."""
    assert not generation.trouble
    assert [end.state for end in generation.ends] == ["success"] * (1 + generation.case.cleared)
    for end in generation.ends:
        assert end.creates == 1
        assert "othing was submitted" not in end.log
        assert_whole(end)
    assert len({end.returned["sha256"] for end in generation.ends}) == 1


def assert_whole(end: End) -> None:
    """The file is there, and it is what the task says that it landed."""
    assert end.video is not None
    assert {name: end.returned[name] for name in end.video} == end.video
    assert end.video["duration"] == SECONDS_OF_VIDEO
