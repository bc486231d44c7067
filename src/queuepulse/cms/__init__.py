"""The public server of the CC-CMS open API: it asks a `Board`. The texts of that API are in `protocol`."""
