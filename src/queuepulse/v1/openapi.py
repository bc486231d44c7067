"""The OpenAPI 3.1 document of the interfaces, drawn from their table."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from queuepulse import __version__
from queuepulse.protocol.codes import ResultCode
from queuepulse.v1.interfaces import Interface
from queuepulse.v1.parameters import Limits, Parameter

_KEYS: Final[list[dict[str, list[str]]]] = [{"signature": []}, {"token": []}]
_SCHEMES: Final = {
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "auth-v2, the signature of the CC-CMS open API",
    },
    "token": {"type": "http", "scheme": "bearer", "description": "a token of `queuepulse keys add --token`"},
}


class Refusal(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request that was not answered: a result code of the CC-CMS API, why, and which parameter is at fault.

    `key` is absent where it is none of them.
    """

    resultCode: str  # noqa: N815 - as it is called in all answers
    reason: str
    key: str = ""


NOT_FOUND: Final = "404"
"""Only where an id is a part of the path."""
STATUSES: Final = {
    "400": (ResultCode.ILLEGAL_PARAMETER, "A parameter is missing, unknown, twice or wrong."),
    "401": (ResultCode.NOT_PERMITTED, "Neither a signature nor a token that counts."),
    "403": (ResultCode.NOT_PERMITTED, "This key may not see this VDN."),
    NOT_FOUND: (ResultCode.ILLEGAL_PARAMETER, "Nothing has the id of the path, or it is no longer kept."),
    "429": (ResultCode.CALL_FAILED, "Too many questions a second with this key; Retry-After tells when."),
    "500": (ResultCode.UNKNOWN_EXCEPTION, "A defect of the server; its log has the request id."),
    "503": (ResultCode.CALL_FAILED, "It cannot be answered now; Retry-After tells when."),
}
"""How a request may end without an answer: HTTP status, result code, and when."""


def document(interfaces: Iterable[Interface], limits: Limits) -> dict[str, Any]:
    """The document, as what JSON makes of it."""
    [refusal], parts = msgspec.json.schema_components([Refusal], ref_template="#/components/schemas/{name}")
    paths: dict[str, Any] = {}
    for interface in interfaces:
        schema, more = interface.answer()
        parts = {**parts, **more}
        paths[interface.path] = {"get": _operation(interface, schema, refusal, limits)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "QueuePulse",
            "version": __version__,
            "description": "Contact-center statistics beyond the CC-CMS open API. Instants are epoch ms.",
        },
        "paths": paths,
        "components": {"schemas": dict(sorted(parts.items())), "securitySchemes": _SCHEMES},
    }


def _operation(
    interface: Interface, schema: dict[str, Any], refusal: dict[str, Any], limits: Limits
) -> dict[str, Any]:
    refusals = {
        status: {
            "description": f"{when} resultCode {code.value}.",
            "content": {"application/json": {"schema": refusal}},
        }
        for status, (code, when) in STATUSES.items()
        if status != NOT_FOUND or interface.in_path
    }
    return {
        "operationId": interface.name,
        "summary": interface.summary,
        **({"description": interface.meaning} if interface.meaning else {}),
        "security": _KEYS,
        "parameters": [
            *([_in_path(interface.in_path, limits)] if interface.in_path else []),
            *(_parameter(one, limits) for one in interface.parameters),
        ],
        "responses": {
            "200": {"description": "The answer.", "content": {"application/json": {"schema": schema}}},
            **refusals,
        },
    }


def _in_path(parameter: Parameter, limits: Limits) -> dict[str, Any]:
    return {**_parameter(parameter, limits), "in": "path", "required": True}


def _parameter(parameter: Parameter, limits: Limits) -> dict[str, Any]:
    schema = parameter.kind.schema(limits)
    if parameter.default is not None:
        schema = {**schema, "default": parameter.default}
    told = {
        "name": parameter.name,
        "in": "query",
        "required": parameter.required,
        "description": parameter.meaning,
        "schema": schema,
    }
    # A list stands in one parameter, with commas.
    return {**told, "style": "form", "explode": False} if schema.get("type") == "array" else told
