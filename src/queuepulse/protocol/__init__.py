"""The CC-CMS open API as text: signatures, result codes, interfaces, request and answer bodies, keys.

Pure: no clock, no socket, no file, no logger, no randomness. Time and secrets are passed in.
The spellings of the API live here and in `cms`, and nowhere else.
"""
