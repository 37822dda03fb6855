"""What others than the owner open tells of no place, time or camera, and shows the very same picture."""

from __future__ import annotations

import io
from pathlib import Path

import pikepdf
import pillow_heif
import pytest
from PIL import Image, ImageChops, ImageCms, ImageOps
from PIL.PngImagePlugin import PngInfo

from backend.confinement import Limits
from backend.documents.inspection.findings import Inspection, Outcome, Refusal
from backend.documents.inspection.inspector import Inspector
from backend.documents.inspection.scanner import NoScanner
from backend.documents.kinds import MediaType
from tests.faults.test_hostile_papers import inspected, pdf

CAMERA = b"Camera of somebody"
PLACE = b"exif:GPSLatitude"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" exif:GPSLatitude="36,11.7N"/>'


def scene() -> Image.Image:
    """A picture on which a turn or another colour is seen."""
    out = Image.linear_gradient("L").resize((320, 200)).convert("RGB")
    out.paste((200, 30, 30), (10, 20, 90, 60))
    return out


def exif(orientation: int = 6) -> Image.Exif:
    out = Image.Exif()
    out[0x0112] = orientation
    out[0x010F] = CAMERA.decode()
    out.get_ifd(0x8825)[1] = "N"
    out.get_ifd(0x8825)[2] = (36.0, 11.0, 42.0)
    return out


PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def jpeg(**options: object) -> bytes:
    out = io.BytesIO()
    told: dict[str, object] = {"exif": exif(), "xmp": XMP, "comment": CAMERA, "icc_profile": PROFILE}
    scene().save(out, "JPEG", **told | options)
    return out.getvalue()


def png() -> bytes:
    words = PngInfo()
    words.add_text("Comment", CAMERA.decode())
    words.add_itxt("XML:com.adobe.xmp", XMP.decode())
    out = io.BytesIO()
    scene().save(out, "PNG", exif=exif(), pnginfo=words, icc_profile=PROFILE)
    return out.getvalue()


def heic() -> bytes:
    out = io.BytesIO()
    pillow_heif.from_pillow(scene()).save(out, exif=exif(1).tobytes(), xmp=XMP)
    return out.getvalue()


def with_photograph(document: pikepdf.Pdf) -> None:
    image = pikepdf.Stream(
        document,
        jpeg(),
        Type=pikepdf.Name.XObject,
        Subtype=pikepdf.Name.Image,
        Width=320,
        Height=200,
        ColorSpace=pikepdf.Name.DeviceRGB,
        BitsPerComponent=8,
        Filter=pikepdf.Name.DCTDecode,
    )
    page = document.pages[0]
    page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=document.make_indirect(image)))
    page.Contents = document.make_stream(b"q 320 0 0 200 0 0 cm /Im0 Do Q")
    described = pikepdf.Stream(document, XMP, Type=pikepdf.Name.Metadata, Subtype=pikepdf.Name.XML)
    document.Root.Metadata = document.make_indirect(described)


def upright(content: bytes) -> Image.Image:
    with Image.open(io.BytesIO(content)) as image:
        return ImageOps.exif_transpose(image).convert("RGB")


def tells_nothing(copy: bytes) -> bool:
    with Image.open(io.BytesIO(copy)) as image:
        told = set(image.getexif()) - {0x0112}
        return not told and not image.getexif().get_ifd(0x8825) and CAMERA not in copy and PLACE not in copy


async def shared(tmp_path: Path, content: bytes, media_type: MediaType) -> tuple[bytes, str]:
    found = await inspected(tmp_path, content, media_type)
    assert found.outcome is Outcome.CHECKED
    assert found.shared is not None
    return found.shared, found.shared_type


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (jpeg(), MediaType.JPEG),
        (jpeg(progressive=True), MediaType.JPEG),
        (jpeg(restart_marker_blocks=2, quality=100), MediaType.JPEG),
        (png(), MediaType.PNG),
    ],
    ids=["jpeg", "progressive", "with restarts", "png"],
)
async def test_a_photograph_keeps_its_pixels_and_how_it_is_held(
    tmp_path: Path, content: bytes, media_type: MediaType
) -> None:
    assert CAMERA in content and PLACE in content
    copy, copy_type = await shared(tmp_path, content, media_type)
    assert copy_type == media_type
    assert tells_nothing(copy)
    before, after = upright(content), upright(copy)
    assert after.size == (200, 320)
    assert ImageChops.difference(before, after).getbbox() is None
    with Image.open(io.BytesIO(copy)) as image:
        assert image.info["icc_profile"] == PROFILE


async def test_a_heic_becomes_a_jpeg_of_full_size_that_browsers_show(tmp_path: Path) -> None:
    content = heic()
    assert CAMERA in content and PLACE in content
    copy, copy_type = await shared(tmp_path, content, MediaType.HEIC)
    assert copy_type == MediaType.JPEG
    assert tells_nothing(copy)
    after = upright(copy)
    assert after.size == (320, 200)
    red, green, _ = after.crop((50, 40, 51, 41)).tobytes()
    assert red > 150 and green < 80


async def test_what_a_phone_puts_behind_a_photograph_is_left_out(tmp_path: Path) -> None:
    copy, _ = await shared(tmp_path, jpeg() + heic() + jpeg(), MediaType.JPEG)
    assert tells_nothing(copy)
    assert copy.endswith(b"\xff\xd9") and copy.count(b"\xff\xd8\xff") == 1


async def test_a_pdf_loses_the_places_of_its_photographs_and_looks_the_same(tmp_path: Path) -> None:
    content = pdf(with_photograph)
    found = await inspected(tmp_path, content, MediaType.PDF)
    assert found.shared is not None
    assert CAMERA in content and found.shared_type == MediaType.PDF
    with pikepdf.open(io.BytesIO(found.shared)) as document:
        (photograph,) = [thing for thing in document.objects if thing.get("/Subtype") == pikepdf.Name.Image]
        assert tells_nothing(photograph.read_raw_bytes())
        assert not any(
            PLACE in thing.read_bytes() for thing in document.objects if thing.get("/Type") == pikepdf.Name.Metadata
        )
    (tmp_path / "paper").unlink()
    again = await inspected(tmp_path, found.shared, MediaType.PDF)
    assert again.rendition == found.rendition


@pytest.mark.parametrize("content", [pdf(pages=3), pdf()], ids=["three pages", "one page"])
async def test_a_pdf_that_tells_nothing_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    assert await shared(tmp_path, content, MediaType.PDF) == (content, MediaType.PDF)


async def test_a_file_of_which_no_copy_can_be_made_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = tmp_path / "child.py"
    child.write_text("print('image/jpeg')")
    monkeypatch.setattr("backend.documents.inspection.inspector.SHAREABLE", child)
    found: Inspection = await inspected(tmp_path, jpeg(), MediaType.JPEG, Inspector(NoScanner(), Limits()))
    assert (found.outcome, found.refusal) == (Outcome.REFUSED, Refusal.TOO_COSTLY)
    assert found.rendition is None and found.shared is None
