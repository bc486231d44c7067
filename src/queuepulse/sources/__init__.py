"""Where events come from: a module, or two, for each kind of source."""
