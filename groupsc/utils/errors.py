"""Errors and warnings for users. Each message contains the problem and a hint."""


class GroupSCError(ValueError):
    """Error in the input or the configuration. The message contains the problem and a hint.

    Examples
    --------
    >>> raise GroupSCError("images is 0; give at least 1")
    Traceback (most recent call last):
        ...
    groupsc.utils.errors.GroupSCError: images is 0; give at least 1
    """


class GroupSCWarning(UserWarning):
    """A doubt about a valid input, or a part of the machine that can't be used. The message contains a hint.

    Examples
    --------
    >>> issubclass(GroupSCWarning, UserWarning)
    True
    """


class MissingFileError(GroupSCError, FileNotFoundError):
    """A required file does not exist.

    Examples
    --------
    >>> issubclass(MissingFileError, FileNotFoundError)
    True
    """


class TooLittleMemoryError(GroupSCError, MemoryError):
    """The memory of the device, or the memory limit of the user, is too small.

    Examples
    --------
    >>> issubclass(TooLittleMemoryError, MemoryError)
    True
    """


def unreadable(error: Exception) -> type[GroupSCError]:
    """Return the type of error to raise for a file that can't be read.

    Parameters
    ----------
    error : Exception
        The exception of the attempt to read the file.

    Returns
    -------
    type
        `MissingFileError` for a `FileNotFoundError`, otherwise `GroupSCError`.

    Examples
    --------
    >>> unreadable(FileNotFoundError()).__name__
    'MissingFileError'
    """
    return MissingFileError if isinstance(error, FileNotFoundError) else GroupSCError
