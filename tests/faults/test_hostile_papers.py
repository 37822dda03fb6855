"""Files that are not what they seem: each is refused with its code, and what it does to a parser stays in the child."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import struct
import time
import zipfile
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pikepdf
import pillow_heif
import pytest
from PIL import Image

from backend.confinement import Limits, Overran, run_confined
from backend.documents.inspection.findings import REFUSAL_WORDS, Declared, Inspection, Outcome, Refusal
from backend.documents.inspection.inspector import MAX_PAGES, MAX_PIXELS, SCREEN_PIXELS, Inspector
from backend.documents.inspection.scanner import Clamd, NoScanner, ScannerUnavailable, scanner_at
from backend.documents.inspection.spool import Spooled, SpoolOverflow, spool
from backend.documents.inspection.watermark import watermark
from backend.documents.kinds import SIZE_LIMIT, Malware, MediaType

MIB = 1024 * 1024


async def inspected(
    tmp_path: Path, content: bytes, media_type: MediaType, inspector: Inspector | None = None
) -> Inspection:
    """The inspection of `content`, announced truthfully but for its type."""
    paper = await spool(pieces(content), tmp_path / "paper", SIZE_LIMIT)
    declared = Declared(media_type, len(content), hashlib.sha256(content).digest())
    return await (inspector or Inspector(NoScanner())).inspect(paper, declared)


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(content), 64 * 1024):
        yield content[at : at + 64 * 1024]


def photo(kind: str = "JPEG", size: tuple[int, int] = (640, 480), **options: object) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(out, kind, **options)
    return out.getvalue()


def heic(size: tuple[int, int] = (320, 240)) -> bytes:
    out = io.BytesIO()
    pillow_heif.from_pillow(Image.linear_gradient("L").resize(size).convert("RGB")).save(out)
    return out.getvalue()


def pdf(change: Callable[[pikepdf.Pdf], None] | None = None, pages: int = 1, **options: object) -> bytes:
    document = pikepdf.new()
    for _ in range(pages):
        document.add_blank_page(page_size=(595, 842))
    if change:
        change(document)
    out = io.BytesIO()
    document.save(out, **options)  # type: ignore[arg-type]
    return out.getvalue()


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as box:
        box.writestr("index.html", "<script>1</script>")
    return out.getvalue()


def png_bomb(width: int, height: int) -> bytes:
    """A well-formed PNG of one colour that takes width × height bytes once it is decoded, and a few here."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    packer = zlib.compressobj(9)
    line = bytes(width + 1)
    body = b"".join(packer.compress(line) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


class TestHonestPapers:
    @pytest.mark.parametrize(
        ("content", "media_type", "shape"),
        [
            (photo(), MediaType.JPEG, (1, 640, 480)),
            (photo("PNG"), MediaType.PNG, (1, 640, 480)),
            (heic(), MediaType.HEIC, (1, 320, 240)),
            (pdf(pages=2), MediaType.PDF, (2, 0, 0)),
        ],
        ids=["jpeg", "png", "heic", "pdf"],
    )
    async def test_are_checked_and_drawn(
        self, tmp_path: Path, content: bytes, media_type: MediaType, shape: tuple[int, int, int]
    ) -> None:
        found = await inspected(tmp_path, content, media_type)
        assert (found.outcome, found.refusal, found.detected_type) == (Outcome.CHECKED, None, media_type)
        assert (found.pages, found.width, found.height) == shape
        assert (found.sha256, found.size) == (hashlib.sha256(content).digest(), len(content))
        assert found.malware is Malware.NOT_SCANNED
        assert found.rendition is not None
        with Image.open(io.BytesIO(found.rendition)) as drawn:
            assert drawn.format == "JPEG"

    async def test_lose_their_place_and_stand_upright(self, tmp_path: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6  # held sideways
        exif[0x010F] = "Camera of somebody"
        exif.get_ifd(0x8825)[1] = "N"
        exif.get_ifd(0x8825)[2] = (36.0, 11.0, 42.0)
        found = await inspected(tmp_path, photo(size=(3200, 2400), exif=exif), MediaType.JPEG)
        assert found.rendition is not None
        assert b"Camera" not in found.rendition and b"Exif" not in found.rendition
        with Image.open(io.BytesIO(found.rendition)) as drawn:
            assert drawn.size == (1200, SCREEN_PIXELS)
            assert not drawn.getexif()

    async def test_show_only_their_first_pages(self, tmp_path: Path) -> None:
        found = await inspected(tmp_path, pdf(pages=5), MediaType.PDF)
        assert found.pages == 5 and found.rendition is not None
        with Image.open(io.BytesIO(found.rendition)) as drawn:
            assert drawn.height == pytest.approx(3 * SCREEN_PIXELS, abs=3)

    async def test_may_open_at_a_page(self, tmp_path: Path) -> None:
        def open_at(document: pikepdf.Pdf) -> None:
            document.Root.OpenAction = pikepdf.Array([document.pages[0].obj, pikepdf.Name.Fit])

        assert (await inspected(tmp_path, pdf(open_at), MediaType.PDF)).outcome is Outcome.CHECKED

    async def test_may_carry_a_second_picture_as_phones_do(self, tmp_path: Path) -> None:
        moving = photo() + heic()
        assert (await inspected(tmp_path, moving, MediaType.JPEG)).outcome is Outcome.CHECKED

    async def test_of_the_largest_camera_fit_the_limits(self, tmp_path: Path) -> None:
        found = await inspected(tmp_path, photo(size=(8064, 6048)), MediaType.JPEG)
        assert (found.outcome, found.width) == (Outcome.CHECKED, 8064)


class TestWhatWasAnnounced:
    @pytest.mark.parametrize(
        ("size", "digest", "refusal"),
        [(1, None, Refusal.SIZE_DIFFERS), (None, bytes(32), Refusal.CHECKSUM_DIFFERS)],
        ids=["size", "checksum"],
    )
    async def test_must_be_what_came(
        self, tmp_path: Path, size: int | None, digest: bytes | None, refusal: Refusal
    ) -> None:
        content = photo()
        paper = await spool(pieces(content), tmp_path / "paper", SIZE_LIMIT)
        declared = Declared(MediaType.JPEG, size or len(content), digest or hashlib.sha256(content).digest())
        assert (await Inspector(NoScanner()).inspect(paper, declared)).refusal is refusal

    async def test_nothing_is_no_paper(self, tmp_path: Path) -> None:
        assert (await inspected(tmp_path, b"", MediaType.PDF)).refusal is Refusal.EMPTY

    async def test_21_mb_never_reach_the_disk_whole(self, tmp_path: Path) -> None:
        with pytest.raises(SpoolOverflow):
            await spool(pieces(bytes(21 * MIB)), tmp_path / "paper", SIZE_LIMIT)
        assert list(tmp_path.iterdir()) == []

    async def test_21_mb_are_refused_however_they_came(self, tmp_path: Path) -> None:
        paper = Spooled(tmp_path / "paper", 21 * MIB, bytes(32))
        found = await Inspector(NoScanner()).inspect(paper, Declared(MediaType.PDF, 21 * MIB, bytes(32)))
        assert found.refusal is Refusal.TOO_LARGE

    @pytest.mark.parametrize("media_type", list(MediaType))
    async def test_a_renamed_program_is_none_of_them(self, tmp_path: Path, media_type: MediaType) -> None:
        found = await inspected(tmp_path, b"MZ\x90\x00" + bytes(60) + b"PE\0\0" + os.urandom(2048), media_type)
        assert (found.outcome, found.refusal) == (Outcome.REFUSED, Refusal.UNKNOWN_TYPE)
        assert found.rendition is None and len(found.detected_type) <= 20

    async def test_another_picture_type_is_told_apart(self, tmp_path: Path) -> None:
        found = await inspected(tmp_path, photo("PNG"), MediaType.JPEG)
        assert (found.refusal, found.detected_type) == (Refusal.TYPE_DIFFERS, "image/png")

    async def test_bytes_before_the_header_are_not_skipped(self, tmp_path: Path) -> None:
        assert (await inspected(tmp_path, b"\n" + pdf(), MediaType.PDF)).refusal is Refusal.UNKNOWN_TYPE


class TestTwoFilesInOne:
    @pytest.mark.parametrize(
        ("content", "media_type"),
        [
            (photo("PNG") + archive(), MediaType.PNG),
            (photo() + archive(), MediaType.JPEG),
            (heic() + archive(), MediaType.HEIC),
            (pdf() + archive(), MediaType.PDF),
            (photo("PNG") + b"<html><script>1</script>", MediaType.PNG),
            (heic() + b"<html><script>1</script>", MediaType.HEIC),
            (pdf() + b"<html><script>1</script>", MediaType.PDF),
            (photo(comment=pdf()[:200]), MediaType.JPEG),
        ],
        ids=["png-zip", "jpeg-zip", "heic-zip", "pdf-zip", "png-html", "heic-html", "pdf-html", "jpeg-pdf"],
    )
    async def test_are_refused(self, tmp_path: Path, content: bytes, media_type: MediaType) -> None:
        assert (await inspected(tmp_path, content, media_type)).refusal is Refusal.HIDDEN_CONTENT


def script(document: pikepdf.Pdf) -> None:
    document.Root.Names = pikepdf.Dictionary(
        JavaScript=pikepdf.Dictionary(
            Names=pikepdf.Array(["x", pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")])
        )
    )


def opening_script(document: pikepdf.Pdf) -> None:
    document.Root.OpenAction = document.make_indirect(pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)"))


def opening_link(document: pikepdf.Pdf) -> None:
    document.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.URI, URI="https://example.org/")


def launch(document: pikepdf.Pdf) -> None:
    note = pikepdf.Dictionary(
        Type=pikepdf.Name.Annot,
        Subtype=pikepdf.Name.Link,
        Rect=pikepdf.Array([0, 0, 9, 9]),
        A=pikepdf.Dictionary(S=pikepdf.Name.Launch, F="calc.exe"),
    )
    document.pages[0].Annots = pikepdf.Array([note])


def page_trigger(document: pikepdf.Pdf) -> None:
    document.pages[0].AA = pikepdf.Dictionary(O=pikepdf.Dictionary(S=pikepdf.Name.GoTo))


def nested(document: pikepdf.Pdf) -> None:
    deep = pikepdf.Dictionary()
    for _ in range(60):
        deep = pikepdf.Dictionary(Kid=deep)
    document.Root.Deep = deep


def attachment(document: pikepdf.Pdf) -> None:
    document.attachments["list.exe"] = pikepdf.AttachedFileSpec(document, b"MZ")


def encrypted(owner: str, user: str) -> bytes:
    return pdf(encryption=pikepdf.Encryption(owner=owner, user=user))


class TestPdf:
    @pytest.mark.parametrize(
        ("content", "refusal"),
        [
            (pdf(script), Refusal.ACTIVE_CONTENT),
            (pdf(opening_script), Refusal.ACTIVE_CONTENT),
            (pdf(opening_link), Refusal.ACTIVE_CONTENT),
            (pdf(launch), Refusal.ACTIVE_CONTENT),
            (pdf(launch, object_stream_mode=pikepdf.ObjectStreamMode.generate), Refusal.ACTIVE_CONTENT),
            (pdf(page_trigger), Refusal.ACTIVE_CONTENT),
            (pdf(nested), Refusal.ACTIVE_CONTENT),
            (pdf(attachment), Refusal.ATTACHMENTS),
            (encrypted("owner", "user"), Refusal.ENCRYPTED),
            (encrypted("owner", ""), Refusal.ENCRYPTED),
            (pdf(pages=MAX_PAGES + 1), Refusal.TOO_MANY_PAGES),
            (pdf(pages=0), Refusal.DAMAGED),
            (b"%PDF-1.7\n" + bytes(500), Refusal.DAMAGED),
        ],
        ids=[
            "script",
            "opening-script",
            "opening-link",
            "launch",
            "launch-in-object-stream",
            "page-trigger",
            "nested",
            "attachment",
            "password",
            "owner-password",
            "61-pages",
            "no-page",
            "nothing-in-it",
        ],
    )
    async def test_is_refused(self, tmp_path: Path, content: bytes, refusal: Refusal) -> None:
        found = await inspected(tmp_path, content, MediaType.PDF)
        assert (found.outcome, found.refusal, found.rendition) == (Outcome.REFUSED, refusal, None)

    async def test_60_pages_pass(self, tmp_path: Path) -> None:
        assert (await inspected(tmp_path, pdf(pages=MAX_PAGES), MediaType.PDF)).pages == MAX_PAGES

    async def test_a_page_of_any_size_is_drawn_to_the_screen(self, tmp_path: Path) -> None:
        def stretch(document: pikepdf.Pdf) -> None:
            document.pages[0].MediaBox = pikepdf.Array([0, 0, 14400, 3])

        found = await inspected(tmp_path, pdf(stretch), MediaType.PDF)
        assert found.rendition is not None
        with Image.open(io.BytesIO(found.rendition)) as drawn:
            assert max(drawn.size) <= SCREEN_PIXELS + 1


class TestPictures:
    @pytest.mark.parametrize("kind", ["JPEG", "PNG"])
    async def test_cut_short_is_damaged(self, tmp_path: Path, kind: str) -> None:
        whole = photo(kind, size=(1200, 900))
        found = await inspected(tmp_path, whole[: len(whole) // 2], MediaType(f"image/{kind.lower()}"))
        assert found.refusal is Refusal.DAMAGED

    async def test_cut_heic_is_refused(self, tmp_path: Path) -> None:
        whole = heic((1200, 900))
        found = await inspected(tmp_path, whole[: len(whole) // 2], MediaType.HEIC)
        assert found.refusal in (Refusal.DAMAGED, Refusal.HIDDEN_CONTENT)

    async def test_a_bomb_is_not_decoded(self, tmp_path: Path) -> None:
        bomb = png_bomb(30_000, 30_000)
        assert len(bomb) < MIB < MAX_PIXELS < 30_000**2
        started = time.monotonic()
        assert (await inspected(tmp_path, bomb, MediaType.PNG)).refusal is Refusal.TOO_MANY_PIXELS
        assert time.monotonic() - started < 5


class TestConfinement:
    """The child as such, with scripts that stand for a parser that a file has taken over."""

    def child(self, tmp_path: Path, body: str) -> Path:
        path = tmp_path / "child.py"
        path.write_text(body)
        return path

    @pytest.mark.parametrize(
        "body",
        [
            "import time\ntime.sleep(60)",
            "while True: pass",
            "held = bytearray(4 * 1024**3)",
            "import sys\nwhile True: sys.stdout.buffer.write(bytes(65536))",
            "import os\nos.kill(os.getpid(), 11)",
            "import os, time\nos.fork()\ntime.sleep(60)",
        ],
        ids=["hangs", "burns", "allocates", "floods", "crashes", "forks"],
    )
    async def test_ends_at_its_limits(self, tmp_path: Path, body: str) -> None:
        limits = Limits(wall_s=2.0, cpu_s=1, memory=512 * MIB, answer=MIB)
        inspector = Inspector(NoScanner(), limits, self.child(tmp_path, body))
        started = time.monotonic()
        found = await inspected(tmp_path, photo(), MediaType.JPEG, inspector)
        assert (found.outcome, found.refusal) == (Outcome.REFUSED, Refusal.TOO_COSTLY)
        assert time.monotonic() - started < 4
        assert not processes_of(tmp_path / "child.py")

    @pytest.mark.parametrize(
        "said",
        ["", "nonsense", "{}", '{"refusal": "unheard_of"}', '{"pages": 1, "width": 1, "height": 1}\n<html>', "[]"],
    )
    async def test_is_not_believed_blindly(self, tmp_path: Path, said: str) -> None:
        inspector = Inspector(NoScanner(), Limits(), self.child(tmp_path, f"print({said!r})"))
        found = await inspected(tmp_path, photo(), MediaType.JPEG, inspector)
        assert (found.refusal, found.rendition) == (Refusal.TOO_COSTLY, None)

    async def test_holds_nothing_and_writes_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NIANGJIA_S3_SECRET_KEY", "secret")
        body = "import os, sys\nprint(sorted(os.environ), [m for m in sys.modules if 'backend' in m], os.getcwd())"
        said = (await run_confined(self.child(tmp_path, body), [], Limits())).decode()
        assert "NIANGJIA" not in said and "backend" not in said and said.rstrip().endswith("/")
        left = tmp_path / "left"
        writes = self.child(tmp_path, f"with open({str(left)!r}, 'w') as file: file.write('x')")
        with pytest.raises(Overran):
            await run_confined(writes, [], Limits())
        assert left.stat().st_size == 0

    async def test_is_killed_with_its_caller(self, tmp_path: Path) -> None:
        path = self.child(tmp_path, "import time\ntime.sleep(60)")
        waiting = asyncio.create_task(run_confined(path, [], Limits()))
        while not processes_of(path):
            await asyncio.sleep(0.02)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not processes_of(path)


def processes_of(script: Path) -> list[int]:
    """Living processes that were started with this script."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if str(script).encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


class TestScanner:
    """The client against a clamd that answers as told; the protocol is checked on the way."""

    @pytest.mark.parametrize(
        ("answer", "malware", "refusal"),
        [
            (b"stream: OK\0", Malware.CLEAN, None),
            (b"stream: Eicar-Signature FOUND\0", Malware.FOUND, Refusal.MALWARE),
        ],
    )
    async def test_tells_clean_from_found(
        self, tmp_path: Path, answer: bytes, malware: Malware, refusal: Refusal | None
    ) -> None:
        received = bytearray()

        async def clamd(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert await reader.readexactly(10) == b"zINSTREAM\0"
            while length := int.from_bytes(await reader.readexactly(4)):
                received.extend(await reader.readexactly(length))
            writer.write(answer)
            writer.close()

        socket = str(tmp_path / "clamd")
        async with await asyncio.start_unix_server(clamd, socket):
            content = photo(size=(1600, 1600))
            found = await inspected(tmp_path, content, MediaType.JPEG, Inspector(Clamd(socket)))
        assert bytes(received) == content
        assert (found.malware, found.refusal) == (malware, refusal)
        assert (found.rendition is None) is (malware is Malware.FOUND)

    @pytest.mark.parametrize("answer", [b"", b"INSTREAM size limit exceeded. ERROR\0", b"stream: x ERROR\0", None])
    async def test_no_verdict_is_not_clean(self, tmp_path: Path, answer: bytes | None) -> None:
        async def clamd(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if answer is None:
                await asyncio.sleep(3)
            writer.write(answer or b"")
            writer.close()

        server = await asyncio.start_server(clamd, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            with pytest.raises(ScannerUnavailable):
                await inspected(tmp_path, photo(), MediaType.JPEG, Inspector(Clamd(f"127.0.0.1:{port}", limit_s=0.5)))

    async def test_a_dead_scanner_is_not_clean(self, tmp_path: Path) -> None:
        with pytest.raises(ScannerUnavailable):
            await inspected(tmp_path, photo(), MediaType.JPEG, Inspector(Clamd(str(tmp_path / "nobody"))))

    async def test_without_an_address_nothing_is_claimed(self, tmp_path: Path) -> None:
        found = await inspected(tmp_path, photo(), MediaType.JPEG, Inspector(scanner_at(None)))
        assert (found.outcome, found.malware) == (Outcome.CHECKED, Malware.NOT_SCANNED)


class TestWatermark:
    @pytest.mark.parametrize("size", [(1600, 1200), (1132, 4800), (20, 20)])
    def test_reaches_every_part(self, size: tuple[int, int]) -> None:
        plain = Image.new("RGB", size, "white")
        out = io.BytesIO()
        plain.save(out, "JPEG")
        with Image.open(io.BytesIO(watermark(out.getvalue(), "王晓明 2026-11-24 12:20 核验"))) as marked:
            assert marked.size == size
            grey = marked.convert("L")
        if min(size) < 400:
            return
        for left in range(0, size[0] - 399, 400):
            for top in range(0, size[1] - 399, 400):
                darkest, _ = grey.crop((left, top, left + 400, top + 400)).getextrema()
                assert isinstance(darkest, int | float) and darkest < 200

    def test_without_a_chinese_font_still_tells(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("backend.documents.inspection.watermark._chinese_face", lambda: None)
        assert watermark(photo(), "王 A") != watermark(photo(), "李 A")


def test_every_refusal_has_its_words() -> None:
    assert set(REFUSAL_WORDS) == set(Refusal)
    assert all(words.zh and words.en for words in REFUSAL_WORDS.values())
    assert all(len(refusal) <= 40 for refusal in Refusal)
