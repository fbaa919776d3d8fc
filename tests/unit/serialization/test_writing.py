"""Writing: the old file or the new one, whole, whatever happens to the process or the disk."""

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
import torch
from support.pipelines import pipeline
from support.toys import Gaussians

from alchemi_core import PipelineGroup, load_pipeline
from alchemi_core.errors import SerializationError
from alchemi_core.models import ModelOrigin

TESTS = Path(__file__).parents[2]
COMMON = """
import os, random, resource, signal, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import torch
from support.pipelines import CORE, pipeline
from support.toys import Gaussians
from alchemi_core import PipelineGroup, load_pipeline
from alchemi_core.errors import SerializationError
path = Path(sys.argv[2])

def large(version, size=400_000):
    model = Gaussians()
    model.register_buffer("table", torch.full((size,), float(version)))
    return pipeline(PipelineGroup([model]))

def version(size=400_000):
    loaded = load_pipeline(path, models=[large(-1, size).topology.models[0]], registry=CORE)
    table = loaded.topology.models[0].table
    assert (table == table[0]).all()
    return int(table[0])

def names():
    return sorted(one.name for one in path.parent.iterdir())
"""


def run(code, path):
    """Run code in a process of its own, where limits and signals hurt nobody else; give what it prints."""
    command = [sys.executable, "-c", COMMON + dedent(code), str(TESTS), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_killed_at_any_moment(path):
    """Thirty times a process that saves one version after the other is killed; what is there is one of them, whole."""
    printed = run(
        """
        large(0).save(path)
        source, last, drafts = random.Random(6), 0, set()
        for _ in range(30):
            child = os.fork()
            if not child:
                for number in range(last + 1, last + 1000):
                    large(number).save(path)
                os._exit(1)
            time.sleep(source.uniform(0.005, 0.12))
            os.kill(child, signal.SIGKILL)
            assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
            found = version()
            assert last <= found, (last, found)
            last = found
            drafts |= set(names()) - {path.name}
        assert all(name.startswith((f".{path.name}.", ".tmp")) for name in drafts), drafts  # the latter of safetensors
        print(last, len(drafts))
        """,
        path,
    )
    last, drafts = map(int, printed.split())
    assert last > 0, "nothing was saved"
    assert drafts > 0, "no save was interrupted"


def test_what_cannot_be_written_leaves_the_old_file(path):
    """A full disk: files may not grow beyond a size."""
    run(
        """
        def refused():
            before = path.read_bytes()
            try:
                large(2).save(path)
            except SerializationError as error:
                assert "cannot be written" in str(error) and str(path) in str(error), error
            else:
                raise AssertionError("written")
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
            assert path.read_bytes() == before
            assert names() == [path.name], names()

        large(1).save(path)
        for limit in (0, 4, 100, 4096, 500_000, 1_600_000):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            refused()
        large(2).save(path)
        assert version() == 2
        """,
        path,
    )


def test_a_folder_that_takes_no_files():
    """That of the kernel takes none from anybody."""
    with pytest.raises(SerializationError, match="cannot be written"):
        pipeline(PipelineGroup([Gaussians()])).save("/proc/self/p.alchemi")


def test_places_that_are_no_files(tmp_path):
    pipe = pipeline(PipelineGroup([Gaussians()]))
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder.alchemi").mkdir()
    for name in ("absent/p.alchemi", "file/p.alchemi", "folder.alchemi", "nul\0.alchemi", "a" * 300 + ".alchemi"):
        with pytest.raises(SerializationError, match="cannot be written"):
            pipe.save(tmp_path / name)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "folder.alchemi"]
    assert (tmp_path / "file").read_text() == "mine"


def test_a_link_to_a_file_is_replaced_and_its_file_left_alone(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link.alchemi").symlink_to("file")
    pipeline(PipelineGroup([Gaussians(3.0)])).save(tmp_path / "link.alchemi")
    model = Gaussians()
    load_pipeline(tmp_path / "link.alchemi", models=[model])
    assert model.strength.item() == 3.0
    assert (tmp_path / "file").read_text() == "mine"


def test_options_that_no_file_can_hold_leave_the_old_one(path):
    model = Gaussians()
    pipeline(PipelineGroup([model])).save(path)
    before = path.read_bytes()
    model.register_buffer("sparse", torch.eye(3).to_sparse())
    with pytest.raises(SerializationError, match="sparse"):
        pipeline(PipelineGroup([model])).save(path)
    model.origin = ModelOrigin("gaussians", {"strength": object()})
    with pytest.raises((SerializationError, LookupError)):
        pipeline(PipelineGroup([model])).save(path)
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_hostile_files_allocate_no_more_than_they_hold(path):
    """With 512 MiB more than what the process has, a file of a few hundred bytes that tells of terabytes is refused."""
    run(
        """
        large(1, 10).save(path)
        raw = path.read_bytes()
        end = 8 + int.from_bytes(raw[:8], "little")
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**29, resource.RLIM_INFINITY))
        for shape in ("[1099511627776]", "[0,1099511627776]", "[4294967296,4294967296,4294967296,4294967296]", "[]"):
            for offsets in ("[0,4398046511104]", "[0,40]", "[0,0]", "[4398046511104,4398046511104]"):
                tensor = '{"dtype":"F32","shape":%s,"data_offsets":%s}' % (shape, offsets)
                head = ('{"__metadata__":{"alchemi":"{\\\\"format\\\\":1}"},"t":%s}' % tensor).encode()
                path.write_bytes(len(head).to_bytes(8, "little") + head + raw[end:])
                try:
                    load_pipeline(path, registry=CORE)
                except SerializationError as error:
                    assert not isinstance(error.__cause__, MemoryError), error
                    assert "allocate memory" not in str(error), error
                else:
                    raise AssertionError(tensor)
        """,
        path,
    )
