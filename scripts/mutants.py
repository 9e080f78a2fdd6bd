"""Small wrong changes of a module, as a programmer might make them by mistake."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scripts.local import ROOT

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
}
OPPOSITES = {"min": "max", "max": "min", "any": "all", "all": "any"}
# What stands there changes nothing that a test could see.
UNSEEN = {"annotation", "returns", "decorator_list", "bases", "keywords", "format_spec"}
LOGGING = {"debug", "info", "warning", "error", "exception"}
NOBODY_CATCHES = ast.Name("ArithmeticError", ast.Load())


@dataclass(frozen=True, slots=True)
class Mutant:
    """
    A changed module.

    :param lines: Those of which a test must reach one to meet the change; None where an import meets it.
    """

    path: str
    line: int
    change: str
    lines: range | None
    source: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.change}"


def draw(modules: list[Path], count: int, chance: random.Random) -> list[Mutant]:
    """Draw as many mutants, of each module in proportion to its lines."""
    total = sum(length(module) for module in modules)
    sample, until = list[Mutant](), 0
    for module in modules:
        until += length(module)
        mutants = list(mutants_of(module))
        sample += chance.sample(mutants, min(round(count * until / total) - len(sample), len(mutants)))
    return sample


def length(module: Path) -> int:
    return len(module.read_text().splitlines())


def mutants_of(module: Path) -> Iterator[Mutant]:
    tree = ast.parse(module.read_text())
    for parent, field, index, lines in list(places(tree, None, called=False)):
        node = getattr(parent, field) if index is None else getattr(parent, field)[index]
        for other in changes(node, parent, field):
            put(parent, field, index, other)
            with suppress(ValueError, SyntaxError):  # not every change is Python
                source = ast.unparse(tree)
                compile(source, module, "exec")
                path, line = str(module.relative_to(ROOT)), getattr(node, "lineno", 0)
                yield Mutant(path, line, f"{shown(node)} -> {shown(other)}", lines, source)
            put(parent, field, index, node)


Place = tuple[ast.AST, str, int | None, range | None]


def places(node: ast.AST, lines: range | None, *, called: bool, prose: bool = False) -> Iterator[Place]:
    """
    Yield where a node can be changed, and the lines that run it.

    :param called: Whether it runs in a function, not when the module is imported.
    :param prose: Whether its texts are for people: what an error says.
    """
    for field, value in ast.iter_fields(node):
        if field in UNSEEN and not isinstance(node, ast.Call):
            continue
        calls = called or (isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and field == "body")
        for index, child in enumerate(value) if isinstance(value, list) else ((None, value),):
            if not isinstance(child, ast.AST) or is_left_alone(child, node, prose):
                continue
            own = header(child) or lines
            yield node, field, index, own if calls else None
            yield from places(child, own, called=calls, prose=prose or isinstance(child, ast.Raise))


def is_left_alone(node: ast.AST, parent: ast.AST, prose: bool) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Call(func=ast.Attribute(value=of, attr=attr)) if attr in LOGGING:
            return "log" in ast.unparse(of).lower()
        case ast.Expr(value=ast.Call() as call):
            return is_left_alone(call, node, prose)
        case ast.Call(func=ast.Name(id="TypeVar" | "cast")):
            return True
        case ast.Assign(targets=[ast.Name(id="__slots__" | "__all__")]):
            return True
        case ast.Constant():
            return isinstance(parent, ast.JoinedStr) or (prose and isinstance(node.value, str))
    return False


def header(node: ast.AST) -> range | None:
    """Return the lines of a statement without its body, or None for what is no statement."""
    if not isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case):
        return None
    first = node.pattern.lineno if isinstance(node, ast.match_case) else node.lineno
    body = getattr(node, "body", None)
    last = max(first, body[0].lineno - 1) if body else getattr(node, "end_lineno", first)
    return range(first, last + 1)


def changes(node: ast.AST, parent: ast.AST, field: str) -> Iterator[ast.AST]:
    """Yield what may stand in the place of a node."""
    if isinstance(node, ast.expr):
        if field in ("test", "guard", "ifs") and not isinstance(node, ast.Compare | ast.UnaryOp):
            yield ast.UnaryOp(ast.Not(), node)
        if isinstance(parent, ast.ExceptHandler):
            yield NOBODY_CATCHES
    match node:
        case ast.Compare(ops=[op]):
            yield from (ast.Compare(node.left, [kind()], node.comparators) for kind in COMPARISONS[type(op)])
        case ast.BoolOp(op=op):
            yield ast.BoolOp(ast.And() if isinstance(op, ast.Or) else ast.Or(), node.values)
        case ast.BinOp(op=op) if type(op) in ARITHMETIC:
            yield ast.BinOp(node.left, ARITHMETIC[type(op)](), node.right)
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield node.operand
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(number)):
            yield from (ast.Constant(number + 1), ast.Constant(number - 1))
        case ast.Constant(value=float(number)):
            yield ast.Constant(number * 2 or 1.0)
        case ast.Constant(value=str(text)):
            yield ast.Constant(f"XX{text}XX")
        case ast.JoinedStr() if not isinstance(parent, ast.Call) or "Error" not in ast.unparse(parent.func):
            yield ast.Constant("XX")
        case ast.Call(func=ast.Name(id=name)) if name in OPPOSITES:
            yield ast.Call(ast.Name(OPPOSITES[name], ast.Load()), node.args, node.keywords)
        case ast.Return(value=ast.expr() as result) if ast.unparse(result) != "None":
            yield ast.Return(ast.Constant(None))
        case ast.Break():
            yield ast.Continue()
        case ast.Continue():
            yield ast.Break()
        case ast.Raise(exc=ast.expr()):
            yield from (ast.Pass(), ast.Raise(NOBODY_CATCHES))
        case ast.Expr() | ast.AugAssign() | ast.Delete() | ast.Raise():
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield ast.Pass()


def put(parent: ast.AST, field: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[index] = node


def shown(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 70 else f"{text[:70]}..."
