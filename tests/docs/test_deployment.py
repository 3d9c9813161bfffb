"""Files that start servers agree with one another: checked without an engine, and by one where there is one."""

import ipaddress
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
CONFIGS = {name: ROOT / "vearch" / name for name in ("config.toml", "config_cluster.toml")}
VEARCH = {name: service for name, service in SERVICES.items() if "vearch/vearch" in service.get("image", "")}


def config_of(service):
    """The Vearch configuration that a container mounts."""
    [source] = [v.split(":")[0] for v in service["volumes"] if ":/etc/vearch/config.toml" in v]
    return tomllib.loads((ROOT / source).read_text())


def profiles():
    return {name: service["profiles"] for name, service in SERVICES.items()}


def test_there_is_a_profile_for_each_way_to_run_it():
    assert {profile for names in profiles().values() for profile in names} == {
        "standalone", "cluster", "qdrant", "service"
    }  # fmt: skip
    cluster = [name for name, names in profiles().items() if names == ["cluster"]]
    counts = {part: sum(part in name for name in cluster) for part in ("master", "router", "ps")}
    assert counts == {"master": 3, "router": 2, "ps": 3}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_bounded_pinned_and_reached_from_this_machine_only(name):
    service = SERVICES[name]
    image = service["image"].removesuffix("}").rpartition(":-")[2]
    assert re.search(r":v?\d+\.\d+\.\d+$", image), f"{image} is not pinned to a version"
    assert service["mem_limit"]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert "healthcheck" in service or "build" in service  # what we build has it in its Dockerfile
    assert not service.get("privileged")


def test_volumes_are_declared_and_files_exist():
    for service in SERVICES.values():
        for volume in service["volumes"]:
            source = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", volume).split(":")[0]
            assert (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"], source


def test_the_example_environment_names_every_variable_that_has_to_be_chosen():
    used = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    offered = set(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert offered - used == set()
    assert used - offered == {"VEARCH_IMAGE", "QDRANT_IMAGE", "TORCH_BACKEND", "NEARID_SUBNET"}


def test_addresses_of_the_cluster_stay_and_lie_in_its_network():
    network = ipaddress.ip_network(COMPOSE["networks"]["nearid"]["ipam"]["config"][0]["subnet"].split(":-")[1][:-1])
    fixed = [s["networks"]["nearid"]["ipv4_address"] for s in SERVICES.values() if s["profiles"] == ["cluster"]]
    assert len(set(fixed)) == len(fixed) == 8
    assert all(ipaddress.ip_address(address) in network for address in fixed)


@pytest.mark.parametrize("name", VEARCH)
def test_what_vearch_writes_is_on_a_volume(name):
    service = VEARCH[name]
    config = config_of(service)["global"]
    mounted = {volume.split(":")[1] for volume in service["volumes"]}
    assert config["log"] in mounted
    if "router" not in name:  # a router keeps nothing
        assert set(config["data"]) <= mounted


def test_masters_are_where_the_configuration_says():
    masters = {master["name"]: master["address"] for master in config_of(VEARCH["vearch-ps1"])["masters"]}
    started = {s["command"][1]: name for name, s in VEARCH.items() if s["command"][0] == "-master"}
    assert masters == started


@pytest.mark.parametrize("name", CONFIGS)
def test_every_key_is_explained_once(name):
    lines = CONFIGS[name].read_text().splitlines()
    keys = [(number, line.split(" =")[0]) for number, line in enumerate(lines) if re.match(r"\w+ =", line)]
    explained = {key for number, key in keys if lines[number - 1].startswith("#")}
    known_from_name = {"name", "address", "pprof_port", "log", "support_etcd_auth", "rpc_port", "flush_count_threshold"}
    ports = {key for _, key in keys if key.endswith("_port")} | {"log_file_num"}
    assert {key for _, key in keys} - explained <= known_from_name | ports


def start(tmp_path, *words, **environment):
    """Runs start.sh with a program that prints what it is called with."""
    given = {"VEARCH_CONFIG": str(CONFIGS["config.toml"]), "VEARCH_PROGRAM": "/bin/echo",
             "VEARCH_RUNTIME_CONFIG": str(tmp_path / "vearch.toml"), "PATH": os.environ["PATH"]}  # fmt: skip
    return subprocess.run(
        ["sh", str(ROOT / "vearch" / "start.sh"), *words], env=given | environment, capture_output=True, text=True
    )


def test_start_puts_the_password_where_only_the_server_reads_it(tmp_path):
    started = start(tmp_path, "-master", "master1", "master", VEARCH_PASSWORD="s3cret-_")
    written = tmp_path / "vearch.toml"
    assert started.stdout.split() == ["-conf", str(written), "-master", "master1", "master"]
    assert tomllib.loads(written.read_text())["global"]["signkey"] == "s3cret-_"
    assert written.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("words", "environment", "says"),
    [
        ([], {"VEARCH_PASSWORD": "x"}, "which part"),
        (["all"], {}, "VEARCH_PASSWORD is empty"),
        (["all"], {"VEARCH_PASSWORD": 'x"\nskip_auth = true'}, "letters, digits"),
        (["all"], {"VEARCH_PASSWORD": "x", "VEARCH_CONFIG": "/nowhere"}, "cannot read"),
    ],
)
def test_start_refuses_what_would_not_work(tmp_path, words, environment, says):
    refused = start(tmp_path, *words, **environment)
    assert refused.returncode == 2
    assert says in refused.stderr
    assert not (tmp_path / "vearch.toml").exists()


LOADED_BY_THE_SERVICE = """
import sys
from importlib.metadata import packages_distributions

import numpy as np
import uvicorn

import util.vector_store.embedded, util.vector_store.vearch, vearch_plugin.serving
from util.image_extract import load
from util.preprocess.recipe import Recipe
from util.vector_store import open_store
from vearch_plugin.app import create_app

create_app()
open_store("qdrant+local::memory:").list_spaces()
picture = np.full((64, 64, 3), 100, np.uint8)
for name in ("grocery", "color_texture", "orb", "phash"):
    load(name).extract([picture])
Recipe.parse("background=grabcut, crop=10, square, resize=64, exposure=dual").apply(picture)
owners = packages_distributions()
print(*{owner for name in {module.partition(".")[0] for module in sys.modules} for owner in owners.get(name, [])})
"""


@pytest.mark.slow  # loads torch
def test_the_container_gets_all_that_the_service_loads():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = {re.match(r"[\w-]+", line)[0] for line in project["project"]["dependencies"]}
    installed = set(project["dependency-groups"]["service"])
    ran = subprocess.run(
        [sys.executable, "-c", LOADED_BY_THE_SERVICE], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = {name.lower().replace("_", "-") for name in ran.stdout.split()}
    assert installed <= wanted
    assert loaded & wanted - installed == set()
    assert {"torch", "fastapi", "qdrant-client"} <= loaded


def test_the_dockerfile_is_clean():
    hadolint = Path(sys.executable).with_name("hadolint")
    checked = subprocess.run([hadolint, ROOT / "vearch_plugin" / "Dockerfile"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("profile", ["standalone", "cluster", "qdrant", "service"])
def test_docker_compose_reads_it(profile):
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "compose", "version"], capture_output=True).returncode
    ):
        pytest.skip("docker compose is not installed")
    read = subprocess.run(
        ["docker", "compose", "--profile", profile, "config", "--quiet"], cwd=ROOT, capture_output=True, text=True
    )
    assert read.returncode == 0, read.stderr
