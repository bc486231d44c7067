"""Our own interfaces under `/v1/`: what the CC-CMS API has no words for (docs/v1.md).

To add one: a row in `interfaces.TABLE` says where it is, what may be asked, and what is answered. From it the
request is parsed and refused, and the OpenAPI document is drawn. What answers it is an async function of
`app.Asked` that gives an `app.Told` or raises `app.Refused`; `server` hands it to `app.V1App` beside its row.
Keys, permission, rates, defects and the envelope of refusals are the app's.
"""
