"""What stands behind a gateway in tests: BMS applications without a server, and nodes that misbehave."""

from asking import ask_async, scope_of
from queuepulse.asgi import App
from queuepulse.cms.nodes import NodeAnswer, NodeFailed

WAIT_S = 20.0


class AppLink:
    """A `Link` straight into an application. What is put into `fault` happens in place of an answer."""

    def __init__(self, app: App, token: str | None = None) -> None:
        self.app = app
        self.token = token
        self.fault: Exception | None = None
        self.asked: list[str] = []

    async def ask(self, path: str, body: bytes | None, headers: dict[str, str]) -> NodeAnswer:
        self.asked.append(path)
        if self.fault is not None:
            raise self.fault
        told = [(name.encode(), value.encode()) for name, value in headers.items()]
        if self.token is not None:
            told.append((b"authorization", f"Bearer {self.token}".encode()))
        scope = scope_of("GET" if body is None else "POST", path.encode(), told)
        heard = await ask_async(self.app, scope, [body or b""])
        return NodeAnswer(
            heard.status, {name.decode(): value.decode() for name, value in heard.headers}, heard.body
        )

    async def close(self) -> None: ...


def gone() -> NodeFailed:
    return NodeFailed("connection refused")
