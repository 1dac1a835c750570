"""Hooks of mkdocs: pages that stand outside docs/ or are made from the code, and links to sources, which go along.

The reference has a page for curvature and one for bandits, a section a module, in the order of `__init__.pyi`. A link
that leads out of docs/ to a file of the project leads to a copy of that file, so that the site is whole without a
forge. A link that leads nowhere fails a strict build.
"""

from __future__ import annotations

import ast
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
WHOLE = {
    "index.md": "README.md",
    "log.md": "LOG.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
}
"""Pages of the site that are files beside docs/."""
PACKAGES = ("curvature", "bandits")
"""Whose public names the reference explains."""
AT_HOME = {source: page for page, source in WHOLE.items()}
LINK = re.compile(r"(\]\()([^)#\s]+)([^)]*\))")


def public(package: str) -> dict[str, list[str]]:
    """The names of a package by the module that they come from, in the order of its stub; without dunders.

    Raises:
        ValueError: the stub lists in `__all__` what it does not import.
    """
    stub = ast.parse((ROOT / package / "__init__.pyi").read_text(encoding="utf-8"))
    modules = {
        str(node.module): [alias.asname or alias.name for alias in node.names]
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
    }
    (listed,) = (ast.literal_eval(n.value) for n in stub.body if isinstance(n, ast.Assign))
    found = {name for names in modules.values() for name in names}
    if missing := sorted(set(listed) - found):
        raise ValueError(f"{package}/__init__.pyi lists {missing[0]} and does not import it")
    kept = {m: [n for n in names if n in listed and not n.startswith("__")] for m, names in modules.items()}
    return {module: names for module, names in kept.items() if names}


def reference(package: str) -> str:
    """The page of a package: what its docstrings say of every public name."""
    lines = [f"# {package}", "", f"Everything that `from {package} import …` gives.", ""]
    for module, names in public(package).items():
        text = ast.get_docstring(ast.parse((ROOT / package / f"{module}.py").read_text(encoding="utf-8"))) or ""
        lines += [f"## {' '.join(text.partition(chr(10) * 2)[0].split())}", ""]
        lines += [f"::: {package}.{module}.{name}\n    options:\n      heading_level: 3\n" for name in names]
    return "\n".join(lines)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are not in docs/, and the sources that pages link to."""
    for page, source in WHOLE.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    for package in PACKAGES:
        files.append(File.generated(config, f"reference/{package}.md", content=reference(package)))
    linked = {target for file in files.documentation_pages() for target in _outside(file)}
    for target in sorted(linked):
        files.append(File.generated(config, f"source/{target}.txt", abs_src_path=str(ROOT / target)))
    return files


def _of_project(link: str, page: str) -> str | None:
    """The file of the project that a link of a page means, from the project's root; None for others."""
    if "://" in link or link.startswith("mailto:"):
        return None
    home = posixpath.dirname(WHOLE.get(page, f"docs/{page}"))
    return posixpath.normpath(posixpath.join(home, link))


def _outside(file: File) -> set[str]:
    text = file.content_string if file.generated_by and file.src_uri.startswith("reference/") else _text(file)
    targets = {_of_project(link, file.src_uri) for _, link, _ in LINK.findall(text)}
    return {t for t in targets if t and not t.startswith("docs/") and t not in AT_HOME and (ROOT / t).is_file()}


def _text(file: File) -> str:
    return Path(str(file.abs_src_path)).read_text(encoding="utf-8")


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Links, from the page's place in the site; those of the pages that are not in docs/ are moved with them."""
    here = posixpath.dirname(page.file.src_uri) or "."

    def moved(match: re.Match[str]) -> str:
        before, link, after = match.groups()
        target = _of_project(link, page.file.src_uri)
        if target is None:
            return match.group()
        if target in AT_HOME:
            target = AT_HOME[target]
        elif target.startswith("docs/"):
            target = target.removeprefix("docs/")
        else:
            target = f"source/{target}.txt"
        return f"{before}{posixpath.relpath(target, here)}{after}"

    return LINK.sub(moved, markdown)


def on_post_build(config: MkDocsConfig) -> None:
    """Refuses a site whose reference lacks a public name, as it does where a docstring is missing."""
    for package in PACKAGES:
        page = (Path(config.site_dir) / "reference" / f"{package}.html").read_text(encoding="utf-8")
        for module, names in public(package).items():
            for name in names:
                if f'id="{package}.{module}.{name}"' not in page:
                    raise PluginError(f"the reference lacks {package}.{module}.{name}: has it a docstring?")
