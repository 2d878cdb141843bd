"""A real browser without a window, driven over two pipes: pages, keys, clicks, and what went wrong on the console."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
KEYS = {"Tab": 9, "Enter": 13, "ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35}


def executable():
    """The path of a Chromium, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One page of a headless Chromium that speaks its debugging protocol over the descriptors 3 and 4."""

    def __init__(self, profile, width=1280, height=900):
        (chrome_reads, self.out), (self.inn, chrome_writes) = os.pipe(), os.pipe()
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe"]
        options += [f"--user-data-dir={profile}", f"--window-size={width},{height}", "--disable-dev-shm-usage"]
        command = f'exec "$0" "$@" 3<&{chrome_reads} 4>&{chrome_writes}'
        self.process = subprocess.Popen(
            ["bash", "-c", command, executable(), *options, "about:blank"],
            pass_fds=(chrome_reads, chrome_writes), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(chrome_reads)
        os.close(chrome_writes)
        self.number, self.rest, self.events, self.session = 0, b"", [], None
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        """The answer to one command; events that come meanwhile are kept."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self.number:
            self.events.append(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def _read(self):
        while b"\0" not in self.rest:
            found = os.read(self.inn, 1 << 16)
            if not found:
                raise RuntimeError("the browser ended")
            self.rest += found
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def open(self, address):
        self.call("Page.navigate", url=address)
        for _ in range(600):
            if self.run("document.readyState") == "complete" and self.run("location.href") == address:
                return
            time.sleep(0.05)
        raise RuntimeError(f"{address} was not loaded")

    def run(self, expression):
        """The value of an expression in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"]["exception"].get("description", expression))
        return found["result"].get("value")

    def click(self, expression, across=0.5):
        """A click of the mouse on the middle of an element, or at another share of its width."""
        box = "(e => { e.scrollIntoView({block: 'center', behavior: 'instant'}); "
        box += f"const b = e.getBoundingClientRect(); return [b.left, b.top, b.width, b.height]; }})({expression})"
        left, top, width, height = self.run(box)
        for kind in ("mousePressed", "mouseReleased"):
            where = {"x": left + across * width, "y": top + height / 2}
            self.call("Input.dispatchMouseEvent", type=kind, **where, button="left", clickCount=1)

    def press(self, key):
        text = {"text": "\r"} if key == "Enter" else {}
        for kind, more in (("keyDown", text), ("keyUp", {})):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=KEYS[key], **more)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def complaints(self):
        """Errors and warnings on the console, and exceptions that nothing caught."""
        self.run("0")
        found = [event["params"] for event in self.events if event["method"] == "Runtime.exceptionThrown"]
        for event in self.events:
            if event["method"] == "Runtime.consoleAPICalled" and event["params"]["type"] in ("error", "warning"):
                found.append(event["params"]["args"])
            if event["method"] == "Log.entryAdded" and event["params"]["entry"]["level"] == "error":
                found.append(event["params"]["entry"])
        return found

    def requests(self):
        """Addresses that the page asked for."""
        sent = [event for event in self.events if event["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]

    def screenshot(self, path):
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=False)["data"]
        path.write_bytes(base64.b64decode(data))

    def close(self):
        for pipe in (self.out, self.inn):
            os.close(pipe)
        self.process.terminate()
        self.process.wait(timeout=20)
