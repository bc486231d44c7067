"""The two internal interfaces behind `skill/stateinfo`, for gateways: never on the public address."""
