"""Which part may import which: the arrows of docs/structure.md point down only."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
OURS = ("agent", "workbook", "macros")
RULES: dict[str, tuple[str, ...]] = {
    "agent.domain": ("agent.domain",),
    "agent.autotask": ("agent.autotask", "agent.domain", "agent.errors", "agent.wire"),
    "agent.xero": ("agent.xero", "agent.domain", "agent.errors", "agent.wire"),
    "agent.ledger": ("agent.ledger", "agent.domain", "agent.errors"),
    "agent.pretend": ("agent.pretend",),
    "agent.views": ("agent.ledger", "agent.domain", "workbook.cells", "workbook.layout"),
    "agent.overview": ("agent.views", "agent.ledger", "agent.domain", "workbook.cells", "workbook.layout"),
    "agent.reconciliation": ("agent.views", "agent.ledger", "agent.domain", "workbook.cells", "workbook.layout"),
    "workbook": ("workbook", "agent.domain"),
    "macros": ("macros", "agent.buttons", "agent.verbs", "agent.views", "workbook"),
}
"""The longest prefix that fits a module decides what of ours it may import; a module without one may import all."""


def imports(path: Path) -> set[str]:
    """Every module of ours that a file imports, at its top or within a function."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] in OURS}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(TOP).with_suffix("").parts).removesuffix(".__init__")


def within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


FILES = sorted(path for part in OURS for path in (TOP / part).rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_only_what_lies_below(path: Path) -> None:
    rule = max((prefix for prefix in RULES if within(name_of(path), prefix)), key=len, default=None)
    if rule is None:
        return
    strangers = {name for name in imports(path) if not any(within(name, allowed) for allowed in RULES[rule])}
    strangers -= {"agent", "workbook"}
    assert not strangers


def test_the_domain_touches_nothing_outside() -> None:
    """No clock, no files, no network, no randomness: only these libraries."""
    allowed = set(OURS) | {"rapidfuzz"}
    barred = {"os", "io", "time", "random", "pathlib", "socket", "requests", "sqlalchemy", "secrets", "uuid"}
    for path in (TOP / "agent" / "domain").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {
            alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
        }
        names |= {(node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not names & barred, path
        assert names <= allowed | set(sys.stdlib_module_names), path
        assert "float(" not in path.read_text(encoding="utf-8"), path


def test_the_agent_package_itself_is_empty() -> None:
    assert (TOP / "agent" / "__init__.py").read_text(encoding="utf-8") == ""
