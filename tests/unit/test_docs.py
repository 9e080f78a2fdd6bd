"""Tables in the docs are made from the code; this says when they differ. ``make tables`` writes them."""

from __future__ import annotations

import pytest

from scripts.tables import TABLES, page_with


@pytest.mark.parametrize("name", TABLES)
def test_a_table_in_the_docs_is_the_one_of_the_code(name: str) -> None:
    _, text, fresh = page_with(name)

    assert text == fresh
