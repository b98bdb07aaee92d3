"""Documents that the tests make: real files, written by reportlab and Pillow."""

import string
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen import canvas

from tests import public_library

# The public library looks for detectron2 once, whichever test imports it first.
public_library.install()


@pytest.fixture(scope="session")
def draw_page() -> Callable[..., Image.Image]:
    """A white picture with lines of black text, large enough for OCR."""

    def draw(*lines: str, size: tuple[int, int] = (900, 400), mode: str = "RGB") -> Image.Image:
        image = Image.new("RGB", size, "white")
        pen, font = ImageDraw.Draw(image), ImageFont.load_default(36)
        for row, line in enumerate(lines):
            pen.text((40, 40 + 70 * row), line, fill="black", font=font)
        return image.convert(mode)

    return draw


@pytest.fixture(scope="session")
def make_pdf() -> Callable[..., bytes]:
    """The bytes of a PDF; a page is a list of lines, or a picture that fills it (a scan)."""

    def make(
        *pages: Sequence[str] | Image.Image,
        password: str | None = None,
        rotate: int = 0,
        size: tuple[float, float] = A4,
    ) -> bytes:
        target = BytesIO()
        paper = canvas.Canvas(target, pagesize=size, encrypt=password)
        for page in pages:
            if isinstance(page, Image.Image):
                picture = canvas.ImageReader(page)
                paper.drawImage(picture, 0, 0, width=size[0], height=size[1])
            else:
                paper.setFont("Helvetica", 12)
                for row, line in enumerate(page):
                    paper.drawString(72, size[1] - 72 - 20 * row, line)
            paper.showPage()
        paper.save()
        return rotated(target.getvalue(), rotate) if rotate else target.getvalue()

    def rotated(data: bytes, angle: int) -> bytes:
        document, target = pypdfium2.PdfDocument(data), BytesIO()
        for page in document:
            page.set_rotation(angle)
            page.close()
        document.save(target)
        document.close()
        return target.getvalue()

    return make


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, bytes], Path]:
    """Write a file into the test's own folder."""

    def put(name: str, data: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return put


@pytest.fixture(scope="session")
def encode() -> Callable[..., bytes]:
    """A picture as the bytes of an image file."""

    def to_bytes(image: Image.Image, kind: str, **options: object) -> bytes:
        target = BytesIO()
        image.save(target, kind, **options)
        return target.getvalue()

    return to_bytes


FIELDS = ("company", "date", "address", "total")


@pytest.fixture(scope="session")
def tiny_tagger(tmp_path_factory) -> Path:
    """The folder of a LayoutLMv2 token classifier with random weights, which tags in milliseconds.

    It reads windows of up to 64 subwords, and knows each letter and a few words.
    """
    import torch

    from pageloom.models import LayoutLMv2Config, LayoutLMv2ForTokenClassification
    from pageloom.processing import LayoutLMv2ImageProcessor, LayoutLMv2Tokenizer

    letters = string.ascii_lowercase + string.digits + string.punctuation
    words = ["total", "date", "due", "invoice", "thank", "you", "street", "shop", "page"]
    pieces = [*letters, *(f"##{letter}" for letter in letters), *words]
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocab = {piece: index for index, piece in enumerate(specials + pieces)}
    labels = ["O", *(f"{tag}-{field}" for field in FIELDS for tag in "BI")]
    config = LayoutLMv2Config(
        vocab_size=len(vocab),
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        coordinate_size=4,
        shape_size=4,
        image_feature_pool_shape=[7, 7, 8],
        id2label=dict(enumerate(labels)),
        initializer_range=0.5,  # far from zero, so that no two labels are ever nearly equal
        detectron2_config_args={
            "MODEL.RESNETS.DEPTH": 18,
            "MODEL.RESNETS.STEM_OUT_CHANNELS": 4,
            "MODEL.RESNETS.RES2_OUT_CHANNELS": 4,
            "MODEL.FPN.OUT_CHANNELS": 8,
            "MODEL.PIXEL_STD": [57.375, 57.12, 58.395],
        },
    )
    torch.manual_seed(5)
    folder = tmp_path_factory.mktemp("models") / "tiny-tagger"
    LayoutLMv2ForTokenClassification(config).initialise_all().save_pretrained(folder)
    LayoutLMv2Tokenizer(vocab, model_max_length=64).save_pretrained(folder)
    LayoutLMv2ImageProcessor(apply_ocr=False).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def documents(tmp_path_factory, make_pdf, draw_page):
    """A text-layer PDF, a scan, a PDF of three pages of which one is empty."""
    folder = tmp_path_factory.mktemp("documents")
    (folder / "invoice.pdf").write_bytes(
        make_pdf(["Corner Shop", "12 High Street", "2024-05-01", "Total due 12.50"])
    )
    draw_page("Thank you", "Total 7.80").save(folder / "receipt.png")
    long = ["total due 12.50 thank you"] * 30
    (folder / "pages.pdf").write_bytes(make_pdf(long, [], ["shop", "total 3.20"]))
    return [str(folder / name) for name in ("invoice.pdf", "receipt.png", "pages.pdf")]


@pytest.fixture(scope="session")
def tagger(tiny_tagger):
    """The component `layoutlmv2_tagger` with `tiny_tagger`, shared: change nothing of it."""
    from pageloom.pipes.layoutlmv2_tagger import LayoutLMv2Tagger
    from tests.tagged import SMALL

    return LayoutLMv2Tagger(model=str(tiny_tagger), **SMALL)
