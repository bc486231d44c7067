"""The commands of the documents, run as they stand there, against a real server where they ask one."""

import os
import shutil
from pathlib import Path

import pytest

from docs.conftest import Running
from docs.pages import fits, run_page, steps
from house.tree import ROOT

RECORDINGS = Path(os.environ.get("QUEUEPULSE_RECORDINGS") or ROOT.parent / "shared" / "data")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the commands run: what the repository has is there, and what they write stays there."""
    for name in ("examples", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "docs/api.md",
        "docs/calls.md",
        "docs/deployment.md",
        "docs/events.md",
        "docs/explain.md",
        "docs/operating.md",
        "docs/sources.md",
    ],
)
def test_the_commands_of_a_page_do_what_it_says(page: str, folder: Path, running: Running) -> None:
    assert shutil.which("curl"), "curl is missing; ./dev test installs it, or says how"
    run_page(page, folder, running.environment, {"https://localhost:28443": running.url})


def test_the_commands_about_accuracy_do_what_the_page_says(folder: Path, running: Running) -> None:
    if not RECORDINGS.exists():
        reason = f"{RECORDINGS} is missing: set QUEUEPULSE_RECORDINGS to the folder of the recordings"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    run_page("docs/accuracy.md", folder, running.environment, {"../shared/data": str(RECORDINGS)})


def test_every_page_with_commands_is_run() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    found = {page.relative_to(ROOT).as_posix() for page in pages if "```console" in page.read_text()}
    assert found == {
        "README.md",
        *(
            f"docs/{name}.md"
            for name in (
                "accuracy",
                "api",
                "calls",
                "deployment",
                "events",
                "explain",
                "operating",
                "sources",
            )
        ),
    }
    assert all([*steps(page)] for page in found)


@pytest.mark.parametrize(
    ("page", "printed"),
    [
        ("a\n", "a\n"),
        ("a … c\n", "a b c\n"),
        ("a\n…\nd\n", "a\nb\nc\nd\n"),
        ("a (1) \n", "a (1)\n"),
        ("", ""),
    ],
)
def test_what_a_page_says_fits_what_is_printed(page: str, printed: str) -> None:
    assert fits(page, printed)


@pytest.mark.parametrize(
    ("page", "printed"), [("a\n", "b\n"), ("a\n", "a\nb\n"), ("", "a\n"), ("a.c\n", "abc\n")]
)
def test_what_differs_is_seen(page: str, printed: str) -> None:
    assert not fits(page, printed)
