"""What anybody may ask: whether the server lives and should get requests, how it fares; and the wallboard."""

from collections.abc import Callable, Mapping

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from queuepulse.asgi import App
from queuepulse.live.metrics import CONTENT_TYPE, Metrics


def pages(unready: Callable[[], str | None], metrics: Metrics, web: App | None = None) -> Starlette:
    """The pages. `unready` says why requests should go elsewhere, if they should; `web` is the wallboard."""

    async def alive(_request: Request) -> Response:
        return _json(200, {"status": "alive"})

    async def ready(_request: Request) -> Response:
        reason = unready()
        if reason:
            return _json(503, {"status": "not ready", "reason": reason})
        return _json(200, {"status": "ready"})

    async def scrape(_request: Request) -> Response:
        return Response(metrics.render(), media_type=CONTENT_TYPE)

    shown = {"/healthz": alive, "/readyz": ready, "/metrics": scrape}
    routes = [Route(path, page, methods=["GET"]) for path, page in shown.items()]
    return Starlette(routes=[*routes, *([] if web is None else [Mount("/", web)])])


def _json(status: int, told: Mapping[str, str]) -> Response:
    return Response(msgspec.json.encode(told), status, media_type="application/json")
