"""`GET /v1/explain`: what a figure is made of, now or at an instant of the past."""

from collections.abc import Mapping
from typing import Any

from queuepulse.engine.drafting import has_windows
from queuepulse.protocol.codes import ResultCode
from queuepulse.retelling import OUR_NAMES, Explainer, PastRefused, PastUnavailable, Why
from queuepulse.urls import BadQuery
from queuepulse.v1.app import Asked, Refused, Told
from queuepulse.v1.figures import window_of


class ExplainEndpoint:
    """Answers the interface, out of an `Explainer`."""

    def __init__(self, explainer: Explainer) -> None:
        self._explainer = explainer

    async def __call__(self, asked: Asked) -> Told:
        try:
            told = await self._explainer.explain(asked.vdn, why_of(asked.values))
        except PastRefused as refused:
            raise Refused(ResultCode.ILLEGAL_PARAMETER, str(refused), key="at") from refused
        except PastUnavailable as unavailable:
            reason = str(unavailable)
            raise Refused(ResultCode.CALL_FAILED, reason, retry_s=unavailable.retry_s) from unavailable
        return Told(told.body, told.position, told.stale_since_ms)


def why_of(values: Mapping[str, Any]) -> Why:
    """The question in the parameters. Raises BadQuery where they do not fit each other."""
    figure = OUR_NAMES.get(values["figure"], values["figure"])
    why = Why(values["skill"], figure, values["at"], values["after"], values["limit"])
    if has_windows(figure):
        window = window_of({**values, "from": None, "to": None, "grain": None})
        return why._replace(window=window, seconds=values["seconds"] or 0, within=int(values["within"] or 0))
    for key in ("window", "seconds", "within"):
        if values[key] is not None:
            raise BadQuery(key, f"is of no use here: {figure} has its own time")
    return why
