"""`GET /v1/explain`: what a figure is made of, now or at an instant of the past."""

from queuepulse.protocol.codes import ResultCode
from queuepulse.retelling import OUR_NAMES, Explainer, PastRefused, PastUnavailable, Why
from queuepulse.v1.app import Asked, Refused, Told


class ExplainEndpoint:
    """Answers the interface, out of an `Explainer`."""

    def __init__(self, explainer: Explainer) -> None:
        self._explainer = explainer

    async def __call__(self, asked: Asked) -> Told:
        values = asked.values
        figure = OUR_NAMES.get(values["figure"], values["figure"])
        why = Why(values["skill"], figure, values["at"], values["after"], values["limit"])
        try:
            told = await self._explainer.explain(asked.vdn, why)
        except PastRefused as refused:
            raise Refused(ResultCode.ILLEGAL_PARAMETER, str(refused), key="at") from refused
        except PastUnavailable as unavailable:
            reason = str(unavailable)
            raise Refused(ResultCode.CALL_FAILED, reason, retry_s=unavailable.retry_s) from unavailable
        return Told(told.body, told.position, told.stale_since_ms)
