"""Read configuration files: take keys from a base, check values, add defaults, expand variants. Store experiments."""

from __future__ import annotations

import dataclasses
import itertools
import re
from pathlib import Path
from typing import Any

import yaml

from groupsc.config.checks import require
from groupsc.config.definitions import Experiment, ModelConfig, experiment_from_dict
from groupsc.config.grid import VARIANT, Grid
from groupsc.config.messages import in_one_sentence
from groupsc.utils.atomic import write_text
from groupsc.utils.errors import GroupSCError, unreadable
from groupsc.utils.typing import PathLike

MODEL_KEYS = frozenset(field.name for field in dataclasses.fields(ModelConfig))


def complete_grid(config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration with all defaults, converted values and expanded variants.

    Parameters
    ----------
    config : dict
        As read from a file of config/; a complete configuration is returned unchanged.

    Returns
    -------
    dict
        The keys of `Grid` without `base`.

    Raises
    ------
    GroupSCError
        For an unknown or former key, a missing key, or a value of the wrong type or out of range. The message gives
        the place and the hint.

    Examples
    --------
    >>> config = complete_grid({"tasks": {"gray": {"methods": ["sc"], "levels": ["25"]}}, "threads": {"train": "4"}})
    >>> config["tasks"]["gray"]["levels"], config["threads"], config["mode"]
    ([25], {'train': 4, 'evaluate': 1}, 'whole')
    """
    with in_one_sentence("the configuration"):
        grid = Grid.model_validate(_with_base(config))
    found = grid.model_dump(exclude={"base"})
    found["figures"] = {name: given or {} for name, given in found["figures"].items()}
    for task, given in found["tasks"].items():
        given["variants"] = expanded(f"tasks.{task}.variants", given["variants"])
    return found


def read_grid(path: PathLike) -> dict[str, Any]:
    """Return the complete configuration in a file such as those of config/.

    Raises
    ------
    GroupSCError
        If the file is no YAML mapping with tasks; as for `complete_grid`.
    """
    return complete_grid({"output": default_output(path), **_read_configuration(path)})


def default_output(path: PathLike) -> str:
    """Return the output folder of a configuration without the key `output`: each file has its own.

    Parameters
    ----------
    path : path
        The configuration file.

    Returns
    -------
    str

    Examples
    --------
    >>> default_output("config/mine.yaml")
    'results/mine'
    """
    return f"results/{Path(path).stem}"


def read_experiment(path: PathLike) -> Experiment:
    """Read one experiment from a YAML file of `write_experiment`.

    Raises
    ------
    GroupSCError
        If the file is missing, is no YAML mapping, or has an unknown key.
    """
    values = read_yaml(path, "an experiment", "make it with `groupsc experiment`")
    require(isinstance(values, dict), f"{path} holds no experiment; make one with `groupsc experiment`")
    return experiment_from_dict(values)


def write_experiment(path: PathLike, experiment: Experiment) -> None:
    """Write one experiment with all its settings, including defaults, to a YAML file."""
    write_text(path, yaml.safe_dump(dataclasses.asdict(experiment), sort_keys=False))


def read_yaml(path: PathLike, purpose: str, hint: str) -> Any:
    """Read the values of a YAML file.

    Parameters
    ----------
    path : path
    purpose, hint : str
        What the file is read as, and the hint of the error.

    Raises
    ------
    GroupSCError
        If the file is missing or is not YAML.

    Examples
    --------
    >>> read_yaml("absent.yaml", "a queue", "write a list")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    groupsc.utils.errors.MissingFileError: absent.yaml can't be read as a queue (...); write a list
    """
    try:
        return yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise unreadable(error)(f"{path} can't be read as {purpose} ({error}); {hint}") from error


def _with_base(config: Any) -> Any:
    """Return a configuration with the keys of its base that it does not replace."""
    if not isinstance(config, dict) or not config.get("base"):
        return config
    base = _read_configuration(config["base"])
    require(not base.get("base"), f"{config['base']} has a base itself; name that file as the base")
    return {**base, **config}


def _read_configuration(path: PathLike) -> dict[str, Any]:
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise unreadable(error)(
            f"{path} can't be read ({error.strerror}); correct the name of the configuration"
        ) from error
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise GroupSCError(f"{path} is not a YAML file ({error}); see config/README.md") from error
    if not isinstance(values, dict) or not ("base" in values or isinstance(values.get("tasks"), dict)):
        raise GroupSCError(f"{path} has no mapping `tasks`; see config/README.md")
    return values


def expanded(where: str, variants: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return variants by name, each with its own model and training.

    Parameters
    ----------
    where : str
        Place of the variants in the configuration, for errors.
    variants : dict
        Checked by `groupsc.config.grid.Variant`.

    Returns
    -------
    dict
        Variants without `product`, `also` and `name`.

    Raises
    ------
    GroupSCError
        For a product without a name, a name that two variants share, or a {key} in a name that has no values.

    Examples
    --------
    >>> family = {"name": "atoms{n_atoms}", "product": {"n_atoms": [64, 128]}, "also": [], "model": {}, "training": {}}
    >>> {name: variant["model"] for name, variant in expanded("variants", {"sizes": family}).items()}
    {'atoms64': {'n_atoms': 64}, 'atoms128': {'n_atoms': 128}}
    """
    found = {}
    for label, given in variants.items():
        template: Any = given.get("name")
        product, also = given.get("product"), given.get("also")
        common = {key: value for key, value in given.items() if key not in ("name", "product", "also")}
        place = f"{where}.{label}"
        if product or also:
            require(template, f"{place} lacks name; give one such as patch{{patch_size}}atoms{{n_atoms}}")
            made = [(_named(place, template, values), _changed(common, values)) for values in _sets(product, also)]
        else:
            require(not template, f"{place}.name is {template!r}, which names variants of product and also; remove it")
            made = [(label, common)]
        for name, variant in made:
            require(name not in found, f"{place} names two variants {name!r}; put every key that differs into name")
            found[name] = variant
    return found


def _sets(product: dict[str, list[Any]] | None, also: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """Return the sets of values: every combination of the product, then those of `also`."""
    keys = list(product or {})
    combined = [dict(zip(keys, values, strict=True)) for values in itertools.product(*(product or {}).values())]
    return (combined if keys else []) + list(also or [])


def _named(place: str, template: str, values: dict[str, Any]) -> str:
    """Return the name of a variant: the template with every {key} replaced by its value."""
    keys = re.findall(r"\{(\w+)\}", template)
    unknown = [key for key in keys if key not in values]
    require(
        not unknown,
        f"{place}.name has {{{', '.join(unknown)}}}, which product and also lack; they have {', '.join(values)}",
    )
    name = re.sub(r"\{(\w+)\}", lambda found: str(values[found[1]]).lower(), template)
    require(
        re.fullmatch(VARIANT, name),
        f"{place}.name makes {name!r}, which names files; call it by small letters and digits",
    )
    return name


def _changed(common: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Return a variant with further values of its model and training."""
    model = {key: value for key, value in values.items() if key in MODEL_KEYS}
    training = {key: value for key, value in values.items() if key not in MODEL_KEYS}
    return {**common, "model": {**common["model"], **model}, "training": {**common["training"], **training}}
