"""No test reaches another machine: `conftest.py` watches over it."""

import asyncio
import socket

import pytest

# Kept by RFC 5737 for documents: nobody has it.
ELSEWHERE = "192.0.2.1"


def test_a_connection_elsewhere_is_refused() -> None:
    with socket.socket() as client, pytest.raises(AssertionError, match=ELSEWHERE):
        client.connect((ELSEWHERE, 9))
    with socket.socket(type=socket.SOCK_DGRAM) as client, pytest.raises(AssertionError, match=ELSEWHERE):
        client.sendto(b"", (ELSEWHERE, 9))
    with pytest.raises(AssertionError, match=ELSEWHERE):
        asyncio.run(asyncio.open_connection(ELSEWHERE, 9))


def test_a_name_of_elsewhere_is_not_even_looked_up() -> None:
    with pytest.raises(AssertionError, match=r"nowhere\.invalid"):
        socket.create_connection(("nowhere.invalid", 9))


def test_this_machine_may_be_asked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
        socket.create_connection(("localhost", server.getsockname()[1])).close()
