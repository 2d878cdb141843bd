"""Write times for readers."""


def duration(seconds: float) -> str:
    """Write a time in seconds, minutes or hours, with few digits.

    Parameters
    ----------
    seconds : float

    Returns
    -------
    str

    Examples
    --------
    >>> duration(0.3), duration(8.2), duration(432), duration(4200), duration(200000)
    ('0.3 s', '8 s', '7 min', '70 min', '56 h')
    """
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 1.95 else f"{seconds:.0f} s"
    return f"{round(seconds / 60)} min" if seconds < 7200 else f"{round(seconds / 3600)} h"
