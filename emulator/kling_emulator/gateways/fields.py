from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kling_emulator.gateways.refusal import Json

_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "string": (str,),
}


def mistyped_field(body: Json, json_types: Mapping[str, str]) -> str | None:
    """
    Find the first field whose JSON type is wrong.

    :param body: the object to look through. Fields without a known type are let pass, as servers do.
    :param json_types: the name of the JSON type of each known field.
    :return: the name of the field; None if all is well.
    """
    for name, json_type in json_types.items():
        # The exact type: isinstance() would take true for an integer.
        if name in body and type(body[name]) not in _PYTHON_TYPES[json_type]:
            return name
    return None
