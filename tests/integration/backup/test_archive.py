"""What is not whole, not ours or not meant for this key is never believed."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path

import pyrage
import pytest
from PIL import Image

from backend.operations.backup.archive import SUFFIX, ArchiveError, Member, members, written
from backend.operations.backup.check import checked
from backend.operations.backup.keys import RECIPIENTS, identities, make_key
from backend.operations.backup.manifest import MANIFEST
from backend.operations.refusal import Refusal
from tests.integration.backup.machine import Machine, backed_up, is_untouched, recipient
from tests.integration.paper_world import World


@pytest.fixture
async def backup(world: World, source: Machine, folder: Path, key: Path) -> Path:
    """A backup of some hundred kilobytes."""
    await world.checked(random_picture())
    return await backed_up(source, folder, key)


async def test_nothing_that_was_tampered_with_is_believed(
    backup: Path, folder: Path, key: Path, tmp_path: Path, target: Machine
) -> None:
    whole = backup.read_bytes()
    assert checked(members(backup, identities(key))).papers.count == 3
    bad = tmp_path / "bad"
    for at in range(len(whole) // 40, len(whole), len(whole) // 20):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << at % 8
        for content in (bytes(flipped), whole[:at], whole[:at] + whole[at + 1 :], whole + whole[:at]):
            bad.write_bytes(content)
            with pytest.raises(ArchiveError, match=r"is damaged or not whole|is no encrypted backup"):
                checked(members(bad, identities(key)))
    for at in (0, 10, 100, 200):
        bad.write_bytes(whole[:at])
        with pytest.raises(ArchiveError, match=r"is damaged|is no encrypted backup"):
            checked(members(bad, identities(key)))
    bad.write_bytes(whole[:-1])
    told = await target.niangjia("restore", bad, "--key", key)
    assert (told.returncode, await is_untouched(target)) == (2, True)
    assert "is damaged or not whole" in told.stderr
    assert "Traceback" not in told.stderr


async def test_only_its_own_keys_open_a_backup(
    world: World, source: Machine, folder: Path, key: Path, tmp_path: Path
) -> None:
    second, stranger = tmp_path / "second", tmp_path / "stranger"
    make_key(second)
    make_key(stranger)
    told = await source.niangjia("backup", folder, **{RECIPIENTS: f"{recipient(key)}, {recipient(second)}"})
    assert told.returncode == 0
    (path,) = folder.iterdir()
    for opener in (key, second):
        assert (await source.niangjia("verify", path, "--key", opener)).returncode == 0
    told = await source.niangjia("verify", path, "--key", stranger)
    assert told.returncode == 2
    assert "This key does not open" in told.stderr


def test_what_an_insider_rearranged_within_the_envelope_is_found(backup: Path, key: Path, tmp_path: Path) -> None:
    """Whoever holds a public key can make a file; a part left out, doubled, changed or moved shows."""
    parts, openers = list(members(backup, identities(key))), identities(key)
    table = next(part for part in parts if part.name.startswith("tables/upload/"))
    paper = next(part for part in parts if part.name.startswith("papers/"))
    manifest = parts[-1]
    forged = {
        "rows": [part for part in parts if part is not table],
        "files": [part for part in parts if part is not paper],
        "no manifest": parts[:-1],
        "behind its end": [*parts, paper],
        "is not as it was written": [Member(table.name, b"x", {}), manifest],
        "is not what was put there": [Member(paper.name, b"x", paper.about), manifest],
        "is not described": [Member("elsewhere/x", b"x", {}), manifest],
        "does not know": [Member("tables/other/1.gz", table.content, {}), *parts],
        "cannot be read": [Member(MANIFEST, b"{}", {})],
    }
    for words, listed in forged.items():
        path = tmp_path / f"forged{SUFFIX}"
        with written(path, [opener.to_public() for opener in openers]) as archive:
            for part in listed:
                archive.add(part.name, part.content, part.about)
        with pytest.raises(ArchiveError, match=words):
            checked(members(path, openers))


def test_what_is_no_backup_and_what_is_no_key_is_said_plainly(key: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    with other.open("wb") as file:
        pyrage.encrypt_io(io.BytesIO(b"hello" * 500_000), file, [identities(key)[0].to_public()])
    with pytest.raises(ArchiveError, match="is no backup of ours"):
        checked(members(other, identities(key)))
    with pytest.raises(ArchiveError, match="Cannot read"):
        checked(members(tmp_path / "nowhere", identities(key)))
    with pytest.raises(Refusal, match="holds no key of a backup"):
        identities(other)
    with pytest.raises(Refusal, match="Cannot write"):
        make_key(key)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def random_picture() -> bytes:
    """A photograph that does not shrink."""
    out = io.BytesIO()
    Image.frombytes("RGB", (400, 300), os.urandom(360_000)).save(out, "JPEG", quality=95)
    return out.getvalue()
