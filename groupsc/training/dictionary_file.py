"""Learn an initial dictionary from a data set, and write it to a file that trainings start from."""

from __future__ import annotations

from torch import Tensor

from groupsc.data.datasets import load_images, set_name
from groupsc.training.dictionary_learning import learn_dictionary
from groupsc.utils.typing import PathLike
from groupsc.weights.files import write_tensors


def write_dictionary(
    path: PathLike,
    dataset: str,
    data_dir: PathLike,
    *,
    channels: int,
    patch_size: int,
    n_atoms: int,
    seed: int = 0,
    images: int | None = None,
) -> Tensor:
    """Learn a dictionary from the images of a data set, and write it as tensor D of a safetensors file.

    Parameters
    ----------
    path : path
        File to write.
    dataset : str
        Name of a data set, or a folder with images.
    data_dir : path
        Folder of the data sets.
    channels, patch_size, n_atoms, seed : int
        As for `groupsc.training.dictionary_learning.learn_dictionary`.
    images : int, optional
        Number of images, from the first; the default is all.

    Returns
    -------
    Tensor (m, p), float32
        The dictionary.

    Raises
    ------
    GroupSCError
        When images are missing, or contain too few patches, or the file can't be written.

    Examples
    --------
    >>> size = {"channels": 1, "patch_size": 9, "n_atoms": 256}
    >>> write_dictionary("dictionary.safetensors", "BSD400", "data/raw", **size)  # doctest: +SKIP
    """
    clean = load_images(dataset, data_dir, channels=channels, images=images).values()
    D = learn_dictionary(clean, channels=channels, patch_size=patch_size, n_atoms=n_atoms, seed=seed)
    size = {"channels": channels, "patch_size": patch_size, "n_atoms": n_atoms}
    write_tensors(path, {"D": D}, {"dataset": set_name(dataset, data_dir), **size, "seed": seed})
    return D
