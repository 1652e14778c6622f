"""Modules of the core import one another in one direction, imports for the type checker included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import grimp


def circles(imports: Mapping[str, set[str]]) -> Iterator[set[str]]:
    """The sets of modules that all reach one another (Tarjan's strongly connected components, of two and more)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    path: list[str] = []
    for start in sorted(imports):
        work = [] if start in number else [(start, iter(sorted(imports[start])))]
        while work:
            module, rest = work[-1]
            if module not in number:
                number[module] = lowest[module] = len(number)
                path.append(module)
            for imported in rest:
                if imported not in number:
                    work.append((imported, iter(sorted(imports[imported]))))
                    break
                if imported in path:
                    lowest[module] = min(lowest[module], lowest[imported])
            else:
                work.pop()
                if work:
                    lowest[work[-1][0]] = min(lowest[work[-1][0]], lowest[module])
                if lowest[module] == number[module]:
                    found = {*path[path.index(module) :]}
                    del path[path.index(module) :]
                    if len(found) > 1:
                        yield found


def test_circles_are_found() -> None:
    imports = {"a": {"b", "d"}, "b": {"c"}, "c": {"a"}, "d": {"e"}, "e": set[str]()}
    assert [*circles(imports)] == [{"a", "b", "c"}]
    assert [*circles({"a": {"b"}, "b": {"c"}, "c": set[str]()})] == []


def test_no_circle() -> None:
    graph = grimp.build_graph("roost", exclude_type_checking_imports=False, cache_dir=None)
    found = [*circles({module: graph.find_modules_directly_imported_by(module) for module in graph.modules})]
    assert not [sorted(circle) for circle in found]
