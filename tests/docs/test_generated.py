"""What is drawn from the code stands in the documents as it is drawn now."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from house.tree import ROOT

PAGES = sorted((ROOT / "docs").glob("*.md"))


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    specification = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_has_the_tables_of_the_code(page: Path, generate: ModuleType) -> None:
    text = page.read_text()
    assert text == generate.filled(text), "run: ./dev docs"


def test_every_table_that_is_drawn_is_shown_once(generate: ModuleType) -> None:
    shown = [found[1] for page in PAGES for found in generate.TABLE.findall(page.read_text())]
    assert sorted(shown) == sorted(generate.MAKERS)


def test_the_pictures_show_what_the_code_has_now(generate: ModuleType) -> None:
    assert {file.name for file in generate.PICTURES.iterdir()} >= generate.DRAWERS.keys()
    for name, draw in generate.DRAWERS.items():
        assert (generate.PICTURES / name).read_text() == draw(), "run: ./dev docs"


def test_a_table_that_differs_is_seen(generate: ModuleType) -> None:
    page = "# A\n\n<!-- table outcomes -->\n\nold\n\n<!-- end -->\n\nafter\n"
    filled = generate.filled(page)
    assert "old" not in filled and "`applied`" in filled and filled.endswith("<!-- end -->\n\nafter\n")
    assert generate.filled(filled) == filled
