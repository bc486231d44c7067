"""What the documents promise is there: files they link to, commands they name, the form of CHANGELOG."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from house.tree import ROOT, holds, texts

LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)(?:\s\"[^\"]*\")?\)")
COMMAND = re.compile(r"(?<![\w/])\./dev ([a-z]+)")
KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
VERSION = re.compile(r"\[?(Unreleased|\d+\.\d+\.\d+(-[\w.]+)?)\]?( - \d{4}-\d\d-\d\d)?")


def without_code(text: str) -> str:
    """A document without its blocks of code, in which a bracket is no link and a # no heading."""
    return re.sub(r"^( *)(```|~~~).*?^\1\2", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """The anchors that the headings of a document make."""
    titles = re.findall(r"^#+ +(.+?) *#*$", without_code(text), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def dead_links(place: str, text: str, root: Path = ROOT) -> Iterator[str]:
    """The links of a document to files, or headings of files, that are not there."""
    for link in LINK.findall(re.sub(r"`[^`\n]*`", "", without_code(text))):
        if re.match(r"[a-z][a-z+.-]*:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (root / place).parent / path if path else root / place
        if not target.exists():
            yield f"{place}: there is no {link}"
        elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text()):
            yield f"{place}: there is no heading for {link}"


def unknown_commands(place: str, text: str, known: set[str]) -> Iterator[str]:
    """The commands of ./dev that a document names and ./dev does not know."""
    yield from (f"{place}: ./dev has no {name}" for name in COMMAND.findall(text) if name not in known)


def unkept_headings(text: str) -> Iterator[str]:
    """What in a change log is not as Keep a Changelog has it: versions, under each its kinds of changes."""
    headings = re.findall(r"^(#{1,3}) +(.+?) *$", without_code(text), flags=re.MULTILINE)
    if [level for level, _ in headings][:2] != ["#", "##"]:
        yield "CHANGELOG.md: begins with a title, then a version"
    for level, title in headings:
        if level == "##" and not VERSION.fullmatch(title):
            yield f"CHANGELOG.md: {title!r} is no version: [Unreleased], or [1.2.3] - 2026-01-31"
        if level == "###" and title not in KINDS:
            yield f"CHANGELOG.md: {title!r} is none of {', '.join(KINDS)}"


@pytest.fixture(scope="module")
def commands() -> set[str]:
    """The commands that `./dev help` lists."""
    shown = subprocess.run([ROOT / "dev", "help"], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"^  ([a-z]+) ", shown, flags=re.MULTILINE)) | {"help"}


def test_a_dead_link_is_seen(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# A *real* heading: one\n```\n# not one\n```\n")
    good = "[a](there.md) [b](there.md#a-real-heading-one) [c](https://example.org/x)\n"
    good += "`[d](e)`\n```\n[f](g)\n```\n"
    assert not [*dead_links("page.md", good, tmp_path)]
    for bad in ("gone.md", "there.md#not-one", "sub/there.md"):
        assert [*dead_links("page.md", f"see [it]({bad}) now", tmp_path)]


def test_an_unknown_command_is_seen(commands: set[str]) -> None:
    assert {"setup", "demo", "serve", "test", "check", "bench", "sim", "lock"} <= commands
    assert [*unknown_commands("page.md", "say `./dev dance` now", commands)]
    assert not [*unknown_commands("page.md", "say `./dev demo` now", commands)]


@pytest.mark.parametrize("bad", ["## Soon", "## [1.2]", "## [1.2.3] - yesterday", "## [Unreleased]\n### New"])
def test_a_wrong_change_log_is_seen(bad: str) -> None:
    assert not [
        *unkept_headings("# Changelog\n\n## [Unreleased]\n\n### Added\n\n- a\n\n## [0.1.0] - 2026-11-22\n")
    ]
    assert [*unkept_headings(f"# Changelog\n\n{bad}\n")]
    assert [*unkept_headings(bad)]


def test_every_link_of_the_documents_leads_somewhere() -> None:
    holds(wrong for place, text in texts(".md") for wrong in dead_links(place, text))


def test_every_command_of_the_documents_is_one(commands: set[str]) -> None:
    holds(wrong for place, text in texts(".md") for wrong in unknown_commands(place, text, commands))


def test_the_change_log_keeps_its_form() -> None:
    holds(wrong for place, text in texts(".md") if place == "CHANGELOG.md" for wrong in unkept_headings(text))
