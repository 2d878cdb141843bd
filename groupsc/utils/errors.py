"""The one error that people see: its sentence says what is wrong and what to do about it."""


class GroupSCError(ValueError):
    """Bad input or configuration; the message carries the hint."""
