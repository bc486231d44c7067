"""The formulas of the figures beyond the nineteen as text, in terms of the fields of records."""

from typing import Final

from queuepulse.engine.measures import Measure

PERCENTILE: Final = "percentile({}, {})"
"""The smallest value that so many percent of all do not exceed."""


def text_of(measure: Measure) -> str:
    """How the figure comes of its fields; where it would divide by 0 there is none."""
    fields = measure.fields
    if measure.span:
        return PERCENTILE.format(f"{measure.span}_ms", measure.name.rpartition("_p")[2])
    if measure.family == "service_level":
        answered, abandoned, missed = (
            [field for field in fields if field.startswith(what)]
            for what in ("answered", "abandoned", "missed")
        )
        rule = measure.name.removeprefix("service_level_")
        good = answered + abandoned if rule == "positive" else answered
        counted = answered + missed if rule == "ignore" else answered + abandoned + missed
        return f"({' + '.join(good)}) / ({' + '.join(counted)})"
    if measure.family == "occupancy":
        idle_ms, *busy = fields
        return f"({' + '.join(busy)}) / ({' + '.join(busy)} + {idle_ms})"
    if measure.family == "average_handle_time_ms":
        return "({} + {}) // {}".format(*fields)
    if measure.family == "average_speed_of_answer_ms":
        return "{} // {}".format(*fields)
    return (" - " if measure.family == "callers" else " + ").join(fields)
