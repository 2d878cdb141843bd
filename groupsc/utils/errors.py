"""The errors that people see: the sentence says what is wrong and what to do about it."""


class GroupSCError(ValueError):
    """Bad input or configuration; the message carries the hint."""


class MissingFileError(GroupSCError, FileNotFoundError):
    """A file that is needed does not exist."""


class TooLittleMemoryError(GroupSCError, MemoryError):
    """The memory is too small, or less of it was allowed than is needed."""


def unreadable(error: Exception) -> type[GroupSCError]:
    """The kind of error to raise for a file that could not be read because of `error`."""
    return MissingFileError if isinstance(error, FileNotFoundError) else GroupSCError
