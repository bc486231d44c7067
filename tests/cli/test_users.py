"""`queuepulse users`: users and links as whoever runs the server makes and ends them."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from cli.test_commands import words
from queuepulse.stores.users import UserStore


def test_users_are_made_listed_changed_and_removed(
    tmp_path: Path, capfd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = ("--data", str(tmp_path))
    out, _ = words(capfd, "users", "add", "ann", "--for", "1/2", "--for", "3/all", "--generate", *place)
    password = out.split()[1]
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    words(capfd, "users", "add", "root", "--role", "admin", "--for", "everything", "--password-stdin", *place)
    words(capfd, "users", "add", "olga", "--for", "1/2", "--oidc", *place)
    out, _ = words(capfd, "users", "list", *place)
    assert [line.split()[:-2] for line in out.splitlines()[1:]] == [
        ["ann", "viewer", "1/2,", "3/all", "password"],
        ["olga", "viewer", "1/2", "provider"],
        ["root", "admin", "everything", "password"],
    ]
    assert password not in out
    _, err = words(capfd, "users", "add", "ann", "--for", "1/2", "--generate", *place, status=1)
    assert "ann already" in err
    with UserStore(tmp_path) as users:
        before = users.user("ann")
    words(capfd, "users", "password", "ann", "--generate", *place)
    with UserStore(tmp_path) as users:
        after = users.user("ann")
    assert before is not None and after is not None
    assert PasswordHasher().verify(before.password_hash or "", password)
    assert before.password_hash != after.password_hash
    _, err = words(capfd, "users", "password", "olga", "--generate", *place, status=1)
    assert "provider" in err
    words(capfd, "users", "remove", "ann", *place)
    for command in ("remove", "password"):
        _, err = words(capfd, "users", command, "ann", *place, status=1)
        assert "no user ann" in err


def test_links_are_made_listed_and_revoked(tmp_path: Path, capfd: Any) -> None:
    place = ("--data", str(tmp_path))
    arguments = ("wall", "--for", "1/2", "--views", "floor,health", "--days", "7")
    out, err = words(capfd, "users", "link", *arguments, "--url", "https://pulse.example/", *place)
    token = re.fullmatch(r"https://pulse\.example/live/v1/link/(\S+)\n", out)
    assert token is not None
    number = err.split()[1]
    out, _ = words(capfd, "users", "links", *place)
    assert out.splitlines()[1].split()[1:4] == ["wall", "1/2", "floor,health"]
    assert token[1] not in out
    words(capfd, "users", "revoke-link", number, *place)
    _, err = words(capfd, "users", "revoke-link", number, *place, status=1)
    assert "No link in force" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["add", "x", "--generate"],
        ["add", "x", "--for", "1", "--generate"],
        ["add", "x", "--for", "0/1", "--generate"],
        ["add", "x", "--for", "1/5001", "--generate"],
        ["add", "x", "--for", "1/1", "--role", "link", "--generate"],
        ["add", "x", "--for", "1/1", "--oidc", "--generate"],
        ["add", "x", "--for", "1/1", "--generate", "--password-stdin"],
        ["add", "x", "--for", "1/1"],
        ["add", " x", "--for", "1/1", "--generate"],
        ["add", "a\nb", "--for", "1/1", "--generate"],
        ["link", "x", "--for", "1/1", "--views", "floor,roof"],
        ["link", "x", "--for", "1/1", "--days", "0"],
        ["link", "x"],
    ],
)
def test_a_user_or_link_of_nothing_is_refused(
    arguments: list[str], tmp_path: Path, capfd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    words(capfd, "users", *arguments, "--data", str(tmp_path / "none"), status=2)
    assert not (tmp_path / "none").exists()


def test_a_short_password_is_refused(tmp_path: Path, capfd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("sesame\n"))
    _, err = words(
        capfd, "users", "add", "x", "--for", "1/1", "--password-stdin", "--data", str(tmp_path), status=2
    )
    assert "10 to 1,000 characters" in err and "sesame" not in err


def test_to_list_users_makes_no_folder(tmp_path: Path, capfd: Any) -> None:
    for command in ("list", "links"):
        _, err = words(capfd, "users", command, "--data", str(tmp_path / "none"), status=1)
        assert "There are no users" in err
    assert not (tmp_path / "none").exists()
