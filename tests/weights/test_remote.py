"""Released weights in a store: an S3 server on loopback that checks who asks, and the store inside the repository."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import urllib.request

import pytest
import yaml
from checkouts import ROOT, run

from groupsc.weights.released import releases

NAMES = ("gray-sc-sigma25", "mosaic-sc")
BUCKET = "weights"

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("store")]


@pytest.fixture(scope="module")
def s3():
    """(client, environment): a server with a bucket and one user, who alone may read and write."""
    reason = "an S3 server is missing; pip install '.[workflow,store,test]'"
    server_module = pytest.importorskip("moto.server", reason=reason)
    pytest.importorskip("dvc_s3", reason=reason)
    import boto3

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())

    def client(service, key, secret):
        keys = {"aws_access_key_id": key, "aws_secret_access_key": secret, "region_name": "us-east-1"}
        return boto3.client(service, endpoint_url=address, **keys)

    iam = client("iam", "anyone", "anything")
    iam.create_user(UserName="laboratory")
    key = iam.create_access_key(UserName="laboratory")["AccessKey"]
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    iam.put_user_policy(UserName="laboratory", PolicyName="s3", PolicyDocument=json.dumps(everything))
    # From now on the server checks keys and signatures.
    urllib.request.urlopen(
        urllib.request.Request(f"{address}/moto-api/reset-auth", b"0", {"Content-Type": "text/plain"})
    ).close()
    user = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    found = client("s3", *user.values())
    found.create_bucket(Bucket=BUCKET)
    yield found, {**user, "ADDRESS": address}
    server.stop()


@pytest.fixture
def credentials(s3, monkeypatch, tmp_path):
    """Only the environment names the user; no file of this machine does."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("CONFIG_FILE", "SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(f"AWS_{name}", str(tmp_path / "nothing"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, s3[1][name])


def checkout_in(folder):
    """A repository with two released weights and the store that holds them."""
    for name in (".dvc/config", ".dvc/.gitignore", ".dvcignore", "data/registry.csv"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "groupsc", folder / "groupsc", ignore=shutil.ignore_patterns("__pycache__"))
    for name in NAMES:
        release = releases([ROOT / "data"])[name]
        pointer = f"data/weights/{name}.safetensors.dvc"
        stored = release.stored.relative_to(ROOT)
        for path in (pointer, stored):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, folder / path)
    run("git", "init", "--quiet", cwd=folder)
    return folder


def laboratory(folder, address, bucket=BUCKET):
    """A checkout that knows the S3 store as the remote `lab`."""
    checkout = checkout_in(folder)
    run("dvc", "remote", "add", "lab", f"s3://{bucket}/{folder.parent.name}", cwd=checkout)
    run("dvc", "remote", "modify", "lab", "endpointurl", address, cwd=checkout)
    return checkout


def groupsc(*arguments, cwd):
    command = [sys.executable, "-m", "groupsc", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(cwd)})


def one_sentence(result, *words):
    assert result.returncode == 2, result
    assert result.stderr.startswith("groupsc: ")
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.stdout + result.stderr
    for word in words:
        assert word in result.stderr


def forget(checkout):
    """As in a fresh clone that has no store of its own."""
    shutil.rmtree(checkout / ".dvc/cache", ignore_errors=True)
    shutil.rmtree(checkout / "data/store", ignore_errors=True)
    for name in NAMES:
        (checkout / f"data/weights/{name}.safetensors").unlink(missing_ok=True)


def objects(client, prefix):
    return {found["Key"] for found in client.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])}


