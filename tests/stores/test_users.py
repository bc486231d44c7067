"""Users, links and sessions: what is in force, who ends them, and what the file gives away."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from queuepulse.engine.events import VdnKey
from queuepulse.people import VIEWS, Opened, Person, Role, Scope
from queuepulse.stores import users as users_module
from queuepulse.stores.private import StoreUnusable
from queuepulse.stores.users import NameTaken, UserStore

NOW_MS, HOUR_MS = 1_704_164_645_000, 3_600_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[UserStore]:
    with UserStore(tmp_path) as opened:
        opened.add("ann", Role.SUPERVISOR, [Scope(1, 2), Scope(3)], "hash of ann", NOW_MS)
        yield opened


def ann(store: UserStore) -> Person:
    user = store.user("ann")
    assert user is not None
    return user.person


def signed_in(store: UserStore, name: str = "ann") -> Opened:
    user = store.user(name)
    assert user is not None
    return store.open(user.person, NOW_MS, NOW_MS + HOUR_MS)


def test_a_user_sees_what_is_his_and_no_more(store: UserStore) -> None:
    person = ann(store)
    seen = [(cc, vdn) for cc in (1, 2, 3) for vdn in (1, 2, 3) if person.may_see(VdnKey(cc, vdn))]
    assert seen == [(1, 2), (3, 1), (3, 2), (3, 3)]
    assert (person.role, person.views, person.sees_numbers, person.sees_server) == (
        Role.SUPERVISOR,
        VIEWS,
        True,
        False,
    )
    store.add("root", Role.ADMIN, [Scope()], None, NOW_MS)
    root = store.users()[1].person
    assert root.may_see(VdnKey(65_535, 5_000)) and root.sees_server


def test_a_name_is_given_once(store: UserStore) -> None:
    with pytest.raises(NameTaken, match="ann already"):
        store.add("ann", Role.VIEWER, [Scope()], None, NOW_MS)
    assert ann(store).role is Role.SUPERVISOR


def test_a_session_is_found_by_its_token_until_it_ends(store: UserStore) -> None:
    opened = signed_in(store)
    found = store.session(opened.token, NOW_MS + HOUR_MS - 1)
    assert found == opened.session
    assert found is not None and found.person == ann(store)
    assert store.session(opened.token, NOW_MS + HOUR_MS) is None
    assert store.session(opened.token + "x", NOW_MS) is None
    assert store.session("", NOW_MS) is None
    assert opened.token not in repr(opened) and opened.session.csrf not in repr(found)
    store.close_session(opened.session)
    assert store.session(opened.token, NOW_MS) is None


def test_sessions_outlive_a_restart_and_links_too(tmp_path: Path) -> None:
    with UserStore(tmp_path) as store:
        store.add("ann", Role.VIEWER, [Scope(1)], "hash", NOW_MS)
        opened = signed_in(store)
        _, token = store.add_link("wall", [Scope(1, 1)], ["floor"], NOW_MS, NOW_MS + HOUR_MS)
    with UserStore(tmp_path) as store:
        assert store.session(opened.token, NOW_MS) == opened.session
        link = store.link(token, NOW_MS)
        assert link is not None
        assert (link.person.role, link.person.views, link.person.scopes) == (
            Role.LINK,
            ("floor",),
            (Scope(1, 1),),
        )
    content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"wall" in content
    assert opened.token.encode() not in content and token.encode() not in content


def test_another_program_ends_sessions(store: UserStore, tmp_path: Path) -> None:
    for end in (lambda other: other.remove("ben"), lambda other: other.set_password("ben", "another")):
        if store.user("ben") is None:
            store.add("ben", Role.VIEWER, [Scope(1)], "hash", NOW_MS)
        opened, mine = signed_in(store, "ben"), signed_in(store)
        with UserStore(tmp_path) as other:
            assert other.session(opened.token, NOW_MS) is not None
            assert end(other)
        assert store.session(opened.token, NOW_MS) is not None  # not noticed yet
        assert store.refresh() and not store.refresh()
        assert store.session(opened.token, NOW_MS) is None is store.is_open(opened.session, NOW_MS)
        assert store.session(mine.token, NOW_MS) is not None
    assert not store.remove("nobody") and not store.set_password("nobody", "x")


def test_a_user_made_anew_is_another_one(store: UserStore) -> None:
    opened = signed_in(store)
    store.remove("ann")
    store.add("ann", Role.ADMIN, [Scope()], "hash", NOW_MS)
    assert store.session(opened.token, NOW_MS) is None
    assert ann(store).scopes == (Scope(),)


def test_a_link_ends_by_time_or_by_hand(store: UserStore) -> None:
    number, token = store.add_link("wall", [Scope(1, 1)], ["floor", "queue"], NOW_MS, NOW_MS + HOUR_MS)
    link = store.link(token, NOW_MS + HOUR_MS - 1)
    assert link is not None
    assert store.link(token, NOW_MS + HOUR_MS) is None is store.link("x", NOW_MS)
    opened = store.open(link.person, NOW_MS, link.expires_at_ms)
    assert store.revoke_link(number, NOW_MS + 1)
    assert not store.revoke_link(number, NOW_MS + 2) and not store.revoke_link("x", NOW_MS)
    assert store.link(token, NOW_MS) is None is store.session(opened.token, NOW_MS)
    assert [one.revoked_at_ms for one in store.links()] == [NOW_MS + 1]


def test_what_the_provider_calls_a_user_is_noted_once(store: UserStore) -> None:
    for name in ("ben", "eve"):
        store.add(name, Role.VIEWER, [Scope(1)], None, NOW_MS)
    ben, eve = store.user("ben"), store.user("eve")
    assert ben is not None and eve is not None
    assert store.bind(ben, "issuer 1")
    ben = store.user("ben")
    assert ben is not None
    assert store.bind(ben, "issuer 1") and not store.bind(ben, "issuer 2")
    assert not store.bind(eve, "issuer 1")


def test_sessions_are_bounded_the_oldest_end(store: UserStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users_module, "SESSIONS_PER_PERSON_MAX", 3)
    monkeypatch.setattr(users_module, "SESSIONS_MAX", 5)
    store.add("ben", Role.VIEWER, [Scope(1)], "hash", NOW_MS)
    tokens = [signed_in(store).token for _ in range(5)]
    assert [store.session(token, NOW_MS) is not None for token in tokens] == [False, False, True, True, True]
    bens = [signed_in(store, "ben").token for _ in range(3)]
    assert [store.session(token, NOW_MS) is not None for token in tokens[2:]] == [False, True, True]
    assert all(store.session(token, NOW_MS) for token in bens)
    store.open(ann(store), NOW_MS + 2 * HOUR_MS, NOW_MS + 3 * HOUR_MS)
    assert len(store._sessions) == 1  # those that are over are forgotten


def test_the_file_is_private_and_a_damaged_one_is_told(tmp_path: Path) -> None:
    UserStore(tmp_path).close()
    file = tmp_path / "users.sqlite"
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    with pytest.raises(StoreUnusable, match="chmod 600"):
        UserStore(tmp_path)
    file.chmod(0o600)
    file.write_bytes(b"damage" * 1_000)
    for name in ("users.sqlite-wal", "users.sqlite-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    with pytest.raises(StoreUnusable, match=r"users\.sqlite cannot be used"):
        UserStore(tmp_path)
