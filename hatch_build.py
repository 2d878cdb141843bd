"""Puts the released weights into the wheel: the files that the pointers in `data/weights` name, out of `data/store`."""

import re
from pathlib import Path

import yaml
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ReleasedWeights(BuildHookInterface):
    def initialize(self, version, build_data):
        if version == "editable":
            return
        data = Path(self.root, "data")
        for pointer in sorted(data.glob("weights/*.dvc")):
            (out,) = yaml.safe_load(pointer.read_text())["outs"]
            name = pointer.name.removesuffix(".dvc")
            if out["path"] != name or not re.fullmatch("[0-9a-f]{32}", out["md5"]):
                raise ValueError(f"{pointer} is damaged; get it back with `git checkout -- {pointer}`")
            stored = data / "store/files/md5" / out["md5"][:2] / out["md5"][2:]
            for source, target in ((pointer, pointer.name), (stored, name)):
                build_data["force_include"][str(source)] = f"groupsc/_data/weights/{target}"