def test_dvc_push_and_pull_bring_the_weights_through_s3(s3, credentials, tmp_path):
    checkout = laboratory(tmp_path / "checkout", s3[1]["ADDRESS"])
    run("dvc", "pull", cwd=checkout)
    run("dvc", "push", "--remote", "lab", cwd=checkout)
    assert len(objects(s3[0], tmp_path.name)) == len(NAMES)
    forget(checkout)
    run("dvc", "pull", "--remote", "lab", cwd=checkout)
    for name in NAMES:
        released = releases([ROOT / "data"])[name].find().read_bytes()
        assert (checkout / f"data/weights/{name}.safetensors").read_bytes() == released
    secret = s3[1]["AWS_SECRET_ACCESS_KEY"]
    kept = [path for path in (checkout / ".dvc").rglob("*") if path.is_file()]
    assert not [path for path in kept if secret.encode() in path.read_bytes()]


def test_our_command_pushes_pulls_and_notices_a_broken_object(s3, credentials, tmp_path):
    checkout = laboratory(tmp_path / "checkout", s3[1]["ADDRESS"])
    pushed = groupsc("weights", "push", "--remote", "lab", cwd=checkout)
    assert pushed.returncode == 0, pushed
    forget(checkout)
    pulled = groupsc("weights", "pull", "--remote", "lab", cwd=checkout)
    assert pulled.returncode == 0, pulled
    assert "all checksums agree" in groupsc("weights", "verify", cwd=checkout).stdout

    for key in objects(s3[0], tmp_path.name):
        s3[0].put_object(Bucket=BUCKET, Key=key, Body=b"broken")
    for verify in ("false", "true"):
        run("dvc", "remote", "modify", "lab", "verify", verify, cwd=checkout)
        forget(checkout)
        one_sentence(groupsc("weights", "pull", "--remote", "lab", cwd=checkout), "broken", "push")
        # What came is not kept, so that the next command doesn't take it for the weights.
        assert not (checkout / f"data/weights/{NAMES[0]}.safetensors").exists()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, ["refuses these credentials", "correct AWS_ACCESS_KEY_ID"]),
        ({"AWS_ACCESS_KEY_ID": "AKIAWRONG"}, ["refuses these credentials", "correct AWS_ACCESS_KEY_ID"]),
        ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, ["no credentials", "set AWS_ACCESS_KEY_ID"]),
        ({"bucket": "nowhere"}, ["bucket", "dvc remote modify lab url"]),
        ({"address": "http://127.0.0.1:9"}, ["nothing answers", "endpointurl"]),
    ],
    ids=["secret", "key", "none", "bucket", "address"],
)
def test_a_store_that_refuses_ends_in_a_sentence_with_a_hint(changed, words, s3, credentials, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for name, value in changed.items():
        if name.isupper():
            monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    address = changed.get("address", s3[1]["ADDRESS"])
    checkout = laboratory(tmp_path / "checkout", address, changed.get("bucket", BUCKET))
    one_sentence(groupsc("weights", "push", NAMES[0], "--remote", "lab", cwd=checkout), *words)


def test_an_unknown_remote_ends_in_a_sentence(tmp_path):
    checkout = checkout_in(tmp_path)
    one_sentence(groupsc("weights", "pull", NAMES[0], "--remote", "lab", cwd=checkout), "dvc remote add lab")


def test_an_altered_object_of_the_repository_s_own_store_is_noticed(tmp_path):
    checkout = checkout_in(tmp_path)
    pointer = yaml.safe_load((checkout / f"data/weights/{NAMES[0]}.safetensors.dvc").read_text())
    md5 = pointer["outs"][0]["md5"]
    stored = checkout / "data/store/files/md5" / md5[:2] / md5[2:]
    altered = bytearray(stored.read_bytes())
    altered[len(altered) // 2] ^= 1
    stored.chmod(0o644)
    stored.write_bytes(altered)
    for command in ("verify", "pull"):
        one_sentence(groupsc("weights", command, cwd=checkout), "checksum differs", "remove it")
    pulled = run("dvc", "pull", cwd=checkout, check=False)
    assert pulled.returncode != 0
    assert not (checkout / f"data/weights/{NAMES[0]}.safetensors").exists()
    assert (checkout / f"data/weights/{NAMES[1]}.safetensors").exists()
